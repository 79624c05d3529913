"""What changes while the camera looks: flicker, banding, drifts, lost frames; steam and heat in the air.

A function receives the true times of the frames and the clip's generator, draws the clip's constants from it, and
computes the state at each time, so that a clip may be split, except for lost frames.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn.functional import grid_sample

from vidrobust.frames.pixels import each_frame, map_levels, rounded
from vidrobust.perturb.blur import gaussian
from vidrobust.perturb.draws import angle, draw_seed, from_seed, integer, uniform
from vidrobust.perturb.light import LEVELS
from vidrobust.perturb.perturbation import (
    ApplyClip,
    Perturbation,
    Scale,
    apply_to_neighbours_only,
    in_time,
)

MAINS_HZ = (50.0, 60.0)
# Relative error of mains and frame clock together, at most: what makes a synchronous camera beat slowly
MAINS_ERROR = 0.001
DRIFT_PERIODS_S = (4.0, 20.0)
WAVES = 24  # Plane waves of a field: enough for it to look like no wave
VEIL = 235.0  # Level of white steam in the light of the line
# Shortest and longest wave, as shares of the longer side
STEAM_LENGTHS, HAZE_LENGTHS = (0.15, 1.2), (0.04, 0.15)
DRAUGHT = (0.1, 0.5)  # Longer sides a second
BOIL_S = (0.5, 3.0)  # Seconds in which a wave changes of itself, once round


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
    """Return (T,) in [-1, 1]: two sines whose periods are some seconds."""
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
    """Return which frames (T,) bool do not arrive; each by its own chance, which its time decides."""
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


def waves(
    size: tuple[int, int], times_s: np.ndarray, lengths: tuple[float, float], own: torch.Generator
) -> torch.Tensor:
    """Return a smooth field (T, H, W) float32 that a draught carries along, of mean 0 and variance 1 over many
    draws.

    It is a sum of plane waves, drawn once a clip, between two ``lengths`` as shares of the longer side.
    Amplitude is as length (as in turbulent air, Kolmogorov's 5/6 nearly).
    """
    h, w = size
    side = float(max(h, w))
    y, x = torch.arange(h, dtype=torch.float64) / side, torch.arange(w, dtype=torch.float64) / side
    towards, speed = angle(own), uniform(own, *DRAUGHT)
    field = torch.zeros((len(times_s), h, w), dtype=torch.float32)
    power = 0.0
    for _ in range(WAVES):
        length = math.exp(uniform(own, *(math.log(each) for each in lengths)))
        turn, phase = angle(own), uniform(own, 0, 2 * math.pi)
        boil = 2 * math.pi / uniform(own, *BOIL_S)
        ky, kx = (2 * math.pi / length * part for part in (math.sin(turn), math.cos(turn)))
        carried = speed * (kx * math.cos(towards) + ky * math.sin(towards)) + boil
        for row, at in enumerate(times_s.tolist()):
            down, across = ky * y + phase - carried * at, kx * x
            # cos(a + b) of a row and a column: two products of vectors
            wave = torch.outer(down.cos(), across.cos()) - torch.outer(down.sin(), across.sin())
            field[row] += (length * wave).float()
        power += length**2 / 2
    return field / math.sqrt(power)


def _steam(pixels: torch.Tensor, times_s: np.ndarray, most: float, own: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    density = most * (2 * waves((h, w), times_s, STEAM_LENGTHS, own)).sigmoid()
    return rounded(pixels + density[:, None].to(pixels.device) * (VEIL - pixels.float()))


def _heat_haze(pixels: torch.Tensor, times_s: np.ndarray, px: float, own: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    right, down = (px * waves((h, w), times_s, HAZE_LENGTHS, own).to(pixels.device) for _ in range(2))
    y = torch.arange(h, device=pixels.device, dtype=torch.float32)[None, :, None] + down
    x = torch.arange(w, device=pixels.device, dtype=torch.float32)[None, None, :] + right
    places = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], dim=-1)
    seen = grid_sample(pixels.float(), places, mode="bilinear", padding_mode="border", align_corners=False)
    return rounded(seen)


def _losing(clip: ApplyClip, doc: str, *, saying: str) -> Perturbation:
    return in_time(
        clip,
        Scale("time", "share of frames", (0.01, 0.02, 0.05, 0.1, 0.3), 1.0),
        doc,
        apply=apply_to_neighbours_only,
        whole_clip=True,
        needs_neighbours="A lone frame has no neighbour to take its place.",
        not_monotone="A lone frame stays as it is at every strength.",
        saying=saying,
    )


PERTURBATIONS: tuple[Perturbation, ...] = (
    in_time(
        _flicker,
        Scale("time", "relative depth", (0.02, 0.05, 0.1, 0.2, 0.4), 1.0),
        "Light pulses at twice the mains frequency (50 or 60 Hz) and is met at the true times of the frames.",
        noun="lamp flicker",
        saying="a lamp flicker {p} deep",
    ),
    in_time(
        _banding,
        Scale("time", "relative depth", (0.02, 0.05, 0.1, 0.2, 0.4), 1.0),
        "3 to 8 bands of light across the rows that wander: pulsed light under a rolling shutter.",
        saying="bands {p} deep",
    ),
    in_time(
        _exposure_drift,
        Scale("time", "relative gain", (0.05, 0.1, 0.2, 0.4, 0.8), 9.0),
        "Gain wanders slowly between 1 / (1 + s) and 1 + s.",
        saying="an exposure drift of {p}",
    ),
    in_time(
        _focus_drift,
        Scale("time", "sigma px", (1.0, 2.0, 4.0, 8.0, 16.0), 64.0),
        "Focus wanders slowly: a Gaussian blur between none and sigma s.",
        saying="a focus drift of sigma {s} px",
    ),
    _losing(
        _repeated_frames,
        "Each frame is replaced with probability s by the last one that arrived: the picture freezes.",
        saying="{p} of the frames repeated",
    ),
    _losing(
        _dropped_frames,
        "Each frame is lost with probability s and the next that arrives takes its place: the picture jumps.",
        saying="{p} of the frames dropped",
    ),
    in_time(
        _steam,
        Scale("weather", "opacity at its thickest", (0.1, 0.2, 0.35, 0.5, 0.7), 1.0),
        "White steam drifts through: a veil that is s thick where it is thickest, half of that on average.",
        saying="steam up to {p} thick",
    ),
    in_time(
        _heat_haze,
        Scale("weather", "px, root mean square along each side", (0.5, 1.0, 1.5, 2.0, 3.0), 32.0),
        "Hot air over the part: the picture shimmers by s px, in cells that a draught carries along.",
        saying="heat haze of {s} px",
    ),
)
