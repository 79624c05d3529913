"""Excel: the tables of ``--to csv`` as the sheets of one workbook."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.files.names import readable_name
from vidrobust.finished_runs.exports.catalogue import Exported, Format, library
from vidrobust.finished_runs.exports.csv import tables_of
from vidrobust.run_folder.reader import RunTables

MOST_ROWS = 1_048_575  # of a sheet of Excel, below its heading
FILE = "run.xlsx"


def write(run: RunTables, out: Path) -> Exported:
    """Write ``run.xlsx``; rows that a sheet cannot hold are left out and counted."""
    tables, missing = tables_of(run)
    notes = [f"Not written (empty): {', '.join(missing)}"] if missing else []
    for name, table in tables.items():
        if len(table) > MOST_ROWS:
            notes.append(f"{name}: the first {MOST_ROWS} of {len(table)} rows; --to csv has all")
    return Exported((save_workbook(tables, out / FILE),), tuple(notes))


def save_workbook(tables: dict[str, pd.DataFrame], path: Path) -> Path:
    """Write tables as sheets of a workbook with frozen headings; text stays text, also where it begins with "="."""
    library("openpyxl", "excel")
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    beside = path.with_name(f"{path.stem}.part.xlsx")
    try:
        with pd.ExcelWriter(beside, engine="openpyxl") as book:
            for name, table in tables.items():
                texts = table.head(MOST_ROWS).copy()
                for column in texts.columns[texts.dtypes.map(pd.api.types.is_string_dtype)]:
                    # control characters in names are none of XML
                    texts[column] = [
                        ILLEGAL_CHARACTERS_RE.sub("", value) if isinstance(value, str) else value
                        for value in texts[column]
                    ]
                sheet = readable_name(name)[:31]
                texts.to_excel(book, sheet_name=sheet, index=False, freeze_panes=(1, 0))
                for cells in book.sheets[sheet].iter_rows(min_row=2):
                    for cell in cells:
                        # a name is never a formula
                        if cell.data_type == "f":
                            cell.data_type = "s"
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    return path


EXCEL = Format(
    name="excel",
    what="metrics, account, flips, frames and boxes as sheets of one workbook",
    opened_by="Excel, LibreOffice",
    write=write,
)
