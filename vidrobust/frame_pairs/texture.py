"""How sharpness, noise and block edges changed between two frames, without interpolating either.

Patches are compared with the patches they moved to, at whole pixels: a rest of motion below a pixel changes
phases, not power, and a warp, which blurs by itself, is never needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from vidrobust.frame_pairs.light import Measure
from vidrobust.frame_pairs.motion import MIN_POINTS, PairMotion, Similarity
from vidrobust.frame_pairs.prepared import PreparedFrame, cell_centres
from vidrobust.frames.pixels import LUMA

SHARP_PATCHES = 24
FLAT_PATCHES = 24
FLAT_SIDE = 16
MIN_SHARP = 8
MIN_FLAT = 8
MAX_FLAT_GRADIENT = 3.0
"""Strongest gradient, in the sense of PreparedFrame.flatness, of a patch that counts as flat."""
MAX_CLIPPED = 0.01
"""Largest share of clipped values in a flat patch."""
SIGNAL_TO_NOISE = 4.0
MAX_BLUR_ERROR = 0.25
"""Largest standard error of the change of blur variance, px^2, of a valid sharpness: half a pixel of sigma."""
BLUR_RESOLUTION = 0.004
"""Standard error of the change of blur variance, px^2, that does not average out (measured on planted shifts)."""
MAX_FREQUENCY = 0.3
"""Highest frequency, cycles per px, at which sharpness is compared."""
NOISE_RESOLUTION = 0.1
"""Smallest standard error of noise, levels."""
MIN_EQUALISED = 0.25
"""Change of sharpness, px, from which on it could look like noise."""
GRID = 8


@dataclass(frozen=True, kw_only=True)
class TextureChange:
    """From frame a to frame b.

    sharpness    px: sigma of the Gaussian blur that would turn one frame's sharpness into the other's; positive
                 where b is blurrier. The error is the sigma that could not be determined from none
    noise_sigma  levels of 255: noise that is not shared by the frames, of the noisier of the two
    blockiness   levels of 255: change of the mean step across an 8 x 8 grid beyond the steps elsewhere
    """

    sharpness: Measure
    noise_sigma: Measure
    blockiness: Measure


def measure_texture(
    a: PreparedFrame, b: PreparedFrame, motion: PairMotion, gain: float = 1.0, offset: float = 0.0
) -> TextureChange:
    """Sharpness, noise and block edges; gain and offset are what light did between the frames.

    Noise is looked for again where sharpness changed, with the sharper frame blurred to the other: texture that
    a blur took away is not noise.
    """
    flat = _flat_patches(a, b, motion)
    noise, variances = _noise(flat, a, motion, gain, offset)
    sharpness = _sharpness(a, b, motion, variances, noise_known=math.isfinite(noise.value))
    if sharpness.valid and abs(sharpness.value) > max(MIN_EQUALISED, 2 * sharpness.error):
        noise, _ = _noise(_equalised(flat, sharpness.value), a, motion, gain, offset)
    return TextureChange(sharpness=sharpness, noise_sigma=noise, blockiness=_blockiness(a, b))


def _patch_pairs(
    pictures: tuple[np.ndarray, np.ndarray], centres: np.ndarray, camera: Similarity, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Patches (P, side, side[, 3]) float32 about ``centres`` in the first, and where they moved in the second.

    Whole pixels only; centres without room for a patch in both pictures are left out.
    """
    start = np.rint(centres - (side - 1) / 2).astype(int)
    shift = np.rint(camera.map(centres) - centres).astype(int)
    limit = np.array(pictures[0].shape[1::-1]) - side
    inside = np.all((start >= 0) & (start <= limit) & (start + shift >= 0) & (start + shift <= limit), axis=1)
    found = []
    for picture, corner in zip(pictures, (start[inside], (start + shift)[inside]), strict=True):
        patches = [picture[y : y + side, x : x + side] for x, y in corner]
        found.append(np.array(patches, np.float32).reshape(len(patches), side, side, *picture.shape[2:]))
    return found[0], found[1]


def _flat_patches(a: PreparedFrame, b: PreparedFrame, motion: PairMotion) -> tuple[np.ndarray, np.ndarray]:
    """The flattest pairs of patches: (4 P, side, side) float32, red, green, blue and luma one after the other.

    Left out are patches with more than a few clipped levels, for their noise is cut off, and cells that move
    otherwise.
    """
    centres = cell_centres(a)
    # noise itself has gradients: the flattest fifth counts as flat in any case
    fifth = 1.2 * float(np.quantile(a.flatness, 0.2)) if len(a.flatness) else 0.0
    allowed = a.flatness <= max(MAX_FLAT_GRADIENT, fifth)
    allowed[a.cells[motion.elsewhere]] = False
    index = np.flatnonzero(allowed)
    index = index[np.argsort(a.flatness[index], kind="stable")][: 4 * FLAT_PATCHES]
    side = FLAT_SIDE
    if len(index) < MIN_FLAT or min(a.gray.shape) <= side:
        return np.zeros((0, side, side), np.float32), np.zeros((0, side, side), np.float32)
    pa, pb = _patch_pairs((a.rgb, b.rgb), centres[index], motion.camera, side)
    clipped = (np.minimum(pa, pb) < 2) | (np.maximum(pa, pb) > 253)
    whole = np.flatnonzero(clipped.mean(axis=(1, 2, 3)) <= MAX_CLIPPED)[:FLAT_PATCHES]
    planes = []
    for patches in (pa[whole], pb[whole]):
        luma = (patches * LUMA.astype(np.float32)).sum(axis=3, keepdims=True)
        four = np.concatenate([patches, luma], axis=3)
        planes.append(four.transpose(0, 3, 1, 2).reshape(-1, side, side))
    return planes[0], planes[1]


def _equalised(flat: tuple[np.ndarray, np.ndarray], sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """The patches with the sharper frame's blurred; a blur needs a border, which is dropped from both."""
    border = 3
    first, second = flat
    blurred = [cv2.GaussianBlur(p, (0, 0), abs(sharpness)) for p in (first if sharpness > 0 else second)]
    sharper = np.array(blurred, np.float32).reshape(first.shape)
    pair = (sharper, second) if sharpness > 0 else (first, sharper)
    inner = slice(border, -border)
    return pair[0][:, inner, inner], pair[1][:, inner, inner]


def _noise(
    flat: tuple[np.ndarray, np.ndarray], a: PreparedFrame, motion: PairMotion, gain: float, offset: float
) -> tuple[Measure, tuple[float, float]]:
    """Noise of one channel that the frames do not share, and the noise variance of each frame's luma.

    d = b - gain a - offset has the variance va + vb once a plane and the first-order effect of a rest of
    motion are fitted away. vb - va comes from the Laplacians of the frames (Immerkaer 1996), in which what
    texture there is cancels. The noisier frame has (va + vb + |vb - va|) / 2.
    """
    pa, pb = flat
    floor = 1 / 12  # rounding
    if len(pa) < 4 * MIN_FLAT:
        return Measure(value=float("nan"), valid=False, error=float("nan")), (floor, floor)
    every = _difference_variance(pa, pb, gain, offset).reshape(-1, 4)
    every_apart = (_laplacian_variance(pb) - gain**2 * _laplacian_variance(pa)).reshape(-1, 4)
    sums, apart = every[:, :3].mean(axis=1), every_apart[:, :3].mean(axis=1)
    total, split = float(np.median(sums)), float(np.median(apart))
    split = float(np.clip(split, -total, total))
    sigma = float(np.sqrt((total + abs(split)) / 2))
    # a variance known to +- spread is a sigma known to spread / 2 sigma, and never better than sqrt(spread)
    spread = 1.253 * 1.483 * float(np.median(np.abs(sums - total))) / np.sqrt(len(sums)) / 2
    error = float(min(spread / max(2 * sigma, 1e-9), np.sqrt(spread)))
    aligned = motion.camera_valid or len(a.corners) < MIN_POINTS  # a blank picture needs no aligning
    valid = aligned and error <= max(1.0, 0.25 * sigma)
    luma, luma_apart = float(np.median(every[:, 3])), float(np.median(every_apart[:, 3]))
    return Measure(value=sigma, valid=bool(valid), error=max(error, NOISE_RESOLUTION)), (
        max((luma - luma_apart) / 2 / gain**2, floor),
        max((luma + luma_apart) / 2, floor),
    )


def _difference_variance(pa: np.ndarray, pb: np.ndarray, gain: float, offset: float) -> np.ndarray:
    """(4 P,) variance of b - gain a - offset after a fit of 1, x, y and the gradients of the smoothed luma.

    The kernel of the gradients is odd, so that white noise is not correlated with them.
    """
    side = pa.shape[1]
    # the gradients of the luma serve all four planes of a patch
    smooth = np.array([cv2.GaussianBlur(m, (7, 7), 1.5) for m in (pa[3::4] + pb[3::4]) / 2])
    gy, gx = (_without_plane(g).repeat(4, axis=0) for g in np.gradient(smooth, axis=(1, 2)))
    d = _without_plane(pb - gain * pa - offset)

    def dot(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        product: np.ndarray = np.einsum("pij,pij->p", u, v).astype(np.float64)
        return product

    # least squares on two regressors, by Cramer's rule; a patch without gradients has nothing to fit
    xx, yy, xy, xd, yd = dot(gx, gx) + 1e-3, dot(gy, gy) + 1e-3, dot(gx, gy), dot(gx, d), dot(gy, d)
    determinant = np.maximum(xx * yy - xy**2, 1e-9)
    explained = (yy * xd**2 - 2 * xy * xd * yd + xx * yd**2) / determinant
    variance: np.ndarray = np.maximum(dot(d, d) - explained, 0) / (side * side - 5)
    return variance


def _without_plane(patches: np.ndarray) -> np.ndarray:
    """(P, side, side) less the least-squares plane of each."""
    side = patches.shape[1]
    step = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    size = float((step**2).sum()) * side
    level = patches.mean(axis=(1, 2))[:, None, None]
    across = (patches.sum(axis=1) * step).sum(axis=1)[:, None, None] * step[None, None, :] / size
    down = (patches.sum(axis=2) * step).sum(axis=1)[:, None, None] * step[None, :, None] / size
    flat: np.ndarray = patches - level - across - down
    return flat


def _laplacian_variance(patches: np.ndarray) -> np.ndarray:
    """(P,) noise variance by the operator [1 -2 1; -2 4 -2; 1 -2 1], whose squares add up to 36."""
    d = np.diff(np.diff(patches, n=2, axis=1), n=2, axis=2)
    variance: np.ndarray = (d.astype(np.float64) ** 2).mean(axis=(1, 2)) / 36
    return variance


def _sharpness(
    a: PreparedFrame, b: PreparedFrame, motion: PairMotion, noise: tuple[float, float], *, noise_known: bool
) -> Measure:
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
    pa, pb = _patch_pairs((a.gray, b.gray), centres, motion.camera, side)
    if len(pa) < MIN_SHARP:
        return unknown
    sa, sb = _spectra(pa), _spectra(pb)
    rings = _rings(side)
    floor = float((rings.window**2).sum()) * rings.cells
    fa, fb = noise[0] * floor, noise[1] * floor
    clear = (np.median(sa, axis=0) > SIGNAL_TO_NOISE * fa) & (np.median(sb, axis=0) > SIGNAL_TO_NOISE * fb)
    last = len(clear) if clear.all() else int(clear.argmin())
    if last < 5:
        return unknown
    ratio = np.log(np.maximum(sb - fb, 0.25 * sb)[:, :last]) - np.log(
        np.maximum(sa - fa, 0.25 * sa)[:, :last]
    )
    square = rings.frequency[:last] ** 2
    # a ring's log power errs less the more cells it has
    weight = rings.cells[:last] / rings.cells[:last].sum()
    centred = square - (weight * square).sum()
    slope = (ratio * (weight * centred)).sum(axis=1) / (weight * centred**2).sum()
    changes = -slope / (4 * np.pi**2)
    change = float(np.median(changes))
    error = 1.253 * 1.483 * float(np.median(np.abs(changes - change))) / np.sqrt(len(changes))
    error = float(np.hypot(error, BLUR_RESOLUTION))
    # a lens blurs in pixels, a scene is magnified: which of the two the zoom does to the spectrum is not known
    error += 0.5 * abs(motion.camera.zoom**2 - 1)
    sigma = np.sign(change) * np.sqrt(abs(change))
    resolution = np.sqrt(error) if abs(change) < error else error / (2 * abs(sigma))
    valid = noise_known and motion.camera_valid and error <= MAX_BLUR_ERROR
    return Measure(value=float(sigma), valid=bool(valid), error=float(resolution))


def _spectra(patches: np.ndarray) -> np.ndarray:
    """(P, R) power in the rings of frequency, Hann window, mean removed."""
    rings = _rings(patches.shape[1])
    flat = patches - patches.mean(axis=(1, 2), keepdims=True)
    spectrum = np.fft.rfft2(flat * rings.window).reshape(len(patches), -1)[:, rings.order]
    power = (spectrum.real**2 + spectrum.imag**2) * rings.weight
    summed: np.ndarray = np.add.reduceat(power, rings.start, axis=1)
    return summed


@dataclass(frozen=True)
class _Rings:
    """Rings of equal frequency in the half spectrum of a real patch."""

    window: np.ndarray
    """(side, side) Hann."""
    order: np.ndarray
    """Flat indices into the half spectrum, ring after ring."""
    weight: np.ndarray
    """2 where the half spectrum stands for two frequencies, else 1, in that order."""
    start: np.ndarray
    """(R,) where each ring begins in that order."""
    frequency: np.ndarray
    """(R,) root mean square, cycles per px."""
    cells: np.ndarray
    """(R,) frequencies in each ring."""


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
    window = np.outer(hann, hann)
    return _Rings(window, order, weight.astype(np.float32), start, frequency, cells)


def _blockiness(a: PreparedFrame, b: PreparedFrame) -> Measure:
    """Change of the step across the grid beyond the steps elsewhere, the mean of both directions."""
    if min(a.gray.shape) < 4 * GRID:
        return Measure(value=float("nan"), valid=False, error=float("nan"))
    first, second = grid_step(a.gray), grid_step(b.gray)
    error = float(np.hypot(first[1], second[1]))
    return Measure(value=second[0] - first[0], valid=True, error=error)


def grid_step(gray: np.ndarray, cap: float = 24.0) -> tuple[float, float]:
    """Mean absolute step across the 8 x 8 grid beyond the other seven phases, levels of 255, and its error.

    The phase of the grid is the one with the largest step, for the picture may have been cut or moved after it
    was coded. Steps are capped, so that edges of the scene do not rule. The error is the spread of the other
    phases (Wang, Bovik & Evans 2000 compare phases in the same way, in the spectrum).
    """
    rows = gray[:: max(1, gray.shape[0] // 180)]
    columns = gray[:, :: max(1, gray.shape[1] // 240)]
    steps, errors = [], []
    for picture in (rows, np.ascontiguousarray(columns.T)):
        d = np.minimum(cv2.absdiff(picture[:, 1:], picture[:, :-1]), np.uint8(cap))
        line = cv2.reduce(d, 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[0]
        usable = len(line) // GRID * GRID
        phases = line[:usable].reshape(-1, GRID).mean(axis=0, dtype=np.float64)
        best = int(phases.argmax())
        others = np.delete(phases, best)
        steps.append(phases[best] - others.mean())
        errors.append(others.std(ddof=1))
    return float(np.mean(steps)), float(np.hypot(*errors) / 2)
