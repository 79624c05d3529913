"""Something in the way: a plain patch, and the noisy patch of Patch Gaussian. Boxes stay where they are."""

from __future__ import annotations

import torch

from vidrobust.frames.pixels import rounded
from vidrobust.perturb.draws import integer, normal, uniform
from vidrobust.perturb.noise import frame_by_frame
from vidrobust.perturb.perturbation import Perturbation

LARGEST_NOISY_PATCH = 250 / 224
"""Side over the frame's shorter side: the paper draws up to 250 px on ImageNet at 224 px."""


def _occlusion(frame: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    h, w = frame.shape[1:]
    side = max(1, round(strength * min(h, w)))
    top, left = int(uniform(own) * (h - side + 1)), int(uniform(own) * (w - side + 1))
    colour = [integer(own, 0, 256) for _ in range(3)]
    out = frame.clone(memory_format=torch.contiguous_format)
    out[:, top : top + side, left : left + side] = frame.new_tensor(colour).view(3, 1, 1)
    return out


def _patch_gaussian(frame: torch.Tensor, sigma: float, own: torch.Generator) -> torch.Tensor:
    h, w = frame.shape[1:]
    half = max(1, round(uniform(own, 0, LARGEST_NOISY_PATCH) * min(h, w))) / 2
    y, x = uniform(own, 0, h), uniform(own, 0, w)
    rows = slice(max(0, round(y - half)), max(1, round(y + half)))
    columns = slice(max(0, round(x - half)), max(1, round(x + half)))
    out = frame.clone(memory_format=torch.contiguous_format)
    patch = out[:, rows, columns]
    out[:, rows, columns] = rounded(normal(own, patch.shape, frame.device).mul_(sigma).add_(patch))
    return out


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(
        name="occlusion",
        suite="natural",
        family="occlusion",
        unit="side over the shorter side",
        strengths=(0.1, 0.2, 0.3, 0.4, 0.6),
        range=(0.0, 1.0),
        apply=frame_by_frame(_occlusion),
        doc="A square of one random colour at a random place, all of it inside the frame.",
        noun="occlusion",
        saying="a square of {p} of the side hidden",
    ),
    Perturbation(
        name="patch_gaussian",
        suite="natural",
        family="occlusion",
        unit="sigma, levels of 255",
        strengths=(12.0, 25.0, 50.0, 100.0, 200.0),
        range=(0.0, 255.0),
        apply=frame_by_frame(_patch_gaussian),
        doc="Normal noise inside a square of random size and place, Lopes et al. 2019 (arXiv 1906.02611).",
        noun="patch Gaussian",
        saying="a patch with noise of {s} levels",
    ),
)
