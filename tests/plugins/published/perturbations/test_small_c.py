"""CIFAR-C and Tiny-ImageNet-C against the authors' formulas, with scikit-image where they use it; noise by its
statistics.
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import skimage.color
import skimage.filters
import torch
from PIL import Image

from tests.perturb.conftest import make_picture
from vidrobust.errors import SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.published.perturbations import imagenet_c, small_c

Five = tuple[float, float, float, float, float]
Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Authors:
    """The sizes of one suite by severity, as the authors' script has them."""

    side: int
    brightness: Five
    saturate: Pairs
    contrast: Five
    gaussian_blur: Five
    defocus_blur: Pairs
    pixelate: Five
    jpeg: tuple[int, ...]
    gaussian_noise: Five
    speckle_noise: Five
    shot_noise: Five
    impulse_noise: Five


AUTHORS = {
    "cifar-c": Authors(
        side=32,
        brightness=(0.05, 0.1, 0.15, 0.2, 0.3),
        saturate=((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
        contrast=(0.75, 0.5, 0.4, 0.3, 0.15),
        gaussian_blur=(0.4, 0.6, 0.7, 0.8, 1),
        defocus_blur=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
        pixelate=(0.95, 0.9, 0.85, 0.75, 0.65),
        jpeg=(80, 65, 58, 50, 40),
        gaussian_noise=(0.04, 0.06, 0.08, 0.09, 0.10),
        speckle_noise=(0.06, 0.1, 0.12, 0.16, 0.2),
        shot_noise=(500, 250, 100, 75, 50),
        impulse_noise=(0.01, 0.02, 0.03, 0.05, 0.07),
    ),
    "tiny-imagenet-c": Authors(
        side=64,
        brightness=(0.1, 0.2, 0.3, 0.4, 0.5),
        saturate=((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (30, 0.2)),
        contrast=(0.4, 0.3, 0.2, 0.1, 0.05),
        gaussian_blur=(0.5, 0.75, 1, 1.25, 1.5),
        defocus_blur=((0.5, 0.6), (1, 0.1), (1.5, 0.1), (2.5, 0.01), (3, 0.1)),
        pixelate=(0.9, 0.8, 0.7, 0.6, 0.5),
        jpeg=(65, 58, 50, 40, 25),
        gaussian_noise=(0.04, 0.08, 0.12, 0.15, 0.18),
        speckle_noise=(0.15, 0.2, 0.25, 0.3, 0.35),
        shot_noise=(250, 100, 50, 30, 15),
        impulse_noise=(0.01, 0.02, 0.05, 0.08, 0.14),
    ),
}
suites = pytest.mark.parametrize("name_of_suite", list(AUTHORS))


DRAWN_FROM_NOTHING = ["brightness", "saturate", "contrast", "gaussian_blur", "defocus_blur"]
DRAWN_FROM_NOTHING += ["pixelate", "jpeg_compression"]
severities = pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])


def picture(name_of_suite):
    side = AUTHORS[name_of_suite].side
    return make_picture(side, side).permute(1, 2, 0).contiguous().numpy()


def ours(name, frame, severity):
    pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
    return PERTURBATIONS[name].apply(pixels, severity, from_seed(0))[0].permute(1, 2, 0).numpy()


def cut(values):
    return np.clip(values * 255, 0, 255).astype(np.uint8)


def hsv(frame, channel, times, plus):
    x = skimage.color.rgb2hsv(frame / 255.0)
    x[:, :, channel] = np.clip(x[:, :, channel] * times + plus, 0, 1)
    return cut(skimage.color.hsv2rgb(x))


def by_formula(name, of, frame, s):
    x = frame / 255.0
    if name == "brightness":
        return hsv(frame, 2, 1.0, of.brightness[s - 1])
    if name == "saturate":
        return hsv(frame, 1, *of.saturate[s - 1])
    if name == "contrast":
        means = x.mean(axis=(0, 1), keepdims=True)
        return cut((x - means) * of.contrast[s - 1] + means)
    if name == "gaussian_blur":
        return cut(skimage.filters.gaussian(x, sigma=of.gaussian_blur[s - 1], channel_axis=-1))
    if name == "defocus_blur":
        radius, alias = of.defocus_blur[s - 1]
        across, down = np.meshgrid(np.arange(-8, 9), np.arange(-8, 9))
        kernel = np.array(across**2 + down**2 <= radius**2, np.float32)
        return cut(cv2.filter2D(x, -1, cv2.GaussianBlur(kernel / kernel.sum(), (3, 3), alias)))
    if name == "pixelate":
        small = int(of.side * of.pixelate[s - 1])
        coarse = Image.fromarray(frame).resize((small, small), Image.Resampling.BOX)
        return np.asarray(coarse.resize((of.side, of.side), Image.Resampling.BOX))
    coded = io.BytesIO()
    Image.fromarray(frame).save(coded, "JPEG", quality=of.jpeg[s - 1])
    return np.asarray(Image.open(coded))


@suites
@severities
@pytest.mark.parametrize("name", DRAWN_FROM_NOTHING)
def test_what_draws_nothing_is_the_authors_formula_within_a_level(name, severity, name_of_suite):
    frame = picture(name_of_suite)
    expected = by_formula(name, AUTHORS[name_of_suite], frame, severity).astype(int)
    found = ours(f"{name_of_suite}:{name}", frame, severity).astype(int)
    assert np.abs(found - expected).max() <= 1


@suites
@severities
def test_noise_has_the_authors_sizes(severity, name_of_suite):
    of, grey = AUTHORS[name_of_suite], np.full((256, 256, 3), 128, np.uint8)
    for name, sigma in (
        ("gaussian_noise", of.gaussian_noise[severity - 1]),
        ("speckle_noise", of.speckle_noise[severity - 1] * 128 / 255),
        ("shot_noise", np.sqrt(128 / 255 / of.shot_noise[severity - 1])),
    ):
        noisy = ours(f"{name_of_suite}:{name}", grey, severity) / 255
        assert np.std(noisy) == pytest.approx(sigma, rel=0.03), name
    changed = ours(f"{name_of_suite}:impulse_noise", grey, severity) != 128
    assert changed.mean() == pytest.approx(of.impulse_noise[severity - 1], rel=0.1)


@suites
def test_the_suite_is_that_of_imagenet_c_with_other_sizes(name_of_suite):
    assert [p.name for p in suite(name_of_suite)] == [p.name for p in suite("imagenet-c")]
    sizes = small_c.SIZES[name_of_suite]
    assert sizes["fog"] != imagenet_c.SIZES["fog"]
    assert sizes["snow"] != imagenet_c.SIZES["snow"]
    assert sizes["elastic_transform"] != imagenet_c.SIZES["elastic_transform"]
    assert sizes["jpeg_compression"] != imagenet_c.SIZES["jpeg_compression"]
    with pytest.raises(SettingsError, match=r"severity 1.5 is not one of 1, 2, 3, 4, 5"):
        ours(f"{name_of_suite}:fog", picture(name_of_suite), 1.5)
