"""The run folder and the order of the whole."""
