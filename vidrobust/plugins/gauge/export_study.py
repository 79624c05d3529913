"""A study for other programs: its table as long CSV, its figures as JSON with flat keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.files.atomic import csv_text, write_text
from vidrobust.files.json_text import json_text
from vidrobust.plugins.gauge.figures import EVERYONE, GAUGE, figures_of

COLUMNS = ("part", "operator", "trial", "value", "score", "reference", "measured", "time")
ALWAYS = ("verdict", "sentence")


def export_study(found: Mapping[str, Any], rows: pd.DataFrame, path: Path) -> Path:
    """Write the table (.csv, which Minitab, JMP and R read) or the figures (.json); SettingsError otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".csv":
        write_text(path, csv_text(rows[[name for name in COLUMNS if name in rows]]))
    elif path.suffix.lower() == ".json":
        write_text(path, json_text(flat(found)))
    else:
        raise SettingsError(f"--export {path}: expected a name that ends with .csv or .json")
    return path


def flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures by one name each: NAME, NAME.low, NAME.high, NAME.n; operators in brackets."""
    summary: dict[str, Any] = {"study": found["study"]}
    summary |= {name: found["overall"][name] for name in ALWAYS}
    if found["study"] in ("gauge", "attribute", "run"):
        for name, of in figures_of(found).items():
            for who, entry in of.items():
                key = name if who in (GAUGE, EVERYONE) else f"{name}[{who}]"
                summary[key] = entry["value"]
                summary |= {f"{key}.{end}": entry[end] for end in ("low", "high", "n") if end in entry}
        return summary
    return summary | {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float | str) and name not in summary
    }
