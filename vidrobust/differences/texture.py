"""How sharpness, noise and block edges changed between two frames, without interpolating either.

Patches are compared with the patches they moved to, at whole pixels: a rest of motion below a pixel changes
phases, not power, and a warp, which blurs by itself, is never needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from vidrobust.differences.light import Measure
from vidrobust.differences.motion import MIN_POINTS, PairMotion, Similarity
from vidrobust.differences.prepared import PreparedFrame, cell_centres

SHARP_PATCHES = 40
FLAT_PATCHES = 64
FLAT_SIDE = 16
MIN_SHARP = 8
MIN_FLAT = 8
MAX_FLAT_GRADIENT = 3.0
"""Strongest gradient, in the sense of PreparedFrame.flatness, of a patch that counts as flat."""
SIGNAL_TO_NOISE = 4.0
MAX_BLUR_ERROR = 0.25
"""Largest standard error of the change of blur variance, px^2, of a valid sharpness: half a pixel of sigma."""
GRID = 8


@dataclass(frozen=True, kw_only=True)
class TextureChange:
    """From frame a to frame b.

    sharpness    px: sigma of the Gaussian blur that would turn one frame's sharpness into the other's; positive
                 where b is blurrier. The error is the sigma that could not be told from none
    noise_sigma  levels of 255: noise that is not shared by the frames, of the noisier of the two
    blockiness   levels of 255: change of the mean step across an 8 x 8 grid beyond the steps elsewhere
    """

    sharpness: Measure
    noise_sigma: Measure
    blockiness: Measure


def measure_texture(
    a: PreparedFrame, b: PreparedFrame, motion: PairMotion, gain: float = 1.0, offset: float = 0.0
) -> TextureChange:
    """Sharpness, noise and block edges; gain and offset are what light did between the frames."""
    noise, variances = _noise(a, b, motion, gain, offset)
    return TextureChange(
        sharpness=_sharpness(a, b, motion, variances), noise_sigma=noise, blockiness=_blockiness(a, b)
    )


def _patch_pairs(
    a: PreparedFrame, b: PreparedFrame, centres: np.ndarray, camera: Similarity, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Patches (P, side, side) float32 about ``centres`` in a and about where they moved, in whole px, in b.

    Also which of the centres (C,) bool have both patches inside the frame.
    """
    start = np.rint(centres - (side - 1) / 2).astype(int)
    shift = np.rint(camera.map(centres) - centres).astype(int)
    limit = np.array(a.gray.shape[::-1]) - side
    inside = np.all((start >= 0) & (start <= limit) & (start + shift >= 0) & (start + shift <= limit), axis=1)
    windows_a, windows_b = (np.lib.stride_tricks.sliding_window_view(f.gray, (side, side)) for f in (a, b))
    at, to = start[inside], (start + shift)[inside]
    return (
        windows_a[at[:, 1], at[:, 0]].astype(np.float32),
        windows_b[to[:, 1], to[:, 0]].astype(np.float32),
        inside,
    )


def _noise(
    a: PreparedFrame, b: PreparedFrame, motion: PairMotion, gain: float, offset: float
) -> tuple[Measure, tuple[float, float]]:
    """Noise that is not shared, from flat patches, and the noise variance of each frame.

    d = b - gain a - offset has the variance va + vb once a plane and the first-order effect of a rest of
    motion are fitted away. vb - va comes from the Laplacians of the frames (Immerkaer 1996), in which what
    texture there is cancels. The noisier frame has (va + vb + |vb - va|) / 2.
    """
    centres = cell_centres(a)
    allowed = (a.flatness <= MAX_FLAT_GRADIENT) if len(centres) else np.zeros(0, bool)
    allowed[a.cells[motion.elsewhere]] = False
    index = np.flatnonzero(allowed)
    index = index[np.argsort(a.flatness[index], kind="stable")][:FLAT_PATCHES]
    unknown = Measure(value=float("nan"), valid=False, error=float("nan"))
    if len(index) < MIN_FLAT or min(a.gray.shape) <= FLAT_SIDE:
        return unknown, (1 / 12, 1 / 12)
    pa, pb, _ = _patch_pairs(a, b, centres[index], motion.camera, FLAT_SIDE)
    level = np.minimum(pa, pb).min(axis=(1, 2)), np.maximum(pa, pb).max(axis=(1, 2))
    open_range = (level[0] >= 2) & (level[1] <= 253)
    pa, pb = pa[open_range], pb[open_range]
    if len(pa) < MIN_FLAT:
        return unknown, (1 / 12, 1 / 12)
    sums = _difference_variance(pa, pb, gain, offset)
    apart = _laplacian_variance(pb) - _laplacian_variance(pa)
    total, split = float(np.median(sums)), float(np.median(apart))
    split = float(np.clip(split, -total, total))
    variance = (total + abs(split)) / 2
    spread = 1.253 * 1.483 * float(np.median(np.abs(sums - total))) / np.sqrt(len(sums)) / 2
    sigma = np.sqrt(variance)
    # a variance known to +- spread is a sigma known to spread / 2 sigma, and never better than sqrt(spread)
    error = min(spread / (2 * sigma), np.sqrt(spread)) if sigma > 0 else np.sqrt(spread)
    aligned = motion.camera_valid or len(a.corners) < MIN_POINTS  # a blank picture needs no aligning
    valid = aligned and error <= max(1.0, 0.25 * sigma)
    floor = 1 / 12  # rounding
    return Measure(value=float(sigma), valid=bool(valid), error=float(max(error, 0.05))), (
        max((total - split) / 2, floor),
        max((total + split) / 2, floor),
    )


def _difference_variance(pa: np.ndarray, pb: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """(P,) variance of b - gain a - offset after a fit of 1, x, y and the gradients of the smoothed mean.

    The kernel of the gradients is odd, so that white noise is not correlated with them.
    """
    count, side = len(pa), pa.shape[1]
    mean = (pa + pb) / 2
    stacked = mean.transpose(1, 2, 0)
    smooth = np.stack([cv2.GaussianBlur(stacked[..., i], (0, 0), 1.5) for i in range(count)])
    gy, gx = np.gradient(smooth, axis=(1, 2))
    y, x = np.mgrid[:side, :side].astype(np.float32)
    fixed = [
        np.broadcast_to(p.ravel(), (count, side * side))
        for p in (np.ones_like(x), x - x.mean(), y - y.mean())
    ]
    design = np.stack([*fixed, gx.reshape(count, -1), gy.reshape(count, -1)], axis=2).astype(np.float64)
    target = (pb - gain * pa - offset).reshape(count, -1, 1).astype(np.float64)
    normal = design.transpose(0, 2, 1) @ design + 1e-3 * np.eye(5)
    solution = np.linalg.solve(normal, design.transpose(0, 2, 1) @ target)
    residual = (target - design @ solution)[..., 0]
    variance: np.ndarray = (residual**2).sum(axis=1) / (side * side - 5)
    return variance


def _laplacian_variance(patches: np.ndarray) -> np.ndarray:
    """(P,) noise variance by the operator [1 -2 1; -2 4 -2; 1 -2 1], whose squares add up to 36."""
    d = np.diff(np.diff(patches, n=2, axis=1), n=2, axis=2)
    variance: np.ndarray = (d.astype(np.float64) ** 2).mean(axis=(1, 2)) / 36
    return variance


def _sharpness(a: PreparedFrame, b: PreparedFrame, motion: PairMotion, noise: tuple[float, float]) -> Measure:
    """Change of blur from the power spectra of textured patches.

    A Gaussian blur of sigma s takes log power down by 4 pi^2 s^2 f^2. The slope of the log ratio of two spectra
    over f^2 is therefore the change of s^2; gain, and zoom of a power-law spectrum, move only its intercept.
    """
    unknown = Measure(value=float("nan"), valid=False, error=float("nan"))
    side = 64 if min(a.gray.shape) >= 256 else 32
    index = np.flatnonzero(motion.with_camera)
    if len(index) < MIN_SHARP or min(a.gray.shape) <= side:
        return unknown
    index = index[np.argsort(-a.strength[index], kind="stable")][:SHARP_PATCHES]
    centres = (a.corners[index].astype(np.float64) + 0.5) / a.scale - 0.5
    pa, pb, _ = _patch_pairs(a, b, centres, motion.camera, side)
    if len(pa) < MIN_SHARP:
        return unknown
    sa, sb = _spectra(pa), _spectra(pb)
    window, _, frequency, cells = _rings(side)
    floor = float((window**2).sum()) * cells
    fa, fb = noise[0] * floor, noise[1] * floor
    clear = (np.median(sa, axis=0) > SIGNAL_TO_NOISE * fa) & (np.median(sb, axis=0) > SIGNAL_TO_NOISE * fb)
    last = len(clear) if clear.all() else int(clear.argmin())
    if last < 5:
        return unknown
    ratio = np.log(np.maximum(sb - fb, 0.25 * sb)[:, :last]) - np.log(
        np.maximum(sa - fa, 0.25 * sa)[:, :last]
    )
    square = frequency[:last] ** 2
    # a ring's log power errs less the more cells it has
    weight = cells[:last] / cells[:last].sum()
    centred = square - (weight * square).sum()
    slope = (ratio * (weight * centred)).sum(axis=1) / (weight * centred**2).sum()
    changes = -slope / (4 * np.pi**2)
    change = float(np.median(changes))
    error = 1.253 * 1.483 * float(np.median(np.abs(changes - change))) / np.sqrt(len(changes))
    error = max(error, 0.002)
    sigma = np.sign(change) * np.sqrt(abs(change))
    resolution = np.sqrt(error) if abs(change) < error else error / (2 * abs(sigma))
    valid = motion.camera_valid and error <= MAX_BLUR_ERROR
    return Measure(value=float(sigma), valid=bool(valid), error=float(resolution))


def _spectra(patches: np.ndarray) -> np.ndarray:
    """(P, R) power in the rings of frequency, Hann window, mean removed."""
    side = patches.shape[1]
    window, member, _, _ = _rings(side)
    flat = patches - patches.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2(flat * window)) ** 2
    rings: np.ndarray = power.reshape(len(patches), -1) @ member
    return rings


@cache
def _rings(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Window (side, side), members (side * (side / 2 + 1), R), frequency (R,) in cycles per px, cells (R,)."""
    hann = np.hanning(side + 1)[:-1].astype(np.float32)
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    double = np.where((fx == 0) | (fx == 0.5), 1.0, 2.0) * np.ones_like(fy)
    radius = np.hypot(fy, fx)
    # from two cycles a patch, below which the window leaks, to just under the highest frequency
    edges = np.arange(2, side // 2, max(1, side // 32)) / side
    ring = np.digitize(radius, edges) - 1
    count = len(edges) - 1
    member = np.stack([np.where(ring == r, double, 0).ravel() for r in range(count)], axis=1)
    cells = member.sum(axis=0)
    frequency = np.sqrt((member * radius.ravel()[:, None] ** 2).sum(axis=0) / cells)
    return np.outer(hann, hann), member.astype(np.float32), frequency, cells


def _blockiness(a: PreparedFrame, b: PreparedFrame) -> Measure:
    """Change of the step across the grid beyond the steps elsewhere, the mean of both directions."""
    if min(a.gray.shape) < 4 * GRID:
        return Measure(value=float("nan"), valid=False, error=float("nan"))
    first, second = grid_step(a.gray), grid_step(b.gray)
    error = float(np.hypot(first[1], second[1]))
    return Measure(value=second[0] - first[0], valid=True, error=error)


def grid_step(gray: np.ndarray, cap: float = 24.0) -> tuple[float, float]:
    """Mean absolute step across the 8 x 8 grid beyond that at the other seven phases, levels of 255, and its error.

    The phase of the grid is the one with the largest step, for the picture may have been cut or moved after it
    was coded. Steps are capped, so that edges of the scene do not rule. The error is the spread of the other
    phases (Wang, Bovik & Evans 2000 compare phases in the same way, in the spectrum).
    """
    rows = gray[:: max(1, gray.shape[0] // 270)]
    columns = gray[:, :: max(1, gray.shape[1] // 480)]
    steps, errors = [], []
    for picture, axis in ((rows, 1), (np.ascontiguousarray(columns.T), 1)):
        d = np.minimum(cv2.absdiff(picture[:, 1:], picture[:, :-1]), np.uint8(cap))
        line = cv2.reduce(d, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0]
        usable = len(line) // GRID * GRID
        phases = line[:usable].reshape(-1, GRID).mean(axis=0, dtype=np.float64)
        best = int(phases.argmax())
        others = np.delete(phases, best)
        steps.append(phases[best] - others.mean())
        errors.append(others.std(ddof=1))
    return float(np.mean(steps)), float(np.hypot(*errors) / 2)
