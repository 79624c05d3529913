"""Rates compared over clips and seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.plugins.finetune.judge import CountedRows
from vidrobust.statistics.levels import ALPHA, FEWEST_TESTED
from vidrobust.statistics.ratios import PairedRatio, on_one_side, with_few_events
from vidrobust.statistics.significance import FlippedRatio
from vidrobust.statistics.standard_errors import t_quantile

NAN = float("nan")
HALVINGS = 30  # Steps in which the p-value is enclosed


@dataclass(frozen=True)
class _Sums:
    """Sums and row counts (S, G) of S repetitions in G clusters."""

    sums: np.ndarray
    counted: np.ndarray

    @classmethod
    def of(cls, every: Sequence[CountedRows], codes: Sequence[np.ndarray], count: int) -> _Sums:
        sums = [
            np.bincount(code, weights=rows.values, minlength=count)
            for rows, code in zip(every, codes, strict=True)
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


def _in_common_clusters(*sides: Sequence[CountedRows]) -> list[_Sums]:
    every = [rows for side in sides for rows in side]
    codes, flat = np.unique(np.concatenate([rows.code for rows in every]), return_inverse=True)
    parts = np.split(flat, np.cumsum([len(rows.code) for rows in every])[:-1])
    sums, start = [], 0
    for side in sides:
        sums.append(_Sums.of(side, parts[start : start + len(side)], len(codes)))
        start += len(side)
    return sums


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
    spread = t_quantile(1 - alpha / 2, seeds - 1) * float(of_log.std(ddof=1)) / math.sqrt(seeds)
    down = math.log(ratio / low) if low > 0 else math.inf
    up = math.log(high / ratio) if high < math.inf else math.inf
    return ratio * math.exp(-math.hypot(down, spread)), ratio * math.exp(math.hypot(up, spread))


def _level_that_excludes_1(interval: Callable[[float], tuple[float, float]]) -> float:
    inside, outside = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        low, high = interval(middle)
        inside, outside = (middle, outside) if low <= 1 <= high else (inside, middle)
    return outside
