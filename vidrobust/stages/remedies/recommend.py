"""The rule to use: chosen on half of the footage, its figure from the other half, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.stages.remedies.verdict import (
    verdict,
)
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.levels import FALSE_DISCOVERY
from vidrobust.statistics.ratios import PairedRatio, paired_ratio


@dataclass(frozen=True)
class Recommended:
    """The best rule within a delay.

    rule      chosen on all footage; "" where none is fast enough and better than doing nothing
    halves    what the first and what the second half of the footage would have chosen
    held_out  before and after, every row by the rule that the other half chose
    """

    rule: str
    halves: tuple[str, str]
    held_out: PairedRatio


def recommended(
    after: dict[str, np.ndarray],
    before: np.ndarray,
    clusters: Clusters,
    delay_ms: dict[str, float],
    max_delay_ms: float,
) -> Recommended:
    """Of rules with events ``after`` (n,) each, where doing nothing has ``before`` (n,).

    delay_ms  of each rule, worst case; one that is later than ``max_delay_ms`` is not for choice
    The halves are the first and the second half of the clusters, in their order: of clips, or of time.
    """
    allowed = [name for name in after if delay_ms[name] <= max_delay_ms]
    first = clusters.label < clusters.count / 2
    chosen = [_best(allowed, after, before, half) for half in (first, ~first)]
    swapped = np.where(first, *(_events(name, after, before) for name in reversed(chosen)))
    return Recommended(
        rule=_best(allowed, after, before, np.ones(len(before), bool)),
        halves=(chosen[0], chosen[1]),
        held_out=paired_ratio(before, swapped, clusters, events=True),
    )


def _events(name: str, after: dict[str, np.ndarray], before: np.ndarray) -> np.ndarray:
    return after[name] if name else before


def _best(allowed: Sequence[str], after: dict[str, np.ndarray], before: np.ndarray, rows: np.ndarray) -> str:
    """The rule with the fewest events in these rows, the first of equals; "" where doing nothing has no more."""
    if not rows.any():
        return ""
    name = min(allowed, key=lambda each: after[each][rows].sum(), default="")
    return name if name and after[name][rows].sum() < before[rows].sum() else ""


def as_json(found: Recommended, max_delay_ms: float) -> dict[str, Any]:
    """Plain values for remedies.json."""
    summary = {
        name: getattr(found.held_out, name) for name in ("before", "after", "ratio", "low", "high", "p", "n")
    }
    return {
        "rule": found.rule,
        "max_delay_ms": max_delay_ms,
        "chosen_on_halves": list(found.halves),
        "held_out": {**summary, "clusters": found.held_out.clusters, "cluster": found.held_out.cluster},
        "verdict": held_out_verdict(found.held_out),
    }


def held_out_verdict(found: PairedRatio) -> str:
    """What footage that did not choose says of the choice: one test, so p stands for q."""
    return verdict(found.low, found.high, found.p, found.n)


def best_buy(table: pd.DataFrame, model: str, metric: str) -> pd.Series | None:
    """Of what can be bought (rows of kind "input"), the row that helps most; None where none surely does."""
    rows = table[
        (table["kind"] == "input")
        & (table["model"] == model)
        & (table["metric"] == metric)
        & (table["verdict"] == "helps")
        & (table["q"] <= FALSE_DISCOVERY)
    ]
    return None if rows.empty else rows.loc[rows["ratio"].idxmin()]
