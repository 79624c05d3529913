"""Three corruptions of ImageNet-C as the reference package computes them, to the last bit.

Levels are cut, not rounded, so the rounding of earlier sums decides close calls. Slower than
``imagenet_c.py``; for comparison with published numbers.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy import ndimage

from vidrobust.errors import InputError
from vidrobust.perturb.draws import integer
from vidrobust.perturb.perturbation import Perturbation
from vidrobust.plugins.published.perturbations import imagenet_c

Array = np.ndarray


def exact(perturbation: Perturbation) -> Perturbation:
    """The same corruption in the reference's arithmetic, where it is one of the three."""
    if perturbation.name == "frost" and ice_photographs():
        return dataclasses.replace(
            perturbation, apply=imagenet_c.by_array(frost, imagenet_c.SIZES["frost"])
        )
    if perturbation.name not in EXACT:
        return perturbation
    function, choices = EXACT[perturbation.name]
    return dataclasses.replace(perturbation, apply=imagenet_c.by_array(function, choices))


def defocus_blur(frame: Array, c: tuple[int, float], gen: torch.Generator) -> Array:
    """Channel by channel in double precision, with the rim of zeros that the kernel has there."""
    unit, kernel = frame / 255.0, imagenet_c.disk(*c)
    blurred = np.stack([cv2.filter2D(unit[:, :, d], -1, kernel) for d in range(3)], axis=2)
    return (np.clip(blurred, 0, 1) * 255).astype(np.uint8)


def zoom_blur(frame: Array, c: tuple[float, float], gen: torch.Generator) -> Array:
    """Each enlargement by scipy.ndimage.zoom of order 1, added in single precision."""
    unit = (frame / 255.0).astype(np.float32)
    total = np.zeros_like(unit)
    factors = np.arange(1, *c)
    for factor in factors:
        layer = _enlarged(unit, float(factor))[: unit.shape[0], : unit.shape[1]]
        total[: layer.shape[0], : layer.shape[1]] += layer
    mean = (unit + total) / (len(factors) + 1)
    return np.asarray((np.clip(mean, 0, 1) * 255).astype(np.uint8))


def brightness(frame: Array, added: float, gen: torch.Generator) -> Array:
    """To HSV and back in double precision, step by step as scikit-image goes."""
    rgb = frame / 255.0
    value = rgb.max(axis=2)
    spread = value - rgb.min(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        saturation = np.where(spread == 0, 0.0, spread / value)
        red, green, blue = (rgb[..., k] for k in range(3))
        sixths = np.where(red == value, (green - blue) / spread, 0.0)
        sixths = np.where(green == value, 2.0 + (blue - red) / spread, sixths)
        sixths = np.where(blue == value, 4.0 + (red - green) / spread, sixths)
    hue = np.where(spread == 0, 0.0, (sixths / 6.0) % 1.0)
    value = np.clip(value + added, 0, 1)
    sector = np.floor(hue * 6)
    f = hue * 6 - sector
    p, q = value * (1 - saturation), value * (1 - f * saturation)
    t = value * (1 - (1 - f) * saturation)
    turn = sector.astype(np.uint8) % 6
    order = ((value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q))
    out = np.stack([np.choose(turn, channel) for channel in order], axis=2)
    return np.asarray((np.clip(out, 0, 1) * 255).astype(np.uint8))


def frost(frame: Array, c: tuple[float, float], gen: torch.Generator) -> Array:
    """One of six photographs of ice, a tenth larger than it must be, anywhere over the picture."""
    h, w = frame.shape[:2]
    paths = ice_photographs()
    ice = cv2.imread(str(paths[integer(gen, 0, len(paths))]))
    if ice is None:
        raise InputError(
            f"{paths[0].parent}: the photographs of ice of imagecorruptions cannot be read"
        )
    scale = 1.1 * max(1.0, h / ice.shape[0], w / ice.shape[1])
    size = math.ceil(ice.shape[1] * scale), math.ceil(ice.shape[0] * scale)
    ice = cv2.resize(ice, size, interpolation=cv2.INTER_CUBIC)[:, :, ::-1]
    top, left = integer(gen, 0, ice.shape[0] - h), integer(gen, 0, ice.shape[1] - w)
    over = c[0] * frame + c[1] * ice[top : top + h, left : left + w]
    return np.asarray(np.clip(over, 0, 255).astype(np.uint8))


@functools.cache
def ice_photographs() -> tuple[Path, ...]:
    """The photographs that come with the package imagecorruptions."""
    spec = importlib.util.find_spec("imagecorruptions")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return tuple(
        sorted(path for place in places for path in (Path(place) / "frost").glob("frost[1-6].*"))
    )


def _enlarged(picture: Array, factor: float) -> Array:
    inner = [math.ceil(n / factor) for n in picture.shape[:2]]
    top, left = ((n - m) // 2 for n, m in zip(picture.shape[:2], inner, strict=True))
    middle = picture[top : top + inner[0], left : left + inner[1]]
    return np.stack([ndimage.zoom(middle[:, :, d], factor, order=1) for d in range(3)], axis=2)


# The corruptions that are made differently here, and what their severities are.
EXACT: dict[str, tuple[Callable[..., Array], Sequence[object]]] = {
    "defocus_blur": (defocus_blur, imagenet_c.SIZES["defocus_blur"]),
    "zoom_blur": (zoom_blur, imagenet_c.SIZES["zoom_blur"]),
    "brightness": (brightness, imagenet_c.SIZES["brightness"]),
}
