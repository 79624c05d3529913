"""A user's own classifier, or answers from a file, whose answers are taken otherwise: one wrapper for all ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.models.info import ModelInfo
from vidrobust.models.predict import needs_pixels
from vidrobust.predictions import Classifications


@dataclass(eq=False, kw_only=True)
class SeenOver:
    """Another classifier with ``over`` between its answers and the one who asked.

    class_names, info  of what is answered in the end
    """

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    classifier: Any
    over: Callable[[Classifications], Classifications]
    task: Literal["classification"] = "classification"

    @property
    def needs_pixels(self) -> bool:
        """Whether it can be asked about new pictures."""
        return needs_pixels(self.classifier)

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        """pixels (N, 3, H, W) uint8 RGB -> N rows."""
        return self.over(self.classifier(pixels))

    def predict_frames(self, item: str, index: np.ndarray) -> Classifications:
        """Frames of an item by their numbers, where the classifier reads its answers."""
        return self.over(self.classifier.predict_frames(item, index))
