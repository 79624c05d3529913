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

    low, high    the signed strengths between which 95 % of the footage lies about its median, low at most 0
    and
                 high at least 0; NaN where nothing is known. Of a length shares of the frame's width
    least, most  the extremes, in the same unit; axes of a translation x and y
    px           the larger size of low and high of a length, in px of a typical clip, else NaN
    unit         of ``high``
    basis  what it stands on, in words
    n      values behind it
    """

    high: float
    low: float
    least: float
    most: float
    unit: str
    basis: str
    n: int
    px: float = math.nan
    axes: tuple[float, ...] = ()

    @property
    def size(self) -> float:
        """The larger of the two sizes, NaN where nothing is known."""
        return max(self.high, -self.low)


def observed(
    entry: Perturbation,
    spread: pd.DataFrame,
    within: pd.DataFrame,
    width_px: float,
    *,
    of_pairs: bool = False,
) -> Observed:
    """From the spread of the condition over the footage; from the strengths fitted to pairs where that has none.

    spread    the table; within: the rows of this perturbation and model; width_px of a typical clip
    of_pairs  from the fitted strengths in any case
    """
    names = () if of_pairs else entry.condition
    rows = spread[(spread["item"] == "") & spread["quantity"].isin(names) & (spread["n"] > 0)]
    if not len(rows):
        return _of_pairs(entry, within, width_px)
    length, unit = entry.is_length, OF_WIDTH if entry.is_length else entry.unit
    column = "share" if length else "spread"
    axes = tuple(
        entry.per_condition * float(v)
        for v in rows.set_index("quantity")[column].reindex(list(names)).fillna(0.0)
    )
    high = max(axes)
    basis = f"spread of the condition about its median (pairs: {rows['basis'].iloc[0]})"
    ends = _ends(rows.iloc[0], high) if entry.either_way and len(names) == 1 and not length else None
    low, high, least, most = ends or (-high if entry.either_way else 0.0, high, math.nan, math.nan)
    return Observed(
        low=low,
        high=high,
        least=least,
        most=most,
        basis=basis,
        n=int(rows["n"].max()),
        px=high * width_px if length else math.nan,
        axes=axes if len(names) > 1 else (),
        unit=unit,
    )


def _ends(row: pd.Series, spread: float) -> tuple[float, float, float, float] | None:
    """low, high, least, most as signed strengths: the percentiles, drawn in by as much as the meter's error
    widens them, and the extremes as they are; None where the table has no percentiles.

    spread  half their distance as a strength, the meter's error taken off
    """
    ends = np.array([row.get(name, math.nan) for name in ("low", "high", "least", "most")], np.float64)
    if not np.isfinite(ends).all():
        return None
    ratio = str(row["unit"]).startswith("ratio")
    plain = np.log(ends) if ratio else ends
    half, wanted = (plain[1] - plain[0]) / 2, math.log1p(spread) if ratio else spread
    plain[:2] *= wanted / half if half > 0 else 0.0
    strength = np.sign(plain) * np.expm1(np.abs(plain)) if ratio else plain
    low, high, least, most = (float(each) for each in strength)
    return min(low, 0.0), max(high, 0.0), least, most


def _of_pairs(entry: Perturbation, within: pd.DataFrame, width_px: float) -> Observed:
    strength, weight = within["strength"].to_numpy(float), within["weight"].to_numpy(float)
    length, nan = entry.is_length, math.nan
    unit, share = (OF_WIDTH, 1 / width_px) if length else (entry.unit, 1.0)
    if not len(strength):
        return Observed(low=nan, high=nan, least=nan, most=nan, unit=unit, basis="not measured", n=0)
    if not entry.either_way:
        strength = np.abs(strength)
    order = np.argsort(strength)
    below = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    low, high = (float(strength[order][int(np.abs(below - level).argmin())]) for level in (0.025, 0.975))
    low, high = (min(low, 0.0), max(high, 0.0)) if entry.either_way else (0.0, high)
    return Observed(
        low=low * share,
        high=high * share,
        least=float(strength.min()) * share,
        most=float(strength.max()) * share,
        unit=unit,
        basis="strengths fitted to pairs of neighbours, 2.5th to 97.5th percentile",
        n=len(strength),
        px=max(high, -low) if length else nan,
    )
