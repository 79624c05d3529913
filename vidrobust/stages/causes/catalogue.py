"""Every cause of the account: how each is replayed and sized, and what is said of it. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vidrobust.stages.causes.cause import (
    AccountEntry,
    Cause,
    Content,
    Filter,
    LevelReplay,
    Shift,
    Size,
)
from vidrobust.stages.causes.fits import fit_blur, fit_gain_field, fit_levels, fit_motion
from vidrobust.text.numbers import percent, signed_percent

if TYPE_CHECKING:
    from vidrobust.frame_pairs.change import PairChange

SEEN_POWER = 0.05  # a power of light's curve that differs by so much from 1 is mentioned in words
# Two colour axes at right angles to grey.
OPPONENT = np.array([[2.0, -1.0, -1.0], [0.0, np.sqrt(3.0), -np.sqrt(3.0)]]) / np.sqrt(6.0)
SMALLEST_RATIO = 1e-3


def _undo_light(change: PairChange, levels: np.ndarray, where: np.ndarray) -> np.ndarray:
    grid = np.arange(2 * 256, dtype=np.float32)  # full level at t+1 may have been more at t
    return np.interp(levels, np.maximum.accumulate(change.levels.light(grid)), grid).astype(
        np.float32
    )


def _size_of_light(change: PairChange, a: np.ndarray, reverse: bool) -> Size:
    from vidrobust.frames.pixels import luma

    levels = change.levels
    if not levels.has_light:
        return Size(size=0.0, unit="gain", measured="none", more={"gain": 1.0, "offset": 0.0})
    mean = max(float(luma(a).mean()), 1.0)
    ratio = max(float(levels.light(luma(a)).mean()) / mean, SMALLEST_RATIO)
    ratio = 1 / ratio if reverse else ratio
    gain = 1 / levels.gain if reverse and levels.gain > 0 else levels.gain
    offset = -levels.offset * gain if reverse else levels.offset
    power = 1 / levels.power if reverse else levels.power
    bent = f", gamma {power:.2f}" if abs(power - 1) >= SEEN_POWER else ""
    words = f"{signed_percent(ratio - 1)} (gain {gain:.3f}, offset {offset:+.1f}{bent})"
    return Size(size=ratio - 1, unit="gain", measured=words, more={"gain": gain, "offset": offset})


LIGHT = Cause(
    name="light",
    title="light",
    group="light",
    replay=LevelReplay(play=lambda change, x, where: change.levels.light(x), undo=_undo_light),
    occurs=lambda change: change.levels.has_light,
    size=_size_of_light,
    columns=("gain", "offset"),
    fit=fit_levels,
    drifts=True,
    hint="hold the light: a regulated lamp, a shield against daylight, exposure and gain fixed on the camera",
)


def _gain(change: PairChange, where: np.ndarray | None) -> np.ndarray:
    gain = change.local_gain[..., None]
    return gain if where is None else gain[where]


def _size_of_local_light(change: PairChange, a: np.ndarray, reverse: bool) -> Size:
    if not change.local.there:
        return Size(size=0.0, unit="gain", measured="none")
    gain = 1 / change.local_gain if reverse else change.local_gain
    darkest, brightest = (float(x) for x in np.percentile(gain, (1, 99)))
    words = f"gain from {darkest:.2f} to {brightest:.2f} over the picture"
    return Size(size=float(gain.std()), unit="gain", measured=words)


LOCAL_LIGHT = Cause(
    name="local_light",
    title="local light",
    group="light",
    replay=LevelReplay(
        play=lambda change, x, where: np.asarray(x * _gain(change, where)),
        undo=lambda change, levels, where: np.asarray(levels / _gain(change, where)),
    ),
    occurs=lambda change: change.local.there,
    size=_size_of_local_light,
    fit=fit_gain_field,
    drifts=True,
    hint="look for a lamp that flickers or a shadow that moves across the picture, and shield it",
)


def _size_of_colour(change: PairChange, a: np.ndarray, reverse: bool) -> Size:
    levels = change.levels
    if not levels.has_colour:
        more = {"hue_deg": 0.0, "saturation": 1.0, "white_balance": 1.0}
        return Size(size=0.0, unit="levels", measured="none", more=more)
    play = levels.uncoloured if reverse else levels.colour
    sampled = a[::4, ::4].reshape(-1, 3).astype(np.float32)
    size = float(np.sqrt(np.mean(np.square(play(sampled) - sampled, dtype=np.float64))))
    if levels.hues is not None:
        sign = -1 if reverse else 1
        turn, ratio = levels.turned(sampled)
        hue, saturation = sign * turn, max(ratio, SMALLEST_RATIO) ** sign
    else:
        matrix = np.linalg.inv(levels.matrix) if reverse else levels.matrix
        chroma = OPPONENT @ matrix @ OPPONENT.T
        hue = float(
            np.degrees(np.arctan2(chroma[1, 0] - chroma[0, 1], chroma[0, 0] + chroma[1, 1]))
        )
        saturation = float(np.sqrt(abs(np.linalg.det(chroma))))
    red, _, blue = np.maximum(play(np.full((1, 3), 128.0))[0], 1.0)
    more = {"hue_deg": hue, "saturation": saturation, "white_balance": float(red / blue)}
    words = f"hue {hue:+.1f} deg, saturation {saturation:.2f}, red to blue {red / blue:.2f}"
    return Size(size=size, unit="levels", measured=words, more=more)


COLOUR = Cause(
    name="colour",
    title="colour",
    group="light",
    replay=LevelReplay(
        play=lambda change, x, where: change.levels.colour(x),
        undo=lambda change, levels, where: change.levels.uncoloured(levels),
    ),
    occurs=lambda change: change.levels.has_colour,
    size=_size_of_colour,
    columns=("hue_deg", "saturation", "white_balance"),
    fit=fit_levels,
    drifts=True,
    hint="fix the camera's white balance and the lamps' colour",
)


def _size_of_camera(change: PairChange, a: np.ndarray, reverse: bool) -> Size:
    """The picture's motion from t to t+1; the measured map leads from the second frame back to the first."""
    whole = np.vstack([change.affine, [0, 0, 1]])
    forth = whole if reverse else np.linalg.inv(whole)
    centre = np.array([(a.shape[1] - 1) / 2, (a.shape[0] - 1) / 2, 1.0])
    shift = (forth @ centre - centre)[:2]
    turn = float(np.degrees(np.arctan2(forth[1, 0] - forth[0, 1], forth[0, 0] + forth[1, 1])))
    zoom = float(np.sqrt(abs(np.linalg.det(forth[:2, :2]))))
    more = {
        "shift_x_px": float(shift[0]),
        "shift_y_px": float(shift[1]),
        "rotation_deg": turn,
        "zoom": zoom,
    }
    words = f"{shift[0]:+.2f}, {shift[1]:+.2f} px, {turn:+.2f} deg, zoom {zoom:.4f}"
    none = np.array_equal(change.affine, np.eye(2, 3))
    return Size(
        size=float(np.hypot(*shift)), unit="px", measured="none" if none else words, more=more
    )


CAMERA = Cause(
    name="camera",
    title="motion of the camera",
    group="camera",
    replay=Shift(field=lambda change: change.camera, beyond_camera=False),
    occurs=lambda change: change.has_camera,
    size=_size_of_camera,
    columns=("shift_x_px", "shift_y_px", "rotation_deg", "zoom"),
    fit=fit_motion,
    chosen="part",
    moves=True,
    hint="fasten the camera; a steadier picture needs no training",
)


def _size_of_objects(change: PairChange, a: np.ndarray, reverse: bool) -> Size:
    moved, mean = change.own_shift()
    mean = mean * (1 if reverse else -1)
    more = {"shift_x_px": float(mean[0]), "shift_y_px": float(mean[1])}
    return Size(
        size=moved, unit="px rms", measured=f"{moved:.1f} px" if moved else "none", more=more
    )


OBJECTS = Cause(
    name="objects",
    title="motion of objects",
    group="moving",
    replay=Shift(field=lambda change: change.objects, beyond_camera=True),
    occurs=lambda change: change.has_objects,
    size=_size_of_objects,
    columns=("shift_x_px", "shift_y_px"),
    fit=fit_motion,
    seen_in="pairs",
    moves=True,
    hint="trigger the camera at a fixed position of the object, or where it is at rest",
    advice="train with footage in which more objects move as here, or judge each at one place",
)


def _size_of_content(change: PairChange, a: np.ndarray, reverse: bool) -> Size:
    share = float(change.new.mean())
    return Size(size=share, unit="share", measured=f"{percent(share)} of the picture")


CAME_INTO_VIEW = Cause(
    name="came_into_view",
    title="newly visible content",
    group="moving",
    replay=Content(where=lambda change: change.new),
    occurs=lambda change: bool(change.new.any()),
    size=_size_of_content,
    moves=True,
    hint="judge an object only while all of it is in view: a trigger, or a region of interest (--roi)",
    advice="train with footage of more surroundings and objects",
)


def _size_of_blur(change: PairChange, a: np.ndarray, reverse: bool) -> Size:
    blur = change.blur
    sigma, more = (
        (-1 if reverse else 1) * blur.sigma_px,
        {"blur_angle_deg": math.degrees(blur.angle)},
    )
    if sigma == 0:
        words = "none" if blur.known else "cannot be measured: no detail above the noise"
        return Size(size=0.0, unit="px", measured=words, more=more)
    line, other = (
        f"{kernel.length_px:.1f} px long at {math.degrees(kernel.angle):.0f} deg"
        if kernel.is_line
        else ""
        for kernel in (blur.kernel, blur.back)
    )
    words = f"{'blurrier' if sigma > 0 else 'sharper'}, sigma {abs(sigma):.2f} px"
    words += f": motion blur, {line}" if line else ""
    words += f", in place of one {other}" if other else ""
    return Size(size=sigma, unit="px", measured=words, more=more)


# Where the picture gets sharper the pair is played backwards, from t+1 to t: a blur can be played, not
# undone.
SHARPNESS = Cause(
    name="sharpness",
    title="sharpness",
    group="noise_and_detail",
    replay=Filter(play=lambda change, x: change.in_focus_of(x)),
    occurs=lambda change: change.blur.sigma_px > 0,
    size=_size_of_blur,
    columns=("blur_angle_deg",),
    fit=fit_blur,
    drifts=True,
    hint="fix the focus and shorten the exposure",
)

# Found from pairs across a keyframe against those beside it (``naming.py``).
KEYFRAMES_OF_RECORDING = Cause(
    name="keyframes",
    title="keyframes of the recording",
    group="keyframes",
    hint="record with more bits or without prediction between frames: coding itself changes the answer",
    advice="record with a longer group of pictures, intra refresh or more bits, or judge before coding",
    several=True,
)

# What is left between aligned frames, exchanged at random (``frame_pairs/noise.py``).
NOISE_AND_CODING = Cause(
    name="noise_and_coding",
    title="noise and coding",
    group="noise_and_detail",
    chosen="grain",
    several=True,
    hint="more light, less gain, less compression; or average the answers of several frames",
)

# The coarse account, in the order of the report. What none of a group's causes does, though it lies in the group, is
# a cause of its own.
GROUPS: Mapping[str, AccountEntry] = {
    group.name: group
    for group in (
        AccountEntry(name="moving", title="what moves"),
        AccountEntry(name="camera", title="the camera"),
        AccountEntry(name="light", title="light and colour", several=True),
        AccountEntry(
            name="noise_and_detail",
            title="noise, coding and fine detail",
            several=True,
        ),
        AccountEntry(name="not_measured", title="what could not be measured"),
        AccountEntry(name="keyframes", title="keyframes of the recording", several=True),
    )
}
# Before an empty background nothing tells which of these two it is.
MOTION = ("moving", "camera")
EITHER = AccountEntry(name="motion", title="what moves or the camera")
# The group of pairs that cannot be registered or lit: what they hold may be any other group's.
NOT_MEASURED = "not_measured"
UNDIVIDED: Mapping[str, str] = {
    **{name: f"{name}_undivided" for name in ("moving", "camera", "light", "noise_and_detail")},
    NOT_MEASURED: "pairs_not_measured",
}

# In the order of the chain and of the report.
CATALOGUE: Mapping[str, Cause] = {
    cause.name: cause
    for cause in (
        LIGHT,
        LOCAL_LIGHT,
        COLOUR,
        CAMERA,
        OBJECTS,
        CAME_INTO_VIEW,
        SHARPNESS,
        KEYFRAMES_OF_RECORDING,
        NOISE_AND_CODING,
        *(
            Cause(
                name=name,
                title=GROUPS[group].title + ("" if group == NOT_MEASURED else ", undivided"),
                group=group,
                several=GROUPS[group].several,
            )
            for group, name in UNDIVIDED.items()
        ),
    )
}
ACCOUNT_CAUSES = tuple(CATALOGUE)  # names of all causes
# Names of those that can be replayed, in the order of the chain.
REPLAYED = tuple(name for name, cause in CATALOGUE.items() if cause.replay is not None)
KEYFRAMES, NOISE = KEYFRAMES_OF_RECORDING.name, NOISE_AND_CODING.name
# What a pair across no keyframe is divided into, in the columns of ``PairTable``.
DIVIDED = (*REPLAYED, NOISE, *UNDIVIDED.values())
TITLES: Mapping[str, str] = {
    **{name: group.title for name, group in GROUPS.items()},
    **{name: cause.title for name, cause in CATALOGUE.items()},
}
# Every further number that is measured of some cause.
COLUMNS = tuple(dict.fromkeys(column for cause in CATALOGUE.values() for column in cause.columns))
RECODED = ("finer_change", "finer_along", "coarser_change", "coarser_along")
"""Columns of what footage tells of coding that is coded once more (``recoded.py``); empty for other footage."""
