"""Weights of robust fits, and noise that is not shared, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.frame_pairs.robust import TUKEY_BIWEIGHT, absolute, biweight, not_shared, spread


def test_weights_by_hand() -> None:
    residual = np.array([0.0, TUKEY_BIWEIGHT, 2 * TUKEY_BIWEIGHT, 9 * TUKEY_BIWEIGHT])
    assert biweight(residual, 2.0) == pytest.approx([1.0, (1 - 1 / 4) ** 2, 0.0, 0.0])
    assert absolute(np.array([0.0, 1.0, 2.0, 8.0]), 2.0) == pytest.approx([1.0, 1.0, 1.0, 0.25])


def test_the_spread_of_normal_errors() -> None:
    errors = np.abs(np.random.default_rng(0).normal(0, 3, 40_000))
    assert spread(errors, 0.1) == pytest.approx(3.0, rel=0.02)
    assert spread(np.zeros(5), 0.1) == 0.1


@pytest.mark.parametrize("blur", [1.0, 0.3, 0.0])
def test_what_two_powers_do_not_share_is_the_noise_of_both(blur: float) -> None:
    detail, noise = 9.0, np.array([0.25, 4.0])
    first, second, across = detail + noise, blur**2 * detail + noise, np.full(2, blur * detail)
    assert not_shared(first, second, across) == pytest.approx(noise)
