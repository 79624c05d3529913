"""What the findings need of a clip, gathered in one pass: series of frames and pictures over time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from vidrobust.errors import InputError
from vidrobust.footage.item import Item
from vidrobust.frame_pairs.measures import measure_pair
from vidrobust.frame_pairs.motion import measure_motion
from vidrobust.frame_pairs.prepared import PreparedFrame, prepare_array
from vidrobust.frame_pairs.tone import brightest
from vidrobust.frame_pairs.transitions import CUTS, PairWatcher
from vidrobust.frames.batch import FrameBatch, VideoInfo
from vidrobust.plugins.camera.edges import edge_widths, widths_of_motion
from vidrobust.video.region import Region
from vidrobust.video.selection import Selection
from vidrobust.video.source import open_video

BATCH = 8
ROWS, COLUMNS = 48, 16  # of the thumbnails in which lamps are looked for: bands are rows
NOISE_BLOCK = 8  # px; a block is taken as still by its own difference
DETAILED = 120  # pairs of a clip, at most about, of which noise, blur and combs are measured
# Standard errors and levels by which the mean of a block at rest may change.
STILL_SIGMAS, STILL_LEVELS = 3.0, 0.2
MOVES = 12.0  # levels from frame to frame from which a pixel is said to move
LOWEST, HIGHEST = 1, 254  # levels up to and from which a channel is crushed or clipped
# Seconds after which a frame is registered on a later one: things are put elsewhere in time.
RENEWED_S = 1.0
SAME_RATE = 0.02  # relative difference up to which the header is right, and stamps are rounded
OVER_NOISE = 1.3  # times what noise does, from which a place is said to change


@dataclass(kw_only=True)
class ClipView:
    """The longest shot of one clip."""

    info: VideoInfo
    bits_per_px: float = float("nan")
    encoder: str = ""  # what the encoder wrote into the stream about itself
    time_s: list[float] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)  # why no pair with the frame before, or ""
    keyframe: list[bool] = field(default_factory=list)
    change: list[float] = field(default_factory=list)  # levels, mean over the picture
    thumbnails: list[np.ndarray] = field(default_factory=list)  # (ROWS, COLUMNS, 3) float32 RGB
    # value and error of the change of sharpness against the first frame, px; NaN where it is not valid
    sharpness: list[tuple[float, float]] = field(default_factory=list)
    shift: list[tuple[float, float, float]] = field(default_factory=list)  # x, y and error, px
    moving: list[float] = field(default_factory=list)  # share of points that move by themselves
    # (3,) of every still block: level, mean and variance of half the difference of neighbours
    blocks: list[np.ndarray] = field(default_factory=list)
    # (px a frame along the motion, edge width along it, and across) of parts; px
    blurs: list[tuple[float, float, float]] = field(default_factory=list)
    combs: list[tuple[float, float]] = field(default_factory=list)  # row steps of one and of two
    grid_steps: list[float] = field(default_factory=list)
    moved: np.ndarray | None = None  # (H, W) of those pairs, in how many it changed beyond noise
    edges: np.ndarray | None = None  # (E, 3) x, y, sigma of edges of the first frame
    # sums of luma and of its square in even and odd seconds, (2, H, W) float64, and their frames
    sums: np.ndarray | None = None
    squares: np.ndarray | None = None
    counts: np.ndarray = field(default_factory=lambda: np.zeros(2))
    histogram: np.ndarray = field(default_factory=lambda: np.zeros(256))
    # pixels, clipped, crushed, moving, clipped while they move
    pixels: np.ndarray = field(default_factory=lambda: np.zeros(5))

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def frame_rate(self) -> float:
        """Frames a second by the time stamps; by the header where there are none."""
        header, span = float(self.info.frame_rate), self.time_s[-1] - self.time_s[0]
        typical = (len(self) - 1) / span if span > 0 else header
        return header if abs(header / typical - 1) < SAME_RATE else typical

    @property
    def mean(self) -> np.ndarray:
        """(H, W) luma, mean over time."""
        assert self.sums is not None
        return np.asarray(self.sums.sum(axis=0) / self.counts.sum())

    def feed(self, batch: FrameBatch, k: int, state: _State, reason: str, change: float) -> None:
        """See frame ``k`` of a batch."""
        now = prepare_array(batch.pictures[k].copy())
        time_s = float(batch.time_s[k])
        self.time_s.append(time_s)
        self.index.append(int(batch.index[k]))
        self.reason.append(reason)
        self.keyframe.append(bool(batch.keyframe[k]))
        self.change.append(change)
        gray = now.gray.astype(np.float32)
        size = (COLUMNS, ROWS)
        colours = now.rgb.astype(np.float32)
        self.thumbnails.append(cv2.resize(colours, size, interpolation=cv2.INTER_AREA))
        self._add_levels(now, gray, int(time_s) % 2)
        if state.first is None:
            state.first = now
            self.edges = edge_widths(gray)
        self._add_measures(state, now, time_s)
        if state.last is not None and len(self) % state.stride == 0:
            self._add_details(state.last, now)
        state.last = now

    def _add_levels(self, now: PreparedFrame, gray: np.ndarray, half: int) -> None:
        if self.sums is None or self.squares is None:
            self.sums = np.zeros((2, *gray.shape))
            self.squares = np.zeros((2, *gray.shape))
        self.sums[half] += gray
        self.squares[half] += gray * gray
        self.counts[half] += 1
        self.histogram += np.bincount(now.gray.ravel(), minlength=256)
        top = brightest(now.rgb)
        clipped, crushed = top >= HIGHEST, top <= LOWEST
        self.pixels[:3] += gray.size, clipped.sum(), crushed.sum()

    def _add_measures(self, state: _State, now: PreparedFrame, time_s: float) -> None:
        assert state.first is not None
        pair = measure_pair(state.first, now)
        sharp = pair.texture.sharpness
        self.sharpness.append((sharp.value, sharp.error) if sharp.valid else (np.nan, np.nan))
        self.moving.append(pair.motion.moving_share)
        self.shift.append(state.shifted(now, time_s))

    def _add_details(self, last: PreparedFrame, now: PreparedFrame) -> None:
        half = (now.gray.astype(np.float32) - last.gray) / np.float32(math.sqrt(2))
        half -= np.median(half, axis=1, keepdims=True)  # a lamp changes whole rows
        self.blocks.append(_blocks(half, last.gray))
        self.grid_steps.append(_grid_step(now.gray))
        motion = measure_motion(last, now)
        self.moved = np.zeros(half.shape) if self.moved is None else self.moved
        expected = (
            0.8 * math.sqrt(float(np.quantile(self.blocks[-1][:, 2], 0.25)))
            if len(self.blocks[-1])
            else 1.0
        )
        self.moved += cv2.GaussianBlur(np.abs(half), (0, 0), 3) > OVER_NOISE * max(expected, 0.4)
        moves = cv2.GaussianBlur(np.abs(half), (0, 0), 1.5) > MOVES
        self.pixels[3:] += moves.sum(), (moves & (brightest(now.rgb) >= HIGHEST)).sum()
        self.combs += _comb(now.gray, moves)
        self.blurs += widths_of_motion(now.gray, motion, last, moves)


@dataclass
class _State:
    stride: int
    first: PreparedFrame | None = None
    last: PreparedFrame | None = None
    anchor: PreparedFrame | None = None
    anchor_s: float = -np.inf
    base: np.ndarray = field(default_factory=lambda: np.zeros(3))  # x, y, variance up to the anchor

    def shifted(self, now: PreparedFrame, time_s: float) -> tuple[float, float, float]:
        """Return the camera's shift since the first frame, and its error, px; NaN where it is not valid."""
        if self.anchor is None:
            self.anchor, self.anchor_s = now, time_s
            return 0.0, 0.0, 0.0
        motion = measure_motion(self.anchor, now)
        camera, late = motion.camera, time_s - self.anchor_s
        moved = np.array([camera.shift_x, camera.shift_y, camera.shift_error**2])
        total = self.base + (moved if motion.camera_valid else 0.0)
        if late >= RENEWED_S and (motion.camera_valid or late >= 3 * RENEWED_S):
            self.anchor, self.anchor_s, self.base = now, time_s, total
        if not motion.camera_valid:
            return np.nan, np.nan, np.nan
        return float(total[0]), float(total[1]), float(camera.shift_error)


def _blocks(half: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """(B, 3) float32 level, mean and variance of the difference of blocks without clipped pixels."""
    h, w = (side // NOISE_BLOCK * NOISE_BLOCK for side in gray.shape)
    size = (w // NOISE_BLOCK, h // NOISE_BLOCK)

    def means(x: np.ndarray) -> np.ndarray:
        whole = np.asarray(x[:h, :w], np.float32)
        return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA))

    clear, mean = means(cv2.inRange(gray, 5, 250)) > 254.9, means(half)
    count = NOISE_BLOCK**2
    variance = np.maximum(means(half * half) - mean * mean, 0) * count / (count - 1)
    # what moves changes the mean of a block by more than its noise and the light of all blocks do
    apart = np.abs(mean - np.median(mean))
    still = apart < STILL_SIGMAS * np.sqrt(variance / count) + STILL_LEVELS
    return np.stack([means(gray), mean, variance], axis=-1)[clear & still]


def _grid_step(gray: np.ndarray) -> float:
    """Mean step across the grid of 8 px beyond the steps elsewhere, levels; edges of the scene are cut off."""
    steps = np.minimum(np.abs(np.diff(gray.astype(np.int16), axis=1)), 24)
    at = steps.mean(axis=0)[: (gray.shape[1] - 1) // 8 * 8].reshape(-1, 8).mean(axis=0)
    return float(at[7] - np.delete(at, 7).mean())


def _comb(gray: np.ndarray, moves: np.ndarray) -> list[tuple[float, float]]:
    where = moves[:-2] & moves[2:]
    if where.sum() < 200:
        return []
    x = gray.astype(np.float32)
    one, two = np.abs(x[:-2] - x[1:-1]), np.abs(x[:-2] - x[2:])
    return [(float(one[where].mean()), float(two[where].mean()))]


def view_of(item: Item, start_s: float | None = None, end_s: float | None = None) -> ClipView:
    """See a clip from first frame to last; of several shots the longest is kept.

    Raises
    ------
    InputError
        If the file cannot be read, or holds fewer than two frames.
    """
    start_s = item.start_s if start_s is None else start_s
    selection = Selection(start_s=start_s, end_s=item.end_s if end_s is None else end_s)
    cut = None if item.roi is None else Region(item.roi, item.path)
    with open_video(
        item.path, item=item.name, backend="pyav", device="cpu", selection=selection, cut=cut
    ) as video:
        stride = max(1, (video.info.num_frames or DETAILED) // DETAILED)
        watcher, longest = PairWatcher(), ClipView(info=video.info)
        view, state = longest, _State(stride)
        for batch in video.batches(BATCH):
            transitions = watcher.feed(batch)
            for k in range(len(batch)):
                reason = str(transitions.reason[k])
                if reason in CUTS:
                    view, state = ClipView(info=video.info), _State(stride)
                view.feed(batch, k, state, reason, float(transitions.pixel_change[k]))
                longest = max(longest, view, key=len)
    if len(longest) < 2:
        raise InputError(f"{item.path}: has {len(longest)} frames in one shot, two are needed")
    return longest
