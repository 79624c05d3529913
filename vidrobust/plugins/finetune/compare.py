"""Arms against the network as it was, against no augmentation and against random: rows of the table
``adaptation``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.plugins.finetune.arms import BEFORE
from vidrobust.plugins.finetune.crossed import CountedRows, crossed_rate, crossed_rates
from vidrobust.plugins.finetune.metrics import FOOTAGE, LOST, NAN, OTHER
from vidrobust.plugins.finetune.network import Bench, MetricValues
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.ratios import decided
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.tables import schema as tables

# Metrics that are a difference from the network as it was, and no more than that.
AGAINST_BEFORE = (OTHER, LOST)


def table_of(
    model: str,
    bench: Bench,
    before: Any,
    arms: Mapping[str, Sequence[Any]],
    families: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Return the table: answers of each arm and seed against the network as it was, none and random."""
    was = [list(bench.values(before, before))]
    of_arm = {name: [list(bench.values(each, before)) for each in seeds] for name, seeds in arms.items()}
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
    """Of the same metric of each seed."""
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
    """q-values over the rows of the footage, and over those of the conditions; verdicts."""
    if not rows:
        return tables.empty("adaptation")
    table = pd.DataFrame(list(rows))
    table["q"] = NAN
    p = table["p"].where((table["n"] >= FEWEST_ROWS) & ~table["metric"].isin(AGAINST_BEFORE))
    for same in (table["judged"] == FOOTAGE, table["judged"] != FOOTAGE):
        table.loc[same, "q"] = benjamini_hochberg(p[same].to_numpy(np.float64))
    table["verdict"], table["why"] = decided(table)
    return tables.check("adaptation", table)
