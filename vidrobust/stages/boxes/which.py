"""Which detector, at which threshold: those of a run side by side on the same footage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.overall import overall
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, number, percent_with_interval

METRICS = (
    "uncovered_rate",
    "flip_rate",
    "center_jitter",
    "recall",
    "average_precision",
    "true_uncovered_rate",
)
"""What is shown of each, in this order; the last three with known boxes alone."""
BY_LABELS, BY_ITSELF = "average_precision", "uncovered_rate"
"""The metric by which they are sorted, with known boxes and without."""


def side_by_side(run: RunTables) -> dict[str, Any]:
    """titles of the columns, and rows (model, values in words, threshold, ms), the best first.

    The threshold is the one of highest F1 against known boxes; without known boxes none is the right one, since a
    lower one always covers more. ms a frame are those of the run, on its machine.
    """
    stability = run.table("stability")
    if stability is None or not run.detectors:
        return {"titles": [], "rows": []}
    shown = [name for name in METRICS if any(overall(stability, model, name)["n"] for model in run.detectors)]
    titles = [metric.title for name in shown if (metric := find_metric(name, "detection")) is not None]
    by = BY_LABELS if BY_LABELS in shown else BY_ITSELF
    sign = -1 if by == BY_LABELS else 1
    curve, speed = run.table("truth_curve"), run.record.ms_a_frame

    def place(model: str) -> tuple[bool, float]:
        value = overall(stability, model, by)["value"]
        return not known(value), sign * value if known(value) else 0.0

    return {
        "titles": titles,
        "rows": [
            {
                "model": model,
                "values": [figure_in_words(overall(stability, model, name)) for name in shown],
                "threshold": best_threshold(curve, model),
                "ms": number(speed[model]) if model in speed else "recorded",
            }
            for model in sorted(run.detectors, key=place)
        ],
    }


def figure_in_words(row: Mapping[str, Any]) -> str:
    """A metric (value, low, high, n) with its interval; nothing from fewer than FEWEST_ROWS values."""
    if 0 < row["n"] < FEWEST_ROWS:
        return "too few to say"
    return percent_with_interval(row["value"], row["low"], row["high"]) if row["n"] else "not measured"


def best_threshold(curve: pd.DataFrame | None, model: str) -> str:
    """The threshold of highest F1 of a model, "0.35 (F1 .81)"; "" without known boxes."""
    if curve is None:
        return ""
    of = curve[curve["model"] == model].dropna(subset=["recall", "precision"])
    both = of["recall"] + of["precision"]
    f1 = (2 * of["recall"] * of["precision"] / both.where(both > 0)).dropna()
    if f1.empty:
        return ""
    best = f1.idxmax()
    return f"{of.loc[best, 'threshold']:g} (F1 {f1[best]:.2f})"
