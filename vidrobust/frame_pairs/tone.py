"""How the levels changed between two aligned frames, in a form that can be played again.

::

    b = colour(light(a))     light:   y = offset + gain 255 (x / 255)^power    one curve for all channels
                             colour:  y = matrix x + constant [+ chroma(x) v(hue(x))]

Both are fitted to averages of 8 x 8 pixels, since noise and the last tenth of a pixel of misalignment would
make a fit to single pixels too flat. A strong turn of hue is no matrix: where a matrix leaves much, v is free
at 24 hues, if that predicts cells it was not fitted to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from vidrobust.frame_pairs.robust import absolute, biweight, root_mean_square, spread
from vidrobust.frames.pixels import LUMA

CELL = 8  # side, px, of the averages that are compared
MIN_CELLS = 24  # fewest clear cells for a fit
# least share of a cell's pixels that must be visible in both frames and clipped in neither
CLEAR = 0.9
# A change with a smaller root mean square, levels, is within the rounding of 8 bits and taken as none.
SMALLEST = 0.25
ROUNDED = 0.3  # smallest scale of residuals, levels: what rounding leaves is alike in all cells of one level
# most rounds of least absolute deviations, and then of the biweight
ABSOLUTE, BIWEIGHT = 8, 15
SETTLED = 0.005  # levels by which no cell changes in a round after which no further one follows
# Standard deviations that are taken as usual; they matter only where a picture is too flat to tell them
# apart.
LIGHT_PRIOR = (0.5, 40.0, 0.3)  # of gain, offset (levels) and power
COLOUR_PRIOR = (0.3, 15.0)  # of the entries of the matrix, and of the constant (levels)
HUE_PRIOR = 0.5  # of what is added at a hue, as a multiple of chroma
NO_POWER = 1e-3  # standard deviation of the power where noise is strong: none is fitted
# Most rounds in which the curve of light is fitted, its last step in power, and the powers that are allowed.
ROUNDS, CLOSE, POWERS = 6, 0.02, (0.25, 4.0)
# Variance of the levels, over the noise's, from which it is seen through the noise; below, the expected value
# is held this firmly.
MORE, HOLD = 3.0, 100.0
STRONG = 3.0  # change of colour, levels rms, above which a matrix may not be all of it
WELL = 2.0  # a matrix that leaves less, levels squared, is all of it
FAR = 15.0  # cells with a larger remainder, levels, are not aligned
# Hues are taken where they leave less than this share of what a matrix leaves in cells neither was fitted to.
BETTER = 0.5
TRIED = 1500  # cells that are enough to see that
KNOTS = 24  # hues at which v is free


@dataclass(frozen=True, kw_only=True)
class Tone:
    """The change of levels from frame a to frame b, in levels of 255."""

    # gain, offset, power: The light's curve; 1, 0, 1 is none
    gain: float = 1.0
    offset: float = 0.0
    power: float = 1.0
    # matrix, constant: (3, 3) and (3,) float64; The colour's map after the light; identity and zero are none
    matrix: np.ndarray
    constant: np.ndarray
    cells: int  # Cells of 8 x 8 pixels that were compared
    # (KNOTS, 3) float64: What is added at each hue, as a multiple of chroma
    hues: np.ndarray | None = None
    # (4 + KNOTS, 3) float64: Matrix, constant and hues of the way back, where there are hues
    back: np.ndarray | None = None

    @property
    def has_light(self) -> bool:
        return (self.gain, self.offset, self.power) != (1.0, 0.0, 1.0)

    @property
    def has_colour(self) -> bool:
        linear = np.array_equal(self.matrix, np.eye(3)) and not self.constant.any()
        return self.hues is not None or not linear

    def light(self, levels: np.ndarray) -> np.ndarray:
        """Apply the light's change alone: levels of any shape -> float32, not clipped."""
        x = levels.astype(np.float32)
        if not self.has_light:
            return x
        return np.asarray(
            self.offset + self.gain * (x if self.power == 1 else _power(x, self.power))
        )

    def colour(self, levels: np.ndarray) -> np.ndarray:
        """Apply the colour's change alone: (..., 3) -> float32, not clipped."""
        x = levels.astype(np.float32)
        if not self.has_colour:
            return x
        y = x @ self.matrix.T.astype(np.float32) + self.constant.astype(np.float32)
        return np.asarray(y if self.hues is None else y + at_hues(x, self.hues))

    def uncoloured(self, levels: np.ndarray) -> np.ndarray:
        """Undo the colour's change: (..., 3) levels after it -> float32 levels before it."""
        y = levels.astype(np.float32)
        if self.back is None:
            back = np.linalg.inv(self.matrix).T.astype(np.float32)
            return np.asarray((y - self.constant.astype(np.float32)) @ back)
        matrix, constant = self.back[:3].astype(np.float32), self.back[3].astype(np.float32)
        return np.asarray(y @ matrix + constant + at_hues(y, self.back[4:]))

    def turned(self, colours: np.ndarray) -> tuple[float, float]:
        """Return the turn of the hue, degrees, and the ratio of the chroma, of (n, 3) colours."""
        after = self.colour(colours)
        ratio = float(chroma_of(after).mean() / max(float(chroma_of(colours).mean()), 1.0))
        return turn_deg(colours, after), ratio


def no_tone(cells: int = 0) -> Tone:
    return Tone(matrix=np.eye(3), constant=np.zeros(3), cells=cells)


def fit_tone(a: np.ndarray, b: np.ndarray, visible: np.ndarray, noise: float = 0.0) -> Tone:
    """Fit light and colour between frame a (H, W, 3) uint8, moved onto b, and b, where both are ``visible``.

    ``noise``, levels of luma, is taken off, as it would make every change flatter.
    """
    cells = Cells(visible & unclipped(a, b))
    x, y = cells.of(a), cells.of(b)
    light = fit_light(a, cells, x, y, _luma, noise)
    lit = cells.of(light.light(a)) if light.has_light else x
    tone = _with_matrix(light, lit, y, noise) if len(x) >= MIN_CELLS else light
    some = a[::CELL, ::CELL].astype(np.float32)
    if root_mean_square(tone.colour(some) - some) < STRONG:
        return tone
    return _fit_strong(light, tone, a, cells, x, y)


def fit_colour(light: Tone, x: np.ndarray, y: np.ndarray) -> Tone:
    """Add to a light the colour that takes the means x (n, 3), of a in the light of b, to those of b."""
    return _with_matrix(light, x, y) if len(x) >= MIN_CELLS else light


def unclipped(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the pixels with no clipped channel in either picture, (H, W) bool."""
    bright = cv2.inRange(cv2.min(a, b), (2, 2, 2), (255, 255, 255))
    return np.asarray((bright & cv2.inRange(cv2.max(a, b), (0, 0, 0), (253, 253, 253))) > 0)


class Cells:
    """Means over the cells of 8 x 8 pixels that are nearly ``clear`` (H, W) bool."""

    def __init__(self, clear: np.ndarray) -> None:
        self.clear = clear
        self._size = (max(1, clear.shape[1] // CELL), max(1, clear.shape[0] // CELL))
        share = self._averaged(clear.astype(np.float32))
        self._mostly = share >= CLEAR
        self._share = share[self._mostly][:, None]

    def of(self, picture: np.ndarray) -> np.ndarray:
        """Return the means (n, 3) float64 of a picture (H, W, 3)."""
        # else 0
        seen = cv2.copyTo(picture, self.clear.view(np.uint8)).astype(np.float32, copy=False)
        return np.asarray((self._averaged(seen)[self._mostly] / self._share).astype(np.float64))

    def _averaged(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(values, self._size, interpolation=cv2.INTER_AREA))


def _power(x: np.ndarray, power: float) -> np.ndarray:
    x = x.astype(np.float32)
    return np.asarray(x * np.power(np.maximum(x, 1) / 255, np.float32(power - 1)))


def _curves(power: float) -> tuple[np.ndarray, np.ndarray]:
    """Tables of 8 bits: the levels to this power, and what a little more power does to that."""
    x = np.arange(256, dtype=np.float32)
    table = _power(x, power)
    return table, table * np.log(np.maximum(x, 1) / 255)


def _luma(colours: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.asarray(of @ LUMA)


def _lightness(colours: np.ndarray, of: np.ndarray) -> np.ndarray:
    ends = np.stack([colours.argmax(axis=1), colours.argmin(axis=1)], axis=1)
    return np.asarray(np.take_along_axis(of, ends, axis=1).mean(axis=1))


def fit_light(
    a: np.ndarray,
    cells: Cells,
    x: np.ndarray,
    y: np.ndarray,
    grey: Callable[[np.ndarray, np.ndarray], np.ndarray] = _luma,
    noise: float = 0.0,
) -> Tone:
    """Fit light alone; x and y (n, 3) are the means in ``cells`` of frame a (H, W, 3) uint8 and of b."""
    # Gauss-Newton in the power of a curve of single channels, fitted to grey averages of its result
    variance, power = (noise / CELL) ** 2, 1.0
    prior = np.array(LIGHT_PRIOR if noise == 0 else (*LIGHT_PRIOR[:2], NO_POWER))
    for _ in range(ROUNDS):
        if len(x) < MIN_CELLS:
            break
        # a power of 1 leaves the picture as it is
        of_power, of_more = _curves(power)
        made = x if power == 1 else cells.of(cv2.LUT(a, of_power))
        more = cells.of(cv2.LUT(a, of_more))
        design = np.column_stack([grey(x, made), np.ones(len(x)), grey(x, more)])
        expected = np.array([[1.0], [0.0], [1.0 - power]])
        fit = _robust(design, grey(y, y)[:, None], expected, prior, variance, 1)[:, 0]
        gain, offset = float(fit[0]), float(fit[1])
        if power == 1 and root_mean_square(design @ fit - grey(x, x)) < _smallest(design, variance):
            break
        step = float(fit[2]) / gain if gain > 0 else 0.0
        power = float(np.clip(power + step, *POWERS))
        if abs(step) < CLOSE:
            return replace(no_tone(len(x)), gain=gain, offset=offset, power=power)
    return no_tone(len(x))


def _with_matrix(tone: Tone, lit: np.ndarray, y: np.ndarray, noise: float = 0.0) -> Tone:
    design, variance = _design(lit, with_hues=False), (noise / CELL) ** 2 / float(LUMA @ LUMA)
    fit = _colours(design, y, variance)
    if root_mean_square(design @ fit - lit) < _smallest(design, variance):
        return tone
    return replace(tone, matrix=fit[:3].T.copy(), constant=fit[3].copy())


def _fit_strong(
    light: Tone, tone: Tone, a: np.ndarray, cells: Cells, x: np.ndarray, y: np.ndarray
) -> Tone:
    other = fit_light(a, cells, x, y, _lightness)
    if root_mean_square(other.light(x) - x) < root_mean_square(light.light(x) - x):
        light, toned = other, _with_matrix(other, other.light(x).astype(np.float64), y)
        tone = min(toned, tone, key=lambda each: max(WELL, _left(each.colour(each.light(x)), x, y)))
    if _left(tone.colour(tone.light(x)), x, y) < WELL:
        return tone
    return _with_hues(light, x, y) or tone


def _with_hues(tone: Tone, x: np.ndarray, y: np.ndarray) -> Tone | None:
    """With what each hue becomes; None where that predicts other cells hardly better than a matrix does."""
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
    fit, back = _colours(free, y), _colours(_design(y, with_hues=True), lit)
    return replace(
        tone, matrix=fit[:3].T.copy(), constant=fit[3].copy(), hues=fit[4:].copy(), back=back
    )


def _design(colours: np.ndarray, *, with_hues: bool) -> np.ndarray:
    one = np.ones((len(colours), 1))
    return np.hstack([colours, one, hue_basis(colours)] if with_hues else [colours, one])


def _smallest(design: np.ndarray, noise: float) -> float:
    """Smallest change, levels rms: less is rounding, or what noise of this variance in the cells makes."""
    return max(SMALLEST, 3 * float(np.sqrt(noise * design.shape[1] / len(design))))


def _colours(design: np.ndarray, y: np.ndarray, noise: float = 0.0) -> np.ndarray:
    """Matrix, constant, and hues where the design has them, (p, 3); ``noise``: a cell's variance."""
    entry, constant = COLOUR_PRIOR
    prior = np.full(design.shape[1], HUE_PRIOR)
    prior[:4] = entry, entry, entry, constant
    return _robust(design, y, np.eye(design.shape[1], 3), prior, noise, 3)


def _left(made: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Mean square of what is left of the colours, weighed by chroma; no cell counts as more than FAR."""
    weight = chroma_of(x) + 1.0
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
    # First by least absolute deviations, which have one solution, then with Tukey's biweight: begun at no
    # change it may take the levels of a small part for outliers. Ten neighbouring cells count as one
    # observation against the prior. ``noise`` is the variance in the first ``noisy`` columns; it is taken off
    # their moments (Fuller 1987).
    fit, made = expected, design @ expected
    residual = np.linalg.norm(y - made, axis=1)
    residual = np.abs(residual - np.median(residual))
    for weigh, rounds in ((absolute, ABSOLUTE), (biweight, BIWEIGHT)):
        for _ in range(rounds):
            scale = spread(residual, ROUNDED)
            weight = weigh(residual, scale)
            strength = 10 * scale**2 / prior**2
            normal = design.T @ (design * weight[:, None]) + np.diag(strength)
            target = design.T @ (y * weight[:, None]) + strength[:, None] * expected
            if noise > 0:
                less, held = _noise_off(design[:, :noisy], weight, noise)
                normal[:noisy, :noisy] += held - less
                target[:noisy] += held @ expected[:noisy]
            fit, before = np.linalg.solve(normal, target), made
            made = design @ fit
            residual = np.linalg.norm(y - made, axis=1)
            if np.abs(made - before).max() < SETTLED:
                break
    return fit


def _noise_off(
    levels: np.ndarray, weight: np.ndarray, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """What noise adds to the moments (k, k), and what holds levels hardly above it."""
    total = float(weight.sum())
    off = levels - (weight @ levels) / max(total, 1e-9)
    values, vectors = np.linalg.eigh(off.T @ (off * weight[:, None]) / max(total, 1e-9))
    above, below = (vectors[:, which] for which in (values >= MORE * noise, values < MORE * noise))
    return total * noise * (above @ above.T), HOLD * total * noise * (below @ below.T)


def chroma_of(colours: np.ndarray) -> np.ndarray:
    """Return (...): max less min of the channels of (..., 3) colours, levels."""
    return np.asarray(colours.max(axis=-1) - colours.min(axis=-1))


def hue_of(colours: np.ndarray) -> np.ndarray:
    """Return the hue of (..., 3) colours on the hexagon of HSV, in [0, 6); 0 for grey."""
    red, green, blue = (colours[..., k] for k in range(3))
    most, chroma = colours.max(axis=-1), np.maximum(chroma_of(colours), 1e-6)
    hue = np.where(
        most == red,
        (green - blue) / chroma,
        np.where(most == green, 2 + (blue - red) / chroma, 4 + (red - green) / chroma),
    )
    return np.asarray(np.mod(hue, 6))


def hue_basis(colours: np.ndarray) -> np.ndarray:
    """Return (n, KNOTS): chroma times the hat function of each knot at the colour's hue."""
    place = hue_of(colours) * (KNOTS / 6)
    below = np.floor(place).astype(int)
    part, chroma, rows = place - below, chroma_of(colours), np.arange(len(colours))
    made = np.zeros((len(colours), KNOTS))
    made[rows, below % KNOTS] = chroma * (1 - part)
    made[rows, (below + 1) % KNOTS] += chroma * part
    return made


def at_hues(colours: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return chroma times v(hue) of (..., 3) colours; ``values`` (KNOTS, 3) is v."""
    place = hue_of(colours) * np.float32(KNOTS / 6)
    below = np.floor(place).astype(np.int32)
    part = (place - below).astype(np.float32)[..., None]
    table = values.astype(np.float32)
    v = table[below % KNOTS] * (1 - part) + table[(below + 1) % KNOTS] * part
    return np.asarray(v * chroma_of(colours)[..., None])


def turn_deg(before: np.ndarray, after: np.ndarray) -> float:
    """Return the turn of the hue, degrees, from (n, 3) colours to others, weighed by chroma."""
    weight = np.minimum(chroma_of(before), chroma_of(after))
    angle = (hue_of(after) - hue_of(before)) * (np.pi / 3)
    return float(np.degrees(np.angle((weight * np.exp(1j * angle)).sum())))


def brightest(rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 or float32 -> (H, W) of the same dtype, the largest channel of each pixel."""
    return np.asarray(np.maximum(np.maximum(rgb[..., 0], rgb[..., 1]), rgb[..., 2]))
