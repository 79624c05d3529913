"""Automatic exposure, gain, white balance and focus that hunt, and the mount: what a scene does not do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from vidrobust.frames.pixels import LUMA
from vidrobust.plugins.camera.finding import (
    Finding,
    Found,
    cannot_tell,
    judged,
    kinds,
    over_stretches,
)
from vidrobust.plugins.camera.lamp import LampSeen, at_frequency
from vidrobust.plugins.camera.periodic import strongest_line
from vidrobust.plugins.camera.view import ClipView

SEEN = 0.5  # share of the frames in which a quantity must be known
CALM_S = 0.15  # seconds over which a series is calmed before steps are looked for
SETTLED_S = 4.0  # a change that takes longer may be daylight or a lamp that warms up
RESTING = 0.15  # least share of the clip that a lone step must be followed or preceded by rest
SLOW_S = 0.5  # standard deviation, s, of the window that tells drift of a mount from vibration
TRAVEL = 0.05  # of the width; what goes further is a belt, not a mount
ENDS = 0.1  # share of the clip at both ends between which drift is taken
FEWEST_PLACES = 40  # of a thumbnail that are neither dark nor clipped
BLUR_PX = 0.1  # of a vibration that an exposure may leave
TIED = 0.5  # rank correlation from which steps are said to go with what moves


INSTEAD = {
    "exposure": "ExposureAuto and GainAuto off: one slow change may be the lamp or daylight",
    "white_balance": "BalanceWhiteAuto off: one slow change may be the lamp or daylight",
    "focus": "the focus locked: one slow change may be the scene",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    start: int
    stop: int
    size: float  # signed


def steps_of(series: np.ndarray, least: float) -> list[Step]:
    """Return monotone runs of at least ``least`` between turning points of a series (N,)."""
    turns, best, way = [0], 0, 0
    for k in range(1, len(series)):
        if way == 0 and abs(series[k] - series[best]) >= least:
            way = 1 if series[k] > series[best] else -1
            turns, best = [best], k
        elif way == 0:
            lowest, highest = series[: k + 1].argmin(), series[: k + 1].argmax()
            best = int(
                lowest
                if abs(series[k] - series[lowest]) > abs(series[k] - series[highest])
                else highest
            )
        elif (series[k] - series[best]) * way > 0:
            best = k
        elif (series[best] - series[k]) * way >= least:
            turns.append(best)
            best, way = k, -way
    if way:
        turns.append(best)
    pairs = pairwise(turns)
    return [_core(series, a, b) for a, b in pairs]


def _core(series: np.ndarray, start: int, stop: int) -> Step:
    """Cut the flat ends off a run: from 5 % to 95 % of its size."""
    size = float(series[stop] - series[start])
    done = (series[start : stop + 1] - series[start]) / size
    first = int(np.flatnonzero(done <= 0.05)[-1])
    return Step(start=start + first, stop=start + int(np.flatnonzero(done >= 0.95)[0]), size=size)


def control_findings(view: ClipView, lamp: LampSeen | None) -> list[Finding]:
    """Return what hunts: exposure or gain, white balance, focus."""
    light, white, error = light_and_white(view)
    sharp, sharp_error = np.array(view.sharpness).reshape(-1, 2).T
    found = _hunts(view, "exposure", light, error, lamp)
    settles = [f for f in found if f.level is Found.FOUND]
    return [
        *found,
        *(_settling(view, light, lamp) if settles else []),
        *_hunts(view, "white_balance", white, error, lamp),
        *_hunts(view, "focus", sharp, sharp_error, None),
    ]


def light_and_white(view: ClipView) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return light and red to blue of each frame against the clip's median, ratios (N,), and their error.

    The median over places leaves out what covers less than half of the picture. ``variation`` measures the same from
    corners at rest, of which a view of a belt has none.
    """
    levels = np.stack(view.thumbnails).reshape(len(view), -1, 3)
    usual = np.median(levels, axis=0)
    clear = (usual.min(axis=1) > 8) & (usual.max(axis=1) < 245)
    if clear.sum() < FEWEST_PLACES:
        return (np.full(len(view), np.nan),) * 3
    change = np.log(levels[:, clear] + 1) - np.log(usual[clear] + 1)
    light, red_to_blue = change @ LUMA, change[..., 0] - change[..., 2]
    centre = np.median(light, axis=1)
    spread = np.median(np.abs(light - centre[:, None]), axis=1)
    # places beside each other err alike: a quarter of them counts
    error = 1.86 * spread / math.sqrt(clear.sum() / 4)
    return np.exp(centre), np.exp(np.median(red_to_blue, axis=1)), error


def _hunts(
    view: ClipView, name: str, series: np.ndarray, error: np.ndarray, lamp: LampSeen | None
) -> list[Finding]:
    if np.isfinite(series).mean() < SEEN or len(series) < 12:
        scene = "edges that stay in view" if name == "focus" else "a background that stays in view"
        return [cannot_tell(name, f"10 s with {scene}", int(np.isfinite(series).sum()))]
    calm = _calmed(view, series, lamp)
    noise = _scatter(calm)
    meter = float(np.nanmedian(error)) if np.isfinite(error).any() else 0.0
    least = kinds()[name].least
    threshold = max(least, 6 * noise, 2 * meter if name != "focus" else 0.0)
    steps = steps_of(calm, threshold)
    wide = 2 * math.hypot(noise, meter / 2)
    if not steps:
        value = float(np.quantile(calm, 0.975) - np.quantile(calm, 0.025))
        level = Found.NOT_FOUND if threshold < 3 * least else Found.CANNOT_TELL
        text = (
            "" if level is Found.NOT_FOUND else "record a scene with more texture and light instead"
        )
        low, high = max(value - wide, 0.0), value + wide
        return [
            Finding(
                name=name, level=level, value=value, low=low, high=high, n=len(series), text=text
            )
        ]
    largest = max((abs(step.size) for step in steps), default=0.0)
    if not _as_control(view, steps):
        why = f"60 s with {INSTEAD[name]}"
        return [cannot_tell(name, why, len(series))]
    minutes = (view.time_s[-1] - view.time_s[0]) / 60
    text = f"{len(steps)} steps, {len(steps) / minutes:.1f} a minute{_tie(view, calm)}"
    return [judged(name, largest, max(largest - wide, 0.0), largest + wide, len(series), text)]


def _calmed(view: ClipView, series: np.ndarray, lamp: LampSeen | None) -> np.ndarray:
    """The series without gaps, the lamp's line and single outliers."""
    known, time_s = np.isfinite(series), np.array(view.time_s)
    whole = np.interp(time_s, time_s[known], series[known])
    for hz in (lamp.seen_hz, 2 * lamp.seen_hz) if lamp is not None else ():
        z, _ = at_frequency(time_s, whole[:, None], hz)
        whole = whole - (z[0] * np.exp(2j * math.pi * hz * time_s)).real
    return np.asarray(
        median_filter(whole, max(3, round(CALM_S * view.frame_rate) | 1), mode="nearest")
    )


def _scatter(series: np.ndarray) -> float:
    """Standard deviation of what does not last from frame to frame."""
    return 1.4826 * float(np.median(np.abs(np.diff(series, 2)))) / math.sqrt(6)


def _as_control(view: ClipView, steps: list[Step]) -> bool:
    """Whether steps go back and forth, or one is short and ends in rest, as of a controller."""
    times = np.array(view.time_s)
    lengths = [times[step.stop] - times[step.start] for step in steps]
    if any(a.size * b.size < 0 for a, b in pairwise(steps)):
        return bool(min(lengths) < SETTLED_S)
    span = times[-1] - times[0]
    return any(length < min(SETTLED_S, (1 - RESTING) * span) for length in lengths)


def _settling(view: ClipView, light: np.ndarray, lamp: LampSeen | None) -> list[Finding]:
    calm = _calmed(view, light, lamp)
    steps = steps_of(calm, max(kinds()["exposure"].least, 6 * _scatter(calm)))
    times = np.array(view.time_s)
    lengths = np.array([times[step.stop] - times[step.start] for step in steps])
    if not len(lengths):
        return []
    low, middle, high = np.quantile(lengths, (0.025, 0.5, 0.975))
    return [
        Finding(
            name="exposure_settles",
            level=Found.FOUND,
            value=middle,
            low=low,
            high=high,
            n=len(lengths),
        )
    ]


def _tie(view: ClipView, calm: np.ndarray) -> str:
    moving = gaussian_filter1d(np.nan_to_num(np.array(view.moving)), max(view.frame_rate / 4, 1))
    if moving.std() < 1e-6:
        return ""
    r = float(np.corrcoef(moving, calm)[0, 1])
    return f"; with what moves (r = {r:.2f})" if abs(r) > TIED else ""


def mount_findings(view: ClipView) -> list[Finding]:
    """Return vibration and drift of the mount."""
    x, y, error = np.array(view.shift).reshape(-1, 3).T
    known = np.isfinite(x) & np.isfinite(y)
    still = "a place at rest with texture in view"
    if known.mean() < SEEN or known.sum() < 12:
        return [cannot_tell("vibration", still, int(known.sum()))]
    time_s = np.array(view.time_s)
    shift = np.stack([np.interp(time_s, time_s[known], s[known]) for s in (x, y)], axis=1)
    calm = gaussian_filter1d(shift, SLOW_S * view.frame_rate, axis=0, mode="nearest")
    if np.ptp(calm, axis=0).max() > TRAVEL * view.info.width:
        return [cannot_tell("vibration", f"{still}: here all moves", len(shift))]
    quick, meter = shift - calm, float(np.nanmedian(error))

    def size(part: np.ndarray) -> float:
        return math.sqrt(max(float((part**2).sum(axis=1).mean()) - 2 * meter**2, 0.0))

    low, high = over_stretches(quick, size)
    axes = quick.std(axis=0)
    axis = "both axes" if axes.min() > 0.5 * axes.max() else f"along {'xy'[int(axes.argmax())]}"
    found = [judged("vibration", size(quick), max(low, 0.0), high, len(shift), axis)]
    found += _frequency(view, quick, found[0])
    ends = max(int(ENDS * len(calm)), 1)
    drift = np.median(shift[-ends:], axis=0) - np.median(shift[:ends], axis=0)
    far, wide = math.hypot(*drift), 2 * math.hypot(meter, float(np.hypot(*axes)) / math.sqrt(ends))
    found.append(
        judged(
            "mount_drift",
            far,
            max(far - wide, 0.0),
            far + wide,
            len(shift),
            f"x {drift[0]:+.2f} px, y {drift[1]:+.2f} px",
        )
    )
    return found


def _frequency(view: ClipView, quick: np.ndarray, vibration: Finding) -> list[Finding]:
    line = strongest_line(np.array(view.time_s), quick, view.frame_rate / 2)
    if vibration.level is not Found.FOUND or line is None or not line.stands_out:
        return []
    hz, own = line.frequency_hz, 1.96 * line.frequency_error
    most_ms = 1000 * BLUR_PX / (2 * math.pi * hz * max(line.amplitude, 1e-9))
    cure = f"an exposure below {most_ms:.1f} ms smears it by less than {BLUR_PX} px"
    text = f"or an alias of it; {line.amplitude:.2f} px; {cure}"
    return [
        Finding(
            name="vibration_frequency",
            level=Found.FOUND,
            value=hz,
            low=hz - own,
            high=hz + own,
            n=len(quick),
            text=text,
        )
    ]
