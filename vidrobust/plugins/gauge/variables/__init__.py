"""Studies of a value: gauge R&R."""
