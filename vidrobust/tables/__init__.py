"""The tables of a run: declared, checked, written and read."""
