"""How far each family of changes goes between neighbouring frames of a clip: the dose of its perturbations.

A sensitivity is measured at the same strengths in every clip, and says what a change would do. What it does in a
clip also depends on how much of it occurs there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from vidrobust.stages.variation.spread import UNITS

# Quantities of the table ``changes`` that are one kind of change: within a family their squares add up. Ratios
# count as logarithms, angles in radians.
OF_FAMILY: Mapping[str, tuple[str, ...]] = {
    "light": ("gain", "uneven_light"),
    "colour": ("hue_deg", "saturation", "white_balance_rg", "white_balance_bg"),
    "geometry": ("shift_x_px", "shift_y_px"),
    "blur": ("sharpness",),
    "noise": ("noise_sigma",),
}
# Quantities through which a family occurs besides those of its dose: a translation may stand for parts that move.
ALSO: Mapping[str, tuple[str, ...]] = {"geometry": ("part_shift_x_px", "part_shift_y_px")}
# Smaller changes of neighbours are no doses: of light 1 %, of colour 1 % or a degree, of place a tenth of a pixel.
# Noise and focus move a measure of light a little, and beside nothing but that it would be a dose like any other.
LEAST: Mapping[str, float] = {
    **dict.fromkeys((*OF_FAMILY["light"], *OF_FAMILY["colour"]), 0.01),
    **dict.fromkeys((*OF_FAMILY["geometry"], *ALSO["geometry"]), 0.1),
    "hue_deg": math.radians(1),
}
LEAST_RATIO = 1e-6
RESOLVED = 4.0  # smallest mean square of a change over that of its error: two standard errors
OTHER = "other_change"
# A family that occurs in a smaller share of clips is absent: no more than errors twice as long as ``LEAST`` could hide.
RARE, HIDING = 0.1, 2.0


@dataclass(frozen=True)
class Doses:
    """Measured changes of the clips (table ``changes``), and the family of each perturbation."""

    changes: pd.DataFrame
    family: Mapping[str, str]

    @cached_property
    def _known(self) -> pd.DataFrame:
        known = (self.changes["scale"] == "adjacent") & self.changes["valid"].to_numpy(bool)
        return self.changes[known].astype({"item": str, "quantity": str})

    @cached_property
    def _whole(self) -> pd.DataFrame:
        return by_family(self._known)

    def elsewhere(self, items: pd.Index) -> np.ndarray:
        """Return the mean change of each clip that no dose covers, (n,): what moves.

        A clip in which it was not measured has the median of the others; NaN where none was.
        """
        rows = self._known[self._known["quantity"] == OTHER]
        mean = rows.groupby("item")["value"].mean().reindex(items)
        return mean.fillna(mean.median()).to_numpy(np.float64)

    def absent(self, perturbations: pd.Series) -> frozenset[str]:
        """Return those of the perturbations whose family does not occur between neighbours."""
        gone = absent_families(self._known)
        return frozenset(perturbations[perturbations.map(self.family).isin(gone)])

    def of_families(self, items: pd.Index) -> pd.DataFrame:
        """Return the dose of each measured family in each item, (n, families)."""
        return self._whole.reindex(items).fillna(1.0).reset_index(drop=True)

    def of(
        self, items: pd.Index, perturbations: pd.Series, middle: pd.Series
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return doses (n, p) of n clips and p columns: of the first half of each, the second, and the whole.

        ``middle`` is item -> the frame that halves it. What has no measured dose has 1.
        """
        rows = self._known
        early = (rows["frame_a"] <= rows["item"].map(middle)).to_numpy(bool)
        families = perturbations.map(self.family)
        first, second, whole = (
            dose.reindex(index=items, columns=families).fillna(1.0).to_numpy(np.float64)
            for dose in (by_family(rows[early]), by_family(rows[~early]), self._whole)
        )
        return first, second, whole


def by_family(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the root mean square change of each item in each family, over its mean over items.

    An item without any that counts has the smallest dose of the others; a family of which no item has any is absent.
    """
    wide, families = _squares(changes)[0].unstack(), {}
    for family, quantities in OF_FAMILY.items():
        dose = np.sqrt(wide.reindex(columns=list(quantities)).fillna(0.0).sum(axis=1))
        if (dose > 0).any():
            dose = dose.clip(lower=float(dose[dose > 0].min()))
            families[family] = dose / dose.mean()
    return pd.DataFrame(families, index=wide.index)


def absent_families(changes: pd.DataFrame) -> frozenset[str]:
    """Return the families that surely do not occur in nine of ten items or more, of those with a ``LEAST``."""
    counted, error = (squares.unstack() for squares in _squares(changes))
    absent = set()
    for family, quantities in OF_FAMILY.items():
        names = [name for name in (*quantities, *ALSO.get(family, ())) if name in counted]
        if not names or not all(name in LEAST for name in names):
            continue
        hidden = error[names] > np.square([HIDING * LEAST[name] for name in names])
        occurs = ((counted[names] > 0) | hidden | counted[names].isna()).any(axis=1)
        if occurs.mean() < RARE:
            absent.add(family)
    return frozenset(absent)


def _squares(changes: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Mean squares by item and quantity: of the change that counts, and of the measure's error.

    What was resolved and matters counts: the mean square beyond that of the error, where it is larger than that and
    not below ``LEAST``.
    """
    unit = changes["quantity"].map(UNITS).fillna("").to_numpy(str)
    ratio = np.char.startswith(unit, "ratio")
    value, error = (
        np.where(unit == "deg", np.radians(column), column)
        for column in (changes[name].to_numpy(np.float64) for name in ("value", "error"))
    )
    value[ratio] = np.log(np.maximum(value[ratio], LEAST_RATIO))
    squares = changes.assign(square=value**2, noise=np.nan_to_num(error) ** 2)
    both = squares.groupby(["item", "quantity"])[["square", "noise"]].mean()
    beyond = (both["square"] - both["noise"]).where(both["square"] > RESOLVED * both["noise"], 0.0)
    least = beyond.index.get_level_values("quantity").map(LEAST).fillna(0.0)
    return beyond.where(beyond >= np.square(least), 0.0), both["noise"]
