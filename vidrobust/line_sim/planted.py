"""What was planted, from the truth, in the quantities and units in which a run's tables hold what was found."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from vidrobust.line_sim.camera import SENSOR_LEVELS

SPREAD = {
    "gain": "gain",
    "hue_deg": "hue_deg",
    "shift_x_px": "shake_x_px",
    "shift_y_px": "shake_y_px",
    "sharpness": "focus_px",
}
"""Quantities of the table ``spread``, and the columns of the truth that hold their condition."""
STATE = ("noise_sigma", "part_shift_x_px")
"""Quantities of the table ``variation`` that are the same between all neighbours of a clip."""


def planted_spread(truth: pd.DataFrame) -> dict[str, float]:
    """By quantity, how far the condition is spread over the clips, as the table ``spread`` means it.

    truth  rows of ``truth.parquet``; those in which the part is not wholly in view are left out, as in a study
    Half the distance between the 2.5th and 97.5th percentile of the condition about each clip's median: gain as a
    ratio less 1 (of logarithms), hue in degrees, shifts in px, sharpness as the sigma in px from the sharpest
    to the blurriest.
    """
    seen = truth[truth["whole"].to_numpy(bool)]
    found = {}
    for quantity, column in SPREAD.items():
        value = seen[column].to_numpy(float)
        if quantity == "gain":
            value = np.log(np.maximum(value, 1e-3))
        elif quantity == "sharpness":
            value = value**2
        value = pd.Series(value - pd.Series(value).groupby(seen["item"].to_numpy()).transform("median"))
        low, high = np.percentile(value, (2.5, 97.5))
        half = (high - low) / 2
        found[quantity] = {"gain": math.expm1(half), "sharpness": math.sqrt(high - low)}.get(quantity, half)
    return {quantity: float(value) for quantity, value in found.items()}


def planted_state(truth: pd.DataFrame) -> dict[str, float]:
    """By quantity, the median of what is between neighbours: noise in levels, the belt's run in px."""
    return {
        "noise_sigma": float(np.median(np.hypot(truth["noise"].to_numpy(float), SENSOR_LEVELS))),
        "part_shift_x_px": float(np.median(np.abs(truth["speed_px"].to_numpy(float)))),
    }
