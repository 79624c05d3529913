"""The history of a line: its runs in one file, control charts, and recordings as they arrive."""
