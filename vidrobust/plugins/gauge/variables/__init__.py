"""Studies of a value: gauge R&R, type 1, linearity, stability, uncertainty."""
