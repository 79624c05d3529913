"""How light changed from place to place between two aligned frames: shadows, gloss, one lamp of several.

::

    b  =  a (1 + f(x, y))        f a smooth field, after the change that all of the picture shares was removed

f is a cubic B-spline with knots a tenth of the width apart, fitted robustly to the means of 8 x 8 pixels: noise
averages out in a block, and a misaligned edge hardly shows in its mean. There is a field only if, fitted to
every other cell of 16 x 16 pixels, it predicts the cells between, which noise and the blocks of a codec do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from vidrobust.frame_pairs import robust, tone
from vidrobust.frames.pixels import SPLINE_REACH, field_of, lattice_side, luma, spline_basis

BLOCK = 8  # side, px, of the blocks whose means are compared
INTERVALS = 10  # knots are this share of the width apart
CELL_BLOCKS = 2  # blocks along the side of a cell that is left out at once when the field is tested
# Least share of the squared difference, in cells that were left out, that the field must predict.
LEAST_PREDICTED = 0.5
# A change with a smaller root mean square, levels, is within the rounding of 8 bits and taken as none.
SMALLEST = tone.SMALLEST
CLEAR = 0.5  # least share of a block's pixels that must be visible in both frames and clipped in neither
MIN_BLOCKS = 60  # fewest clear blocks for a fit
LEAST_SCALE = 0.15  # smallest standard deviation, levels, of a block's mean
PRIOR = 0.3  # usual standard deviation of the gain at a knot; it matters only where next to nothing is seen
# Rounds of least absolute deviations, in the fit that begins with them, and of the biweight.
ABSOLUTE, ROUNDS = 4, 8
STILL = 0.99  # share of a block's pixels that must not move by themselves for it to be still
DARKEST = 0.05  # smallest gain
# Change of colour, levels rms, from which motion is looked for again in frames of equal colour.
STRONG_COLOUR = 6.0
# Rounds in which light that all of the picture shares and light from place to place are fitted in turn.
IN_TURN = 3
FULL = 254  # level from which a pixel may have been brighter than could be recorded


@dataclass(frozen=True, kw_only=True)
class LocalLight:
    """The change of light from place to place, on the grid of b."""

    # (R, C) float64: Gain less 1 at the knots; empty where there is no such change
    lattice: np.ndarray
    width: int  # Px of the frame, which says how far apart the knots are
    # Share of the difference of left-out cells that the field predicts; NaN where none was fitted beyond rounding
    predicted: float
    # (h, w) float32: Gain of light with edges and by rows, beside the lattice's; None where there is none
    edges: np.ndarray | None = None

    @property
    def there(self) -> bool:
        return bool(self.lattice.size) or self.edges is not None

    def gain(self, height: int, width: int) -> np.ndarray:
        """Return the factor of b's levels, (H, W) float32."""
        gain = np.ones((height, width), np.float32)
        if self.lattice.size:
            field = field_of(self.lattice, (height, width), self.width / INTERVALS)
            gain = np.asarray(np.maximum(1 + field, np.float32(DARKEST)))
        if self.edges is None:
            return gain
        same = self.edges.shape == gain.shape
        return gain * (self.edges if same else cv2.resize(self.edges, (width, height)))

    def of(self, levels: np.ndarray) -> np.ndarray:
        """Apply the change to (H, W) or (H, W, 3) levels: float32, not clipped."""
        x = levels.astype(np.float32, copy=False)
        if not self.there:
            return x
        gain = self.gain(*x.shape[:2])
        return np.asarray(x * (gain if x.ndim == 2 else gain[..., None]))

    def about_its_middle(self, shape: tuple[int, ...]) -> LocalLight:
        """Return the field over its median in a picture: the median is not local."""
        middle = float(np.median(self.gain(*shape[:2])[::4, ::4]))
        return replace(self, lattice=(1 + self.lattice) / middle - 1)


def no_local_light(predicted: float = float("nan")) -> LocalLight:
    return LocalLight(lattice=np.zeros((0, 0)), width=0, predicted=predicted)


@dataclass(frozen=True)
class _Target:
    """Luma (H, W) float32 and brightest channel of the picture to which light is fitted."""

    luma: np.ndarray
    brightest: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray) -> _Target:
        return cls(luma(picture.astype(np.float32)), tone.brightest(picture))


def fit_local_light(
    a: np.ndarray,
    b: np.ndarray | _Target,
    visible: np.ndarray,
    *,
    block: int = BLOCK,
    still: np.ndarray | None = None,
) -> LocalLight:
    """Fit the smooth field of gain that takes ``a`` (H, W, 3), brought onto b and into its light, to ``b``.

    Begun at no change, the biweight takes a shadow for outliers where it covers less than half of the
    picture. Where it is known what is ``still`` (H, W) bool, least absolute deviations are tried as a start
    too. As that also follows what moves, it must predict, where it is still, half of what the first fit
    leaves. ``block`` is in px.
    """
    blocks = _blocks(a, b if isinstance(b, _Target) else _Target.of(b), visible, block)
    if int((blocks.weight > 0).sum()) < MIN_BLOCKS:
        return no_local_light()
    rounds = (0,) if still is None else (0, ABSOLUTE)
    lattice, *others = (_fit(blocks, blocks.weight, count) for count in rounds)
    if max(_size(blocks, fit) for fit in (lattice, *others)) < SMALLEST:
        return no_local_light()
    misses = _misses(blocks)
    predicted = 1 - _left(blocks, misses, blocks.weight * _trust(blocks, lattice))
    there = predicted >= LEAST_PREDICTED
    if still is not None:
        (other,) = others
        size = blocks.weight.shape[::-1]
        at_rest = cv2.resize(still.astype(np.float32), size, interpolation=cv2.INTER_AREA) > STILL
        asked = blocks.weight * at_rest * _trust(blocks, other)
        left = _left(blocks, _misses(blocks, ABSOLUTE), asked)
        if left <= (1 - LEAST_PREDICTED) * (_left(blocks, misses, asked) if there else 1.0):
            lattice, predicted, there = other, 1 - left, True
    if not there or _size(blocks, lattice) < SMALLEST:
        return no_local_light(predicted)
    return LocalLight(lattice=lattice, width=blocks.width, predicted=predicted)


@dataclass(frozen=True)
class _Blocks:
    """Luma of both frames' blocks (h, w), weights, and the bases along both axes."""

    first: np.ndarray
    difference: np.ndarray
    weight: np.ndarray
    down: np.ndarray
    across: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray]
    width: int


def _blocks(a: np.ndarray, b: _Target, visible: np.ndarray, block: int) -> _Blocks:
    height, width = visible.shape
    rows, columns = max(1, height // block), max(1, width // block)
    first, second = luma(a.astype(np.float32, copy=False)), b.luma
    inside = (np.minimum(first, second) > 2) & (
        np.maximum(tone.brightest(a), b.brightest) < FULL - 1
    )
    mask = (visible & inside).astype(np.float32)

    def average(values: np.ndarray) -> np.ndarray:
        means = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(means).astype(np.float64)

    share = average(mask)
    known = np.maximum(share, 1e-6)
    x, d = average(first * mask) / known, average((second - first) * mask) / known
    weight = np.where(share >= CLEAR, share, 0.0)
    spacing = width / INTERVALS
    down = spline_basis(rows, height / rows, spacing, lattice_side(height, spacing))
    across = spline_basis(columns, width / columns, spacing, lattice_side(width, spacing))
    return _Blocks(x, d, weight, down, across, (_products(down), _products(across)), width)


def _products(basis: np.ndarray) -> np.ndarray:
    first, second = _overlapping(basis.shape[1])
    return np.asarray(basis[:, first] * basis[:, second])


def _overlapping(knots: int) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.triu_indices(knots)
    near = second - first <= SPLINE_REACH
    return first[near], second[near]


@lru_cache(maxsize=16)
def _banded(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # Returns places (band, knot) as LAPACK's ``pbsv`` has them, and for each its place in (P, Q), products
    # down and across.
    (down, other_down), (across, other_across) = _overlapping(rows), _overlapping(columns)
    i, j = (x[:, None] * columns for x in (down, other_down))
    taken = np.arange(i.size * across.size).reshape(i.size, across.size)
    knot, other = (i + across).ravel(), (j + other_across).ravel()
    # the later function across may lie in the upper row of the two
    crossed = ((i != j) & (across != other_across)).ravel()
    knot = np.concatenate([knot, (i + other_across).ravel()[crossed]])
    other = np.concatenate([other, (j + across).ravel()[crossed]])
    return other - knot, knot, np.concatenate([taken.ravel(), taken.ravel()[crossed]])


def _played(blocks: _Blocks, lattice: np.ndarray) -> np.ndarray:
    return np.asarray(blocks.down @ lattice @ blocks.across.T)


def _size(blocks: _Blocks, lattice: np.ndarray) -> float:
    return robust.root_mean_square((blocks.first * _played(blocks, lattice))[blocks.weight > 0])


def _fit(blocks: _Blocks, weight: np.ndarray, absolute: int = 0) -> np.ndarray:
    """(R, C) lattice by reweighted least squares, drawn to 0 where little is seen."""
    # ``absolute`` rounds of least absolute deviations come before those with Tukey's biweight.
    # here, since few changes of light need it; it is slow to import
    from scipy.linalg.lapack import dpbsv

    down, across, pairs = blocks.down, blocks.across, blocks.pairs
    size = (down.shape[1], across.shape[1])
    band, knot, taken = _banded(*size)
    normal = np.zeros((SPLINE_REACH * size[1] + SPLINE_REACH + 1, size[0] * size[1]))
    lattice: np.ndarray = np.zeros(size)
    residual, seen = np.abs(blocks.difference), np.flatnonzero(weight > 0)
    square = blocks.first**2
    for number in range(absolute + ROUNDS):
        scale = robust.spread(residual.ravel()[seen], LEAST_SCALE)
        w = weight * (robust.absolute if number < absolute else robust.biweight)(residual, scale)
        normal[band, knot] = (pairs[0].T @ (w * square) @ pairs[1]).ravel()[taken]
        normal[0] += (scale / PRIOR) ** 2
        target = down.T @ (w * blocks.first * blocks.difference) @ across
        # SciPy's solveh_banded, without its checks
        _, solution, failed = dpbsv(normal, target.ravel(), lower=1)
        assert not failed, "the prior makes it positive definite"
        lattice = solution.reshape(size)
        residual = np.abs(blocks.difference - blocks.first * _played(blocks, lattice))
    return lattice


def _trust(blocks: _Blocks, lattice: np.ndarray) -> np.ndarray:
    """Tukey's weights about a field (h, w), so that a moving edge decides nothing."""
    left = np.abs(blocks.difference - blocks.first * _played(blocks, lattice))
    return robust.biweight(left, robust.spread(left[blocks.weight > 0], LEAST_SCALE))


def _halves(blocks: _Blocks) -> tuple[np.ndarray, np.ndarray]:
    row, column = np.indices(blocks.weight.shape) // CELL_BLOCKS
    black = (row + column) % 2 == 0
    return black, ~black


def _misses(blocks: _Blocks, absolute: int = 0) -> np.ndarray:
    """What fields leave of each block (h, w), fitted to the half of the cells in which it is not."""
    misses = np.empty(blocks.weight.shape)
    for half in _halves(blocks):
        lattice = _fit(blocks, np.where(half, blocks.weight, 0.0), absolute)
        left = blocks.difference - blocks.first * _played(blocks, lattice)
        misses[~half] = left[~half]
    return misses


def _left(blocks: _Blocks, misses: np.ndarray, asked: np.ndarray) -> float:
    before = after = 0.0
    for half in _halves(blocks):
        w = np.where(half, 0.0, asked)
        before += float((w * blocks.difference**2).sum())
        after += float((w * misses**2).sum())
    return after / before if before > 0 else 1.0


# Light and colour that all of the picture shares, together with light from place to place

# what all of the picture shares, and what is left from place to place
Lights = tuple[tone.Tone, LocalLight]


def fit_lights(
    moved: np.ndarray,
    second: np.ndarray,
    clear: np.ndarray,
    noise: float = 0.0,
    still: np.ndarray | None = None,
) -> Lights:
    """Fit the light and colour that all of the picture shares, and the light left from place to place.

    ``clear`` (H, W) bool: what both show; ``noise`` and ``still`` as in ``fit_tone`` and ``fit_local_light``.
    """
    levels = tone.fit_tone(moved, second, clear, noise)
    # what was saturated does not look it in its new light
    clear = clear & (tone.brightest(moved) < FULL - 1)
    to = _Target.of(second)
    local = fit_local_light(levels.colour(levels.light(moved)), to, clear, still=still)
    if not local.there or levels.hues is not None:
        # a strong turn of hue makes no curve of light, and what it does scales with a gain
        return levels, local
    # In turn, beginning with the field: a curve fitted to a picture of which one side became brighter takes
    # the levels of that side for bright ones. Colour last: a lamp beside something red would pass for one.
    cells = tone.Cells(clear & tone.unclipped(moved, second))
    before = cells.of(moved)
    if levels.has_light or levels.has_colour:
        local = fit_local_light(moved, to, clear, still=still)
    levels, lit = tone.no_tone(), moved  # in which ``local`` was fitted
    for _ in range(IN_TURN):
        middle = local.about_its_middle(clear.shape)
        after = cells.of(second / middle.gain(*clear.shape)[..., None])
        known, levels = levels, tone.fit_light(moved, cells, before, after)
        if not (levels.has_light or known.has_light):
            break  # every further turn would be this one
        lit = levels.light(moved)
        local = fit_local_light(lit, to, clear, still=still)
    return tone.fit_colour(levels, cells.of(local.of(lit)), cells.of(second)), local


def in_lights(light: Lights, picture: np.ndarray) -> np.ndarray:
    """Return a picture in this light, and in its colour where that is strong, (H, W, 3) float32."""
    lit = light[1].of(light[0].light(picture))
    return light[0].colour(lit) if is_strong(light[0], picture) else lit


def is_strong(levels: tone.Tone, picture: np.ndarray) -> bool:
    some = picture[::4, ::4].astype(np.float32)
    return (
        levels.has_colour and robust.root_mean_square(levels.colour(some) - some) >= STRONG_COLOUR
    )
