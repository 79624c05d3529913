"""metrics.json: the scalars that a dashboard or a gate wants, per model, from the tables alone."""

from __future__ import annotations

from typing import Any

import pandas as pd

from vidrobust.run.folder import RunFolder
from vidrobust.studies.pairs import REASONS

STABILITY = ("label_flip", "total_variation", "top1_probability_change", "jitter", "revert_flip")


def collect(folder: RunFolder) -> dict[str, Any]:
    """The headline numbers of every stage that has run."""
    metrics: dict[str, Any] = {"schema": 1, "items": len(folder.run["inputs"]), "models": {}}
    if not folder.has("pairs"):
        return metrics
    pairs, stability = folder.table("pairs"), folder.table("stability")
    adjacent = pairs[pairs["kind"] == "adjacent"]
    frames = folder.table("frames").groupby("model").size()
    for model, of_model in adjacent.groupby("model", sort=False):
        rows = stability[stability["model"] == model]
        metrics["models"][str(model)] = {
            "frames": int(frames[model]),
            **_pair_counts(of_model),
            **{name: _interval(rows, name) for name in STABILITY},
            "noise_floor": _noise_floor(of_model, rows),
        }
    return metrics


def _pair_counts(adjacent: pd.DataFrame) -> dict[str, Any]:
    """Adjacent pairs, what of them was excluded and why, flips among the rest and among all."""
    good = adjacent[adjacent["excluded"] == ""]
    excluded = adjacent["excluded"].value_counts()
    return {
        "adjacent_pairs": len(adjacent),
        "usable_pairs": len(good),
        "excluded": {reason: int(excluded.get(reason, 0)) for reason in REASONS},
        "flips": int(good["label_flip"].sum()),
        "flips_with_excluded": int(adjacent["label_flip"].sum()),
        "mean_total_variation_with_excluded": float(adjacent["total_variation"].mean()),
    }


def _noise_floor(adjacent: pd.DataFrame, rows: pd.DataFrame) -> dict[str, Any]:
    """The floor, and how many flips are no larger than it."""
    value = rows.loc[rows["metric"] == "noise_floor_total_variation", "value"]
    floor = float(value.iloc[0]) if len(value) else float("nan")
    flips = adjacent[(adjacent["excluded"] == "") & adjacent["label_flip"]]
    flipped = rows.loc[rows["metric"] == "noise_floor_label_flip", "value"]
    return {
        "total_variation": floor,
        "label_flip": float(flipped.iloc[0]) if len(flipped) else float("nan"),
        "flips_within": int((flips["total_variation"] <= floor).sum()),
    }


def _interval(rows: pd.DataFrame, metric: str) -> dict[str, Any]:
    row = rows[(rows["metric"] == metric) & (rows["item"] == "")]
    if row.empty:
        return {"value": None, "low": None, "high": None, "n": 0}
    first = row.iloc[0]
    return {name: first[name] for name in ("value", "low", "high", "n")}
