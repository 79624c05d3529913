"""How large each measured change of a pair is, in the units of the perturbations, and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vidrobust.changes.registration import moves, size_px
from vidrobust.changes.sharpness import Blur
from vidrobust.changes.tone import Tone, root_mean_square
from vidrobust.frames.pixels import luma
from vidrobust.stages.causes.measured import Change
from vidrobust.stages.causes.scene import Scene
from vidrobust.text.numbers import percent, signed_percent


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of one change.

    size, unit  one number: light gain - 1; local light gain rms; colour levels rms; camera and objects px rms;
                what came into view as a share of the picture; sharpness sigma px, negative for sharper; noise
                levels
    measured    in words
    more        further numbers by name: gain, offset; hue_deg, saturation, white_balance; shift_x_px, shift_y_px,
                rotation_deg, zoom
    """

    size: float
    unit: str
    measured: str
    more: Mapping[str, float] = field(default_factory=dict)


MORE = (
    *("gain", "offset", "hue_deg", "saturation", "white_balance"),
    *("shift_x_px", "shift_y_px", "rotation_deg", "zoom", "blur_angle_deg"),
)
"""Every name that ``Size.more`` may have."""


def sizes_of(a: np.ndarray, scene: Scene, noise: float, *, reverse: bool) -> dict[str, Size]:
    """Sizes of all causes of a pair, from t to t+1 even where the chain was played backwards.

    a  (H, W, 3) uint8, the frame the chain begins with; noise in levels
    """
    change, sign = scene.change, -1 if reverse else 1
    moved = size_px(change.objects[moves(change.objects)]) if change.has_objects else 0.0
    share = float(change.new.mean())
    return {
        "light": _light(a, change.levels, reverse=reverse),
        "local_light": _local_light(a, change, reverse=reverse),
        "colour": _colour(a, change.levels, reverse=reverse),
        "camera": _camera(change.affine, a.shape, reverse=reverse),
        "objects": _objects(change.objects, moved, reverse=reverse),
        "came_into_view": Size(size=share, unit="share", measured=f"{percent(share)} of the picture"),
        "sharpness": _sharpness(change.blur, sign),
        "noise_and_coding": Size(size=noise, unit="levels", measured=f"{noise:.1f} levels"),
    }


def _objects(displacement: np.ndarray, moved: float, *, reverse: bool) -> Size:
    """What moved by itself: its mean displacement; the field leads from the second frame back to the first."""
    moving = displacement[moves(displacement)]
    mean = (moving.mean(axis=0) if len(moving) else np.zeros(2)) * (1 if reverse else -1)
    more = {"shift_x_px": float(mean[0]), "shift_y_px": float(mean[1])}
    return Size(size=moved, unit="px rms", measured=f"{moved:.1f} px" if moved else "none", more=more)


def _sharpness(blur: Blur, sign: int) -> Size:
    sigma, more = sign * blur.sigma_px, {"blur_angle_deg": math.degrees(blur.angle)}
    if sigma == 0:
        return Size(size=0.0, unit="px", measured="none", more=more)
    words = f"{'blurrier' if sigma > 0 else 'sharper'}, sigma {abs(sigma):.2f} px"
    if not math.isnan(blur.angle):
        words += f": motion blur, {blur.length_px:.1f} px long at {math.degrees(blur.angle):.0f} deg"
    return Size(size=sigma, unit="px", measured=words, more=more)


def _light(a: np.ndarray, levels: Tone, *, reverse: bool) -> Size:
    if not levels.has_light:
        return Size(size=0.0, unit="gain", measured="none", more={"gain": 1.0, "offset": 0.0})
    mean = max(float(luma(a).mean()), 1.0)
    ratio = max(float(levels.light(luma(a)).mean()) / mean, 1e-3)
    ratio = 1 / ratio if reverse else ratio
    gain = 1 / levels.gain if reverse and levels.gain > 0 else levels.gain
    offset = -levels.offset * gain if reverse else levels.offset
    words = f"{signed_percent(ratio - 1)} (gain {gain:.3f}, offset {offset:+.1f})"
    return Size(size=ratio - 1, unit="gain", measured=words, more={"gain": gain, "offset": offset})


def _local_light(a: np.ndarray, change: Change, *, reverse: bool) -> Size:
    """How far the gain is spread over the picture: root mean square about its mean, levels weighed alike."""
    if not change.local.there:
        return Size(size=0.0, unit="gain", measured="none")
    gain = change.local.gain(*a.shape[:2])
    gain = 1 / gain if reverse else gain
    darkest, brightest = (float(x) for x in np.percentile(gain, (1, 99)))
    words = f"gain from {darkest:.2f} to {brightest:.2f} over the picture"
    return Size(size=float(gain.std()), unit="gain", measured=words)


OPPONENT = np.array([[2.0, -1.0, -1.0], [0.0, np.sqrt(3.0), -np.sqrt(3.0)]]) / np.sqrt(6.0)
"""Two colour axes at right angles to grey."""


def _colour(a: np.ndarray, levels: Tone, *, reverse: bool) -> Size:
    if not levels.has_colour:
        more = {"hue_deg": 0.0, "saturation": 1.0, "white_balance": 1.0}
        return Size(size=0.0, unit="levels", measured="none", more=more)
    matrix = np.linalg.inv(levels.matrix) if reverse else levels.matrix
    constant = -matrix @ levels.constant if reverse else levels.constant
    sampled = a[::4, ::4].reshape(-1, 3).astype(np.float64)
    size = root_mean_square(sampled @ matrix.T + constant - sampled)
    chroma = OPPONENT @ matrix @ OPPONENT.T
    hue = float(np.degrees(np.arctan2(chroma[1, 0] - chroma[0, 1], chroma[0, 0] + chroma[1, 1])))
    saturation = float(np.sqrt(abs(np.linalg.det(chroma))))
    red, _, blue = np.maximum(matrix @ np.full(3, 128.0) + constant, 1.0)
    more = {"hue_deg": hue, "saturation": saturation, "white_balance": float(red / blue)}
    words = f"hue {hue:+.1f} deg, saturation {saturation:.2f}, red to blue {red / blue:.2f}"
    return Size(size=size, unit="levels", measured=words, more=more)


def _camera(affine: np.ndarray, shape: tuple[int, ...], *, reverse: bool) -> Size:
    """The picture's motion from t to t+1; the map leads from the second frame back to the first."""
    whole = np.vstack([affine, [0, 0, 1]])
    forth = whole if reverse else np.linalg.inv(whole)
    centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 1.0])
    shift = (forth @ centre - centre)[:2]
    turn = float(np.degrees(np.arctan2(forth[1, 0] - forth[0, 1], forth[0, 0] + forth[1, 1])))
    zoom = float(np.sqrt(abs(np.linalg.det(forth[:2, :2]))))
    more = {
        "shift_x_px": float(shift[0]),
        "shift_y_px": float(shift[1]),
        "rotation_deg": turn,
        "zoom": zoom,
    }
    size = float(np.hypot(*shift))
    words = f"{shift[0]:+.2f}, {shift[1]:+.2f} px, {turn:+.2f} deg, zoom {zoom:.4f}"
    return Size(
        size=size, unit="px", measured="none" if np.array_equal(affine, np.eye(2, 3)) else words, more=more
    )
