"""How much the footage itself varies: light, colour, motion, sharpness, noise, block edges, lost frames.

Pixels only; no model. Pairs of frames are taken at three scales:

    adjacent   t and the next frame: one pair, drawn at random, of every ``stride`` pairs in turn
    second     t and the frame one second later, from two starting points a second
    clip       the first frame of the shot and frames after it, at random distances: how the condition of the
               footage is spread (``studies.spread``)

The starting points of the scale ``second`` are at least FAR_FRAMES frames apart, frames of the scale ``clip`` at
least CLIP_FRAMES; the longer a shot, the wider, so that about MOST_CLIP of an hour are measured for each doubling.

No pair reaches over a scene cut or a change of size. How many pairs there were, how many were drawn, and why
others were not, is part of the result.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pandas as pd
import torch

from vidrobust.frame_pairs.light import LightChange, Measure, measure_light, measure_uneven_light
from vidrobust.frame_pairs.motion import MIN_POINTS, PairMotion, Similarity, at_rest, measure_motion
from vidrobust.frame_pairs.prepared import PreparedFrame, prepare
from vidrobust.frame_pairs.texture import TextureChange, measure_texture
from vidrobust.frame_pairs.transitions import CUTS, Timing, measure_timing
from vidrobust.frames.batch import FrameBatch
from vidrobust.stages.variation.quantities import UNITS
from vidrobust.tables import schema as tables

SECOND_S = 1.0
STARTS_PER_SECOND = 2
FAR_FRAMES = 20
CLIP_FRAMES = 1
CLIP_STEP_S = 0.04
"""Mean distance of the frames of the scale ``clip`` while the shot is young."""
MOST_CLIP = 40
"""Of a longer shot the mean distance is its length so far by this."""
COST_MS = (10.5, 5.0)
"""CPU time of one pair: fixed, and per million pixels (benchmarks/variation.py)."""
BUDGET_MS = 7.0
"""CPU time a frame that all pairs may take in the mean; it sets the stride of the neighbouring ones."""


@dataclass(frozen=True, kw_only=True)
class VariationResult:
    """What the meter saw in one item.

    table     contract columns of table ``variation``, and behind them ``error`` (median standard error of the
              valid), ``resolved`` (share of the valid whose change exceeds two standard errors) and ``who``
              (frame, camera or part). n counts the measured pairs, valid is the share of them that passed,
              and the percentiles are over these
    pairs     item, frame_a, frame_b, delta_ms, scale, quantity, who, value (signed; ratios about 1), valid, error
    timing    duplicate and dropped frames from the time stamps
    excluded  neighbouring pairs not to be measured, by reason
    counts    pairs_adjacent, pairs_drawn, pairs_second, pairs_clip
    stride    one neighbouring pair of this many is measured
    """

    item: str
    table: pd.DataFrame
    pairs: pd.DataFrame
    timing: Timing
    excluded: dict[str, int]
    counts: dict[str, int]
    stride: int


@dataclass(frozen=True, kw_only=True)
class PairVariation:
    """All that is measured between two frames."""

    light: LightChange
    uneven_light: Measure
    motion: PairMotion
    texture: TextureChange

    def measures(self) -> Iterator[tuple[str, str, Measure]]:
        """(quantity, who, measure) in the order of UNITS."""
        for name in ("gain", "offset"):
            yield name, "frame", getattr(self.light, name)
        yield "uneven_light", "frame", self.uneven_light
        for name in ("saturation", "hue_deg"):
            yield name, "frame", getattr(self.light, name)
        for name in ("white_balance", "white_balance_rg", "white_balance_bg"):
            yield name, "frame", getattr(self.light, name)
        valid = self.motion.camera_valid
        yield from _motion_measures(self.motion.camera if valid else None, "", "camera", valid)
        for name in ("sharpness", "noise_sigma", "blockiness"):
            yield name, "frame", getattr(self.texture, name)
        share = self.motion.moving_share if valid else math.nan
        yield "moving_share", "part", Measure(value=share, valid=valid, error=math.nan)
        yield from _motion_measures(
            self.motion.part if valid else None, "part_", "part", self.motion.part_has_turn
        )


def _motion_measures(
    motion: Similarity | None, prefix: str, who: str, turns: bool
) -> Iterator[tuple[str, str, Measure]]:
    unknown = Measure(value=math.nan, valid=False, error=math.nan)

    def measure(value: float, error: float, valid: bool) -> Measure:
        return Measure(value=value, valid=valid, error=error)

    names = ("shift_x_px", "shift_y_px", "rotation_deg", "zoom")
    if motion is None:
        yield from ((prefix + name, who, unknown) for name in names)
        return
    yield prefix + names[0], who, measure(motion.shift_x, motion.shift_error, True)
    yield prefix + names[1], who, measure(motion.shift_y, motion.shift_error, True)
    yield prefix + names[2], who, measure(motion.rotation_deg, motion.rotation_error, turns)
    yield prefix + names[3], who, measure(motion.zoom, motion.zoom_error, turns)


def measure_pair(a: PreparedFrame, b: PreparedFrame) -> PairVariation:
    """Everything that changed from frame a to frame b: motion first, then light, then texture."""
    motion = measure_motion(a, b)
    blank = len(a.corners) < MIN_POINTS  # nothing to align, nothing that needs it
    camera, left_out = motion.camera, ~motion.with_camera
    if not motion.camera_valid:
        camera, left_out = at_rest(motion.camera.centre), np.zeros(len(a.corners), bool)
    light = measure_light(a, b, camera, left_out, aligned=motion.camera_valid or blank)
    gain, offset = (light.gain.value, light.offset.value) if light.gain.valid else (1.0, 0.0)
    return PairVariation(
        light=light,
        uneven_light=measure_uneven_light(a, b, camera, left_out, light),
        motion=motion,
        texture=measure_texture(a, b, motion, gain, offset),
    )


@dataclass
class _Frame:
    """A frame while it may still be needed: prepared at most once."""

    pixels: torch.Tensor | None
    index: int
    time_s: float
    prepared: PreparedFrame | None = None

    def get(self) -> PreparedFrame:
        if self.prepared is None:
            assert self.pixels is not None
            self.prepared = prepare(self.pixels)
        return self.prepared


@dataclass
class _Shot:
    """What is kept of the shot in progress."""

    first: _Frame | None = None
    next_clip_s: float = math.inf
    next_start_s: float = -math.inf
    clip_after: int = 0
    start_after: int = 0
    starts: list[_Frame] = field(default_factory=list)


class VariationMeter:
    """Measures the variation of one item, fed with its frames in order.

    frame_rate  frames per second the container claims; used for the time stamps' nominal interval
    stride      measure one neighbouring pair of so many; None: from the frame's size, so that the mean cost a
                frame stays within BUDGET_MS
    content     key of the item's footage; with the seed it decides which pairs are drawn
    seed        of the draw of pairs; the same seed and content give the same pairs
    """

    def __init__(
        self,
        item: str,
        frame_rate: float | Fraction,
        *,
        content: str,
        stride: int | None = None,
        seed: int = 0,
    ) -> None:
        self.item = item
        self.frame_rate = float(frame_rate)
        self.stride = stride
        self._generator = np.random.default_rng([seed, zlib.crc32(content.encode())])
        self._rows: list[tuple[object, ...]] = []
        self._excluded: Counter[str] = Counter()
        self._counts: Counter[str] = Counter(pairs_adjacent=0, pairs_drawn=0, pairs_second=0, pairs_clip=0)
        self._time: list[float] = []
        self._index: list[int] = []
        self._last: _Frame | None = None
        self._last_corrupt = False
        self._shot = _Shot()
        self._until_draw = 0
        self._left_in_block = 0

    def feed(self, batch: FrameBatch, pair_excluded: Sequence[str] | None = None) -> None:
        """Measure the next frames of the item.

        pair_excluded  (N,) why the pair of frame i and the frame before it may not be compared, "" where it may;
                       the reasons of differences.pairs. None: no pair is excluded
        """
        if pair_excluded is not None and len(pair_excluded) != len(batch):
            raise ValueError(
                f"pair_excluded: expected {len(batch)} reasons, one a frame, got {len(pair_excluded)}"
            )
        for i in range(len(batch)):
            frame = _Frame(batch.pixels[i], int(batch.index[i]), float(batch.time_s[i]))
            reason = str(pair_excluded[i]) if pair_excluded is not None else ""
            self._see(frame, reason, bool(batch.corrupt[i]))

    def finish(self) -> VariationResult:
        """The result over all frames fed so far."""
        columns = [
            "item",
            "frame_a",
            "frame_b",
            "delta_ms",
            "scale",
            "quantity",
            "who",
            "value",
            "valid",
            "error",
        ]
        pairs = pd.DataFrame(self._rows, columns=columns)
        return VariationResult(
            item=self.item,
            table=summarise(pairs),
            pairs=pairs,
            timing=measure_timing(np.array(self._time), np.array(self._index, np.int64), self.frame_rate),
            excluded=dict(self._excluded),
            counts=dict(self._counts),
            stride=self.stride or 1,
        )

    def _see(self, frame: _Frame, reason: str, corrupt: bool) -> None:
        if self.stride is None:
            assert frame.pixels is not None
            self.stride = stride_for(int(frame.pixels.shape[1]), int(frame.pixels.shape[2]), self.frame_rate)
        self._time.append(frame.time_s)
        self._index.append(frame.index)
        if reason in CUTS:
            self._shot = _Shot()
        first = len(self._time) == 1
        if not first:
            damaged = corrupt or self._last_corrupt
            self._adjacent(frame, "corrupt" if damaged and not reason else reason)
        if not corrupt:
            self._far(frame)
        if self._draws_next():
            frame.get()
        # the caller may reuse the memory of the batch
        frame.pixels = None
        self._last, self._last_corrupt = frame, corrupt

    def _draws_next(self) -> bool:
        """Whether the pair of this frame and the next is drawn: one at random in each block of ``stride``."""
        assert self.stride is not None
        if self._left_in_block == 0:
            self._left_in_block = self.stride
            self._until_draw = int(self._generator.integers(self.stride))
        self._left_in_block -= 1
        self._until_draw -= 1
        return self._until_draw == -1

    def _adjacent(self, frame: _Frame, reason: str) -> None:
        self._counts["pairs_adjacent"] += 1
        if reason:
            self._excluded[reason] += 1
            return
        if self._last is not None and self._last.prepared is not None and self._until_draw == -1:
            self._counts["pairs_drawn"] += 1
            self._measure(self._last, frame, "adjacent")

    def _far(self, frame: _Frame) -> None:
        """The pairs of this frame and those a second before, and at the beginning of the shot."""
        shot, slack = self._shot, 0.5 / self.frame_rate if self.frame_rate > 0 else 0.0
        due = [start for start in shot.starts if frame.time_s >= start.time_s + SECOND_S - slack]
        for start in due:
            shot.starts.remove(start)
            # after a gap the frame is not one a second later
            if frame.time_s <= start.time_s + 1.25 * SECOND_S + slack:
                self._counts["pairs_second"] += 1
                self._measure(start, frame, "second")
        if shot.first is None:
            frame.get()
            shot.first, shot.next_clip_s = frame, frame.time_s + self._clip_step(frame.time_s)
        elif frame.time_s >= shot.next_clip_s - slack and frame.index >= shot.clip_after:
            self._counts["pairs_clip"] += 1
            self._measure(shot.first, frame, "clip")
            shot.next_clip_s = frame.time_s + self._clip_step(frame.time_s)
            shot.clip_after = frame.index + CLIP_FRAMES
        if frame.time_s >= shot.next_start_s - slack and frame.index >= shot.start_after:
            frame.get()
            shot.starts.append(frame)
            shot.next_start_s = frame.time_s + SECOND_S / STARTS_PER_SECOND
            shot.start_after = frame.index + FAR_FRAMES

    def _clip_step(self, time_s: float) -> float:
        """Seconds to the next frame that is compared with the shot's first one; never in step with anything."""
        start = self._shot.first.time_s if self._shot.first is not None else time_s
        return max(CLIP_STEP_S, (time_s - start) / MOST_CLIP) * self._generator.uniform(0.5, 1.5)

    def _measure(self, a: _Frame, b: _Frame, scale: str) -> None:
        delta_ms = (b.time_s - a.time_s) * 1000
        for quantity, who, m in measure_pair(a.get(), b.get()).measures():
            self._rows.append(
                (self.item, a.index, b.index, delta_ms, scale, quantity, who, m.value, m.valid, m.error)
            )


def stride_for(height: int, width: int, frame_rate: float) -> int:
    """One neighbouring pair of how many, so that the mean cost a frame is within BUDGET_MS.

    It depends on the footage alone, not on the machine, so that a run can be repeated.
    """
    cost = COST_MS[0] + COST_MS[1] * height * width / 1e6
    # of a shot of ten seconds; a longer one has fewer far pairs
    apart = (
        max(frame_rate / STARTS_PER_SECOND, FAR_FRAMES),
        max(10 * frame_rate / (2.5 * MOST_CLIP), CLIP_FRAMES),
    )
    far = cost / apart[0] + cost / apart[1]
    return math.ceil(cost / max(BUDGET_MS - far, BUDGET_MS / 4))


def absolute_change(quantity: np.ndarray, value: np.ndarray) -> np.ndarray:
    """|value - 1| of ratios, |value| of all else: quantity (N,) names, value (N,) signed."""
    ratios = [name for name, unit in UNITS.items() if unit.startswith("ratio")]
    change: np.ndarray = np.abs(value - np.where(np.isin(quantity, ratios), 1.0, 0.0))
    return change


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """Table ``variation`` of measured pairs: one row per item, scale and quantity."""
    rows = []
    change = absolute_change(pairs["quantity"].to_numpy(str), pairs["value"].to_numpy(float))
    measured = pairs.assign(change=change)
    for (item, scale, quantity, who), group in measured.groupby(
        ["item", "scale", "quantity", "who"], sort=False, observed=True
    ):
        good = group[group["valid"].to_numpy(bool)]
        p50, p95, p99 = np.percentile(good["change"], (50, 95, 99)) if len(good) else (math.nan,) * 3
        error = good["error"].to_numpy(float)
        known = np.isfinite(error)
        rows.append(
            {
                "item": item,
                "scale": scale,
                "quantity": quantity,
                "unit": UNITS[str(quantity)],
                "p50": p50,
                "p95": p95,
                "p99": p99,
                "n": len(group),
                "valid": len(good) / len(group),
                "error": float(np.median(error[known])) if known.any() else math.nan,
                "resolved": float((good["change"].to_numpy()[known] > 2 * error[known]).mean())
                if known.any()
                else math.nan,
                "who": who,
            }
        )
    if not rows:
        return tables.empty("variation")
    order = {name: place for place, name in enumerate(UNITS)}
    table = pd.DataFrame(rows)
    place = table["scale"].map({s: i for i, s in enumerate(tables.SCALES)}) * 100 + table["quantity"].map(
        order
    )
    return tables.check("variation", table.assign(_place=place).sort_values("_place").drop(columns="_place"))
