"""Masks and turned boxes of what remains of the candidates, in px of the frame; and which turned boxes remain."""

from __future__ import annotations

import numpy as np

from vidrobust.models.detection.candidates import Candidates, MaskParts
from vidrobust.models.detection.fit import Fit
from vidrobust.shapes.mask import Mask
from vidrobust.shapes.places import shape_array
from vidrobust.shapes.polygon import Polygon
from vidrobust.shapes.shape import Shape

EPSILON = 1e-7


def outlines(found: Candidates, rows: np.ndarray, fit: Fit, size: tuple[int, int]) -> np.ndarray | None:
    """(R,) object, the shapes of some candidates of a frame (H, W); None of a head without any."""
    if found.turned is not None:
        return shape_array(turned_box(found.turned[row], fit) for row in rows)
    if found.masks is None:
        return None
    boxes = fit.undo(found.boxes[rows])
    parts = found.masks
    return shape_array(
        mask_of(parts, row, box, fit, size) for row, box in zip(rows.tolist(), boxes, strict=True)
    )


def turned_box(turned: np.ndarray, fit: Fit) -> Shape:
    """x, y, width, height px of the input and angle -> its outline in the frame."""
    corners = Polygon.turned(*turned.tolist()).corners
    return Polygon.of_corners(fit.undo(corners.reshape(2, 4)).reshape(4, 2))


def mask_of(parts: MaskParts, row: int, box: np.ndarray, fit: Fit, size: tuple[int, int]) -> Mask | None:
    """The mask of one candidate within its box (4,) px of the frame, bilinear between the prototypes' pixels."""
    low = np.clip(np.ceil(box[:2] - 1e-6), 0, size[::-1]).astype(int)
    high = np.clip(np.ceil(box[2:] - 1e-6), 0, size[::-1]).astype(int)
    if (high <= low).any():
        return None
    sums = np.tensordot(parts.weights[row], parts.prototypes, axes=1)
    x, y = (
        _places(
            np.arange(low[axis], high[axis]), fit, axis, size, sums.shape[1 - axis] / parts.size[1 - axis]
        )
        for axis in (0, 1)
    )
    across = sums[:, x[0]] * (1 - x[2]) + sums[:, x[1]] * x[2]
    values = across[y[0]] * (1 - y[2])[:, None] + across[y[1]] * y[2][:, None]
    mask = Mask.of_array(values > 0, int(low[0]), int(low[1]))
    return mask if mask.area else None


def _places(
    pixels: np.ndarray, fit: Fit, axis: int, size: tuple[int, int], share: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of the frame along an axis -> the two prototype pixels about each, and the weight of the second.

    share  prototype pixels over pixels of the input; those of the padding are not asked, as with Ultralytics
    """
    at = ((pixels + 0.5) * fit.scale[axis] + fit.offset[axis]) * share - 0.5
    first = round(fit.offset[axis] * share)
    last = max(round((fit.scale[axis] * size[1 - axis] + fit.offset[axis]) * share) - 1, first)
    at = np.clip(at, first, last)
    low = np.minimum(at.astype(int), max(last - 1, first))
    return low, np.minimum(low + 1, last), at - low


def keep_turned(turned: np.ndarray, labels: np.ndarray, most: float) -> np.ndarray:
    """Rows of turned boxes (M, 5), the surest first, on which none before lies with the same label.

    By the probabilistic IoU (Llerena et al. 2021, arXiv 2106.06072), from ``most`` on; as Ultralytics does it a
    box that goes itself takes others with it.
    """
    again = (likeness(turned) >= most) & (labels[:, None] == labels[None])
    return np.flatnonzero(~np.triu(again, 1).any(axis=0))


def likeness(turned: np.ndarray) -> np.ndarray:
    """(M, M) probabilistic IoU: 1 less the Hellinger distance of the normal distributions that boxes stand for."""
    x, y, width, height, angle = np.asarray(turned, np.float64).T
    along, across = width**2 / 12, height**2 / 12
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = along * cos**2 + across * sin**2, along * sin**2 + across * cos**2
    c = (along - across) * cos * sin
    sum_a, sum_b, sum_c = (v[:, None] + v[None] for v in (a, b, c))
    dx, dy = x[:, None] - x[None], y[:, None] - y[None]
    whole = sum_a * sum_b - sum_c**2
    apart = (sum_a * dy**2 + sum_b * dx**2) / (whole + EPSILON) / 4
    apart -= sum_c * dx * dy / (whole + EPSILON) / 2
    own = np.sqrt(np.maximum(a * b - c**2, 0))
    with np.errstate(invalid="ignore"):  # two boxes that are lines are not alike
        apart += np.log(whole / (4 * own[:, None] * own[None] + EPSILON) + EPSILON) / 2
    near: np.ndarray = 1 - np.sqrt(1 - np.exp(-np.clip(apart, EPSILON, 100)) + EPSILON)
    return near
