"""The run folder: settings, records, tables, cache and gates."""
