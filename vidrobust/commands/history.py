"""The same line week after week: what each run says of each metric, kept in one file, and its control charts."""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.repeatability.control_charts import Chart, individuals_chart, p_chart
from vidrobust.run.folder import RunFolder
from vidrobust.tasks.catalogue import find_metric

COLUMNS = ("run", "recorded", "model", "metric", "item", "value", "low", "high", "n")
"""Of the history: a row a run, model, metric and item, and one over all items (item ""); recorded in UTC."""


def rows_of(folder: RunFolder) -> pd.DataFrame:
    """What one run adds to the history: its ``stability`` table, with its name and when it was made."""
    table = folder.table("stability")
    made = datetime.datetime.fromtimestamp((folder.path / "stability.parquet").stat().st_mtime, datetime.UTC)
    table = table.assign(run=folder.path.resolve().name, recorded=made.isoformat(timespec="seconds"))
    return table[list(COLUMNS)].reset_index(drop=True)


def empty_history() -> pd.DataFrame:
    """A history without runs."""
    return pd.DataFrame(columns=list(COLUMNS))


def read_history(path: Path) -> pd.DataFrame:
    """A history file; an empty table where there is none yet. InputError where it is no history."""
    if not path.exists():
        return empty_history()
    try:
        table = pd.read_parquet(path)
    except Exception as error:
        raise InputError(f"{path}: cannot be read as a history, a Parquet file ({error})") from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path}: is no history; {', '.join(missing)} is missing")
    return table[list(COLUMNS)]


def add_runs(history: pd.DataFrame, folders: Sequence[RunFolder]) -> pd.DataFrame:
    """The history with these runs, in the order of their making; a run of the same name is replaced."""
    for folder in folders:
        rows = rows_of(folder)
        kept = history[history["run"] != folder.path.resolve().name]
        history = pd.concat([kept, rows], ignore_index=True) if len(kept) else rows
    return history.sort_values("recorded", kind="stable").reset_index(drop=True)


def write_history(history: pd.DataFrame, path: Path) -> None:
    """Written beside and renamed."""
    beside = path.with_name(path.name + ".part")
    history.to_parquet(beside, index=False)
    os.replace(beside, path)


def charts(
    history: pd.DataFrame, metrics: Sequence[str], *, model: str | None = None, baseline: int | None = None
) -> list[dict[str, Any]]:
    """A control chart of each metric and model, as plain values.

    Rates get a p-chart whose limits allow for clips that differ; other metrics an individuals chart. baseline:
    how many first runs the limits stand on; all where it is None.
    """
    known = list(dict.fromkeys(history["model"]))
    if model is not None and model not in known:
        raise SettingsError(f"--model {model}: the history has {', '.join(known) or 'no model'}")
    found = []
    for name in metrics:
        metric = find_metric(name)
        if metric is None or name not in set(history["metric"]):
            raise SettingsError(
                f"--metric {name}: the history has {', '.join(dict.fromkeys(history['metric']))}"
            )
        for one in [model] if model is not None else known:
            rows = history[(history["metric"] == name) & (history["model"] == one) & history["value"].notna()]
            if rows.empty:
                continue
            runs = list(dict.fromkeys(rows["run"]))
            chart = _p_chart(rows, runs, baseline) if metric.is_rate else _individuals(rows, runs, baseline)
            found.append(_told(chart, name, str(one), runs, "p" if metric.is_rate else "individuals"))
    return found


def _p_chart(rows: pd.DataFrame, runs: Sequence[str], baseline: int | None) -> Chart:
    of_items = rows[(rows["item"] != "") & (rows["n"] > 0)]
    by_run = [of_items[of_items["run"] == run] for run in runs]
    trials = [part["n"].to_numpy(np.int64) for part in by_run]
    events = [np.rint(part["value"] * part["n"]).to_numpy(np.int64) for part in by_run]
    return p_chart(events, trials, baseline=baseline)


def _individuals(rows: pd.DataFrame, runs: Sequence[str], baseline: int | None) -> Chart:
    whole = rows[rows["item"] == ""].set_index("run")["value"]
    return individuals_chart([float(whole[run]) for run in runs if run in whole.index], baseline=baseline)


def _told(chart: Chart, metric: str, model: str, runs: Sequence[str], kind: str) -> dict[str, Any]:
    points = [
        {
            "run": run,
            "value": float(v),
            "low": float(low),
            "high": float(high),
            "out": bool(o),
            "shifted": bool(s),
        }
        for run, v, low, high, o, s in zip(
            runs, chart.value, chart.low, chart.high, chart.out, chart.shifted, strict=True
        )
    ]
    since = None if chart.since is None else runs[chart.since]
    return {
        "metric": metric,
        "model": model,
        "chart": kind,
        "centre": chart.centre,
        "baseline": chart.baseline,
        "correlation": chart.correlation,
        "points": points,
        "out": [point["run"] for point in points if point["out"]],
        "out_since": since,
    }
