"""Noise of the sensor, fresh in every frame and channel: gaussian, shot, impulse, speckle.

The cores take the random numbers as an argument, so that they can be held against other implementations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import poisson

from vidrobust.frames.pixels import rounded
from vidrobust.perturb.draws import Generators, normal, one_per_frame, sixteen_bits
from vidrobust.perturb.perturbation import Apply, Perturbation

POISSON_BITS = 14
"""Poisson counts come from tables of 2^14 equally likely values a level: exact quantiles, tails cut at 4 sigma."""


def frame_by_frame(change: Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]) -> Apply:
    """``apply`` from a function of one frame (3, H, W), the strength and the frame's generator."""

    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        owns = one_per_frame(generator, len(pixels))
        return torch.stack([change(frame, strength, own) for frame, own in zip(pixels, owns, strict=True)])

    return apply


@functools.lru_cache(maxsize=8)
def poisson_levels(photons_at_white: float) -> torch.Tensor:
    """(256, 2^14) float32: equally likely noisy levels of each clean level, of 255 and not clipped."""
    at = (np.arange(2**POISSON_BITS) + 0.5) / 2**POISSON_BITS
    means = photons_at_white * np.arange(256) / 255
    low, high = np.maximum(poisson.ppf(at[[0, -1], None], means), 0).astype(np.int64)
    sizes = high - low + 1  # counts that a level has; all levels in one row, since SciPy is slow to begin
    begins = np.cumsum(sizes) - sizes
    values = np.arange(sizes.sum()) - np.repeat(begins - low, sizes)
    until = np.searchsorted(at, poisson.cdf(values, np.repeat(means, sizes)), side="right")
    until[begins + sizes - 1] = at.size
    times = np.diff(until + np.repeat(np.arange(256), sizes) * at.size, prepend=0)
    counts = np.repeat(values, times).reshape(256, -1).astype(np.float32)
    return torch.from_numpy(counts * np.float32(255 / photons_at_white))


@functools.lru_cache(maxsize=16)
def _poisson_table(photons_at_white: float, truncated: bool, device: torch.device) -> torch.Tensor:
    levels = poisson_levels(photons_at_white).clamp(0, 255)
    return (
        (levels.add_(1e-4).floor_() if truncated else levels.round_()).to(torch.uint8).reshape(-1).to(device)
    )


def shot(
    frame: torch.Tensor, photons_at_white: float, bits: torch.Tensor, *, truncated: bool = False
) -> torch.Tensor:
    """Poisson noise of a pixel that collects ``photons_at_white`` at level 255.

    frame (3, H, W) uint8 · bits  the same shape, uniform 0..65535 int32 · truncated  floor, not round, at the end
    """
    table = _poisson_table(photons_at_white, truncated, frame.device)
    index = (frame.to(torch.int32) << POISSON_BITS) | (bits >> (16 - POISSON_BITS))
    if frame.device.type == "cpu":
        return torch.from_numpy(table.numpy().take(index.numpy()))
    return torch.take(table, index.long())


def impulse(frame: torch.Tensor, share: float, bits: torch.Tensor) -> torch.Tensor:
    """A share of all values becomes 0 or 255, each with the same chance."""
    half = round(share * 32768)
    salted = torch.where(bits < half, torch.zeros_like(frame), frame)
    return torch.where(bits >= 65536 - half, torch.full_like(frame, 255), salted)


def _gaussian_noise(frame: torch.Tensor, sigma: float, own: torch.Generator) -> torch.Tensor:
    return rounded(normal(own, frame.shape, frame.device).mul_(sigma).add_(frame))


def _speckle_noise(frame: torch.Tensor, sigma: float, own: torch.Generator) -> torch.Tensor:
    return rounded(normal(own, frame.shape, frame.device).mul_(sigma).add_(1).mul_(frame))


def _shot_noise(frame: torch.Tensor, sigma_at_white: float, own: torch.Generator) -> torch.Tensor:
    return shot(frame, (255 / sigma_at_white) ** 2, sixteen_bits(own, frame.shape, frame.device))


def _impulse_noise(frame: torch.Tensor, share: float, own: torch.Generator) -> torch.Tensor:
    return impulse(frame, share, sixteen_bits(own, frame.shape, frame.device))


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(
        name="gaussian_noise",
        suite="natural",
        family="noise",
        unit="sigma, levels of 255",
        strengths=(2.0, 5.0, 10.0, 20.0, 40.0),
        range=(0.0, 255.0),
        apply=frame_by_frame(_gaussian_noise),
        doc="Independent normal noise on every value: the electronics' read noise.",
        noun="Gaussian noise",
        saying="noise of {s} grey levels",
        stands_for={"noise_and_coding": 0},
    ),
    Perturbation(
        name="shot_noise",
        suite="natural",
        family="noise",
        unit="sigma at white, levels of 255",
        strengths=(2.0, 5.0, 10.0, 20.0, 40.0),
        range=(1.0, 255.0),
        apply=frame_by_frame(_shot_noise),
        doc="Poisson noise of the light itself: (255 / s)^2 photons at white, and less noise where it is dark.",
        noun="shot noise",
        saying="shot noise of {s} grey levels",
        stands_for={"noise_and_coding": 1},
    ),
    Perturbation(
        name="impulse_noise",
        suite="natural",
        family="noise",
        unit="share of values",
        strengths=(0.005, 0.01, 0.03, 0.1, 0.2),
        range=(0.0001, 1.0),
        apply=frame_by_frame(_impulse_noise),
        doc="That share of the values becomes 0 or 255: salt and pepper, bits lost on the way.",
        noun="impulse noise",
        saying="salt and pepper on {p} of the values",
    ),
    Perturbation(
        name="speckle_noise",
        suite="natural",
        family="noise",
        unit="sigma, relative to the level",
        strengths=(0.02, 0.05, 0.1, 0.2, 0.4),
        range=(0.0, 4.0),
        apply=frame_by_frame(_speckle_noise),
        doc="Normal noise in proportion to the level: coherent light, or gain noise.",
        noun="speckle noise",
        saying="speckle noise of {p}",
    ),
)
