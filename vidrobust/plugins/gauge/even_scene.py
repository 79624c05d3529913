"""Small pictures of one camera made comparable: its shaking taken out, and the light of each frame evened."""

from __future__ import annotations

import cv2
import numpy as np

# Share of the width that a shaking camera may go.
MOST_SHIFT = 0.06
# Median shift, px of the small picture, from which on a camera is taken to shake.
SHAKES_PX = 0.2
# Share of the differences from the usual scene that may be left, or there was no shaking.
BETTER = 0.8
# When a shift is exact enough: steps, and gain of the correlation.
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-3)
# Side of the window that smooths before a shift is looked for.
ECC_BLUR_PX = 5
# Spacing of the places by which light is fitted.
GRID_PX = 3
# Natural logarithm of the light from which on a place belongs to no light (Tukey's biweight).
OUTLIER = 0.08
ROUNDS = 8
# Frames by which the median scene is taken.
MEDIAN_OF = 300


def usual_scene(pictures: np.ndarray) -> np.ndarray:
    """(H, W) float32: the median of each place over time."""
    step = max(1, len(pictures) // MEDIAN_OF)
    return np.asarray(np.median(pictures[::step], axis=0), np.float32)


def comparable(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W) float32: pictures uint8 smoothed by a pixel, steadied, in one light."""
    smooth = np.stack([cv2.GaussianBlur(p.astype(np.float32), (0, 0), 1.0) for p in pictures])
    steady = steadied(smooth)
    return evenly_lit(steady, usual_scene(steady))


def steadied(pictures: np.ndarray) -> np.ndarray:
    """Return pictures (N, H, W) float32 as a camera at rest would have seen them.

    Enhanced correlation (Evangelidis & Psarakis 2008) lays each over the usual scene, slow changes of light
    left out.
    """
    scene = usual_scene(pictures)
    shifts = _shifts(pictures, scene)
    if np.median(np.hypot(*shifts.T)) < SHAKES_PX:
        return pictures
    once = _shifted(pictures, shifts)
    steady = _shifted(pictures, _shifts(pictures, usual_scene(once)))
    return steady if _unlike(steady) < BETTER * _unlike(pictures) else pictures


def _unlike(pictures: np.ndarray) -> float:
    """How far pictures lie off their usual scene where that is steep, in levels: their median frame."""
    scene = usual_scene(pictures)
    across, down = (cv2.Sobel(scene, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    slope = np.hypot(across, down)
    steep = slope > np.percentile(slope, 80)
    usual = scene[steep]
    seen = pictures[:, steep]
    light = np.median(seen / np.maximum(usual, 1.0), axis=1, keepdims=True)
    return float(np.median(np.abs(seen / np.maximum(light, 0.1) - usual).mean(axis=1)))


def _shifts(pictures: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """(N, 2) px by which each picture lies off the scene; 0 where that is not known."""
    target = _relief(scene)
    most = MOST_SHIFT * scene.shape[1]
    found = np.zeros((len(pictures), 2))
    for number, picture in enumerate(pictures):
        start = np.eye(2, 3, dtype=np.float32)
        try:
            _, way = cv2.findTransformECC(
                target, _relief(picture), start, cv2.MOTION_TRANSLATION, STOP, None, ECC_BLUR_PX
            )
        except cv2.error:  # nothing of the scene is seen
            continue
        if np.hypot(*way[:, 2]) <= most:
            found[number] = way[:, 2]
    return found


def _relief(picture: np.ndarray) -> np.ndarray:
    """(H, W) float32: detail beside its surroundings, bounded, so that neither light nor a bright part rules."""
    grey = picture + 8.0
    return np.asarray(np.clip(grey / cv2.GaussianBlur(grey, (0, 0), 4.0) - 1, -0.15, 0.15), np.float32)


def _shifted(pictures: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    size = pictures.shape[2], pictures.shape[1]
    how = {"flags": cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, "borderMode": cv2.BORDER_REPLICATE}
    moved = (
        cv2.warpAffine(picture, np.array([[1, 0, x], [0, 1, y]]), size, **how)
        for picture, (x, y) in zip(pictures, shifts, strict=True)
    )
    return np.stack(list(moved))


def evenly_lit(pictures: np.ndarray, scene: np.ndarray) -> np.ndarray:
    """Return pictures (N, H, W) float32 in the light of the scene (H, W).

    The logarithm of the light of each frame is a quadratic surface, fitted robustly (Tukey's biweight).
    """
    height, width = scene.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = 2 * rows / max(height - 1, 1) - 1, 2 * columns / max(width - 1, 1) - 1
    surface = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1)
    at = (slice(GRID_PX // 2, None, GRID_PX),) * 2
    terms = surface[at].reshape(-1, 6)
    level = scene + 4.0
    found = np.empty_like(pictures)
    for number, picture in enumerate(pictures):
        ratio = np.log((picture[at] + 4.0) / level[at]).reshape(-1).astype(np.float64)
        light = np.exp(surface @ _fitted(terms, ratio))
        found[number] = (picture + 4.0) / light - 4.0
    return found


def _fitted(terms: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """(6,) the surface through most of the ratios (places,), from their median on."""
    beta = np.zeros(terms.shape[1])
    beta[0] = np.median(ratio)
    ridge = 1e-3 * len(ratio) * np.diag([0.0, 1, 1, 1, 1, 1])
    for _ in range(ROUNDS):
        off = (ratio - terms @ beta) / OUTLIER
        weight = np.square(np.maximum(1 - off * off, 0))
        if weight.sum() < 0.1 * len(ratio):
            break
        weighted = terms * weight[:, None]
        beta = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ ratio)
    return beta
