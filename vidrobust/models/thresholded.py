"""A user's own classifier, or answers from a file, with operating points over them."""

from __future__ import annotations

import dataclasses
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.models.info import model_info
from vidrobust.models.reading import KEYS, Declared, operating_points
from vidrobust.models.seen_over import SeenOver


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
    return SeenOver(
        name=classifier.name,
        class_names=names,
        info=dataclasses.replace(info, reading=f"{info.reading}; {words}".removeprefix("; ")),
        classifier=classifier,
        over=lambda answer: dataclasses.replace(answer, thresholds=(*answer.thresholds, *points)),
    )
