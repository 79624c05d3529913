"""The reference page of all tables; the documentation build writes it from their declarations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vidrobust.tables.schema import TABLES
from vidrobust.tables.table import Extra, Table

HEAD = """# Tables

This page is generated from the table declarations. `python docs/tables_page.py` prints it. Each table is
`NAME.parquet` in the [run folder](../run-folder.md). The Parquet schema carries the unit and description of each
column as metadata. Writing or reading an undeclared column fails. Frames are numbered as decoded, from 0. A
missing number is NaN, with n = 0.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(
        [HEAD, *_overview(), *(line for table in TABLES.values() for line in _section(table))]
    )


def _overview() -> Iterator[str]:
    yield from ("| table | from | a row is |", "|---|---|---|")
    for table in TABLES.values():
        yield f"| [`{table.name}`](#{table.name}) | {_stage(table)} | {_cell(table.row)} |"
    yield ""


def _stage(table: Table) -> str:
    return "the sources" if table.stage == "sources" else f"`{table.stage}`"


def _section(table: Table) -> Iterator[str]:
    yield f"## {table.name}\n"
    same = _same_as(table)
    if same:
        yield f"{_sentence(table.row)} Columns as of [`{same}`](#{same}).\n"
        return
    more = "" if table.extra is Extra.NONE else f" Besides these it may hold {table.extra}."
    yield f"A row is {table.row}.{more}\n"
    yield from ("| column | dtype | unit | |", "|---|---|---|---|")
    for column in table.columns:
        yield f"| `{column.name}` | {column.kind} | {_cell(column.unit)} | {_cell(column.sentence)} |"
    yield ""


def _same_as(table: Table) -> str:
    """The earlier table whose columns it has; "" where none has them."""
    names = list(TABLES)
    earlier = (TABLES[name] for name in names[: names.index(table.name)])
    return next((other.name for other in earlier if other.columns is table.columns), "")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> None:
    """Write the page to the file that is named, or print it."""
    if arguments:
        Path(arguments[0]).write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
