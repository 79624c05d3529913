"""One line of the table ``remedies``: a remedy, a metric, before against after, and what it costs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.ratios import PairedRatio, decided
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.tables import schema as tables

NAN = float("nan")
Kind = Literal["rule", "boxes", "input"]


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a remedy costs, the same for all its metrics: columns of the table; NaN where that is not known."""

    delay_frames: float = NAN
    delay_ms: float = NAN
    mean_delay_frames: float = NAN
    mean_delay_ms: float = NAN
    longest_delay_frames: float = NAN
    longest_delay_ms: float = NAN
    changes: int = 0
    unreported: int = 0
    cost_ms: float = 0.0
    agreement: float = NAN
    accuracy_before: float = NAN
    accuracy_after: float = NAN
    accuracy_low: float = NAN
    accuracy_high: float = NAN
    detail: str = ""
    detail_before: float = NAN
    detail_after: float = NAN
    short_events: int = 0
    short_missed_before: int = 0
    short_missed: int = 0
    lag_frames: float = NAN
    distance_before: float = NAN
    distance_after: float = NAN


def row(
    kind: Kind,
    remedy: str,
    model: str,
    metric: str,
    ratio: PairedRatio | None,
    costs: Costs,
    note: str = "",
) -> dict[str, Any]:
    """The line; ``ratio`` None: it could not be measured, and the note says why."""
    summary = dataclasses.asdict(ratio or PairedRatio.unknown())
    columns = {"kind": kind, "remedy": remedy, "model": model, "metric": metric, "note": note}
    return {**columns, **summary, **dataclasses.asdict(costs), "best": False, "recommended": False}


def frame_ms(times: Iterable[np.ndarray]) -> float:
    """A frame's time, of the input with the slowest ones."""
    return max((1000.0 * float(np.median(np.diff(t))) for t in times if len(t) > 1), default=NAN)


def table_of(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The table: q-values over all rows, verdicts, and the points that nothing beats."""
    if not rows:
        return tables.empty("remedies")
    table = pd.DataFrame(list(rows))
    table["q"] = benjamini_hochberg(
        table["p"].where(table["n"] >= FEWEST_ROWS).to_numpy(np.float64)
    )
    table["verdict"], table["why"] = decided(table)
    for _, same in table[table["kind"] == "rule"].groupby(["model", "metric"], sort=False):
        table.loc[same.index, "best"] = unbeaten(
            same["delay_ms"].to_numpy(np.float64), same["after"].to_numpy(np.float64)
        )
    return tables.check("remedies", table)


def unbeaten(cost: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Which points no other beats in both, (n,) bool; points without a number are none."""
    known = np.isfinite(cost) & np.isfinite(left)
    no_worse = (cost[None] <= cost[:, None]) & (left[None] <= left[:, None]) & known[None]
    less = (cost[None] < cost[:, None]) | (left[None] < left[:, None])
    result: np.ndarray = known & ~(no_worse & less).any(axis=1)
    return result
