"""Studies of tables without video, and their export."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.atomic import csv_text, write_text
from vidrobust.files.json_text import json_text
from vidrobust.plugins.gauge import measurements, studies
from vidrobust.plugins.gauge.figures import EVERYONE, GAUGE, figures_of

COLUMNS = ("part", "operator", "trial", "value", "score", "reference", "measured", "time")
ALWAYS = ("verdict", "sentence")


def export_study(found: Mapping[str, Any], rows: pd.DataFrame, path: Path) -> Path:
    """Write the table (.csv."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".csv":
        write_text(path, csv_text(rows[[name for name in COLUMNS if name in rows]]))
    elif path.suffix.lower() == ".json":
        write_text(path, json_text(flat(found)))
    else:
        raise SettingsError(f"--export {path}: expected a name that ends with .csv or .json")
    return path


def flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures by one name each."""
    summary: dict[str, Any] = {"study": found["study"]}
    summary |= {name: found["overall"][name] for name in ALWAYS}
    if found["study"] in ("gauge", "attribute", "run"):
        for name, of in figures_of(found).items():
            for who, entry in of.items():
                key = name if who in (GAUGE, EVERYONE) else f"{name}[{who}]"
                summary[key] = entry["value"]
                summary |= {
                    f"{key}.{end}": entry[end] for end in ("low", "high", "n") if end in entry
                }
        return summary
    return summary | {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float | str) and name not in summary
    }


# What can be studied in a table.
Kind = Literal["gauge", "attribute", "type1", "linearity", "stability"]


@dataclass(frozen=True, kw_only=True)
class TableStudy:
    """A study as reported (``found``, plain values), and the rows that it stands on, as they were judged."""

    kind: Kind
    found: dict[str, Any]
    rows: pd.DataFrame
    source: measurements.StudyTable


def study_of_file(
    kind: Kind,
    path: Path,
    asked: studies.StudyRequest,
    *,
    columns: Mapping[str, str] | None = None,
    case: measurements.Case = "ask",
    reference: float | None = None,
) -> TableStudy:
    """Study a table in a file."""
    if kind == "gauge":
        table = measurements.read_gauge(path, columns, case)
        found, rows = studies.gauge_of(table.rows, asked), table.rows
    elif kind == "attribute":
        table = measurements.read_attribute(path, columns, case)
        found, rows = (
            studies.attribute_of(table.rows, asked),
            studies.passed_or_failed(table.rows, asked)[0],
        )
    elif kind == "linearity":
        table = _of_one_gauge(path, columns, case)
        if "reference" not in table.rows:
            raise InputError(
                f"{path}: linearity needs a column reference; name it: --columns reference=NAME"
            )
        found, rows = studies.linearity_of(table.rows, asked), table.rows
    else:
        table = _of_one_gauge(path, columns, case, one_part=True)
        known, rows = _reference(table.rows, reference, kind), table.rows
        readings = rows["value"].to_numpy(np.float64)
        found = (
            studies.type1_of(readings, known, asked)
            if kind == "type1"
            else studies.stability_of(rows, known, asked.profile)
        )
    found["notes"] = [*table.notes, *table.assumed, *found["notes"]]
    found["dropped_lines"] = list(table.dropped)
    return TableStudy(kind=kind, found=found, rows=rows, source=table)


def _of_one_gauge(
    path: Path,
    columns: Mapping[str, str] | None,
    case: measurements.Case,
    *,
    one_part: bool = False,
) -> measurements.StudyTable:
    table = measurements.read_study_table(path, columns, case, need_part=not one_part)
    rows = table.rows.assign(value=measurements.numbers(table.rows, "value", path))
    if "reference" in rows:
        rows["reference"] = measurements.numbers(rows, "reference", path)
    if one_part and rows["part"].nunique() > 1:
        raise InputError(
            f"{path}: {rows['part'].nunique()} parts; a study of one reference part wants one. Several parts with "
            "references are a linearity study (--linearity)"
        )
    if "time" not in rows:
        rows["time"] = rows["trial"]
    return replace(table, rows=rows.reset_index(drop=True), assumed=())


def _reference(rows: pd.DataFrame, given: float | None, kind: str) -> float:
    if given is not None:
        return given
    known = sorted(set(rows["reference"].dropna())) if "reference" in rows else []
    if len(known) > 1:
        raise InputError(
            f"{kind} study: the table has several references ({known[0]:g}, {known[1]:g} ...)"
        )
    if not known and kind == "type1":
        raise SettingsError(
            "--type1 needs the part's true value: --reference X, or a column reference"
        )
    return float(known[0]) if known else math.nan
