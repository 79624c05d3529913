"""Tables of repeated measurements or verdicts, from CSV: part, operator, trial, value."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vidrobust.errors import InputError

COLUMNS = ("part", "operator", "trial", "value")


def read_gauge(path: Path) -> pd.DataFrame:
    """A table of a variables study: part, operator, trial as text, value as number. InputError names the row."""
    table = _read(path)
    values = pd.to_numeric(table["value"], errors="coerce")
    bad = table.index[values.isna() & (table["value"] != "")]
    if len(bad):
        raise InputError(
            f"{path}: line {bad[0] + 2}: value {table['value'][bad[0]]!r} is no number; a study of classes is "
            "asked for with --attribute"
        )
    return check_gauge(table.assign(value=values), str(path))


def check_gauge(table: pd.DataFrame, where: str = "gauge study") -> pd.DataFrame:
    """The rows with a value, of part, operator, trial, value; each (part, operator, trial) at most once."""
    return _checked(table[table["value"].notna()], where)


def read_attribute(path: Path) -> pd.DataFrame:
    """A table of an attribute study: all text; an optional column ``reference`` has one class a part."""
    table = _read(path)
    return check_attribute(table[table["value"] != ""], str(path))


def check_attribute(table: pd.DataFrame, where: str = "attribute study") -> pd.DataFrame:
    """Rows of part, operator, trial, value [, reference] as text; the reference is one class a part."""
    table = _checked(table, where).assign(value=lambda t: t["value"].astype(str))
    if "reference" not in table:
        return table
    table["reference"] = table["reference"].fillna("").astype(str)
    per_part = table.groupby("part", sort=False)["reference"].agg(lambda v: sorted(set(v) - {""}))
    for part, classes in per_part.items():
        if len(classes) > 1:
            raise InputError(
                f"{where}: part {part} has {len(classes)} references ({', '.join(classes)}); give each part one"
            )
    table["reference"] = table["part"].map({p: c[0] if c else "" for p, c in per_part.items()})
    return table


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a CSV with the columns {', '.join(COLUMNS)}")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(
            f"{path}: column {', '.join(missing)} is missing; it has {', '.join(table.columns) or 'none'}, "
            f"and needs {', '.join(COLUMNS)}"
        )
    return table.apply(lambda column: column.str.strip())


def _checked(table: pd.DataFrame, where: str) -> pd.DataFrame:
    if table.empty:
        raise InputError(f"{where}: no row has a value")
    table = table.copy()
    for name in ("part", "operator", "trial"):
        table[name] = table[name].astype(str)
    twice = table[table.duplicated(["part", "operator", "trial"])]
    if len(twice):
        part, operator, trial = twice.iloc[0][["part", "operator", "trial"]]
        raise InputError(
            f"{where}: part {part}, operator {operator}, trial {trial} stands there twice; number the trials"
        )
    return table.reset_index(drop=True)
