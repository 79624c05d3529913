"""How sharpness, noise and block edges changed between two frames, quickly, without interpolating either.

Patches are compared with the patches they moved to, at whole pixels: a remainder of motion changes phases,
not power. ``blur.py`` and ``noise.py`` measure the same of every pixel, for a replay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from vidrobust.frame_pairs.motion import MIN_POINTS, PairMotion, Similarity
from vidrobust.frame_pairs.prepared import UNKNOWN, Measure, PreparedFrame, cell_centres, to_full
from vidrobust.frames.pixels import LUMA

SHARP_PATCHES = 24
FLAT_PATCHES = 24
FLAT_SIDE = 16
MIN_SHARP = 8
MIN_FLAT = 8
# Strongest gradient, in the sense of ``PreparedFrame.flatness``, of a patch that counts as flat.
MAX_FLAT_GRADIENT = 3.0
MAX_CLIPPED = 0.01  # largest share of clipped values in a flat patch
SIGNAL_TO_NOISE = 4.0
# Largest standard error of the change of blur variance, px^2, of a valid sharpness: half a pixel of sigma.
MAX_BLUR_ERROR = 0.25
# Standard error of the change of blur variance, px^2, that does not average out; measured on planted shifts.
BLUR_RESOLUTION = 0.004
MAX_FREQUENCY = 0.3  # highest frequency, cycles per px, at which sharpness is compared
NOISE_RESOLUTION = 0.1  # smallest standard error of noise, levels
MIN_EQUALISED = 0.25  # change of sharpness, px, from which it could look like noise
BORDER = 3  # px along the edge of a patch that its blur cannot use
GRID = 8
# Steps between neighbouring pixels are cut off here, levels, so that edges of the scene do not dominate.
STEP_CAP = 24
ROUNDING = 1 / 12  # variance of rounding to whole levels
MEDIAN_ERROR = 1.253  # standard error of a median over that of a mean, of normal values


@dataclass(frozen=True, kw_only=True)
class TextureChange:
    # Sigma, px, of the Gaussian blur that would turn one frame's sharpness into the other's; positive where b
    # is blurrier. Its error is the smallest sigma that can be told from none
    sharpness: Measure
    noise_sigma: Measure  # Noise of the noisier frame that the frames do not share, levels of 255
    # Change of the mean step across an 8 x 8 grid beyond the steps elsewhere, levels of 255
    blockiness: Measure


def measure_texture(
    a: PreparedFrame, b: PreparedFrame, motion: PairMotion, gain: float = 1.0, offset: float = 0.0
) -> TextureChange:
    """Measure sharpness, noise and block edges; ``gain`` and ``offset`` are what the light did."""
    flat = _flat_patches(a, b, motion)
    noise, variances = _noise(flat, a, motion, gain, offset)
    sharpness = _sharpness(a, b, motion, variances, noise_known=math.isfinite(noise.value))
    # texture that a blur took away is not noise: with the sharper frame blurred to the other it is measured
    # again
    if sharpness.valid and abs(sharpness.value) > max(MIN_EQUALISED, 2 * sharpness.error):
        noise, _ = _noise(_equalised(flat, sharpness.value), a, motion, gain, offset)
    return TextureChange(sharpness=sharpness, noise_sigma=noise, blockiness=_blockiness(a, b))


def _patch_pairs(
    pictures: tuple[np.ndarray, np.ndarray], centres: np.ndarray, camera: Similarity, side: int
) -> tuple[np.ndarray, np.ndarray]:
    # Whole pixels only; centres without room for a patch in both pictures are left out.
    start = np.rint(centres - (side - 1) / 2).astype(int)
    shift = np.rint(camera.map(centres) - centres).astype(int)
    limit = np.array(pictures[0].shape[1::-1]) - side
    inside = np.all(
        (start >= 0) & (start <= limit) & (start + shift >= 0) & (start + shift <= limit), axis=1
    )
    stacks = []
    for picture, corner in zip(pictures, (start[inside], (start + shift)[inside]), strict=True):
        patches = [picture[y : y + side, x : x + side] for x, y in corner]
        stacks.append(
            np.array(patches, np.float32).reshape(len(patches), side, side, *picture.shape[2:])
        )
    return stacks[0], stacks[1]


def _flat_patches(
    a: PreparedFrame, b: PreparedFrame, motion: PairMotion
) -> tuple[np.ndarray, np.ndarray]:
    side, none = FLAT_SIDE, np.zeros((0, FLAT_SIDE, FLAT_SIDE), np.float32)
    # noise itself has gradients: the flattest fifth counts as flat in any case
    fifth = 1.2 * float(np.quantile(a.flatness, 0.2)) if len(a.flatness) else 0.0
    allowed = a.flatness <= max(MAX_FLAT_GRADIENT, fifth)
    allowed[a.cells[motion.elsewhere]] = False
    index = np.flatnonzero(allowed)
    index = index[np.argsort(a.flatness[index], kind="stable")][: 4 * FLAT_PATCHES]
    if len(index) < MIN_FLAT or min(a.gray.shape) <= side:
        return none, none
    pa, pb = _patch_pairs((a.rgb, b.rgb), cell_centres(a)[index], motion.camera, side)
    # the noise of clipped levels is cut off
    clipped = (np.minimum(pa, pb) < 2) | (np.maximum(pa, pb) > 253)
    whole = np.flatnonzero(clipped.mean(axis=(1, 2, 3)) <= MAX_CLIPPED)[:FLAT_PATCHES]
    planes = []
    for patches in (pa[whole], pb[whole]):
        luma = (patches * LUMA.astype(np.float32)).sum(axis=3, keepdims=True)
        four = np.concatenate([patches, luma], axis=3)
        planes.append(four.transpose(0, 3, 1, 2).reshape(-1, side, side))
    return planes[0], planes[1]


def _equalised(
    flat: tuple[np.ndarray, np.ndarray], sharpness: float
) -> tuple[np.ndarray, np.ndarray]:
    first, second = flat
    blurred = [
        cv2.GaussianBlur(p, (0, 0), abs(sharpness)) for p in (first if sharpness > 0 else second)
    ]
    sharper = np.array(blurred, np.float32).reshape(first.shape)
    pair = (sharper, second) if sharpness > 0 else (first, sharper)
    inner = slice(BORDER, -BORDER)
    return pair[0][:, inner, inner], pair[1][:, inner, inner]


def _noise(
    flat: tuple[np.ndarray, np.ndarray],
    a: PreparedFrame,
    motion: PairMotion,
    gain: float,
    offset: float,
) -> tuple[Measure, tuple[float, float]]:
    """Noise of one channel that the frames do not share, and the noise variance of each frame's luma."""
    # d = b - gain a - offset has the variance va + vb once a plane and a remainder of motion are fitted away.
    # vb - va comes from the Laplacians (Immerkaer 1996), in which texture cancels. The noisier frame has (va
    # + vb + |vb - va|) / 2.
    pa, pb = flat
    if len(pa) < 4 * MIN_FLAT:
        return UNKNOWN, (ROUNDING, ROUNDING)
    every = _difference_variance(pa, pb, gain, offset).reshape(-1, 4)
    every_apart = (_laplacian_variance(pb) - gain**2 * _laplacian_variance(pa)).reshape(-1, 4)
    sums, apart = every[:, :3].mean(axis=1), every_apart[:, :3].mean(axis=1)
    total, split = float(np.median(sums)), float(np.median(apart))
    split = float(np.clip(split, -total, total))
    sigma = float(np.sqrt((total + abs(split)) / 2))
    # a variance known to +- spread is a sigma known to spread / 2 sigma, and never better than sqrt(spread)
    spread = MEDIAN_ERROR * 1.483 * float(np.median(np.abs(sums - total))) / np.sqrt(len(sums)) / 2
    error = float(min(spread / max(2 * sigma, 1e-9), np.sqrt(spread)))
    # a blank picture needs no alignment
    aligned = motion.camera_valid or len(a.corners) < MIN_POINTS
    valid = bool(aligned and error <= max(1.0, 0.25 * sigma))
    luma, luma_apart = float(np.median(every[:, 3])), float(np.median(every_apart[:, 3]))
    variances = (
        max((luma - luma_apart) / 2 / gain**2, ROUNDING),
        max((luma + luma_apart) / 2, ROUNDING),
    )
    return Measure(value=sigma, valid=valid, error=max(error, NOISE_RESOLUTION)), variances


def _difference_variance(pa: np.ndarray, pb: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """Variance (4 P,) of b - gain a - offset after a fit of 1, x, y and the gradients of the smoothed luma."""
    side = pa.shape[1]
    # the gradients of the luma serve all four planes of a patch
    smooth = np.array([cv2.GaussianBlur(m, (7, 7), 1.5) for m in (pa[3::4] + pb[3::4]) / 2])
    gy, gx = (_without_plane(g).repeat(4, axis=0) for g in np.gradient(smooth, axis=(1, 2)))
    d = _without_plane(pb - gain * pa - offset)

    def dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("pij,pij->p", u, v).astype(np.float64))

    # least squares on two regressors, by Cramer's rule; a patch without gradients has nothing to fit
    xx, yy, xy, xd, yd = dot(gx, gx) + 1e-3, dot(gy, gy) + 1e-3, dot(gx, gy), dot(gx, d), dot(gy, d)
    determinant = np.maximum(xx * yy - xy**2, 1e-9)
    explained = (yy * xd**2 - 2 * xy * xd * yd + xx * yd**2) / determinant
    return np.asarray(np.maximum(dot(d, d) - explained, 0) / (side * side - 5))


def _without_plane(patches: np.ndarray) -> np.ndarray:
    side = patches.shape[1]
    step = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    size = float((step**2).sum()) * side
    level = patches.mean(axis=(1, 2))[:, None, None]
    across = (patches.sum(axis=1) * step).sum(axis=1)[:, None, None] * step[None, None, :] / size
    down = (patches.sum(axis=2) * step).sum(axis=1)[:, None, None] * step[None, :, None] / size
    return np.asarray(patches - level - across - down)


def _laplacian_variance(patches: np.ndarray) -> np.ndarray:
    """Noise variance (P,) by the operator [1 -2 1; -2 4 -2; 1 -2 1], whose squares add up to 36."""
    d = np.diff(np.diff(patches, n=2, axis=1), n=2, axis=2)
    return np.asarray((d.astype(np.float64) ** 2).mean(axis=(1, 2)) / 36)


def _sharpness(
    a: PreparedFrame,
    b: PreparedFrame,
    motion: PairMotion,
    noise: tuple[float, float],
    *,
    noise_known: bool,
) -> Measure:
    # A Gaussian blur of sigma s lowers log power by 4 pi^2 s^2 f^2, so that the slope of the log ratio over
    # f^2 is the change of s^2; gain moves only the intercept.
    side = 64 if min(a.gray.shape) >= 256 else 32
    index = np.flatnonzero(motion.with_camera)
    if len(index) < MIN_SHARP or min(a.gray.shape) <= side:
        return UNKNOWN
    index = index[np.argsort(-a.strength[index], kind="stable")][:SHARP_PATCHES]
    pa, pb = _patch_pairs((a.gray, b.gray), to_full(a.corners[index], a.scale), motion.camera, side)
    if len(pa) < MIN_SHARP:
        return UNKNOWN
    sa, sb = _spectra(pa), _spectra(pb)
    rings = _rings(side)
    floor = float((rings.window**2).sum()) * rings.cells
    fa, fb = noise[0] * floor, noise[1] * floor
    clear = (np.median(sa, axis=0) > SIGNAL_TO_NOISE * fa) & (
        np.median(sb, axis=0) > SIGNAL_TO_NOISE * fb
    )
    last = len(clear) if clear.all() else int(clear.argmin())
    if last < 5:
        return UNKNOWN
    logs = [np.log(np.maximum(s - f, 0.25 * s)[:, :last]) for s, f in ((sa, fa), (sb, fb))]
    # a ring's log power errs less the more cells it has
    weight = rings.cells[:last] / rings.cells[:last].sum()
    square = rings.frequency[:last] ** 2
    centred = square - (weight * square).sum()
    slope = ((logs[1] - logs[0]) * (weight * centred)).sum(axis=1) / (weight * centred**2).sum()
    changes = -slope / (4 * np.pi**2)
    change = float(np.median(changes))
    error = (
        MEDIAN_ERROR * 1.483 * float(np.median(np.abs(changes - change))) / np.sqrt(len(changes))
    )
    error = float(np.hypot(error, BLUR_RESOLUTION))
    # a lens blurs in pixels, a scene is magnified: which of the two the zoom does to the spectrum is not
    # known
    error += 0.5 * abs(motion.camera.zoom**2 - 1)
    sigma = np.sign(change) * np.sqrt(abs(change))
    resolution = np.sqrt(error) if abs(change) < error else error / (2 * abs(sigma))
    valid = noise_known and motion.camera_valid and error <= MAX_BLUR_ERROR
    return Measure(value=float(sigma), valid=bool(valid), error=float(resolution))


def _spectra(patches: np.ndarray) -> np.ndarray:
    rings = _rings(patches.shape[1])
    flat = patches - patches.mean(axis=(1, 2), keepdims=True)
    spectrum = np.fft.rfft2(flat * rings.window).reshape(len(patches), -1)[:, rings.order]
    power = (spectrum.real**2 + spectrum.imag**2) * rings.weight
    return np.asarray(np.add.reduceat(power, rings.start, axis=1))


@dataclass(frozen=True)
class _Rings:
    """Rings of equal frequency in the half spectrum; ``weight`` is 2 where it stands for two frequencies."""

    window: np.ndarray
    order: np.ndarray
    weight: np.ndarray
    start: np.ndarray
    frequency: np.ndarray
    cells: np.ndarray


@cache
def _rings(side: int) -> _Rings:
    hann = np.hanning(side + 1)[:-1].astype(np.float32)
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    twice = (np.where((fx == 0) | (fx == 0.5), 1.0, 2.0) * np.ones_like(fy)).ravel()
    radius = np.hypot(fy, fx).ravel()
    # from two cycles a patch, below which the window leaks, to where aliasing makes power depend on the phase
    edges = np.arange(2, MAX_FREQUENCY * side + 1, max(1, side // 32)) / side
    ring = np.digitize(radius, edges) - 1
    count = len(edges) - 1
    order = np.argsort(ring, kind="stable")
    order = order[(ring[order] >= 0) & (ring[order] < count)]
    start = np.searchsorted(ring[order], np.arange(count))
    weight = twice[order]
    cells = np.add.reduceat(weight, start)
    frequency = np.sqrt(np.add.reduceat(weight * radius[order] ** 2, start) / cells)
    return _Rings(np.outer(hann, hann), order, weight.astype(np.float32), start, frequency, cells)


def _blockiness(a: PreparedFrame, b: PreparedFrame) -> Measure:
    if min(a.gray.shape) < 4 * GRID:
        return UNKNOWN
    first, second = grid_step(a.gray), grid_step(b.gray)
    return Measure(
        value=second[0] - first[0], valid=True, error=float(np.hypot(first[1], second[1]))
    )


def grid_step(gray: np.ndarray) -> tuple[float, float]:
    """Return the mean step across the 8 x 8 grid beyond the other phases, levels, and its error.

    The phase of the largest step is the grid's: the picture may have been cut or moved (Wang, Bovik & Evans
    2000).
    """
    rows = gray[:: max(1, gray.shape[0] // 180)]
    columns = gray[:, :: max(1, gray.shape[1] // 240)]
    steps, errors = [], []
    for picture in (rows, np.ascontiguousarray(columns.T)):
        d = np.minimum(cv2.absdiff(picture[:, 1:], picture[:, :-1]), np.uint8(STEP_CAP))
        line = cv2.reduce(d, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0]
        usable = len(line) // GRID * GRID
        phases = line[:usable].reshape(-1, GRID).mean(axis=0, dtype=np.float64)
        best = int(phases.argmax())
        others = np.delete(phases, best)
        steps.append(phases[best] - others.mean())
        errors.append(others.std(ddof=1))
    return float(np.mean(steps)), float(np.hypot(*errors) / 2)
