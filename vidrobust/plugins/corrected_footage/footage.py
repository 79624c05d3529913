"""One input shown again, without one of its measured causes, or why that cannot be made.

What was lost in taking the picture no replay brings back.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
import torch

from vidrobust.footage.item import Item
from vidrobust.frame_pairs.light import measure_light
from vidrobust.frame_pairs.motion import measure_motion
from vidrobust.frame_pairs.prepared import PreparedFrame, prepare_array
from vidrobust.frame_pairs.registration import register, warp
from vidrobust.frame_pairs.robust import spread
from vidrobust.frame_pairs.transitions import JOINED
from vidrobust.frames.pixels import LUMA, luma, to_tensor
from vidrobust.metrics.box_meter import chosen, within_frame
from vidrobust.models.predict import Model, predict
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.corrected_footage.names import CONTROL
from vidrobust.predictions import Classifications, Detections

CHUNK = 16  # frames shown to a model at a time
BOX = ("x1", "y1", "x2", "y2")
FEWEST_VALID = 0.5  # least share of the neighbours between which a change must be reported
# Motion faster than the first, s, is shake; light that changes faster than the second, s, wanders; within so
# many frames it flickers.
SHAKE_S, LIGHT_S, FLICKER_FRAMES = 1.0, 2.0, 7
# Root mean squares below which there is nothing to remove: what the meters show of pictures at rest.
SMALLEST_PX, SMALLEST_GAIN = 0.05, 0.004
# A neighbour counts in the mean where it is nearer than so many deviations of the noise.
SHARP_DIFFERENCE = 3.0

Stream = Iterator[np.ndarray]  # the frames of a clip, (H, W, 3) uint8 RGB in order
Frames = Callable[[], Stream]  # the same, from the start at each call


@dataclass(frozen=True)
class InputShown:
    """An input of a run that is shown again."""

    run: OpenRun
    item: Item
    number: np.ndarray  # (N,) int64: Numbers of its frames, in the order of delivery
    begins: np.ndarray  # (N,) bool: Nothing is compared over this place
    rate: float  # Frames a second

    @classmethod
    def of(cls, run: OpenRun, item: Item) -> InputShown | None:
        rows = run.table("transitions")
        rows = rows[rows["item"] == item.name]
        if not len(rows):
            return None
        joined = np.isin(rows["reason"].to_numpy(object).astype(str), (*JOINED, "motion"))
        step_s = float(np.median(np.diff(rows["time_s"]))) if len(rows) > 1 else 1.0
        return cls(run, item, rows["frame"].to_numpy(np.int64), ~joined, 1.0 / step_s)

    def frames(self) -> Stream:
        with self.run.opened(self.item.name) as source:
            for batch in source.batches(CHUNK):
                yield from batch.pictures

    @functools.cached_property
    def steps(self) -> WanderingSteps:
        self.run.reporter.say(
            f"replays, {self.item.name}: measuring camera and light over {len(self.number)} frames"
        )
        return measured_steps(self.frames(), self.begins)

    def asked(self, model: Model, pixels: torch.Tensor) -> Classifications | Detections:
        return predict(model, pixels, self.run.settings.batch_size)

    def looked_at(self, boxes: Detections, pixels: torch.Tensor) -> Detections:
        """Return the boxes that the run looks at, cut off at the edges of the frames."""
        settings = self.run.settings
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        return within_frame(chosen(boxes, settings.only, settings.ignored_zones), size)


def chunks(frames: Stream) -> Iterator[torch.Tensor]:
    """Yield (N, 3, H, W) uint8, so many frames of one size together."""
    kept: list[np.ndarray] = []
    for frame in frames:
        if kept and (len(kept) == CHUNK or kept[0].shape != frame.shape):
            yield to_tensor(kept)
            kept = []
        kept.append(frame.copy())
    if kept:
        yield to_tensor(kept)


def rows_of(answers: Classifications | Detections, number: np.ndarray) -> pd.DataFrame:
    """Return frame and label of each answer; of a detector a row a box, with score and corners."""
    if isinstance(answers, Classifications):
        return pd.DataFrame({"frame": number, "label": answers.labels})
    corners = {name: answers.boxes[:, k].astype(np.float64) for k, name in enumerate(BOX)}
    of_boxes = {
        "frame": number[answers.frame],
        "label": answers.labels,
        "score": answers.scores.astype(np.float64),
    }
    return pd.DataFrame(of_boxes | corners)


def answered(
    shown: InputShown, frames: Stream, ask: Callable[[torch.Tensor], Classifications | Detections]
) -> pd.DataFrame:
    parts, at = [], 0
    for pixels in chunks(frames):
        answer = ask(pixels)
        answer = shown.looked_at(answer, pixels) if isinstance(answer, Detections) else answer
        parts.append(rows_of(answer, shown.number[at : at + len(pixels)]))
        at += len(pixels)
    return pd.concat(parts, ignore_index=True)


# How camera and light wander over a clip


@dataclass(frozen=True)
class WanderingSteps:
    """Changes from each frame of a clip to the next one that is delivered, row 0 unused."""

    # (N, 2) float64: Px, x right, y down; NaN where the background's motion cannot be determined
    camera: np.ndarray
    # (N,) float64: Log of the ratio of the light; NaN where that cannot be determined
    gain: np.ndarray
    begins: np.ndarray  # (N,) bool: Nothing is compared over this place


def measured_steps(frames: Iterable[np.ndarray], begins: np.ndarray) -> WanderingSteps:
    camera, gain = np.full((len(begins), 2), np.nan), np.full(len(begins), np.nan)
    before: PreparedFrame | None = None
    for row, frame in enumerate(frames):
        now = prepare_array(np.ascontiguousarray(frame))
        if before is not None and not begins[row]:
            camera[row], gain[row] = _step(before, now)
        before = now
    return WanderingSteps(camera, gain, begins)


def _step(a: PreparedFrame, b: PreparedFrame) -> tuple[tuple[float, float], float]:
    motion = measure_motion(a, b)
    if not motion.camera_valid:
        return (math.nan, math.nan), math.nan
    light = measure_light(a, b, motion.camera, ~motion.with_camera)
    moved = (motion.camera.shift_x, motion.camera.shift_y)
    if not light.gain.valid:
        return moved, math.nan
    level = max(float((a.coarse @ LUMA).mean()), 1.0)
    ratio = light.gain.value + light.offset.value / level
    return moved, math.log(ratio) if ratio > 0 else math.nan


def off_by(steps: np.ndarray, begins: np.ndarray, half: int) -> np.ndarray:
    """Return how far each frame is from the mean of itself and ``half`` frames on either side, (N, ...).

    ``steps`` are changes from the frame before; NaN ends a stretch.
    """
    flat = steps.reshape(len(steps), -1)
    broken = begins | np.isnan(flat).any(axis=1)
    edges = [*np.flatnonzero(broken | (np.arange(len(steps)) == 0)).tolist(), len(steps)]
    off = np.zeros_like(flat)
    for start, stop in itertools.pairwise(edges):
        path = np.cumsum(
            np.where(np.arange(stop - start)[:, None] == 0, 0.0, flat[start:stop]), axis=0
        )
        total = np.concatenate([np.zeros((1, path.shape[1])), np.cumsum(path, axis=0)])
        row = np.arange(stop - start)
        reach = np.minimum(np.minimum(row, stop - start - 1 - row), half)  # as far on both sides
        low, high = row - reach, row + reach + 1
        off[start:stop] = path - (total[high] - total[low]) / (high - low)[:, None]
    return off.reshape(steps.shape)


def reported_share(steps: np.ndarray, begins: np.ndarray) -> float:
    """Return the share of the neighbours between which the change was reported."""
    known = ~np.isnan(steps.reshape(len(steps), -1)).any(axis=1)[~begins]
    return float(known.mean()) if len(known) else math.nan


# The footage without one of its causes


@dataclass(frozen=True)
class FootageReplay:
    """Frames of one clip without a cause."""

    frames: Frames | None  # All frames in order; None where the replay cannot be made
    note: str  # What was removed, or why there is nothing to remove, or why it cannot be done
    same: bool = False  # Nothing was to be removed: the frames are the clip's own


def replay_of(name: str, shown: InputShown) -> FootageReplay:
    """Make one of ``names.SHARED`` or ``names.CONTROL``."""
    frames, steps, rate = shown.frames, shown.steps, shown.rate
    averaged = functools.partial(_averaged, frames, steps.begins)
    made: dict[str, Callable[[], FootageReplay]] = {
        "steady-camera": lambda: steady_camera(frames, steps, rate),
        # changes faster than two seconds, and those that are gone within seven frames
        "level-light": lambda: _levelled(frames, steps, _half(LIGHT_S, rate), "the light wanders"),
        "no-flicker": lambda: _levelled(frames, steps, FLICKER_FRAMES // 2, "the light flickers"),
        "less-noise": lambda: FootageReplay(averaged, "mean of three frames along the motion"),
        CONTROL: lambda: resampled(frames, steps, rate),
    }
    return made[name]()


def steady_camera(frames: Frames, steps: WanderingSteps, rate: float) -> FootageReplay:
    """Remove the shake of the whole picture that is faster than a second, along x and y."""
    share = reported_share(steps.camera, steps.begins)
    if not share >= FEWEST_VALID:
        return FootageReplay(None, _too_few(share, "motion be measured"))
    off = off_by(steps.camera, steps.begins, _half(SHAKE_S, rate))
    size = float(np.sqrt(np.mean(np.square(off))))
    if size < SMALLEST_PX:
        return FootageReplay(frames, f"the camera stands still (off by {size:.2g} px)", same=True)
    note = f"shake of {size:.2g} px (root mean square) is taken away"
    return FootageReplay(functools.partial(_shifted, frames, off), note)


def resampled(frames: Frames, steps: WanderingSteps, rate: float) -> FootageReplay:
    """Shift every frame by half a pixel, where steadying shifts any: the softness of shifting alone."""
    steady = steady_camera(frames, steps, rate)
    if steady.frames is None or steady.same:
        return FootageReplay(None, steady.note, same=steady.same)
    half = np.full((len(steps.begins), 2), 0.5)
    return FootageReplay(
        functools.partial(_shifted, frames, half), "all frames shifted by half a pixel"
    )


def _levelled(frames: Frames, steps: WanderingSteps, half: int, what: str) -> FootageReplay:
    share = reported_share(steps.gain, steps.begins)
    if not share >= FEWEST_VALID:
        return FootageReplay(None, _too_few(share, "light be compared"))
    off = off_by(steps.gain, steps.begins, half)
    size = float(np.sqrt(np.mean(np.square(off))))
    if size < SMALLEST_GAIN:
        return FootageReplay(frames, f"the light is steady (off by {100 * size:.2g} %)", same=True)
    note = f"{what} by {100 * size:.2g} % (root mean square), which is taken away"
    return FootageReplay(functools.partial(_scaled, frames, off), note)


def _half(seconds: float, rate: float) -> int:
    return max(1, round(seconds * rate / 2))


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value == value else "none"


def _too_few(share: float, what: str) -> str:
    return f"not possible: only between {_share(share)} of the neighbours could the {what}"


def _shifted(frames: Frames, off: np.ndarray) -> Stream:
    for frame, (x, y) in zip(frames(), off.tolist(), strict=True):
        if max(abs(x), abs(y)) < SMALLEST_PX / 2:
            yield frame
            continue
        displacement = np.empty((*frame.shape[:2], 2), np.float32)
        displacement[..., 0], displacement[..., 1] = x, y
        yield warp(frame, displacement)


def _scaled(frames: Frames, off: np.ndarray) -> Stream:
    for frame, log in zip(frames(), off.tolist(), strict=True):
        table = np.clip(np.rint(np.arange(256) * np.exp(-log)), 0, 255).astype(np.uint8)
        yield np.asarray(cv2.LUT(frame, table))


def _averaged(frames: Frames, begins: np.ndarray) -> Stream:
    before: np.ndarray | None = None
    now: np.ndarray | None = None
    for row, later in enumerate(frames()):
        later = later.copy()
        if now is not None:
            yield _mean_along(now, before, None if begins[row] else later)
        before, now = (None if begins[row] else now), later
    if now is not None:
        yield _mean_along(now, before, None)


def _mean_along(now: np.ndarray, before: np.ndarray | None, after: np.ndarray | None) -> np.ndarray:
    total, count = now.astype(np.float32), np.ones(now.shape[:2], np.float32)
    for other in (before, after):
        moved, alike = _moved_onto(other, now)
        total += moved * alike[..., None]
        count += alike
    return np.rint(total / count[..., None]).astype(np.uint8)


def _moved_onto(other: np.ndarray | None, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Another frame moved onto this one, and where the two agree (1, else 0)."""
    nothing = np.zeros(now.shape[:2], np.float32)
    if other is None or other.shape != now.shape:
        return now, nothing
    registered = register(other, now, fine=False)
    if registered.failed:
        return now, nothing
    moved = warp(other, registered.flow)
    difference = np.abs(luma(moved).astype(np.float32) - luma(now))
    alike = registered.visible & (difference <= SHARP_DIFFERENCE * spread(difference.ravel(), 1.0))
    return moved, alike.astype(np.float32)
