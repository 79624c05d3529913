"""At rest the line's noise and sharpness lie in the range of the corpus's bottle and bolt clips."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vidrobust.line_sim.render import RenderSettings, render

CLIPS = ("factory/intel_bottle-detection.mp4", "factory/intel_preview_bolt-multi-size-detection.gif")


def looks(path: Path, step: int) -> dict[str, float]:
    """Of every ``step``-th frame of the first hundred, the median of

    noise       levels: sigma of the operator [1 -2 1; -2 4 -2; 1 -2 1] / 6 (Immerkaer 1996) in blocks of 16 px, of
                which the third decile counts, as flat as there are enough of
    laplacian   variance of the 4-neighbour Laplacian, the usual measure of focus (Pech-Pacheco et al. 2000)
    edges       levels a px: 99th percentile of the Sobel gradient
    """
    found = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % step == 0:
                found.append(_looks(frame.to_ndarray(format="gray").astype(np.float32)))
            if number >= 100:
                break
    return dict(zip(("noise", "laplacian", "edges"), np.median(found, axis=0), strict=True))


def _looks(gray: np.ndarray) -> tuple[float, float, float]:
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    h, w = (side // 16 * 16 for side in gray.shape)
    squares = cv2.filter2D(gray, -1, kernel)[:h, :w] ** 2
    blocks = np.sqrt(squares.reshape(h // 16, 16, w // 16, 16).mean(axis=(1, 3)))
    gradient = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)) / 8
    laplacian = cv2.Laplacian(gray, cv2.CV_32F, ksize=1).var()
    return float(np.quantile(blocks, 0.3)), float(laplacian), float(np.quantile(gradient, 0.99))


def test_noise_and_sharpness_lie_in_the_range_of_real_clips(corpus: Path, tmp_path: Path) -> None:
    real = [looks(corpus / clip, 10) for clip in CLIPS]
    manifest = render(RenderSettings(parts=4, seconds=0.4, seed=31), tmp_path)
    rendered = [looks(tmp_path / path, 6) for path in manifest["path"]]
    for name in ("noise", "laplacian", "edges"):
        low, high = sorted(clip[name] for clip in real)
        for clip in rendered:
            assert low <= clip[name] <= high, (name, real, rendered)


def test_a_blur_and_noise_would_show_in_these_measures() -> None:
    rng = np.random.default_rng(1)
    picture = cv2.GaussianBlur(rng.uniform(0, 255, (160, 160)).astype(np.float32), (0, 0), 2)
    noise, laplacian, edges = _looks(picture)
    blurred, noisy = (
        _looks(cv2.GaussianBlur(picture, (0, 0), 2)),
        _looks((picture + rng.normal(0, 5, (160, 160))).astype(np.float32)),
    )
    assert blurred[1] < laplacian / 4
    assert blurred[2] < edges
    assert noisy[0] == pytest.approx(np.hypot(noise, 5), rel=0.1)
