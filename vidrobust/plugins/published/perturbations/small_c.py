"""The corruptions of ImageNet-C for pictures of 32 or 64 px; smears and frost as in ``imagenet-c``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from vidrobust.perturb.perturbation import Perturbation
from vidrobust.plugins.published.perturbations import elastic_authors
from vidrobust.plugins.published.perturbations import imagenet_c as c
from vidrobust.plugins.published.perturbations.severities import of_severities

_SEVERAL = "The authors change several parameters at once."


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Parameters of severities 1 to 5 of every corruption, five of each, as the authors' script has them.

    elastic_transform  alpha, sigma, affine, each times the side
    """

    gaussian_noise: tuple[float, ...]
    shot_noise: tuple[float, ...]
    impulse_noise: tuple[float, ...]
    speckle_noise: tuple[float, ...]
    gaussian_blur: tuple[float, ...]
    glass_blur: tuple[tuple[float, int, int], ...]
    defocus_blur: tuple[tuple[float, float], ...]
    motion_blur: tuple[tuple[int, float], ...]
    zoom_blur: tuple[tuple[float, float], ...]
    fog: tuple[tuple[float, float], ...]
    frost: tuple[tuple[float, float], ...]
    snow: tuple[tuple[float, ...], ...]
    spatter: tuple[tuple[float, ...], ...]
    contrast: tuple[float, ...]
    brightness: tuple[float, ...]
    saturate: tuple[tuple[float, float], ...]
    jpeg_compression: tuple[int, ...]
    pixelate: tuple[float, ...]
    elastic_transform: tuple[tuple[float, float, float], ...]


def disk(radius: float, alias_sigma: float) -> np.ndarray:
    """The authors' disk: whole pixels within the radius (below 1 a lone one), softened by a Gaussian."""
    at = np.arange(-8, 9)
    inside = (at[:, None] ** 2 + at[None] ** 2 <= radius**2).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside / inside.sum(), (3, 3), alias_sigma))


def defocus_blur(frame: np.ndarray, how: tuple[float, float], own: torch.Generator) -> np.ndarray:
    reach = int(how[0]) + 2  # beyond it the disk is 0
    kernel = disk(*how)[8 - reach : 9 + reach, 8 - reach : 9 + reach]
    blurred = cv2.filter2D(frame.astype(np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return c.cut_array(blurred + np.float32(1e-3))


def pixelate(frame: np.ndarray, scale: float, own: torch.Generator) -> np.ndarray:
    """Shrunk and enlarged by boxes both ways, where ``imagenet-c`` enlarges by the nearest pixel."""
    h, w = frame.shape[:2]
    small = (max(1, int(w * scale)), max(1, int(h * scale)))
    coarse = Image.fromarray(frame).resize(small, Image.Resampling.BOX)
    return np.asarray(coarse.resize((w, h), Image.Resampling.BOX))


def elastic_transform(frame: np.ndarray, how: tuple[float, float, float], own: torch.Generator) -> np.ndarray:
    alpha, sigma, affine = (frame.shape[0] * value for value in how)
    return elastic_authors.elastic_with_affine(frame, alpha, sigma, affine, own)


def entries(suite: str, sizes: Sizes) -> tuple[Perturbation, ...]:
    """The nineteen of a suite, in the order of ``imagenet-c``; the last four are for validation."""
    entry: Any = partial(of_severities, suite)
    photons, boxes, quality = sizes.shot_noise, sizes.pixelate, sizes.jpeg_compression
    disk_px, furthest = sizes.defocus_blur[-1][0], [end - step for end, step in sizes.zoom_blur]
    return (
        entry(
            "gaussian_noise", "noise", c.by_tensor(c.gaussian_noise, sizes.gaussian_noise), "Normal noise."
        ),
        entry(
            "shot_noise",
            "noise",
            c.by_tensor(c.shot_noise, photons),
            f"Poisson noise of {photons[0]} to {photons[-1]} photons.",
        ),
        entry(
            "impulse_noise",
            "noise",
            c.by_tensor(c.impulse_noise, sizes.impulse_noise),
            "Salt and pepper, per value.",
        ),
        entry(
            "defocus_blur",
            "blur",
            c.by_array(defocus_blur, sizes.defocus_blur),
            f"Disk of radius up to {disk_px:g} px.",
        ),
        entry(
            "glass_blur",
            "blur",
            c.by_batch(c.glass_blur, sizes.glass_blur),
            "Pixels replaced by neighbours.",
            _SEVERAL,
        ),
        entry(
            "motion_blur",
            "blur",
            c.by_array(c.motion_blur, sizes.motion_blur),
            "Half a Gaussian along -45 to 45 deg.",
        ),
        entry(
            "zoom_blur",
            "blur",
            c.by_array(c.zoom_blur, sizes.zoom_blur),
            f"Mean of enlargements up to {furthest[0]:.2f} to {furthest[-1]:.2f}.",
        ),
        entry(
            "snow",
            "weather",
            c.by_array(c.snow, sizes.snow),
            "Smeared flakes over a paler picture.",
            _SEVERAL,
        ),
        entry("frost", "weather", c.by_array(c.frost, sizes.frost), "Ice over the picture; drawn.", _SEVERAL),
        entry(
            "fog", "weather", c.by_array(c.fog, sizes.fog), "Plasma fractal added, contrast lost.", _SEVERAL
        ),
        entry(
            "brightness",
            "weather",
            c.by_batch(c.brightness, sizes.brightness),
            f"HSV value raised by {sizes.brightness[0]:g} to {sizes.brightness[-1]:g}.",
        ),
        entry(
            "contrast",
            "light",
            c.by_batch(c.contrast, sizes.contrast),
            f"Contrast times {sizes.contrast[0]:g} to {sizes.contrast[-1]:g}.",
        ),
        entry(
            "elastic_transform",
            "geometry",
            c.by_array(elastic_transform, sizes.elastic_transform),
            "Affine map and waves.",
            _SEVERAL,
        ),
        entry(
            "pixelate",
            "compression",
            c.by_array(pixelate, boxes),
            f"Shrunk to {boxes[0]:g} to {boxes[-1]:g} and enlarged.",
        ),
        entry(
            "jpeg_compression",
            "compression",
            c.by_array(c.jpeg_compression, quality),
            f"Quality {quality[0]} to {quality[-1]}.",
        ),
        entry(
            "speckle_noise", "noise", c.by_tensor(c.speckle_noise, sizes.speckle_noise), "Noise by the level."
        ),
        entry(
            "gaussian_blur",
            "blur",
            c.by_array(c.gaussian_blur, sizes.gaussian_blur),
            f"Gaussian of {sizes.gaussian_blur[0]:g} to {sizes.gaussian_blur[-1]:g} px.",
        ),
        entry(
            "spatter",
            "weather",
            c.by_array(c.spatter, sizes.spatter),
            "Water drops, from severity 4 mud.",
            _SEVERAL,
        ),
        entry(
            "saturate",
            "colour",
            c.by_batch(c.saturate, sizes.saturate),
            "Saturation times a plus b.",
            _SEVERAL,
        ),
    )
