"""What is measured of the footage, how its condition is spread, and how strong perturbations occur.

Differences of neighbours show how fast a condition moves, not how far it goes. So the condition of a frame is
taken relative to the first frame of its shot (pairs of the scale ``clip``), and of each shot about its median::

    spread = half the distance of the 2.5th to the 97.5th percentile, less the meter's error in quadrature

Where too few such pairs are valid, differences over a second, or of neighbours, stand in, divided by sqrt(2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vidrobust.tables import schema as tables

if TYPE_CHECKING:
    from vidrobust.perturb.perturbation import Perturbation


@dataclass(frozen=True)
class Quantity:
    """A measured quantity: its unit, as in tables (no change is 1 of a ratio, else 0), and its title."""

    unit: str
    title: str


# Every measured quantity, in the order of the tables.
QUANTITIES: Mapping[str, Quantity] = {
    "gain": Quantity("ratio", "brightness (gain)"),
    "offset": Quantity("levels of 255", "black level (offset)"),
    "uneven_light": Quantity("standard deviation of gain", "light from place to place"),
    "saturation": Quantity("ratio", "saturation"),
    "hue_deg": Quantity("deg", "hue"),
    "white_balance": Quantity("ratio red to blue", "white balance, red to blue"),
    "white_balance_rg": Quantity("ratio red to green", "white balance, red to green"),
    "white_balance_bg": Quantity("ratio blue to green", "white balance, blue to green"),
    "shift_x_px": Quantity("px", "camera shift, along x"),
    "shift_y_px": Quantity("px", "camera shift, along y"),
    "rotation_deg": Quantity("deg", "camera turn"),
    "zoom": Quantity("ratio", "camera zoom"),
    "sharpness": Quantity("px sigma", "sharpness"),
    "noise_sigma": Quantity("levels of 255", "noise"),
    "blockiness": Quantity("levels of 255", "block edges of the codec"),
    "other_change": Quantity("levels of 255", "all other change, as of what moves"),
    "moving_share": Quantity("share of tracked points", "share that moves by itself"),
    "part_shift_x_px": Quantity("px", "parts' shift, along x"),
    "part_shift_y_px": Quantity("px", "parts' shift, along y"),
    "part_rotation_deg": Quantity("deg", "parts' turn"),
    "part_zoom": Quantity("ratio", "parts' zoom"),
}
UNITS: Mapping[str, str] = {name: quantity.unit for name, quantity in QUANTITIES.items()}


def title_of(quantity: str) -> str:
    """Return what a reader calls a quantity; an unknown one keeps its name."""
    return QUANTITIES[quantity].title if quantity in QUANTITIES else quantity


# Quantities whose condition is spread over the footage. Noise and block edges are no change but a state.
CONDITIONS = (
    *("gain", "offset", "uneven_light", "saturation", "hue_deg", "white_balance"),
    *("shift_x_px", "shift_y_px", "rotation_deg", "zoom", "sharpness"),
    *("part_shift_x_px", "part_shift_y_px", "part_rotation_deg", "part_zoom"),
)
FEWEST_VALUES = 6  # fewer valid values give no percentile
# Smallest share of the pairs of a scale that must pass their test: the others may be those that went far.
FEWEST_VALID = 0.5
# half the distance between these percentiles of a normal error, in standard deviations
NORMAL = 1.96
BASES = ("clip", "second", "adjacent")


def spread_of(changes: pd.DataFrame, widths: Mapping[str, int]) -> pd.DataFrame:
    """Make the table ``spread``: a row per item (widths in px) and quantity, and over all items ("")."""
    rows = []
    for quantity in CONDITIONS:
        of_quantity = changes[changes["quantity"] == quantity]
        by_item = {
            str(item): _condition(part) for item, part in of_quantity.groupby("item", sort=False)
        }
        for item, values in by_item.items():
            rows.append(_row(item, quantity, *values, width=widths[item]))
        if by_item:
            whole = _row("", quantity, *_together(list(by_item.values())), width=0)
            if UNITS[quantity].startswith("px"):
                power = 2 if quantity == "sharpness" else 1  # of sharpness the values are variances
                parts = [
                    (v / widths[i] ** power, e / widths[i], b) for i, (v, e, b) in by_item.items()
                ]
                whole["share"] = _row("", quantity, *_together(parts), width=1)["spread"]
            rows.append(whole)
    return tables.check("spread", pd.DataFrame(rows) if rows else tables.empty("spread"))


def _condition(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str]:
    for basis in BASES:
        rows = part[part["scale"] == basis]
        good = rows[rows["valid"].to_numpy(bool)]
        if len(good) < FEWEST_VALUES or len(good) < FEWEST_VALID * len(rows):
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
    for one in np.unique(shot):
        here = np.append(value[shot == one], 0.0)
        yield here - np.median(here)


def _together(
    parts: list[tuple[np.ndarray, np.ndarray, str]],
) -> tuple[np.ndarray, np.ndarray, str]:
    known = [part for part in parts if len(part[0])]
    if not known:
        return np.empty(0), np.empty(0), ""
    bases = ", ".join(basis for basis in BASES if any(part[2] == basis for part in known))
    return np.concatenate([p[0] for p in known]), np.concatenate([p[1] for p in known]), bases


def _row(
    item: str, quantity: str, value: np.ndarray, error: np.ndarray, basis: str, *, width: int
) -> dict[str, object]:
    nan = float("nan")
    row: dict[str, object] = {
        "item": item,
        "quantity": quantity,
        "unit": UNITS[quantity],
        "basis": basis,
    }
    row["share"] = nan
    if not len(value):
        return {
            **row,
            **dict.fromkeys(("spread", "low", "high", "least", "most", "error"), nan),
            "n": 0,
        }
    least, most = float(value.min()), float(value.max())
    low, high = np.percentile(value, (2.5, 97.5), method="median_unbiased")
    known = error[error > 0]
    noise = float(np.median(known)) if len(known) else 0.0
    if quantity == "sharpness":
        signed = [math.copysign(math.sqrt(abs(x)), x) for x in (low, high)]
        half, low, high = (math.sqrt(max(0.0, high - low - 2 * noise**2)), signed[0], signed[1])
        least, most = (math.copysign(math.sqrt(abs(x)), x) for x in (least, most))
    else:
        half = math.sqrt(max(0.0, ((high - low) / 2) ** 2 - (NORMAL * noise) ** 2))
        if UNITS[quantity].startswith("ratio"):
            half, low, high = math.expm1(half), math.exp(low), math.exp(high)
            least, most = math.exp(least), math.exp(most)
    if width and UNITS[quantity].startswith("px"):
        row["share"] = half / width
    ends = {"low": low, "high": high, "least": least, "most": most}
    return {**row, "spread": half, **ends, "error": noise, "n": len(value)}


# How strong a perturbation occurs in the footage

OF_WIDTH = "share of the width"  # unit of a length in a policy


@dataclass(frozen=True, kw_only=True)
class ObservedStrength:
    """How strong a perturbation occurs in the footage."""

    high: float
    # low, high: Signed strengths between which 95 % of the footage lies about its median, low at most 0 and
    # high at least 0; NaN where nothing is known. Of a length, shares of the frame's width
    low: float
    # least, most: The extremes, in the same unit
    least: float
    most: float
    # unit, basis: Unit of ``high``; what the numbers are based on, in words
    unit: str
    basis: str
    n: int  # Values behind it
    # The larger size of low and high of a length, in px of a typical clip; else NaN
    px: float = math.nan
    axes: tuple[float, ...] = ()  # Of a translation, x and y

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
) -> ObservedStrength:
    """Say how strong a perturbation occurs, from the spread of its condition or from fitted pairs.

    ``within`` are rows of ``candidate_fits``, used where the condition has no spread, or ``of_pairs`` in any
    case; ``width_px`` is that of a typical clip.
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
    ends = (
        _ends(rows.iloc[0], high) if entry.either_way and len(names) == 1 and not length else None
    )
    low, high, least, most = ends or (-high if entry.either_way else 0.0, high, math.nan, math.nan)
    return ObservedStrength(
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
    # The percentiles are drawn in to half their distance with the meter's error removed, ``spread`` as a
    # strength; the extremes stay as they are.
    ends = np.array(
        [row.get(name, math.nan) for name in ("low", "high", "least", "most")], np.float64
    )
    if not np.isfinite(ends).all():
        return None
    ratio = str(row["unit"]).startswith("ratio")
    plain = np.log(ends) if ratio else ends
    half, wanted = (plain[1] - plain[0]) / 2, math.log1p(spread) if ratio else spread
    plain[:2] *= wanted / half if half > 0 else 0.0
    strength = np.sign(plain) * np.expm1(np.abs(plain)) if ratio else plain
    low, high, least, most = (float(end) for end in strength)
    return min(low, 0.0), max(high, 0.0), least, most


def _of_pairs(entry: Perturbation, within: pd.DataFrame, width_px: float) -> ObservedStrength:
    strength, weight = within["strength"].to_numpy(float), within["weight"].to_numpy(float)
    length, nan = entry.is_length, math.nan
    unit, share = (OF_WIDTH, 1 / width_px) if length else (entry.unit, 1.0)
    if not len(strength):
        return ObservedStrength(
            low=nan, high=nan, least=nan, most=nan, unit=unit, basis="not measured", n=0
        )
    if not entry.either_way:
        strength = np.abs(strength)
    order = np.argsort(strength)
    below = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    low, high = (
        float(strength[order][int(np.abs(below - level).argmin())]) for level in (0.025, 0.975)
    )
    low, high = (min(low, 0.0), max(high, 0.0)) if entry.either_way else (0.0, high)
    return ObservedStrength(
        low=low * share,
        high=high * share,
        least=float(strength.min()) * share,
        most=float(strength.max()) * share,
        unit=unit,
        basis="strengths fitted to pairs of neighbours, 2.5th to 97.5th percentile",
        n=len(strength),
        px=max(high, -low) if length else nan,
    )
