"""Predictions: the outputs of models of every task, and the protocols of the core's models.

They are NumPy arrays in main memory: small beside the pixels, and later stages need no torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np

from vidrobust.shapes.shape import Places, check_arrays

if TYPE_CHECKING:
    import torch


class TaskPredictions:
    """Base of all predictions: what models of one ``task`` say of N frames."""

    task: ClassVar[str]  # name of the task, as in the models' ``task``
    num_frames: int  # N
    class_names: tuple[str, ...]  # the model's own classes, in order

    def select(self, rows: Sequence[int] | np.ndarray) -> Self:
        """Return the predictions of some frames, in the order asked for."""
        raise NotImplementedError

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Join the predictions of consecutive batches."""
        raise NotImplementedError

    def problems(self) -> list[str]:
        """Return what makes them unusable, a phrase each."""
        return []


@dataclass(frozen=True)
class Classifications(TaskPredictions):
    """Class probabilities of N frames."""

    task: ClassVar[str] = "classification"

    probabilities: np.ndarray  # (N, K) float32, rows sum to 1
    class_names: tuple[str, ...]  # K names, in the order of the columns
    # operating points, (class, probability) each; none: the most probable class wins. A class with one wins
    # only where its probability reaches it; of several, the one farthest above as a ratio; where none does,
    # the most probable class without one. Infinity: never
    thresholds: tuple[tuple[int, float], ...] = ()
    # only some classes are known, the last column holds the rest: labels can be compared, distances between
    # distributions are NaN
    partial: bool = False

    def __post_init__(self) -> None:
        p = np.ascontiguousarray(self.probabilities, dtype=np.float32)
        object.__setattr__(self, "probabilities", p)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if p.ndim != 2 or p.shape[1] < 2:
            raise ValueError(
                f"Classifications.probabilities: expected shape (N, K >= 2), got {p.shape}"
            )
        if len(self.class_names) != p.shape[1]:
            raise ValueError(
                f"Classifications.class_names: expected {p.shape[1]} names for {p.shape[1]} columns, "
                f"got {len(self.class_names)}"
            )
        if not all(0 <= k < p.shape[1] and t > 0 for k, t in self.thresholds):
            raise ValueError(
                f"Classifications.thresholds: expected (class in 0..{p.shape[1] - 1}, probability above 0), "
                f"got {self.thresholds}"
            )
        if p.size and not (
            np.isfinite(p).all() and p.min() >= -1e-6 and np.abs(p.sum(axis=1) - 1).max() < 1e-3
        ):
            raise ValueError(
                "Classifications.probabilities: expected finite rows that sum to 1; "
                "give softmax outputs, or use Classifications.from_logits"
            )

    @classmethod
    def from_logits(
        cls, logits: torch.Tensor | np.ndarray, class_names: tuple[str, ...]
    ) -> Classifications:
        """Apply softmax in float64, so that equal logits give equal probabilities on every device."""
        z = np.asarray(
            logits if isinstance(logits, np.ndarray) else logits.detach().cpu().float(), np.float64
        )
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return cls((z / z.sum(axis=1, keepdims=True)).astype(np.float32), class_names)

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64, the most probable class, the first of equals; or by the operating points."""
        if not self.thresholds:
            return np.asarray(self.probabilities.argmax(axis=1))
        rest, above = self._rest_and_above()
        reached = above.max(axis=1) > 0
        return np.where(reached, above.argmax(axis=1), rest.argmax(axis=1))

    @property
    def margins(self) -> np.ndarray:
        """(N,) float64, twice the probability that must change hands for another label; at least 0.

        Without operating points the lead over the second class. Where a class wins by its operating point,
        twice the way down to it; elsewhere the least of the lead and twice the way up to each point.
        """
        p, rest, above = (
            a.astype(np.float64) for a in (self.probabilities, *self._rest_and_above())
        )
        if (rest >= 0).any(axis=0).sum() > 1:
            ordered = np.sort(rest, axis=1)
            margins = ordered[:, -1] - ordered[:, -2]
        else:
            margins = np.full(len(p), np.inf)
        points = np.full(p.shape[1], np.inf)
        for k, point in self.thresholds:
            points[k] = point
            margins = np.minimum(margins, 2 * np.abs(point - p[:, k]))
        rows, winner = np.arange(len(p)), above.argmax(axis=1)
        return np.where(above.max(axis=1) > 0, 2 * (p[rows, winner] - points[winner]), margins)

    def _rest_and_above(self) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities, -1 for classes with an operating point unless all have; ratios to it, 0 below."""
        p = self.probabilities
        rest, above = p.copy(), np.zeros_like(p)
        for k, point in self.thresholds:
            reached = p[:, k] >= np.float32(point)
            above[reached, k] = p[reached, k] / np.float32(point)
            rest[:, k] = rest[:, k] if len(self.thresholds) == p.shape[1] else -1.0
        return rest, above

    @property
    def num_frames(self) -> int:  # type: ignore[override]
        return len(self)

    def take(self, rows: Sequence[int] | np.ndarray) -> Classifications:
        """The predictions of some rows, in the order asked for."""
        return dataclasses.replace(self, probabilities=self.probabilities[rows])

    select = take

    @classmethod
    def join(cls, parts: Sequence[Classifications]) -> Classifications:
        """Join the predictions of consecutive batches."""
        together = np.concatenate([part.probabilities for part in parts])
        return dataclasses.replace(parts[0], probabilities=together)

    def __len__(self) -> int:
        return int(self.probabilities.shape[0])


@dataclass(frozen=True)
class Detections(TaskPredictions):
    """Boxes of N frames, flat."""

    task: ClassVar[str] = "detection"

    boxes: np.ndarray  # (D, 4) float32, x1 y1 x2 y2 in pixels of the frame
    scores: np.ndarray  # (D,) float32 in [0, 1]
    labels: np.ndarray  # (D,) int64
    frame: np.ndarray  # (D,) int64, the row of the batch a box belongs to, sorted
    num_frames: int  # N, also where a frame has no box
    class_names: tuple[str, ...]
    # (D,) int64, the detector's own number of the object, -1 for none; None where it follows nothing
    tracks: np.ndarray | None = None
    # (D,) object, what lies in each box: a ``Mask`` or ``Polygon`` of ``vidrobust.shapes`` in px of the
    # frame, or None; None where the detector gives boxes alone
    shapes: np.ndarray | None = None

    def __post_init__(self) -> None:
        count = len(self.scores)
        check_arrays(self, (count, 4), "boxes")
        check_arrays(self, (count,), "scores", "labels", "frame", "tracks", "shapes")
        if count and (
            np.any(np.diff(self.frame) < 0)
            or self.frame[0] < 0
            or self.frame[-1] >= self.num_frames
        ):
            raise ValueError(f"Detections.frame: expected sorted rows in 0..{self.num_frames - 1}")

    def of_frame(self, row: int) -> tuple[Places, np.ndarray, np.ndarray]:
        """Return the boxes of one frame with what lies in them, scores and labels."""
        at = self.frame == row
        boxes = self.boxes[at].astype(np.float64)
        return (
            Places(boxes, None if self.shapes is None else self.shapes[at]),
            self.scores[at],
            self.labels[at],
        )

    def take(self, rows: np.ndarray) -> Detections:
        """Return some boxes, of the same frames; rows: numbers in order, or (D,) bool."""
        return dataclasses.replace(self, **self._rows(rows, "frame", "tracks"))

    def select(self, rows: Sequence[int] | np.ndarray) -> Detections:
        """Return the boxes of some frames, numbered anew, without track numbers."""
        kept = np.concatenate(
            [np.empty(0, np.int64), *(np.flatnonzero(self.frame == row) for row in rows)]
        )
        place = np.repeat(np.arange(len(rows)), [int((self.frame == row).sum()) for row in rows])
        some, frame = self._rows(kept.astype(np.int64)), place.astype(np.int64)
        return dataclasses.replace(self, **some, tracks=None, frame=frame, num_frames=len(rows))

    def _rows(self, rows: np.ndarray, *more: str) -> dict[str, Any]:
        columns = {
            name: getattr(self, name) for name in ("boxes", "scores", "labels", "shapes", *more)
        }
        return {name: of if of is None else of[rows] for name, of in columns.items()}

    @classmethod
    def join(cls, parts: Sequence[Detections]) -> Detections:
        """Join the boxes of consecutive batches; rows of ``frame`` are moved along."""
        starts = np.cumsum([0, *(part.num_frames for part in parts)])
        return cls(
            boxes=np.concatenate([part.boxes for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            frame=np.concatenate(
                [part.frame + at for part, at in zip(parts, starts[:-1], strict=True)]
            ),
            num_frames=int(starts[-1]),
            class_names=parts[0].class_names,
            **{
                name: _all_or_none([getattr(p, name) for p in parts if len(p.scores)])
                for name in ("tracks", "shapes")
            },
        )

    def problems(self) -> list[str]:
        boxes, scores, labels = self.boxes, self.scores, self.labels
        faults = {
            "a box with NaN or infinite sides": not np.isfinite(boxes).all(),
            "a box whose right or lower side lies before the left or upper one": bool(
                np.any(boxes[:, 2:] < boxes[:, :2])
            ),
            "a score outside 0..1, or NaN": not bool(np.all((scores >= 0) & (scores <= 1))),
            f"a label outside 0..{len(self.class_names) - 1}": bool(
                np.any((labels < 0) | (labels >= len(self.class_names)))
            ),
        }
        return [problem for problem, there in faults.items() if there]


def _all_or_none(parts: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known and len(known) == len(parts) else None


@runtime_checkable
class Classifier(Protocol):
    """Anything that turns frames into class probabilities; resizing and normalising live inside."""

    name: str
    class_names: tuple[str, ...]
    task: Literal["classification"]

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        """pixels (N, 3, H, W) uint8 RGB of any size and device -> N rows."""
        ...


@runtime_checkable
class Detector(Protocol):
    """Anything that turns frames into boxes; resizing and normalising live inside."""

    name: str
    class_names: tuple[str, ...]
    task: Literal["detection"]

    def __call__(self, pixels: torch.Tensor) -> Detections:
        """pixels (N, 3, H, W) uint8 RGB of any size and device -> the boxes of N frames."""
        ...
