"""The run folder: the schema of its tables, its files, its cache of units, its headline."""
