"""Classifiers whose answers are read under operating points, or in the classes of a data set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.footage.labels.labels import ClassMap
from vidrobust.models.classes import IMAGENET, imagenet_shift
from vidrobust.models.info import ModelInfo, model_info
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import needs_pixels
from vidrobust.models.reading import KEYS, Declared, operating_points
from vidrobust.predictions import Classifications, Classifier


@dataclass(eq=False, kw_only=True)
class AdaptedClassifier:
    """A classifier with ``over`` applied to its answers; ``class_names`` and ``info`` describe the result."""

    name: str
    class_names: tuple[str, ...]
    info: ModelInfo
    classifier: Any
    over: Callable[[Classifications], Classifications]
    task: Literal["classification"] = "classification"

    @property
    def needs_pixels(self) -> bool:
        return needs_pixels(self.classifier)

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        return self.over(self.classifier(pixels))

    def predict_frames(self, item: str, index: np.ndarray) -> Classifications:
        return self.over(self.classifier.predict_frames(item, index))


def thresholded(classifier: Any, declared: Declared, where: str) -> Any:
    """Return the model under the declared operating points; SettingsError where they do not apply to it."""
    if declared == Declared():
        return classifier
    if classifier.task != "classification":
        raise SettingsError(
            f"{where}: {', '.join(KEYS)} apply to classifiers; this model is for {classifier.task}"
        )
    if declared.threshold is None or declared != Declared(threshold=declared.threshold):
        raise SettingsError(
            f"{where}: output, scale and one_vs_rest apply to networks; this model gives its answer"
        )
    names = tuple(classifier.class_names)
    points = operating_points(declared.threshold, names, where)
    info = model_info(classifier)
    words = ", ".join(f"{names[k]!r} from {point:g}" for k, point in points)
    return AdaptedClassifier(
        name=classifier.name,
        class_names=names,
        info=dataclasses.replace(info, reading=f"{info.reading}; {words}".removeprefix("; ")),
        classifier=classifier,
        over=lambda answer: dataclasses.replace(answer, thresholds=(*answer.thresholds, *points)),
    )


def merged(classifier: Classifier, class_map: ClassMap, names: Sequence[str], of: str) -> Classifier | None:
    """Return a classifier in the classes of a data set; None if the map does not fit."""
    count, needed = len(classifier.class_names), max(class_map.of_model) + 1
    if needed > count or (count > IMAGENET and not imagenet_shift(classifier.class_names)):
        return None
    shifted = class_map.shifted(imagenet_shift(classifier.class_names))
    over = _into_classes(shifted, tuple(names), classifier.name)
    known = json.dumps(sorted(shifted.of_model.items())).encode()
    digest = hashlib.sha256(known).hexdigest()[:8]
    info = model_info(classifier)
    said = f"largest of {len(shifted.of_model)} classes that belong to {len(names)} ({digest})"
    lacks = [names[k] for k in shifted.unmapped]
    note = f"answers in the {len(names)} classes of {of}" + (f", never {', '.join(lacks)}" if lacks else "")
    summary = dataclasses.replace(
        info,
        reading=f"{info.reading}; {said}".removeprefix("; "),
        num_classes=len(names),
        notes=(*info.notes, note),
    )
    if isinstance(classifier, NetworkClassifier):
        reading = classifier.reading
        return dataclasses.replace(
            classifier,
            class_names=tuple(names),
            info=summary,
            reading=lambda rows, where: over(reading(rows, where)),
        )
    return AdaptedClassifier(
        name=classifier.name,
        class_names=tuple(names),
        info=summary,
        classifier=classifier,
        over=over,
    )


def _into_classes(
    class_map: ClassMap, names: tuple[str, ...], model: str
) -> Callable[[Classifications], Classifications]:
    def over(answer: Classifications) -> Classifications:
        if answer.partial or answer.thresholds:
            raise SettingsError(
                f"model {model}: a class map needs the probabilities of all classes and no operating points"
            )
        scores = class_map.scores(answer.probabilities)
        mapped = scores > -np.inf
        found = np.where(mapped, scores, 0.0)
        total = found.sum(axis=1, keepdims=True)
        # all of them rounded to nothing: none leads
        found = np.where(
            total > 0, found / np.where(total > 0, total, 1.0), mapped / mapped.sum(axis=1)[:, None]
        )
        return Classifications(found.astype(np.float32), names)

    return over
