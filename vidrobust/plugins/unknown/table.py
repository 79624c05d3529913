"""Tables of how far footage lies from what a network was trained for, declared in files beside this one."""

from vidrobust.tables.table import declared

TABLES = declared(__file__)
