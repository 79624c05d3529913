"""How strong a perturbation occurs in the footage: the spread of its condition, or fitted pairs. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from vidrobust.perturb.perturbation import Perturbation

OF_WIDTH = "share of the width"
"""Unit of a length in a policy."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """How strong a perturbation occurs in the footage.

    high   the strength, or NaN; of a length the share of the frame's width; axes of a translation x and y
    px     of a length in px of a typical clip, else NaN
    unit   of ``high``
    basis  what it stands on, in words
    n      values behind it
    """

    high: float
    unit: str
    basis: str
    n: int
    px: float = math.nan
    axes: tuple[float, ...] = ()


def observed(
    entry: Perturbation,
    spread: pd.DataFrame,
    within: pd.DataFrame,
    width_px: float,
    *,
    of_objects: bool = False,
) -> Observed:
    """From the spread of the condition over the footage; from the strengths fitted to pairs where that has none.

    spread  the table; within: the rows of this perturbation and model; width_px of a typical clip
    """
    names = () if of_objects else entry.condition
    rows = spread[(spread["item"] == "") & spread["quantity"].isin(names) & (spread["n"] > 0)]
    length, unit = entry.is_length, entry.unit
    column = "share" if length else "spread"
    if len(rows):
        axes = tuple(
            entry.per_condition * float(v)
            for v in rows.set_index("quantity")[column].reindex(list(names)).fillna(0.0)
        )
        high = max(axes)
        basis = f"spread of the condition about its median (pairs: {rows['basis'].iloc[0]})"
        return Observed(
            high=high,
            unit=OF_WIDTH if length else unit,
            basis=basis,
            n=int(rows["n"].max()),
            px=high * width_px if length else math.nan,
            axes=axes if len(names) > 1 else (),
        )
    return _of_pairs(unit, within, width_px, length=length)


def _of_pairs(unit: str, within: pd.DataFrame, width_px: float, *, length: bool) -> Observed:
    strength, weight = within["strength"].abs().to_numpy(float), within["weight"].to_numpy(float)
    if not len(strength):
        return Observed(high=math.nan, unit=OF_WIDTH if length else unit, basis="not measured", n=0)
    order = np.argsort(strength)
    below = np.cumsum(weight[order]) / weight.sum()
    high = float(strength[order][min(int(np.searchsorted(below, 0.975)), len(order) - 1)])
    return Observed(
        high=high / width_px if length else high,
        unit=OF_WIDTH if length else unit,
        basis="strengths fitted to pairs of neighbours, 97.5th percentile",
        n=len(strength),
        px=high if length else math.nan,
    )
