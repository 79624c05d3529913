"""One measured change alone, played again on frame t: what frame t+1 would be had nothing else happened.

    frame t ──light──▶ replay      placebo: a change of the same size in a random direction
            ──shift──▶ replay      interpolation: frame t blurred as much as the warp blurs, and not moved
            ...                    each beside the real frame t+1

Everything is at full resolution and warps are Lanczos over 8 px: after downsizing, or with bilinear warps, the
blur of the warp drowns the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import cv2
import numpy as np

from vidrobust.differences import detail, tone
from vidrobust.differences.registration import (
    RESOLUTION,
    Registration,
    affine_field,
    register,
    shift_field,
    size_px,
    warp,
)
from vidrobust.pixels import luma, to_levels

Cause = Literal["light", "colour", "shift", "affine", "motion", "sharpness", "all"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
"""What the levels did; where they went, ever more freely; how sharp they are; and all of it together."""
Drawn = TypeVar("Drawn")
MAX_OCCLUDED = 0.25
"""Largest share of frame t+1 that was not seen in frame t, for the motion to be replayed."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Frame t under one measured change.

    cause          which
    image          (H, W, 3) uint8 RGB; frame t itself where nothing of the kind was measured
    placebos       images of the same size of change in random directions, each direction also reversed
    interpolation  frame t blurred as much as the warp blurs; None where nothing was warped
    size, unit     how large the change is, and in what
    measured       the same in words
    excluded       why it cannot be replayed on this pair; then image is frame t; empty otherwise
    """

    cause: Cause
    image: np.ndarray
    placebos: tuple[np.ndarray, ...] = ()
    interpolation: np.ndarray | None = None
    size: float = 0.0
    unit: str = ""
    measured: str = "none"
    excluded: str = ""

    @property
    def changes(self) -> bool:
        """Whether the image is not simply frame t."""
        return bool(self.placebos) or self.interpolation is not None or self.size > 0


def replays(
    a: np.ndarray, b: np.ndarray, *, generator: np.random.Generator, placebos: int = 2
) -> tuple[Replay, ...]:
    """All seven replays of a pair, in the order of CAUSES.

    a, b      (H, W, 3) uint8 RGB, frames t and t+1 at full resolution
    placebos  random directions per cause; an even number is best, since each direction is followed by its
              reverse, so that what is linear in the change cancels
    """
    found = register(a, b)
    if found.failed:
        return tuple(Replay(cause=cause, image=a, excluded=found.failed) for cause in CAUSES)
    field = motion_field(found)
    moves = size_px(field) >= RESOLUTION
    moved = warp(a, field) if moves else a
    pair = _Pair(
        a=a,
        b=b,
        found=found,
        field=field,
        moves=moves,
        moved=moved,
        levels=tone.fit_tone(moved, b, found.visible),
        generator=generator,
        placebos=placebos,
    )
    return (
        _tone(pair, "light"),
        _tone(pair, "colour"),
        _shift(pair),
        _affine(pair),
        _motion(pair),
        _sharpness(pair),
        _everything(pair),
    )


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """A pair of frames and what was measured between them, once for all causes.

    moved is frame a under the motion ``field``; moves says whether that is more than the method's resolution.
    """

    a: np.ndarray
    b: np.ndarray
    found: Registration
    field: np.ndarray
    moves: bool
    moved: np.ndarray
    levels: tone.Tone
    generator: np.random.Generator
    placebos: int

    def draws(self, draw: Callable[[], Drawn]) -> Iterator[tuple[Drawn, int]]:
        """As many draws as placebos are wanted, each used twice: as it is, and reversed."""
        for number in range(self.placebos):
            if number % 2 == 0:
                drawn = draw()
            yield drawn, 1 if number % 2 == 0 else -1

    def angle(self) -> float:
        """A random direction in the picture, radians."""
        return float(self.generator.uniform(0, 2 * np.pi))


def motion_field(found: Registration) -> np.ndarray:
    """(H, W, 2) float32: at each pixel the displacement that was found best, the flow's, the affine's or none."""
    height, width = found.source.shape
    field = np.where((found.source == 2)[..., None], found.flow, np.float32(0))
    by_affine = found.source == 1
    field[by_affine] = affine_field(found.affine, height, width)[by_affine]
    return np.asarray(field)


def turned(field: np.ndarray, angle: float) -> np.ndarray:
    """The placebo of a motion: every displacement keeps its length and is turned by one angle (radians)."""
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = field[..., 0], field[..., 1]
    return np.stack([c * u - s * v, s * u + c * v], axis=-1)


def random_tone(a: np.ndarray, size: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The placebo of a change of levels: a random affine map of the colours, as a change (3, 3) and (3,).

    Its root mean square over the pixels of ``a`` is ``size`` levels.
    """
    matrix, constant = generator.normal(size=(3, 3)) / 64, generator.normal(size=3)
    change = a[::4, ::4].astype(np.float64) @ matrix.T - 128 * matrix.sum(axis=1) + constant
    scale = size / max(tone.root_mean_square(change), 1e-9)
    return matrix * scale, (constant - 128 * matrix.sum(axis=1)) * scale


def misplaced_detail(change: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The placebo of sharpness: the same change of detail, moved elsewhere, so that it fits no edge."""
    height, width = change.shape[:2]
    dy = int(generator.integers(height // 4, 3 * height // 4))
    dx = int(generator.integers(width // 4, 3 * width // 4))
    return np.roll(change, (dy, dx), axis=(0, 1))


def _tone(pair: _Pair, cause: Literal["light", "colour"]) -> Replay:
    a, levels = pair.a, pair.levels
    if levels.failed:
        return Replay(cause=cause, image=a, excluded=levels.failed)
    occurs = levels.has_light if cause == "light" else levels.has_colour
    image = to_levels(levels.light(a) if cause == "light" else levels.colour(a)) if occurs else a
    size = tone.root_mean_square(image.astype(np.float32) - a)
    if size == 0:
        return Replay(cause=cause, image=a, unit="levels")
    draws = pair.draws(lambda: random_tone(a, size, pair.generator))
    curve = f"gain {levels.gain:.3f}, offset {levels.offset:+.1f}, bend {levels.bend:+.3f}"
    return Replay(
        cause=cause,
        image=image,
        placebos=tuple(to_levels(a + sign * _affine_change(a, *drawn)) for drawn, sign in draws),
        size=size,
        unit="levels",
        measured=curve if cause == "light" else f"{size:.1f} levels beyond the light",
    )


def _affine_change(a: np.ndarray, matrix: np.ndarray, constant: np.ndarray) -> np.ndarray:
    return np.asarray(a.astype(np.float32) @ matrix.T.astype(np.float32) + constant.astype(np.float32))


def _shift(pair: _Pair) -> Replay:
    found = pair.found
    if found.affine_failed:
        return Replay(cause="shift", image=pair.a, excluded=found.affine_failed)
    words = f"{found.shift[0]:+.2f}, {found.shift[1]:+.2f} px"
    return _moved(pair, "shift", shift_field(found.shift, *pair.a.shape[:2]), words)


def _affine(pair: _Pair) -> Replay:
    found = pair.found
    if found.affine_failed:
        return Replay(cause="affine", image=pair.a, excluded=found.affine_failed)
    # the affine map leads from b back to a; what the picture did is its inverse
    forth = np.linalg.inv(found.affine[:, :2])
    turn = np.degrees(np.arctan2(forth[0, 1] - forth[1, 0], forth[0, 0] + forth[1, 1]))
    zoom = np.sqrt(abs(np.linalg.det(forth)))
    words = f"{found.shift[0]:+.2f}, {found.shift[1]:+.2f} px, {turn:+.2f} deg, zoom {zoom:.4f}"
    return _moved(pair, "affine", affine_field(found.affine, *pair.a.shape[:2]), words)


def _motion(pair: _Pair) -> Replay:
    if pair.found.occluded > MAX_OCCLUDED:
        return Replay(cause="motion", image=pair.a, excluded="too much occluded")
    longest = np.percentile(np.hypot(pair.field[..., 0], pair.field[..., 1]), 99)
    words = f"rms {size_px(pair.field):.2f} px, p99 {longest:.1f} px"
    return _moved(pair, "motion", pair.field, words, pair.moved)


def _moved(
    pair: _Pair, cause: Cause, field: np.ndarray, measured: str, image: np.ndarray | None = None
) -> Replay:
    size = size_px(field)
    if size < RESOLUTION:
        return Replay(cause=cause, image=pair.a, unit="px rms")
    image = warp(pair.a, field) if image is None else image
    return Replay(
        cause=cause,
        image=image,
        placebos=tuple(warp(pair.a, sign * turned(field, angle)) for angle, sign in pair.draws(pair.angle)),
        interpolation=_as_soft_as(pair.a, image),
        size=size,
        unit="px rms",
        measured=measured,
    )


def _as_soft_as(a: np.ndarray, warped: np.ndarray) -> np.ndarray:
    """Frame a with the energy of detail of the warped frame, and nothing moved."""
    gray = luma(a)
    return to_levels(detail.with_strength(a, detail.strength_for(gray, detail.energy(luma(warped)))))


def _sharpness(pair: _Pair) -> Replay:
    a, gray = pair.a, pair.levels.light(luma(pair.a))
    ratio = detail.energy_ratio(gray, luma(pair.b), pair.field, pair.found.visible)
    if np.isnan(ratio):
        return Replay(cause="sharpness", image=a, excluded="no detail")
    if abs(ratio - 1) < detail.SMALLEST:
        return Replay(cause="sharpness", image=a, unit="levels")
    strength = detail.strength_for(gray, ratio * detail.energy(gray))
    change = detail.with_strength(a, strength) - a
    draws = pair.draws(lambda: misplaced_detail(change, pair.generator))
    return Replay(
        cause="sharpness",
        image=to_levels(a + change),
        placebos=tuple(to_levels(a + sign * other) for other, sign in draws),
        size=tone.root_mean_square(change),
        unit="levels",
        measured=f"blur sigma {strength:.2f} px" if strength > 0 else f"detail +{-100 * strength:.0f} %",
    )


def _everything(pair: _Pair) -> Replay:
    """Motion, then light and colour, then the sharpness of frame t+1, which also takes back the warp's blur."""
    a, moved, levels = pair.a, pair.moved, pair.levels
    if pair.found.occluded > MAX_OCCLUDED:
        return Replay(cause="all", image=a, excluded="too much occluded")
    toned = levels.colour(levels.light(moved)) if levels.has_light or levels.has_colour else moved
    toned = np.clip(toned.astype(np.float32), 0, 255)
    finished = _in_detail_of(toned, pair.b, pair.found.visible)
    image = to_levels(finished)
    size = tone.root_mean_square(image.astype(np.float32) - a)
    if size == 0:
        return Replay(cause="all", image=a, unit="levels")
    tone_size, change = tone.root_mean_square(toned - moved), finished - toned

    def draw() -> tuple[float, tuple[np.ndarray, np.ndarray], np.ndarray]:
        colours = random_tone(a, tone_size, pair.generator)
        return pair.angle(), colours, misplaced_detail(change, pair.generator)

    made = []
    for (angle, colours, elsewhere), sign in pair.draws(draw):
        picture = warp(a, sign * turned(pair.field, angle)) if pair.moves else a
        made.append(to_levels(picture + sign * (_affine_change(picture, *colours) + elsewhere)))
    return Replay(
        cause="all",
        image=image,
        placebos=tuple(made),
        interpolation=_as_soft_as(a, moved) if pair.moves else None,
        size=size,
        unit="levels",
        measured=f"{size:.1f} levels in all",
    )


def _in_detail_of(levels: np.ndarray, b: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """The picture, float32, with as much detail as b has where both are visible."""
    gray = cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)
    now, target = detail.energy(gray, visible), detail.energy(luma(b), visible)
    if now <= 0 or abs(target / now - 1) < detail.SMALLEST:
        return levels
    return detail.with_strength(levels, detail.strength_for(gray, target, visible))
