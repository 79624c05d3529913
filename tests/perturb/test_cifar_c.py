"""CIFAR-C against the authors' formulas, with scikit-image where they use it; noise by its statistics."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import skimage.color
import skimage.filters
import torch
from PIL import Image

from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.perturb.draws import from_seed
from vidrobust.perturb.published import cifar_c, imagenet_c

from .conftest import make_picture

FRAME = make_picture(32, 32).permute(1, 2, 0).contiguous().numpy()
severities = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


def ours(name: str, frame: np.ndarray, severity: int) -> np.ndarray:
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
    return PERTURBATIONS[f"cifar-c:{name}"].apply(pixels, severity, from_seed(0))[0].permute(1, 2, 0).numpy()


def cut(values: np.ndarray) -> np.ndarray:
    return np.clip(values * 255, 0, 255).astype(np.uint8)


def hsv(frame: np.ndarray, channel: int, times: float, plus: float) -> np.ndarray:
    x = skimage.color.rgb2hsv(frame / 255.0)
    x[:, :, channel] = np.clip(x[:, :, channel] * times + plus, 0, 1)
    return cut(skimage.color.hsv2rgb(x))


def by_formula(name: str, frame: np.ndarray, s: int) -> np.ndarray:
    x = frame / 255.0
    if name == "brightness":
        return hsv(frame, 2, 1.0, (0.05, 0.1, 0.15, 0.2, 0.3)[s - 1])
    if name == "saturate":
        return hsv(frame, 1, *((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))[s - 1])
    if name == "contrast":
        means = x.mean(axis=(0, 1), keepdims=True)
        return cut((x - means) * (0.75, 0.5, 0.4, 0.3, 0.15)[s - 1] + means)
    if name == "gaussian_blur":
        sigma = (0.4, 0.6, 0.7, 0.8, 1)[s - 1]
        return cut(skimage.filters.gaussian(x, sigma=sigma, channel_axis=-1))
    if name == "defocus_blur":
        radius, alias = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))[s - 1]
        across, down = np.meshgrid(np.arange(-8, 9), np.arange(-8, 9))
        kernel = np.array(across**2 + down**2 <= radius**2, np.float32)
        return cut(cv2.filter2D(x, -1, cv2.GaussianBlur(kernel / kernel.sum(), (3, 3), alias)))
    if name == "pixelate":
        small = int(32 * (0.95, 0.9, 0.85, 0.75, 0.65)[s - 1])
        coarse = Image.fromarray(frame).resize((small, small), Image.Resampling.BOX)
        return np.asarray(coarse.resize((32, 32), Image.Resampling.BOX))
    coded = io.BytesIO()
    Image.fromarray(frame).save(coded, "JPEG", quality=(80, 65, 58, 50, 40)[s - 1])
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
        ("gaussian_noise", (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]),
        ("speckle_noise", (0.06, 0.1, 0.12, 0.16, 0.2)[severity - 1] * 128 / 255),
        ("shot_noise", np.sqrt(128 / 255 / (500, 250, 100, 75, 50)[severity - 1])),
    ):
        assert np.std(ours(name, grey, severity) / 255) == pytest.approx(sigma, rel=0.03), name
    changed = ours("impulse_noise", grey, severity) != 128
    assert changed.mean() == pytest.approx((0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1], rel=0.1)


def test_the_suite_is_that_of_imagenet_c_with_other_sizes() -> None:
    assert [p.name for p in suite("cifar-c")] == [p.name for p in suite("imagenet-c")]
    for name in ("GAUSSIAN_NOISE", "FOG", "SNOW", "ELASTIC", "JPEG_COMPRESSION"):
        assert getattr(cifar_c, name) != getattr(imagenet_c, name)
    with pytest.raises(SettingsError, match=r"severity 1.5 is not one of 1, 2, 3, 4, 5"):
        ours("fog", FRAME, 1.5)  # type: ignore[arg-type]
