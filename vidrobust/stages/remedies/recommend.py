"""The rule to use: chosen on half of the footage, its figure from the other half, both ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidrobust.statistics.clusters import Clusters, What
from vidrobust.statistics.levels import FEWEST_TESTED
from vidrobust.statistics.ratios import (
    PairedRatio,
    RatioVerdict,
    Undecided,
    decide,
    ratio_in_clusters,
)


@dataclass(frozen=True)
class Recommended:
    """The best rule within a delay, chosen on all footage; "" where none is fast enough and helps.

    ``halves`` is what each half of the footage would have chosen; ``held_out`` has every row by the rule that
    the other half chose, n = 0 where too few clusters have events for two halves.
    """

    rule: str
    halves: tuple[str, str]
    held_out: PairedRatio
    why: Undecided = Undecided.DECIDED

    @property
    def decided(self) -> tuple[RatioVerdict, Undecided]:
        """What footage that did not choose says of the choice: one question, asked alone."""
        verdict, why = decide(self.held_out)
        return verdict, self.why or why

    @property
    def verdict(self) -> RatioVerdict:
        return self.decided[0]


def halves_of(events: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Two halves of the clusters (G,) bool in their order, with as many that have events.

    None with fewer than six of these: no choice could be tested, whatever it does.
    """
    there = events > 0
    if there.sum() < FEWEST_TESTED:
        return None
    first = np.cumsum(there) - 1 < there.sum() / 2
    return first, ~first


# Values (n,) of a metric, and the independent unit of each (n,)
Values = tuple[np.ndarray, np.ndarray]


def recommended(
    after: dict[str, np.ndarray],
    before: np.ndarray,
    clusters: Clusters,
    delay_ms: dict[str, float],
    max_delay_ms: float,
) -> Recommended:
    """The best of rules with events ``after`` within the delay; doing nothing has ``before``, row by row."""
    allowed = {
        name: (of, clusters.label) for name, of in after.items() if delay_ms[name] <= max_delay_ms
    }
    return best_of(allowed, (before, clusters.label), clusters.count, clusters.what)


def best_of(after: Mapping[str, Values], before: Values, count: int, what: What) -> Recommended:
    """The rule with the lowest mean; it is chosen on each half of the ``count`` clusters with events.

    The halves are the first and the second: of clips, or of time.
    """
    rule = _lowest(after, before, np.full(count, True))
    halves = halves_of(np.bincount(before[1], weights=before[0], minlength=count))
    if halves is None:
        return Recommended(rule, ("", ""), PairedRatio.unknown(what), Undecided.FEW_CLUSTERS)
    chosen = [_lowest(after, before, half) for half in halves]
    parts = [
        [column[half[of[1]]] for column in of]
        for half, name in zip(halves, reversed(chosen), strict=True)
        for of in [after[name] if name else before]
    ]
    swapped, units = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    labels = np.unique(np.concatenate([before[1], units]), return_inverse=True)[1]
    held_out = ratio_in_clusters(before[0], swapped, Clusters(labels, what), events=True)
    return Recommended(rule, (chosen[0], chosen[1]), held_out)


def _lowest(after: Mapping[str, Values], before: Values, half: np.ndarray) -> str:
    means = {name: _mean(values, half) for name, values in after.items()}
    name = min(means, key=lambda each: means[each], default="")
    return name if name and means[name] < _mean(before, half) else ""


def _mean(values: Values, half: np.ndarray) -> float:
    inside = values[0][half[values[1]]]
    return float(inside.mean()) if len(inside) else float("inf")


def as_json(advice: Recommended, max_delay_ms: float) -> dict[str, Any]:
    """Plain values for remedies.json."""
    verdict, why = advice.decided
    return {
        "rule": advice.rule,
        "max_delay_ms": max_delay_ms,
        "chosen_on_halves": list(advice.halves),
        "held_out": dataclasses.asdict(advice.held_out),
        "verdict": str(verdict),
        "why": str(why),
    }
