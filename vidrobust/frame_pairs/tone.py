"""How the levels changed between two aligned frames: light (one curve for all) and colour (what is left).

    b  =  colour( light( a ) )      light:   y = offset + gain 255 (x / 255)^power
                                    colour:  y = matrix x + constant [+ chroma(x) v(hue(x))]

What a strong turn of hue does is no matrix: where one that changes the picture leaves much, each hue may become
what it will (``hues.py``), if that, fitted to every other cell, foretells the cells between. Beside a strong
change of colour the light is fitted to luma or to the mean of the largest and the smallest channel, which a
turn of hue leaves alone, whichever changes less.

The two compose to the whole change, and each can be played alone. Both are fitted on averages of 8 x 8 pixels,
since noise and the last tenth of a pixel of misalignment would make a fit on single pixels flatter than the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vidrobust.frame_pairs import hues
from vidrobust.frame_pairs.robust import absolute, biweight, spread
from vidrobust.frames.pixels import LUMA

CELL = 8
"""Side, px, of the averages that are compared."""
MIN_CELLS = 24
"""Fewest clear cells for a fit."""
CLEAR = 0.9
"""Share of a cell's pixels that must be visible in both frames and not clipped in either."""
SMALLEST = 0.25
"""A change whose root mean square is below a quarter of a level is within the rounding of 8 bits: none."""
ROUNDED = 0.3
"""Scale, levels, of what rounding leaves in cells of one level, alike in all: no smaller one is believed."""
ABSOLUTE, BIWEIGHT = 8, 15
"""Rounds of least absolute deviations, and then of the biweight."""
LIGHT_PRIOR = (0.5, 40.0, 0.3)
"""Standard deviation of gain, offset and power that is taken as usual; it matters only where a picture is too flat
to separate them."""
COLOUR_PRIOR = (0.3, 15.0)
"""The same for the entries of the matrix and for the constant, levels."""
NO_POWER = 1e-3
"""Standard deviation of the power where noise is strong: none."""
ROUNDS, CLOSE, POWERS = 6, 0.02, (0.25, 4.0)
"""Rounds in which the curve of light is fitted, the last step of its power, and the powers that are taken."""
MORE, HOLD = 3.0, 100.0
"""Variance of the levels, in multiples of the noise's, from which it is seen through the noise; and how firmly
what is expected stays where it is not."""
HUE_PRIOR = 0.5
"""The same for what is added at a hue, as a multiple of chroma."""
STRONG = 3.0
"""A change of colour, levels rms, beyond which a matrix may not be all of it."""
WELL = 2.0
"""A matrix that leaves less, levels squared, is all of it."""
FAR = 15.0
"""Cells of which more is left, levels, are not aligned."""
BETTER = 0.5
"""Hues are taken where they leave less than this share of what a matrix leaves in cells neither was fitted to."""
TRIED = 1500
"""So many cells are enough to see that."""


@dataclass(frozen=True, kw_only=True)
class Tone:
    """The change of levels from frame a to frame b, in levels of 255.

    gain, offset, power the light's curve; 1, 0, 1 is none
    matrix, constant    (3, 3) and (3,) the colour's map after the light; identity and zero are none
    hues                (KNOTS, 3) what is added at each hue, as a multiple of chroma; None: nothing
    back                (4 + KNOTS, 3) matrix, constant and hues of the way back, where there are hues
    cells               how many cells of 8 x 8 pixels were compared
    """

    gain: float
    offset: float
    power: float
    matrix: np.ndarray
    constant: np.ndarray
    cells: int
    hues: np.ndarray | None = None
    back: np.ndarray | None = None

    @property
    def has_light(self) -> bool:
        """Whether there is a change of light beyond rounding."""
        return (self.gain, self.offset, self.power) != (1.0, 0.0, 1.0)

    @property
    def has_colour(self) -> bool:
        """Whether there is a change of colour beyond rounding."""
        linear = np.array_equal(self.matrix, np.eye(3)) and not self.constant.any()
        return self.hues is not None or not linear

    def light(self, levels: np.ndarray) -> np.ndarray:
        """The light's change alone: levels of any shape -> float32, not clipped."""
        x = levels.astype(np.float32)
        if not self.has_light:
            return x
        return np.asarray(self.offset + self.gain * (x if self.power == 1 else _power(x, self.power)))

    def colour(self, levels: np.ndarray) -> np.ndarray:
        """The colour's change alone: (..., 3) -> float32, not clipped."""
        x = levels.astype(np.float32)
        y = x @ self.matrix.T.astype(np.float32) + self.constant.astype(np.float32)
        return np.asarray(y if self.hues is None else y + hues.added(x, self.hues))

    def uncoloured(self, levels: np.ndarray) -> np.ndarray:
        """The way back: (..., 3) levels after the colour's change -> float32 levels before it."""
        y = levels.astype(np.float32)
        if self.back is None:
            back = np.linalg.inv(self.matrix).T.astype(np.float32)
            return np.asarray((y - self.constant.astype(np.float32)) @ back)
        matrix, constant = self.back[:3].astype(np.float32), self.back[3].astype(np.float32)
        return np.asarray(y @ matrix + constant + hues.added(y, self.back[4:]))


def no_tone(cells: int = 0) -> Tone:
    """No change of levels, or none that could be reported."""
    return Tone(gain=1.0, offset=0.0, power=1.0, matrix=np.eye(3), constant=np.zeros(3), cells=cells)


def fit_tone(a: np.ndarray, b: np.ndarray, visible: np.ndarray, noise: float = 0.0) -> Tone:
    """Light and colour between two aligned frames.

    a, b  (H, W, 3) uint8 RGB, a moved onto b; visible (H, W) bool, where they show the same thing
    noise of luma, levels: taken off what frame a is compared by, where it would make every change flatter
    """
    clear = visible & unclipped(a, b)
    light = fit_light(a, b, clear, noise)
    tone = fit_colour(light, light.light(a), b, clear, noise)
    some = a[::CELL, ::CELL].astype(np.float32)
    if root_mean_square(tone.colour(some) - some) < STRONG:
        return tone
    return _fit_strong(light, tone, a, b, clear)


def fit_light(a: np.ndarray, b: np.ndarray, clear: np.ndarray, noise: float = 0.0) -> Tone:
    """Light alone; clear (H, W) bool, what both frames show, clipped in neither; noise as in ``fit_tone``."""
    return _fit_light(a, b, clear, noise=noise)


def fit_colour(light: Tone, lit: np.ndarray, b: np.ndarray, clear: np.ndarray, noise: float = 0.0) -> Tone:
    """Light, and the colour that takes ``lit`` (H, W, 3), frame a in the light of b, to frame b."""
    x, y = _clear_cells(clear, lit, b)
    return _fit_colour(light, x, y, noise=noise) if len(x) >= MIN_CELLS else light


def unclipped(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of (H, W, 3) pictures that have no channel at an end of the levels in either."""
    bright = cv2.inRange(cv2.min(a, b), (2, 2, 2), (255, 255, 255))
    return np.asarray((bright & cv2.inRange(cv2.max(a, b), (0, 0, 0), (253, 253, 253))) > 0)


def root_mean_square(change: np.ndarray) -> float:
    """Root mean square of a change, levels."""
    return float(np.sqrt(np.mean(np.square(change, dtype=np.float64))))


def _clear_cells(clear: np.ndarray, *pictures: np.ndarray) -> list[np.ndarray]:
    """(n, 3) float64 averages of each picture over the clear pixels of the cells that are mostly clear."""
    mask = clear.astype(np.float32)
    size = (max(1, clear.shape[1] // CELL), max(1, clear.shape[0] // CELL))

    def average(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))

    share = average(mask)
    mostly = share >= CLEAR
    of = share[mostly][:, None]
    seen = (cv2.copyTo(f, clear.view(np.uint8)).astype(np.float32) for f in pictures)  # 0 where not clear
    return [(average(levels)[mostly] / of).astype(np.float64) for levels in seen]


def _power(x: np.ndarray, power: float) -> np.ndarray:
    """255 (x / 255)^power, float32; below 1 a line to 0."""
    x = x.astype(np.float32)
    return np.asarray(x * np.power(np.maximum(x, 1) / 255, np.float32(power - 1)))


def _curves(a: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) float32: a picture of 8 bits to this power, and what a little more power does to that."""
    x = np.arange(256, dtype=np.float32)
    table = _power(x, power)
    return cv2.LUT(a, table), cv2.LUT(a, table * np.log(np.maximum(x, 1) / 255))


def _luma(colours: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.asarray(of @ LUMA)


def _lightness(colours: np.ndarray, of: np.ndarray) -> np.ndarray:
    """What a turn of the HSV hue leaves alone: of the largest and the smallest channel of the colours."""
    ends = np.stack([colours.argmax(axis=1), colours.argmin(axis=1)], axis=1)
    return np.asarray(np.take_along_axis(of, ends, axis=1).mean(axis=1))


def _fit_light(
    a: np.ndarray,
    b: np.ndarray,
    clear: np.ndarray,
    grey: Callable[[np.ndarray, np.ndarray], np.ndarray] = _luma,
    noise: float = 0.0,
) -> Tone:
    """The curve acts on single channels of pixels, and is fitted to grey averages of what it makes of them.

    Gauss-Newton in the power: the line through what is found is fitted again until it moves by less than CLOSE.
    """
    own, power = (noise / CELL) ** 2, 1.0
    prior = np.array(LIGHT_PRIOR if noise == 0 else (*LIGHT_PRIOR[:2], NO_POWER))
    for _ in range(ROUNDS):
        x, y, made, more = _clear_cells(clear, a, b, *_curves(a, power))
        if len(x) < MIN_CELLS:
            break
        design = np.column_stack([grey(x, made), np.ones(len(x)), grey(x, more)])
        expected = np.array([[1.0], [0.0], [1.0 - power]])
        found = _robust(design, grey(y, y)[:, None], expected, prior, own, 1)[:, 0]
        gain, offset = float(found[0]), float(found[1])
        if power == 1 and root_mean_square(design @ found - grey(x, x)) < _smallest(design, own):
            break
        step = float(found[2]) / gain if gain > 0 else 0.0
        power = float(np.clip(power + step, *POWERS))
        if abs(step) < CLOSE:
            return Tone(
                gain=gain, offset=offset, power=power, matrix=np.eye(3), constant=np.zeros(3), cells=len(x)
            )
    return no_tone(len(x))


def _fit_colour(tone: Tone, lit: np.ndarray, y: np.ndarray, noise: float = 0.0) -> Tone:
    design, own = _design(lit, with_hues=False), (noise / CELL) ** 2 / float(LUMA @ LUMA)
    found = _colours(design, y, own)
    if root_mean_square(design @ found - lit) < _smallest(design, own):
        return tone
    return replace(tone, matrix=found[:3].T.copy(), constant=found[3].copy())


def _fit_strong(light: Tone, tone: Tone, a: np.ndarray, b: np.ndarray, clear: np.ndarray) -> Tone:
    """A strong change of colour: in the light that changes less, and with hues where a matrix leaves much."""
    x, y = _clear_cells(clear, a, b)
    other = _fit_light(a, b, clear, _lightness)
    if root_mean_square(other.light(x) - x) < root_mean_square(light.light(x) - x):
        light, found = other, _fit_colour(other, other.light(x).astype(np.float64), y)
        tone = min(found, tone, key=lambda each: max(WELL, _left(each.colour(each.light(x)), x, y)))
    if _left(tone.colour(tone.light(x)), x, y) < WELL:
        return tone
    return _fit_hues(light, x, y) or tone


def _fit_hues(tone: Tone, x: np.ndarray, y: np.ndarray) -> Tone | None:
    """With what each hue becomes; None where that foretells other cells hardly better than a matrix does."""
    lit = tone.light(x).astype(np.float64)
    linear, free = _design(lit, with_hues=False), _design(lit, with_hues=True)
    some = slice(None, None, max(1, len(x) // TRIED))
    left = []
    for design in (linear[some], free[some]):
        ahead = np.empty_like(y[some])
        for half, other in ((0, 1), (1, 0)):
            ahead[other::2] = design[other::2] @ _colours(design[half::2], y[some][half::2])
        left.append(_left(ahead, x[some], y[some]))
    if not left[1] < BETTER * left[0]:
        return None
    found, back = _colours(free, y), _colours(_design(y, with_hues=True), lit)
    return replace(
        tone, matrix=found[:3].T.copy(), constant=found[3].copy(), hues=found[4:].copy(), back=back
    )


def _design(colours: np.ndarray, *, with_hues: bool) -> np.ndarray:
    one = np.ones((len(colours), 1))
    return np.hstack([colours, one, hues.basis(colours)] if with_hues else [colours, one])


def _smallest(design: np.ndarray, noise: float) -> float:
    """A change of less, levels rms, is within the rounding, or what noise of this variance in the cells makes."""
    return max(SMALLEST, 3 * float(np.sqrt(noise * design.shape[1] / len(design))))


def _colours(design: np.ndarray, y: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """(p, 3) the matrix, the constant, and the hues where the design has them; noise of a cell, variance."""
    entry, constant = COLOUR_PRIOR
    prior = np.full(design.shape[1], HUE_PRIOR)
    prior[:4] = entry, entry, entry, constant
    return _robust(design, y, np.eye(design.shape[1], 3), prior, noise, 3)


def _left(made: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Mean square of what is left of the colours, levels squared, by chroma; no cell counts as more than FAR."""
    weight = hues.chroma_of(x) + 1.0
    squares = np.minimum(np.square(made - y).sum(axis=1), FAR**2)
    return float((weight * squares).sum() / weight.sum())


def _robust(
    design: np.ndarray,
    y: np.ndarray,
    expected: np.ndarray,
    prior: np.ndarray,
    noise: float = 0.0,
    noisy: int = 0,
) -> np.ndarray:
    """Reweighted least squares, drawn towards ``expected`` by a normal prior.

    First by least absolute deviations, of which there is one solution, then with Tukey's biweight: begun where
    nothing has changed it may take the levels of a small part of the picture for outliers.

    design (n, p), y (n, q), expected (p, q), prior (p,) standard deviations -> (p, q). Neighbouring cells are not
    independent; ten of them are counted as one observation against the prior.

    noise  variance in the first ``noisy`` columns of the design, each for itself. It is taken off their moments
           (Fuller, "Measurement error models", 1987); where it is a third of them or more what is expected stays
    """
    found = expected
    residual = np.linalg.norm(y - design @ found, axis=1)
    residual = np.abs(residual - np.median(residual))
    for number in range(ABSOLUTE + BIWEIGHT):
        scale = spread(residual, ROUNDED)
        weight = (absolute if number < ABSOLUTE else biweight)(residual, scale)
        strength = 10 * scale**2 / prior**2
        normal = design.T @ (design * weight[:, None]) + np.diag(strength)
        target = design.T @ (y * weight[:, None]) + strength[:, None] * expected
        if noise > 0:
            less, held = _noise_off(design[:, :noisy], weight, noise)
            normal[:noisy, :noisy] += held - less
            target[:noisy] += held @ expected[:noisy]
        found = np.linalg.solve(normal, target)
        residual = np.linalg.norm(y - design @ found, axis=1)
    return found


def _noise_off(levels: np.ndarray, weight: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """(k, k) what the noise adds to the moments of (n, k) levels, and what holds those that are hardly more."""
    total = float(weight.sum())
    off = levels - (weight @ levels) / max(total, 1e-9)
    values, vectors = np.linalg.eigh(off.T @ (off * weight[:, None]) / max(total, 1e-9))
    above, below = (vectors[:, which] for which in (values >= MORE * noise, values < MORE * noise))
    return total * noise * (above @ above.T), HOLD * total * noise * (below @ below.T)
