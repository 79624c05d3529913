"""A finished run as files of other programs, without those programs; a module a format, a record each."""
