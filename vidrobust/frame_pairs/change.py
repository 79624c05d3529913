"""Everything measured between two frames, in the form in which it can be played again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import cv2
import numpy as np

from vidrobust.frame_pairs.blur import SHARED, Blur, blur_between
from vidrobust.frame_pairs.edge_light import fit_edges, spread_of
from vidrobust.frame_pairs.local_light import (
    FULL,
    Lights,
    LocalLight,
    fit_lights,
    in_lights,
    is_strong,
    no_local_light,
)
from vidrobust.frame_pairs.noise import (
    content_seed,
    noise_between,
    noise_lost,
    noise_of,
    regained,
    with_noise_alone,
)
from vidrobust.frame_pairs.registration import (
    MIN_SEEN,
    MIN_TEXTURE,
    RESOLUTION,
    affine_field,
    blurred_difference,
    camera_motion,
    edges_of,
    inside,
    inverted,
    moves,
    moves_alone,
    own_motion,
    register,
    shared_motion,
    size_px,
    unlike,
    warp,
)
from vidrobust.frame_pairs.robust import root_mean_square
from vidrobust.frame_pairs.tone import Tone, brightest, fit_tone, no_tone
from vidrobust.frame_pairs.transitions import Unregistered
from vidrobust.frames.pixels import luma, to_levels

# Levels by which an object's motion must come nearer: noise and coding let any flow fit a little better.
BETTER_LEVELS = 0.3
# Noise, levels, above which any flow lessens a further part of it, and that part.
LITTLE_NOISE, OF_NOISE = 2.0, 0.2
# Failures of luma of which a strong turn of hue may be the reason.
UNLIKE = (Unregistered.OTHER_SCENE, Unregistered.MUCH_IS_NEW)
# Noise of luma, levels, from which motion is looked for in frames that were smoothed until CALM of it is
# left.
STRONG_NOISE = 8.0
CALM = 2.0
# Gradient, levels per px, that counts as texture in frames so smoothed, and in multiples of their noise's.
SMOOTH_TEXTURE, OF_CALM = 2.0, 3.5
# Planted motions are found again in .24 and more of such a frame, other scenes in .16 at most.
SMOOTH_SEEN = 0.2  # share of a smoothed frame that must be found in the other and back again
SMOOTH_LEVELS = 4.0  # levels by which an object's motion must come nearer in smoothed frames
# a camera's motion of less, px rms, is within the error in smoothed frames
SMOOTH_RESOLUTION = 0.15
# Blur between the frames, px, from which motion is looked for again in frames that are equally blurred.
STRONG_BLUR = 0.75
# Shadows leave up to 4.4 times what motion leaves, real motions and jitter from 6 on.
# The light of a scene at rest is tried where it leaves no more than so many times what motion leaves.
AS_MUCH = 5.0
# The scene is at rest where light alone leaves no more than so many times what motion leaves beside it.
NEARLY = 1.1
AGAIN = 2  # most times that motion is measured again in the light that was found
# share of saturated pixels from which motion is looked for again in a common light
SATURATED = 0.005
# Level from which a place is bright, and side, px, of the square that must be saturated about it.
BRIGHT, RIM = 128, 5
# Behind light with edges what moves, and what is new, may be so many times what it was before.
HARDLY = 1.05
# Light with edges is looked for where what a smooth field leaves spreads as much as this part of the field.
OF_SMOOTH = 0.3
ROUNDS = 2  # rounds in which the way back of a motion is found from the way there


@dataclass(frozen=True, kw_only=True)
class PairChange:
    """What was measured from a first to a second frame."""

    # (H, W, 2) float32: The camera's motion, px; all zero if there is none beyond the method's resolution
    camera: np.ndarray
    # (H, W, 2) float32: Motion beyond the camera's, px; zero where there is none
    objects: np.ndarray
    new: np.ndarray  # (H, W) bool: Pixels of the second frame that were not in the first
    levels: Tone  # Light and colour
    local: LocalLight  # Light from place to place, on the grid of the second frame
    blur: Blur  # What takes the first frame's sharpness to the second's
    # (2, 3) float64: The camera's motion as a map from the second frame to the first
    affine: np.ndarray
    # All that is seen moves as one before an empty background: it may be the camera that moves, and the reverse
    alone: bool = False
    # (H, W, 3) float32: On the second's grid, the detail that it shows and the first had lost
    regained: np.ndarray | None = None
    # (H, W, 3) float32: Noise in place of that which the blur takes away
    noise: np.ndarray | None = None
    # Why nothing can be said; then all of the above is "no change"
    failed: Unregistered | None = None
    # What other packages measured besides, by name of the cause
    own: Mapping[str, Any] = field(default_factory=dict)
    # (change, levels (H, W, 3) float32) -> levels: how each of these is played
    own_plays: tuple[Callable[[PairChange, np.ndarray], np.ndarray], ...] = ()

    @property
    def has_camera(self) -> bool:
        return bool(self.camera.any())

    @property
    def has_objects(self) -> bool:
        return bool(self.objects.any())

    @property
    def is_lit(self) -> bool:
        return self.levels.has_light or self.levels.has_colour or self.local.there

    @cached_property
    def motion(self) -> np.ndarray:
        """(H, W, 2) px, camera and objects together."""
        return np.asarray(self.camera + self.objects)

    @property
    def objects_move(self) -> np.ndarray:
        """(H, W) bool, where anything moved beyond the camera."""
        return moves(self.objects)

    @cached_property
    def camera_forth(self) -> np.ndarray:
        """Where the camera's motion takes the first frame's pixels, (H, W, 2) px on its grid."""
        return affine_field(inverted(self.affine), *self.new.shape)

    @property
    def lights(self) -> Lights:
        return self.levels, self.local

    @cached_property
    def local_gain(self) -> np.ndarray:
        return self.local.gain(*self.new.shape)

    def own_shift(self) -> tuple[float, np.ndarray]:
        """Return root mean square and mean (2,) of what moves beyond the camera, px, from second to first."""
        moving = self.objects[self.objects_move]
        if not len(moving):
            return 0.0, np.zeros(2)
        return size_px(moving), np.asarray(moving.mean(axis=0))

    def blurred(self, levels: np.ndarray) -> np.ndarray:
        """Return levels (H, W, 3) float32 as blurred as the second frame is, and as noisy as they were."""
        x = self.blur.lost.of(levels)
        return x if self.noise is None else x + self.noise

    def in_focus_of(self, levels: np.ndarray) -> np.ndarray:
        """Return levels (H, W, 3) float32 on the second's grid, as blurred as it and with its detail."""
        x = self.blurred(levels)
        return x if self.regained is None else x + self.regained

    def with_own(self, levels: np.ndarray) -> np.ndarray:
        """Return (H, W, 3) float32 levels with what other packages measured."""
        for play in self.own_plays:
            levels = play(self, levels)
        return levels


def unchanged(shape: tuple[int, ...], failed: Unregistered | None = None) -> PairChange:
    """Return no change at all, or none that could be measured."""
    height, width = shape[:2]
    still = np.zeros((height, width, 2), np.float32)
    return PairChange(
        camera=still,
        objects=still,
        new=np.zeros((height, width), bool),
        levels=no_tone(),
        local=no_local_light(),
        blur=Blur(),
        affine=np.eye(2, 3),
        failed=failed,
    )


def measure_change(
    first: np.ndarray,
    second: np.ndarray,
    *,
    beside: PairChange | None = None,
    content: bool = False,
) -> PairChange:
    """Measure everything between two RGB frames (H, W, 3) uint8.

    ``beside``: the change of a pair with one of the frames; flow then stops at half resolution. Where it has one
    light, nothing is taken for a shadow. A frame of which new ``content`` is taken has less measured.
    """
    fine, lit = beside is None, beside is None or beside.is_lit
    round_ = _Round.of(first, second, first, second, fine=fine)
    if beside and content and round_.measured:
        # a small part of it is shown: no light is laid on it to look for motion once more
        if lit or beside.blur.sigma_px:
            return round_.whole()
        return replace(
            round_.moved, levels=fit_tone(round_.brought, second, round_.clear, round_.noise)
        )
    if round_.moved.failed in UNLIKE:
        round_ = _Round.of(first, second, _lightness(first), _lightness(second), fine=fine)
    measured = round_.whole()
    if lit and not (round_.noise or is_strong(measured.levels, first)):
        measured = _with_edges(first, second, measured, fine=fine)
        if measured.local.edges is not None:
            return measured
    # Flow may take a moving shadow for motion, and what saturates for something new. Both are measured again
    # with the light laid on the first frame, and the second no brighter than what the first can show;
    # likewise a hue that turned, and an edge that is blurred here and sharp there.
    at_rest = _lights_at_rest(first, second, measured) if lit else None
    if at_rest is not None:
        again = _measured_in(at_rest, first, second, measured, fine=fine)
        if again is not None:
            still = _still(at_rest, first, second)
            simpler = _less(still, again.moved) and still.new.sum() <= measured.new.sum()
            if simpler and _as_near(still, again.lit, first, second):
                return _with_blur(still, first, second, first, ~still.new)
            if _less(again.moved, measured):
                measured = again.whole()
    for _ in range(AGAIN):
        saturates = measured.levels.has_light and any(
            np.count_nonzero(brightest(x) >= FULL) > SATURATED * x[..., 0].size
            for x in (first, second)
        )
        there = saturates or (lit and measured.local.there) or is_strong(measured.levels, first)
        light = measured.lights if there or abs(measured.blur.sigma_px) >= STRONG_BLUR else None
        again = _measured_in(light, first, second, measured, fine=fine)
        if again is None or not _less(again.moved, measured):
            break
        measured = again.whole()
    return measured


def _with_edges(
    first: np.ndarray, second: np.ndarray, change: PairChange, *, fine: bool
) -> PairChange:
    """Measure again behind light with edges and by rows, if there is some that the change does not hold."""
    failed = change.failed
    if failed not in (None, *UNLIKE) or not (failed or change.new.any() or change.is_lit):
        return change
    a, b = (luma(x).astype(np.float32) for x in (first, second))
    clipped = (np.maximum(brightest(first), brightest(second)) >= FULL - 1).view(np.uint8)
    clear = ~cv2.dilate(clipped, np.ones((RIM, RIM), np.uint8)).astype(bool)
    lit = change.local.of(change.levels.light(a))
    left = fit_edges(*_brought(lit, change), b, change.objects_move, clear)
    if left is None or spread_of(left) <= OF_SMOOTH * spread_of(change.local_gain):
        return change
    there = change.levels.has_light or change.local.there
    edges = fit_edges(*_brought(a, change), b, change.objects_move, clear) if there else left
    if edges is None:
        return change
    again = _Round.of(first, second, first, _without(second, edges), fine=fine, edges=edges)
    if again.moved.failed or not (failed or _hardly_more(again.moved, change)):
        return change
    found = again.whole()
    # what moves hid a part of the light: once more, with less of it
    more = fit_edges(*_brought(a, found), b, found.objects_move, clear)
    if more is not None and (found.has_objects or found.has_camera):
        again = _Round.of(first, second, first, _without(second, more), fine=fine, edges=more)
        if not again.moved.failed and _less(again.moved, found):
            return again.whole()
    return found


def _brought(levels: np.ndarray, change: PairChange) -> tuple[np.ndarray, np.ndarray]:
    still = warp(levels, change.camera) if change.has_camera else levels
    return still, warp(levels, change.motion) if change.has_objects else still


def _without(picture: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return to_levels(picture / edges[..., None])


def _hardly_more(one: PairChange, other: PairChange) -> bool:
    moved, before = (size_px(change.motion) for change in (one, other))
    return moved <= HARDLY * before + RESOLUTION and one.new.sum() <= HARDLY * other.new.sum() + 1


def _measured_in(
    light: Lights | None, first: np.ndarray, second: np.ndarray, change: PairChange, *, fine: bool
) -> _Round | None:
    if light is None or not (change.has_objects or change.has_camera or change.new.any()):
        return None
    blur = change.blur if abs(change.blur.sigma_px) >= STRONG_BLUR else Blur()
    lit, most = (to_levels(in_lights(light, x)) for x in (first, np.full_like(first, 255)))
    shown = np.minimum(second, most)
    again = _Round.of(first, second, blur.lost.of(lit), blur.missed.of(shown), fine=fine)
    return None if again.moved.failed else again


def _still(light: Lights, first: np.ndarray, second: np.ndarray) -> PairChange:
    lit, most = (luma(to_levels(in_lights(light, x))) for x in (first, np.full_like(first, 255)))
    new = unlike(lit, np.minimum(luma(second), most))
    return replace(unchanged(first.shape), levels=light[0], local=light[1], new=new)


def _as_near(still: PairChange, moved: PairChange, first: np.ndarray, second: np.ndarray) -> bool:
    seen = ~(still.new | moved.new) & (brightest(first) < FULL)
    at_rest, in_motion = (
        _left(change.lights, warp(luma(first), change.motion), luma(second), seen)
        for change in (still, moved)
    )
    return bool(still.new.sum() <= moved.new.sum() and at_rest <= NEARLY * in_motion)


def _lightness(picture: np.ndarray) -> np.ndarray:
    """Thrice the mean of largest and smallest channel, which no turn of hue changes, (H, W, 3) uint8."""
    channels = cv2.split(picture)
    most, least = (fold(fold(channels[0], channels[1]), channels[2]) for fold in (cv2.max, cv2.min))
    return np.asarray(cv2.merge([cv2.addWeighted(most, 0.5, least, 0.5, 0)] * 3))


def _lights_at_rest(first: np.ndarray, second: np.ndarray, change: PairChange) -> Lights | None:
    if change.failed or not (change.has_objects or change.has_camera):
        return None
    light = fit_lights(first, second, np.ones(first.shape[:2], bool))
    if not light[1].there:
        return None
    at_rest = _left(light, luma(first), luma(second), ~change.new)
    moved = _left(change.lights, warp(luma(first), change.motion), luma(second), ~change.new)
    return light if at_rest <= AS_MUCH * moved + BETTER_LEVELS else None


def _left(light: Lights, first: np.ndarray, second: np.ndarray, seen: np.ndarray) -> float:
    lit = to_levels(light[1].of(light[0].light(first)))
    return root_mean_square(blurred_difference(lit, second)[seen])


def _less(one: PairChange, other: PairChange) -> bool:
    moved, before = (size_px(change.motion) for change in (one, other))
    return moved < before or (moved == before and int(one.new.sum()) < int(other.new.sum()))


@dataclass(frozen=True, kw_only=True)
class _Round:
    """What moved in one round. Light and blur are fitted when asked for: most further rounds are dropped."""

    first: np.ndarray
    second: np.ndarray
    moved: PairChange  # Without light and blur
    measured: bool  # Whether light and blur are to be measured
    clear: np.ndarray
    noise: float
    edges: np.ndarray | None = None  # (H, W) float32: Light with edges, which ``shown`` is without

    @classmethod
    def of(
        cls,
        first: np.ndarray,
        second: np.ndarray,
        lit: np.ndarray,
        shown: np.ndarray,
        *,
        fine: bool,
        edges: np.ndarray | None = None,
    ) -> _Round:
        """Look for motion in ``lit`` and ``shown``, the frames in nearly one light."""
        noise = _noise_of_luma(luma(first), luma(second))
        smooth = noise >= STRONG_NOISE
        texture, min_seen = MIN_TEXTURE, MIN_SEEN
        if smooth:
            # white noise of sigma n has n / (2 sqrt(pi) sigma) left under a Gaussian of sigma
            sigma = noise / (2 * math.sqrt(math.pi) * CALM)
            lit, shown = (cv2.GaussianBlur(x, (0, 0), sigma) for x in (lit, shown))
            texture, min_seen = (
                max(SMOOTH_TEXTURE, OF_CALM * CALM / (math.sqrt(2) * sigma)),
                SMOOTH_SEEN,
            )
        registered = register(lit, shown, fine=fine, texture=texture, min_seen=min_seen)
        everywhere, strong_noise = np.ones(first.shape[:2], bool), noise if smooth else 0.0
        made = partial(cls, first=first, second=second, noise=strong_noise, edges=edges)
        if registered.failed:
            # a picture without texture can still become lighter
            blank = registered.failed is Unregistered.NO_TEXTURE
            change = unchanged(first.shape, None if blank else registered.failed)
            if blank:
                levels, local = fit_lights(first, second, everywhere, strong_noise)
                change = replace(change, levels=levels, local=local)
            return made(moved=change, measured=False, clear=everywhere)
        carefully = fine or smooth
        affine = (
            camera_motion(lit, shown, registered, by_pixels=smooth)
            if carefully
            else shared_motion(registered)
        )
        camera = (
            registered.by_affine
            if affine is registered.affine
            else affine_field(affine, *registered.visible.shape)
        )
        if smooth and size_px(camera) < SMOOTH_RESOLUTION:
            affine, camera = np.eye(2, 3), np.zeros_like(camera)
        margin = (
            SMOOTH_LEVELS if smooth else BETTER_LEVELS + OF_NOISE * max(0.0, noise - LITTLE_NOISE)
        )
        objects = own_motion(registered, affine, camera, margin)
        objects[_became_full(first, second)] = 0
        motion = camera + objects
        new = registered.unseen | ~inside(motion) | edges_of(motion)
        change = replace(
            unchanged(first.shape),
            camera=camera,
            objects=objects,
            new=new,
            affine=affine,
            alone=fine and bool(motion.any()) and moves_alone(registered),
        )
        # where noise is strong a flow returns by chance
        return made(moved=change, measured=True, clear=(registered.visible | smooth) & ~new)

    @cached_property
    def brought(self) -> np.ndarray:
        """The first frame, moved."""
        motion = self.moved.motion
        return warp(self.first, motion) if size_px(motion) >= RESOLUTION else self.first

    @cached_property
    def lit(self) -> PairChange:
        """The change with its light, without blur."""
        if not self.measured:
            return self.moved
        still = ~moves(self.moved.objects)
        second = self.second if self.edges is None else _without(self.second, self.edges)
        levels, local = fit_lights(self.brought, second, self.clear, self.noise, still)
        return replace(self.moved, levels=levels, local=replace(local, edges=self.edges))

    def whole(self) -> PairChange:
        if not self.measured:
            return self.moved
        return _with_blur(self.lit, self.first, self.second, self.brought, self.clear)


def _with_blur(
    change: PairChange, first: np.ndarray, second: np.ndarray, moved: np.ndarray, clear: np.ndarray
) -> PairChange:
    levels, local = change.lights
    # light with edges is taken from the second: on the first's grid they would lie beside their place
    shown = luma(second) if local.edges is None else luma(_without(second, local.edges))
    smooth = replace(local, edges=None)
    blur = blur_between(smooth.of(levels.light(luma(first))), shown, change.motion, clear)
    return _with_detail(change, blur, first, second, moved)


def _with_detail(
    change: PairChange, blur: Blur, first: np.ndarray, second: np.ndarray, moved: np.ndarray
) -> PairChange:
    levels, local = change.lights
    noise = (
        noise_between(local.of(levels.light(moved)), second)
        if blur.everywhere
        else noise_of(second)
    )
    return replace(
        change,
        blur=blur,
        regained=regained(second, blur.missed, noise) if blur.missed.there else None,
        noise=noise_lost(second, blur.lost, noise, content_seed(first, second))
        if blur.lost.there
        else None,
    )


def enlarged(change: PairChange, first: np.ndarray, second: np.ndarray) -> PairChange:
    """Return a change measured on reduced frames as one of the whole frames (H, W, 3) uint8, in their px.

    Noise and coding live in single pixels: they are compared where the frames are whole.
    """
    height, width = second.shape[:2]
    small = change.new.shape
    factor = np.array([width / small[1], height / small[0]])

    def upsampled(motion: np.ndarray) -> np.ndarray:
        if not motion.any():
            return np.zeros((height, width, 2), np.float32)
        whole = cv2.resize(motion, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(whole * factor.astype(np.float32))

    # x of a pixel's middle: whole = factor (small + 1/2) - 1/2
    scale, middle = np.diag(factor), (factor - 1) / 2
    linear = scale @ change.affine[:, :2] @ np.linalg.inv(scale)
    affine = np.column_stack([linear, scale @ change.affine[:, 2] + middle - linear @ middle])
    px = float(factor.mean())
    back = replace(change.blur.back, sigma_px=px * change.blur.back.sigma_px)
    blur = replace(change.blur, sigma_px=px * change.blur.sigma_px, back=back)
    new = cv2.resize(change.new.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    larger = replace(
        change,
        camera=affine_field(affine, height, width)
        if change.has_camera
        else upsampled(change.camera),
        objects=upsampled(change.objects),
        new=new.astype(bool),
        local=replace(change.local, width=width) if change.local.there else change.local,
        affine=affine,
        regained=None,
        noise=None,
    )
    if not (blur.lost.there or blur.missed.there):
        return replace(larger, blur=blur)
    moved = warp(first, larger.motion) if larger.motion.any() else first
    return _with_detail(larger, blur, first, second, moved)


def _became_full(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where a bright place (H, W) is saturated, and no flow can be seen: all but its rim."""
    full = saturated(second) & (brightest(first) >= BRIGHT)
    return np.asarray(cv2.erode(full.view(np.uint8), np.ones((RIM, RIM), np.uint8)).astype(bool))


def _noise_of_luma(first: np.ndarray, second: np.ndarray) -> float:
    noise = max(float(noise_of(x)[0]) for x in (first, second))
    if noise < STRONG_NOISE:
        return noise
    not_shared = float(noise_between(first, second)[0])
    return not_shared if not_shared**2 < SHARED * noise**2 else noise


# A frame brought onto another by all that was measured between them


def aligned(a: np.ndarray, b: np.ndarray, change: PairChange) -> np.ndarray:
    """Bring frame t onto t+1 by everything measured: (H, W, 3) float32.

    It is t+1 itself where t does not show it, or is saturated and t+1 is brighter than that became.
    """
    motion = change.motion
    x = a.astype(np.float32)
    x = warp(x, motion) if motion.any() else x
    if change.levels.has_light:
        x = change.levels.light(x)
    x = change.local.of(x)
    if change.levels.has_colour:
        x = change.levels.colour(x)
    x = change.with_own(change.in_focus_of(x))
    x = np.clip(x, 0, 255, out=x)
    real, unknown = b.astype(np.float32), saturated(a, motion)
    x[unknown] = np.maximum(x[unknown], real[unknown])
    return np.asarray(cv2.copyTo(real, change.new.view(np.uint8), x))


def noise_beside(a: np.ndarray, b: np.ndarray, change: PairChange) -> np.ndarray:
    """Return frame t brought onto t+1, (H, W, 3) float32: nothing but noise and coding differs."""
    return with_noise_alone(aligned(a, b, change), b.astype(np.float32))


def saturated(picture: np.ndarray, motion: np.ndarray | None = None) -> np.ndarray:
    """Return where a picture, sampled through a motion, has a full channel, (H, W) bool."""
    full = np.asarray(brightest(picture) >= FULL)
    return full if motion is None or not (motion.any() and full.any()) else moved_mask(full, motion)


def moved_mask(mask: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Return which pixels take any part from a mask through a displacement, (H, W) bool."""
    return np.asarray(
        warp(mask.astype(np.float32), displacement, interpolation=cv2.INTER_LINEAR) > 0
    )


def in_light_of(third: np.ndarray, change: PairChange) -> np.ndarray:
    """Return the third frame in light, colour and sharpness of t, on its own grid."""
    x, motion = third.astype(np.float32), change.motion
    if change.levels.has_light:
        x = change.levels.light(x)
    if change.local.there:
        # the gain stands on the grid of t; it is smooth, so that the way back is near enough the way there
        gain = change.local_gain
        gain = warp(gain, -motion, interpolation=cv2.INTER_LINEAR) if motion.any() else gain
        x = x * gain[..., None]
    x = change.levels.colour(x) if change.levels.has_colour else x
    x = change.blurred(x)
    if change.regained is not None:
        x = x + _brought_back(change.regained, motion)
    return change.with_own(x)


def _brought_back(picture: np.ndarray, motion: np.ndarray) -> np.ndarray:
    if not motion.any():
        return picture
    way: np.ndarray = -motion
    for _ in range(ROUNDS):
        way = -warp(motion, way, interpolation=cv2.INTER_LINEAR)
    return warp(picture, way)
