"""Labels as classes of a model: by name, or by number where the number is the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.models.classes import imagenet_wnids, sets_for, shown_name

WHOLE_ITEM = -1  # the frame of a label that holds for every frame of its item (``footage/item_tables.py``)
REST = -1  # the label under which ``probabilities`` keeps the sum of the classes that are not listed


def label_sets(labels: pd.DataFrame, frames: pd.DataFrame) -> list[frozenset[object]]:
    """Return the class numbers of each row of ``frames``, and names without a class.

    Labels of frame -1 hold for every frame of the item without labels of its own.
    """
    known: dict[tuple[str, int], set[object]] = {}
    for item, frame, label, name in labels[["item", "frame", "label", "label_name"]].itertuples(index=False):
        known.setdefault((str(item), int(frame)), set()).add(int(label) if label >= 0 else str(name))
    empty: set[object] = set()
    return [
        frozenset(known.get((str(item), int(frame)), known.get((str(item), WHOLE_ITEM), empty)))
        for item, frame in frames[["item", "frame"]].itertuples(index=False)
    ]


# Sources whose bare numbers are class indices; those of annotation formats count the file's own classes.
NUMBERS_ARE_CLASSES = ("manifest",)


@dataclass(frozen=True)
class SaidClasses:
    """Labels as classes of a model: a name of several classes is several rows.

    ``unknown`` are rows without a class, ``counts`` rows by such label.
    """

    rows: pd.DataFrame
    unknown: pd.DataFrame
    counts: Mapping[str, int]

    @staticmethod
    def of(labels: pd.DataFrame, class_names: Sequence[str]) -> SaidClasses:
        """Match names without regard to case; numbers only where the format uses the model's classes."""
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
    """Drop numbers of formats that count classes of their own."""
    return labels.assign(label=labels["label"].where(labels["source"].isin(NUMBERS_ARE_CLASSES), -1))


def _classes(name: str, source: str, class_names: Sequence[str]) -> list[int]:
    text = str(name).strip()
    known = {each.casefold() for each in class_names}
    if text.casefold() == "pedestrian" and "pedestrian" not in known and "person" in known:
        text = "person"  # MOTChallenge's word for COCO's class
    is_name = not known.isdisjoint({text.casefold(), shown_name(text).casefold()}) or text in imagenet_wnids()
    if not is_name and source not in NUMBERS_ARE_CLASSES:
        return []
    try:
        (found,), _ = sets_for([frozenset({text})], class_names)
    except SettingsError:
        return []
    return sorted(found)
