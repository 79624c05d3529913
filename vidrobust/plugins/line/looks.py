"""How a clip looks, in three numbers: noise, focus, edges. The line at rest is held against real clips by them."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

QUANTITIES = ("noise", "laplacian", "edges")


def looks(path: Path, step: int) -> dict[str, float]:
    """Return medians over every ``step``-th of the first hundred frames: noise, laplacian and edges.

    ``noise``: sigma in levels (Immerkaer 1996), third decile of blocks of 16 px. ``laplacian``: its variance
    (Pech-Pacheco et al. 2000). ``edges``: 99th percentile of the Sobel gradient.
    """
    found = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % step == 0:
                found.append(of_frame(frame.to_ndarray(format="gray").astype(np.float32)))
            if number >= 100:
                break
    return dict(zip(QUANTITIES, map(float, np.median(found, axis=0)), strict=True))


def of_frame(gray: np.ndarray) -> tuple[float, float, float]:
    """noise, laplacian and edges of one frame, (H, W) float32 levels."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
    h, w = (side // 16 * 16 for side in gray.shape)
    squares = cv2.filter2D(gray, -1, kernel)[:h, :w] ** 2
    blocks = np.sqrt(squares.reshape(h // 16, 16, w // 16, 16).mean(axis=(1, 3)))
    gradient = np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)) / 8
    laplacian = cv2.Laplacian(gray, cv2.CV_32F, ksize=1).var()
    return float(np.quantile(blocks, 0.3)), float(laplacian), float(np.quantile(gradient, 0.99))
