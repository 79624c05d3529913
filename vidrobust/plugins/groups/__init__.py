"""Groups by any column of the manifest: shifts, stations, lamps, products."""
