"""Studies from Python."""
