"""What is made of all units of the stage variation: percentiles of changes, and the spread of the condition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from vidrobust.pipeline.run import Run
from vidrobust.pipeline.stage import Facts
from vidrobust.stages.variation.meter import summarise as percentiles
from vidrobust.stages.variation.quantities import UNITS
from vidrobust.tables import schema as tables

# How the condition of the footage is spread about its median: light, colour, place, sharpness; drift
# included.  Differences of neighbours show how fast a condition moves, not how far it goes: a flicker of +-8
# % differs by up to 16 % from frame to frame, and a slow drift hardly at all. So the condition of a frame is
# taken relative to the first frame of its shot (pairs of the scale ``clip``), and of each shot about its own
# median:  spread = half the distance between the 2.5th and the 97.5th percentile, less the meter's error in
# quadrature  Where a shot moves out of its first frame's sight, too few such pairs are valid, and differences
# over a second, or of neighbours, stand in: of independent conditions they are sqrt(2) times as wide, and are
# divided by it.

QUANTITIES = (
    *("gain", "offset", "uneven_light", "saturation", "hue_deg", "white_balance"),
    *("shift_x_px", "shift_y_px", "rotation_deg", "zoom", "sharpness"),
    *("part_shift_x_px", "part_shift_y_px", "part_rotation_deg", "part_zoom"),
)
"""Quantities whose condition is spread over the footage; noise and block edges are no change but a state."""
FEWEST = 6
"""Fewer valid values give no percentile."""
FEWEST_VALID = 0.5
"""Smaller share of the pairs of a scale that passed: the others may be those that went far."""
NORMAL = 1.96
"""Half the distance between these percentiles of a normal error, in standard deviations."""
BASES = ("clip", "second", "adjacent")


def spread_of(changes: pd.DataFrame, widths: Mapping[str, int]) -> pd.DataFrame:
    """The table ``spread``: a row per item and quantity, and over all items (item "").

    changes  table ``changes`` of any number of items widths   width of each item's frame, px spread   of
    ratios in the ratio's own unit, |ratio - 1|; else in the quantity's unit. NaN with n = 0 where it
             cannot be determined
    low, high  the percentiles themselves, about the median (ratios about 1); least, most: the extremes
    share    of lengths, the spread as a share of each item's own width; else NaN
    basis    the scale of the pairs it stands on
    Over all items the values of all of them are taken together, each item about its own median.
    """
    rows = []
    for quantity in QUANTITIES:
        of_quantity = changes[changes["quantity"] == quantity]
        found = {str(item): _condition(part) for item, part in of_quantity.groupby("item", sort=False)}
        for item, values in found.items():
            rows.append(_row(item, quantity, *values, width=widths[item]))
        if found:
            whole = _row("", quantity, *_together(list(found.values())), width=0)
            if UNITS[quantity].startswith("px"):
                power = 2 if quantity == "sharpness" else 1  # of sharpness the values are variances
                each = [(v / widths[i] ** power, e / widths[i], b) for i, (v, e, b) in found.items()]
                whole["share"] = _row("", quantity, *_together(each), width=1)["spread"]
            rows.append(whole)
    return tables.check("spread", pd.DataFrame(rows) if rows else tables.empty("spread"))


def _condition(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str]:
    """Values of the condition about their median, their errors, and the scale they stand on, of one item."""
    for basis in BASES:
        rows = part[part["scale"] == basis]
        good = rows[rows["valid"].to_numpy(bool)]
        if len(good) < FEWEST or len(good) < FEWEST_VALID * len(rows):
            continue
        ratio = UNITS[str(part["quantity"].iloc[0])].startswith("ratio")
        value = np.log(good["value"].to_numpy(float)) if ratio else good["value"].to_numpy(float)
        if part["quantity"].iloc[0] == "sharpness":
            value = np.sign(value) * value**2  # variances of blur add up, widths do not
        error = np.nan_to_num(good["error"].to_numpy(float))
        if basis != "clip":
            both = np.concatenate([value, -value]) / math.sqrt(2)
            return both, np.concatenate([error, error]) / math.sqrt(2), basis
        return np.concatenate(list(_about_median(value, good["frame_a"].to_numpy()))), error, basis
    return np.empty(0), np.empty(0), ""


def _about_median(value: np.ndarray, shot: np.ndarray) -> Iterator[np.ndarray]:
    """The values of each shot, and its first frame's, 0, about their median."""
    for one in np.unique(shot):
        own = np.append(value[shot == one], 0.0)
        yield own - np.median(own)


def _together(parts: list[tuple[np.ndarray, np.ndarray, str]]) -> tuple[np.ndarray, np.ndarray, str]:
    known = [part for part in parts if len(part[0])]
    if not known:
        return np.empty(0), np.empty(0), ""
    bases = ", ".join(basis for basis in BASES if any(part[2] == basis for part in known))
    return np.concatenate([p[0] for p in known]), np.concatenate([p[1] for p in known]), bases


def _row(
    item: str, quantity: str, value: np.ndarray, error: np.ndarray, basis: str, *, width: int
) -> dict[str, object]:
    nan = float("nan")
    row: dict[str, object] = {"item": item, "quantity": quantity, "unit": UNITS[quantity], "basis": basis}
    row["share"] = nan
    if not len(value):
        return {**row, **dict.fromkeys(("spread", "low", "high", "least", "most", "error"), nan), "n": 0}
    least, most = float(value.min()), float(value.max())
    low, high = np.percentile(value, (2.5, 97.5), method="median_unbiased")
    known = error[error > 0]
    own = float(np.median(known)) if len(known) else 0.0
    if quantity == "sharpness":
        half, low, high = _blur(low, high, own)
        least, most = (math.copysign(math.sqrt(abs(x)), x) for x in (least, most))
    else:
        half = math.sqrt(max(0.0, ((high - low) / 2) ** 2 - (NORMAL * own) ** 2))
        if UNITS[quantity].startswith("ratio"):
            half, low, high = math.expm1(half), math.exp(low), math.exp(high)
            least, most = math.exp(least), math.exp(most)
    if width and UNITS[quantity].startswith("px"):
        row["share"] = half / width
    ends = {"low": low, "high": high, "least": least, "most": most}
    return {**row, "spread": half, **ends, "error": own, "n": len(value)}


def _blur(low: float, high: float, error: float) -> tuple[float, float, float]:
    """From the sharpest to the blurriest condition as one blur, sigma px; and the percentiles in sigma px."""
    signed = [math.copysign(math.sqrt(abs(x)), x) for x in (low, high)]
    return math.sqrt(max(0.0, high - low - 2 * error**2)), signed[0], signed[1]


def summarise(run: Run, facts: Facts) -> None:
    """The tables ``variation`` and ``spread``, and what the meter counted, in run.json."""
    changes = run.table("changes")
    widths = {entry["item"]: int(entry["width"]) for entry in run.folder.run["inputs"]}
    run.folder.write_table("variation", percentiles(changes))
    run.folder.write_table("spread", spread_of(changes, widths))
    inputs = run.folder.run["inputs"]
    for entry in inputs:
        of_item = [fact for name, fact in facts.items() if name[0] == entry["item"]]
        entry["variation"] = dict(of_item[0]) if len(of_item) == 1 else {"segments": of_item}
    run.folder.update(inputs=inputs)
