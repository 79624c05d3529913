"""The tables of answers to corrected footage, declared in files beside this one."""

from vidrobust.tables.table import declared

TABLES = declared(__file__)
