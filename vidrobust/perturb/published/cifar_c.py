"""CIFAR-10-C and CIFAR-100-C: the corruptions of ImageNet-C with their own sizes, for pictures of 32 px.

Parameters of ``make_cifar_c.py`` (Hendrycks & Dietterich 2019, hendrycks/robustness, Apache-2.0). They are not
those of ``imagenet-c``, and neither are right at the other's size. Motion blur and snow smear with the kernel of
``imagenet-c`` in place of ImageMagick's, and the ice of frost is drawn.
"""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import torch
from PIL import Image

from vidrobust.perturb.perturbation import Perturbation
from vidrobust.perturb.published import elastic_authors
from vidrobust.perturb.published import imagenet_c as c
from vidrobust.perturb.published.severities import of_severities

SIDE_PX = 32

GAUSSIAN_NOISE = (0.04, 0.06, 0.08, 0.09, 0.10)
SHOT_NOISE = (500, 250, 100, 75, 50)
IMPULSE_NOISE = (0.01, 0.02, 0.03, 0.05, 0.07)
SPECKLE_NOISE = (0.06, 0.1, 0.12, 0.16, 0.2)
GAUSSIAN_BLUR = (0.4, 0.6, 0.7, 0.8, 1.0)
GLASS_BLUR = ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2))
DEFOCUS_BLUR = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
MOTION_BLUR = ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))
ZOOM_BLUR = ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01))
FOG = ((0.2, 3), (0.5, 3), (0.75, 2.5), (1.0, 2), (1.5, 1.75))
FROST = ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))
SNOW = (
    (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
    (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
    (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
    (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
    (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
)
SPATTER = (
    (0.62, 0.1, 0.7, 0.7, 0.5, 0),
    (0.65, 0.1, 0.8, 0.7, 0.5, 0),
    (0.65, 0.3, 1, 0.69, 0.5, 0),
    (0.65, 0.1, 0.7, 0.69, 0.6, 1),
    (0.65, 0.1, 0.5, 0.68, 0.6, 1),
)
CONTRAST = (0.75, 0.5, 0.4, 0.3, 0.15)
BRIGHTNESS = (0.05, 0.1, 0.15, 0.2, 0.3)
SATURATE = ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))
JPEG_COMPRESSION = (80, 65, 58, 50, 40)
PIXELATE = (0.95, 0.9, 0.85, 0.75, 0.65)
ELASTIC = ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))
"""alpha, sigma, affine, each times 32 px."""


def disk(radius: float, alias_sigma: float) -> np.ndarray:
    """The authors' disk: whole pixels within the radius (below 1 a lone one), softened by a Gaussian."""
    at = np.arange(-8, 9)
    inside = (at[:, None] ** 2 + at[None] ** 2 <= radius**2).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside / inside.sum(), (3, 3), alias_sigma))


def defocus_blur(frame: np.ndarray, how: tuple[float, float], own: torch.Generator) -> np.ndarray:
    blurred = cv2.filter2D(
        frame.astype(np.float32), -1, disk(*how)[5:12, 5:12], borderType=cv2.BORDER_REFLECT_101
    )
    return c.cut_array(blurred + np.float32(1e-3))


def pixelate(frame: np.ndarray, scale: float, own: torch.Generator) -> np.ndarray:
    """Shrunk and enlarged by boxes both ways, where ``imagenet-c`` enlarges by the nearest pixel."""
    h, w = frame.shape[:2]
    small = (max(1, int(w * scale)), max(1, int(h * scale)))
    coarse = Image.fromarray(frame).resize(small, Image.Resampling.BOX)
    return np.asarray(coarse.resize((w, h), Image.Resampling.BOX))


def elastic_transform(frame: np.ndarray, how: tuple[float, float, float], own: torch.Generator) -> np.ndarray:
    alpha, sigma, affine = (SIDE_PX * value for value in how)
    return elastic_authors.elastic_with_affine(frame, alpha, sigma, affine, own)


_entry = partial(of_severities, "cifar-c")
_SEVERAL = "The authors change several parameters at once."

PERTURBATIONS: tuple[Perturbation, ...] = (
    _entry("gaussian_noise", "noise", c.by_tensor(c.gaussian_noise, GAUSSIAN_NOISE), "Normal noise."),
    _entry(
        "shot_noise", "noise", c.by_tensor(c.shot_noise, SHOT_NOISE), "Poisson noise of 500 to 50 photons."
    ),
    _entry(
        "impulse_noise", "noise", c.by_tensor(c.impulse_noise, IMPULSE_NOISE), "Salt and pepper, per value."
    ),
    _entry("defocus_blur", "blur", c.by_array(defocus_blur, DEFOCUS_BLUR), "Disk of radius up to 1.5 px."),
    _entry(
        "glass_blur", "blur", c.by_batch(c.glass_blur, GLASS_BLUR), "Pixels replaced by neighbours.", _SEVERAL
    ),
    _entry(
        "motion_blur", "blur", c.by_array(c.motion_blur, MOTION_BLUR), "Half a Gaussian along -45 to 45 deg."
    ),
    _entry(
        "zoom_blur", "blur", c.by_array(c.zoom_blur, ZOOM_BLUR), "Mean of enlargements up to 1.05 to 1.25."
    ),
    _entry("snow", "weather", c.by_array(c.snow, SNOW), "Smeared flakes over a paler picture.", _SEVERAL),
    _entry("frost", "weather", c.by_array(c.frost, FROST), "Ice over the picture; drawn.", _SEVERAL),
    _entry("fog", "weather", c.by_array(c.fog, FOG), "Plasma fractal added, contrast lost.", _SEVERAL),
    _entry("brightness", "weather", c.by_batch(c.brightness, BRIGHTNESS), "HSV value raised by 0.05 to 0.3."),
    _entry("contrast", "light", c.by_batch(c.contrast, CONTRAST), "Contrast times 0.75 to 0.15."),
    _entry(
        "elastic_transform",
        "geometry",
        c.by_array(elastic_transform, ELASTIC),
        "Affine map and waves.",
        _SEVERAL,
    ),
    _entry("pixelate", "compression", c.by_array(pixelate, PIXELATE), "Shrunk to 0.95 to 0.65 and enlarged."),
    _entry(
        "jpeg_compression",
        "compression",
        c.by_array(c.jpeg_compression, JPEG_COMPRESSION),
        "Quality 80 to 40.",
    ),
    _entry("speckle_noise", "noise", c.by_tensor(c.speckle_noise, SPECKLE_NOISE), "Noise by the level."),
    _entry("gaussian_blur", "blur", c.by_array(c.gaussian_blur, GAUSSIAN_BLUR), "Gaussian of 0.4 to 1 px."),
    _entry(
        "spatter", "weather", c.by_array(c.spatter, SPATTER), "Water drops, from severity 4 mud.", _SEVERAL
    ),
    _entry("saturate", "colour", c.by_batch(c.saturate, SATURATE), "Saturation times a plus b.", _SEVERAL),
)
