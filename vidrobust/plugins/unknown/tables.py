"""The tables of ``unknown``, declared in files beside this one."""

from vidrobust.tables.table import declared

TABLES = declared(__file__)
