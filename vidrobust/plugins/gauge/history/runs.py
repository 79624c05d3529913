"""The history of a line's runs in one file, and its control charts."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError, in_plain_words
from vidrobust.metrics.catalogue import find_metric
from vidrobust.plugins.gauge.history.control_charts import Chart, individuals_chart, p_chart
from vidrobust.run_folder.folder import RunFolder

# Of the history: a row a run, model, metric and item, and one over all items (item ""); recorded in UTC.
COLUMNS = ("run", "recorded", "model", "metric", "item", "value", "low", "high", "n")


# Metrics that are charted where none is named, of those that the history has.
CHARTS = ("flip_rate", "jitter", "uncovered_rate", "vanished_rate", "center_jitter")


def names_of(folders: Sequence[RunFolder]) -> list[str]:
    """A run's name in the history: its folder's, with those above it where names are equal."""
    paths = [folder.path.resolve() for folder in folders]
    found = {path: path.name for path in paths}
    for depth in range(2, max((len(path.parts) for path in paths), default=0)):
        every = list(found.values())
        twice = {path for path, name in found.items() if every.count(name) > 1}
        found |= {path: "/".join(path.parts[-depth:]) for path in twice}
    return [found[path] for path in paths]


def rows_of(folder: RunFolder, name: str) -> pd.DataFrame:
    """Return what one run adds to the history: its ``stability`` table, its name and when it was made."""
    table = folder.table("stability")
    if not len(table):
        raise InputError(f"{folder.path}: has no stability figures; run vidrobust stability first")
    made = datetime.datetime.fromtimestamp(
        (folder.path / "stability.parquet").stat().st_mtime, datetime.UTC
    )
    table = table.assign(run=name, recorded=made.isoformat(timespec="seconds"))
    return table[list(COLUMNS)].reset_index(drop=True)


def empty_history() -> pd.DataFrame:
    return pd.DataFrame(columns=list(COLUMNS))


def read_history(path: Path) -> pd.DataFrame:
    """Read a history file; an empty table where there is none yet."""
    if not path.exists():
        return empty_history()
    try:
        table = pd.read_parquet(path)
    except Exception as error:
        raise InputError(
            f"{path}: cannot be read as a history, a Parquet file ({in_plain_words(error)})"
        ) from error
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path}: is no history; {', '.join(missing)} is missing")
    return table[list(COLUMNS)]


def add_runs(history: pd.DataFrame, folders: Sequence[RunFolder]) -> pd.DataFrame:
    """Add runs in the order of their making; a run of the same name is replaced."""
    for folder, name in zip(folders, names_of(folders), strict=True):
        rows = rows_of(folder, name)
        kept = history[history["run"] != name]
        history = pd.concat([kept, rows], ignore_index=True) if len(kept) else rows
    return history.sort_values("recorded", kind="stable").reset_index(drop=True)


def write_history(history: pd.DataFrame, path: Path) -> None:
    beside = path.with_name(path.name + ".part")
    history.to_parquet(beside, index=False)
    os.replace(beside, path)


def charts(
    history: pd.DataFrame,
    metrics: Sequence[str],
    *,
    model: str | None = None,
    baseline: int | None = None,
    laney: bool = False,
) -> list[dict[str, Any]]:
    """Return a control chart of each metric and model: a p-chart for rates, else an individuals chart.

    The first ``baseline`` runs give the limits; None judges each run on earlier ones that were not called.
    """
    if history.empty:
        raise InputError(
            "the history holds no run: is its name right? RUN --history FILE adds runs to it"
        )
    known = list(dict.fromkeys(history["model"]))
    if model is not None and model not in known:
        raise SettingsError(f"--model {model}: the history has {', '.join(known) or 'no model'}")
    found = []
    metrics = metrics or [name for name in CHARTS if name in set(history["metric"])]
    for name in metrics:
        metric = find_metric(name)
        if metric is None or name not in set(history["metric"]):
            raise SettingsError(
                f"--metric {name}: the history has {', '.join(dict.fromkeys(history['metric']))}"
            )
        for one in [model] if model is not None else known:
            rows = history[
                (history["metric"] == name) & (history["model"] == one) & history["value"].notna()
            ]
            if rows.empty:
                continue
            runs = list(dict.fromkeys(rows["run"]))
            if metric.is_rate:
                of_items = rows[(rows["item"] != "") & (rows["n"] > 0)]
                by_run = [of_items[of_items["run"] == run] for run in runs]
                trials = [part["n"].to_numpy(np.int64) for part in by_run]
                events = [np.rint(part["value"] * part["n"]).to_numpy(np.int64) for part in by_run]
                chart = p_chart(events, trials, baseline=baseline, laney=laney)
            else:
                whole = rows[rows["item"] == ""].set_index("run")["value"]
                values = [float(whole[run]) for run in runs if run in whole.index]
                chart = individuals_chart(values, baseline=baseline, bounds=metric.bounds)
            found.append(
                _as_dict(chart, name, str(one), runs, "p" if metric.is_rate else "individuals")
            )
    return found


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _as_dict(
    chart: Chart, metric: str, model: str, runs: Sequence[str], kind: str
) -> dict[str, Any]:
    points = [
        {
            "run": run,
            "value": float(v),
            "low": _known(low),
            "high": _known(high),
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
        "centre": _known(chart.centre),
        "baseline": chart.baseline,
        "correlation": _known(chart.correlation),
        "sigma_z": _known(chart.sigma_z),
        "points": points,
        "out": [point["run"] for point in points if point["out"]],
        "out_since": since,
    }
