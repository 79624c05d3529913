"""What changes while the camera looks: mains flicker, banding, drifts of exposure and focus, lost frames.

A function receives the true times of the frames and the clip's generator, draws the clip's constants (phases,
frequencies) from it, and computes the state at each time. Frames given in several calls with equally seeded
generators come out as in one, except for lost frames, which need their neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from vidrobust.frames.pixels import each_frame, map_levels, rounded
from vidrobust.perturb.blur import gaussian
from vidrobust.perturb.draws import draw_seed, from_seed, integer, uniform
from vidrobust.perturb.perturbation import (
    ApplyClip,
    Family,
    Perturbation,
    apply_at_a_random_time,
    apply_to_neighbours_only,
)
from vidrobust.perturb.photometric import LEVELS

MAINS_HZ = (50.0, 60.0)
MAINS_ERROR = 0.001
"""Relative error of mains and frame clock together, at most: what makes a synchronous camera beat slowly."""
DRIFT_PERIODS_S = (4.0, 20.0)


def _flicker(pixels: torch.Tensor, times_s: np.ndarray, depth: float, own: torch.Generator) -> torch.Tensor:
    mains = MAINS_HZ[integer(own, 0, 2)] * (1 + uniform(own, -MAINS_ERROR, MAINS_ERROR))
    phase = uniform(own, 0, 2 * math.pi)
    gains = 1 + depth * np.sin(2 * math.pi * 2 * mains * times_s + phase)
    return map_levels(pixels, gains[:, None, None] * LEVELS)


def _banding(pixels: torch.Tensor, times_s: np.ndarray, depth: float, own: torch.Generator) -> torch.Tensor:
    bands, phase, speed = uniform(own, 3, 8), uniform(own, 0, 2 * math.pi), uniform(own, -2, 2)
    h = pixels.shape[2]
    y = torch.arange(h, dtype=torch.float64)[None] / h
    moved = torch.from_numpy(times_s)[:, None] * speed
    gain = 1 + depth * torch.sin(2 * math.pi * (bands * y + moved) + phase)
    return rounded(pixels * gain.to(torch.float32)[:, None, :, None].to(pixels.device))


def slow_wave(times_s: np.ndarray, own: torch.Generator) -> np.ndarray:
    """(T,) in [-1, 1]: two sines whose periods are some seconds."""
    wave = np.zeros(len(times_s))
    for _ in range(2):
        period, phase = uniform(own, *DRIFT_PERIODS_S), uniform(own, 0, 2 * math.pi)
        wave += np.sin(2 * math.pi * times_s / period + phase) / 2
    return wave


def _exposure_drift(
    pixels: torch.Tensor, times_s: np.ndarray, most: float, own: torch.Generator
) -> torch.Tensor:
    gains = (1 + most) ** slow_wave(times_s, own)
    return map_levels(pixels, gains[:, None, None] * LEVELS)


def _focus_drift(
    pixels: torch.Tensor, times_s: np.ndarray, most_px: float, own: torch.Generator
) -> torch.Tensor:
    sigmas = most_px * np.abs(slow_wave(times_s, own))
    least = 0.05  # below, the Gaussian is one pixel wide

    def change(frame: np.ndarray, row: int) -> np.ndarray:
        return gaussian(frame, float(sigmas[row])) if sigmas[row] > least else frame

    return each_frame(pixels, change)


def lost(times_s: np.ndarray, share: float, own: torch.Generator) -> np.ndarray:
    """(T,) bool: which frames do not arrive; each by its own chance, which its time decides."""
    seed = draw_seed(own)
    hit = [uniform(from_seed(seed ^ (round(t * 1e6) & (2**62 - 1)))) < share for t in times_s.tolist()]
    return np.asarray(hit, dtype=bool)


def _repeated_frames(
    pixels: torch.Tensor, times_s: np.ndarray, share: float, own: torch.Generator
) -> torch.Tensor:
    missing = lost(times_s, share, own)
    missing[0] = False
    last = np.maximum.accumulate(np.where(missing, 0, np.arange(len(missing))))
    return pixels[torch.from_numpy(last).to(pixels.device)]


def _dropped_frames(
    pixels: torch.Tensor, times_s: np.ndarray, share: float, own: torch.Generator
) -> torch.Tensor:
    missing = lost(times_s, share, own)
    missing[-1] = False
    end = len(missing) - 1
    following = np.minimum.accumulate(np.where(missing, end, np.arange(end + 1))[::-1])[::-1]
    return pixels[torch.from_numpy(following.copy()).to(pixels.device)]


def in_time(
    name: str,
    unit: str,
    clip: ApplyClip,
    strengths: tuple[float, ...],
    high: float,
    doc: str,
    *,
    noun: str,
    saying: str,
    family: Family = "time",
) -> Perturbation:
    """An entry whose state follows from the true times; a lone frame is taken at a random one."""
    return Perturbation(
        name=name,
        suite="line-camera",
        family=family,
        unit=unit,
        strengths=strengths,
        range=(0.0, high),
        apply=apply_at_a_random_time(clip),
        apply_clip=clip,
        doc=doc,
        noun=noun,
        saying=saying,
    )


def _losing(
    name: str, clip: Callable[..., torch.Tensor], doc: str, *, noun: str, saying: str
) -> Perturbation:
    return Perturbation(
        name=name,
        suite="line-camera",
        family="time",
        unit="share of frames",
        strengths=(0.01, 0.02, 0.05, 0.1, 0.3),
        range=(0.0, 1.0),
        apply=apply_to_neighbours_only,
        apply_clip=clip,
        whole_clip=True,
        needs_neighbours="A lone frame has no neighbour to take its place.",
        not_monotone="A lone frame stays as it is at every strength.",
        doc=doc,
        noun=noun,
        saying=saying,
    )


PERTURBATIONS: tuple[Perturbation, ...] = (
    in_time(
        "flicker",
        "relative depth",
        _flicker,
        (0.02, 0.05, 0.1, 0.2, 0.4),
        1.0,
        "Light pulses at twice the mains frequency (50 or 60 Hz) and is met at the true times of the frames.",
        noun="lamp flicker",
        saying="a lamp flicker {p} deep",
    ),
    in_time(
        "banding",
        "relative depth",
        _banding,
        (0.02, 0.05, 0.1, 0.2, 0.4),
        1.0,
        "3 to 8 bands of light across the rows that wander: pulsed light under a rolling shutter.",
        noun="banding",
        saying="bands {p} deep",
    ),
    in_time(
        "exposure_drift",
        "relative gain",
        _exposure_drift,
        (0.05, 0.1, 0.2, 0.4, 0.8),
        9.0,
        "Gain wanders slowly between 1 / (1 + s) and 1 + s.",
        noun="exposure drift",
        saying="an exposure drift of {p}",
    ),
    in_time(
        "focus_drift",
        "sigma px",
        _focus_drift,
        (1.0, 2.0, 4.0, 8.0, 16.0),
        64.0,
        "Focus wanders slowly: a Gaussian blur between none and sigma s.",
        noun="focus drift",
        saying="a focus drift of sigma {s} px",
    ),
    _losing(
        "repeated_frames",
        _repeated_frames,
        "Each frame is replaced with probability s by the last one that arrived: the picture freezes.",
        noun="repeated frames",
        saying="{p} of the frames repeated",
    ),
    _losing(
        "dropped_frames",
        _dropped_frames,
        "Each frame is lost with probability s and the next that arrives takes its place: the picture jumps.",
        noun="dropped frames",
        saying="{p} of the frames dropped",
    ),
)
