"""A blur: a Gaussian, as of a lens out of focus, or a line, as of motion while the shutter is open."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.frame_pairs.robust import not_shared
from vidrobust.perturb.blur import line_kernel

SIDE = 32
"""Side, px, of the blocks whose spectra are compared."""
IMMERKAER = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0]).astype(np.float32)
CELL = 16
"""Side, px, of the cells of which the flattest tell the noise."""
LEAST_NOISE = 0.7
"""Noise of less, levels, is within what rounding does."""
REACH = 2.0
"""Sigma, px, over which the energy of detail is that of one place."""
NOISY = 2.0
"""Detail of less than so many times the noise's energy is given up."""
FLAT = 0.2
"""Share of the picture, the flattest, that tells the noise."""
SHARED = 0.5
"""Where two frames share more than this part of what is in the flattest blocks, that is detail and not noise."""
LEAST_POWER = 1e-4
"""A line lets nothing pass at some frequencies; between blocks as large as these something always leaks there."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """What one frame lost.

    sigma_px  standard deviation, of a line along it; 0: nothing
    angle     of a line, radians from x towards y; NaN for a Gaussian
    """

    sigma_px: float = 0.0
    angle: float = math.nan

    @property
    def there(self) -> bool:
        """Whether anything was lost."""
        return self.sigma_px > 0

    @property
    def length_px(self) -> float:
        """Of a line: a box of length L has the variance L^2 / 12. NaN for a Gaussian."""
        return math.nan if math.isnan(self.angle) else self.sigma_px * math.sqrt(12)

    def of(self, picture: np.ndarray) -> np.ndarray:
        """The picture, float32 (H, W) or (H, W, 3), blurred; borders mirrored."""
        if not self.there:
            return picture
        if math.isnan(self.angle):
            return np.asarray(
                cv2.GaussianBlur(picture, (0, 0), self.sigma_px, borderType=cv2.BORDER_REFLECT_101)
            )
        kernel = line_kernel(self.length_px, self.angle)
        return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101))

    def picture(self) -> np.ndarray:
        """The kernel itself, of odd sides; it sums to 1."""
        if not self.there:
            return np.ones((1, 1))
        if math.isnan(self.angle):
            axis = _gaussian(self.sigma_px)
            return np.asarray(axis * axis.T)
        return line_kernel(self.length_px, self.angle)

    def energy_of_noise(self) -> tuple[float, float]:
        """What white noise of energy 1 has left behind it, and what the difference to the unblurred noise has."""
        kernel = self.picture()
        power = float(np.square(kernel).sum())
        middle = float(kernel[kernel.shape[0] // 2, kernel.shape[1] // 2])
        return power, 1 - 2 * middle + power

    def passed(self) -> np.ndarray:
        """(SIDE, SIDE / 2 + 1) share of the power that passes, by frequency, in blocks under a Hann window."""
        if not self.there:
            return np.ones((SIDE, SIDE // 2 + 1))
        if math.isnan(self.angle):
            axis = _leaked(_power(_gaussian(self.sigma_px), (SIDE, 1)))
            power = axis * axis[:, 0]
        else:
            power = _leaked(_leaked(_power(line_kernel(self.length_px, self.angle), (SIDE, SIDE))).T).T
        return np.maximum(power[:, : SIDE // 2 + 1], LEAST_POWER)


def _gaussian(sigma: float) -> np.ndarray:
    """(side, 1) weights, as many as ``GaussianBlur`` takes for float pictures."""
    return np.asarray(cv2.getGaussianKernel(int(np.rint(8 * sigma + 1)) | 1, sigma))


def _power(kernel: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """(sides) power that passes a kernel, by frequency."""
    height, width = kernel.shape
    folded = np.zeros([math.ceil(n / side) * side for n, side in zip(kernel.shape, sides, strict=True)])
    folded[:height, :width] = kernel
    folded = folded.reshape(-1, sides[0], folded.shape[1] // sides[1], sides[1]).sum(axis=(0, 2))
    return np.asarray(
        np.square(np.abs(np.fft.fft2(folded)))
    )  # where its middle lies does not show in the power


def _leaked(power: np.ndarray) -> np.ndarray:
    """Along the first axis a Hann window's power leaks into the next frequencies: 1/6, 2/3, 1/6."""
    return np.asarray((np.roll(power, 1, 0) + 4 * power + np.roll(power, -1, 0)) / 6)


@dataclass(frozen=True, kw_only=True)
class Blur:
    """The blur between two frames.

    sigma_px  standard deviation, of a line along it; negative where the second frame is the sharper one; 0: none
    angle     of a line, radians from x towards y; NaN for a Gaussian
    back      what the blurrier frame shows all the same that the sharper lost: a line at another angle
    known     whether there is detail beyond the noise by which a blur would show
    everywhere  detail is in the flattest blocks too, so that the noise is what the two frames do not share
    """

    sigma_px: float = 0.0
    angle: float = math.nan
    back: Kernel = Kernel()
    known: bool = True
    everywhere: bool = False

    @property
    def kernel(self) -> Kernel:
        """What the blurrier frame lost."""
        return Kernel(sigma_px=abs(self.sigma_px), angle=self.angle)

    @property
    def lost(self) -> Kernel:
        """What the second frame lost beyond the first."""
        return self.kernel if self.sigma_px > 0 else self.back

    @property
    def missed(self) -> Kernel:
        """What the first frame had lost that the second shows."""
        return self.kernel if self.sigma_px < 0 else self.back


def regained(second: np.ndarray, missed: Kernel, noise: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: the detail of the second frame that such a blur takes away, where it is above the noise.

    noise  (3,) its sigma in the second frame, levels

    Each place keeps 1 - NOISY x noise / energy of its detail, or nothing (Wiener's filter, place by place), so
    that of the frame's own noise only that part is in it which lies on detail.
    """
    x = second.astype(np.float32)
    detail = x - missed.of(x)
    energy = cv2.GaussianBlur(np.square(detail).mean(axis=2), (0, 0), REACH)
    own = float(np.square(noise).mean()) * missed.energy_of_noise()[1]
    return np.asarray(detail * np.clip(1 - NOISY * own / np.maximum(energy, 1e-6), 0, 1)[..., None])


def noise_lost(second: np.ndarray, lost: Kernel, noise: np.ndarray, seed: int) -> np.ndarray | None:
    """(H, W, 3) float32: noise such as a blur took away with the detail, drawn anew; None: next to none.

    noise  (3,) its sigma in the second frame, levels

    A lens blurs the scene, and the sensor's noise comes after it.
    """
    if not lost.there or noise.max() < LEAST_NOISE:
        return None
    fresh = np.random.default_rng(seed).standard_normal(second.shape, np.float32)
    left, between = lost.energy_of_noise()
    size = np.float32(math.sqrt((1 - left) / between)) * noise.astype(np.float32)
    return np.asarray(size * (fresh - lost.of(fresh)))


def noise_of(picture: np.ndarray) -> np.ndarray:
    """(C,) sigma of the noise of (H, W, 3) or grey (H, W) uint8, levels, where it is flat.

    By the operator [1 -2 1; -2 4 -2; 1 -2 1] (Immerkaer 1996).
    """
    x = _immerkaer(picture)
    energy = _by_cell(np.square(x))
    order = np.argsort(energy.sum(axis=1))[: max(1, int(FLAT * len(energy)))]
    return np.asarray(np.sqrt(energy[order].mean(axis=0) / 36))


def noise_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(C,) sigma of the noise of two pictures that show the same: of ``noise_of`` what they do not share.

    The one may be blurrier, and detail may be everywhere. Where they do not show the same it is their noise_of.
    """
    a, b = (_immerkaer(each) for each in (first, second))
    aa, bb, ab = (_by_cell(each) for each in (a * a, b * b, a * b))
    order = np.argsort((aa + bb).sum(axis=1))[: max(1, int(FLAT * len(aa)))]
    energy = not_shared(*(each[order].mean(axis=0, dtype=np.float64) for each in (aa, bb, ab)))
    return np.asarray(np.sqrt(np.maximum(energy, 0) / 36))


def _immerkaer(picture: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.filter2D(picture.astype(np.float32), -1, IMMERKAER))


def _by_cell(x: np.ndarray) -> np.ndarray:
    """(cells, C) means of (H, W) or (H, W, C) over cells."""
    width, height = (max(1, side // CELL) for side in x.shape[1::-1])
    return cv2.resize(x, (width, height), interpolation=cv2.INTER_AREA).reshape(width * height, -1)
