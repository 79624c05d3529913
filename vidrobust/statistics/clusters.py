"""Which rows of a table count as independent: one rule for the whole package.

    five parts or more    the parts: all passes of one part belong together
    else five items       the items
    else                  stretches of the items; the result speaks of this footage (and these parts) alone

Stretches are equal cuts, at most ten in all (batch means: Schmeiser, Operations Research 30, 1982;
``benchmarks/rates.py``) and none shorter than a second, because what happens within a second is one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.statistics.levels import FEWEST_CLUSTERS

# How many stretches all footage together is cut into at most, where it is cut; one an item at least.
MOST_STRETCHES = 10
SHORTEST_S = 1.0  # shortest stretch, seconds
SHORTEST_FRAMES = 25  # shortest stretch where only frame numbers are known, frames
# Shortest stretch, frames, of pairs drawn by chance: those some frames apart are draws of their own.
SHORTEST_SAMPLED = 6

What = Literal["part", "item", "stretch"]


@dataclass(frozen=True)
class Clusters:
    """Which independent unit each row belongs to: codes 0..count-1 (n,), whatever the order of rows.

    ``length`` is the mean length of a stretch; of stretches a result speaks of this footage alone.
    """

    label: np.ndarray
    what: What
    length: float = float("nan")

    @property
    def count(self) -> int:
        return int(self.label.max(initial=-1)) + 1

    def of(self, rows: np.ndarray) -> Clusters:
        """Return the clusters of some of the rows, (m,) numbers or a mask (n,) bool."""
        return Clusters(np.unique(self.label[rows], return_inverse=True)[1], self.what, self.length)


def independent_clusters(
    item: np.ndarray | pd.Series,
    position: np.ndarray | pd.Series,
    *,
    part: np.ndarray | pd.Series | None = None,
    shortest: float = SHORTEST_S,
    fewest: int = FEWEST_CLUSTERS,
) -> Clusters:
    """Return the independent units of rows of footage; duplicated clips must have been removed.

    ``position`` is time_s, or frame numbers with ``shortest=SHORTEST_FRAMES``; an item of ``part`` "" stands
    for itself. ``fewest`` parts or items are enough.
    """
    items = pd.factorize(pd.Series(np.asarray(item, object)).astype(str), sort=True)[0].astype(
        np.int64
    )
    positions = np.asarray(position, np.float64)
    if len(items) != len(positions) or not np.isfinite(positions).all():
        raise ValueError(
            f"independent_clusters: expected a finite position for each of {len(items)} rows, got {len(positions)}"
        )
    parts = _parts(item, part)
    labels = items if parts is None else parts
    if labels.max(initial=-1) + 1 >= fewest:
        return Clusters(labels, "item" if parts is None else "part")
    label, length = _stretches(items, positions, shortest)
    return Clusters(label, "stretch", length)


def clusters_of_rows(
    table: pd.DataFrame,
    position: str = "time_s",
    shortest: float = SHORTEST_S,
    *,
    fewest: int = FEWEST_CLUSTERS,
) -> Clusters:
    """Return the independent units of a table's rows, by ``item``, and by ``part`` if there is this column."""
    return independent_clusters(
        table["item"], table[position], part=table.get("part"), shortest=shortest, fewest=fewest
    )


def cluster_codes(clusters: Clusters | np.ndarray) -> tuple[np.ndarray, int, str]:
    """Return codes 0..count-1 of the rows, how many there are, and what they are ("" of plain labels)."""
    if isinstance(clusters, Clusters):
        return clusters.label, clusters.count, clusters.what
    code = np.unique(np.asarray(clusters), return_inverse=True)[1]
    return code, int(code.max(initial=-1)) + 1, ""


def _parts(item: np.ndarray | pd.Series, part: np.ndarray | pd.Series | None) -> np.ndarray | None:
    """Codes of the parts, an item of unknown part standing for itself; None where none is known."""
    names = (
        pd.Series(np.asarray(part if part is not None else [""] * len(item), object))
        .fillna("")
        .astype(str)
    )
    if (names == "").all():
        return None
    alone = "item\x1f" + pd.Series(np.asarray(item, object)).astype(str)
    return pd.factorize(names.where(names != "", alone), sort=True)[0].astype(np.int64)


def _stretches(
    items: np.ndarray, positions: np.ndarray, shortest: float
) -> tuple[np.ndarray, float]:
    spans = [_span(positions[items == one]) for one in range(items.max(initial=-1) + 1)]
    whole = sum(span for _, span in spans)
    wanted = max(shortest, whole / MOST_STRETCHES)
    label = np.zeros(len(items), np.int64)
    count = 0
    for one, (first, span) in enumerate(spans):
        rows = items == one
        cuts = max(1, int(span / wanted + 1e-6))
        place = (positions[rows] - first) / max(span, 1e-12) * cuts
        label[rows] = count + np.clip(np.floor(place + 1e-9), 0, cuts - 1).astype(np.int64)
        count += cuts
    return np.unique(label, return_inverse=True)[1].astype(np.int64), whole / max(count, 1)


def _span(positions: np.ndarray) -> tuple[float, float]:
    """The first position, and how long the rows last: the last one counts one typical step."""
    places = np.unique(positions)
    step = float(np.median(np.diff(places))) if len(places) > 1 else 0.0
    return float(places[0]), float(places[-1] - places[0]) + step
