"""Readers of annotation files, one format a module; ``formats.FORMATS`` lists them."""
