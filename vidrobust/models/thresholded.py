"""A user's own classifier, or answers from a file, with operating points over them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.info import ModelInfo, model_info
from vidrobust.models.reading import KEYS, Declared, operating_points
from vidrobust.predictions import Classifications


@dataclass(eq=False, kw_only=True)
class Thresholded:
    """Another classifier's probabilities, with labels by operating points."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    classifier: Any
    thresholds: tuple[tuple[int, float], ...]
    needs_pixels: bool
    task: Literal["classification"] = "classification"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        """pixels (N, 3, H, W) uint8 RGB -> N rows."""
        return self._over(self.classifier(pixels))

    def predict_frames(self, item: str, index: np.ndarray) -> Classifications:
        """Frames of an item by their numbers, where the classifier reads its answers."""
        return self._over(self.classifier.predict_frames(item, index))

    def _over(self, answer: Classifications) -> Classifications:
        return dataclasses.replace(answer, thresholds=(*answer.thresholds, *self.thresholds))


def thresholded(classifier: Any, declared: Declared, where: str) -> Any:
    """The classifier under the declared operating points; as it is, detector or classifier, where none are.

    Raises SettingsError for what can be said of a network's outputs, or of classifiers, only.
    """
    if declared == Declared():
        return classifier
    if classifier.task != "classification":
        raise SettingsError(
            f"{where}: {', '.join(KEYS)} are said of classifiers; this is for {classifier.task}"
        )
    if declared.threshold is None or declared != Declared(threshold=declared.threshold):
        raise SettingsError(
            f"{where}: output, scale and one_vs_rest are said of networks; this gives its answer"
        )
    names = tuple(classifier.class_names)
    points = operating_points(declared.threshold, names, where)
    info = model_info(classifier)
    words = ", ".join(f"{names[k]!r} from {point:g}" for k, point in points)
    return Thresholded(
        name=classifier.name,
        class_names=names,
        info=dataclasses.replace(info, reading=f"{info.reading}; {words}".removeprefix("; ")),
        classifier=classifier,
        thresholds=points,
        needs_pixels=getattr(classifier, "needs_pixels", True),
    )
