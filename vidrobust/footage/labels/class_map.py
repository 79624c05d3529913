"""The classes of a model seen as the classes of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidrobust.errors import InputError
from vidrobust.files.json_text import parsed_json
from vidrobust.text.printable import printable


@dataclass(frozen=True, kw_only=True)
class ClassMap:
    """Which class of a data set each class of a model belongs to.

    of_model   number of the model's class -> number of the data set's; classes left out belong to none
    classes    how many classes the data set has; those that no class of the model belongs to are never predicted
    """

    of_model: Mapping[int, int]
    classes: int

    def __post_init__(self) -> None:
        wrong = [k for k, c in self.of_model.items() if k < 0 or not 0 <= c < self.classes]
        if wrong:
            raise ValueError(
                f"ClassMap.of_model: class {wrong[0]} of the model maps outside 0..{self.classes - 1}"
            )

    @property
    def unmapped(self) -> tuple[int, ...]:
        """The classes of the data set that the model cannot predict."""
        return tuple(sorted(set(range(self.classes)) - set(self.of_model.values())))

    def scores(self, scores: np.ndarray) -> np.ndarray:
        """Scores of the data set's classes, (N, classes) float64: the largest of those that belong together.

        scores  (N, K) probabilities or logits of the model. A class that none belongs to is minus infinity, not
        0, which would win wherever logits are negative (Shankar et al. 2019, the corrected score_predictions.py).
        """
        found = np.full((len(scores), self.classes), -np.inf)
        for target in sorted(set(self.of_model.values())):
            members = [k for k, c in self.of_model.items() if c == target]
            found[:, target] = scores[:, members].max(axis=1)
        return found

    def shifted(self, places: int) -> ClassMap:
        """The map of a model whose classes come so many places later."""
        return ClassMap(of_model={k + places: c for k, c in self.of_model.items()}, classes=self.classes)


def read_class_map(path: Path, classes: int | None = None) -> ClassMap:
    """A JSON object, number of the model's class -> number of the data set's; raises InputError.

    classes  how many the data set has; None: as many as the map names
    """
    try:
        content = parsed_json(path.read_text(encoding="utf-8"))
        of_model = {int(k): int(c) for k, c in content.items()}
        return ClassMap(of_model=of_model, classes=classes or max(of_model.values()) + 1)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{printable(path)}: is no class map, an object of class numbers ({error})"
        ) from error
