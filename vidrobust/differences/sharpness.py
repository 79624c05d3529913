"""The Gaussian blur between two frames, from the energy of their detail where there are edges, noise taken off.

    energy of detail(second) - noise  =  energy of detail(blur(first, sigma)) - noise that passes the blur

Detail is what a Gaussian of sigma 1 px takes away. The noise's own energy is measured in the flattest fifth of the
picture, where there is hardly anything else.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from vidrobust.differences.registration import warp

SIGMA = 1.0
"""Sigma, px, that parts detail from the rest."""
SIGMAS = np.array([0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.35, 1.7, 2.1, 2.6, 3.2, 4.0])
"""Blurs that are tried, px; between them log energy is taken as linear."""
SMALLEST_CHANGE = 0.04
"""A relative change of the energy of detail below this is taken as none."""
MIN_ENERGY = 2.0
"""Least energy of detail beyond the noise, levels squared, at edges, for sharpness to be told."""
SMALLEST_SIGMA = 0.3
"""A blur of less, px, changes hardly a pixel and is taken as none."""
EDGES = 0.2
"""Share of the visible pixels, those of most detail, that are compared."""


def blur_between(first: np.ndarray, second: np.ndarray, motion: np.ndarray, visible: np.ndarray) -> float:
    """Sigma, px, of the blur from the first to the second; negative where the second is the sharper one.

    first, second  (H, W) luma, uint8 or float32, in the same light
    motion         (H, W, 2) from the second to the first; visible (H, W) bool on the grid of the second
    """
    if visible.mean() < 0.05:
        return 0.0
    energy_1, energy_2 = (local_energy(x) for x in (first, second))
    energy_1 = warp(energy_1, motion, interpolation=cv2.INTER_LINEAR) if motion.any() else energy_1
    both = (energy_1 + energy_2)[visible]
    flat = visible & (energy_1 + energy_2 <= np.quantile(both[::7], EDGES))
    edges = visible & (energy_1 + energy_2 >= np.quantile(both[::7], 1 - EDGES))
    noise = [float(energy[flat].mean()) for energy in (energy_1, energy_2)]
    rich = [
        float(energy[edges].mean()) - own for energy, own in zip((energy_1, energy_2), noise, strict=True)
    ]
    if min(rich) < MIN_ENERGY or abs(rich[1] / rich[0] - 1) < SMALLEST_CHANGE:
        return 0.0
    if rich[1] < rich[0]:
        sigma = _sigma_for(first, rich[1] / rich[0], motion, edges, noise[0])
    else:
        sigma = -_sigma_for(second, rich[0] / rich[1], None, edges, noise[1])
    return sigma if abs(sigma) >= SMALLEST_SIGMA else 0.0


def detail(picture: np.ndarray) -> np.ndarray:
    """What a Gaussian of sigma 1 px takes away: float32 of the same shape."""
    x = picture.astype(np.float32)
    return np.asarray(x - cv2.GaussianBlur(x, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT_101))


def local_energy(gray: np.ndarray) -> np.ndarray:
    """(H, W) float32 mean square of the detail about each pixel, levels squared."""
    return np.asarray(cv2.GaussianBlur(np.square(detail(gray)), (0, 0), 3.0))


def _sigma_for(
    gray: np.ndarray, ratio: float, motion: np.ndarray | None, edges: np.ndarray, noise: float
) -> float:
    """The blur that leaves this ratio of the energy at the edges, noise apart."""
    where = edges if motion is None else _moved(edges, motion)
    left = np.array([_energy(gray, sigma, where) - noise * passed(float(sigma)) for sigma in SIGMAS])
    logs = np.log(np.maximum(left / left[0], 1e-6))
    # energy falls with the blur; np.interp wants it rising
    return float(np.interp(-np.log(ratio), np.maximum.accumulate(-logs), SIGMAS))


def _energy(gray: np.ndarray, sigma: float, where: np.ndarray) -> float:
    x = gray.astype(np.float32)
    x = cv2.GaussianBlur(x, (0, 0), sigma) if sigma > 0 else x
    return float(np.square(detail(x))[where].mean())


def _moved(edges: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The pixels of the first frame to which those of the second lead."""
    ys, xs = np.nonzero(edges)
    height, width = edges.shape
    to = np.zeros_like(edges)
    x = np.clip(np.rint(xs + motion[ys, xs, 0]).astype(int), 0, width - 1)
    y = np.clip(np.rint(ys + motion[ys, xs, 1]).astype(int), 0, height - 1)
    to[y, x] = True
    return to


@cache
def passed(sigma: float) -> float:
    """Share of the energy of detail of white noise that passes a Gaussian blur of this sigma, px.

    From the responses of the sampled kernels: detail keeps |1 - g_1|^2 of the power, the blur |g_sigma|^2.
    """
    fine, soft = (_response(s)[:, None] * _response(s)[None] for s in (SIGMA, sigma))
    kept = np.square(1 - fine)
    return float((kept * np.square(soft)).sum() / kept.sum())


def _response(sigma: float) -> np.ndarray:
    """(64,) what a Gaussian of this sigma leaves of each frequency along one axis."""
    if sigma <= 0:
        return np.ones(64)
    side = int(np.rint(8 * sigma + 1)) | 1  # as GaussianBlur chooses it for float pictures
    kernel = cv2.getGaussianKernel(side, sigma).ravel()
    place = np.arange(side) - side // 2
    return np.asarray(np.cos(2 * np.pi * np.outer(np.fft.fftfreq(64), place)) @ kernel)
