"""Two runs on the same footage: paired differences of every metric, and a verdict on each.

    same         the interval of the difference lies within the margin, even where its sign is sure
    better,      the sign is sure, and the difference may matter: the interval does not hold 0 and is not
    worse        within the margin
    cannot tell  otherwise: more footage would tell

So "same" is shown, not assumed (equivalence by the inclusion of an interval: Westlake 1976; Schuirmann 1987).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate

MARGIN = 0.01
"""Half width of the range of differences that do not matter, for metrics between 0 and 1."""

Verdict = Literal["better", "worse", "same", "cannot tell"]


@dataclass(frozen=True)
class Compared:
    """One metric of two runs on what both have.

    a, b              the metric in each run, over the rows that both have
    difference        b - a, with its 95 % interval over clusters
    n, clusters, cluster  rows compared, and the independent units among them
    only_a, only_b    rows that only one run has, left out
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    margin: float
    verdict: Verdict
    n: int
    clusters: int
    cluster: str
    only_a: int = 0
    only_b: int = 0


def compare_metric(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    keys: Sequence[str],
    column: str,
    worse: Literal["higher", "lower"] = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
    margin: float = MARGIN,
    part: str | None = None,
    same_footage: bool = True,
) -> Compared:
    """The paired difference of the mean of ``column`` in two tables of one model each.

    keys    columns that say which rows belong together: item and frame, or part and pass; "item" must be among the
            columns of both tables, and "time_s" is used where it is there
    same_footage  both runs saw the same pictures, so that equal rows are a fact and not a sample
    bounds  of the values; the difference lies within their width either way
    margin  in the unit of the values
    part    column with the part shown, where passes of a part are not independent
    """
    both, only_a, only_b = _paired(a, b, keys, column, part)
    if not len(both):
        nan = math.nan
        return Compared(nan, nan, nan, nan, nan, margin, "cannot tell", 0, 0, "", only_a, only_b)
    first, second = (both[f"{column}_{side}"].to_numpy(np.float64) for side in "ab")
    clusters = _clusters(both, part)
    width = bounds[1] - bounds[0]
    found = paired_difference(first, second, clusters, width=width, same_footage=same_footage)
    return Compared(
        a=float(first.mean()),
        b=float(second.mean()),
        difference=found.value,
        low=found.low,
        high=found.high,
        margin=margin,
        verdict=verdict(found.low, found.high, margin=margin, worse=worse),
        n=found.n,
        clusters=found.clusters,
        cluster=found.cluster,
        only_a=only_a,
        only_b=only_b,
    )


def paired_difference(
    a: np.ndarray,
    b: np.ndarray,
    clusters: Clusters | np.ndarray,
    *,
    width: float = 1.0,
    same_footage: bool = True,
) -> Interval:
    """Mean of b - a with its interval over clusters; width: the largest difference that can occur.

    Equal rows throughout give 0 to 0 on the same footage: what did the same on all of it did the same. On other
    footage they are a sample, and as large a difference may be unseen as the rate of rows that would show it.
    """
    if len(a) != len(b):
        raise ValueError(f"paired_difference: expected pairs, got {len(a)} and {len(b)}")
    difference = np.asarray(b, np.float64) - np.asarray(a, np.float64)
    found = clustered_mean(difference, clusters, bounds=(-width, width))
    if len(difference) and (difference == 0).all():
        unseen = 0.0 if same_footage else width * clustered_rate(difference != 0, clusters).high
        return Interval(0.0, -unseen, unseen, found.n, found.clusters, found.cluster)
    return found


def verdict(low: float, high: float, *, margin: float, worse: Literal["higher", "lower"]) -> Verdict:
    """What an interval of b - a says of b."""
    if math.isnan(low) or math.isnan(high):
        return "cannot tell"
    if -margin <= low and high <= margin:
        return "same"
    if low > 0 or high < 0:
        return "worse" if (low > 0) == (worse == "higher") else "better"
    return "cannot tell"


def churn(label_a: np.ndarray, label_b: np.ndarray, clusters: Clusters | np.ndarray) -> Interval:
    """Share of frames on which two runs give different labels, right or wrong (Milani Fard et al. 2016)."""
    return clustered_rate(np.asarray(label_a) != np.asarray(label_b), clusters)


def _paired(
    a: pd.DataFrame, b: pd.DataFrame, keys: Sequence[str], column: str, part: str | None
) -> tuple[pd.DataFrame, int, int]:
    """Rows of both tables by key, with the columns NAME_a and NAME_b, and how many have no partner."""
    beside = [name for name in ("item", "time_s", part) if name and name in a and name not in keys]
    for name, table in (("A", a), ("B", b)):
        missing = [key for key in (*keys, column) if key not in table]
        if missing:
            raise InputError(f"compare: run {name} has no column {', '.join(missing)}")
        if table.duplicated(list(keys)).any():
            raise InputError(f"compare: run {name} has several rows of the same {', '.join(keys)}")
    whole = a[[*keys, *beside, column]].merge(
        b[[*keys, column]], on=list(keys), how="outer", suffixes=("_a", "_b"), indicator=True
    )
    both = whole[(whole["_merge"] == "both") & whole[f"{column}_a"].notna() & whole[f"{column}_b"].notna()]
    return both, int((whole["_merge"] == "left_only").sum()), int((whole["_merge"] == "right_only").sum())


def _clusters(both: pd.DataFrame, part: str | None) -> Clusters:
    """The one rule; without times the rows are taken in their order, a second each."""
    item = both["item"] if "item" in both else both[part] if part else pd.Series("", index=both.index)
    position = both["time_s"].to_numpy(np.float64) if "time_s" in both else np.arange(len(both), dtype=float)
    return independent_clusters(item, position, part=both[part] if part else None)
