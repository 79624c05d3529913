"""A finished run as files of other programs; a module a format, a record each."""
