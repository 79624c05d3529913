"""Programs that compute a network: what there is, which is fastest here, and whether it says the same."""
