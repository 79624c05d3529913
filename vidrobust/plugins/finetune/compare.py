"""Arms compared: ratios over clips and seeds, their table, and conclusions in words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.files.json_text import plain
from vidrobust.plugins.finetune.arms import ARMS, BEFORE
from vidrobust.plugins.finetune.judge import CLASSES, FOOTAGE, LOST, NAN, NEGATIVE, OTHER, Headline
from vidrobust.plugins.finetune.network import Bench, MetricValues
from vidrobust.plugins.finetune.steps import Step
from vidrobust.stages.remedies.catalogue import WHY
from vidrobust.statistics.levels import ALPHA, FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.posteriors import rate_posterior
from vidrobust.statistics.ratios import PairedRatio, decided, on_one_side, with_few_events
from vidrobust.statistics.significance import FlippedRatio, benjamini_hochberg
from vidrobust.statistics.standard_errors import error_over_clusters, t_quantile
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import number, percent, percent_with_interval
from vidrobust.text.phrases import plural

HALVINGS = 30  # Steps in which the p-value is enclosed


@dataclass(frozen=True)
class CountedRows:
    """Values (n,) of one repetition, and the cluster of each (n,), from 0."""

    values: np.ndarray
    code: np.ndarray


@dataclass(frozen=True)
class _Sums:
    """Sums and row counts (S, G) of S repetitions in G clusters."""

    sums: np.ndarray
    counted: np.ndarray

    @classmethod
    def of(cls, every: Sequence[CountedRows], codes: Sequence[np.ndarray], count: int) -> _Sums:
        sums = [
            np.bincount(code, weights=each.values, minlength=count)
            for each, code in zip(every, codes, strict=True)
        ]
        return cls(np.array(sums), np.array([np.bincount(code, minlength=count) for code in codes]))

    @property
    def rows(self) -> np.ndarray:
        return np.asarray(np.maximum(self.counted.sum(axis=1, keepdims=True), 1))

    @property
    def known(self) -> bool:
        return bool((self.counted.sum(axis=1) > 0).all())

    @property
    def of_seeds(self) -> np.ndarray:
        return np.asarray((self.sums / self.rows).sum(axis=1))

    @property
    def mean(self) -> float:
        return float(self.of_seeds.mean()) if self.known else NAN

    @property
    def shares(self) -> np.ndarray:
        """(G,) contribution of each cluster to the mean over repetitions."""
        return np.asarray((self.sums / self.rows).mean(axis=0))

    @property
    def pulls(self) -> np.ndarray:
        """(G,) how far each cluster pulls that mean, as ``standard_errors.cluster_pulls``."""
        off = (self.sums - self.of_seeds[:, None] * self.counted) / self.rows
        return np.asarray(off.mean(axis=0) * self.sums.shape[1])


def _in_common_clusters(*sides: Sequence[CountedRows]) -> list[_Sums]:
    every = [rows for side in sides for rows in side]
    codes, flat = np.unique(np.concatenate([rows.code for rows in every]), return_inverse=True)
    parts = np.split(flat, np.cumsum([len(rows.code) for rows in every])[:-1])
    found, start = [], 0
    for side in sides:
        found.append(_Sums.of(side, parts[start : start + len(side)], len(codes)))
        start += len(side)
    return found


def crossed_rates(
    before: Sequence[CountedRows], after: Sequence[CountedRows], what: str, *, events: bool
) -> PairedRatio:
    """Return the ratio of the means of ``after`` and ``before`` over repetitions."""
    then, now = _in_common_clusters(before, after)
    n, count = len(before[0].values), then.sums.shape[1]
    means = then.mean, now.mean
    ratio = means[1] / means[0] if means[0] > 0 else NAN
    if not (then.known and now.known):
        return PairedRatio(*means, NAN, NAN, NAN, NAN, n, count, what)
    flips = FlippedRatio.of(now.shares, then.shares)
    if flips.clusters < FEWEST_TESTED:
        return PairedRatio(*means, ratio, NAN, NAN, NAN, n, count, what, flips.clusters)
    if not means[0] > 0:
        return PairedRatio(*means, NAN, NAN, NAN, flips.p(1.0), n, count, what, flips.clusters)
    of_log = (
        now.of_seeds / means[1] - then.of_seeds / means[0]
        if means[1] > 0
        else np.zeros(len(now.of_seeds))
    )
    p = _level_that_excludes_1(lambda alpha: _interval(flips, ratio, of_log, alpha))
    low, high = _interval(flips, ratio, of_log, ALPHA)
    if events:
        counts = np.ceil(then.sums.mean(axis=0)), np.ceil(now.sums.mean(axis=0))
        low, high = with_few_events(
            low, high, *counts, rows=float(then.rows.mean() / now.rows.mean())
        )
    low, high = on_one_side(low, high, ratio, p)
    return PairedRatio(*means, ratio, low, high, p, n, count, what, flips.clusters)


def _interval(
    flips: FlippedRatio, ratio: float, of_log: np.ndarray, alpha: float
) -> tuple[float, float]:
    low, high = flips.interval(1 - alpha)
    seeds = len(of_log)
    if not ratio > 0 or seeds < 2:
        return max(low, 0.0), high
    own = t_quantile(1 - alpha / 2, seeds - 1) * float(of_log.std(ddof=1)) / math.sqrt(seeds)
    down = math.log(ratio / low) if low > 0 else math.inf
    up = math.log(high / ratio) if high < math.inf else math.inf
    return ratio * math.exp(-math.hypot(down, own)), ratio * math.exp(math.hypot(up, own))


def _level_that_excludes_1(interval: Callable[[float], tuple[float, float]]) -> float:
    inside, outside = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        low, high = interval(middle)
        inside, outside = (middle, outside) if low <= 1 <= high else (inside, middle)
    return outside


def crossed_rate(rows: Sequence[CountedRows]) -> tuple[float, float, float]:
    """Mean of shares over repetitions, and its 95 % interval."""
    (sums,) = _in_common_clusters(rows)
    found, mean = error_over_clusters(sums.pulls, sums.of_seeds), sums.mean
    if np.isnan(found.error) or np.isnan(mean):
        return mean, NAN, NAN
    reach = found.half_width
    if mean in (0.0, 1.0):
        trials = np.round(sums.counted.mean(axis=0)).astype(int)
        reach = rate_posterior(np.zeros(len(trials)), trials).high
    return mean, max(0.0, mean - reach), min(1.0, mean + reach)


AGAINST_BEFORE = (
    OTHER,
    LOST,
    NEGATIVE,
)  # Metrics that are only a difference from the network as it was


def table_of(
    model: str,
    bench: Bench,
    before: Any,
    arms: Mapping[str, Sequence[Any]],
    families: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the table ``adaptation``: each arm and seed against the network before, none and random."""
    was = [list(bench.values(before, before))]
    of_arm = {
        name: [list(bench.values(each, before)) for each in seeds] for name, seeds in arms.items()
    }
    rows: list[dict[str, Any]] = []
    for name, mine in of_arm.items():
        for against in _against(name, arms):
            other = was * len(mine) if against == BEFORE else of_arm[against]
            for now, then in zip(zip(*mine, strict=True), zip(*other, strict=True), strict=True):
                if now[0].metric in AGAINST_BEFORE and against != BEFORE:
                    continue
                rows.append(_row(model, name, against, now, then, now[0].family in families[name]))
    return _judged(rows)


def _against(name: str, arms: Mapping[str, Any]) -> list[str]:
    return [BEFORE, *(other for other in ("none", "random") if other in arms and other != name)]


def _row(
    model: str,
    arm: str,
    against: str,
    now: Sequence[MetricValues],
    then: Sequence[MetricValues],
    trained: bool,
) -> dict[str, Any]:
    about = now[0]
    after, before = ([CountedRows(each.values, each.unit) for each in side] for side in (now, then))
    found = crossed_rates(before, after, about.what, events=about.events)
    _, low, high = crossed_rate(after) if about.events else (NAN, NAN, NAN)
    return {
        "model": model,
        "arm": arm,
        "against": against,
        "judged": about.judged,
        "family": about.family,
        "times": about.times,
        "strength": about.strength,
        "trained": trained,
        "metric": about.metric,
        "after_low": low,
        "after_high": high,
        "seeds": len(now),
        **dataclasses.asdict(found),
    }


def _judged(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Add q-values, corrected separately over footage rows and condition rows."""
    if not rows:
        return tables.empty("adaptation")
    table = pd.DataFrame(list(rows))
    table["q"] = NAN
    p = table["p"].where((table["n"] >= FEWEST_ROWS) & ~table["metric"].isin(AGAINST_BEFORE))
    for same in (table["judged"] == FOOTAGE, table["judged"] != FOOTAGE):
        table.loc[same, "q"] = benjamini_hochberg(p[same].to_numpy(np.float64))
    table["verdict"], table["why"] = decided(table)
    return tables.check("adaptation", table)


MEASURED = ("before", "after", "ratio", "low", "high", "q", "verdict", "why")


def sentences(table: pd.DataFrame, of: Headline = CLASSES) -> list[str]:
    """Sentences: one an arm, then the policy against no augmentation and against random."""
    found = []
    for arm in dict.fromkeys(table["arm"]):
        row = one(table, arm, BEFORE, metric=of.steady)
        if row:
            found.append(f"{arm}: {_went(row, of)}{_right(table, arm, of)}")
    for arm in (
        name for name in dict.fromkeys(table["arm"]) if ARMS[name].mix in ("policy", "alone")
    ):
        for other, words in (("none", "no augmentation"), ("random", "random augmentation")):
            row = one(table, arm, other, metric=of.steady)
            if row:
                found.append(_compared(arm, words, row, of))
            for trained in one_each(table, arm, other, of):
                found.append(
                    f"under {trained['judged']} at its range, {_compared(arm, words, trained, of)}"
                )
    return found


def one(
    table: pd.DataFrame, arm: str, against: str, judged: str = FOOTAGE, metric: str = CLASSES.steady
) -> dict[str, Any]:
    """The row of an arm; empty where there is none."""
    rows = table[
        (table["arm"] == arm)
        & (table["against"] == against)
        & (table["judged"] == judged)
        & (table["metric"] == metric)
        & table["times"].isin([0.0, 1.0])
    ]
    return dict(rows.to_dict("records")[0]) if len(rows) else {}


def one_each(
    table: pd.DataFrame, arm: str, against: str, of: Headline = CLASSES
) -> list[dict[str, Any]]:
    """Rows of an arm under each trained step at its range."""
    rows = table[
        (table["arm"] == arm)
        & (table["against"] == against)
        & (table["times"] == 1.0)
        & table["trained"]
        & (table["metric"] == of.moved)
    ]
    return [dict(row) for row in rows.to_dict("records")]


def better_than_random(
    table: pd.DataFrame, of: Headline = CLASSES, arm: str = "policy"
) -> bool | None:
    """Whether surely better on held-out footage or under every trained step; None without random."""
    row = one(table, arm, "random", metric=of.steady)
    if not row:
        return None
    steps = one_each(table, arm, "random", of)
    if row["verdict"] == "harms":
        return False
    return row["verdict"] == "helps" or (
        bool(steps) and all(step["verdict"] == "helps" for step in steps)
    )


def verdict_on_policy(table: pd.DataFrame, of: Headline = CLASSES) -> str:
    """One sentence; "" where policy or random were not tried."""
    found = better_than_random(table, of)
    if found is None:
        return ""
    if found:
        return "The policy is better than random augmentation of equal strength."
    row = one(table, "policy", "random", metric=of.steady)
    if row["verdict"] == "cannot tell":
        why = WHY.get(str(row["why"]), "")
        return f"The policy is not shown to be better than random augmentation of equal strength: {why}."
    why = {"harms": "it is worse", "does not": "they differ by less than a tenth"}.get(
        str(row["verdict"]), "only on some of what it was trained with"
    )
    return f"The policy is no better than random augmentation of equal strength: {why}."


def best_arm(table: pd.DataFrame, of: Headline = CLASSES) -> str:
    """Return the arm that surely makes held-out footage steadiest without more errors; "" if none."""
    found = []
    for arm in dict.fromkeys(table["arm"]):
        row, errors, other = (
            one(table, arm, BEFORE, metric=name) for name in (of.steady, of.wrong, of.other)
        )
        right = errors["verdict"] != "harms" if errors else other.get("after", 0.0) <= of.most
        if row and row["verdict"] == "helps" and right:
            found.append((row["ratio"], arm))
    return min(found)[1] if found else ""


def measured(table: pd.DataFrame, steps: Sequence[Step], of: Headline = CLASSES) -> dict[str, Any]:
    """The policy's worth on the footage, and each step's under its own perturbation."""

    def figures(row: Mapping[str, Any], what: str) -> dict[str, Any]:
        return (
            {name: row[name] for name in MEASURED} | ({} if of == CLASSES else {"of": what})
            if row
            else {}
        )

    return dict(
        plain(
            {
                "footage": figures(one(table, "policy", BEFORE, metric=of.steady), of.what),
                "steps": {
                    step.key: figures(
                        one(table, "policy", BEFORE, step.key, of.moved), of.what_moved
                    )
                    for step in steps
                },
            }
        )
    )


def _went(row: Mapping[str, Any], of: Headline) -> str:
    ratio = ""
    if row["ratio"] == row["ratio"]:
        ratio = f", {percent_with_interval(row['ratio'], row['low'], row['high'])} left"
    return (
        f"{of.what} of held-out footage went from {percent(row['before'])} to {percent(row['after'])}"
        f"{ratio} ({_decided(row)}; {plural(int(row['seeds']), 'seed')})"
    )


def _decided(row: Mapping[str, Any]) -> str:
    why = WHY.get(str(row["why"]), "")
    q = f"q {number(row['q'])}" if row["q"] == row["q"] else ""
    return ", ".join(each for each in (str(row["verdict"]), why, q) if each)


def _right(table: pd.DataFrame, arm: str, of: Headline) -> str:
    row, negative = (one(table, arm, BEFORE, metric=name) for name in (of.wrong, NEGATIVE))
    wrong = (
        f"; {of.what_wrong} from {percent(row['before'])} to {percent(row['after'])}" if row else ""
    )
    return f"{wrong}, {percent(negative['after'])} were right before" if negative else wrong


def _compared(arm: str, other: str, row: Mapping[str, Any], of: Headline) -> str:
    ratio = percent_with_interval(row["ratio"], row["low"], row["high"])
    what = of.what if row["metric"] == of.steady else of.what_moved
    if row["ratio"] != row["ratio"]:
        return f"{arm} against {other}: no {what} there to compare"
    word = {"helps": "better", "harms": "worse", "does not": "the same"}.get(
        str(row["verdict"]), "cannot tell"
    )
    q = f" (q {number(row['q'])})" if row["q"] == row["q"] else ""
    return f"{arm} has {ratio} of the {what} of {other}: {word}{q}"
