"""Figures of a transplant: of the pasted object, and of other boxes beside its neutral double and the floor.

Intervals are over backgrounds, because positions of one frame are not independent.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.plugins.published.transplant.study import PATCHES, TransplantStudy
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate

# Edges of the distances, shares of the frame's diagonal; the last holds all that is farther.
BINS = (0.0, 0.15, 0.3, 0.45, 2.0)


def summary(
    found: TransplantStudy, class_names: tuple[str, ...], expected: int | None = None
) -> dict[str, Any]:
    """Return all figures as plain values; ``expected`` None takes the most frequent answer as the object's
    class.
    """
    at = found.positions
    free = at[(at["patch"] == "object") & ~at["occupied"]]
    hits = free[free["found"]]
    label = expected if expected is not None else _most_frequent(hits["label"])
    double = at[(at["patch"] == "neutral") & ~at["occupied"]]
    return {
        "object": {
            "recall": _rate(free["found"], free),
            "class": None if label is None else class_names[label],
            "class_from": "given" if expected is not None else "most frequent answer",
            "class_rate": _rate(hits["label"] == label, hits),
            "position_flip_rate": _rate(*_neighbours(free)),
            "answers": {class_names[int(k)]: int(n) for k, n in hits["label"].value_counts().items()},
            "neutral_found": _rate(double["found"], double),
            "occupied_positions": int(((at["patch"] == "object") & at["occupied"]).sum()),
        },
        "others": {patch: _others(found, patch) for patch in PATCHES},
        "by_distance": _by_distance(found.effects),
        "backgrounds": [_background(found, key, label) for key in found.clean],
        "before_nms_known": any(one.before is not None for one in found.clean.values()),
    }


def _most_frequent(labels: pd.Series) -> int | None:
    return int(labels.mode().iloc[0]) if len(labels) else None


def _rate(events: pd.Series | np.ndarray, rows: pd.DataFrame) -> dict[str, float]:
    return _plain(clustered_rate(np.asarray(events, bool), rows["background"].to_numpy(str)))


def _plain(found: Interval) -> dict[str, float]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "backgrounds": found.clusters,
    }


def _neighbours(free: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Whether the answer differs between positions side by side or one above the other, and the pairs' rows."""
    summary = free.assign(says=np.where(free["found"], free["label"], -1))
    ids = ["background", "column", "row"]
    pairs = []
    for side in ("column", "row"):
        later = summary[[*ids, "says"]].assign(**{side: summary[side] - 1})
        pairs.append(summary[[*ids, "says"]].merge(later, on=ids, suffixes=("", "_next")))
    both = pd.concat(pairs, ignore_index=True)
    return (both["says"] != both["says_next"]).to_numpy(), both


def _others(found: TransplantStudy, patch: str) -> dict[str, Any]:
    """Boxes that the patch does not cover: shares lost and renamed, new boxes a picture, changes of the score."""
    at = found.positions[found.positions["patch"] == patch]
    rows = found.effects
    rows = rows[rows["patch"] == patch] if len(rows) else rows
    if not len(rows):
        return {"n": 0, "pictures": len(at), "new_a_picture": float(at["new"].mean())}
    known = rows[rows["lost_before"].notna()]
    lost = known[known["lost"]]
    return {
        "n": len(rows),
        "pictures": len(at),
        "lost": _rate(rows["lost"], rows),
        "lost_by_suppression_alone": int((lost["lost_before"] == 0).sum()) if len(known) else None,
        "lost_before_nms": _rate(known["lost_before"], known),
        "renamed": _rate(rows["renamed"], rows),
        "moved": _size(rows, "moved"),
        "score_change": _size(rows, "score_change"),
        "score_change_before_nms": _size(rows, "score_change_before"),
        "largest_score_change": float(rows["score_change"].abs().max()),
        "new_a_picture": float(at["new"].mean()),
    }


def _size(rows: pd.DataFrame, column: str) -> dict[str, float]:
    """The mean absolute value, of those known."""
    known = rows[rows[column].notna()]
    values = known[column].abs().to_numpy(np.float64)
    return _plain(clustered_mean(values, known["background"].to_numpy(str), bounds=(0.0, 1.0)))


def _by_distance(effects: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for low, high in itertools.pairwise(BINS):
        for patch in ("object", "neutral"):
            near = effects
            if len(near):
                inside = (near["distance"] >= low) & (near["distance"] < high)
                near = near[(near["patch"] == patch) & inside]
            rows.append(
                {
                    "patch": patch,
                    "from": low,
                    "to": high,
                    "n": len(near),
                    "lost_or_renamed": float((near["lost"] | near["renamed"]).mean())
                    if len(near)
                    else np.nan,
                    "score_change": float(near["score_change"].abs().mean()) if len(near) else np.nan,
                }
            )
    return rows


def _background(found: TransplantStudy, key: str, label: int | None) -> dict[str, Any]:
    at = found.positions[found.positions["background"] == key]
    free = at[(at["patch"] == "object") & ~at["occupied"]]
    hits = free[free["found"]]
    row: dict[str, Any] = {
        "background": key,
        "positions": len(free),
        "recall": float(free["found"].mean()) if len(free) else np.nan,
        "class_rate": float((hits["label"] == label).mean()) if len(hits) else np.nan,
    }
    for patch in PATCHES:
        own = at[at["patch"] == patch]
        row[patch] = {name: int(own[name].sum()) for name in ("others", "lost", "renamed", "new")}
    return row
