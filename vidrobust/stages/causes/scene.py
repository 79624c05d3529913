"""A third frame, brought onto frame t, on which measured changes are switched on one by one.

Its noise is its own: neither t's nor t+1's, both of which are part of the change to be explained. Every picture
is sampled from it once, through the sum of all displacements, so that all are equally soft.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np

from vidrobust.frame_pairs.change import PairChange, moved_mask, saturated
from vidrobust.frame_pairs.registration import (
    Doubled,
    affine_field,
    inside,
    moves,
    size_px,
    warp,
    warp_at,
)
from vidrobust.frames.pixels import field_of, lattice_side, to_levels
from vidrobust.stages.causes.catalogue import CAMERA, CATALOGUE
from vidrobust.stages.causes.cause import Content, Filter, LevelReplay, Shift

Replay = TypeVar("Replay", LevelReplay, Shift, Filter, Content)
# What is played in place of each cause to see what any change of that size does, two draws each. Motion is
# replaced by another smooth random field of equal size. A change of levels is made stronger here and reversed
# there, by a smooth random field with mean 0. What came into view is put elsewhere. Such a change has the
# cause's energy and nothing of its direction. (The change with its sign reversed does not serve: an answer
# that is even in it cancels. Nor does the same change mirrored: the picture becomes as bright.)
PLACEBOS: Mapping[str, tuple[str, ...]] = {
    name: cause.replay.placebos for name, cause in CATALOGUE.items() if cause.replay is not None
}


def _replayed_by(kind: type[Replay]) -> dict[str, Replay]:
    """Return the causes that are replayed in one way, and how."""
    return {name: c.replay for name, c in CATALOGUE.items() if isinstance(c.replay, kind)}


LEVEL_CHANGES, SHIFTS = _replayed_by(LevelReplay), _replayed_by(Shift)
FILTERS, CONTENTS = _replayed_by(Filter), _replayed_by(Content)

NO_PLACEBO = ("", "")
STEP = 2  # displacements are kept for every so many-th pixel along each axis
# levels by which a saturated pixel must be brighter than it was brought: less is rounding
DARKER = 1.0


@dataclass(frozen=True)
class ShownMotion:
    """Where a replayed picture shows what its scene's first frame showed, for every STEP-th pixel."""

    # (h, w, 2) float32: Px, from a pixel of the picture to where it was in the first frame
    back: np.ndarray
    own: np.ndarray  # (h, w) bool: Pixels that move beyond the camera

    @classmethod
    def of(cls, displacement: np.ndarray, is_moving: np.ndarray) -> ShownMotion:
        return cls(displacement[::STEP, ::STEP].copy(), is_moving[::STEP, ::STEP].copy())

    @cached_property
    def reach(self) -> tuple[np.ndarray, np.ndarray]:
        """(2,) px each: the least and the greatest displacement in x and y."""
        flat = self.back.reshape(-1, 2)
        return flat.min(axis=0), flat.max(axis=0)

    def at_rest(self) -> ShownMotion:
        """Return the motion of a picture in which nothing has moved."""
        return ShownMotion(np.zeros_like(self.back), self.own)

    def carried(self, matrix: np.ndarray | None) -> ShownMotion:
        """Return the motion of a picture that was moved once more, by a map (2, 3)."""
        if matrix is None:
            return self
        height, width = self.own.shape
        further = affine_field(cv2.invertAffineTransform(matrix), height * STEP, width * STEP)[
            ::STEP, ::STEP
        ]
        x = np.arange(width, dtype=np.float32)[None] + further[..., 0] / STEP
        y = np.arange(height, dtype=np.float32)[:, None] + further[..., 1] / STEP
        reflect = cv2.BORDER_REFLECT_101
        before = cv2.remap(self.back, x, y, cv2.INTER_LINEAR, borderMode=reflect)
        is_moving = cv2.remap(
            self.own.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderMode=reflect
        )
        return ShownMotion(np.asarray(before + further), np.asarray(is_moving.astype(bool)))


def too_dark(
    third: np.ndarray,
    motion: np.ndarray,
    full: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    change: PairChange,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of t that a saturated third frame shows too dark, and frame t, also above 255.

    Brought into less light, a pixel at full level becomes a grey that no frame showed, and a replay that
    begins there takes the light's change for something else. It is shown as t has it; where t is saturated
    too, as t+1 has it. ``third`` is in the light of t, ``motion`` leads to it from the grid of t, ``full``
    (H, W) is where it is saturated.
    """
    # asked only where it was saturated
    on_a = warp(third, motion) if motion.any() and full.any() else third
    known = a.astype(np.float32)
    over = full & saturated(a)
    if over.any():
        known[over] = np.maximum(known[over], _as_at_a(b, change, over)[over])
    return full & np.any(known > on_a + DARKER, axis=2), known


def _as_at_a(b: np.ndarray, change: PairChange, over: np.ndarray) -> np.ndarray:
    moved = change.has_camera
    where = moved_mask(over, change.camera) if moved else over
    levels = b.astype(np.float32)
    levels[where] = as_before(levels[where], change, where)
    return warp(levels, change.camera_forth, interpolation=cv2.INTER_LINEAR) if moved else levels


def as_before(levels: np.ndarray, change: PairChange, where: np.ndarray) -> np.ndarray:
    """Return levels (n, 3) of t+1, at the n pixels of ``where``, in the light and colour of t."""
    for name, cause in reversed(LEVEL_CHANGES.items()):
        occurs = CATALOGUE[name].occurs
        if occurs and occurs(change):
            levels = cause.undo(change, levels, where)
    return levels


@dataclass(frozen=True, kw_only=True)
class ReplayScene:
    """What a pair's replays are made of."""

    third: np.ndarray  # (H, W, 3) float32: The third frame in light, colour and sharpness of t
    to_third: np.ndarray  # (H, W, 2) float32: Px, from the grid of t to the third frame
    # gaps, fill: (H, W) bool and (H, W, 3) float32; On the grid of t, what the third frame does not show, and
    # what is shown there
    gaps: np.ndarray
    fill: np.ndarray
    change: PairChange  # From t to t+1; its blur is what takes the third frame's sharpness to that of t+1
    seed: int  # Of the random placebos
    content: np.ndarray  # (H, W, 3) float32: On the grid of t+1, what came into view
    _sampled: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, repr=False)
    _motions: dict[tuple[str, ...], ShownMotion] = field(default_factory=dict, repr=False)

    @cached_property
    def occurring(self) -> frozenset[str]:
        """Names of the causes of which there is any between t and t+1."""
        return frozenset(
            name
            for name, cause in CATALOGUE.items()
            if cause.occurs is not None and cause.occurs(self.change)
        )

    def picture(self, on: Collection[str], placebo: tuple[str, str] = NO_PLACEBO) -> np.ndarray:
        """Make frame t, (H, W, 3) uint8, with the causes in ``on``, and a placebo of a further one."""
        if placebo[0] in LEVEL_CHANGES or placebo[0] in FILTERS:
            return to_levels(self._uneven(on, *placebo))
        return to_levels(self._shown(on, placebo))

    def _uneven(self, on: Collection[str], cause: str, draw: str) -> np.ndarray:
        """The levels that a cause changes times a smooth random field, with the energy they had."""
        before, after = (np.clip(self._shown(causes), 0, 255) for causes in (on, (*on, cause)))
        change = after - before
        power = np.square(change, dtype=np.float64).sum(axis=2)
        whole = float(power.sum())
        if whole <= 0:
            return before
        field = smooth_field(power.shape, PLACEBOS[cause].index(draw), self.seed)
        # about its mean as the change weighs it, so that nothing of the change is left
        field = field - float((power * field).sum()) / whole
        size = np.sqrt(whole / max(float((power * np.square(field)).sum()), 1e-9))
        return np.asarray(before + change * (np.float32(size) * field)[..., None])

    def _shown(self, on: Collection[str], placebo: tuple[str, str] = NO_PLACEBO) -> np.ndarray:
        x = self._toned(self._moved(on, placebo), on)
        for name, sharpness in FILTERS.items():
            if name in on:
                x = sharpness.play(self.change, x)
        for name, content in CONTENTS.items():
            if name in on:
                x = self._with_content(x, content, on)
            elif placebo[0] == name:
                x = self._with_content(x, content, on, placebo[1])
        return x

    def _moved(self, on: Collection[str], placebo: tuple[str, str]) -> np.ndarray:
        key = _moving(on, placebo)
        if key in self._sampled:
            return self._sampled[key]
        displacement, is_moving = self._displacement(on, placebo)
        self._motions[key] = ShownMotion.of(displacement, is_moving)
        sampled = self._sample(displacement)
        if placebo[0] not in key:  # a placebo is asked for once, and not kept
            self._sampled[key] = sampled
        return sampled

    def _displacement(
        self, on: Collection[str], placebo: tuple[str, str]
    ) -> tuple[np.ndarray, np.ndarray]:
        by_camera = CAMERA.name in on or placebo[0] == CAMERA.name
        shape = self.change.new.shape
        total, is_moving = np.zeros((*shape, 2), np.float32), np.zeros(shape, bool)
        for name, shift in SHIFTS.items():
            if name not in on and placebo[0] != name:
                continue
            motion = shift.field(self.change)
            if shift.beyond_camera and not by_camera and motion.any():
                motion = warp(motion, self.change.camera_forth, interpolation=cv2.INTER_LINEAR)
            if shift.beyond_camera:
                is_moving |= moves(motion)
            if name not in on:
                motion = other_motion(motion, PLACEBOS[name].index(placebo[1]), self.seed)
            total = total + motion
        return total, is_moving

    def _sample(self, displacement: np.ndarray) -> np.ndarray:
        if not displacement.any():
            x = self._fine.warped(self.to_third) if self.to_third.any() else self.third
            return np.where(self.gaps[..., None], self.fill, x) if self.gaps.any() else x
        through = self.to_third
        if through.any():
            through = warp(through, displacement, interpolation=cv2.INTER_LINEAR)
        x = self._fine.warped(displacement + through)
        if not self.gaps.any():
            return x
        gaps = warp(
            self.gaps.astype(np.uint8), displacement, interpolation=cv2.INTER_NEAREST
        ).astype(bool)
        x[gaps] = warp_at(self.fill, displacement, gaps)
        return x

    @cached_property
    def _fine(self) -> Doubled:
        return Doubled(self.third)

    def _toned(
        self, x: np.ndarray, on: Collection[str], where: np.ndarray | None = None
    ) -> np.ndarray:
        for name, levels in LEVEL_CHANGES.items():
            if name in on:
                x = levels.play(self.change, x, where)
        return x

    def _with_content(
        self, x: np.ndarray, cause: Content, on: Collection[str], elsewhere: str = ""
    ) -> np.ndarray:
        new, content = cause.where(self.change).astype(np.uint8), self.content
        if CAMERA.name not in on and self.change.has_camera:
            back = self.change.camera_forth
            new = np.where(
                inside(back), warp(new, back, interpolation=cv2.INTER_NEAREST), np.uint8(0)
            )
            there = new.astype(bool)
            content = np.zeros_like(content)
            content[there] = warp_at(self.content, back, there)
        if elsewhere:
            by = {"across": (0, x.shape[1] // 2), "down": (x.shape[0] // 2, 0)}[elsewhere]
            new, content = (np.roll(layer, by, axis=(0, 1)) for layer in (new, content))
        where = new.astype(bool)
        result = x.copy()
        result[where] = self._toned(as_before(content[where], self.change, where), on, where)
        return result

    def motion(self, on: Collection[str], placebo: tuple[str, str] = NO_PLACEBO) -> ShownMotion:
        """Return how what a picture shows has moved since the first frame."""
        key = _moving(on, placebo)
        if key not in self._motions:
            self._motions[key] = ShownMotion.of(*self._displacement(on, placebo))
        return self._motions[key]


def _moving(on: Collection[str], placebo: tuple[str, str]) -> tuple[str, ...]:
    return (*(name for name in SHIFTS if name in on), *(placebo if placebo[0] in SHIFTS else ()))


def other_motion(motion: np.ndarray, draw: int, seed: int) -> np.ndarray:
    """Draw another smooth displacement field of the same root mean square, where the motion is.

    Neighbouring pixels move together as they do under a real motion.
    """
    moving = moves(motion)
    parts = [smooth_field(moving.shape, draw, seed + 1 + axis) for axis in range(2)]
    field = np.stack(parts, axis=-1) * moving[..., None]
    size = size_px(field[moving]) if moving.any() else 0.0
    wanted = size_px(motion[moving]) if moving.any() else 0.0
    return np.asarray(field * (wanted / size if size > 0 else 0.0), np.float32)


def smooth_field(shape: tuple[int, ...], draw: int, seed: int) -> np.ndarray:
    """Draw normal numbers on a lattice of splines, knots half the shorter side apart, (H, W)."""
    height, width = shape
    spacing = min(height, width) / 2
    sides = [lattice_side(side, spacing) for side in (height, width)]
    return field_of(
        np.random.default_rng([seed, draw]).standard_normal(sides), (height, width), spacing
    )
