"""A finished run as files of other programs."""
