"""Range of levels, order and time of frames, and what the recorder's coding does."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from vidrobust.frame_pairs.transitions import measure_timing
from vidrobust.plugins.camera.finding import Finding, Found, cannot_tell, judged, over_stretches
from vidrobust.plugins.camera.view import LOWEST, ClipView
from vidrobust.statistics.intervals import clopper_pearson
from vidrobust.video.container import opened_video

FEW_BITS = 0.1  # bits a pixel below which H.264 and its like take texture and noise away
LIMITED = (16, 235)  # black and white of limited range
PILED = 0.0005  # share of pixels at an end from which it is an end
FEWEST_MOVING = 500  # px
_CRF = re.compile(rb"crf=([0-9.]+)")


def stream_of(path: Path) -> tuple[float, str]:
    """Return bits a pixel of a file, and what the encoder says of its quality."""
    with opened_video(path) as (container, stream):
        pixels, bits, crf = stream.codec_context.width * stream.codec_context.height, 0, ""
        frames = 0
        for packet in container.demux(stream):
            if packet.size:
                frames += 1
                bits += 8 * packet.size
                found = _CRF.search(bytes(packet)) if frames == 1 else None
                crf = f"crf {float(found[1]):g}" if found else crf
    return bits / max(frames * pixels, 1), crf


def range_findings(view: ClipView) -> list[Finding]:
    """Return what is clipped or crushed, and whether limited range was taken for full."""
    every, clipped, crushed, moving, clipped_moving = (int(x) for x in view.pixels)
    black = np.asarray(view.mean <= LOWEST)
    bars = np.all(black, axis=1)[:, None] | np.all(black, axis=0)[None]
    padding = int(bars.sum()) * len(view)
    every, crushed = every - padding, max(crushed - padding, 0)
    shares = [("clipped", clipped, every), ("crushed", crushed, every)]
    found = [
        judged(name, part / whole, *_of_frames(part, whole, len(view)), whole)
        for name, part, whole in shares
    ]
    if moving < FEWEST_MOVING:
        found.append(cannot_tell("clipped_moving", "parts that move", moving))
    else:
        found.append(
            judged(
                "clipped_moving",
                clipped_moving / moving,
                *_of_frames(clipped_moving, moving, len(view)),
                moving,
            )
        )
    share = view.histogram / view.histogram.sum()
    used = (
        np.flatnonzero(np.cumsum(share) > 1e-4)[0],
        np.flatnonzero(np.cumsum(share) < 1 - 1e-4)[-1] + 1,
    )
    outside = share[: LIMITED[0] - 1].sum() + share[LIMITED[1] + 2 :].sum()
    at_ends = (
        share[LIMITED[0] - 1 : LIMITED[0] + 2].sum(),
        share[LIMITED[1] - 1 : LIMITED[1] + 2].sum(),
    )
    limited = outside < 1e-5 and min(at_ends) > PILED
    text = f"{used[0]} to {used[1]}" + (": limited range was taken for full" if limited else "")
    level = Found.FOUND if limited else Found.NOT_FOUND
    if not limited and used[0] >= LIMITED[0] and used[1] <= LIMITED[1]:
        level, text = (
            Found.CANNOT_TELL,
            f"{text}; record something black and something white instead",
        )
    width = float(used[1] - used[0])
    return [
        *found,
        Finding(name="range", level=level, value=width, low=width, high=width, n=every, text=text),
    ]


def _of_frames(part: int, whole: int, frames: int) -> tuple[float, float]:
    """Interval of a share whose pixels of one frame err alike: frames are what was drawn."""
    return clopper_pearson(part / whole * frames, frames)


def time_findings(view: ClipView) -> list[Finding]:
    """Return repeated and dropped frames, time stamps that wander, and interlacing."""
    n = len(view)
    time_s, index = np.array(view.time_s), np.array(view.index)
    timing = measure_timing(time_s, index, float(view.info.frame_rate))
    repeated = sum(reason == "duplicate" for reason in view.reason)
    found = []
    if repeated > 0.5 * n:
        found.append(
            cannot_tell("repeated", "with noise or something that moves: most frames are equal", n)
        )
    else:
        found.append(_counted("repeated", repeated, n))
    found.append(
        cannot_tell("dropped", "at a constant frame rate", n)
        if timing.dropped < 0
        else _counted("dropped", timing.dropped, n)
    )
    if timing.constant and n > 20:
        steps = np.diff(time_s) / timing.interval_s
        whole = steps - np.rint(steps)
        low, high = over_stretches(whole, lambda part: float(part.std()))
        found.append(judged("clock", float(whole.std()), max(low, 0.0), high, n))
    combs = np.array(view.combs).reshape(-1, 2)
    if len(combs) < 8:
        return [*found, cannot_tell("interlaced", "something that moves quickly", len(combs))]
    ratio = _ratio_of_steps(combs)
    return [
        *found,
        judged("interlaced", ratio, *over_stretches(combs, _ratio_of_steps), len(combs)),
    ]


def _ratio_of_steps(combs: np.ndarray) -> float:
    return float(combs[:, 0].sum() / max(combs[:, 1].sum(), 1e-9))


def _counted(name: str, count: int, n: int) -> Finding:
    low, high = clopper_pearson(count, n)
    if not count:  # none was seen in all frames there are
        return Finding(name=name, level=Found.NOT_FOUND, value=0.0, low=0.0, high=high, n=n)
    return judged(
        name,
        count / n,
        max(low, count / n / 2) if count > 1 else low,
        high,
        n,
        f"{count} of {n} frames",
    )


def coding_findings(view: ClipView, lossy: bool) -> list[Finding]:
    """Return bits a pixel, the pulse of keyframes and edges of blocks."""
    bits, encoder = view.bits_per_px, view.encoder
    level = Found.FOUND if lossy and bits < FEW_BITS else Found.NOT_FOUND
    found = [
        Finding(
            name="coding", level=level, value=bits, low=bits, high=bits, n=len(view), text=encoder
        )
    ]
    change, key = np.array(view.change), np.array(view.keyframe)
    good = np.isfinite(change) & np.array([reason == "" for reason in view.reason])
    if lossy and (key & good).sum() >= 3:
        rows = np.stack([change, key], axis=1)[good]

        def pulse(part: np.ndarray) -> float:
            at = part[:, 1] > 0
            usual = float(np.median(part[~at, 0]))
            return float(np.median(part[at, 0])) / max(usual, 1e-3) if at.any() else math.nan

        ends = over_stretches(rows, pulse, min(8, int((key & good).sum())))
        share = (rows[rows[:, 1] > 0, 0] - np.median(rows[:, 0])).clip(0).sum() / max(
            rows[:, 0].sum(), 1e-9
        )
        text = f"{100 * share:.0f} % of all change from frame to frame comes with keyframes"
        found.append(judged("keyframe_pulse", pulse(rows), *ends, int(key.sum()), text))
    elif lossy:
        found.append(
            cannot_tell("keyframe_pulse", "a clip of four keyframes or more", int(key.sum()))
        )
    steps = np.array(view.grid_steps)
    if len(steps) >= 8:
        mean = float(steps.mean())
        found.append(
            judged(
                "blocking",
                mean,
                *over_stretches(steps, lambda part: float(part.mean())),
                len(steps),
            )
        )
    return found
