"""Two runs on the same footage: paired differences of every metric, and a verdict on each.

    same         the interval of the difference lies within the margin, even where its sign is sure
    better,      the sign is sure: the interval does not hold 0, and changing the signs of whole clips does as much
    worse        in at most 5 % of cases, for any of the metrics that are judged together
    cannot tell  otherwise

So "same" is shown, not assumed (equivalence by the inclusion of an interval: Westlake 1976; Schuirmann 1987), and
of all headline metrics of two equal runs some is called better or worse in at most 5 % of comparisons. Below
fourteen clips (or parts) a verdict speaks of these clips alone, and stands apart: of a kind of clip that is one in
five none may be among them, and no test of the others can know of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate
from vidrobust.statistics.levels import ALPHA, FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.significance import neighbour_inflation, step_down

MARGIN = 0.2
"""Differences that do not matter, as a share of the metric."""
SMALLEST_MARGIN = 1e-4
"""The same where the metric is next to nothing, as a share of what it can differ by."""
SHORTEST_S = 2.0
"""Shortest stretch that counts as one: what suits one of two models may do so for as long."""
RARE = 0.2
"""Share of the footage that a kind of clip has which should not have gone unseen where others are spoken of."""
ENOUGH = math.ceil(math.log(ALPHA) / math.log(1 - RARE))
"""Clips or parts below which nothing is said of others: of 14 one is of such a kind in 95 % (.8^14 = .044)."""

Verdict = Literal["better", "worse", "same", "cannot tell"]
Worse = Literal["higher", "lower"]


@dataclass(frozen=True)
class Compared:
    """One metric of two runs on what both have.

    a, b              the metric in each run, over the rows that both have
    difference        b - a, with its 95 % interval over clusters
    margin            what does not matter, in the unit of the metric
    p                 of no difference, allowing for all metrics judged with it; NaN where there is no test
    verdict           of footage like this; "cannot tell" below fourteen clips or parts, but for what occurred, and
                      did the same in every row of the same footage
    on_these_clips    below fourteen clips or parts: the same question of these clips alone; "" otherwise
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
    p: float = math.nan
    on_these_clips: Verdict | Literal[""] = ""


@dataclass(frozen=True)
class Paired:
    """The rows of one metric that both runs have.

    a, b        (n,) values
    clip        (n,) names of the clips or parts, and ``part_known``: they are parts
    place       (n,) item and time_s of each row, for stretches of clips
    bounds      of the values
    worse       which of a larger and a smaller value is the worse one
    same_footage  both runs saw the same pictures, so that equal rows are a fact and not a sample
    """

    a: np.ndarray
    b: np.ndarray
    clip: np.ndarray
    part_known: bool
    place: pd.DataFrame
    bounds: tuple[float, float] = (0.0, 1.0)
    worse: Worse = "higher"
    same_footage: bool = True
    only_a: int = 0
    only_b: int = 0

    @property
    def few(self) -> bool:
        """Clips or parts are too few to be compared as wholes."""
        return len(np.unique(self.clip)) < FEWEST_TESTED

    @property
    def alone(self) -> bool:
        """Clips or parts are too few to speak of others."""
        return len(np.unique(self.clip)) < ENOUGH

    @property
    def equal(self) -> bool:
        """Nothing differs, and the pictures were the same."""
        return bool(self.same_footage and len(self.a) and (self.a == self.b).all())

    @property
    def varies(self) -> bool:
        """What is counted occurs in some rows and not in all."""
        return len(self.a) > 0 and bool(self.a.min() < self.a.max())


def paired_rows(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    keys: Sequence[str],
    column: str,
    worse: Worse = "higher",
    bounds: tuple[float, float] = (0.0, 1.0),
    part: str | None = None,
    same_footage: bool = True,
) -> Paired:
    """The rows of two tables of one model each that belong together.

    keys  columns that say which: item and frame, or part and pass; "item" or the part must be among the columns,
          and "time_s" is used where it is there
    part  column with the part shown, where passes of a part are not independent
    """
    both, only_a, only_b = _paired(a, b, keys, column, part)
    item = both["item"] if "item" in both else both[part] if part else pd.Series("", index=both.index)
    item = item.astype(str).to_numpy(object)
    position = both["time_s"].to_numpy(np.float64) if "time_s" in both else np.arange(len(both), dtype=float)
    parts = both[part].fillna("").astype(str).to_numpy(object) if part else np.full(len(both), "", object)
    return Paired(
        a=both[f"{column}_a"].to_numpy(np.float64),
        b=both[f"{column}_b"].to_numpy(np.float64),
        clip=np.where(parts == "", "item\x1f" + item, parts) if len(both) else item,
        part_known=bool((parts != "").any()),
        place=pd.DataFrame({"item": item, "time_s": position, "part": parts}),
        bounds=bounds,
        worse=worse,
        same_footage=same_footage,
        only_a=only_a,
        only_b=only_b,
    )


def compare_metrics(
    rows: Mapping[str, Paired],
    *,
    margin: float = MARGIN,
    seed: int = 0,
    share: float = 1.0,
) -> dict[str, Compared]:
    """Every metric of two runs, judged together.

    margin  differences that do not matter, as a share of the metric (``margin_of``)
    share   of the error that these metrics may spend, where others of the family are tested by themselves
    """
    clusters = _clusters(rows)
    p = _tests(rows, clusters, np.random.default_rng(seed), share)
    one = all(each.equal for each in rows.values() if len(each.a))  # the two did the same in everything
    return {
        name: _compared(each, clusters[name], p.get(name, math.nan), margin, one or each.varies)
        for name, each in rows.items()
    }


def _compared(rows: Paired, clusters: Clusters, p: float, share: float, occurs: bool) -> Compared:
    if not len(rows.a):
        nan = math.nan
        return Compared(nan, nan, nan, nan, nan, nan, "cannot tell", 0, 0, "", rows.only_a, rows.only_b)
    a, b = float(rows.a.mean()), float(rows.b.mean())
    margin = margin_of(a, b, share, rows.bounds)
    width = rows.bounds[1] - rows.bounds[0]
    own = clusters.of(np.arange(len(rows.a)))
    found = paired_difference(rows.a, rows.b, own, width=width, same_footage=rows.same_footage)
    said = verdict(found.low, found.high, margin=margin, worse=rows.worse, p=p)
    if rows.same_footage and len(rows.a) < FEWEST_ROWS and not (rows.equal and occurs):
        said = "cannot tell"
    beyond: Verdict = "cannot tell" if rows.alone and not (rows.equal and occurs) else said
    return Compared(
        a=a,
        b=b,
        difference=found.value,
        low=found.low,
        high=found.high,
        margin=margin,
        verdict=beyond,
        n=found.n,
        clusters=found.clusters,
        cluster=found.cluster,
        only_a=rows.only_a,
        only_b=rows.only_b,
        p=p,
        on_these_clips=said if rows.alone else "",
    )


def margin_of(a: float, b: float, share: float, bounds: tuple[float, float] = (0.0, 1.0)) -> float:
    """What does not matter: a share of the metric, the mean of both runs.

    Of a share that is mostly 1, such as accuracy, what is left of 1 counts: 95 % of frames right are 5 % wrong. Of
    a metric without an upper bound its distance from the lower one; without any, its size.
    """
    middle = (a + b) / 2
    from_ends = [abs(middle - end) for end in bounds if np.isfinite(end)]
    width = bounds[1] - bounds[0]
    least = SMALLEST_MARGIN * width if np.isfinite(width) else 0.0
    return max(share * min(from_ends, default=abs(middle)), least)


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
    Where no row of the same footage went one way, the interval does not go that way either.
    """
    if len(a) != len(b):
        raise ValueError(f"paired_difference: expected pairs, got {len(a)} and {len(b)}")
    difference = np.asarray(b, np.float64) - np.asarray(a, np.float64)
    if len(difference) and (difference == 0).all():
        found = clustered_mean(difference, clusters, bounds=(-width, width))
        unseen = 0.0 if same_footage else width * clustered_rate(difference != 0, clusters).high
        return Interval(0.0, -unseen, unseen, found.n, found.clusters, found.cluster)
    low = 0.0 if same_footage and len(difference) and difference.min() >= 0 else -width
    high = 0.0 if same_footage and len(difference) and difference.max() <= 0 else width
    return clustered_mean(difference, clusters, bounds=(low, high))


def verdict(low: float, high: float, *, margin: float, worse: Worse, p: float = 0.0) -> Verdict:
    """What an interval of b - a, and the p-value of no difference, say of b."""
    if math.isnan(low) or math.isnan(high):
        return "cannot tell"
    if -margin <= low and high <= margin:
        return "same"
    if (low > 0 or high < 0) and p <= ALPHA:
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


def _clusters(rows: Mapping[str, Paired]) -> dict[str, Clusters]:
    """The clusters of each metric, numbered alike in all that have the same kind: clips or parts, or stretches."""
    found: dict[str, Clusters] = {}
    many = {name: each for name, each in rows.items() if len(each.a) and not each.few}
    if many:
        code = pd.factorize(np.concatenate([each.clip for each in many.values()]), sort=True)[0]
        for name, label in _split(code, many):
            found[name] = Clusters(label, "part" if many[name].part_known else "item")
    few = {name: each for name, each in rows.items() if name not in many}
    if few:
        places = pd.concat([each.place for each in few.values()], ignore_index=True)
        cut = independent_clusters(
            places["item"],
            places["time_s"].to_numpy(np.float64),
            part=places["part"],
            shortest=SHORTEST_S,
            fewest=len(places) + 1,
        )
        for name, label in _split(cut.label, few):
            found[name] = Clusters(label, "stretch", cut.length)
    return found


def _split(code: np.ndarray, rows: Mapping[str, Paired]) -> list[tuple[str, np.ndarray]]:
    ends = np.cumsum([len(each.a) for each in rows.values()])[:-1]
    return list(zip(rows, np.split(np.asarray(code, np.int64), ends), strict=True))


def _tests(
    rows: Mapping[str, Paired], clusters: Mapping[str, Clusters], rng: np.random.Generator, share: float
) -> dict[str, float]:
    """The p-value of no difference of each metric, those over clips together and those over stretches together."""
    found: dict[str, float] = {}
    for few in (False, True):
        names = [name for name, each in rows.items() if len(each.a) and each.few == few]
        if not names:
            continue
        count = max(clusters[name].count for name in names)
        sums = np.column_stack(
            [
                np.bincount(clusters[name].label, weights=rows[name].b - rows[name].a, minlength=count)
                for name in names
            ]
        )
        first = names[0]
        inflation = shared_by_neighbours(rows[first].place["item"], clusters[first]) if few else 1.0
        found |= dict(zip(names, np.minimum(1.0, step_down(sums, rng, inflation) / share), strict=True))
    return found


def shared_by_neighbours(item: pd.Series, clusters: Clusters) -> float:
    """How many times the variance is that of stretches of their own, where what suits a model may last SHORTEST_S.

    item  (n,) names of the clips that were cut into stretches
    """
    clips = len(np.unique(item.to_numpy(str)))
    return neighbour_inflation(clusters.count, clips, max(clusters.length, SHORTEST_S), SHORTEST_S)
