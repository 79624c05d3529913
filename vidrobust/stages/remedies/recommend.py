"""The rule to use: chosen on half of the footage, its figure from the other half, both ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.levels import FEWEST_TESTED
from vidrobust.statistics.ratios import PairedRatio, RatioVerdict, Undecided, decide, paired_ratio


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


def recommended(
    after: dict[str, np.ndarray],
    before: np.ndarray,
    clusters: Clusters,
    delay_ms: dict[str, float],
    max_delay_ms: float,
) -> Recommended:
    """The best of rules with events ``after`` within the delay; doing nothing has ``before``.

    It is chosen on each half of the clusters with events, the first and the second: of clips, or of time.
    """
    allowed = [name for name in after if delay_ms[name] <= max_delay_ms]
    rule = _best(allowed, after, before, np.ones(len(before), bool))
    halves = halves_of(np.bincount(clusters.label, weights=before, minlength=clusters.count))
    if halves is None:
        return Recommended(rule, ("", ""), PairedRatio.unknown(clusters.what), Undecided.FEW_CLUSTERS)
    rows = [half[clusters.label] for half in halves]
    chosen = [_best(allowed, after, before, half) for half in rows]
    swapped = np.where(rows[0], *(_events(name, after, before) for name in reversed(chosen)))
    return Recommended(rule, (chosen[0], chosen[1]), paired_ratio(before, swapped, clusters, events=True))


def _events(name: str, after: dict[str, np.ndarray], before: np.ndarray) -> np.ndarray:
    return after[name] if name else before


def _best(allowed: Sequence[str], after: dict[str, np.ndarray], before: np.ndarray, rows: np.ndarray) -> str:
    if not rows.any():
        return ""
    name = min(allowed, key=lambda each: after[each][rows].sum(), default="")
    return name if name and after[name][rows].sum() < before[rows].sum() else ""


def as_json(found: Recommended, max_delay_ms: float) -> dict[str, Any]:
    """Plain values for remedies.json."""
    verdict, why = found.decided
    return {
        "rule": found.rule,
        "max_delay_ms": max_delay_ms,
        "chosen_on_halves": list(found.halves),
        "held_out": dataclasses.asdict(found.held_out),
        "verdict": str(verdict),
        "why": str(why),
    }


def best_buy(table: pd.DataFrame, model: str, metric: str) -> pd.Series | None:
    """Of rows of kind "input", the one that helps most; None where none surely does."""
    rows = table[
        (table["kind"] == "input")
        & (table["model"] == model)
        & (table["metric"] == metric)
        & (table["verdict"] == RatioVerdict.HELPS)
    ]
    return None if rows.empty else rows.loc[rows["ratio"].idxmin()]
