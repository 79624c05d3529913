"""Pixels as torchvision resizes and crops them, bit by bit, and spline fields as scipy has them; rounding."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as v2

from vidrobust.frames.pixels import (
    center_crop,
    field_of,
    lattice_side,
    resize,
    spline_basis,
    to_levels,
)

from ..stand_in import stand_in

MODES = {
    "bilinear": InterpolationMode.BILINEAR,
    "bicubic": InterpolationMode.BICUBIC,
    "nearest": InterpolationMode.NEAREST_EXACT,
}
SHAPES = [(2, 3, 37, 53), (1, 3, 64, 48), (3, 3, 20, 20), (3, 41, 29)]


def pixels(shape, *, last):
    generator = torch.Generator().manual_seed(sum(shape))
    made = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    if not last:
        return made
    order = (*range(len(shape) - 3), len(shape) - 2, len(shape) - 1, len(shape) - 3)
    back = (*range(len(shape) - 3), len(shape) - 1, len(shape) - 3, len(shape) - 2)
    return made.permute(order).contiguous().permute(back)


@pytest.mark.parametrize("how", list(MODES))
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("size", [(17,), (64,), (20,), (24, 31), (90, 15)])
def test_resized_as_torchvision_does(how, shape, last, size):
    picture = pixels(shape, last=last)
    expected = v2.resize(picture, list(size), interpolation=MODES[how], antialias=True)
    assert torch.equal(resize(picture, size, how), expected)


@pytest.mark.parametrize("how", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(24, 40), (37, 20), (90, 15), (112, 160)])
@pytest.mark.parametrize("place", ["cuda:0", "old processor"])
def test_a_device_and_an_old_processor_resize_to_the_same_bytes(how, size, place, monkeypatch):
    """As torchvision resizes bytes on a processor with AVX2, which this one must have."""
    picture = pixels((2, 3, 37, 53), last=True)
    expected = v2.resize(picture, list(size), interpolation=MODES[how], antialias=True)
    if place == "old processor":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
        assert torch.equal(resize(picture, size, how), expected)
        return
    with stand_in() as copies:
        there = picture.to(place)
        copies.made.clear()
        made = resize(there, size, how)
        assert not copies.of("down")
        assert str(made.device) == place
        assert torch.equal(made.cpu(), expected)


@pytest.mark.parametrize("sides", [(1920, 455), (7680, 12), (854, 160), (16, 300)])
def test_sums_of_many_taps_stay_exact(sides):
    """White stays white, and a line of noise is resized as on the CPU."""
    old, new = sides
    line = pixels((1, 3, 1, old), last=True)
    expected = v2.resize(line, [1, new], interpolation=MODES["bilinear"], antialias=True)
    with stand_in():
        for picture, levels in ((line, expected), (torch.full_like(line, 255), expected * 0 + 255)):
            assert torch.equal(resize(picture.to("cuda:0"), (1, new)).cpu(), levels)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(10, 10), (20, 21), (37, 60), (70, 71), (64, 48)])
def test_cropped_as_torchvision_does(shape, size):
    picture = pixels(shape, last=True)
    assert torch.equal(center_crop(picture, size), v2.center_crop(picture, list(size)))


def test_the_splines_are_scipys():
    knots = lattice_side(100.0, 20.0)
    basis = spline_basis(50, 2.0, 20.0, knots)
    at = (np.arange(50) + 0.5) * 2
    for k in range(knots):
        # scipy's cubic B-spline with knots k - 3 ... k + 1 spacings, 0 outside
        own = BSpline.basis_element(20.0 * np.arange(k - 3, k + 2), extrapolate=False)
        assert np.allclose(np.nan_to_num(own(at)), basis[:, k], atol=1e-12)
    assert np.allclose(basis.sum(axis=1), 1)


def test_a_lattice_of_one_value_is_a_flat_field():
    knots = np.full((lattice_side(30, 8.0), lattice_side(50, 8.0)), 0.7)
    assert np.allclose(field_of(knots, (30, 50), 8.0), 0.7, atol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (3, 2), (1, 2, 3), (6, 1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_levels_are_rounded_half_to_even_and_clipped(shape, dtype):
    levels = to_levels(np.array([-3, 0.5, 1.5, 127.4, 254.6, 300], dtype).reshape(shape))
    assert levels.dtype == np.uint8
    assert levels.shape == shape
    assert levels.ravel().tolist() == [0, 0, 2, 127, 255, 255]


def test_no_levels_stay_none():
    assert to_levels(np.zeros((0, 4, 3), np.float32)).shape == (0, 4, 3)
