"""How the levels changed between two aligned frames: light (one curve for all) and colour (what is left).

    b  =  colour( light( a ) )      light:   y = offset + gain x + bend x ln(x / 255)
                                    colour:  y = matrix x + constant

The two compose to the whole change, and each can be played alone. Both are fitted on averages of 8 x 8 pixels,
since noise and the last tenth of a pixel of misalignment would make a fit on single pixels flatter than the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.frames.pixels import LUMA

CELL = 8
"""Side, px, of the averages that are compared."""
MIN_CELLS = 24
"""Fewest clear cells for a fit."""
CLEAR = 0.9
"""Share of a cell's pixels that must be visible in both frames and not clipped in either."""
SMALLEST = 0.25
"""A change whose root mean square is below a quarter of a level is within the rounding of 8 bits: none."""
TUKEY_BIWEIGHT = 4.685
"""Tukey's biweight constant."""
LIGHT_PRIOR = (0.5, 40.0, 0.3)
"""Standard deviation of gain, offset and bend that is taken as usual; it matters only where a picture is too flat
to separate them."""
COLOUR_PRIOR = (0.3, 15.0)
"""The same for the entries of the matrix and for the constant, levels."""


@dataclass(frozen=True, kw_only=True)
class Tone:
    """The change of levels from frame a to frame b, in levels of 255.

    gain, offset, bend  the light's curve; 1, 0, 0 is none; bend is how a gamma of 1 + bend begins
    matrix, constant    (3, 3) and (3,) the colour's map after the light; identity and zero are none
    cells               how many cells of 8 x 8 pixels were compared
    """

    gain: float
    offset: float
    bend: float
    matrix: np.ndarray
    constant: np.ndarray
    cells: int

    @property
    def has_light(self) -> bool:
        """Whether there is a change of light beyond rounding."""
        return (self.gain, self.offset, self.bend) != (1.0, 0.0, 0.0)

    @property
    def has_colour(self) -> bool:
        """Whether there is a change of colour beyond rounding."""
        return not (np.array_equal(self.matrix, np.eye(3)) and not self.constant.any())

    def light(self, levels: np.ndarray) -> np.ndarray:
        """The light's change alone: levels of any shape -> float32, not clipped."""
        x = levels.astype(np.float32)
        if not self.has_light:
            return x
        y: np.ndarray = self.offset + self.gain * x
        return y if self.bend == 0 else y + self.bend * _curve(x)

    def colour(self, levels: np.ndarray) -> np.ndarray:
        """The colour's change alone: (..., 3) -> float32, not clipped."""
        x = levels.astype(np.float32)
        return np.asarray(x @ self.matrix.T.astype(np.float32) + self.constant.astype(np.float32))


def no_tone(cells: int = 0) -> Tone:
    """No change of levels, or none that could be reported."""
    return Tone(gain=1.0, offset=0.0, bend=0.0, matrix=np.eye(3), constant=np.zeros(3), cells=cells)


def fit_tone(a: np.ndarray, b: np.ndarray, visible: np.ndarray) -> Tone:
    """Light and colour between two aligned frames.

    a, b  (H, W, 3) uint8 RGB, a moved onto b; visible (H, W) bool, where they show the same thing
    """
    clear = visible & unclipped(a, b)
    tone = fit_light(a, b, clear)
    return fit_colour(tone, tone.light(a), b, clear)


def fit_light(a: np.ndarray, b: np.ndarray, clear: np.ndarray) -> Tone:
    """Light alone; clear (H, W) bool, what both frames show, clipped in neither."""
    x, y = _clear_cells(a, b, clear)
    return _fit_light(x, y) if len(x) >= MIN_CELLS else no_tone(len(x))


def fit_colour(light: Tone, lit: np.ndarray, b: np.ndarray, clear: np.ndarray) -> Tone:
    """Light, and the colour that takes ``lit`` (H, W, 3), frame a in the light of b, to frame b."""
    x, y = _clear_cells(lit, b, clear)
    return _fit_colour(light, x, y) if len(x) >= MIN_CELLS else light


def unclipped(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels of (H, W, 3) pictures that have no channel at an end of the levels in either."""
    bright = cv2.inRange(cv2.min(a, b), (2, 2, 2), (255, 255, 255))
    return np.asarray((bright & cv2.inRange(cv2.max(a, b), (0, 0, 0), (253, 253, 253))) > 0)


def root_mean_square(change: np.ndarray) -> float:
    """Root mean square of a change, levels."""
    return float(np.sqrt(np.mean(np.square(change, dtype=np.float64))))


def _clear_cells(a: np.ndarray, b: np.ndarray, clear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) float64 averages of both frames over the clear pixels of the cells that are mostly clear."""
    mask = clear.astype(np.float32)
    size = (max(1, a.shape[1] // CELL), max(1, a.shape[0] // CELL))

    def average(values: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA))

    share = average(mask)
    mostly = share >= CLEAR
    x, y = (average(f.astype(np.float32) * mask[..., None])[mostly] / share[mostly][:, None] for f in (a, b))
    return x.astype(np.float64), y.astype(np.float64)


def _curve(x: np.ndarray) -> np.ndarray:
    """x ln(x / 255): how 255 (x / 255)^gamma leaves x as gamma leaves 1."""
    return np.asarray(x * np.log(np.maximum(x, 1) / 255))


def _fit_light(x: np.ndarray, y: np.ndarray) -> Tone:
    x1, y1 = x @ LUMA, y @ LUMA
    design = np.column_stack([x1, np.ones(len(x1)), _curve(x1)])
    found = _robust(design, y1[:, None], np.array([[1.0], [0.0], [0.0]]), np.array(LIGHT_PRIOR))[:, 0]
    if root_mean_square(design @ found - x1) < SMALLEST:
        return no_tone(len(x))
    gain, offset, bend = (float(v) for v in found)
    return Tone(
        gain=gain,
        offset=offset,
        bend=bend,
        matrix=np.eye(3),
        constant=np.zeros(3),
        cells=len(x),
    )


def _fit_colour(tone: Tone, lit: np.ndarray, y: np.ndarray) -> Tone:
    design = np.column_stack([lit, np.ones(len(lit))])
    entry, constant = COLOUR_PRIOR
    found = _robust(design, y, np.eye(4, 3), np.array([entry, entry, entry, constant]))
    if root_mean_square(design @ found - lit) < SMALLEST:
        return tone
    return Tone(
        gain=tone.gain,
        offset=tone.offset,
        bend=tone.bend,
        matrix=found[:3].T.copy(),
        constant=found[3].copy(),
        cells=tone.cells,
    )


def _robust(design: np.ndarray, y: np.ndarray, expected: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Reweighted least squares (Tukey's biweight), drawn towards ``expected`` by a normal prior.

    design (n, p), y (n, q), expected (p, q), prior (p,) standard deviations -> (p, q). Neighbouring cells are not
    independent; ten of them are counted as one observation against the prior.
    """
    found = expected
    residual = np.linalg.norm(y - design @ found, axis=1)
    residual = np.abs(residual - np.median(residual))
    for _ in range(15):
        scale = max(0.1, 1.4826 * float(np.median(residual)))
        weight = np.clip(1 - (residual / (TUKEY_BIWEIGHT * scale)) ** 2, 0, 1) ** 2
        strength = 10 * scale**2 / prior**2
        normal = design.T @ (design * weight[:, None]) + np.diag(strength)
        target = design.T @ (y * weight[:, None]) + strength[:, None] * expected
        found = np.linalg.solve(normal, target)
        residual = np.linalg.norm(y - design @ found, axis=1)
    return found
