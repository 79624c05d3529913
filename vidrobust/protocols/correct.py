"""Which predictions are right, where a label is a set of classes and a model's classes may be others.

A label is a set: several rows of the table ``labels`` for one frame. A prediction is right if it is in the set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError

WHOLE_ITEM = -1
"""The frame of a label that holds for every frame of its item (``footage/item_tables.py``)."""
REST = -1
"""The label under which ``probabilities`` keeps the sum of the classes that are not listed."""


def mapped(
    scores: np.ndarray, classes: Sequence[Sequence[int]], merge: Literal["max", "sum"] = "max"
) -> np.ndarray:
    """Scores (N, K) of a model's classes -> (N, C) of a data set's classes, by the classes that stand for each.

    classes  for each of the C classes the model's classes that count for it; with none it can never win: -inf
    merge    "max" takes the best of them, as for ordinary models; "sum" as for smoothed ones

    Shankar et al. 2019, score_predictions.py: unmapped classes are minus infinity, not 0, which a negative logit
    would lose against.
    """
    out = np.full((len(scores), len(classes)), -np.inf)
    for column, members in enumerate(classes):
        if len(members):
            part = scores[:, list(members)]
            out[:, column] = part.max(axis=1) if merge == "max" else part.sum(axis=1)
    return out


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


def frames_correct(frames: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Whether the top-1 class of each frame is in its label set: columns model, item, frame, time_s, correct.

    frames  the table ``frames``. A prediction is compared by number, or by name with labels that have no number.
    Only labelled frames are in the result. Raises InputError where none is.
    """
    sets = label_sets(labels, frames)
    got = frames[["label", "label_name"]].itertuples(index=False)
    correct = [int(k) in s or str(name) in s for (k, name), s in zip(got, sets, strict=True)]
    table = frames[["model", "item", "frame", "time_s"]].assign(correct=correct)
    return _labelled(table, sets)


def probabilities_correct(probabilities: pd.DataFrame, labels: pd.DataFrame, top: int = 5) -> pd.DataFrame:
    """Whether one of the ``top`` most probable classes is in the label set: columns model, item, frame, correct.

    probabilities  the table ``probabilities``: per frame the leading classes
    Raises SettingsError where fewer than ``top`` are kept of more classes, InputError where no frame is labelled.
    """
    keys = ["model", "item", "frame"]
    listed = probabilities[probabilities["label"] != REST]
    kept = listed.groupby(keys).size().min() if len(listed) else 0
    if kept < top and (probabilities["label"] == REST).any():
        raise SettingsError(f"top-{top}: the table keeps the leading {kept} classes of each frame")
    ordered = listed.sort_values([*keys, "probability", "label"], ascending=[True, True, True, False, True])
    ordered = ordered.groupby(keys, sort=False).head(top)
    frames = ordered[keys].drop_duplicates().reset_index(drop=True)
    sets = label_sets(labels, frames)
    number = {key: k for k, key in enumerate(frames.itertuples(index=False, name=None))}
    correct = np.zeros(len(frames), dtype=bool)
    for *key, label, name in ordered[[*keys, "label", "label_name"]].itertuples(index=False, name=None):
        k = number[tuple(key)]
        correct[k] |= int(label) in sets[k] or str(name) in sets[k]
    return _labelled(frames.assign(correct=correct), sets)


def _labelled(table: pd.DataFrame, sets: Sequence[frozenset[object]]) -> pd.DataFrame:
    kept = table[np.array([bool(s) for s in sets], dtype=bool)].reset_index(drop=True)
    if not len(kept):
        raise InputError("labels: none of them is for a frame that was predicted; are the items named alike?")
    return kept


def classes_of(stand_for: Mapping[int, Sequence[int]], count: int) -> list[list[int]]:
    """A map class -> the model's classes, as ``mapped`` takes it; classes that the map lacks get none."""
    return [list(stand_for.get(k, ())) for k in range(count)]
