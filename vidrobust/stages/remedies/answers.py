"""What a classifier said along each input, as rules need it, and a rule played over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import JOINED, reasons_of
from vidrobust.metrics.class_meter import REST
from vidrobust.stages.remedies.label_rules import LabelRule, Mean

TIED = 1e-9  # a label whose probability is further below the largest one is not the most probable class


@dataclass(frozen=True, kw_only=True)
class ItemAnswers:
    """One model along one input, frame by frame in the order of delivery.

    ``reason`` is why the frame may not be compared with the one before. ``leading`` has class -> probability,
    the largest first: all classes up to 32 (``complete``), else the leading ten.
    """

    item: str
    model: str
    part: str
    frame: np.ndarray
    time_s: np.ndarray
    label: np.ndarray
    reason: np.ndarray
    leading: tuple[dict[int, float], ...]
    complete: bool
    names: dict[int, str]

    @property
    def begins(self) -> np.ndarray:
        """(N,) bool: nothing that was seen before this frame counts, as at a cut."""
        return ~np.isin(self.reason.astype(str), JOINED)

    @property
    def by_probability(self) -> bool:
        """Whether the label is the most probable class: not so with operating points of the model's own."""
        own = (p.get(int(k), 0.0) for p, k in zip(self.leading, self.label, strict=True))
        top = (max(p.values(), default=0.0) for p in self.leading)
        return all(a >= b - TIED for a, b in zip(own, top, strict=True))


def answers_of(
    frames: pd.DataFrame,
    probabilities: pd.DataFrame,
    transitions: pd.DataFrame,
    parts: dict[str, str] | None = None,
) -> list[ItemAnswers]:
    """Each input of one model, from its rows of the tables ``frames``, ``probabilities`` and ``transitions``."""
    answers = []
    of_item = dict(list(transitions.groupby("item", sort=False)))
    given = dict(list(probabilities.groupby("item", sort=False)))
    for item, rows in frames.groupby("item", sort=False):
        rows = rows.sort_values("frame", kind="stable")
        number = rows["frame"].to_numpy(np.int64)
        leading, complete = _leading(given[item], number)
        names = dict(zip(rows["label"].tolist(), rows["label_name"].tolist(), strict=True))
        names |= dict(
            zip(given[item]["label"].tolist(), given[item]["label_name"].tolist(), strict=True)
        )
        answers.append(
            ItemAnswers(
                item=str(item),
                model=str(rows["model"].iloc[0]),
                part=(parts or {}).get(str(item), ""),
                frame=number,
                time_s=rows["time_s"].to_numpy(np.float64),
                label=rows["label"].to_numpy(np.int64),
                reason=reasons_of(number, of_item[item]),
                leading=leading,
                complete=complete,
                names={int(k): str(v) for k, v in names.items() if k != REST},
            )
        )
    return answers


def _leading(rows: pd.DataFrame, frames: np.ndarray) -> tuple[tuple[dict[int, float], ...], bool]:
    """Class -> probability of each frame, and whether no class was summed up with others."""
    complete = not (rows["label"] == REST).any()
    rows = rows[rows["label"] != REST]
    by_frame: dict[int, dict[int, float]] = {int(frame): {} for frame in frames}
    for frame, label, value in zip(
        rows["frame"].tolist(), rows["label"].tolist(), rows["probability"].tolist(), strict=True
    ):
        by_frame[frame][label] = value
    return tuple(by_frame[int(frame)] for frame in frames), complete


@dataclass(frozen=True)
class Played:
    """What a rule made of one input: its labels, and its distributions where it makes some."""

    labels: np.ndarray
    mean: tuple[dict[int, float], ...] | None


def play(rule: LabelRule, answers: ItemAnswers) -> Played:
    """The rule over one input, begun anew where the answers begin."""
    labels = np.empty(len(answers.label), np.int64)
    means: list[dict[int, float]] = []
    rule.reset()
    for row, (begins, leading, label) in enumerate(
        zip(answers.begins.tolist(), answers.leading, answers.label.tolist(), strict=True)
    ):
        if begins:
            rule.reset()
        labels[row] = rule.step(leading, label)
        if isinstance(rule, Mean):
            means.append(rule.mean)
    return Played(labels, tuple(means) or None)


def most_frequent(answers: Sequence[ItemAnswers]) -> int:
    """The label that the model gives most often; of several the first class."""
    labels = np.concatenate([item.label for item in answers])
    return int(np.bincount(labels).argmax()) if len(labels) else -1
