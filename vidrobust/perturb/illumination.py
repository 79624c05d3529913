"""Light that differs from place to place: uneven lamps, gradients, shadows.

Levels are multiplied by a field of gain exp(s f(x, y)), or by 1 - s f of a shadow. f has mean 0 and standard
deviation 1 over the frame, so that the strength is the standard deviation of the gain's logarithm, about that
of the gain.
"""

from __future__ import annotations

import numpy as np
import torch

from vidrobust.frames.pixels import rounded
from vidrobust.frames.spline_field import field_of, lattice_side
from vidrobust.perturb.draws import angle, integer, normal, uniform
from vidrobust.perturb.noise import frame_by_frame
from vidrobust.perturb.perturbation import Perturbation

PATCHES = 4
"""Knots of the random field are this share of the longer side apart."""
LARGEST = 4.0
"""A field's largest distance from its mean, standard deviations."""


def _illumination(frame: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    shape = frame.shape[1:]
    spacing = max(shape) / PATCHES
    knots = normal(own, [lattice_side(side, spacing) for side in shape]).numpy().astype(np.float64)
    return _lit(frame, strength * unit(field_of(knots, shape, spacing)))


def _light_gradient(frame: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    kind, turn, width = integer(own, 0, 3), angle(own), uniform(own, 0.3, 0.8)
    middle = uniform(own, 0.0, 1.0), uniform(own, 0.0, 1.0)
    way = 1 - 2 * integer(own, 0, 2)
    y, x = _places(frame)
    if kind == 0:
        field = np.cos(turn) * x + np.sin(turn) * y
    elif kind == 1:
        corner = round(middle[0]), round(middle[1])
        field = np.hypot(x - corner[0], y - corner[1])
    else:
        field = np.exp(-((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / (2 * width**2))
    return _lit(frame, way * strength * unit(field))


def _soft_shadow(frame: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    turn, size, long = angle(own), uniform(own, 0.15, 0.4), uniform(own, 1.0, 2.5)
    middle = uniform(own, 0.0, 1.0), uniform(own, 0.0, 1.0)
    soft = uniform(own, 0.1, 0.5)
    y, x = _places(frame)
    height, width = frame.shape[1:]
    across, down = (x - middle[0]) * width, (y - middle[1]) * height
    c, s = np.cos(turn), np.sin(turn)
    radius = size * min(height, width)
    away = np.hypot((c * across + s * down) / (radius * long), (c * down - s * across) / radius)
    shade = 1 / (1 + np.exp(np.clip((away - 1) / (soft / 2), -50, 50)))
    return _times(frame, 1 - strength * shade)


def unit(field: np.ndarray) -> np.ndarray:
    """(H, W) with mean 0 and standard deviation 1, none further than LARGEST; 0 where it is all one value."""
    flat = field - field.mean()
    spread = float(flat.std())
    return np.clip(flat / spread, -LARGEST, LARGEST) if spread > 1e-9 else np.zeros_like(flat)


def _places(frame: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """y (H, 1) and x (1, W) as shares of the sides."""
    height, width = frame.shape[1:]
    return (np.arange(height)[:, None] + 0.5) / height, (np.arange(width)[None] + 0.5) / width


def _lit(frame: torch.Tensor, log_gain: np.ndarray) -> torch.Tensor:
    return _times(frame, np.exp(log_gain))


def _times(frame: torch.Tensor, gain: np.ndarray) -> torch.Tensor:
    return rounded(frame.float() * torch.from_numpy(gain.astype(np.float32)).to(frame.device))


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(
        name="illumination",
        suite="natural",
        family="light",
        unit="relative gain (standard deviation)",
        strengths=(0.03, 0.06, 0.12, 0.25, 0.5),
        range=(0.0, 2.0),
        apply=frame_by_frame(_illumination),
        doc="Lighter here, darker there: a smooth random field of gain whose standard deviation is s.",
        noun="uneven light",
        saying="light uneven by {p}",
        stands_for={"local_light": 1},
    ),
    Perturbation(
        name="light_gradient",
        suite="natural",
        family="light",
        unit="relative gain",
        strengths=(0.03, 0.06, 0.12, 0.25, 0.5),
        range=(0.0, 2.0),
        apply=frame_by_frame(_light_gradient),
        doc="A lamp to one side: gain falls off along a line, from a corner or about a spot.",
        noun="light gradient",
        saying="light that falls off by {p}",
        stands_for={"local_light": 0},
    ),
    Perturbation(
        name="soft_shadow",
        suite="natural",
        family="light",
        unit="share of the light",
        strengths=(0.1, 0.2, 0.35, 0.5, 0.7),
        range=(0.0, 1.0),
        apply=frame_by_frame(_soft_shadow),
        doc="The shadow of something with a soft edge, at a random place, takes the share s of the light.",
        noun="soft shadow",
        saying="a soft shadow that takes {p} of the light",
    ),
)
