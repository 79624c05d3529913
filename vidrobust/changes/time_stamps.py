"""Duplicate and dropped frames, found from the presentation time stamps alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOLERANCE = 0.35
"""Largest distance from a whole number of frame intervals, in intervals, of a regular step."""
REGULAR = 0.9
"""Smallest share of regular steps of a footage of constant frame rate."""
REPEATED = 0.25
"""A step of less than this share of an interval shows a second frame for the same moment."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What the time stamps of one item say.

    frames      how many were seen
    interval_s  the time between neighbours taken as nominal; NaN with fewer than two frames
    dropped     frames missing in gaps, or -1 where the frame rate varies and it cannot be determined
    duplicated  frames less than a quarter of an interval after the one before, or before it in time
    constant    whether the frame rate is constant
    """

    frames: int
    interval_s: float
    dropped: int
    duplicated: int
    constant: bool


def measure_timing(time_s: np.ndarray, index: np.ndarray, frame_rate: float) -> Timing:
    """Count gaps and repeats: time_s (N,) seconds, index (N,) frame numbers, of which some may be left out.

    The nominal interval is 1 / frame_rate, unless the median step disagrees by more than 2 %: headers lie.
    """
    if len(time_s) < 2:
        return Timing(frames=len(time_s), interval_s=float("nan"), dropped=0, duplicated=0, constant=True)
    steps, frames = np.diff(time_s), np.diff(index)
    typical = float(np.median(steps / np.maximum(frames, 1)))
    interval = 1 / frame_rate if frame_rate > 0 else typical
    if typical > 0 and abs(interval / typical - 1) > 0.02:
        interval = typical
    in_intervals = steps / interval
    repeated = in_intervals < REPEATED
    regular = np.abs(in_intervals - np.rint(in_intervals)) <= TOLERANCE
    # a footage of varying rate has no nominal place for a frame to be missing from
    near = np.abs(in_intervals - frames) <= TOLERANCE
    constant = (
        bool(regular[~repeated].mean() >= REGULAR and near.mean() >= 0.5) if (~repeated).any() else True
    )
    missing = np.maximum(np.rint(in_intervals) - frames, 0)
    return Timing(
        frames=len(time_s),
        interval_s=interval,
        dropped=int(missing[~repeated].sum()) if constant else -1,
        duplicated=int(repeated.sum()),
        constant=constant,
    )
