"""What people called things, as classes of a model: by name, or by number where the number is the model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.models.classes import imagenet_wnids, sets_for, shown_name

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
