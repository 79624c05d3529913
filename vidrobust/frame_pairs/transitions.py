"""Which neighbouring frames may be compared, and why others may not: from pixels and flags alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from vidrobust.frames.batch import FrameBatch

if TYPE_CHECKING:
    import torch


# Duplicate and dropped frames, found from the presentation time stamps alone.

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


# Why two frames could not be registered. No torch here: pages have words for it.

MIN_SIDE = 32
"""Shorter side, px, below which no frame is registered."""


class Unregistered(StrEnum):
    """Why nothing can be said of two frames, or of what moved between them."""

    SMALL_FRAME = "small_frame"
    NO_TEXTURE = "no_texture"
    OTHER_SCENE = "other_scene"
    MUCH_IS_NEW = "much_is_new"
    NO_COMMON_MOTION = "no_common_motion"


REASONS = {
    "frame_size": "the frame size changes",
    "corrupt": "one of the frames was damaged in decoding",
    "scene_cut": "a scene cut lies between the frames",
    "duplicate": "the frames are the same picture",
    "motion": "the picture moves further than the motion limit",
}
"""Every reason for which a pair is excluded, in the order in which they are tried."""
SCENE_CUT = "scene_cut"
CUTS = ("frame_size", SCENE_CUT)
"""Reasons with which another shot begins."""
BREAKS = (*CUTS, "corrupt")
"""Reasons for which no frame behind them says anything of one before."""
GAPS = (*BREAKS, "motion")
"""Reasons that are drawn as a gap in time: all but a picture that is repeated."""

THUMBNAIL_WIDTH = 160
CUT_CORRELATION = 0.5
CUT_HISTOGRAM = 0.2
CUT_LUMA = 12.0
OTHER_CORRELATION, OTHER_HISTOGRAM, OTHER_EDGES, OTHER_LUMA = 0.8, 0.5, 0.2, 6.0
"""Where colours are far apart and no edges coincide, layout and level may be more alike, by chance."""
MOTION_RESPONSE = 0.2


@dataclass(frozen=True, kw_only=True)
class FrameTransitions:
    """What lies between each frame of a batch and the frame before it.

    reason        (N,) str, "" where the two may be compared, else a key of REASONS; "first" for the very first
    pixel_change  (N,) float64, mean absolute difference of luma in grey levels of 255, frames averaged down to
                  160 px width, so that sensor noise hardly counts; NaN for the first
    shift         (N, 2) float64, global shift x, y as a share of the frame's width, by phase correlation;
                  NaN where it cannot be determined
    keyframe      (N,) bool, True where the coding of the recording begins anew with this frame
    """

    reason: np.ndarray
    pixel_change: np.ndarray
    shift: np.ndarray
    keyframe: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[FrameTransitions]) -> FrameTransitions:
        """Those of batches that follow each other."""
        return cls(
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _OF_TRANSITIONS}
        )

    def rows(self, keep: np.ndarray) -> FrameTransitions:
        """Those of some of the frames; keep (N,) bool."""
        return FrameTransitions(**{name: getattr(self, name)[keep] for name in _OF_TRANSITIONS})


_OF_TRANSITIONS = ("reason", "pixel_change", "shift", "keyframe")


class PairWatcher:
    """Looks at the frames of one item in order and says which neighbours may be compared.

    motion_limit  largest global shift between neighbours, as a share of the frame's width, that still counts
                  as the same view; None for no limit
    """

    def __init__(self, *, motion_limit: float | None = 0.1) -> None:
        self.motion_limit = motion_limit
        self._thumbnail: np.ndarray | None = None
        self._frame: torch.Tensor | None = None
        self._corrupt = False
        self._window: np.ndarray | None = None

    def feed(self, batch: FrameBatch) -> FrameTransitions:
        """The transitions of the next batch of the item."""
        count = len(batch)
        reason = np.full(count, "", dtype=object)
        change, shift = np.full(count, np.nan), np.full((count, 2), np.nan)
        thumbnails = make_thumbnails(batch.pixels)
        for i in range(count):
            reason[i], change[i], shift[i] = self._compare(
                batch.pixels[i], thumbnails[i], bool(batch.corrupt[i])
            )
            self._thumbnail, self._frame = thumbnails[i], batch.pixels[i]
            self._corrupt = bool(batch.corrupt[i])
        keyframe = np.asarray(getattr(batch, "keyframe", np.zeros(count, bool)))
        return FrameTransitions(reason=reason, pixel_change=change, shift=shift, keyframe=keyframe)

    def _compare(
        self, frame: torch.Tensor, thumbnail: np.ndarray, corrupt: bool
    ) -> tuple[str, float, tuple[float, float]]:
        unknown = (np.nan, np.nan)
        if self._thumbnail is None or self._frame is None:
            return "first", np.nan, unknown
        if self._frame.shape != frame.shape:
            return "frame_size", np.nan, unknown
        before, now = _luma_chroma(self._thumbnail), _luma_chroma(thumbnail)
        change = float(np.abs(before[..., 0] - now[..., 0]).mean())
        if corrupt or self._corrupt:
            return "corrupt", change, unknown
        if is_cut(before, now):
            return "scene_cut", change, unknown
        if np.array_equal(self._thumbnail, thumbnail) and bool((self._frame == frame).all()):
            return "duplicate", change, (0.0, 0.0)
        shift = self._shift(before[..., 0], now[..., 0])
        if self.motion_limit is not None and np.hypot(*shift) > self.motion_limit:
            return "motion", change, shift
        return "", change, shift

    def _shift(self, before: np.ndarray, now: np.ndarray) -> tuple[float, float]:
        if min(before.shape) < 16 or before.std() < 1 or now.std() < 1:
            return (np.nan, np.nan)
        if self._window is None or self._window.shape != before.shape:
            self._window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
        (x, y), response = cv2.phaseCorrelate(before, now, self._window)
        if response < MOTION_RESPONSE:
            return (np.nan, np.nan)
        return (x / before.shape[1], y / before.shape[1])


def make_thumbnails(pixels: torch.Tensor) -> np.ndarray:
    """Frames averaged down to at most 160 px width.

    pixels (N, 3, H, W) uint8, any device -> (N, h, w, 3) uint8 in main memory
    """
    height, width = pixels.shape[2:]
    w = min(THUMBNAIL_WIDTH, width)
    h = max(1, round(height * w / width))
    if pixels.device.type != "cpu":
        from torch.nn.functional import adaptive_avg_pool2d

        small = adaptive_avg_pool2d(pixels.float(), (h, w)).round().byte()
        return np.ascontiguousarray(small.permute(0, 2, 3, 1).cpu().numpy())
    frames = pixels.permute(0, 2, 3, 1).numpy()
    return np.stack(
        [cv2.resize(np.ascontiguousarray(f), (w, h), interpolation=cv2.INTER_AREA) for f in frames]
    )


def is_cut(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether a scene cut lies between two thumbnails, (h, w, 3) float32 YCrCb.

    A cut changes the layout (low correlation of luma), the colours (histograms apart) and the level (large
    difference), all at once. A change of light leaves the layout, a moving part or a fast pan the histogram. Two
    scenes may be bright and dark in the same places by chance: then their edges distinguish them.
    """
    # a quarter of the resolution: the layout, not the texture
    size = (max(1, before.shape[1] // 4), max(1, before.shape[0] // 4))
    a = cv2.resize(before[..., 0], size, interpolation=cv2.INTER_AREA)
    b = cv2.resize(now[..., 0], size, interpolation=cv2.INTER_AREA)
    level, layout = float(np.abs(a - b).mean()), _correlation(a, b)
    if level < OTHER_LUMA or layout >= OTHER_CORRELATION:
        return False
    apart = _histogram_distance(before, now)
    if level >= CUT_LUMA and layout < CUT_CORRELATION and apart > CUT_HISTOGRAM:
        return True
    return (
        apart > OTHER_HISTOGRAM
        and _correlation(*(_edges(each[..., 0]) for each in (before, now))) < OTHER_EDGES
    )


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of two pictures; 0 where one is flat."""
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 0 else 0.0


def _edges(luma: np.ndarray) -> np.ndarray:
    """(h, w) size of the gradient."""
    luma = np.ascontiguousarray(luma)
    return np.asarray(cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)))


def between(links_reason: np.ndarray, shift: np.ndarray, start: int, stop: int, limit: float | None) -> str:
    """Why frames ``start`` and ``stop`` (rows, start < stop) may not be compared, or "".

    frames   0   1   2   3        links_reason[i] stands between frame i-1 and frame i
               |   |   |          frames 0 and 3 are joined by the transitions 1, 2, 3
    """
    path = links_reason[start + 1 : stop + 1]
    # a damaged frame on the way may hide a cut
    for reason in BREAKS:
        if reason in path:
            return reason
    if all(reason == "duplicate" for reason in path):
        return "duplicate"
    moved = np.nansum(shift[start + 1 : stop + 1], axis=0)
    if limit is not None and np.hypot(*moved) > limit:
        return "motion"
    return ""


def reasons_of(frames: np.ndarray, transitions: pd.DataFrame) -> np.ndarray:
    """(N,) object: of each frame the reason of ``transitions``; "first" where the one before is not among them.

    frames (N,) int64 in the order of delivery; transitions: rows of that table of the same item
    """
    place = (
        pd.Series(np.arange(len(transitions)), index=transitions["frame"].to_numpy()).loc[frames].to_numpy()
    )
    reason = transitions["reason"].to_numpy(object)[place]
    reason[np.diff(place, prepend=-2) != 1] = "first"
    return reason


def _luma_chroma(thumbnail: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb).astype(np.float32)


def _histogram_distance(before: np.ndarray, now: np.ndarray) -> float:
    """Total variation distance of the 16 x 8 x 8 histograms of luma and chroma, in [0, 1]."""

    def histogram(picture: np.ndarray) -> np.ndarray:
        counts = cv2.calcHist([picture], [0, 1, 2], None, [16, 8, 8], [0, 256, 0, 256, 0, 256])
        flat: np.ndarray = counts.ravel() / counts.sum()
        return flat

    return float(np.abs(histogram(before) - histogram(now)).sum() / 2)
