"""The table of a first look, declared in files beside this one."""

from vidrobust.tables.table import declared

# What each change speaks of, in the order of the table.
PARTS = {"batch": "model", "engine": "model", "conversion": "decoder", "pixel": "resize"}
TABLES = declared(__file__)
