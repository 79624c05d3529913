"""Numerical helpers of the measurements: robust weights, correlations, covariance, equal light."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

TUKEY_BIWEIGHT = 4.685  # Tukey's constant, 95 % efficient for normal errors (Holland & Welsch 1977)
MAD_TO_SIGMA = 1.4826  # standard deviation of normal errors over their median absolute size
# Means that are nearer, in levels of 255, are alike; a picture of less contrast is left as it is.
ALIKE_LEVELS = 1.0
ALIKE_SHARE = 0.02


def spread(residual: np.ndarray, least: float) -> float:
    """Return the standard deviation of normal errors with this median size, at least ``least``."""
    return max(least, MAD_TO_SIGMA * middle(residual))


def middle(values: np.ndarray) -> float:
    """Return the median of finite values (n,), in half the time of NumPy's; NaN of none."""
    half, odd = divmod(len(values), 2)
    if not len(values):
        return float("nan")
    if odd:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float((low + high) / 2)


def biweight(residual: np.ndarray, scale: float) -> np.ndarray:
    """Return Tukey's weights of residuals with standard deviation ``scale``; 0 from 4.685 of them on."""
    return np.asarray(np.clip(1 - (residual / (TUKEY_BIWEIGHT * scale)) ** 2, 0, 1) ** 2)


def absolute(residual: np.ndarray, scale: float) -> np.ndarray:
    """Return weights with which least squares give least absolute deviations, of residuals >= 0."""
    return np.asarray(scale / np.maximum(residual, scale))


def not_shared(first: np.ndarray, second: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return the power of the noise of two pictures from their powers and their cross power.

    With powers S + N and h^2 S + N, and h S across, N is the smaller eigenvalue.
    """
    return np.asarray(
        (first + second - np.sqrt(np.square(first - second) + 4 * np.square(across))) / 2
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two arrays of one shape; 0 where one is constant."""
    a, b = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def neighbour_correlation(x: np.ndarray) -> float:
    """Return the correlation of neighbouring entries of (h, w, C) values, C <= 4; 0 where all are alike."""
    flat = np.asarray(cv2.subtract(x, cv2.mean(x)))
    power = cv2.norm(flat, cv2.NORM_L2SQR) / flat.size
    if power <= 1e-12:
        return 0.0

    def product(one: np.ndarray, other: np.ndarray) -> float:
        # 2 a b = a^2 + b^2 - (a - b)^2, of which OpenCV makes no temporary pictures
        squares = sum(cv2.norm(picture, cv2.NORM_L2SQR) for picture in (one, other))
        return float(squares - cv2.norm(one, other, cv2.NORM_L2SQR)) / (2 * one.size)

    return (product(flat[:, 1:], flat[:, :-1]) + product(flat[1:], flat[:-1])) / (2 * power)


def root_mean_square(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def sandwich(inverse: np.ndarray, scores: np.ndarray, cluster: np.ndarray, lost: int) -> np.ndarray:
    """Return the covariance (p, p) of weighted least squares whose residuals err alike within clusters.

    ``inverse`` is that of the normal matrix, ``scores`` (n, p) residual times gradient, ``lost`` the
    parameters in the correction for few clusters (Liang & Zeger 1986).
    """
    _, index = np.unique(cluster, return_inverse=True)
    sums = np.zeros((index.max() + 1, scores.shape[1]))
    np.add.at(sums, index, scores)
    return np.asarray(inverse @ (sums.T @ sums) @ inverse * (len(sums) / max(len(sums) - lost, 1)))


def same_light(
    first: np.ndarray, second: np.ndarray, *, alike: Literal["level", "share"]
) -> tuple[np.ndarray, np.ndarray]:
    """Bring two grey pictures (H, W) uint8 to one light, which a search for motion needs.

    The picture of more contrast gets mean and spread of the other, unless these are alike: within one level,
    as for dense flow, or within 2 % (``alike="share"``), as for points tracked on a small picture.
    """
    (m1, s1), (m2, s2) = ((float(x.mean()), float(x.std())) for x in (first, second))
    if min(s1, s2) < ALIKE_LEVELS:
        return first, second
    near = abs(s1 - s2) < ALIKE_LEVELS if alike == "level" else abs(s1 / s2 - 1) < ALIKE_SHARE
    if near and abs(m1 - m2) < ALIKE_LEVELS:
        return first, second
    if s1 > s2:
        return _brought(first, m1, s2 / s1, m2), second
    return first, _brought(second, m2, s1 / s2, m1)


def _brought(picture: np.ndarray, mean: float, ratio: float, to_mean: float) -> np.ndarray:
    table = np.rint((np.arange(256) - mean) * ratio + to_mean)
    return np.asarray(cv2.LUT(picture, np.clip(table, 0, 255).astype(np.uint8)))
