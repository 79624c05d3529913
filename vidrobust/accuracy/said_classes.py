"""What people called things, as classes of a model: by name, or by number where the number is the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.models.classes import imagenet_wnids, sets_for, shown_name

# Which predictions are right, where a label is a set of classes.
#
# A label is a set: several rows of the table ``labels`` for one frame. A prediction is right if it is in the set.

WHOLE_ITEM = -1
"""The frame of a label that holds for every frame of its item (``footage/item_tables.py``)."""
REST = -1
"""The label under which ``probabilities`` keeps the sum of the classes that are not listed."""


def top_correct(scores: np.ndarray, sets: Sequence[frozenset[int]], top: int = 1) -> np.ndarray:
    """(N,) bool: is a class of the set among the ``top`` highest scores of its row? Equals: the first one wins.

    scores (N, K); sets: N sets of class numbers. An empty set is never right.
    """
    if len(scores) != len(sets):
        raise ValueError(f"top_correct: expected a set for each of {len(scores)} rows, got {len(sets)}")
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    alive = np.take_along_axis(scores, order, axis=1) > -np.inf
    rows = zip(order, alive, sets, strict=True)
    return np.array([any(int(k) in wanted for k in row[live]) for row, live, wanted in rows], dtype=bool)


def label_sets(labels: pd.DataFrame, frames: pd.DataFrame) -> list[frozenset[object]]:
    """The label set of each row of ``frames`` (item, frame): class numbers, and names of classes without one.

    labels  the table ``labels``; rows with frame -1 hold for every frame of their item that has none of its own.
    A frame without a label gets an empty set.
    """
    known: dict[tuple[str, int], set[object]] = {}
    for item, frame, label, name in labels[["item", "frame", "label", "label_name"]].itertuples(index=False):
        known.setdefault((str(item), int(frame)), set()).add(int(label) if label >= 0 else str(name))
    empty: set[object] = set()
    return [
        frozenset(known.get((str(item), int(frame)), known.get((str(item), WHOLE_ITEM), empty)))
        for item, frame in frames[["item", "frame"]].itertuples(index=False)
    ]


NUMBERS_ARE_CLASSES = ("manifest",)
"""Sources whose bare numbers are class indices; those of annotation formats count the file's own classes."""


@dataclass(frozen=True)
class SaidClasses:
    """Labels and the classes of a model.

    rows     the table ``labels``, ``label`` a class of the model; a name of several classes is several rows
    unknown  the rows that no class of the model stands for
    counts   what these say -> how many rows
    """

    rows: pd.DataFrame
    unknown: pd.DataFrame
    counts: Mapping[str, int]

    @staticmethod
    def of(labels: pd.DataFrame, class_names: Sequence[str]) -> SaidClasses:
        """Names stand for every class of that name, letter case aside; numbers as in ``models.classes.sets_for``.

        Number 3 of YouTube-BB is no class 3 of an ImageNet model: of formats with classes of their own only names
        count.
        """
        keys = list(zip(labels["label_name"], labels["source"], strict=True))
        known = {key: _classes(*key, class_names) for key in dict.fromkeys(keys)}
        found = [known[key] for key in keys]
        rows = labels.assign(label=found).explode("label").dropna(subset="label").reset_index(drop=True)
        unknown = labels[np.array([not classes for classes in found], bool)].reset_index(drop=True)
        counts = {str(name): int(n) for name, n in unknown["label_name"].value_counts().items()}
        names = [class_names[int(k)] for k in rows["label"]]
        return SaidClasses(
            rows.assign(label=rows["label"].astype("int64"), label_name=names), unknown, counts
        )


def by_name(labels: pd.DataFrame) -> pd.DataFrame:
    """The labels without the numbers of formats that count classes of their own: only their names are left."""
    return labels.assign(label=labels["label"].where(labels["source"].isin(NUMBERS_ARE_CLASSES), -1))


def _classes(name: str, source: str, class_names: Sequence[str]) -> list[int]:
    text = str(name).strip()
    known = {each.casefold() for each in class_names}
    is_name = not known.isdisjoint({text.casefold(), shown_name(text).casefold()}) or text in imagenet_wnids()
    if not is_name and source not in NUMBERS_ARE_CLASSES:
        return []
    try:
        (found,), _ = sets_for([frozenset({text})], class_names)
    except SettingsError:
        return []
    return sorted(found)
