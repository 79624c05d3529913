"""Tiny-ImageNet-C against the authors' formulas, with scikit-image where they use it; noise by its statistics."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import skimage.color
import skimage.filters
import torch
from PIL import Image

from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.perturb.draws import from_seed

from .conftest import make_picture

FRAME = make_picture(64, 64).permute(1, 2, 0).contiguous().numpy()
severities = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


def ours(name: str, frame: np.ndarray, severity: int) -> np.ndarray:
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
    entry = PERTURBATIONS[f"tiny-imagenet-c:{name}"]
    return entry.apply(pixels, severity, from_seed(0))[0].permute(1, 2, 0).numpy()


def cut(values: np.ndarray) -> np.ndarray:
    return np.clip(values * 255, 0, 255).astype(np.uint8)


def by_formula(name: str, frame: np.ndarray, s: int) -> np.ndarray:
    x = frame / 255.0
    if name in ("brightness", "saturate"):
        hsv = skimage.color.rgb2hsv(x)
        if name == "brightness":
            hsv[:, :, 2] = np.clip(hsv[:, :, 2] + 0.1 * s, 0, 1)
        else:
            times, plus = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2))[s - 1]
            hsv[:, :, 1] = np.clip(hsv[:, :, 1] * times + plus, 0, 1)
        return cut(skimage.color.hsv2rgb(hsv))
    if name == "contrast":
        means = x.mean(axis=(0, 1), keepdims=True)
        return cut((x - means) * (0.4, 0.3, 0.2, 0.1, 0.05)[s - 1] + means)
    if name == "gaussian_blur":
        return cut(skimage.filters.gaussian(x, sigma=0.25 + 0.25 * s, channel_axis=-1))
    if name == "defocus_blur":
        radius, alias = ((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1))[s - 1]
        across, down = np.meshgrid(np.arange(-8, 9), np.arange(-8, 9))
        kernel = np.array(across**2 + down**2 <= radius**2, np.float32)
        return cut(cv2.filter2D(x, -1, cv2.GaussianBlur(kernel / kernel.sum(), (3, 3), alias)))
    if name == "pixelate":
        small = int(64 * (0.9, 0.8, 0.7, 0.6, 0.5)[s - 1])
        coarse = Image.fromarray(frame).resize((small, small), Image.Resampling.BOX)
        return np.asarray(coarse.resize((64, 64), Image.Resampling.BOX))
    coded = io.BytesIO()
    Image.fromarray(frame).save(coded, "JPEG", quality=(65, 58, 50, 40, 25)[s - 1])
    return np.asarray(Image.open(coded))


@severities
@pytest.mark.parametrize(
    "name",
    ["brightness", "saturate", "contrast", "gaussian_blur", "defocus_blur", "pixelate", "jpeg_compression"],
)
def test_what_draws_nothing_is_the_authors_formula_within_a_level(name: str, severity: int) -> None:
    expected = by_formula(name, FRAME, severity).astype(int)
    assert np.abs(ours(name, FRAME, severity).astype(int) - expected).max() <= 1


@severities
def test_noise_has_the_authors_sizes(severity: int) -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    for name, sigma in (
        ("gaussian_noise", (0.04, 0.08, 0.12, 0.15, 0.18)[severity - 1]),
        ("speckle_noise", (0.1 + 0.05 * severity) * 128 / 255),
        ("shot_noise", np.sqrt(128 / 255 / (250, 100, 50, 30, 15)[severity - 1])),
    ):
        assert np.std(ours(name, grey, severity) / 255) == pytest.approx(sigma, rel=0.03), name
    changed = ours("impulse_noise", grey, severity) != 128
    assert changed.mean() == pytest.approx((0.01, 0.02, 0.05, 0.08, 0.14)[severity - 1], rel=0.1)


def test_the_suite_is_that_of_imagenet_c() -> None:
    assert [p.name for p in suite("tiny-imagenet-c")] == [p.name for p in suite("imagenet-c")]
