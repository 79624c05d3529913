"""Studies of a value: gauge R&R crossed, nested and unbalanced, type 1, linearity, stability, uncertainty."""
