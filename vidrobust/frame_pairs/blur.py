"""The blur between two frames, either of which may be the sharper one, from the power of their detail.

::

    power(second) - noise  =  passed by the blur  x  (power(first) - noise)        at every frequency

Power is that of blocks of 32 x 32 px at edges, each compared with the block it moved to at whole pixels: a
remainder of motion changes phases, not power. The noise is that of the flattest fifth of the blocks or, where
detail is everywhere (gravel, cloth), what the frames do not share. A blur must predict blocks it was not
fitted to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import permutations, product

import cv2
import numpy as np
from scipy import fft, optimize

from vidrobust.frame_pairs.robust import not_shared
from vidrobust.perturb.blur import line_kernel

SIDE = 32  # side, px, of the blocks whose spectra are compared
# Least share of the power that passes: a line stops some frequencies, and in blocks of this size something
# leaks.
LEAST_POWER = 1e-4
MOST_BLOCKS = 600  # most blocks of a picture that are looked at
FEWEST_BLOCKS = 8  # blocks of most detail that must be seen in both frames
CLEAR = 0.9  # share of a block's pixels that both frames must show
# Below, the window leaks; beyond, power depends on how the detail lies to the pixels.
LOWEST, HIGHEST = 1.5 / SIDE, 0.375  # frequencies between these, cycles per px, are compared
RINGS = 8  # rings of frequencies in which a faint blur is looked for
# Share of the blocks, those of most detail, that are compared; as many of least detail tell the noise.
EDGES = 0.2
# Where two frames share more than this part of what is in the flattest blocks, that is detail and not noise.
SHARED = 0.5
GAIN = 0.06  # log power by which the light may still differ
SMALLEST_SIGMA = 0.3  # a smaller blur, px, changes hardly a pixel and is taken as none
LARGEST_SIGMA = 4.0
# A blur is taken where it leaves less than this share of the squared log ratio in blocks it was not fitted
# to.
PREDICTED = 0.6
# The noise of a faint Gaussian's rings is taken for larger, since what a codec left of edges lies over the
# highest frequencies and does not change with focus.
PREDICTED_RINGS = 0.4  # the same for a faint blur, in the means of rings of frequencies
PLATEAU = 4.0  # factor of the noise of the flattest blocks above which a faint blur is looked for
# A line, or two lines, are taken where they leave less than this share of what the simpler blur leaves.
BETTER = 0.5
GOOD = 0.003  # a blur that leaves less, squared log power, needs no better one
LITTLE = 0.03  # nor does one that leaves less than this share of what no blur leaves
LEAK = 0.01  # share of the power that is in the next block: where a line lets less pass, that decides nothing
# Share of the power that blocks of most detail have by chance beyond those of least, where all is noise.
BY_CHANCE = 0.2
# Frequencies, counted by how far they rise above the noise, times the blocks compared, below which nothing is
# known: noise alone has 440 to 560.
LEAST_CLEAR = 650.0
NO_POWER = 1e-2  # power of a block, levels^2, of which nothing can be said: rounding to 8 bits alone has 12
EVERY = slice(None, None, 3)  # pairs of lines are tried at these frequencies
# lines at angles nearer to each other count by the difference of their variances
SAME = np.deg2rad(15.0)
SAME_ANGLE = 10.0  # pairs of lines at the same angle are tried at each multiple of this, degrees
STEP = 0.25  # approximate difference of the logarithms of neighbouring SIGMAS
FINEST = 0.005  # step of the logarithm of sigma and of the angle, radians, in the search
SIGMAS = np.geomspace(SMALLEST_SIGMA, LARGEST_SIGMA, 12)
ANGLES = np.deg2rad(np.arange(0.0, 180.0, 22.5))


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """What one frame lost."""

    sigma_px: float = 0.0  # Standard deviation, of a line along it; 0 where nothing was lost
    angle: float = math.nan  # Of a line, radians from x towards y; NaN for a Gaussian

    @property
    def there(self) -> bool:
        return self.sigma_px > 0

    @property
    def is_line(self) -> bool:
        return self.there and not math.isnan(self.angle)

    @property
    def length_px(self) -> float:
        """Length L of a line, whose variance is L^2 / 12; NaN for a Gaussian."""
        return math.nan if math.isnan(self.angle) else self.sigma_px * math.sqrt(12)

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Blur a picture, float32 (H, W) or (H, W, 3); borders mirrored."""
        if not self.there:
            return picture
        reflect = cv2.BORDER_REFLECT_101
        if math.isnan(self.angle):
            return np.asarray(cv2.GaussianBlur(picture, (0, 0), self.sigma_px, borderType=reflect))
        kernel = line_kernel(self.length_px, self.angle)
        return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=reflect))

    def picture(self) -> np.ndarray:
        """Return the kernel itself, of odd sides; it sums to 1."""
        if not self.there:
            return np.ones((1, 1))
        if math.isnan(self.angle):
            axis = _gaussian(self.sigma_px)
            return np.asarray(axis * axis.T)
        return line_kernel(self.length_px, self.angle)

    def energy_of_noise(self) -> tuple[float, float]:
        """Return the energy left of white noise of energy 1, and that of its difference to the noise."""
        kernel = self.picture()
        power = float(np.square(kernel).sum())
        middle = float(kernel[kernel.shape[0] // 2, kernel.shape[1] // 2])
        return power, 1 - 2 * middle + power

    def passed(self) -> np.ndarray:
        """Return the share of the power that passes under a Hann window, (SIDE, SIDE / 2 + 1)."""
        if not self.there:
            return np.ones((SIDE, SIDE // 2 + 1))
        if math.isnan(self.angle):
            axis = _leaked(_power(_gaussian(self.sigma_px), (SIDE, 1)))
            power = axis * axis[:, 0]
        else:
            power = _leaked(
                _leaked(_power(line_kernel(self.length_px, self.angle), (SIDE, SIDE))).T
            ).T
        return np.maximum(power[:, : SIDE // 2 + 1], LEAST_POWER)


def _gaussian(sigma: float) -> np.ndarray:
    return np.asarray(cv2.getGaussianKernel(int(np.rint(8 * sigma + 1)) | 1, sigma))


def _power(kernel: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Power that passes a kernel, by frequency; it does not depend on where the kernel's middle lies."""
    height, width = kernel.shape
    folded = np.zeros(
        [math.ceil(n / side) * side for n, side in zip(kernel.shape, sides, strict=True)]
    )
    folded[:height, :width] = kernel
    folded = folded.reshape(-1, sides[0], folded.shape[1] // sides[1], sides[1]).sum(axis=(0, 2))
    return np.asarray(np.square(np.abs(np.fft.fft2(folded))))


def _leaked(power: np.ndarray) -> np.ndarray:
    round_ = np.concatenate([power[-1:], power, power[:1]])
    return np.asarray((round_[:-2] + 4 * power + round_[2:]) / 6)


@dataclass(frozen=True, kw_only=True)
class Blur:
    """The blur between two frames."""

    # Standard deviation, of a line along it; negative where the second frame is the sharper one; 0 for none
    sigma_px: float = 0.0
    angle: float = math.nan  # Of a line, radians from x towards y; NaN for a Gaussian
    # What the blurrier frame shows although the sharper one lost it: a line at another angle
    back: Kernel = Kernel()
    known: bool = True  # Whether there is detail beyond the noise by which a blur would show
    # Detail is in the flattest blocks too, so that the noise is what the two frames do not share
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


def blur_between(
    first: np.ndarray, second: np.ndarray, motion: np.ndarray, visible: np.ndarray
) -> Blur:
    """Measure the blur between two (H, W) lumas in one light; ``motion`` leads from the second to the first.

    ``visible`` (H, W) bool is on the grid of the second.
    """
    spectra = spectra_of_both(first, second, motion, visible)
    if spectra is None:
        return Blur(known=False)
    powers = [np.square(spectrum.real) + np.square(spectrum.imag) for spectrum in spectra]
    order = np.argsort((powers[0] + powers[1]).sum(axis=1), kind="stable")
    count = max(FEWEST_BLOCKS, int(EDGES * len(order)))
    flat, rich = order[:count], order[-count:]
    noise = [power[flat].mean(axis=0) for power in powers]
    if min(float(power[rich].mean()) for power in powers) < NO_POWER:
        return Blur(known=False)
    everywhere = _clear(powers, noise, rich) < LEAST_CLEAR
    if everywhere:
        unshared = _not_shared(*(spectrum[flat] for spectrum in spectra))
        if unshared.sum() > SHARED * min(level.sum() for level in noise):
            return Blur(known=False)
        noise = [np.minimum(level, unshared) for level in noise]
        if _clear(powers, noise, rich) < LEAST_CLEAR:
            return Blur(known=False)
    whole, half, other = _pairs(powers, noise, rich)
    if whole.left(*NOTHING) < GOOD:
        return Blur()
    kernels = _best(half)
    if other.left(*kernels) <= PREDICTED * other.left(*NOTHING):
        return replace(_signed(*_refined(whole, *kernels)), everywhere=everywhere)
    return replace(
        _faint(*_pairs(powers, [PLATEAU * level for level in noise], rich)), everywhere=everywhere
    )


@cache
def _frequencies() -> np.ndarray:
    return np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])


@cache
def usable() -> np.ndarray:
    """Return which frequencies are compared, (SIDE, SIDE / 2 + 1) bool; N of them."""
    return (_frequencies() >= LOWEST) & (_frequencies() <= HIGHEST)


@cache
def rings() -> np.ndarray:
    """Return in which ring of equal width each usable frequency lies, (N, RINGS) of 0 and 1."""
    which = (_frequencies()[usable()] - LOWEST) / (HIGHEST - LOWEST) * RINGS
    return np.asarray(
        np.minimum(which.astype(int), RINGS - 1)[:, None] == np.arange(RINGS), np.float64
    )


@cache
def _cycles() -> np.ndarray:
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij")
    return np.stack([y[usable()], x[usable()]])


def spectra_of_both(
    first: np.ndarray, second: np.ndarray, motion: np.ndarray, visible: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the spectra (P, N) of P blocks of the first frame and of those they moved to in the second."""
    height, width = visible.shape
    if min(height, width) < SIDE:
        return None
    step = max(
        SIDE // 2, math.ceil(math.sqrt((height - SIDE + 1) * (width - SIDE + 1) / MOST_BLOCKS))
    )
    y, x = (
        grid.ravel() for grid in np.mgrid[0 : height - SIDE + 1 : step, 0 : width - SIDE + 1 : step]
    )
    shown, dx, dy = (
        cv2.blur(layer, (SIDE, SIDE))[y + SIDE // 2, x + SIDE // 2]
        for layer in (visible.astype(np.float32), *cv2.split(np.ascontiguousarray(motion)))
    )
    to_y, to_x = y + np.rint(dy).astype(int), x + np.rint(dx).astype(int)
    inside = (to_y >= 0) & (to_y <= height - SIDE) & (to_x >= 0) & (to_x <= width - SIDE)
    kept = np.flatnonzero(inside & (shown >= CLEAR))
    if len(kept) < 2 * FEWEST_BLOCKS:
        return None
    windows = [
        np.lib.stride_tricks.sliding_window_view(frame, (SIDE, SIDE)) for frame in (first, second)
    ]
    rest = np.stack([dy - np.rint(dy), dx - np.rint(dx)], axis=1)[kept]
    turned = np.exp(2j * np.pi * (rest @ _cycles())).astype(np.complex64)
    return turned * _spectra(windows[0][to_y[kept], to_x[kept]]), _spectra(
        windows[1][y[kept], x[kept]]
    )


def _spectra(blocks: np.ndarray) -> np.ndarray:
    hann = np.hanning(SIDE + 1)[:-1].astype(np.float32)
    blocks = blocks.astype(np.float32)
    transform = fft.rfft2((blocks - blocks.mean(axis=(1, 2), keepdims=True)) * np.outer(hann, hann))
    return np.asarray(transform[:, usable()])


@dataclass(frozen=True)
class _Powers:
    """Power (N,) of one frame's blocks: where there are edges, and of the noise."""

    edges: np.ndarray
    noise: np.ndarray

    @property
    def signal(self) -> np.ndarray:
        return np.maximum(self.edges - self.noise, 0.02 * self.edges)


def _faint(whole: _Pair, half: _Pair, other: _Pair) -> Blur:
    # At single frequencies moved objects and borders of blocks make a larger difference.
    if not (half.weight.any() and other.weight.any()) or whole.in_rings(*NOTHING) < GOOD:
        return Blur()
    kernels = _gaussian_in_rings(half)
    if other.in_rings(*kernels) > PREDICTED_RINGS * other.in_rings(*NOTHING):
        return Blur()
    return _signed(*_gaussian_in_rings(whole))


def _gaussian_in_rings(pair: _Pair) -> tuple[Kernel, Kernel]:
    kernels, logs = _gaussians()
    place = int(pair.in_rings_of(np.concatenate([logs, -logs])).argmin())
    lost, middle = place < len(kernels), math.log(kernels[place % len(kernels)].sigma_px)

    def made(log_sigma: float) -> tuple[Kernel, Kernel]:
        kernel = Kernel(sigma_px=math.exp(log_sigma))
        return (kernel, Kernel()) if lost else (Kernel(), kernel)

    bounds = (middle - STEP, middle + STEP)
    best = optimize.minimize_scalar(
        lambda x: pair.in_rings(*made(float(x))),
        bounds=bounds,
        method="bounded",
        options={"xatol": 0.02},
    )
    return made(float(best.x))


def _pair(powers: Sequence[np.ndarray], noise: Sequence[np.ndarray], blocks: np.ndarray) -> _Pair:
    return _Pair(*(_Powers(p[blocks].mean(axis=0), n) for p, n in zip(powers, noise, strict=True)))


def _pairs(
    powers: Sequence[np.ndarray], noise: Sequence[np.ndarray], rich: np.ndarray
) -> tuple[_Pair, _Pair, _Pair]:
    return (
        _pair(powers, noise, rich),
        _pair(powers, noise, rich[::2]),
        _pair(powers, noise, rich[1::2]),
    )


def _clear(powers: Sequence[np.ndarray], noise: Sequence[np.ndarray], blocks: np.ndarray) -> float:
    return float(_pair(powers, noise, blocks).weight.sum() * len(blocks))


def _not_shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Power (N,) of what blocks of one content do not share; a remainder of motion makes it larger."""
    a, b = (np.square(np.abs(side)).mean(axis=0, dtype=np.float64) for side in (first, second))
    across = (first * second.conj()).real.mean(axis=0, dtype=np.float64)
    return not_shared(a, b, across)


class _Pair:
    def __init__(self, first: _Powers, second: _Powers) -> None:
        above = [
            np.clip((1 - x.noise / x.edges - BY_CHANCE) / (1 - BY_CHANCE), 0, 1)
            for x in (first, second)
        ]
        self.weight = np.square(np.maximum(*above))
        # what the sharper frame shows, what is there without it, and the log of what the other shows
        sides = (
            (x.signal, LEAK * x.signal + y.noise, np.log(y.edges + LEAK * x.signal))
            for x, y in ((first, second), (second, first))
        )
        self._sides = tuple(zip(*sides, strict=True))

    def left(self, lost: Kernel, back: Kernel) -> float:
        """Mean square of the log power left where the second lost this and the first lost that."""
        ratio = np.log(_passed(lost) / _passed(back))
        return float(self.left_of(ratio[None])[0])

    def left_of(self, ratio: np.ndarray, some: slice = slice(None)) -> np.ndarray:
        weight = self.weight[some]
        return np.asarray(np.square(self._errors(ratio, some)) @ weight / weight.sum())

    def in_rings(self, lost: Kernel, back: Kernel) -> float:
        return float(self.in_rings_of(np.log(_passed(lost) / _passed(back))[None])[0])

    def in_rings_of(self, ratio: np.ndarray) -> np.ndarray:
        weight = self.weight @ rings()
        mean = (self._errors(ratio, slice(None)) * self.weight) @ rings() / np.maximum(weight, 1e-9)
        return np.asarray(np.square(mean) @ weight / weight.sum())

    def _errors(self, ratio: np.ndarray, some: slice) -> np.ndarray:
        weight, less = self.weight[some], ratio <= 0
        more, kept, seen = (np.where(less, one[some], other[some]) for one, other in self._sides)
        error = np.log(np.exp(-np.abs(ratio)) * more + kept) - seen
        error = np.where(less, error, -error)
        gain = np.clip(error @ weight / weight.sum(), -GAIN, GAIN)
        return np.asarray(error - gain[:, None])


NOTHING = (Kernel(), Kernel())


@lru_cache(maxsize=4000)  # 10 MB; searches visit the same kernels in every pair
def _passed(kernel: Kernel) -> np.ndarray:
    return kernel.passed()[usable()]


@cache
def _gaussians() -> tuple[tuple[Kernel, ...], np.ndarray]:
    return _tried(Kernel(sigma_px=float(s)) for s in SIGMAS)


@cache
def _lines() -> tuple[tuple[Kernel, ...], np.ndarray]:
    return _tried(Kernel(sigma_px=float(s), angle=float(a)) for s in SIGMAS for a in ANGLES)


@cache
def _pairs_of_lines() -> tuple[list[tuple[Kernel, Kernel]], np.ndarray]:
    """Pairs of lines at any angles and, in finer steps, at the same; (K, N) log ratios of what passes."""
    lines, logs = _lines()
    places = list(product([k for k in range(len(lines)) if k // len(ANGLES) % 2], repeat=2))
    pairs = [(lines[k], lines[m]) for k, m in places]
    ratios = [logs[k] - logs[m] for k, m in places]
    for angle in np.deg2rad(np.arange(0.0, 180.0, SAME_ANGLE)):
        same, passed = _tried(Kernel(sigma_px=float(s), angle=float(angle)) for s in SIGMAS[1:-2])
        for k, m in permutations(range(len(same)), 2):
            pairs.append((same[k], same[m]))
            ratios.append(passed[k] - passed[m])
    return pairs, np.array(ratios)[:, EVERY]


def _tried(kernels: Iterable[Kernel]) -> tuple[tuple[Kernel, ...], np.ndarray]:
    made = tuple(kernels)
    return made, np.log([_passed(kernel) for kernel in made])


def _best(pair: _Pair) -> tuple[Kernel, Kernel]:
    enough = max(GOOD, LITTLE * pair.left(*NOTHING))
    best = _one_sided(pair, *_gaussians())
    if pair.left(*best) < enough:
        return best
    line = _one_sided(pair, *_lines())
    best = line if pair.left(*line) < BETTER * pair.left(*best) else best
    if pair.left(*best) < enough:
        return best
    pairs, logs = _pairs_of_lines()
    two = _promising(pair, *pairs[int(pair.left_of(logs, EVERY).argmin())])
    return two if pair.left(*two) < BETTER * pair.left(*best) else best


def _one_sided(pair: _Pair, kernels: tuple[Kernel, ...], logs: np.ndarray) -> tuple[Kernel, Kernel]:
    left = pair.left_of(np.concatenate([logs, -logs]))
    place = int(left.argmin())
    kernel = kernels[place % len(kernels)]
    return _promising(pair, *((kernel, Kernel()) if place < len(kernels) else (Kernel(), kernel)))


def _promising(pair: _Pair, lost: Kernel, back: Kernel) -> tuple[Kernel, Kernel]:
    """The kernels refined, or as they are where they predict so little that no other block will do."""
    good = pair.left(lost, back) <= PREDICTED * pair.left(*NOTHING)
    return _refined(pair, lost, back) if good else (lost, back)


def _refined(pair: _Pair, lost: Kernel, back: Kernel) -> tuple[Kernel, Kernel]:
    """The kernels of the same kinds, near these, that leave least (Nelder & Mead 1965)."""
    start = [*_numbers(lost), *_numbers(back)]
    of_lost = len(_numbers(lost))

    def made(x: np.ndarray) -> tuple[Kernel, Kernel]:
        return _kernel(x[:of_lost]), _kernel(x[of_lost:])

    size = len(start)
    fit = optimize.minimize(
        lambda x: pair.left(*made(x)),
        start,
        method="Nelder-Mead",
        options={
            "initial_simplex": np.array(start) + np.vstack([np.zeros(size), 0.12 * np.eye(size)]),
            "xatol": 0.02,
            "fatol": 1e-4,
            "maxfev": 15 + 25 * size,
        },
    )
    return made(fit.x)


def _numbers(kernel: Kernel) -> list[float]:
    if not kernel.there:
        return []
    return [math.log(kernel.sigma_px), *([] if math.isnan(kernel.angle) else [kernel.angle])]


def _kernel(numbers: np.ndarray) -> Kernel:
    if not len(numbers):
        return Kernel()
    # in steps far below the error, so that other pairs find what passes a kernel already computed
    log_sigma, *angle = (FINEST * float(np.rint(x / FINEST)) for x in numbers)
    sigma = min(max(math.exp(log_sigma), 0.1), 1.5 * LARGEST_SIGMA)
    return Kernel(sigma_px=sigma, angle=angle[0] % math.pi if angle else math.nan)


def _signed(lost: Kernel, back: Kernel) -> Blur:
    sign = 1 if lost.sigma_px >= back.sigma_px else -1
    more, less = (lost, back)[::sign]
    same = (
        less.there and abs((more.angle - less.angle + math.pi / 2) % math.pi - math.pi / 2) < SAME
    )
    if math.sqrt(max(0.0, more.sigma_px**2 - same * less.sigma_px**2)) < SMALLEST_SIGMA:
        return Blur()
    less = less if less.sigma_px >= SMALLEST_SIGMA else Kernel()
    return Blur(sigma_px=sign * more.sigma_px, angle=more.angle, back=less)
