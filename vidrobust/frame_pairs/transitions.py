"""Which frames may be compared, and why others may not: from pixels, flags and time stamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

import cv2
import numpy as np
import pandas as pd

from vidrobust.frame_pairs.robust import correlation
from vidrobust.frames.batch import NO_PTS, FrameBatch, frame_hashes

# Every reason for which a pair is excluded, in the order in which they are tried.
REASONS = {
    "frame_size": "the frame size changes",
    "corrupt": "one of the frames was damaged in decoding",
    "scene_cut": "a scene cut lies between the frames",
    "duplicate": "the frames are the same picture",
    "motion": "the picture moves further than the motion limit",
}
SCENE_CUT = "scene_cut"
CUTS = ("frame_size", SCENE_CUT)  # reasons with which another shot begins
BREAKS = (*CUTS, "corrupt")  # reasons across which no frame says anything about an earlier one
GAPS = (*BREAKS, "motion")  # reasons that are drawn as a gap in time: all except a repeated picture
JOINED = ("", "duplicate")  # reasons with which the view goes on

THUMBNAIL_WIDTH = 160
# A cut needs other layout, other colours and another level at once; a change of light keeps the layout, a
# moving part the histogram, sensor noise the level. Tried on 720 planted cuts and 2,755 neighbours of 16
# clips (docs/methods/pairs.md).
CUT_CORRELATION = 0.5
CUT_HISTOGRAM = 0.2
CUT_LUMA = 12.0
# Layout and level of two scenes may be alike by chance; then the colours must be far apart and no edges
# coincide.
OTHER_CORRELATION, OTHER_HISTOGRAM, OTHER_EDGES, OTHER_LUMA = 0.8, 0.5, 0.2, 6.0
MOTION_RESPONSE = 0.2  # response of the phase correlation below which no global shift is reported

MIN_SIDE = 32  # shorter side, px, below which no frame is registered


class Unregistered(StrEnum):
    """Why two frames, or what moved between them, could not be registered."""

    SMALL_FRAME = "small_frame"
    NO_TEXTURE = "no_texture"
    OTHER_SCENE = "other_scene"
    MUCH_IS_NEW = "much_is_new"
    NO_COMMON_MOTION = "no_common_motion"


@dataclass(frozen=True, kw_only=True)
class FrameTransitions:
    """What lies between each frame of a batch and the frame before it."""

    # (N,) str: Empty where the two may be compared, else a key of ``REASONS``; "first" for the very first
    # frame
    reason: np.ndarray
    # (N,) float64: Mean absolute difference of luma in levels of 255, on frames averaged down to 160 px
    # width, so that sensor noise hardly counts; NaN for the first
    pixel_change: np.ndarray
    # (N, 2) float64: Global shift x, y as a share of the frame's width, by phase correlation; NaN where it is
    # not known
    shift: np.ndarray
    # (N,) bool: Whether the coding of the recording begins anew with this frame
    keyframe: np.ndarray
    # (N,) int64 and str: What identifies each frame, see ``FrameBatch.pts`` and ``frame_hashes``
    pts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    content: np.ndarray = field(default_factory=lambda: np.zeros(0, object))

    def __post_init__(self) -> None:
        for name, unknown in (("pts", NO_PTS), ("content", "")):
            if not len(getattr(self, name)):
                vector = np.full(len(self.reason), unknown, getattr(self, name).dtype)
                object.__setattr__(self, name, vector)

    @classmethod
    def joined(cls, parts: Sequence[FrameTransitions]) -> FrameTransitions:
        return cls(
            **{
                f.name: np.concatenate([getattr(part, f.name) for part in parts])
                for f in fields(cls)
            }
        )

    def rows(self, keep: np.ndarray) -> FrameTransitions:
        return FrameTransitions(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


class PairWatcher:
    """Decide which neighbouring frames of one clip may be compared.

    ``motion_limit`` is the largest global shift, as a share of the width, that is still the same view.
    """

    def __init__(self, *, motion_limit: float = 0.1) -> None:
        self.motion_limit = motion_limit
        self._thumbnail: np.ndarray | None = None
        self._frame: np.ndarray | None = None
        self._corrupt = False
        self._window: np.ndarray | None = None

    def feed(self, batch: FrameBatch) -> FrameTransitions:
        count = len(batch)
        reason = np.full(count, "", dtype=object)
        change, shift = np.full(count, np.nan), np.full((count, 2), np.nan)
        pictures = batch.pictures
        thumbnails = make_thumbnails(pictures)
        for i in range(count):
            corrupt = bool(batch.corrupt[i])
            reason[i], change[i], shift[i] = self._compare(pictures[i], thumbnails[i], corrupt)
            self._thumbnail, self._frame, self._corrupt = thumbnails[i], pictures[i], corrupt
        keyframe = np.asarray(getattr(batch, "keyframe", np.zeros(count, bool)))
        pts = np.asarray(getattr(batch, "pts", np.full(count, NO_PTS)))
        return FrameTransitions(
            reason=reason,
            pixel_change=change,
            shift=shift,
            keyframe=keyframe,
            pts=pts,
            content=frame_hashes(pictures),
        )

    def _compare(
        self, frame: np.ndarray, thumbnail: np.ndarray, corrupt: bool
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
        # thumbnails first: comparing all pixels of every pair would cost more than the rest
        if np.array_equal(self._thumbnail, thumbnail) and np.array_equal(self._frame, frame):
            return "duplicate", change, (0.0, 0.0)
        shift = self._shift(before[..., 0], now[..., 0])
        if np.hypot(*shift) > self.motion_limit:
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


def make_thumbnails(pictures: np.ndarray) -> np.ndarray:
    """Average pictures (N, H, W, 3) uint8 down to at most 160 px width: (N, h, w, 3)."""
    height, width = pictures.shape[1:3]
    w = min(THUMBNAIL_WIDTH, width)
    h = max(1, round(height * w / width))
    return np.stack([cv2.resize(one, (w, h), interpolation=cv2.INTER_AREA) for one in pictures])


def is_cut(before: np.ndarray, now: np.ndarray) -> bool:
    """Say whether a scene cut lies between two thumbnails, (h, w, 3) float32 YCrCb.

    A cut changes layout, colours and level at once; scenes bright and dark in the same places differ in
    edges.
    """
    # a quarter of the resolution: the layout, not the texture
    size = (max(1, before.shape[1] // 4), max(1, before.shape[0] // 4))
    a = cv2.resize(before[..., 0], size, interpolation=cv2.INTER_AREA)
    b = cv2.resize(now[..., 0], size, interpolation=cv2.INTER_AREA)
    level, layout = float(np.abs(a - b).mean()), correlation(a, b)
    if level < OTHER_LUMA or layout >= OTHER_CORRELATION:
        return False
    apart = _histogram_distance(before, now)
    if level >= CUT_LUMA and layout < CUT_CORRELATION and apart > CUT_HISTOGRAM:
        return True
    if apart <= OTHER_HISTOGRAM:
        return False
    return correlation(*(_edges(thumbnail[..., 0]) for thumbnail in (before, now))) < OTHER_EDGES


def between(
    links_reason: np.ndarray, shift: np.ndarray, start: int, stop: int, limit: float
) -> str:
    """Return why two frames further apart may not be compared, or "".

    ``links_reason[i]`` is the transition from frame i-1 to frame i: frames 0 and 3 are joined by 1, 2 and 3.
    """
    path = links_reason[start + 1 : stop + 1]
    # a damaged frame on the way may hide a cut
    for reason in BREAKS:
        if reason in path:
            return reason
    if all(reason == "duplicate" for reason in path):
        return "duplicate"
    moved = np.nansum(shift[start + 1 : stop + 1], axis=0)
    return "motion" if np.hypot(*moved) > limit else ""


def reasons_of(frames: np.ndarray, transitions: pd.DataFrame) -> np.ndarray:
    """Look up the reason of each frame (N,); "first" where the one before is not among them."""
    places = pd.Series(np.arange(len(transitions)), index=transitions["frame"].to_numpy())
    place = places.loc[frames].to_numpy()
    reason = transitions["reason"].to_numpy(object)[place]
    reason[np.diff(place, prepend=-2) != 1] = "first"
    return reason


def _edges(luma: np.ndarray) -> np.ndarray:
    luma = np.ascontiguousarray(luma)
    return np.asarray(
        cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
    )


def _luma_chroma(thumbnail: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb).astype(np.float32)


def _histogram_distance(before: np.ndarray, now: np.ndarray) -> float:
    """Total variation distance of the 16 x 8 x 8 histograms of luma and chroma, in [0, 1]."""
    counts = [
        cv2.calcHist([x], [0, 1, 2], None, [16, 8, 8], [0, 256, 0, 256, 0, 256]).ravel()
        for x in (before, now)
    ]
    return float(np.abs(counts[0] / counts[0].sum() - counts[1] / counts[1].sum()).sum() / 2)


# Duplicate and dropped frames by their presentation time stamps

# Largest distance of a regular step from a whole number of frame intervals, in intervals.
STAMP_TOLERANCE = 0.35
REGULAR_SHARE = 0.9  # smallest share of regular steps in footage of constant frame rate
REPEATED_STEP = 0.25  # a shorter step, in frame intervals, shows a second frame for the same moment
# Difference from the median step beyond which the frame rate of the header is not believed.
HEADER_ERROR = 0.02


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What the time stamps of one clip say."""

    frames: int  # Frames seen
    interval_s: float  # Nominal time between neighbours; NaN with fewer than two frames
    # Frames missing in gaps, or -1 where the frame rate varies and it cannot be determined
    dropped: int
    # Frames less than a quarter of an interval after the one before, or before it in time
    duplicated: int
    constant: bool  # Whether the frame rate is constant


def measure_timing(time_s: np.ndarray, index: np.ndarray, frame_rate: float) -> Timing:
    """Count gaps and repeats in time stamps, s.

    The nominal interval is 1 / ``frame_rate``, unless the median step disagrees by more than 2 %.
    """
    if len(time_s) < 2:
        return Timing(
            frames=len(time_s), interval_s=float("nan"), dropped=0, duplicated=0, constant=True
        )
    steps, numbers = np.diff(time_s), np.diff(index)
    typical = float(np.median(steps / np.maximum(numbers, 1)))
    interval = 1 / frame_rate if frame_rate > 0 else typical
    if typical > 0 and abs(interval / typical - 1) > HEADER_ERROR:
        interval = typical
    in_intervals = steps / interval
    single = in_intervals >= REPEATED_STEP
    regular = np.abs(in_intervals - np.rint(in_intervals)) <= STAMP_TOLERANCE
    # footage of varying rate has no nominal place for a frame to be missing from
    near = np.abs(in_intervals - numbers) <= STAMP_TOLERANCE
    constant = not single.any() or bool(
        regular[single].mean() >= REGULAR_SHARE and near.mean() >= 0.5
    )
    missing = np.maximum(np.rint(in_intervals) - numbers, 0)
    return Timing(
        frames=len(time_s),
        interval_s=interval,
        dropped=int(missing[single].sum()) if constant else -1,
        duplicated=int((~single).sum()),
        constant=constant,
    )
