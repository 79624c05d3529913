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

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from vidrobust.frame_pairs import tone
from vidrobust.frame_pairs.blur import SHARED, Blur, noise_between, noise_lost, noise_of, regained
from vidrobust.frame_pairs.local_light import LocalLight, no_local_light
from vidrobust.frame_pairs.registration import (
    RESOLUTION,
    affine_field,
    blurred_difference,
    inside,
    moves,
    register,
    size_px,
    unlike,
    warp,
)
from vidrobust.frame_pairs.robust import same_light
from vidrobust.frame_pairs.sharpness import blur_between
from vidrobust.frame_pairs.transitions import Unregistered
from vidrobust.frames.pixels import brightest, luma, to_levels
from vidrobust.stages.causes.camera_motion import camera_motion, length_px, shared_motion
from vidrobust.stages.causes.exchange import content_seed
from vidrobust.stages.causes.lights import FULL, Lights, fit_lights, in_lights, strong

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
STRONG_NOISE = 8.0
"""Noise of luma, levels, from which motion is looked for in frames that were smoothed until CALM of it is left."""
CALM = 2.0
SMOOTH_TEXTURE, OF_CALM = 2.0, 3.5
"""Gradient, levels per px, that counts as texture in frames so smoothed, and in multiples of their noise's."""
SMOOTH_SEEN = 0.2
"""Share of such a frame that must be found in the other and back again: planted motions .24 and more, other scenes
.16 at most."""
SMOOTH_LEVELS = 4.0
"""By so many levels an object's motion must come nearer in such frames."""
SMOOTH_RESOLUTION = 0.15
"""A camera's motion of less, px rms, is within the error in such frames."""
LITTLE_NOISE, OF_NOISE = 2.0, 0.2
"""Of what noise exceeds the one, any flow lessens this part."""
STRONG_BLUR = 0.75
"""Blur between the frames, px, from which motion is looked for again in frames that are equally blurred."""
AS_MUCH = 5.0
"""The light of a scene at rest is tried where it leaves no more than so many times what motion leaves: shadows
leave up to 4.4, real motions and jitter from 6 on."""
NEARLY = 1.1
"""The scene is at rest where light alone leaves no more than so many times what motion leaves beside it."""
AGAIN = 2
"""Most times that motion is measured again in the light that was found."""
SATURATED = 0.005
"""Share of such pixels from which motion is looked for again in a common light."""
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
    found = _measured(first, second, first, second, fine=fine)
    if found.failed in UNLIKE:
        found = _measured(first, second, _lightness(first), _lightness(second), fine=fine)
    # flow may take a shadow that moves for motion, and what saturates for something new: they are measured again
    # with the light laid on the first frame, and the second no brighter than what the first can show; likewise a
    # hue that turned, and an edge that is blurred here and sharp there
    for lights in (_lights_at_rest, *[_lights_found] * AGAIN):
        light = lights(first, second, found)
        again = _measured_in(light, first, second, found, fine=fine)
        if again is not None and lights is _lights_at_rest and light is not None:
            still = _at_rest(light, first, second)
            simpler = _less(still, again) and still.new.sum() <= found.new.sum()
            if simpler and _as_near(still, again, first, second):
                return _with_blur(still, first, second, first, ~still.new)
        if again is not None and _less(again, found):
            found = again
        elif lights is _lights_found:
            break
    return found


def _measured_in(
    light: Lights | None, first: np.ndarray, second: np.ndarray, found: Change, *, fine: bool
) -> Change | None:
    """Measured again with this light laid on the first frame; None where that fails or nothing can change."""
    if light is None or not (found.has_objects or found.has_camera or found.new.any()):
        return None
    blur = found.blur if abs(found.blur.sigma_px) >= STRONG_BLUR else Blur()
    lit, most = (to_levels(in_lights(light, x)) for x in (first, np.full_like(first, 255)))
    shown = np.minimum(second, most)
    again = _measured(first, second, blur.lost.of(lit), blur.missed.of(shown), fine=fine)
    return None if again.failed else again


def _at_rest(light: Lights, first: np.ndarray, second: np.ndarray) -> Change:
    """What changed if nothing moved and the light became this."""
    lit, most = (luma(to_levels(in_lights(light, x))) for x in (first, np.full_like(first, 255)))
    return replace(
        unchanged(first.shape),
        levels=light[0],
        local=light[1],
        new=unlike(lit, np.minimum(luma(second), most)),
    )


def _as_near(still: Change, moved: Change, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether light alone brings as many pixels near the second frame, and nearly as near, as motion beside it."""
    seen = ~(still.new | moved.new) & (brightest(first) < FULL)
    at_rest, in_motion = (
        _left((each.levels, each.local), warp(luma(first), each.motion), luma(second), seen)
        for each in (still, moved)
    )
    return bool(still.new.sum() <= moved.new.sum() and at_rest <= NEARLY * in_motion)


def _lightness(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8, thrice the mean of the largest and the smallest channel, which no turn of hue changes."""
    channels = cv2.split(picture)
    most, least = (fold(fold(channels[0], channels[1]), channels[2]) for fold in (cv2.max, cv2.min))
    return np.asarray(cv2.merge([cv2.addWeighted(most, 0.5, least, 0.5, 0)] * 3))


def _lights_at_rest(first: np.ndarray, second: np.ndarray, found: Change) -> Lights | None:
    """The light if nothing moved, where some of it is from place to place and it leaves little."""
    if found.failed or not (found.has_objects or found.has_camera):
        return None
    light = fit_lights(first, second, np.ones(first.shape[:2], bool))
    if not light[1].there:
        return None
    at_rest = _left(light, luma(first), luma(second), ~found.new)
    moved = _left((found.levels, found.local), warp(luma(first), found.motion), luma(second), ~found.new)
    return light if at_rest <= AS_MUCH * moved + BETTER_LEVELS else None


def _left(light: Lights, first: np.ndarray, second: np.ndarray, seen: np.ndarray) -> float:
    """What light leaves of the difference of two grey pictures, root mean square, levels."""
    lit = to_levels(light[1].of(light[0].light(first)))
    return tone.root_mean_square(blurred_difference(lit, second)[seen])


def _lights_found(first: np.ndarray, second: np.ndarray, found: Change) -> Lights | None:
    """The light that was found, where it, or the blur between the frames, may pass for motion."""
    there = (
        found.local.there
        or _saturates(first, second, found)
        or strong(found.levels, first)
        or abs(found.blur.sigma_px) >= STRONG_BLUR
    )
    return (found.levels, found.local) if there else None


def _saturates(first: np.ndarray, second: np.ndarray, found: Change) -> bool:
    """Whether the light takes pixels to full level or from it."""
    return found.levels.has_light and any(
        np.count_nonzero(brightest(x) >= FULL) > SATURATED * x[..., 0].size for x in (first, second)
    )


def _less(one: Change, other: Change) -> bool:
    """Whether less moved, or as little and less is new."""
    moved, before = (size_px(each.motion) for each in (one, other))
    return moved < before or (moved == before and int(one.new.sum()) < int(other.new.sum()))


def _measured(
    first: np.ndarray, second: np.ndarray, lit: np.ndarray, shown: np.ndarray, *, fine: bool
) -> Change:
    """lit, shown  the frames as motion is looked for in them, in nearly the same light."""
    noise = _noise_of_luma(luma(first), luma(second))
    smooth = noise >= STRONG_NOISE
    if smooth:
        sigma = noise / (2 * math.sqrt(math.pi) * CALM)
        lit, shown = (cv2.GaussianBlur(x, (0, 0), sigma) for x in (lit, shown))
        texture = max(SMOOTH_TEXTURE, OF_CALM * CALM / (math.sqrt(2) * sigma))
        found = register(lit, shown, fine=fine, texture=texture, min_seen=SMOOTH_SEEN)
    else:
        found = register(lit, shown, fine=fine)
    if found.failed is Unregistered.NO_TEXTURE:
        return _flat(first, second, noise if smooth else 0.0)
    if found.failed:
        return unchanged(first.shape, found.failed)
    affine = camera_motion(lit, shown, found, whole=smooth) if fine or smooth else shared_motion(found)
    camera = affine_field(affine, *found.visible.shape)
    if smooth and size_px(camera) < SMOOTH_RESOLUTION:
        affine, camera = np.eye(2, 3), np.zeros_like(camera)
    grays = same_light(luma(lit), luma(shown), alike="level")
    margin = SMOOTH_LEVELS if smooth else BETTER_LEVELS + OF_NOISE * max(0.0, noise - LITTLE_NOISE)
    objects = _objects(*grays, camera, found.flow, margin)
    motion = camera + objects
    new = found.unseen | ~inside(motion) | edges_of(motion)
    moved = warp(first, motion) if size_px(motion) >= RESOLUTION else first
    clear = (found.visible | smooth) & ~new  # where noise is strong a flow returns by chance
    levels, local = fit_lights(moved, second, clear, noise if smooth else 0.0, ~moves(objects))
    change = Change(
        camera=camera, objects=objects, new=new, levels=levels, local=local, blur=Blur(), affine=affine
    )
    return _with_blur(change, first, second, moved, clear)


def _with_blur(
    change: Change, first: np.ndarray, second: np.ndarray, moved: np.ndarray, clear: np.ndarray
) -> Change:
    """The change with what is left of it once places and light are right; moved is the first frame, displaced."""
    levels, local = change.levels, change.local
    blur = blur_between(local.of(levels.light(luma(first))), luma(second), change.motion, clear)
    own = noise_between(local.of(levels.light(moved)), second) if blur.everywhere else noise_of(second)
    return replace(
        change,
        blur=blur,
        regained=regained(second, blur.missed, own) if blur.missed.there else None,
        noise=noise_lost(second, blur.lost, own, content_seed(first, second)) if blur.lost.there else None,
    )


def _noise_of_luma(first: np.ndarray, second: np.ndarray) -> float:
    """Sigma of the noise of the noisier of two grey pictures, levels, unless nearly all of it is shared detail."""
    noise = max(float(noise_of(x)[0]) for x in (first, second))
    if noise < STRONG_NOISE:
        return noise
    not_shared = float(noise_between(first, second)[0])
    return not_shared if not_shared**2 < SHARED * noise**2 else noise


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


def _flat(first: np.ndarray, second: np.ndarray, noise: float) -> Change:
    """A picture without texture can still become lighter."""
    nothing = unchanged(first.shape)
    everywhere = np.ones(first.shape[:2], bool)
    levels, local = fit_lights(first, second, everywhere, noise)
    return replace(nothing, levels=levels, local=local)


def _objects(
    first: np.ndarray, second: np.ndarray, camera: np.ndarray, flow: np.ndarray, margin: float
) -> np.ndarray:
    """The flow beyond the camera where it brings the first frame nearer to the second by more than the margin."""
    own = flow - camera
    by_camera, by_flow = (
        blurred_difference(warp(first, field) if field.any() else first, second) for field in (camera, flow)
    )
    better = (by_flow < BETTER * by_camera - margin) & (length_px(own) > MIN_OWN_MOTION)
    closed = cv2.morphologyEx(better.astype(np.uint8), cv2.MORPH_CLOSE, _disc(CLOSING))
    return np.asarray(np.where(closed.astype(bool)[..., None], own, np.float32(0)))


def edges_of(motion: np.ndarray) -> np.ndarray:
    """(H, W) bool, within 2 px of a jump of the displacement by more than 1 px between neighbours."""
    jump = np.zeros(motion.shape[:2], np.uint8)
    for axis in (0, 1):
        step = length_px(np.diff(motion, axis=axis)) > JUMP
        ahead, behind = (jump[1:], jump[:-1]) if axis == 0 else (jump[:, 1:], jump[:, :-1])
        ahead |= step
        behind |= step
    return np.asarray(cv2.dilate(jump, _disc(2 * EDGE + 1)).astype(bool)) if jump.any() else jump.astype(bool)


def _disc(side: int) -> np.ndarray:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
