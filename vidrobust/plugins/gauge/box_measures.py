"""Lengths and places that a detector measures of a part, so that a vision gauge has its gauge R&R."""

from __future__ import annotations

import pandas as pd

from vidrobust.errors import SettingsError

# What can be measured of a box, in px or, by a factor, in mm.
MEASURES = {
    "width": "width of the surest box",
    "height": "height of the surest box",
    "size": "root of the area of the surest box",
    "x": "middle of the surest box from the left edge",
    "y": "middle of the surest box from the upper edge",
}


def check_measure(measure: str | None, mm_per_px: float) -> None:
    """SettingsError for a measure that does not exist, or a factor that is not above 0."""
    if measure is not None and measure not in MEASURES:
        raise SettingsError(f"--measure {measure}: there is no such measure; there are {', '.join(MEASURES)}")
    if not mm_per_px > 0:
        raise SettingsError(f"--mm-per-px: expected a factor above 0, got {mm_per_px:g}")


def measured_boxes(
    detections: pd.DataFrame, measure: str, *, start_score: float, mm_per_px: float = 1.0
) -> pd.Series:
    """Return by (item, model) the median over frames of one measure of the best box of each frame."""
    counts = detections[detections["score"] >= start_score]
    best = counts.sort_values("score", ascending=False, kind="stable").drop_duplicates(
        ["item", "model", "frame"]
    )
    width, height = best["x2"] - best["x1"], best["y2"] - best["y1"]
    values = {
        "width": width,
        "height": height,
        "size": (width * height) ** 0.5,
        "x": (best["x1"] + best["x2"]) / 2,
        "y": (best["y1"] + best["y2"]) / 2,
    }[measure]
    return (values * mm_per_px).groupby([best["item"], best["model"]]).median()
