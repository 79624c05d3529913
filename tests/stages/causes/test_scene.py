"""The third frame on which changes are switched on: saturated pixels, as other frames show them."""

from dataclasses import replace

import numpy as np

from vidrobust.frame_pairs.change import unchanged
from vidrobust.stages.causes.scene import too_dark

STILL = np.zeros((1, 4, 2), np.float32)


def test_saturated_pixels_by_hand():
    def row(*levels):
        return np.repeat(np.array([levels], np.uint8)[..., None], 3, axis=2)

    darker = unchanged((1, 4, 3))
    darker = replace(darker, levels=replace(darker.levels, gain=0.5))
    # the third frame is saturated in all but the last pixel and was twice as bright as t
    third = np.full((1, 4, 3), 255.0, np.float32)
    full = np.array([[True, True, True, False]])
    a, b = row(255, 255, 255, 255), row(150, 100, 254, 0)
    dark, known = too_dark(third / 2, STILL, full, a, b, darker)
    # t is saturated as well; t+1, half as bright, shows 300, 200, which is less than t has, and 508
    assert known[0, :, 0].tolist() == [300, 255, 508, 255]
    assert dark.tolist() == [[True, True, True, False]]
    # where t is not saturated it is known from there, and a pixel that was brought as bright stays
    dark, known = too_dark(third / 2, STILL, full, row(140, 128, 127, 9), b, darker)
    assert known[0, :, 0].tolist() == [140, 128, 127, 9]
    assert dark.tolist() == [[True, False, False, False]]
