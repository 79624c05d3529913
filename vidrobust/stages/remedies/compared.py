"""What answers show before and after a remedy, row by row of the run's own pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import JOINED
from vidrobust.metrics.class_differences import revert_flips
from vidrobust.stages.remedies.answers import ItemAnswers
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.levels import FEWEST_TESTED


@dataclass(frozen=True)
class MetricRows:
    """Where a metric counts: rows of all frames of a model, one input after the other.

    at       (M, k) int64 rows of the frames that a value is made of
    before   (M,) float64 the run's own values
    clusters the independent units of the values
    """

    at: np.ndarray
    before: np.ndarray
    clusters: Clusters


def places(answers: Sequence[ItemAnswers]) -> pd.Series:
    """(input, number of the frame) -> its row."""
    index = pd.MultiIndex.from_tuples(
        [(each.item, int(frame)) for each in answers for frame in each.frame], names=["item", "frame"]
    )
    return pd.Series(np.arange(len(index)), index=index)


def metric_rows(
    table: pd.DataFrame, column: str, frames: Sequence[str], place: pd.Series, parts: dict[str, str]
) -> MetricRows:
    """Of rows that count for a metric; ``frames`` are the columns with the frames that a value is made of."""
    item = table["item"].astype(str)
    at = [place.loc[pd.MultiIndex.from_arrays([item, table[name]])].to_numpy(np.int64) for name in frames]
    part = table["item"].map(parts).fillna("") if parts else None
    clusters = independent_clusters(table["item"], table["time_s"], part=part, fewest=FEWEST_TESTED)
    return MetricRows(np.column_stack(at), table[column].to_numpy(np.float64), clusters)


def flips_after(rows: MetricRows, labels: np.ndarray) -> np.ndarray:
    """(M,) 1 where the two frames have other labels now; labels (N,) of all frames."""
    return (labels[rows.at[:, 0]] != labels[rows.at[:, 1]]).astype(np.float64)


def reverts_after(
    rows: MetricRows, labels: Sequence[np.ndarray], answers: Sequence[ItemAnswers], window: int
) -> np.ndarray:
    """(M,) 1 where a label now leaves that is back within the window; labels: of each input."""
    found = [
        revert_flips(each, np.isin(of.reason.astype(str), JOINED), window)
        for each, of in zip(labels, answers, strict=True)
    ]
    return np.concatenate(found).astype(np.float64)[rows.at[:, 0]]


def jitter_after(rows: MetricRows, means: Sequence[dict[int, float]]) -> np.ndarray:
    """(M,) second difference of the distributions, class -> probability, of all frames."""
    found = np.empty(len(rows.at))
    for number, row in enumerate(rows.at[:, 0].tolist()):
        a, b, c = means[row - 1], means[row], means[row + 1]
        every = {**a, **b, **c}
        found[number] = 0.25 * sum(abs(a.get(k, 0.0) - 2.0 * b.get(k, 0.0) + c.get(k, 0.0)) for k in every)
    return found
