"""Readers of annotation files, one format a module; ``formats.FORMATS`` is the table of them."""
