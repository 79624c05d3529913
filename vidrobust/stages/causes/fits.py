"""Perturbations fitted to a cause's step of the chain. No torch at import: causes name them."""

from __future__ import annotations

import math

import cv2
import numpy as np

from vidrobust.stages.causes.cause import CauseStep, FittedPerturbation

SAMPLED = 6  # every so many-th pixel along each axis is enough to fit levels
SMALLEST_PX = 0.05  # a smaller motion of the picture's corners is none
SMALLEST_GAIN = 0.002  # a field of gain with a smaller spread is within the rounding of 8 bits
DARK = 8  # levels below which the ratio of two blocks says nothing
BLOCK = 8  # side, px, of the blocks whose means show a field of gain


def fit_levels(name: str, step: CauseStep) -> FittedPerturbation | None:
    """Fit a perturbation of the levels by least squares; None where it would change nothing."""
    from scipy import optimize

    from vidrobust.frames.pixels import to_array, to_tensor
    from vidrobust.perturb.catalogue import PERTURBATIONS

    some, wanted = (
        np.ascontiguousarray(x[SAMPLED // 2 :: SAMPLED, SAMPLED // 2 :: SAMPLED])
        for x in (step.before, step.after)
    )
    smallest, largest = PERTURBATIONS[name].range
    tensor, target = to_tensor([some]), wanted.astype(np.float32)

    def loss(strength: float) -> float:
        if abs(strength) < smallest:
            return float(np.square(some - target).mean())
        made = PERTURBATIONS[name].apply_signed(tensor, strength)[0].permute(1, 2, 0).numpy()
        return float(np.square(made - target).mean())

    options = {"maxiter": 25, "xatol": 1e-3 * largest}
    best = optimize.minimize_scalar(
        loss, bounds=(-largest, largest), method="bounded", options=options
    )
    strength = float(best.x)
    if abs(strength) < smallest:
        return None
    played = to_array(
        PERTURBATIONS[name].apply_signed(to_tensor([step.before]), strength)[0]
    ).copy()
    if np.array_equal(played, step.before):
        return None
    return FittedPerturbation(strength=strength, picture=played)


def fit_gain_field(name: str, step: CauseStep) -> FittedPerturbation | None:
    """Fit the gain between the pictures, as a plane or as smooth as ``illumination``; None without any."""
    from vidrobust.frames.pixels import luma, to_levels

    height, width = step.before.shape[:2]
    size = (max(4, width // BLOCK), max(4, height // BLOCK))
    first, second = (
        cv2.resize(luma(x), size, interpolation=cv2.INTER_AREA).astype(np.float64)
        for x in (step.before, step.after)
    )
    design = _plane(size) if name == "light_gradient" else _smooth(size, width, height)
    weight = ((first > DARK) & (second > DARK)).ravel().astype(np.float64)
    ratio = np.log(np.maximum(second, 1) / np.maximum(first, 1)).ravel()
    normal = design.T @ (design * weight[:, None]) + 1e-3 * np.eye(design.shape[1])
    field = (design @ np.linalg.solve(normal, design.T @ (weight * ratio))).reshape(size[::-1])
    strength = float(field.std())
    if strength < SMALLEST_GAIN:
        return None
    gain = np.exp(
        cv2.resize(field.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    )
    return FittedPerturbation(strength=strength, picture=to_levels(step.before * gain[..., None]))


def _plane(size: tuple[int, int]) -> np.ndarray:
    y, x = (np.linspace(-1, 1, n) for n in size[::-1])
    return np.stack(np.broadcast_arrays(1.0, x[None], y[:, None]), axis=-1).reshape(-1, 3)


def _smooth(size: tuple[int, int], width: int, height: int) -> np.ndarray:
    from vidrobust.frames.pixels import lattice_side, spline_basis
    from vidrobust.perturb.light import PATCHES

    spacing = max(height, width) / PATCHES
    down, across = (
        spline_basis(count, side / count, spacing, lattice_side(side, spacing))
        for count, side in zip(size[::-1], (height, width), strict=True)
    )
    return np.asarray(np.einsum("ri,cj->rcij", down, across).reshape(len(down) * len(across), -1))


def fit_motion(name: str, step: CauseStep) -> FittedPerturbation | None:
    """Take the part of the measured motion that this perturbation can do; None for next to none."""
    more, sign = step.size.more, -1.0 if step.backwards else 1.0
    x, y = sign * more.get("shift_x_px", 0.0), sign * more.get("shift_y_px", 0.0)
    turn, zoom = sign * more.get("rotation_deg", 0.0), more.get("zoom", 1.0) ** sign
    height, width = step.before.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    if name == "translation":
        matrix, strength = np.array([[1.0, 0, x], [0, 1, y]]), math.hypot(x, y)
    elif name == "rotation":
        matrix, strength = cv2.getRotationMatrix2D(centre, -turn, 1.0), turn
    elif name == "scale":
        matrix = cv2.getRotationMatrix2D(centre, 0.0, zoom)
        strength = zoom - 1 if zoom >= 1 else 1 - 1 / zoom
    else:
        return None
    corner = matrix @ np.array([width, height, 1.0]) - np.array([width, height])
    shift = math.hypot(*matrix[:, 2]) if name == "translation" else 0.0
    if max(shift, float(np.abs(corner).max())) < SMALLEST_PX:
        return None
    moved = cv2.warpAffine(
        step.before,
        matrix,
        (width, height),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return FittedPerturbation(
        strength=strength, picture=np.asarray(moved), matrix=np.asarray(matrix)
    )


def fit_blur(name: str, step: CauseStep) -> FittedPerturbation | None:
    """Blur with the measured standard deviation; along a line only where one was measured."""
    from vidrobust.frames.pixels import to_array, to_levels, to_tensor
    from vidrobust.perturb.blur import line_kernel
    from vidrobust.perturb.catalogue import PERTURBATIONS
    from vidrobust.perturb.draws import from_seed

    sigma, angle = abs(step.size.size), math.radians(step.size.more["blur_angle_deg"])
    if name == "motion_blur":
        if math.isnan(angle):
            return None
        length = sigma * math.sqrt(12)  # a box of length L has the variance L^2 / 12
        blurred = cv2.filter2D(
            step.before.astype(np.float32),
            -1,
            line_kernel(length, angle),
            borderType=cv2.BORDER_REFLECT_101,
        )
        return FittedPerturbation(strength=length, picture=to_levels(np.asarray(blurred)))
    entry = PERTURBATIONS[name]
    strength = sigma * entry.per_condition
    within = min(max(strength, entry.range[0]), entry.range[1])
    played = to_array(entry.apply(to_tensor([step.before]), within, from_seed(0))[0]).copy()
    return FittedPerturbation(strength=strength, picture=played)
