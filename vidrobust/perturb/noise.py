"""Noise of the sensor, fresh in every frame and channel: gaussian, shot, impulse, speckle."""

from __future__ import annotations

import torch

from vidrobust.perturb.arrays import rounded
from vidrobust.perturb.draws import Generators, normal, one_per_frame
from vidrobust.perturb.perturbation import Perturbation


def _gaussian_noise(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
    frames = [
        rounded(normal(own, frame.shape, frame.device).mul_(strength).add_(frame))
        for frame, own in zip(pixels, one_per_frame(generator, len(pixels)), strict=True)
    ]
    return torch.stack(frames)


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(
        name="gaussian_noise",
        suite="natural",
        family="noise",
        unit="sigma, levels of 255",
        strengths=(2.0, 5.0, 10.0, 20.0, 40.0),
        range=(0.0, 255.0),
        apply=_gaussian_noise,
        doc="Independent normal noise on every value.",
    ),
)
