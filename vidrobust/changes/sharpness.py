"""The blur between two frames, from the energy of their detail where there are edges, noise taken off.

    energy of detail(second) - noise  =  energy of detail(blur(first, sigma)) - noise that passes the blur

Detail is what a Gaussian of sigma 1 px takes away. The noise's own energy is measured in the flattest fifth of the
picture, where there is hardly anything else.

A lens out of focus takes detail from all directions, motion while the shutter is open along one. Where a line of
some length and angle fits the energy of the detail's slope in every direction much better than a Gaussian, it is
a line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np

from vidrobust.changes.registration import warp
from vidrobust.perturb.blur import line_kernel

SIGMA = 1.0
"""Sigma, px, that parts detail from the rest."""
SIGMAS = np.array([0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.35, 1.7, 2.1, 2.6, 3.2, 4.0])
"""Blurs that are tried, px; between them log energy is taken as linear."""
SMALLEST_CHANGE = 0.04
"""A relative change of the energy of detail below this is taken as none."""
MIN_ENERGY = 2.0
"""Least energy of detail beyond the noise, levels squared, at edges, for sharpness to be reported."""
SMALLEST_SIGMA = 0.3
"""A blur of less, px, changes hardly a pixel and is taken as none."""
EDGES = 0.2
"""Share of the visible pixels, those of most detail, that are compared."""
ANGLES = np.deg2rad(np.arange(0.0, 180.0, 15.0))
"""Directions in which the slope of the detail is compared."""
LEAST_UNLIKE = 0.08
"""Least amplitude of the log ratio of these energies over the directions, for a line to be looked for."""
BETTER = 0.5
"""A line is taken where it leaves less than this share of what a Gaussian leaves of the log ratios."""
TURNS = np.deg2rad([-20.0, -10.0, 10.0, 20.0])
"""Further angles that are tried about the first guess."""
HALVINGS = 7


@dataclass(frozen=True, kw_only=True)
class Blur:
    """The blur between two frames.

    sigma_px  standard deviation, of a line along it; negative where the second frame is the sharper one; 0: none
    angle     of a line, radians from x towards y; NaN for a Gaussian
    """

    sigma_px: float = 0.0
    angle: float = math.nan

    @property
    def length_px(self) -> float:
        """Of a line: a box of length L has the variance L^2 / 12. NaN for a Gaussian."""
        return math.nan if math.isnan(self.angle) else abs(self.sigma_px) * math.sqrt(12)

    def of(self, picture: np.ndarray) -> np.ndarray:
        """The picture, float32 (H, W) or (H, W, 3), blurred by the size of sigma; borders mirrored."""
        if self.sigma_px == 0:
            return picture
        if math.isnan(self.angle):
            return np.asarray(
                cv2.GaussianBlur(picture, (0, 0), abs(self.sigma_px), borderType=cv2.BORDER_REFLECT_101)
            )
        kernel = line_kernel(self.length_px, self.angle)
        return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101))


def blur_between(first: np.ndarray, second: np.ndarray, motion: np.ndarray, visible: np.ndarray) -> Blur:
    """The blur from the first to the second.

    first, second  (H, W) luma, uint8 or float32, in the same light
    motion         (H, W, 2) from the second to the first; visible (H, W) bool on the grid of the second
    """
    if visible.mean() < 0.05:
        return Blur()
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
        return Blur()
    at_first, flat_first = (_moved(where, motion) if motion.any() else where for where in (edges, flat))
    sharp, soft = (first, at_first, flat_first), (second, edges, flat)
    if rich[1] < rich[0]:
        sigma = _sigma_for(first, rich[1] / rich[0], at_first, noise[0])
    else:
        sigma = _sigma_for(second, rich[0] / rich[1], edges, noise[1])
        sharp, soft = soft, sharp
    if sigma < SMALLEST_SIGMA:
        return Blur()
    found = _line_or(Blur(sigma_px=sigma), _Slopes.of(*sharp), _Slopes.of(*soft))
    return found if rich[1] < rich[0] else replace(found, sigma_px=-found.sigma_px)


def detail(picture: np.ndarray) -> np.ndarray:
    """What a Gaussian of sigma 1 px takes away: float32 of the same shape."""
    x = picture.astype(np.float32)
    return np.asarray(x - cv2.GaussianBlur(x, (0, 0), SIGMA, borderType=cv2.BORDER_REFLECT_101))


def local_energy(gray: np.ndarray) -> np.ndarray:
    """(H, W) float32 mean square of the detail about each pixel, levels squared."""
    return np.asarray(cv2.GaussianBlur(np.square(detail(gray)), (0, 0), 3.0))


def _sigma_for(gray: np.ndarray, ratio: float, where: np.ndarray, noise: float) -> float:
    """The blur that leaves this ratio of the energy at the edges, noise apart."""
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


@dataclass(frozen=True, kw_only=True)
class _Slopes:
    """Energy of the slope of one frame's detail at its edges, by direction.

    gray (H, W) float32; where (H, W) bool; noise the energy of its noise, as a multiple of that of ``white``
    """

    gray: np.ndarray
    where: np.ndarray
    noise: float

    @classmethod
    def of(cls, gray: np.ndarray, edges: np.ndarray, flat: np.ndarray) -> _Slopes:
        x = gray.astype(np.float32)
        return cls(gray=x, where=edges, noise=float(_slopes(x, flat).mean() / _slopes_of_white().mean()))

    def energy(self, blur: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
        """(len(ANGLES),) log energy at the edges, of the frame or of the blurred frame, noise taken off."""
        if blur is None:
            left = _slopes(self.gray, self.where) - self.noise * _slopes_of_white()
        else:
            white = _white()
            through = _slopes(blur(white), np.ones(white.shape, bool))
            left = _slopes(blur(self.gray), self.where) - self.noise * through
        return np.asarray(np.log(np.maximum(left, 1e-3)))


def _line_or(gaussian: Blur, sharp: _Slopes, soft: _Slopes) -> Blur:
    """The line that leads from the sharp to the soft frame; the Gaussian where that does so nearly as well."""
    before = sharp.energy()
    lost = soft.energy() - before
    waves = np.column_stack([np.ones(len(ANGLES)), np.cos(2 * ANGLES), np.sin(2 * ANGLES)])
    _, cosine, sine = np.linalg.lstsq(waves, lost, rcond=None)[0]
    if math.hypot(cosine, sine) < LEAST_UNLIKE:
        return gaussian

    def left(blur: Blur) -> np.ndarray:
        return np.asarray(sharp.energy(blur.of) - before - lost)

    def at(angle: float) -> Blur:
        """The line at this angle that takes as much from all directions together: a longer one takes more."""
        low, high = SMALLEST_SIGMA, float(SIGMAS[-1])
        for _ in range(HALVINGS):
            middle = math.sqrt(low * high)
            if left(Blur(sigma_px=middle, angle=angle)).mean() > 0:
                low = middle
            else:
                high = middle
        return Blur(sigma_px=math.sqrt(low * high), angle=angle)

    def error(blur: Blur) -> float:
        return float(np.square(left(blur)).sum())

    angle = (math.atan2(sine, cosine) + math.pi) / 2 % math.pi
    first = at(angle)
    near = [replace(first, angle=float(angle + turn)) for turn in (0.0, *TURNS)]
    found = at(min(near, key=error).angle % math.pi)
    return found if error(found) < BETTER * error(gaussian) else gaussian


def _slopes(gray: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(len(ANGLES),) mean square of the slope of the detail in each direction: its structure tensor's."""
    fine = detail(gray)
    x, y = (cv2.Sobel(fine, cv2.CV_32F, *order)[where] for order in ((1, 0), (0, 1)))
    along, across, both = (float(np.mean(each)) for each in (x * x, y * y, x * y))
    c, s = np.cos(ANGLES), np.sin(ANGLES)
    return np.asarray(c * c * along + 2 * c * s * both + s * s * across)


@cache
def _white() -> np.ndarray:
    """(96, 96) float32 white noise, always the same."""
    return np.random.default_rng(0).standard_normal((96, 96)).astype(np.float32)


@cache
def _slopes_of_white() -> np.ndarray:
    return _slopes(_white(), np.ones(_white().shape, bool))


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
