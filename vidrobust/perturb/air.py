"""What the air between part and lens does: steam that drifts through the picture, and heat that makes it shimmer.

Both are sums of plane waves whose directions, lengths and phases are drawn once a clip, and which a steady draught
carries along, so that the state follows from the true time alone and neighbouring frames are alike.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn.functional import grid_sample

from vidrobust.frames.pixels import rounded
from vidrobust.perturb.camera_in_time import in_time
from vidrobust.perturb.draws import angle, uniform
from vidrobust.perturb.perturbation import Perturbation

WAVES = 24
VEIL = 235.0
"""Level of white steam in the light of the line."""
STEAM_LENGTHS, HAZE_LENGTHS = (0.15, 1.2), (0.04, 0.15)
"""Shortest and longest wave, as shares of the longer side."""
DRAUGHT = (0.1, 0.5)
"""Longer sides a second."""
BOIL_S = (0.5, 3.0)
"""Seconds in which a wave changes of itself, once round."""


def waves(
    size: tuple[int, int], times_s: np.ndarray, lengths: tuple[float, float], own: torch.Generator
) -> torch.Tensor:
    """(T, H, W) float32 with mean 0 and variance 1 over many draws: a smooth field that a draught carries along.

    Longer waves are stronger, their amplitude as their length (as in turbulent air, Kolmogorov's 5/6 nearly).
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


PERTURBATIONS: tuple[Perturbation, ...] = (
    in_time(
        "steam",
        "opacity at its thickest",
        _steam,
        (0.1, 0.2, 0.35, 0.5, 0.7),
        1.0,
        "White steam drifts through: a veil that is s thick where it is thickest, half of that on average.",
        noun="steam",
        saying="steam up to {p} thick",
        family="weather",
    ),
    in_time(
        "heat_haze",
        "px, root mean square along each side",
        _heat_haze,
        (0.5, 1.0, 1.5, 2.0, 3.0),
        32.0,
        "Hot air over the part: the picture shimmers by s px, in cells that a draught carries along.",
        noun="heat haze",
        saying="heat haze of {s} px",
        family="weather",
    ),
)
