"""CSV: the metrics, the account, every flip, and what every frame was called, for a spreadsheet or R."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vidrobust.files.atomic import csv_text
from vidrobust.finished_runs.exports.catalogue import Exported, Format, save
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_clip import flips_of

# Tables of the run and the names of their files; their columns are those of the declared tables.
TABLES = {
    "stability": "metrics",
    "stability_by": "metrics_by",
    "account": "account",
    "frames": "frames",
    "detections": "boxes",
    "tracks": "tracks",
}


def write(run: RunTables, out: Path) -> Exported:
    """Write a file a table that has rows, and flips.csv."""
    tables, missing = tables_of(run)
    return Exported(
        tuple(save(out / f"{name}.csv", csv_text(table)) for name, table in tables.items()),
        (f"Not written (empty): {', '.join(missing)}",) if missing else (),
    )


def tables_of(run: RunTables) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the tables of a run by the names of their files, and the names of those without rows."""
    by_name = {name: run.table(table) for table, name in TABLES.items()}
    tables: dict[str, pd.DataFrame] = {
        name: table for name, table in by_name.items() if table is not None
    }
    tables["flips"] = flips_of(run)
    return tables, [name for name, table in by_name.items() if table is None]


CSV = Format(
    name="csv",
    what="metrics, account, flips, frames and boxes as tables",
    opened_by="any spreadsheet, R",
    write=write,
)
