"""Heads whose outputs come level by level, each a picture or a list of its cells: which belong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.models.detection.candidates import Outputs


def pairs_of_levels(
    outputs: Outputs, head: str, boxes: int, cells_first: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scores and boxes of each level, the finest first, both (cells, numbers) float64.

    boxes        numbers a cell that tell its box or boxes
    cells_first  whether an output is (cells, numbers); else (numbers, h, w)
    Of two outputs of one level the one with ``boxes`` numbers tells the boxes; of two such the later one.
    """
    arrays = [np.asarray(array, np.float64) for array in outputs.values()]
    wanted = 2 if cells_first else 3
    if any(array.ndim != wanted for array in arrays):
        raise _unfit(head, arrays, boxes, cells_first)
    by_level: dict[tuple[int, ...], list[np.ndarray]] = {}
    for array in arrays:
        by_level.setdefault(array.shape[:1] if cells_first else array.shape[1:], []).append(array)
    found = []
    for level in sorted(by_level, key=lambda size: -int(np.prod(size))):
        flat = [a if cells_first else a.reshape(len(a), -1).T for a in by_level[level]]
        telling = [a for a in flat if a.shape[1] == boxes]
        if len(flat) != 2 or not telling:
            raise _unfit(head, arrays, boxes, cells_first)
        box = telling[-1]
        found.append((flat[0] if box is flat[1] else flat[1], box))
    return found


def _unfit(head: str, arrays: Sequence[np.ndarray], boxes: int, cells_first: bool) -> SettingsError:
    each = f"(cells, classes) and (cells, {boxes})" if cells_first else f"(classes, h, w) and ({boxes}, h, w)"
    shapes = ", ".join(str(array.shape) for array in arrays)
    return SettingsError(f"head {head}: expected scores and boxes of each level, {each}, got {shapes}")


def centres(sides: tuple[int, int], stride: tuple[float, float], offset: float) -> np.ndarray:
    """(h * w, 2) x, y px of the cells of a level, row by row; stride along y and x, offset in cells."""
    y, x = np.indices(sides).reshape(2, -1)
    return np.column_stack([(x + offset) * stride[1], (y + offset) * stride[0]])


def around(points: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """(N, 2) points and (N, 4) distances to the left, upper, right and lower side, px -> (N, 4) xyxy."""
    return np.concatenate([points - distances[:, :2], points + distances[:, 2:]], axis=1)


def expected_bin(logits: np.ndarray) -> np.ndarray:
    """(N, 4 * bins) -> (N, 4) each side's mean bin (generalised focal loss, Li et al. 2020)."""
    each = logits.reshape(len(logits), 4, -1)
    e = np.exp(each - each.max(axis=2, keepdims=True))
    mean: np.ndarray = (e * np.arange(each.shape[2])).sum(axis=2) / e.sum(axis=2)
    return mean
