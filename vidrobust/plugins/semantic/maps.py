"""Class maps of a segmentation network, and their comparison on one grid, aligned by the flow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np

from vidrobust.predictions import TaskPredictions

# class of a pixel that is not judged, as in the label maps of Cityscapes and PASCAL VOC
UNKNOWN = 255
CELL = 8  # side, px, of the cells in which the classes' shares are compared
FLOW_SIDE = 480  # frames are averaged down to this width for the flow: the width of CamVid's maps
LEAST_REGION = 0.0005  # share of the frame from which a region counts: 86 px of a CamVid map
FARTHEST = 8.0  # px; a boundary that moves further is a region that came or went
# px, side of the window in which a boundary's place is averaged: FARTHEST to both sides
WINDOW = 17
LEAST_CLASS = 0.005  # share of the frame from which the boundary of a class is followed


@dataclass(frozen=True)
class ClassMaps(TaskPredictions):
    """Maps of N frames.

    labels  (N, H, W) uint8, number of the class of each pixel, UNKNOWN where it is not judged
    sure    (N,) float32, mean probability of the pixels' classes; 1 where only classes are known
    cells   (N, K, h, w) float32, mean probabilities in cells of CELL px; None where only classes are known
    """

    task: ClassVar[str] = "semantic"

    labels: np.ndarray
    class_names: tuple[str, ...]
    sure: np.ndarray
    cells: np.ndarray | None = None

    @property
    def num_frames(self) -> int:  # type: ignore[override]
        return len(self.labels)

    def select(self, rows: Sequence[int] | np.ndarray) -> ClassMaps:
        cells = None if self.cells is None else self.cells[rows]
        return dataclasses.replace(
            self, labels=self.labels[rows], sure=self.sure[rows], cells=cells
        )

    @classmethod
    def join(cls, parts: Sequence[ClassMaps]) -> ClassMaps:
        cells = [part.cells for part in parts if part.cells is not None]
        return cls(
            np.concatenate([part.labels for part in parts]),
            parts[0].class_names,
            np.concatenate([part.sure for part in parts]),
            np.concatenate(cells) if len(cells) == len(parts) else None,
        )

    def problems(self) -> list[str]:
        wrong = (self.labels >= len(self.class_names)) & (self.labels != UNKNOWN)
        return [f"a class outside 0..{len(self.class_names) - 1}"] if wrong.any() else []


def moved(
    maps: ClassMaps,
    perturbation: Any,
    strength: float,
    generators: Sequence[Any],
    size: tuple[int, int],
) -> ClassMaps:
    """Return the maps where a perturbation puts them; what comes from outside the frame is UNKNOWN."""
    if perturbation.motion is None:
        return maps
    labels = []
    # the origin of the motion
    middle = np.array([[1, 0, (size[1] - 1) / 2], [0, 1, (size[0] - 1) / 2], [0, 0, 1]])
    for one, generator in zip(maps.labels, generators, strict=True):
        matrix = middle @ perturbation.motion(size, strength, generator) @ np.linalg.inv(middle)
        labels.append(
            cv2.warpPerspective(
                one, matrix, size[::-1], flags=cv2.INTER_NEAREST, borderValue=(UNKNOWN,)
            )
        )
    return dataclasses.replace(maps, labels=np.stack(labels), cells=None)


def confusion(p: np.ndarray, q: np.ndarray, classes: int) -> np.ndarray:
    """Return (K, K) pixels of each class in map p and class in map q, of pixels that are known in both."""
    known = (p != UNKNOWN) & (q != UNKNOWN)
    both = classes * p[known].astype(np.int64) + q[known]
    return np.bincount(both, minlength=classes * classes).reshape(classes, classes)


def overlaps(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (K,) intersections and unions of the classes, px, of a confusion table."""
    both = np.diag(table)
    return both, table.sum(axis=0) + table.sum(axis=1) - both


def mean_iou(table: np.ndarray) -> float:
    """Return the mean IoU over the classes that occur; NaN where none does."""
    both, either = overlaps(table)
    there = either > 0
    return float((both[there] / either[there]).mean()) if there.any() else float("nan")


def changed_share(table: np.ndarray) -> float:
    """Return the share of pixels whose class differs; NaN where none is known."""
    total = table.sum()
    return float(1 - np.trace(table) / total) if total else float("nan")


def lone_regions(p: np.ndarray, q: np.ndarray, seen: np.ndarray | None = None) -> int:
    """Count the regions of map p that no pixel of their class meets in map q.

    A region is connected and at least LEAST_REGION of the frame, most of it in ``seen`` (H, W) bool: what a
    flow cannot bring along is no fault.
    """
    least, count = LEAST_REGION * p.size, 0
    differ = np.bincount(p[p != q], minlength=UNKNOWN + 1)  # all pixels of a lone region do
    for label in np.flatnonzero(differ[:UNKNOWN] >= least):
        mask = (p == label).astype(np.uint8)
        number, parts, about, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        met = np.zeros(number, bool)
        met[np.unique(parts[q == label])] = True
        for part in np.flatnonzero(~met[1:] & (about[1:, cv2.CC_STAT_AREA] >= least)) + 1:
            where = parts == part
            unknown = (q[where] == UNKNOWN).mean()
            count += bool(unknown < 0.5 and (seen is None or seen[where].mean() > 0.5))
    return count


def boundary_jitter(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Return how far class boundaries shake about a steady motion over three maps, px; NaN without boundary.

    In a window of WINDOW px about each boundary pixel of c: second difference of the class's area over twice
    the boundary's length. Areas have no rounding that adds up, distances have. Above FARTHEST, a region came
    or went.
    """
    values = []
    unknown = (a == UNKNOWN) | (b == UNKNOWN) | (c == UNKNOWN)
    beside = cv2.dilate(unknown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    shares = np.bincount(c.ravel(), minlength=UNKNOWN + 1) / c.size
    for label in np.flatnonzero((shares[:UNKNOWN] >= LEAST_CLASS) & (shares[:UNKNOWN] < 1)):
        x, y, width, height = cv2.boundingRect(
            ((a == label) | (b == label) | (c == label)).astype(np.uint8)
        )
        near = np.s_[
            max(0, y - WINDOW) : y + height + WINDOW, max(0, x - WINDOW) : x + width + WINDOW
        ]
        first, second, third = ((grid[near] == label).astype(np.float32) for grid in (a, b, c))
        change = np.where(unknown[near], 0, first - 2 * second + third)
        soft = cv2.GaussianBlur(third, (0, 0), 1.5)
        steep = cv2.magnitude(
            *(cv2.Sobel(soft, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
        )
        area, length = (
            cv2.boxFilter(layer, -1, (WINDOW, WINDOW), normalize=False) for layer in (change, steep)
        )
        at = (third > 0) & (cv2.erode(third, np.ones((3, 3), np.uint8)) == 0) & ~beside[near]
        off = np.abs(area[at]) / (2 * np.maximum(length[at], 1.0))
        values.append(off[off <= FARTHEST])
    every = np.concatenate([np.empty(0), *values])
    return float(every.mean()) if len(every) else float("nan")


def majority(along: Sequence[np.ndarray]) -> np.ndarray:
    """Return the class that most of the maps (H, W) have in each pixel, of equals that of the first map."""
    votes = np.zeros((len(along), *along[0].shape), np.uint8)
    for i, one in enumerate(along):
        for j in range(i):
            same = one == along[j]
            votes[i] += same
            votes[j] += same
    best, most = along[0], votes[0]
    for one, count in zip(along[1:], votes[1:], strict=True):
        best, most = np.where(count > most, one, best), np.maximum(count, most)
    return best


def flow_between(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the flow from b to a, (H, W, 2) px, and where it can be trusted; None if the scenes differ.

    Pictures without texture count as at rest.
    """
    from vidrobust.frame_pairs.registration import (
        flow_at_width,
    )  # pages read the task without torch

    motion = flow_at_width(a, b, FLOW_SIDE)
    if motion is None or motion[2] == 1:
        return motion and motion[:2]
    small_flow, visible, scale = motion
    size = b.shape[1::-1]
    flow = cv2.resize(small_flow, size) / scale
    seen = cv2.resize(visible.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(flow, np.float32), seen.astype(bool)


def carried(along: Sequence[np.ndarray], flow: np.ndarray) -> list[np.ndarray]:
    """Return maps (H, W) on the grid to which the flow leads."""
    from vidrobust.frame_pairs.registration import warp

    made = warp(np.dstack(along), flow, interpolation=cv2.INTER_NEAREST).reshape(
        *flow.shape[:2], -1
    )
    return [np.ascontiguousarray(made[..., k]) for k in range(len(along))]


def at_size(labels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    if labels.shape == tuple(size[:2]):
        return labels
    return np.asarray(cv2.resize(labels, size[1::-1], interpolation=cv2.INTER_NEAREST))


def shares_in_cells(labels: np.ndarray, classes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Return (K, h, w) float32: the share of each class in cells of CELL px of a map."""
    height, width = labels.shape
    small = (max(1, -(-width // CELL)), max(1, -(-height // CELL)))
    layers = [(labels == label).astype(np.float32) for label in classes]
    return np.stack([cv2.resize(layer, small, interpolation=cv2.INTER_AREA) for layer in layers])


def coordinates(maps: ClassMaps, motions: Sequence[Any], size: tuple[int, int]) -> np.ndarray:
    """Return (N, D) how the maps of N replayed pictures differ from the first, after taking out their motion.

    Probabilities are compared in cells; the carried map tells how much motion alone changes a cell.
    """
    classes = np.unique(maps.labels[maps.labels != UNKNOWN])
    if not len(classes):
        return np.zeros((maps.num_frames, 1))
    hard = [shares_in_cells(at_size(grid, size), classes) for grid in maps.labels]
    cells = np.stack(hard) if maps.cells is None else maps.cells[:, classes].astype(np.float32)
    if motions:
        first = next((k for k in (0, 1) if not motions[k].back.any()), 0)
        base, expected = at_size(maps.labels[first], size), dict[int, np.ndarray]()
        for row, motion in enumerate(motions):
            if id(motion) not in expected:  # pictures that move alike share their motion
                back = cv2.resize(motion.back, size[::-1])
                expected[id(motion)] = (
                    shares_in_cells(carried([base], back)[0], classes) - hard[first]
                )
            cells[row] = cells[row] - expected[id(motion)]
    return cells.reshape(maps.num_frames, -1)


def said(maps: ClassMaps) -> tuple[list[str], np.ndarray]:
    """The two largest classes of each map with their shares, and how sure the network is."""
    texts = []
    for labels in maps.labels:
        counts = np.bincount(labels.ravel(), minlength=UNKNOWN + 1)[: len(maps.class_names)]
        largest = [k for k in np.argsort(-counts, kind="stable")[:2] if counts[k]]
        shares = (f"{maps.class_names[k]} {100 * counts[k] / labels.size:.0f} %" for k in largest)
        texts.append(", ".join(shares) or "nothing judged")
    return texts, maps.sure


def drawn(picture: np.ndarray, maps: ClassMaps) -> np.ndarray:
    """Return the picture with the map of its frame over it, half transparent, UNKNOWN left clear."""
    labels = at_size(maps.labels[0], picture.shape)
    hue = np.arange(UNKNOWN + 1) * 0.618034 * 180 % 180  # neighbours far apart: the golden ratio
    hsv = np.stack([hue, np.full(len(hue), 200), np.full(len(hue), 235)], axis=1).astype(np.uint8)[
        None
    ]
    mixed = cv2.addWeighted(picture, 0.5, cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0][labels], 0.5, 0)
    return np.asarray(np.where((labels == UNKNOWN)[..., None], picture, mixed))


def aligned(p: ClassMaps, q: ClassMaps) -> list[np.ndarray]:
    """Return the confusion tables of two aligned sets of maps, frame by frame."""
    return [
        confusion(a, at_size(b, a.shape), len(p.class_names))
        for a, b in zip(p.labels, q.labels, strict=True)
    ]


def flipped(p: ClassMaps, q: ClassMaps) -> np.ndarray:
    return np.array([changed_share(table) for table in aligned(p, q)])


def consistency(p: ClassMaps, q: ClassMaps) -> np.ndarray:
    return np.array([mean_iou(table) for table in aligned(p, q)])


def regions(p: ClassMaps, q: ClassMaps) -> np.ndarray:
    """Return (N,) bool: whether a region appears or vanishes."""
    pairs = zip(p.labels, q.labels, strict=True)
    return np.array([lone_regions(a, b) + lone_regions(b, a) > 0 for a, b in pairs])
