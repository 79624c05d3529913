"""Weights of robust fits, noise that is not shared, and two pictures in one light, by hand."""

import numpy as np
import pytest

from vidrobust.frame_pairs.robust import (
    TUKEY_BIWEIGHT,
    absolute,
    biweight,
    not_shared,
    same_light,
    spread,
)


def test_weights_by_hand():
    residual = np.array([0.0, TUKEY_BIWEIGHT, 2 * TUKEY_BIWEIGHT, 9 * TUKEY_BIWEIGHT])
    assert biweight(residual, 2.0) == pytest.approx([1.0, (1 - 1 / 4) ** 2, 0.0, 0.0])
    assert absolute(np.array([0.0, 1.0, 2.0, 8.0]), 2.0) == pytest.approx([1.0, 1.0, 1.0, 0.25])


def test_the_spread_of_normal_errors():
    errors = np.abs(np.random.default_rng(0).normal(0, 3, 40_000))
    assert spread(errors, 0.1) == pytest.approx(3.0, rel=0.02)
    assert spread(np.zeros(5), 0.1) == 0.1


@pytest.mark.parametrize("blur", [1.0, 0.3, 0.0])
def test_what_two_powers_do_not_share_is_the_noise_of_both(blur):
    detail, noise = 9.0, np.array([0.25, 4.0])
    first, second, across = detail + noise, blur**2 * detail + noise, np.full(2, blur * detail)
    assert not_shared(first, second, across) == pytest.approx(noise)


# mean 120, spread 35
PICTURE = np.random.default_rng(0).integers(60, 181, (40, 60)).astype(np.uint8)


@pytest.mark.parametrize("alike", ["level", "share"])
def test_the_one_of_more_contrast_is_brought_to_the_other(alike):
    stronger = np.rint(1.3 * PICTURE - 20).astype(np.uint8)
    for pair, place in (((stronger, PICTURE), 0), ((PICTURE, stronger), 1)):
        found = same_light(*pair, alike=alike)
        assert np.abs(found[place].astype(int) - PICTURE).max() <= 1
        assert found[1 - place] is PICTURE


def test_what_is_alike_is_left_alone():
    """Spreads of 35 and 35.9: alike within a level, and not within 2 %."""
    a_little = np.rint(1.026 * (PICTURE - 120.0) + 120.0).astype(np.uint8)
    assert same_light(a_little, PICTURE, alike="level")[0] is a_little
    assert same_light(a_little, PICTURE, alike="share")[0] is not a_little
    flat = np.full_like(PICTURE, 200)
    assert same_light(flat, PICTURE, alike="share")[1] is PICTURE
