"""Where in the picture a change comes from: single tiles of one frame put into the other.

::

    share(tile) = (<z(t with the tile of t+1) - z(t), d> + <z(t+1) - z(t+1 with the tile of t), d>) / 2 <d, d>

It needs no model of what happened. Tiles are replaced one at a time, so that their shares add up to 1 only as far as
the model's answer is a sum over places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from vidrobust.frames.pixels import reduced
from vidrobust.stages.causes.pair_replays import PairReplays
from vidrobust.stages.causes.scene import ShownMotion

TILES = (6, 4)  # along the longer and the shorter side
MAPPED = 12  # pairs of an item whose changes are mapped for a model, those that weigh most
Box = tuple[int, int, int, int]


def tile_boxes(height: int, width: int) -> list[Box]:
    """Return x1, y1, x2, y2 of every tile, px, row by row."""
    across, down = TILES if width >= height else TILES[::-1]
    x, y = (
        np.linspace(0, side, count + 1).round().astype(int)
        for side, count in ((width, across), (height, down))
    )
    return [
        (int(x[i]), int(y[j]), int(x[i + 1]), int(y[j + 1]))
        for j in range(down)
        for i in range(across)
    ]


def exchanged_tiles(
    a: np.ndarray, b: np.ndarray, boxes: Sequence[Box]
) -> tuple[tuple[np.ndarray, ...], list[int]]:
    """Return t, t+1, and for each tile that differs t with that of t+1 and t+1 with that of t.

    Also the numbers of these tiles; what does not differ changes nothing.
    """
    pictures, different = [a, b], []
    for number, (x1, y1, x2, y2) in enumerate(boxes):
        here = (slice(y1, y2), slice(x1, x2))
        if np.array_equal(a[here], b[here]):
            continue
        different.append(number)
        for picture, other in ((a, b), (b, a)):
            made = picture.copy()
            made[here] = other[here]
            pictures.append(made)
    return tuple(pictures), different


def tile_shares(z: np.ndarray, different: Sequence[int], count: int) -> np.ndarray:
    """Return the share (count,) of each tile from the coordinates (N, K) of ``exchanged_tiles``; NaN without change."""
    d = z[1] - z[0]
    change = float(d @ d)
    if not change > 0:
        return np.full(count, np.nan)
    shares, along = np.zeros(count), z @ d
    first, second = along[2::2] - along[0], along[1] - along[3::2]
    shares[list(different)] = (first + second) / (2 * change)
    return shares


class _KeptPair(NamedTuple):
    weight: float
    number: int
    ids: dict[str, Any]
    size: tuple[int, ...]
    frames: tuple[np.ndarray, ...]
    motions: tuple[ShownMotion, ...]


class PlacesToMap:
    """The pairs of one model that weigh most in its account; their frames are kept until all pairs are known.

    They are averaged over squares of ``factor`` px, as pairs are.
    """

    def __init__(self, factor: int = 1) -> None:
        self._factor = factor
        self._kept: list[_KeptPair] = []  # the lightest first
        self._seen = 0

    def add(self, weight: float, ids: dict[str, Any], pair: PairReplays) -> None:
        self._seen += 1
        if len(self._kept) == MAPPED and weight <= self._kept[0].weight:
            return
        frames = tuple(reduced(whole, self._factor).copy() for whole in pair.pictures[:2])
        size = pair.pictures[0].shape[:2]
        entry = _KeptPair(weight, self._seen, ids, size, frames, pair.motions[:2])
        self._kept = sorted([*self._kept, entry], key=lambda kept: kept[:2])[-MAPPED:]

    def rows(
        self, ask: Callable[[tuple[np.ndarray, ...], tuple[ShownMotion, ...]], np.ndarray]
    ) -> list[dict[str, Any]]:
        """Return rows of the table ``places``; ``ask`` gives coordinates (N, K) of N pictures and their motions."""
        lines = []
        for entry in sorted(self._kept, key=lambda kept: kept.number):
            a, b = entry.frames
            boxes = tile_boxes(*entry.size)
            pictures, different = exchanged_tiles(a, b, tile_boxes(*a.shape[:2]))
            rest = entry.motions[0].at_rest() if entry.motions else None
            motions = (
                entry.motions if rest is None else (*entry.motions, *[rest] * (len(pictures) - 2))
            )
            shares = tile_shares(ask(pictures, motions), different, len(boxes))
            for number, (box, share) in enumerate(zip(boxes, shares, strict=True)):
                places = dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
                lines.append({**entry.ids, "tile": number, **places, "share": float(share)})
        return lines
