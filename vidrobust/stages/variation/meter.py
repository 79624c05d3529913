"""How much the footage itself varies: light, colour, motion, sharpness, noise, block edges, lost frames.

Pairs of frames are taken at three scales; none reaches over a scene cut or a change of size::

    adjacent   t and the next frame: one pair, drawn at random, of every ``stride`` pairs in turn
    second     t and the frame one second later, from two starting points a second
    clip       the first frame of the shot and frames after it, at random distances that grow with the shot
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.measures import measure_pair
from vidrobust.frame_pairs.prepared import PreparedFrame, prepare_array
from vidrobust.frame_pairs.transitions import CUTS, FrameTransitions, Timing, measure_timing
from vidrobust.frames.batch import FrameBatch
from vidrobust.pipeline.stage import Context, Found
from vidrobust.stages.variation.spread import UNITS
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource

SECOND_S = 1.0
STARTS_PER_SECOND = 2
LATE = 1.25  # a frame more than so many seconds later is not one a second later: a gap lies between
FAR_FRAMES = 20
CLIP_FRAMES = 1
CLIP_STEP_S = 0.04  # mean distance of the frames of the scale ``clip`` while the shot is young
MOST_CLIP = 40  # of a longer shot the mean distance is its length so far divided by this
# CPU time of one pair: fixed, and per million pixels (benchmarks/variation.py)
COST_MS = (10.5, 5.0)
BUDGET_MS = 7.0  # mean CPU time a frame that all pairs may take; it sets the stride of the neighbouring ones


@dataclass(frozen=True, kw_only=True)
class VariationResult:
    """What the meter saw in one item."""

    item: str
    # The table ``variation``: n counts the measured pairs, ``valid`` is the share of them that passed, the
    # percentiles are over these, ``error`` is their median standard error, and ``resolved`` the share whose
    # change exceeds two of them
    table: pd.DataFrame
    # The table ``changes``: one row a pair and quantity, signed; ratios about 1
    pairs: pd.DataFrame
    timing: Timing  # Duplicate and dropped frames from the time stamps
    excluded: dict[str, int]  # Neighbouring pairs not to be measured, by reason
    counts: dict[str, int]  # pairs_adjacent, pairs_drawn, pairs_second, pairs_clip
    stride: int  # One neighbouring pair of this many is measured


@dataclass
class _TimedPicture:
    picture: np.ndarray | None  # (H, W, 3) uint8, of memory that is used again
    index: int
    time_s: float
    prepared: PreparedFrame | None = None

    def get(self) -> PreparedFrame:
        if self.prepared is None:
            assert self.picture is not None
            self.prepared = prepare_array(self.picture.copy())
        return self.prepared


@dataclass
class _ShotProgress:
    first: _TimedPicture | None = None
    next_clip_s: float = math.inf
    next_start_s: float = -math.inf
    clip_after: int = 0
    start_after: int = 0
    starts: list[_TimedPicture] = field(default_factory=list)


class VariationMeter:
    """Measure the variation of one item, fed with its frames in order.

    ``stride``, one neighbouring pair of so many, is by default such that the mean cost stays within BUDGET_MS
    a frame.
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
        self._counts: Counter[str] = Counter(
            pairs_adjacent=0, pairs_drawn=0, pairs_second=0, pairs_clip=0
        )
        self._time: list[float] = []
        self._index: list[int] = []
        self._last: _TimedPicture | None = None
        self._last_corrupt = False
        self._shot = _ShotProgress()
        self._until_draw = 0
        self._left_in_block = 0

    def feed(self, batch: FrameBatch, pair_excluded: Sequence[str] | None = None) -> None:
        """Measure the next frames; ``pair_excluded`` (N,) has a key of ``transitions.REASONS``, or ""."""
        if pair_excluded is not None and len(pair_excluded) != len(batch):
            raise ValueError(
                f"pair_excluded: expected {len(batch)} reasons, one a frame, got {len(pair_excluded)}"
            )
        for i in range(len(batch)):
            frame = _TimedPicture(batch.pictures[i], int(batch.index[i]), float(batch.time_s[i]))
            reason = str(pair_excluded[i]) if pair_excluded is not None else ""
            self._see(frame, reason, bool(batch.corrupt[i]))

    def finish(self) -> VariationResult:
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
            timing=measure_timing(
                np.array(self._time), np.array(self._index, np.int64), self.frame_rate
            ),
            excluded=dict(self._excluded),
            counts=dict(self._counts),
            stride=self.stride or 1,
        )

    def _see(self, frame: _TimedPicture, reason: str, corrupt: bool) -> None:
        if self.stride is None:
            assert frame.picture is not None
            height, width = frame.picture.shape[:2]
            self.stride = stride_for(height, width, self.frame_rate)
        self._time.append(frame.time_s)
        self._index.append(frame.index)
        if reason in CUTS:
            self._shot = _ShotProgress()
        first = len(self._time) == 1
        if not first:
            damaged = corrupt or self._last_corrupt
            self._adjacent(frame, "corrupt" if damaged and not reason else reason)
        if not corrupt:
            self._far(frame)
        # Whether the next pair is drawn: one at random in each block of ``stride``
        assert self.stride is not None
        if self._left_in_block == 0:
            self._left_in_block = self.stride
            self._until_draw = int(self._generator.integers(self.stride))
        self._left_in_block -= 1
        self._until_draw -= 1
        if self._until_draw == -1:
            frame.get()
        # the caller may reuse the memory of the batch
        frame.picture = None
        self._last, self._last_corrupt = frame, corrupt

    def _adjacent(self, frame: _TimedPicture, reason: str) -> None:
        self._counts["pairs_adjacent"] += 1
        if reason:
            self._excluded[reason] += 1
            return
        if self._last is not None and self._last.prepared is not None and self._until_draw == -1:
            self._counts["pairs_drawn"] += 1
            self._measure(self._last, frame, "adjacent")

    def _far(self, frame: _TimedPicture) -> None:
        shot, slack = self._shot, 0.5 / self.frame_rate if self.frame_rate > 0 else 0.0
        due = [start for start in shot.starts if frame.time_s >= start.time_s + SECOND_S - slack]
        for start in due:
            shot.starts.remove(start)
            # after a gap the frame is not one a second later
            if frame.time_s <= start.time_s + LATE * SECOND_S + slack:
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
        """Seconds to the next frame that is compared with the shot's first; never in step with anything."""
        start = self._shot.first.time_s if self._shot.first is not None else time_s
        return max(CLIP_STEP_S, (time_s - start) / MOST_CLIP) * self._generator.uniform(0.5, 1.5)

    def _measure(self, a: _TimedPicture, b: _TimedPicture, scale: str) -> None:
        delta_ms = (b.time_s - a.time_s) * 1000
        for quantity, who, m in measure_pair(a.get(), b.get()).measures():
            self._rows.append(
                (
                    self.item,
                    a.index,
                    b.index,
                    delta_ms,
                    scale,
                    quantity,
                    who,
                    m.value,
                    m.valid,
                    m.error,
                )
            )


def stride_for(height: int, width: int, frame_rate: float) -> int:
    """Return of how many neighbouring pairs one is measured; it depends on the footage alone."""
    cost = COST_MS[0] + COST_MS[1] * height * width / 1e6
    # of a shot of ten seconds; a longer one has fewer far pairs
    apart = (
        max(frame_rate / STARTS_PER_SECOND, FAR_FRAMES),
        max(10 * frame_rate / (2.5 * MOST_CLIP), CLIP_FRAMES),
    )
    far = cost / apart[0] + cost / apart[1]
    return math.ceil(cost / max(BUDGET_MS - far, BUDGET_MS / 4))


def absolute_change(quantity: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return |value - 1| of ratios and |value| of all else, (N,)."""
    ratios = [name for name, unit in UNITS.items() if unit.startswith("ratio")]
    change: np.ndarray = np.abs(value - np.where(np.isin(quantity, ratios), 1.0, 0.0))
    return change


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """Make the table ``variation`` of measured pairs: one row per item, scale and quantity."""
    rows = []
    change = absolute_change(pairs["quantity"].to_numpy(str), pairs["value"].to_numpy(float))
    measured = pairs.assign(change=change)
    for (item, scale, quantity, who), group in measured.groupby(
        ["item", "scale", "quantity", "who"], sort=False, observed=True
    ):
        good = group[group["valid"].to_numpy(bool)]
        p50, p95, p99 = (
            np.percentile(good["change"], (50, 95, 99)) if len(good) else (math.nan,) * 3
        )
        error = good["error"].to_numpy(float)
        known = np.isfinite(error)
        resolved = (
            (good["change"].to_numpy()[known] > 2 * error[known]).mean()
            if known.any()
            else math.nan
        )
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
                "resolved": float(resolved),
                "who": who,
            }
        )
    if not rows:
        return tables.empty("variation")
    table = pd.DataFrame(rows)
    scales, quantities = (
        {name: k for k, name in enumerate(names)} for names in (tables.SCALES, UNITS)
    )
    place = table["scale"].map(scales) * 100 + table["quantity"].map(quantities)
    return tables.check(
        "variation", table.assign(_place=place).sort_values("_place").drop(columns="_place")
    )


class VariationUnit:
    """How much the footage of one item varies: the stage's unit of work."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._meter = VariationMeter(
            context.item.name,
            float(context.info.frame_rate),
            content=context.content,
            seed=context.settings.seed,
        )

    def feed(self, batch: FrameBatch, transitions: FrameTransitions) -> None:
        batch, transitions = self.context.own_part(batch, transitions)
        self._meter.feed(batch, np.asarray(transitions.reason).tolist())

    def finish(self, source: VideoSource) -> Found:
        result = self._meter.finish()
        facts = {
            "stride": result.stride,
            **result.counts,
            "excluded": result.excluded,
            "timing": asdict(result.timing),
        }
        return {"changes": result.pairs}, facts
