"""CIFAR-10-C, CIFAR-100-C and Tiny-ImageNet-C: ImageNet-C for pictures of 32 or 64 px."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from vidrobust.errors import SettingsError
from vidrobust.frames.pixels import each_frame
from vidrobust.perturb.draws import Generators, one_per_frame
from vidrobust.plugins.published.authors import stated
from vidrobust.plugins.published.perturbations import imagenet_c as c
from vidrobust.plugins.published.perturbations.imagenet_c import of_severities

# The elastic transform of the ImageNet-C authors, to whose files AlexNet's constants belong. Unlike that of
# ``imagenet-c`` it moves three points by a random affine map first, which dominates severities 1 and 2.

# alpha, sigma, affine of severities 1 to 5, each times 244 px.
ELASTIC = (
    (2, 0.7, 0.1),
    (2, 0.08, 0.2),
    (0.05, 0.01, 0.02),
    (0.07, 0.01, 0.02),
    (0.12, 0.01, 0.02),
)


def elastic_with_affine(
    frame: np.ndarray, alpha: float, sigma: float, affine: float, gen: torch.Generator
) -> np.ndarray:
    """Three points moved by up to ``affine`` px, then noise smoothed by ``sigma`` px, times ``alpha`` px."""
    h, w = frame.shape[:2]
    drawn = (
        torch.rand((2 * h * w + 6,), generator=gen, device=gen.device).mul_(2).sub_(1).cpu().numpy()
    )
    moved = _three_points_moved(
        frame.astype(np.float32), drawn[:6].reshape(3, 2) * np.float32(affine)
    )
    x, y = (_smoothed(field, sigma) * np.float32(alpha) for field in drawn[6:].reshape(2, h, w))
    x, y = x + np.arange(w, dtype=np.float32)[None], y + np.arange(h, dtype=np.float32)[:, None]
    taken = cv2.remap(moved, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(np.clip(taken, 0, 255).astype(np.uint8))


def _three_points_moved(frame: np.ndarray, by: np.ndarray) -> np.ndarray:
    h, w = frame.shape[:2]
    centre, third = np.array([h // 2, w // 2]), min(h, w) // 3
    if min(h, w) < 8:  # the three points would fall together
        return frame
    points = np.array(
        [centre + third, [centre[0] + third, centre[1] - third], centre - third], np.float32
    )
    matrix = cv2.getAffineTransform(points, points + by)
    return np.asarray(cv2.warpAffine(frame, matrix, (w, h), borderMode=cv2.BORDER_REFLECT_101))


def _smoothed(field: np.ndarray, sigma: float) -> np.ndarray:
    side = 2 * int(3 * sigma + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(field, (side, side), sigma, borderType=cv2.BORDER_REFLECT))


def _elastic(pixels: torch.Tensor, severity: float, generator: Generators) -> torch.Tensor:
    if severity != round(severity):
        raise SettingsError(
            f"imagenet-c-authors: severity {severity:g} is not one of 1, 2, 3, 4, 5"
        )
    alpha, sigma, affine = (244 * value for value in ELASTIC[int(severity) - 1])
    generators = one_per_frame(generator, len(pixels))
    return each_frame(
        pixels, lambda frame, row: elastic_with_affine(frame, alpha, sigma, affine, generators[row])
    )


ELASTIC_OF_AUTHORS = (
    of_severities(
        "imagenet-c-authors",
        "elastic_transform",
        "geometry",
        _elastic,
        "Random affine map of 24, 49, then 5 px, and smooth displacement, at 244 px.",
        "From 2 to 3 the paper trades a large affine map for local waves: AlexNet's error falls.",
    ),
)


# Side of the pictures that a suite is made for, px, and its parameters.
SIDES_PX = {"cifar-c": 32, "tiny-imagenet-c": 64}
SIZES = {suite: stated(suite) for suite in SIDES_PX}


def elastic_transform(
    frame: np.ndarray, how: tuple[float, float, float], gen: torch.Generator
) -> np.ndarray:
    alpha, sigma, affine = (frame.shape[0] * value for value in how)
    return elastic_with_affine(frame, alpha, sigma, affine, gen)


_SEVERAL = dict.fromkeys(
    ("glass_blur", "snow", "frost", "fog", "elastic_transform", "spatter", "saturate"),
    "The authors change several parameters at once.",
)
_OWN: dict[str, Callable[..., Any]] = {
    "pixelate": partial(c.pixelate, enlarged_by=Image.Resampling.BOX),
    "elastic_transform": elastic_transform,
}
PERTURBATIONS = tuple(
    entry
    for suite, sizes in SIZES.items()
    for entry in c.entries(suite, sizes, stated("docs")["small"], _SEVERAL, _OWN)
)
