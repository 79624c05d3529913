"""Shape: what lies in a box, a mask or a turned box; read, written, and compared with another one.

rle 480 640 `5T3...    COCO's packed run lengths in a frame of this height and width
polygon 10 10 50 20 ...  corners x y px in turn; several rings are parted by ";"
"""

from __future__ import annotations

import cv2
import numpy as np

from vidrobust.shapes.mask import Mask
from vidrobust.shapes.polygon import Polygon
from vidrobust.shapes.rle import packed, unpacked

Shape = Mask | Polygon


def common(a: Shape, b: Shape) -> float:
    """px^2 that two shapes have in common; where one is a mask, the pixels of both."""
    if isinstance(a, Polygon) and isinstance(b, Polygon):
        return a.common(b)
    return as_mask(a).common(as_mask(b))


def as_mask(shape: Shape) -> Mask:
    """Its pixels."""
    return shape if isinstance(shape, Mask) else Mask.of_rings([shape.corners])


def flicker(before: Shape, now: Shape, after: Shape) -> float:
    """Share of a shape's area that it has, or lacks, in one frame alone, its motion taken out by the centres.

    Steady growth and shrinking cost nothing; NaN where a shape is empty.

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
    """A shape from a table, corners times ``scale`` (x, y); ValueError for what is none.

    Four corners that are convex stay corners, other rings become the pixels in them.
    """
    kind, _, rest = text.partition(" ")
    if not text:
        return None
    if kind == "rle":
        height, width, letters = rest.split(" ", 2)
        counts = unpacked(letters)
        if counts.sum() > int(height) * int(width):
            raise ValueError(f"run lengths of {counts.sum()} pixels in a frame of {height} x {width}")
        return Mask.of_counts(counts, int(height))
    if kind != "polygon":
        raise ValueError(f"expected rle or polygon, got {kind!r}")
    return of_rings([np.array(ring.split(), np.float64).reshape(-1, 2) * scale for ring in rest.split(";")])


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
