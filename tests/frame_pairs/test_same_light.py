"""Two pictures in one light: what is brought to what, and when they are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from vidrobust.frame_pairs.registration import inside
from vidrobust.frame_pairs.robust import same_light

PICTURE = np.random.default_rng(0).integers(60, 181, (40, 60)).astype(np.uint8)  # mean 120, spread 35


@pytest.mark.parametrize("alike", ["level", "share"])
def test_the_one_of_more_contrast_is_brought_to_the_other(alike: str) -> None:
    stronger = np.rint(1.3 * PICTURE - 20).astype(np.uint8)
    for pair, place in (((stronger, PICTURE), 0), ((PICTURE, stronger), 1)):
        found = same_light(*pair, alike=alike)
        assert np.abs(found[place].astype(int) - PICTURE).max() <= 1
        assert found[1 - place] is PICTURE


def test_what_is_alike_is_left_alone() -> None:
    """Spreads of 35 and 35.9: alike within a level, and not within 2 %."""
    a_little = np.rint(1.026 * (PICTURE - 120.0) + 120.0).astype(np.uint8)
    assert same_light(a_little, PICTURE, alike="level")[0] is a_little
    assert same_light(a_little, PICTURE, alike="share")[0] is not a_little
    flat = np.full_like(PICTURE, 200)
    assert same_light(flat, PICTURE, alike="share")[1] is PICTURE


def test_inside_is_within_half_a_pixel_of_the_border() -> None:
    flow = np.zeros((3, 4, 2), np.float32)
    assert inside(flow).all()
    flow[..., 0] = 1.0
    assert inside(flow)[:, :-1].all()
    assert not inside(flow)[:, -1].any()
    flow[..., 0] = 0.4
    assert inside(flow).all()
