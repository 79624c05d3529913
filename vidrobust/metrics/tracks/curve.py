"""Stability of a detector at every threshold, and under other constants of following and deciding."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics import box_differences
from vidrobust.metrics.tracks import borders, states
from vidrobust.metrics.tracks import follow as following
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.metrics.tracks.measures import measure

THRESHOLDS = tuple(round(0.1 + 0.05 * k, 2) for k in range(17))  # From .1 to .9


def curve(
    found: ItemBoxes, settings: TrackSettings, thresholds: tuple[float, ...] = THRESHOLDS
) -> pd.DataFrame:
    """Measure the stability of one input at each threshold of track start; the band below it keeps its width.

    Frames include gaps; thresholds of single classes are ignored.
    """
    band = settings.start_score - settings.keep_score
    rows = []
    for threshold in thresholds:
        at = dataclasses.replace(
            settings,
            start_score=threshold,
            keep_score=max(0.0, round(threshold - band, 6)),
            start_scores=(),
        )
        found_at = measure(found, follow(found, at), at)
        along = found_at.along
        jitter = along["center_jitter"].to_numpy(np.float64)
        rows.append(
            {
                "threshold": threshold,
                "tracks": len(found_at.tracks),
                "frames": int(along["missed"].notna().sum()),
                "missed": int(along["missed"].sum()),
                "expected": int(along["uncovered"].notna().sum()),
                "uncovered": int(along["uncovered"].sum()),
                "renamed": int(along["flip"].sum()),
                "vanished": int(found_at.tracks["vanished"].sum()),
                "center_jitter": float(np.nanmean(jitter))
                if np.isfinite(jitter).any()
                else float("nan"),
            }
        )
    return pd.DataFrame(rows)


CHANGE = 0.2  # By this share constants are changed, down and up; whole numbers by at least one
CONSTANTS = {
    box_differences: (
        "SAME_CLASS",
        "DUPLICATE",
        "SECOND",
        "SECOND_ALIKE",
        "INSIDE",
        "PART",
        "LEAST_IOU",
    ),
    borders: ("BORDER_PX", "REDRAWN"),
    following: (
        *("STILL", "SAME_PLACE", "LATELY", "SEEN_SHARE", "OUTWARD", "FRAMES_TO_LEAVE"),
        *("FAR", "ALIKE"),
        *("REACH", "NEARBY", "LIKE_SIZE", "CLEARLY"),
    ),
    states: (
        *("AT_REST", "AT_REST_ABOUT", "COVERED", "MORE_COVERED", "GOES_UNDER", "FURTHER"),
        *("FEWEST_NEIGHBOURS", "FRAMES_TO_BORDER", "NEAR_BORDER", "MOVING_BOXES", "RESTING_BOXES"),
        *("HELD", "COHERENT"),
    ),
}  # Constants on which states of objects depend, by the module that defines them
SETTINGS = ("start_score", "keep_score", "iou", "max_gap", "look_on")


def by_constants(
    clips: Sequence[tuple[ItemBoxes, TrackSettings]],
) -> dict[str, tuple[float, float]]:
    """Return by name of each constant the uncovered rate with it lower and higher; "" has it as it is, twice."""
    found = {"": (_rate(clips),) * 2}
    for module, names in CONSTANTS.items():
        for name in names:
            value = getattr(module, name)
            rates = []
            for other in _others(value):
                with _set(name, other):
                    rates.append(_rate(clips))
            found[name] = (rates[0], rates[1])
    for name in SETTINGS:
        rates = [_rate([(boxes, _changed(own, name, k)) for boxes, own in clips]) for k in range(2)]
        found[name] = (rates[0], rates[1])
    return found


def _changed(own: TrackSettings, name: str, which: int) -> TrackSettings:
    value = _others(getattr(own, name))[which]
    if name == "keep_score":
        value = min(value, own.start_score)
    if name == "start_score":
        value = max(value, own.keep_score)
    changed: Any = {name: value}
    return dataclasses.replace(own, **changed)


def _others(value: float) -> tuple[float, float]:
    if isinstance(value, int):
        step = max(1, round(CHANGE * value))
        return max(value - step, 1), value + step
    return value * (1 - CHANGE), value * (1 + CHANGE) if value > 1 else min(
        value * (1 + CHANGE), (1 + value) / 2
    )


@contextlib.contextmanager
def _set(name: str, value: float) -> Iterator[None]:
    modules = [module for module in CONSTANTS if hasattr(module, name)]
    before = getattr(modules[0], name)
    for module in modules:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module in modules:
            setattr(module, name, before)


def _rate(clips: Sequence[tuple[ItemBoxes, TrackSettings]]) -> float:
    parts = [measure(boxes, follow(boxes, own), own).along["uncovered"] for boxes, own in clips]
    every = pd.concat(parts)
    return float(every.mean()) if every.notna().any() else float("nan")
