"""A rule of the remedies as a Python class to take away, with its numbers as TOML."""
