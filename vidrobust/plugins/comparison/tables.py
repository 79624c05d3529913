"""The table of pipelines, declared in files beside this one."""

from vidrobust.tables.table import declared

TABLES = declared(__file__)
