"""What the footage and the model say of one perturbation: how strong it occurs, and what that strength does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.policy.policy import OF_WIDTH
from vidrobust.statistics.clusters import SHORTEST_FRAMES, independent_clusters
from vidrobust.statistics.intervals import clustered_mean

QUANTITIES: Mapping[str, tuple[str, ...]] = {
    "brightness": ("gain",),
    "exposure_offset": ("offset",),
    "saturation": ("saturation",),
    "hue": ("hue_deg",),
    "white_balance": ("white_balance",),
    "translation": ("shift_x_px", "shift_y_px"),
    "rotation": ("rotation_deg",),
    "scale": ("zoom",),
    "gaussian_blur": ("sharpness",),
    "defocus_blur": ("sharpness",),
}
"""The measured condition whose spread is the range of a perturbation. Of others the fitted strengths are."""
PER_UNIT = {"defocus_blur": 2.0}
"""Strength for one unit of the condition; a disk of radius r has the variance of a Gaussian of sigma r / 2."""
LENGTHS = ("translation", "gaussian_blur", "defocus_blur", "motion_blur")
"""Perturbations whose strength is a length: px for the catalogue, shares of the frame's width in a policy."""
LEAST_TV = 0.005
"""Total variation from which on a model is said to be moved: half a percent of its probability."""


FEWEST_CLUSTERS = 8
"""Independent clusters from which on the lower end of the response counts, and not its value."""


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
    perturbation: str,
    unit: str,
    spread: pd.DataFrame,
    within: pd.DataFrame,
    width_px: float,
    *,
    of_objects: bool = False,
) -> Observed:
    """From the spread of the condition over the footage; from the strengths fitted to pairs where that has none.

    spread  the table; within: the rows of this perturbation and model; width_px of a typical clip
    """
    names = () if of_objects else QUANTITIES.get(perturbation, ())
    rows = spread[(spread["item"] == "") & spread["quantity"].isin(names) & (spread["n"] > 0)]
    length = perturbation in LENGTHS
    column = "share" if length else "spread"
    if len(rows):
        scale = PER_UNIT.get(perturbation, 1.0)
        axes = tuple(
            scale * float(v) for v in rows.set_index("quantity")[column].reindex(list(names)).fillna(0.0)
        )
        high = max(axes)
        basis = f"spread of the condition about its median (pairs: {rows['basis'].iloc[0]})"
        return Observed(
            high=high,
            unit=OF_WIDTH if length else unit,
            basis=basis,
            n=int(rows["n"].max()),
            px=high * width_px if length else math.nan,
            axes=axes if perturbation == "translation" else (),
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


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a perturbation of some strength does to the model.

    value, low, high  total variation, with its 95 % interval over clusters
    flips             share of frames whose label flips
    moves             more than the computer's own noise, surely where there are clusters enough, and than LEAST_TV
    """

    value: float
    low: float
    high: float
    flips: float
    n: int
    moves: bool


def response(sensitivity: pd.DataFrame, perturbation: str, strength: float, floor: float) -> Response:
    """The model's response at a strength, frame by frame linear between the strengths tried; 0 at 0.

    sensitivity  the rows of one model; floor: its noise floor, total variation
    """
    rows = sensitivity[sensitivity["perturbation"] == perturbation]
    nan = float("nan")
    if not len(rows) or not math.isfinite(strength):
        return Response(value=nan, low=nan, high=nan, flips=nan, n=0, moves=False)
    change = _at(rows[rows["metric"] == "total_variation"], strength)
    flips = _at(rows[rows["metric"] == "label_flip"], strength)
    clusters = independent_clusters(change["item"], change["frame"], shortest=SHORTEST_FRAMES)
    found = clustered_mean(change["value"].to_numpy(float), clusters.label, bounds=(0.0, 1.0))
    # with a handful of stretches an interval of a mean says little, and the account has shown the rest
    sure = found.low if clusters.count >= FEWEST_CLUSTERS and math.isfinite(found.low) else found.value
    least = max(0.0 if math.isnan(floor) else floor, 0.0)
    return Response(
        value=found.value,
        low=found.low,
        high=found.high,
        flips=float(flips["value"].mean()) if len(flips) else nan,
        n=found.n,
        moves=sure > least and found.value >= LEAST_TV,
    )


def _at(rows: pd.DataFrame, strength: float) -> pd.DataFrame:
    """item, frame, value at this strength."""
    table = rows.pivot_table(index=["item", "frame"], columns="strength", values="value", aggfunc="mean")
    known = np.concatenate([[0.0], table.columns.to_numpy(float)])
    values = np.column_stack([np.zeros(len(table)), table.to_numpy(float)])
    place = int(np.clip(np.searchsorted(known, strength), 1, len(known) - 1))
    part = min(1.0, (strength - known[place - 1]) / (known[place] - known[place - 1]))
    value = values[:, place - 1] + part * (values[:, place] - values[:, place - 1])
    return table.index.to_frame(index=False).assign(value=value)
