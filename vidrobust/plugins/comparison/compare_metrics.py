"""Paired differences of every metric of two runs on the same footage, and a verdict on each.

``same``: the interval lies within the margin. ``better`` and ``worse``: it excludes 0, and flipping the signs
of whole clips does as much to any of the jointly judged metrics in at most 5 % of cases. Otherwise ``cannot
tell``, with the reason in ``why``.

Interval and test are one (``significance.FlippedRatio``) and never contradict; fewer than six clusters give
none. "Same" is shown by inclusion (Westlake 1976; Schuirmann 1987). Below fourteen clips or parts a verdict
speaks of these alone: a kind of clip that is one in five may be absent from the sample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.finished_runs.comparison import MARGIN
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.intervals import Interval, clustered_rate
from vidrobust.statistics.levels import ALPHA, FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.ratios import Undecided
from vidrobust.statistics.significance import FlippedRatio, neighbour_inflation, step_down

# A margin where the metric is next to nothing, as a share of what it can differ by
SMALLEST_MARGIN = 1e-4
# shortest stretch that counts as one: what suits one of two models may do so for as long
SHORTEST_S = 2.0
# Share of the footage that a kind of clip has which should not have gone unseen where others are spoken of.
RARE = 0.2
# Clips or parts below which nothing is said of others: of 14 one is of such a kind in 95 % (.8^14 = .044).
ENOUGH = math.ceil(math.log(ALPHA) / math.log(1 - RARE))

Verdict = Literal["better", "worse", "same", "cannot tell"]
Worse = Literal["higher", "lower"]


@dataclass(frozen=True)
class Compared:
    """One metric of two runs on what both have."""

    # The metric in each run, over the rows that both have.
    a: float
    b: float
    # b - a with its 95 % interval over clusters; no interval with fewer than six.
    difference: float
    low: float
    high: float
    margin: float  # what does not matter, in the unit of the metric
    verdict: Verdict  # verdict, why: of footage like this, and the code of ``Undecided`` for "cannot tell"
    # Rows compared (of A), and their independent units.
    n: int
    clusters: int
    cluster: str
    # Rows that only one run has, left out.
    only_a: int = 0
    only_b: int = 0
    # of no difference, allowing for all metrics judged with it; NaN without a test
    p: float = math.nan
    # Below fourteen clips or parts the verdict on these clips alone; "" otherwise.
    on_these_clips: Verdict | Literal[""] = ""
    why: Undecided = Undecided.DECIDED

    @property
    def times(self) -> float:
        """How many times this footage would settle the question; NaN where settled or without interval.

        An interval shrinks with the root of the footage.
        """
        half = (self.high - self.low) / 2
        if self.verdict != "cannot tell" or not half > 0:
            return math.nan
        reach = max(abs(self.difference), self.margin - abs(self.difference))
        return max(1.0, (half / reach) ** 2)


@dataclass(frozen=True)
class Paired:
    """The rows of one metric in two runs, on footage that both have."""

    # (n,) and (m,) values.
    a: np.ndarray
    b: np.ndarray
    # (n,) names of the clips of A's rows, or of the parts if known.
    clip: np.ndarray
    part_known: bool
    # place, clip_b, place_b: item, time_s and part of each row of A; the same of B's rows where they are not
    # those of A one by one.
    place: pd.DataFrame
    # Bounds of the values, and which of two values is the worse one.
    bounds: tuple[float, float] = (0.0, 1.0)
    worse: Worse = "higher"
    # Both runs saw the same pictures, so that equal rows are a fact and not a sample.
    same_footage: bool = True
    only_a: int = 0
    only_b: int = 0
    clip_b: np.ndarray | None = None
    place_b: pd.DataFrame | None = None

    @property
    def one_by_one(self) -> bool:
        return self.clip_b is None

    @property
    def clips(self) -> np.ndarray:
        return self.clip if self.clip_b is None else np.concatenate([self.clip, self.clip_b])

    @property
    def places(self) -> pd.DataFrame:
        return self.place if self.place_b is None else pd.concat([self.place, self.place_b])

    @property
    def known(self) -> bool:
        return bool(len(self.a) and len(self.b))

    @property
    def few(self) -> bool:
        return len(np.unique(self.clips)) < FEWEST_TESTED

    @property
    def alone(self) -> bool:
        return len(np.unique(self.clips)) < ENOUGH

    @property
    def equal(self) -> bool:
        if not self.same_footage or not self.known or len(self.a) != len(self.b):
            return False
        there = self.clip_b is None or bool((self.clip == self.clip_b).all())
        return there and bool((self.a == self.b).all())

    @property
    def varies(self) -> bool:
        return len(self.a) > 0 and bool(self.a.min() < self.a.max())

    def sums(self, clusters: Clusters) -> tuple[np.ndarray, np.ndarray]:
        """Return (G,) what each cluster adds to the difference of the means, and its share of the rows.

        Taken about the mean of both runs, so that more rows alone make no difference.
        """
        n, m, count = len(self.a), len(self.b), clusters.count
        of_a = clusters.label[:n]
        if self.one_by_one:
            adds = np.bincount(of_a, weights=self.b - self.a, minlength=count) / n
            return adds, np.bincount(of_a, minlength=count) / n
        of_b, middle = clusters.label[n:], (self.a.sum() + self.b.sum()) / (n + m)
        adds = np.bincount(of_b, weights=self.b - middle, minlength=count) / m
        adds = adds - np.bincount(of_a, weights=self.a - middle, minlength=count) / n
        share = np.bincount(of_a, minlength=count) / n + np.bincount(of_b, minlength=count) / m
        return adds, share / 2


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
    """Return the rows of two tables that belong together by ``keys``; ``part`` is the column of dependent
    passes.
    """
    both, only_a, only_b = _paired(a, b, keys, column, part)
    clip, place, known = _places(both, part)
    of_a, of_b = (both[f"{column}_{side}"].to_numpy(np.float64) for side in "ab")
    return Paired(of_a, of_b, clip, known, place, bounds, worse, same_footage, only_a, only_b)


def rows_along_tracks(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    column: str,
    worse: Worse,
    bounds: tuple[float, float],
    part: str | None,
) -> Paired:
    """All rows along tracks of two tables; tracks are numbered anew for every model."""
    a, b = (table[table[column].notna()] for table in (a, b))
    (clip, place, known), (clip_b, place_b, _) = (_places(table, part) for table in (a, b))
    of_a, of_b = (table[column].to_numpy(np.float64) for table in (a, b))
    return Paired(of_a, of_b, clip, known, place, bounds, worse, clip_b=clip_b, place_b=place_b)


def _places(rows: pd.DataFrame, part: str | None) -> tuple[np.ndarray, pd.DataFrame, bool]:
    item = (
        rows["item"] if "item" in rows else rows[part] if part else pd.Series("", index=rows.index)
    )
    item = item.astype(str).to_numpy(object)
    time_s = (
        rows["time_s"].to_numpy(np.float64)
        if "time_s" in rows
        else np.arange(len(rows), dtype=float)
    )
    parts = (
        rows[part].fillna("").astype(str).to_numpy(object)
        if part
        else np.full(len(rows), "", object)
    )
    clip = np.where(parts == "", "item\x1f" + item, parts) if len(rows) else item
    return (
        clip,
        pd.DataFrame({"item": item, "time_s": time_s, "part": parts}),
        bool((parts != "").any()),
    )


def compare_metrics(
    rows: Mapping[str, Paired], *, margin: float = MARGIN, seed: int = 0, share: float = 1.0
) -> dict[str, Compared]:
    """Compare every metric of two runs, judged together.

    ``margin`` is a share of the metric (``margin_of``); these metrics may spend ``share`` of the error.
    """
    clusters = _clusters(rows)
    p = _tests(rows, clusters, np.random.default_rng(seed), share)
    # the two did the same in everything
    one = all(pair.equal for pair in rows.values() if pair.known)
    return {
        name: _compared(
            pair, clusters.get(name), p.get(name, math.nan), margin, one or pair.varies, seed
        )
        for name, pair in rows.items()
    }


def _compared(
    rows: Paired, clusters: Clusters | None, p: float, share: float, occurs: bool, seed: int
) -> Compared:
    if clusters is None:
        return replace(nothing_compared(), only_a=rows.only_a, only_b=rows.only_b)
    a, b = float(rows.a.mean()), float(rows.b.mean())
    margin = margin_of(a, b, share, rows.bounds)
    delta = paired_difference(rows, clusters.of(np.arange(len(clusters.label))), seed)
    here = verdict(delta.low, delta.high, margin=margin, worse=rows.worse, p=p)
    fact = rows.equal and occurs  # what occurred, and did the same in every row, is no sample
    few = rows.same_footage and len(rows.a) < FEWEST_ROWS and not fact
    here = "cannot tell" if few else here
    alone = rows.alone and not fact
    beyond: Verdict = "cannot tell" if alone else here
    return Compared(
        a=a,
        b=b,
        difference=delta.value,
        low=delta.low,
        high=delta.high,
        margin=margin,
        verdict=beyond,
        n=delta.n,
        clusters=delta.clusters,
        cluster=delta.cluster,
        only_a=rows.only_a,
        only_b=rows.only_b,
        p=p,
        on_these_clips=here if rows.alone else "",
        why=Undecided.FEW_ROWS if few else why_not(beyond, here, delta.low, delta.high),
    )


def nothing_compared(a: float | None = None, b: float | None = None) -> Compared:
    """Return what is known of a metric that a run lacks: its figures, of which one may be None."""
    nan = math.nan
    one, other = (nan if value is None else value for value in (a, b))
    missing = Undecided.NOT_MEASURED
    return Compared(one, other, nan, nan, nan, nan, "cannot tell", 0, 0, "", why=missing)


def undecided(compared: Compared) -> Compared:
    """Return a comparison without its verdict, since one run has nothing that could be compared."""
    why = Undecided.NOT_MEASURED
    return replace(compared, verdict="cannot tell", on_these_clips="", why=why)


def why_not(beyond: Verdict, on_these_clips: Verdict, low: float, high: float) -> Undecided:
    """The code of a verdict, from that on these clips and the interval."""
    if beyond != "cannot tell":
        return Undecided.DECIDED
    if on_these_clips != "cannot tell":
        return Undecided.FEW_CLIPS
    if math.isnan(low) or math.isnan(high):
        return Undecided.FEW_CLUSTERS
    return Undecided.INTERVAL if low <= 0 <= high else Undecided.FAMILY


def margin_of(a: float, b: float, share: float, bounds: tuple[float, float] = (0.0, 1.0)) -> float:
    """Return what does not matter: a share of the mean of both runs.

    Near 1, such as accuracy, the rest to 1 counts; without an upper bound the distance from the lower one.
    """
    middle = (a + b) / 2
    from_ends = [abs(middle - end) for end in bounds if np.isfinite(end)]
    width = bounds[1] - bounds[0]
    least = SMALLEST_MARGIN * width if np.isfinite(width) else 0.0
    return max(share * min(from_ends, default=abs(middle)), least)


def paired_difference(rows: Paired, clusters: Clusters, seed: int = 0) -> Interval:
    """Return the mean of B less that of A with its sign-flip interval over clusters; none below six.

    Equal rows throughout give 0 to 0 on the same footage; on other footage they are a sample.
    """
    n, width = len(rows.a), rows.bounds[1] - rows.bounds[0]
    if rows.equal:
        return Interval(0.0, 0.0, 0.0, n, clusters.count, clusters.what)
    adds, share = rows.sums(clusters)
    value = float(rows.b.mean() - rows.a.mean())
    gaps = rows.b - rows.a if rows.one_by_one else np.array([-1.0, 1.0])
    never_less, never_more = bool((gaps >= 0).all()), bool((gaps <= 0).all())
    of_rows = clusters.label[:n]
    unseen = width * clustered_rate(np.zeros(n, bool), Clusters(of_rows, clusters.what)).high
    if never_less and never_more:
        return Interval(0.0, -unseen, unseen, n, clusters.count, clusters.what)
    flips = FlippedRatio.of(adds, share, inflation=inflation_of(rows, clusters), seed=seed)
    if flips.clusters < FEWEST_TESTED:
        return Interval(value, math.nan, math.nan, n, clusters.count, clusters.what)
    low, high = flips.interval()
    # what no row shows is a fact of the same footage, and of other footage it may be unseen
    if never_less and low <= 0:
        low = 0.0 if rows.same_footage else min(low, -unseen)
    if never_more and high >= 0:
        high = 0.0 if rows.same_footage else max(high, unseen)
    return Interval(value, max(low, -width), min(high, width), n, clusters.count, clusters.what)


def verdict(low: float, high: float, *, margin: float, worse: Worse, p: float = 0.0) -> Verdict:
    """Return what an interval of b - a, and the p-value of no difference, say of b."""
    if math.isnan(low) or math.isnan(high):
        return "cannot tell"
    if -margin <= low and high <= margin:
        return "same"
    if (low > 0 or high < 0) and p <= ALPHA:
        return "worse" if (low > 0) == (worse == "higher") else "better"
    return "cannot tell"


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
    both = whole[
        (whole["_merge"] == "both") & whole[f"{column}_a"].notna() & whole[f"{column}_b"].notna()
    ]
    return (
        both,
        int((whole["_merge"] == "left_only").sum()),
        int((whole["_merge"] == "right_only").sum()),
    )


def _clusters(rows: Mapping[str, Paired]) -> dict[str, Clusters]:
    groups: dict[str, Clusters] = {}
    there = {name: pair for name, pair in rows.items() if pair.known}
    many = {name: pair for name, pair in there.items() if not pair.few}
    if many:
        code = pd.factorize(np.concatenate([pair.clips for pair in many.values()]), sort=True)[0]
        for name, label in _split(code, many):
            groups[name] = Clusters(label, "part" if many[name].part_known else "item")
    few = {name: pair for name, pair in there.items() if name not in many}
    if few:
        places = pd.concat([pair.places for pair in few.values()], ignore_index=True)
        cut = independent_clusters(
            places["item"],
            places["time_s"].to_numpy(np.float64),
            part=places["part"],
            shortest=SHORTEST_S,
            fewest=len(places) + 1,
        )
        for name, label in _split(cut.label, few):
            groups[name] = Clusters(label, "stretch", cut.length)
    return groups


def _split(code: np.ndarray, rows: Mapping[str, Paired]) -> list[tuple[str, np.ndarray]]:
    ends = np.cumsum([len(pair.clips) for pair in rows.values()])[:-1]
    return list(zip(rows, np.split(np.asarray(code, np.int64), ends), strict=True))


def _tests(
    rows: Mapping[str, Paired],
    clusters: Mapping[str, Clusters],
    rng: np.random.Generator,
    share: float,
) -> dict[str, float]:
    """p-values of no difference, tested jointly over clips and over stretches."""
    p_of: dict[str, float] = {}
    for few in (False, True):
        names = [name for name, pair in rows.items() if pair.known and pair.few == few]
        if not names:
            continue
        count = max(clusters[name].count for name in names)
        sums = np.zeros((count, len(names)))
        for place, name in enumerate(names):
            mine = rows[name].sums(clusters[name])[0]
            sums[: len(mine), place] = mine
        inflation = inflation_of(rows[names[0]], clusters[names[0]])
        p_of |= dict(
            zip(names, np.minimum(1.0, step_down(sums, rng, inflation) / share), strict=True)
        )
    return p_of


def inflation_of(rows: Paired, clusters: Clusters) -> float:
    """How many times the variance is that of independent clusters: 1 but for stretches, which are neighbours."""
    return shared_by_neighbours(rows.place["item"], clusters) if clusters.what == "stretch" else 1.0


def shared_by_neighbours(item: pd.Series, clusters: Clusters) -> float:
    """How many times the variance is that of separate stretches, if what suits a model lasts SHORTEST_S."""
    clips = len(np.unique(item.to_numpy(str)))
    return neighbour_inflation(clusters.count, clips, max(clusters.length, SHORTEST_S), SHORTEST_S)
