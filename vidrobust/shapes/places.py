"""Places: boxes, each with the shape in it where there is one, compared, moved and cut off at the frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vidrobust.shapes.mask import Mask
from vidrobust.shapes.polygon import Polygon
from vidrobust.shapes.shape import Shape, common


@dataclass(frozen=True, eq=False)
class Places:
    """N places.

    boxes   (N, 4) float64 xyxy px
    shapes  (N,) object, a Shape or None, which is the whole box; None where no place has one
    """

    boxes: np.ndarray
    shapes: np.ndarray | None = None

    @classmethod
    def of(cls, given: np.ndarray | Places) -> Places:
        """Boxes as places, places as they are."""
        if isinstance(given, Places):
            return given
        return cls(np.asarray(given, np.float64).reshape(-1, 4))

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: np.ndarray | slice) -> Places:
        """Some of them, by numbers, (N,) bool, or a slice."""
        return Places(self.boxes[rows], None if self.shapes is None else self.shapes[rows])

    def moved(self, shift: np.ndarray) -> Places:
        """By shift (N, 2) or (2,) px."""
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
        """One after the other; without shapes where none has any."""
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

    def in_common(self, other: Places, i: np.ndarray, j: np.ndarray, common_area: np.ndarray) -> np.ndarray:
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
    found = (Mask.of_picture(picture) for picture in pictures)
    return shape_array(mask if mask.area else None for mask in found)


def shape_array(shapes: Iterable[Shape | None]) -> np.ndarray:
    """(N,) object."""
    listed = list(shapes)
    found = np.empty(len(listed), object)
    found[:] = listed
    return found
