"""Smooth fields over a frame: cubic B-splines on a lattice of evenly spaced knots."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

REACH = 3  # knots from the first to the last of the cubic splines that overlap one of them


def lattice_side(length: float, spacing: float) -> int:
    """Knots along a side of this length, px, that a cubic spline needs."""
    return int(np.ceil(length / spacing - 1e-9)) + 3


@lru_cache(maxsize=64)
def spline_basis(count: int, step: float, spacing: float, knots: int) -> np.ndarray:
    """(count, knots) cubic B-splines at the middles of ``count`` stretches of ``step`` px; rows add up to 1."""
    at = (np.arange(count) + 0.5) * step / spacing
    # the first spline that is felt at 0 is centred one spacing before it
    distance = np.abs(at[:, None] - (np.arange(knots)[None] - 1))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    return np.asarray(np.where(distance < 1, near, far))


def field_of(lattice: np.ndarray, shape: Sequence[int], spacing: float) -> np.ndarray:
    """(H, W) float32, the field of a lattice (R, C) whose knots are ``spacing`` px apart."""
    down, across = (
        spline_basis(side, 1.0, spacing, knots) for side, knots in zip(shape, lattice.shape, strict=True)
    )
    field = down.astype(np.float32) @ lattice.astype(np.float32) @ across.T.astype(np.float32)
    return np.asarray(field)
