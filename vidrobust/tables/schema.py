"""Every result table by name; columns are checked when tables are written and read.

The core's tables are declared in ``tables.csv`` and ``columns.csv`` beside this file (``declared`` says how).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from vidrobust.errors import InputError, in_plain_words
from vidrobust.extensions import extensions
from vidrobust.tables.table import Extra, Table, declared
from vidrobust.text.phrases import nouns

GROUP = "vidrobust.tables"  # group of entry points in which a package names a Table, or several

# What the tables of a detector's second account begin with: where its boxes lie, measured motion taken off.
PLACE = "place_"
OF_PLACES = ("causes", "candidate_fits", "account", "account_by", "named")


def _own() -> dict[str, Table]:
    by_name = {table.name: table for table in declared(__file__)}
    for of in OF_PLACES:
        about = f"the same as {of}, of where a detector's boxes lie"
        by_name[PLACE + of] = replace(by_name[of], name=PLACE + of, row=about)
    return by_name


_OWN = _own()
PROVIDED = extensions(GROUP, Table, lambda table: table.name, _OWN)
TABLES: Mapping[str, Table] = MappingProxyType(
    _OWN | {table.name: table for table in PROVIDED.records}
)

SCALES = ("adjacent", "second", "clip")


class UndeclaredColumnError(InputError):
    """A table has a column that its schema does not declare."""


def empty(name: str) -> pd.DataFrame:
    return _empty(name).copy()


@cache
def _empty(name: str) -> pd.DataFrame:
    return pd.DataFrame(
        {column.name: pd.Series(dtype=column.dtype) for column in TABLES[name].columns}
    )


def joined(name: str, parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the parts of a table one below the other."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else empty(name)


def of_rows(name: str, rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    return check(name, pd.DataFrame(rows) if rows else empty(name))


def check(
    name: str, table: pd.DataFrame, where: str = "", *, metrics: Collection[str] = ()
) -> pd.DataFrame:
    """Return a table with its columns in order and in their dtypes, and allowed further columns behind them.

    ``metrics`` are columns of plugins. InputError names missing or wrong columns, UndeclaredColumnError
    undeclared ones.
    """
    declared = TABLES[name]
    place = f"{where}: " if where else ""
    missing = [c.name for c in declared.columns if c.absent is None and c.name not in table.columns]
    if missing:
        raise InputError(
            f"{place}the {name} table lacks the {nouns('column', missing)}; "
            f"it needs {', '.join(c.name for c in declared.columns if c.absent is None)}"
        )
    more = [column for column in table.columns if column not in declared]
    _refuse_undeclared(declared, more, place, metrics)
    absent = {c.name: c.absent for c in declared.columns if c.name not in table.columns}
    table = (table.assign(**absent) if absent else table)[[*declared.names, *more]].copy()
    dtypes = table.dtypes.to_dict()
    for column in (c for c in declared.columns if dtypes[c.name] != c.dtype):
        try:
            table[column.name] = table[column.name].astype(column.dtype)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{place}column {column.name} of the {name} table does not hold {column.kind} values: {error}"
            ) from error
    return table.reset_index(drop=True)


def _refuse_undeclared(
    table: Table, more: Collection[str], place: str, metrics: Collection[str]
) -> None:
    if table.extra in (Extra.MANIFEST, Extra.ANNOTATIONS):
        return
    unknown = [
        str(column) for column in more if table.extra is not Extra.METRICS or column not in metrics
    ]
    if unknown:
        metric = ", or of a metric whose package is not installed here" * (
            table.extra is Extra.METRICS
        )
        raise UndeclaredColumnError(
            f"{place}the {table.name} table has the {nouns('column', unknown)}, which no declaration in "
            f"vidrobust/tables/ knows; a file with such columns is of another version{metric}: run its stage again"
        )


def to_arrow(name: str, table: pd.DataFrame, *, metrics: Collection[str] = ()) -> pa.Table:
    """Return the checked table for pyarrow, with unit and sentence of each column."""
    table = check(name, table, metrics=metrics)
    declared = TABLES[name].schema
    more = [column for column in table.columns if column not in TABLES[name]]
    extra = list(pa.Schema.from_pandas(table[more], preserve_index=False)) if more else []
    schema = pa.schema([*declared, *extra], metadata=declared.metadata)
    try:
        return pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            f"the {name} table cannot be written: {'; '.join(map(str, error.args))}"
        ) from error


def write(name: str, table: pd.DataFrame, folder: Path, *, metrics: Collection[str] = ()) -> None:
    """Check a table and write it as ``folder/name.parquet``; one without rows is removed."""
    checked = to_arrow(name, table, metrics=metrics)
    path = folder / f"{name}.parquet"
    if not len(checked):
        path.unlink(missing_ok=True)
        return
    beside = path.with_suffix(".parquet.part")
    pq.write_table(checked, beside)
    os.replace(beside, path)


def count(name: str, folder: Path) -> int:
    """Return how many rows ``folder/name.parquet`` has, from its footer."""
    path = folder / f"{name}.parquet"
    try:
        return int(pq.read_metadata(path).num_rows) if path.is_file() else 0
    except pa.ArrowInvalid as error:
        raise InputError(
            f"{path}: cannot be read ({in_plain_words(error)}); run its stage again"
        ) from error


def read(name: str, folder: Path, *, metrics: Collection[str] = ()) -> pd.DataFrame:
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise InputError(
            f"{path}: there is no {name} table in this run folder; run that stage first"
        )
    try:
        table = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises its own kinds
        raise InputError(
            f"{path}: cannot be read ({in_plain_words(error)}); run its stage again"
        ) from error
    _refuse_missing(name, table, path)
    return check(name, table, str(path), metrics=metrics)


def _refuse_missing(name: str, table: pd.DataFrame, path: Path) -> None:
    """Raise InputError for a missing text, or a missing time of a frame; other figures may be unknown."""
    for column in TABLES[name].columns:
        timed = column.name == "time_s" and TABLES[name].stage in ("transitions", "stability")
        if column.name in table and (timed or column.kind == "string"):
            rows = table.index[table[column.name].isna()]
            if len(rows):
                raise InputError(
                    f"{path}: column {column.name}: row {rows[0]} of {len(table)} has no value; run its stage again"
                )
