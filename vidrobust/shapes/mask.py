"""Mask, the pixels of an object as spans down the columns of a frame; Polygon, a convex outline of corners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# COCO's run lengths of masks: counts of 0 and 1 in turn, down the columns, and the text they are packed into.
#
# Counts of an H x W mask start with the zeros before its first one. Packed, a count is a difference to the one two
# before (from the fourth on), 5 bits a letter, the lowest first, as pycocotools writes them.

BITS, MORE, FIRST_LETTER = 5, 0x20, 48


def packed(counts: Sequence[int]) -> str:
    """Counts -> the text that COCO calls ``counts`` of a compressed RLE."""
    letters: list[str] = []
    for at, count in enumerate(counts):
        value = int(count) - (int(counts[at - 2]) if at > 2 else 0)
        more = True
        while more:
            bits = value & 0x1F
            value >>= BITS
            more = value != -1 if bits & 0x10 else value != 0
            letters.append(chr((bits | MORE if more else bits) + FIRST_LETTER))
    return "".join(letters)


def unpacked(text: str) -> np.ndarray:
    """The text of a compressed RLE -> (R,) int64 counts; ValueError where it breaks off."""
    counts: list[int] = []
    value, shift = 0, 0
    for letter in text:
        bits = ord(letter) - FIRST_LETTER
        if not 0 <= bits < 2 * MORE:
            raise ValueError(f"run lengths hold {letter!r}, which is no letter of them")
        value |= (bits & 0x1F) << shift
        shift += BITS
        if not bits & MORE:
            if bits & 0x10:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    if shift or any(count < 0 for count in counts):
        raise ValueError("run lengths break off, or are below 0")
    return np.array(counts, np.int64)


# A pixel x, y has the place ``x * COLUMN + y``: more than the height of any frame, so that columns stay
# apart.
COLUMN = 1 << 20


@dataclass(frozen=True, eq=False)
class Mask:
    """Pixels of an object."""

    # (2 R,) int64, rising: start and stop of each span, as places; a span lies in one column
    edges: np.ndarray

    @classmethod
    def of_array(cls, pixels: np.ndarray, x: int = 0, y: int = 0) -> Mask:
        """(h, w) bool whose upper left pixel is x, y of the frame."""
        columns = np.asarray(pixels, bool).T
        padded = np.zeros((columns.shape[0], columns.shape[1] + 2), np.int8)
        padded[:, 1:-1] = columns
        change = np.diff(padded, axis=1)
        column, start = np.nonzero(change == 1)
        _, stop = np.nonzero(change == -1)
        return cls(_edges(column + x, start + y, stop + y))

    @classmethod
    def of_picture(cls, pixels: np.ndarray) -> Mask:
        """(H, W) bool of a whole frame, mostly empty."""
        rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return cls(np.empty(0, np.int64))
        y, x = int(rows[0]), int(columns[0])
        return cls.of_array(pixels[y : rows[-1] + 1, x : columns[-1] + 1], x, y)

    @classmethod
    def of_counts(cls, counts: np.ndarray, height: int) -> Mask:
        """COCO's run lengths of a mask of this height."""
        ends = np.cumsum(counts)
        starts, stops = ends[0:-1:2], ends[1::2]
        starts, stops = starts[stops > starts], stops[stops > starts]
        first, last = starts // height, (stops - 1) // height
        of = np.repeat(np.arange(len(starts)), last - first + 1)
        column = np.arange(len(of)) - np.repeat(
            np.cumsum(last - first + 1) - (last - first + 1), last - first + 1
        )
        column = column + first[of]
        start = np.maximum(starts[of] - column * height, 0)
        stop = np.minimum(stops[of] - column * height, height)
        return cls(_edges(column, start, stop))

    @classmethod
    def of_rings(cls, rings: Sequence[np.ndarray]) -> Mask:
        """Pixels whose middle lies in any of the rings, (K, 2) corners x, y px each."""
        spans = [_inside(np.asarray(ring, np.float64)) for ring in rings]
        return cls(_union([span for span in spans if len(span)]))

    @property
    def spans(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(R,) int64 column, first row and row after the last of each span."""
        start, stop = self.edges[0::2], self.edges[1::2]
        column = (start + COLUMN // 2) // COLUMN  # rows above the frame are below 0
        return column, start - column * COLUMN, stop - column * COLUMN

    @property
    def area(self) -> float:
        return float((self.edges[1::2] - self.edges[0::2]).sum())

    @property
    def centre(self) -> np.ndarray:
        """(2,) the mean x, y of its pixels' middles; NaN of none."""
        column, start, stop = self.spans
        count = (stop - start).astype(np.float64)
        if not len(column):
            return np.full(2, np.nan)
        x = ((column + 0.5) * count).sum() / count.sum()
        y = (count * (start + stop) / 2).sum() / count.sum()
        return np.array([x, y])

    @property
    def box(self) -> np.ndarray:
        column, start, stop = self.spans
        if not len(column):
            return np.full(4, np.nan)
        return np.array([column[0], start.min(), column[-1] + 1, stop.max()], np.float64)

    def moved(self, shift: np.ndarray) -> Mask:
        x, y = np.rint(shift).astype(np.int64)
        return Mask(self.edges + (x * COLUMN + y))

    def mapped(self, matrix: np.ndarray, size: tuple[int, int]) -> Mask:
        """Under a projective map of a frame (H, W), px from its centre: the pixels whose middles come from it."""
        if not len(self.edges):
            return self
        x1, y1, x2, y2 = self.box.astype(int)
        pixels = self.moved(np.array([-x1, -y1])).array((y2 - y1, x2 - x1))
        corners = mapped_points(
            np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64), matrix, size
        )
        low = np.clip(np.floor(corners.min(axis=0)), 0, size[::-1]).astype(int)
        high = np.clip(np.ceil(corners.max(axis=0)), low, size[::-1]).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        middles = np.column_stack([x.ravel(), y.ravel()]) + 0.5
        from_x, from_y = np.floor(mapped_points(middles, np.linalg.inv(matrix), size)).astype(int).T
        inside = (from_x >= x1) & (from_x < x2) & (from_y >= y1) & (from_y < y2)
        hit = np.zeros(len(middles), bool)
        hit[inside] = pixels[from_y[inside] - y1, from_x[inside] - x1]
        return Mask.of_array(hit.reshape(x.shape), int(low[0]), int(low[1]))

    def clipped(self, size: tuple[int, int]) -> Mask:
        column, start, stop = self.spans
        start, stop = np.maximum(start, 0), np.minimum(stop, size[0])
        kept = (column >= 0) & (column < size[1]) & (stop > start)
        return Mask(_edges(column[kept], start[kept], stop[kept]))

    def common(self, other: Mask) -> float:
        if not len(self.edges) or not len(other.edges):
            return 0.0
        lengths = np.diff(self.edges)
        lengths[1::2] = 0
        covered = np.interp(other.edges, self.edges, np.concatenate([[0], np.cumsum(lengths)]))
        return float((covered[1::2] - covered[0::2]).sum())

    def counts(self, size: tuple[int, int]) -> np.ndarray:
        """(R,) int64 COCO's run lengths in a frame of this height and width, within which it must lie."""
        column, start, stop = self.spans
        edges = np.column_stack([column * size[0] + start, column * size[0] + stop]).ravel()
        # one column's end meets the next one's start
        inner = np.flatnonzero(edges[1:-1:2] == edges[2::2])
        edges = np.delete(edges, np.concatenate([2 * inner + 1, 2 * inner + 2]))
        counts = np.diff(np.concatenate([[0], edges, [size[0] * size[1]]]))
        return counts[:-1] if counts[-1] == 0 and len(counts) > 1 else counts

    def array(self, size: tuple[int, int]) -> np.ndarray:
        """(H, W) bool."""
        picture = np.zeros((size[1], size[0]), bool)
        for column, start, stop in zip(*self.clipped(size).spans, strict=True):
            picture[column, start:stop] = True
        return picture.T


def mapped_points(points: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(K, 2) x, y px of a frame (H, W) under a 3x3 map of px from its centre."""
    middle = np.array([size[1], size[0]]) / 2
    moved = np.column_stack([points - middle, np.ones(len(points))]) @ matrix.T
    result: np.ndarray = moved[:, :2] / moved[:, 2:] + middle
    return result


def _edges(column: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    place = np.asarray(column, np.int64) * COLUMN
    return np.column_stack([place + start, place + stop]).ravel().astype(np.int64)


def _inside(ring: np.ndarray) -> np.ndarray:
    """(2 R,) edges of the pixels whose middle lies in a ring, even-odd; of fewer than 3 corners none."""
    if len(ring) < 3:
        return np.empty(0, np.int64)
    (x1, y1), (x2, y2) = ring.T, np.roll(ring, -1, axis=0).T
    first, last = int(np.floor(ring[:, 0].min())), int(np.ceil(ring[:, 0].max()))
    columns = np.arange(first, last)
    at, edge = np.nonzero((x1 <= columns[:, None] + 0.5) != (x2 <= columns[:, None] + 0.5))
    share = (columns[at] + 0.5 - x1[edge]) / (x2[edge] - x1[edge])
    row = np.ceil(y1[edge] + share * (y2[edge] - y1[edge]) - 0.5).astype(np.int64)
    order = np.lexsort((row, at))
    places = columns[at[order]] * COLUMN + row[order]
    kept = places[1::2] > places[0::2]
    return np.column_stack([places[0::2][kept], places[1::2][kept]]).ravel()


def _union(parts: Sequence[np.ndarray]) -> np.ndarray:
    if len(parts) < 2:
        return parts[0] if parts else np.empty(0, np.int64)
    edges = np.concatenate(parts)
    step = np.tile([1, -1], len(edges) // 2)
    order = np.lexsort((-step, edges))
    depth = np.cumsum(step[order])
    kept = (depth == 0) | ((depth == 1) & (step[order] == 1))
    return edges[order][kept]


DECIMALS = 3  # of px that corners are kept with


@dataclass(frozen=True, eq=False)
class Polygon:
    """A convex outline."""

    corners: np.ndarray  # (K, 2) float64 x, y px, in turn about it

    @classmethod
    def of_corners(cls, corners: np.ndarray) -> Polygon:
        """(K, 2) x, y px in turn, either way round."""
        corners = np.round(np.asarray(corners, np.float64).reshape(-1, 2), DECIMALS)
        return cls(corners if _signed(corners) >= 0 else corners[::-1])

    @classmethod
    def turned(cls, x: float, y: float, width: float, height: float, angle: float) -> Polygon:
        """A box about x, y px whose side of length ``width`` is turned by an angle, radians, from x towards y."""
        along = 0.5 * width * np.array([np.cos(angle), np.sin(angle)])
        across = 0.5 * height * np.array([-np.sin(angle), np.cos(angle)])
        middle = np.array([x, y])
        signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
        return cls.of_corners(np.array([middle + a * along + b * across for a, b in signs]))

    @classmethod
    def of_box(cls, box: np.ndarray) -> Polygon:
        x1, y1, x2, y2 = (float(side) for side in box)
        return cls(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]))

    @property
    def area(self) -> float:
        return abs(_signed(self.corners))

    @property
    def centre(self) -> np.ndarray:
        """(2,) the middle of its area; of one without area the mean corner."""
        x, y = self.corners.T
        cross = x * np.roll(y, -1) - np.roll(x, -1) * y
        total = float(cross.sum())
        if abs(total) < 1e-9:
            return np.asarray(self.corners.mean(axis=0))
        return np.array([((axis + np.roll(axis, -1)) * cross).sum() for axis in (x, y)]) / (
            3 * total
        )

    @property
    def box(self) -> np.ndarray:
        return np.concatenate([self.corners.min(axis=0), self.corners.max(axis=0)])

    def moved(self, shift: np.ndarray) -> Polygon:
        return Polygon(self.corners + shift)

    def mapped(self, matrix: np.ndarray, size: tuple[int, int]) -> Polygon:
        """Under a projective map of a frame (H, W), px from its centre; cut off at the frame."""
        return Polygon.of_corners(mapped_points(self.corners, matrix, size)).clipped(size)

    def clipped(self, size: tuple[int, int]) -> Polygon:
        inside = self.intersection(Polygon.of_box(np.array([0, 0, size[1], size[0]])))
        return Polygon(np.round(inside.corners, DECIMALS))

    def common(self, other: Polygon) -> float:
        return self.intersection(other).area

    def intersection(self, other: Polygon) -> Polygon:
        """What both have: this one cut along every side of the other (Sutherland & Hodgman 1974)."""
        points = self.corners
        for start, end in zip(other.corners, np.roll(other.corners, -1, axis=0), strict=True):
            if not len(points):
                break
            points = _cut(points, start, end)
        return Polygon(points)


def _signed(corners: np.ndarray) -> float:
    x, y = corners.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def _cut(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(K, 2) corners of the part that lies to the right of the way from start to end, as pictures are drawn."""
    dx, dy = end - start
    side = dx * (points[:, 1] - start[1]) - dy * (points[:, 0] - start[0])
    after, points_after = np.roll(side, -1), np.roll(points, -1, axis=0)
    crosses = (side < 0) != (after < 0)
    share = np.divide(side, side - after, out=np.zeros(len(side)), where=crosses)
    met = points + share[:, None] * (points_after - points)
    both = np.stack([points, met], axis=1).reshape(-1, 2)
    return both[np.column_stack([side >= 0, crosses]).ravel()]


# COCO's words for shapes, and rings, as tables have them.


def coco_shape(row: Mapping[str, Any]) -> str:
    """The shape of a COCO result as a table has it; "" without one.

    ``segmentation`` has run lengths or rings of x, y; ``bbox`` of five is centre, sides, and
    counter-clockwise degrees.
    """
    shape = row.get("segmentation")
    if isinstance(shape, dict):
        tall, wide = (int(side) for side in shape["size"])
        counts = shape["counts"]
        return f"rle {tall} {wide} {counts if isinstance(counts, str) else packed(counts)}"
    if shape:
        return polygon_text(*shape)
    if len(row["bbox"]) == 5:
        x, y, width, height, degrees = (float(number) for number in row["bbox"])
        return polygon_text(
            Polygon.turned(x, y, width, height, -np.radians(degrees)).corners.ravel()
        )
    return ""


def coco_box(row: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 px of a COCO result, of a turned box that about it."""
    if len(row["bbox"]) == 5:
        return about(np.array(coco_shape({"bbox": row["bbox"]}).split()[1:], np.float64))
    x, y, width, height = (float(number) for number in row["bbox"])
    return x, y, x + width, y + height


def polygon_text(*rings: Sequence[float] | np.ndarray) -> str:
    """Rings of x, y, x, y ... as a table has them."""
    return "polygon " + "; ".join(
        " ".join(f"{float(value):.10g}" for value in ring) for ring in rings
    )


def about(ring: np.ndarray) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 about a ring of x, y, x, y ..."""
    corners = np.asarray(ring, np.float64).reshape(-1, 2)
    (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)
