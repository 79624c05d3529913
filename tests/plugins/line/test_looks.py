"""At rest the line's noise and sharpness lie in the range of the real bottle and bolt clips."""

import cv2
import numpy as np
import pytest
from line_looks import QUANTITIES, looks, of_frame

from vidrobust.plugins.line.render import RenderSettings, render

CLIPS = ("line-bottles.mp4", "line-bolt.gif")


def test_noise_and_sharpness_lie_in_the_range_of_real_clips(public_clips, tmp_path):
    real = [looks(public_clips / clip, 10) for clip in CLIPS]
    manifest = render(RenderSettings(parts=4, seconds=0.4, seed=31), tmp_path)
    rendered = [looks(tmp_path / path, 6) for path in manifest["path"]]
    for name in QUANTITIES:
        low, high = sorted(clip[name] for clip in real)
        for clip in rendered:
            assert low <= clip[name] <= high, (name, real, rendered)


def test_a_blur_and_noise_would_show_in_these_measures():
    rng = np.random.default_rng(1)
    picture = cv2.GaussianBlur(rng.uniform(0, 255, (160, 160)).astype(np.float32), (0, 0), 2)
    noise, laplacian, edges = of_frame(picture)
    blurred = of_frame(cv2.GaussianBlur(picture, (0, 0), 2))
    noisy = of_frame((picture + rng.normal(0, 5, (160, 160))).astype(np.float32))
    assert blurred[1] < laplacian / 4
    assert blurred[2] < edges
    assert noisy[0] == pytest.approx(np.hypot(noise, 5), rel=0.1)
