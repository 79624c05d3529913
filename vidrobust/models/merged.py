"""A model seen as a classifier of a data set's classes: the best of its classes that belong together counts.

    model       tabby .1   Persian cat .4   Eskimo dog .2   (997 more)
    data set    cat .67 = .4 / (.4 + .2)    dog .33         cow 0, for which the model has no class

Which class leads is decided as by logits of which the maximum is taken and minus infinity stands where no
class belongs (Shankar et al. 2019): the softmax of those is what is given here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence

import numpy as np

from vidrobust.errors import SettingsError
from vidrobust.footage.labels.class_map import ClassMap
from vidrobust.models.classes import IMAGENET, imagenet_shift
from vidrobust.models.info import model_info
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.seen_over import SeenOver
from vidrobust.predictions import Classifications, Classifier


def merged(classifier: Classifier, class_map: ClassMap, names: Sequence[str], of: str) -> Classifier | None:
    """The classifier in the classes of a data set, or None where the map is not for its classes.

    of  what the map came with, for the notes

    A map of ImageNet's 1000 is moved by one for a model with a background class before them; a model with
    more classes than that is not one of ImageNet's. Raises SettingsError for a model with operating points.
    """
    count, needed = len(classifier.class_names), max(class_map.of_model) + 1
    if needed > count or (count > IMAGENET and not imagenet_shift(classifier.class_names)):
        return None
    shifted = class_map.shifted(imagenet_shift(classifier.class_names))
    over = _over(shifted, tuple(names), classifier.name)
    known = json.dumps(sorted(shifted.of_model.items()))
    info = model_info(classifier)
    said = f"largest of {len(shifted.of_model)} classes that belong to {len(names)} ({_hash(known)})"
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
    return SeenOver(
        name=classifier.name,
        class_names=tuple(names),
        info=summary,
        classifier=classifier,
        over=over,
    )


def _over(
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


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
