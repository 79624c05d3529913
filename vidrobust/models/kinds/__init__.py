"""The kinds of models, a file each, with its loader and KIND record."""
