"""Everything measured between two frames, in the form in which it can be played again.

    first ──▶ second     light, colour    how the levels changed (``changes/tone.py``)
                         local light      how they changed besides, from place to place
                         (``changes/local_light.py``) camera           the motion that most of the picture shares
                         objects          what moves otherwise, beyond the camera
                         new              what of the second frame was not in the first
                         sharpness        the blur between them

Displacements stand on the grid of the second frame and lead back to the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from vidrobust.changes import tone
from vidrobust.changes.blur import Blur, noise_lost, regained
from vidrobust.changes.local_light import LocalLight, fit_local_light, no_local_light
from vidrobust.changes.motion import Similarity, measure_motion
from vidrobust.changes.prepared import prepare_array
from vidrobust.changes.registration import (
    RESOLUTION,
    Registration,
    affine_field,
    blurred_difference,
    inside,
    register,
    size_px,
    warp,
)
from vidrobust.changes.same_light import same_light
from vidrobust.changes.sharpness import blur_between
from vidrobust.changes.tone import root_mean_square
from vidrobust.changes.unregistered import Unregistered
from vidrobust.frames.pixels import luma, to_levels
from vidrobust.stages.causes.exchange import content_seed

SAME_MOTION = 0.5
"""Two estimates of the camera's motion that are nearer, px rms, are of the same motion."""
GRID_OF_CELLS = (9, 12)
"""Rows and columns of cells in which a camera's motion must show where no group of points is the camera's."""
MOST = 0.6
"""Share of the cells in which it must."""
BETTER = 0.9
"""The flow is an object's motion where it leaves less than this share of what the camera's motion leaves."""
BETTER_LEVELS = 0.3
"""... and that by so many levels: noise and coding let any flow fit a little better."""
MIN_OWN_MOTION = 0.15
"""Smallest motion beyond the camera's, px, that is an object's."""
CLOSING = 15
"""Gaps of an object's motion up to this wide, px, are closed: its flat inside fits as well without motion."""
JUMP = 1.0
"""A jump of the displacement between neighbours, px, that is the edge of what moves."""
UNLIKE = (Unregistered.OTHER_SCENE, Unregistered.MUCH_IS_NEW)
"""Where luma fails so, a strong turn of hue may be the reason."""
STRONG_COLOUR = 6.0
"""Change of colour, levels rms, from which motion is looked for again in frames of equal colour."""
STRONG_BLUR = 0.75
"""Blur between the frames, px, from which motion is looked for again in frames that are equally blurred."""
ROUNDS = 3
"""Rounds in which light that all of the picture shares and light from place to place are fitted in turn."""
EDGE = 2
"""Pixels to both sides of such an edge that count as come into view."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What was measured from a first to a second frame.

    camera   (H, W, 2) float32 px, the camera's motion; all zero if there is none beyond the method's resolution
    objects  (H, W, 2) float32 px, motion beyond the camera's; zero where there is none
    new      (H, W) bool, pixels of the second frame that were not in the first
    levels   light and colour
    local    light from place to place, on the grid of the second frame
    blur     what takes the first frame's sharpness to the second's
    regained (H, W, 3) float32 on the second's grid, the detail that it shows and the first had lost; None: none
    noise    (H, W, 3) float32, noise in place of that which the blur takes away; None: none
    affine   (2, 3) the camera's motion as a map from the second frame to the first
    failed   why nothing can be said; None where there is something, else all of the above is "no change"
    own      by name, what a cause found that has a measure of its own (``Cause.measure``)
    """

    camera: np.ndarray
    objects: np.ndarray
    new: np.ndarray
    levels: tone.Tone
    local: LocalLight
    blur: Blur
    affine: np.ndarray
    regained: np.ndarray | None = None
    noise: np.ndarray | None = None
    failed: Unregistered | None = None
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_camera(self) -> bool:
        """Whether the camera moved."""
        return bool(self.camera.any())

    @property
    def has_objects(self) -> bool:
        """Whether anything moved otherwise."""
        return bool(self.objects.any())

    @cached_property
    def local_gain(self) -> np.ndarray:
        """(H, W) float32, the gain of the light from place to place."""
        return self.local.gain(*self.new.shape)

    def in_focus_of(self, levels: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 levels on the grid of the second frame: as blurred as it, with the detail it shows."""
        x = self.blurred(levels)
        return x if self.regained is None else x + self.regained

    def blurred(self, levels: np.ndarray) -> np.ndarray:
        """(H, W, 3) float32 levels, as blurred as the second frame is, and as noisy as they were."""
        x = self.blur.lost.of(levels)
        return x if self.noise is None else x + self.noise

    @property
    def motion(self) -> np.ndarray:
        """(H, W, 2) camera and objects together."""
        return np.asarray(self.camera + self.objects)


def measure_change(first: np.ndarray, second: np.ndarray, *, fine: bool = True) -> Change:
    """Everything measured between two frames.

    first, second  (H, W, 3) uint8 RGB of one size
    fine           as in ``register``; without it camera and objects are not separated with care
    """
    found = _measured(first, second, (first, second), fine=fine)
    if found.failed in UNLIKE:
        found = _measured(first, second, (_lightness(first), _lightness(second)), fine=fine)
    if not (found.has_objects or found.has_camera):
        return found
    # flow takes a shadow that moves, a hue that turns, or an edge that is blurred here and sharp there for motion:
    # it is measured again with shadow and colour laid on the first frame, and each frame blurred as the other
    looked = _alike(first, second, found)
    again = _measured(first, second, looked, fine=fine) if looked else found
    return found if again.failed or size_px(again.motion) >= size_px(found.motion) else again


def _alike(first: np.ndarray, second: np.ndarray, found: Change) -> tuple[np.ndarray, np.ndarray] | None:
    """The frames as motion is looked for in them, in one light and equally blurred; None: as they are."""
    blur = found.blur if abs(found.blur.sigma_px) >= STRONG_BLUR else Blur()
    strong = root_mean_square(found.levels.colour(first[::4, ::4]) - first[::4, ::4]) >= STRONG_COLOUR
    if not (found.local.there or blur.sigma_px or strong):
        return None
    lit = (
        found.local.of(found.levels.light(first)) if found.local.there or strong else first.astype(np.float32)
    )
    lit = found.levels.colour(lit) if strong else lit
    return to_levels(blur.lost.of(lit)), to_levels(blur.missed.of(second.astype(np.float32)))


def _lightness(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8, thrice the mean of the largest and the smallest channel, which no turn of hue changes."""
    channels = cv2.split(picture)
    most, least = (fold(fold(channels[0], channels[1]), channels[2]) for fold in (cv2.max, cv2.min))
    return np.asarray(cv2.merge([cv2.addWeighted(most, 0.5, least, 0.5, 0)] * 3))


def _measured(
    first: np.ndarray, second: np.ndarray, looked: tuple[np.ndarray, np.ndarray], *, fine: bool
) -> Change:
    """looked  the frames as motion is looked for in them."""
    lit, seen = looked
    found = register(lit, seen, fine=fine)
    if found.failed is Unregistered.NO_TEXTURE:
        return _flat(first, second)
    if found.failed:
        return unchanged(first.shape, found.failed)
    affine = _camera(lit, seen, found) if fine else _shared_motion(found)
    camera = affine_field(affine, *found.visible.shape)
    grays = same_light(luma(lit), luma(seen), alike="level")
    objects = _objects(*grays, camera, found.flow)
    motion = camera + objects
    new = found.unseen | ~inside(motion) | edges_of(motion)
    moved = warp(first, motion) if size_px(motion) >= RESOLUTION else first
    clear = found.visible & ~new
    levels, local = _lights(moved, second, clear)
    blur = blur_between(local.of(levels.light(luma(first))), luma(second), motion, clear)
    return Change(
        camera=camera,
        objects=objects,
        new=new,
        levels=levels,
        local=local,
        blur=blur,
        regained=regained(second, blur.missed) if blur.missed.there else None,
        noise=noise_lost(second, blur.lost, content_seed(first, second)) if blur.lost.there else None,
        affine=affine,
    )


def _lights(moved: np.ndarray, second: np.ndarray, clear: np.ndarray) -> tuple[tone.Tone, LocalLight]:
    """What light and colour all of the picture shares, and what is left from place to place.

    Where there is light from place to place the two are fitted in turn: a curve fitted to a picture of which
    one side became brighter takes the levels of that side for bright ones.
    """
    levels = tone.fit_tone(moved, second, clear)
    local = fit_local_light(levels.colour(levels.light(moved)), second, clear)
    for _ in range(ROUNDS if local.there else 0):
        gain = local.gain(*clear.shape)
        even = to_levels(moved * (gain / gain.mean())[..., None])
        levels = tone.fit_tone(even, second, clear)
        local = fit_local_light(levels.colour(levels.light(moved)), second, clear)
    return levels, local


def unchanged(shape: tuple[int, ...], failed: Unregistered | None = None) -> Change:
    """No change at all, or none that could be reported."""
    height, width = shape[:2]
    still = np.zeros((height, width, 2), np.float32)
    return Change(
        camera=still,
        objects=still,
        new=np.zeros((height, width), bool),
        levels=tone.no_tone(),
        local=no_local_light(),
        blur=Blur(),
        affine=np.eye(2, 3),
        failed=failed,
    )


def _flat(first: np.ndarray, second: np.ndarray) -> Change:
    """A picture without texture can still become lighter."""
    nothing = unchanged(first.shape)
    everywhere = np.ones(first.shape[:2], bool)
    levels, local = _lights(first, second, everywhere)
    return replace(nothing, levels=levels, local=local)


def _camera(first: np.ndarray, second: np.ndarray, found: Registration) -> np.ndarray:
    """(2, 3) the camera's motion, from the second frame to the first.

    Which motion is the camera's is said by points spread over the frame: an object rich in texture must not pass
    for the camera. Where the flow's affine motion agrees with that one it is the more exact.
    """
    seen = measure_motion(prepare_array(first), prepare_array(second))
    if not seen.camera_valid:
        # no one group is the camera's: a hand-held camera before near and far things
        return _shared_motion(found) if moves_everywhere(found) else np.eye(2, 3)
    affine, shape = matrix_back(seen.camera), found.visible.shape
    finer = _shared_motion(found)
    apart = size_px(affine_field(affine, *shape) - affine_field(finer, *shape))
    if apart < SAME_MOTION:
        return finer
    return affine if size_px(affine_field(affine, *shape)) >= RESOLUTION else np.eye(2, 3)


def moves_everywhere(found: Registration) -> bool:
    """Whether the affine motion takes away more than half of the flow in most cells, also along the rim.

    An object that moves leaves the cells about it at rest.
    """
    left = found.flow - affine_field(found.affine, *found.visible.shape)
    size = (GRID_OF_CELLS[1], GRID_OF_CELLS[0])
    clear = found.visible.astype(np.float32)
    share = cv2.resize(clear, size, interpolation=cv2.INTER_AREA)
    rest, flow = (
        cv2.resize(_length(each) * clear, size, interpolation=cv2.INTER_AREA) for each in (left, found.flow)
    )
    better = (rest < flow / 2)[share > 0.5]
    rim = np.ones(GRID_OF_CELLS, bool)
    rim[1:-1, 1:-1] = False
    of_rim = (rest < flow / 2)[rim & (share > 0.5)]
    known = len(better) >= rim.size // 4 and len(of_rim) > 0
    return bool(known and better.mean() > MOST and of_rim.mean() > MOST)


def _shared_motion(found: Registration) -> np.ndarray:
    """(2, 3) the affine motion that most of the textured pixels share; the identity where there is none."""
    field = affine_field(found.affine, *found.visible.shape)
    return np.eye(2, 3) if found.affine_failed or size_px(field) < RESOLUTION else found.affine


def matrix_back(camera: Similarity) -> np.ndarray:
    """(2, 3) from a pixel of the second frame to where it was in the first."""
    angle, centre = np.deg2rad(camera.rotation_deg), np.array(camera.centre)
    c, s = np.cos(angle), np.sin(angle)
    linear = np.linalg.inv(camera.zoom * np.array([[c, -s], [s, c]]))
    constant = centre - linear @ (centre + np.array([camera.shift_x, camera.shift_y]))
    return np.column_stack([linear, constant])


def _objects(first: np.ndarray, second: np.ndarray, camera: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The flow beyond the camera where it brings the first frame clearly nearer to the second."""
    own = flow - camera
    by_camera, by_flow = (
        blurred_difference(warp(first, field) if field.any() else first, second) for field in (camera, flow)
    )
    better = (by_flow < BETTER * by_camera - BETTER_LEVELS) & (_length(own) > MIN_OWN_MOTION)
    closed = cv2.morphologyEx(better.astype(np.uint8), cv2.MORPH_CLOSE, _disc(CLOSING))
    return np.asarray(np.where(closed.astype(bool)[..., None], own, np.float32(0)))


def edges_of(motion: np.ndarray) -> np.ndarray:
    """(H, W) bool, within 2 px of a jump of the displacement by more than 1 px between neighbours."""
    jump = np.zeros(motion.shape[:2], np.uint8)
    for axis in (0, 1):
        step = _length(np.diff(motion, axis=axis)) > JUMP
        ahead, behind = (jump[1:], jump[:-1]) if axis == 0 else (jump[:, 1:], jump[:, :-1])
        ahead |= step
        behind |= step
    return np.asarray(cv2.dilate(jump, _disc(2 * EDGE + 1)).astype(bool)) if jump.any() else jump.astype(bool)


def _length(field: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.magnitude(*cv2.split(np.ascontiguousarray(field))))


def _disc(side: int) -> np.ndarray:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
