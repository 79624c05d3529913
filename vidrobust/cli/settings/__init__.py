"""Options that are settings, a module a group of the help."""
