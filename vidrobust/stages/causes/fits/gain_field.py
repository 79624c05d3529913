"""Light from place to place as a plane, or as a field of the smoothness of ``illumination``."""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.stages.causes.cause import Fitted, Step

SMALLEST_GAIN = 0.002
"""A field of gain that spreads by less is within the rounding of 8 bits."""
BLOCK = 8
"""Side, px, of the blocks whose means show a field of gain."""


def fit_gain_field(name: str, step: Step) -> Fitted | None:
    """The gain between the pictures; None where there is none.

    Its strength is the standard deviation of the gain's logarithm over the picture, as the catalogue has it.
    """
    from vidrobust.frames.pixels import luma, to_levels

    height, width = step.before.shape[:2]
    size = (max(4, width // BLOCK), max(4, height // BLOCK))
    first, second = (
        cv2.resize(luma(x), size, interpolation=cv2.INTER_AREA).astype(np.float64)
        for x in (step.before, step.after)
    )
    design = _plane(size) if name == "light_gradient" else _smooth(size, width, height)
    weight = ((first > 8) & (second > 8)).ravel().astype(np.float64)
    ratio = np.log(np.maximum(second, 1) / np.maximum(first, 1)).ravel()
    normal = design.T @ (design * weight[:, None]) + 1e-3 * np.eye(design.shape[1])
    field = (design @ np.linalg.solve(normal, design.T @ (weight * ratio))).reshape(size[::-1])
    strength = float(field.std())
    if strength < SMALLEST_GAIN:
        return None
    gain = np.exp(cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC))
    return Fitted(strength=strength, picture=to_levels(step.before * gain[..., None]))


def _plane(size: tuple[int, int]) -> np.ndarray:
    """(blocks, 3): a constant, and the two directions."""
    y, x = (np.linspace(-1, 1, n) for n in size[::-1])
    return np.stack(np.broadcast_arrays(1.0, x[None], y[:, None]), axis=-1).reshape(-1, 3)


def _smooth(size: tuple[int, int], width: int, height: int) -> np.ndarray:
    """(blocks, knots): the splines of a lattice as wide as that of ``illumination``."""
    from vidrobust.frames.spline_field import lattice_side, spline_basis
    from vidrobust.perturb.light import PATCHES

    spacing = max(height, width) / PATCHES
    down, across = (
        spline_basis(count, side / count, spacing, lattice_side(side, spacing))
        for count, side in zip(size[::-1], (height, width), strict=True)
    )
    return np.asarray(np.einsum("ri,cj->rcij", down, across).reshape(len(down) * len(across), -1))
