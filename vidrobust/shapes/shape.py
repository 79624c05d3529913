"""Shape: what lies in a box, a mask or a turned box; read, written, and compared with another one.

rle 480 640 `5T3...      COCO's packed run lengths in a frame of this height and width
polygon 10 10 50 20 ...  corners x y px in turn; several rings are parted by ";"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.shapes.mask import Mask, Polygon, packed, unpacked

Shape = Mask | Polygon


def check_arrays(record: object, expected: tuple[int, ...], *names: str) -> None:
    """Raise ValueError where an array of a record has another shape; None has any."""
    for name in names:
        array = getattr(record, name)
        if array is not None and np.shape(array) != expected:
            got, of = np.shape(array), type(record).__name__
            raise ValueError(f"{of}.{name}: expected shape {expected}, got {got}")


def common(a: Shape, b: Shape) -> float:
    """px^2 that two shapes have in common; where one is a mask, the pixels of both."""
    if isinstance(a, Polygon) and isinstance(b, Polygon):
        return a.common(b)
    return as_mask(a).common(as_mask(b))


def as_mask(shape: Shape) -> Mask:
    return shape if isinstance(shape, Mask) else Mask.of_rings([shape.corners])


def flicker(before: Shape, now: Shape, after: Shape) -> float:
    """Share of a shape's area that it has, or lacks, in one frame alone, its motion taken out by the centres.

    before  ...xxxx...      now  ...xxxxx..      after  ...xxxx...     one pixel of five: .2
    """
    shapes = [before, now, after]
    if any(not shape.area for shape in shapes):
        return float("nan")
    a, c = (shape.moved(now.centre - shape.centre) for shape in (before, after))
    alone = now.area + common(a, c) - common(now, a) - common(now, c)
    return max(alone, 0.0) / now.area


def shape_text(shape: Shape | None, size: tuple[int, int]) -> str:
    """For a table; size: height and width of the frame, px. None is an empty text: the box itself."""
    if shape is None:
        return ""
    if isinstance(shape, Polygon):
        return "polygon " + " ".join(f"{value:.10g}" for value in shape.corners.ravel())
    return f"rle {size[0]} {size[1]} {packed(shape.counts(size).tolist())}"


def read_shape(text: str, scale: tuple[float, float] = (1.0, 1.0)) -> Shape | None:
    """Read a shape from a table, corners times ``scale`` (x, y); ValueError for what is none.

    Four convex corners stay corners, other rings become pixels.
    """
    kind, _, rest = text.partition(" ")
    if not text:
        return None
    if kind == "rle":
        height, width, letters = rest.split(" ", 2)
        counts = unpacked(letters)
        if counts.sum() > int(height) * int(width):
            raise ValueError(
                f"run lengths of {counts.sum()} pixels in a frame of {height} x {width}"
            )
        return Mask.of_counts(counts, int(height))
    if kind != "polygon":
        raise ValueError(f"expected rle or polygon, got {kind!r}")
    return of_rings(
        [np.array(ring.split(), np.float64).reshape(-1, 2) * scale for ring in rest.split(";")]
    )


def outline(shape: Shape) -> tuple[np.ndarray, ...]:
    """Rings about it to be drawn, (K, 2) x, y px each; about a mask through the middles of its outer pixels."""
    if isinstance(shape, Polygon):
        return (shape.corners,)
    x1, y1, x2, y2 = shape.box.astype(int)
    pixels = shape.moved(np.array([-x1, -y1])).array((y2 - y1, x2 - x1)).astype(np.uint8)
    rings, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return tuple(ring[:, 0] + np.array([x1 + 0.5, y1 + 0.5]) for ring in rings)


def of_rings(rings: list[np.ndarray]) -> Shape:
    """(K, 2) corners each -> a convex one of four corners as a polygon, others as the pixels in them."""
    if len(rings) == 1 and len(rings[0]) == 4 and _convex(rings[0]):
        return Polygon.of_corners(rings[0])
    return Mask.of_rings(rings)


def _convex(corners: np.ndarray) -> bool:
    side = np.roll(corners, -1, axis=0) - corners
    after = np.roll(side, -1, axis=0)
    cross = side[:, 0] * after[:, 1] - side[:, 1] * after[:, 0]
    return bool((cross >= -1e-9).all() or (cross <= 1e-9).all())


# Places: boxes, each with the shape in it where there is one.


@dataclass(frozen=True, eq=False)
class Places:
    """N places: boxes (N, 4) xyxy px, and shapes (N,) of which None is the whole box, or no shapes at all."""

    boxes: np.ndarray
    shapes: np.ndarray | None = None

    @classmethod
    def of(cls, given: np.ndarray | Places) -> Places:
        if isinstance(given, Places):
            return given
        return cls(np.asarray(given, np.float64).reshape(-1, 4))

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: np.ndarray | slice) -> Places:
        return Places(self.boxes[rows], None if self.shapes is None else self.shapes[rows])

    def moved(self, shift: np.ndarray) -> Places:
        shift = np.broadcast_to(shift, (len(self.boxes), 2))
        return self.at(self.boxes + np.tile(shift, 2))

    def at(self, boxes: np.ndarray) -> Places:
        """Other boxes (N, 4), the shapes taken along with their middles."""
        if self.shapes is None:
            return Places(boxes)
        step = (boxes[:, :2] + boxes[:, 2:] - self.boxes[:, :2] - self.boxes[:, 2:]) / 2
        moved = (s if s is None else s.moved(by) for s, by in zip(self.shapes, step, strict=True))
        return Places(boxes, shape_array(moved))

    @classmethod
    def joined(cls, parts: Sequence[Places]) -> Places:
        boxes = np.concatenate([np.empty((0, 4)), *(part.boxes for part in parts)])
        if all(part.shapes is None for part in parts):
            return cls(boxes)
        shapes = [np.full(len(p), None, object) if p.shapes is None else p.shapes for p in parts]
        return cls(boxes, np.concatenate(shapes))

    def like(self, other: Places) -> Places:
        """The boxes alone where the other ones have no shapes at all, so that like is compared with like."""
        return Places(self.boxes) if other.shapes is None else self

    def clipped(self, size: tuple[int, int]) -> Places:
        """Cut off at the edges of a frame (H, W); a box with a shape becomes the box about what is left of it."""
        width, height = float(size[1]), float(size[0])
        boxes = np.clip(self.boxes, 0, [width, height] * 2)
        if self.shapes is None:
            return Places(boxes)
        out = ((self.boxes < 0) | (self.boxes > [width, height] * 2)).any(axis=1)
        shapes = self.shapes.copy()
        for row in np.flatnonzero(out & np.array([shape is not None for shape in shapes], bool)):
            shapes[row] = shapes[row].clipped(size)
        return Places(boxes, shapes)

    @property
    def areas(self) -> np.ndarray:
        """(N,) px^2; 0 where a box has no inside."""
        sides = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 0)
        area: np.ndarray = sides[:, 0] * sides[:, 1]
        if self.shapes is not None:
            for row, shape in enumerate(self.shapes):
                area[row] = area[row] if shape is None else shape.area
        return area

    def in_common(
        self, other: Places, i: np.ndarray, j: np.ndarray, common_area: np.ndarray
    ) -> np.ndarray:
        """(K,) px^2 that pairs have in common; ``common_area`` of their boxes, right where neither has a shape."""
        if self.shapes is None and other.shapes is None:
            return common_area
        area = common_area.copy()
        for k, (a, b) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
            one, two = self._shape(a), other._shape(b)
            if one is not None or two is not None:
                area[k] = common(
                    Polygon.of_box(self.boxes[a]) if one is None else one,
                    Polygon.of_box(other.boxes[b]) if two is None else two,
                )
        return area

    def _shape(self, row: int) -> Shape | None:
        return None if self.shapes is None else self.shapes[row]


def mask_array(masks: np.ndarray, least: float) -> np.ndarray:
    """(M, H, W) or (M, 1, H, W) how surely each pixel belongs -> (M,) object, None where none does."""
    pictures = np.asarray(masks).reshape(len(masks), *np.shape(masks)[-2:]) >= least
    shapes = (Mask.of_picture(picture) for picture in pictures)
    return shape_array(mask if mask.area else None for mask in shapes)


def shape_array(shapes: Iterable[Shape | None]) -> np.ndarray:
    listed = list(shapes)
    array = np.empty(len(listed), object)
    array[:] = listed
    return array
