"""Classifications and Detections: the only model outputs, and the protocols of the models that make them.

Predictions are NumPy arrays in main memory: they are small beside the pixels, and every stage after the
model is then free of torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Classifications:
    """Class probabilities of N frames.

    probabilities  (N, K) float32, rows sum to 1
    class_names    K names, in the order of the columns
    """

    probabilities: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        p = np.ascontiguousarray(self.probabilities, dtype=np.float32)
        object.__setattr__(self, "probabilities", p)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if p.ndim != 2 or p.shape[1] < 2:
            raise ValueError(f"Classifications.probabilities: expected shape (N, K >= 2), got {p.shape}")
        if len(self.class_names) != p.shape[1]:
            raise ValueError(
                f"Classifications.class_names: expected {p.shape[1]} names for {p.shape[1]} columns, "
                f"got {len(self.class_names)}"
            )
        if p.size and not (
            np.isfinite(p).all() and p.min() >= -1e-6 and np.abs(p.sum(axis=1) - 1).max() < 1e-3
        ):
            raise ValueError(
                "Classifications.probabilities: expected finite rows that sum to 1; "
                "give softmax outputs, or use Classifications.from_logits"
            )

    @classmethod
    def from_logits(cls, logits: torch.Tensor | np.ndarray, class_names: tuple[str, ...]) -> Classifications:
        """Softmax in float64, so that equal logits give equal probabilities on every device."""
        z = np.asarray(
            logits if isinstance(logits, np.ndarray) else logits.detach().cpu().float(), np.float64
        )
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return cls((z / z.sum(axis=1, keepdims=True)).astype(np.float32), class_names)

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64, the most probable class; the first of equals."""
        labels: np.ndarray = self.probabilities.argmax(axis=1)
        return labels

    def __len__(self) -> int:
        return int(self.probabilities.shape[0])


@dataclass(frozen=True)
class Detections:
    """Boxes of N frames, flat.

    boxes   (D, 4) float32, x1 y1 x2 y2 in pixels of the frame
    scores  (D,) float32 in [0, 1]
    labels  (D,) int64
    frame   (D,) int64, the row of the batch a box belongs to, sorted
    num_frames  N, also where a frame has no box
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    frame: np.ndarray
    num_frames: int
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.scores)
        shapes = {"boxes": (count, 4), "scores": (count,), "labels": (count,), "frame": (count,)}
        for name, shape in shapes.items():
            got = np.shape(getattr(self, name))
            if got != shape:
                raise ValueError(f"Detections.{name}: expected shape {shape}, got {got}")
        if count and (
            np.any(np.diff(self.frame) < 0) or self.frame[0] < 0 or self.frame[-1] >= self.num_frames
        ):
            raise ValueError(f"Detections.frame: expected sorted rows in 0..{self.num_frames - 1}")


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
