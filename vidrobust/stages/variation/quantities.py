"""What is measured between two frames: each quantity with its unit and its name in words. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """unit   as the tables have it; ratios have no change at 1, others at 0
    title  what a reader calls it
    """

    unit: str
    title: str


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
    "moving_share": Quantity("share of tracked points", "share that moves by itself"),
    "part_shift_x_px": Quantity("px", "parts' shift, along x"),
    "part_shift_y_px": Quantity("px", "parts' shift, along y"),
    "part_rotation_deg": Quantity("deg", "parts' turn"),
    "part_zoom": Quantity("ratio", "parts' zoom"),
}
"""Every measured quantity, in the order of the tables."""
UNITS: Mapping[str, str] = {name: quantity.unit for name, quantity in QUANTITIES.items()}


def title_of(quantity: str) -> str:
    """What a reader calls a quantity; one that is not known keeps its name."""
    return QUANTITIES[quantity].title if quantity in QUANTITIES else quantity
