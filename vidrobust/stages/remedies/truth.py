"""With labels: what a remedy costs in right answers, and in short events that are never reported."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.accuracy.answers import SaidClasses, label_sets, on_frames
from vidrobust.stages.remedies.answers import ItemAnswers
from vidrobust.stages.remedies.delay import Change, lasts
from vidrobust.statistics.clusters import independent_clusters
from vidrobust.statistics.intervals import clustered_mean

Right = Sequence[frozenset[int]]
"""The right classes of each frame of an input; empty where they are not known."""


def right_of(answers: Sequence[ItemAnswers], labels: pd.DataFrame, class_names: Sequence[str]) -> list[Right]:
    """Of each input the right classes, from the table ``labels``; none where none is known."""
    frames = pd.concat(
        [pd.DataFrame({"item": a.item, "frame": a.frame, "time_s": a.time_s}) for a in answers],
        ignore_index=True,
    )
    sets = right_classes(frames, labels, class_names)
    if not any(sets):
        return []
    ends = np.cumsum([0, *(len(a.frame) for a in answers)])
    return [sets[start:stop] for start, stop in itertools.pairwise(ends.tolist())]


def right_classes(
    frames: pd.DataFrame, labels: pd.DataFrame, class_names: Sequence[str]
) -> list[frozenset[int]]:
    """The right classes of rows item, frame, time_s by number; empty where not known."""
    said = SaidClasses.of(on_frames(labels, frames), class_names)
    return [frozenset(int(str(k)) for k in each) for each in label_sets(said.rows, frames)]


def correct(labels: np.ndarray, right: Right) -> np.ndarray:
    """Return 1 where the label is a right one, 0 where it is not, NaN where that is not known."""
    lines = [float(k in sets) if sets else np.nan for k, sets in zip(labels.tolist(), right, strict=True)]
    return np.array(lines, np.float64)


def costs(
    answers: Sequence[ItemAnswers], right: Sequence[Right], labels: Sequence[np.ndarray], window: int
) -> dict[str, Any]:
    """Fields of ``Costs``: accuracy before and after, and short events; none without labels."""
    if not right:
        return {}
    before = [correct(a.label, sets) for a, sets in zip(answers, right, strict=True)]
    after = [correct(summary, sets) for summary, sets in zip(labels, right, strict=True)]
    short = [
        short_events(a, sets, summary, window)
        for a, sets, summary in zip(answers, right, labels, strict=True)
    ]
    return {
        **_accuracy(answers, before, after),
        "short_events": sum(each[0] for each in short),
        "short_missed_before": sum(each[1] for each in short),
        "short_missed": sum(each[2] for each in short),
    }


def costs_of_silence(
    answers: Sequence[ItemAnswers], right: Sequence[Right], answered: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Fields of ``Costs``: accuracy on all labelled frames, and on those that are answered."""
    if not right:
        return {}
    before = np.concatenate([correct(a.label, sets) for a, sets in zip(answers, right, strict=True)])
    after = before[np.concatenate(list(answered))]
    return {"accuracy_before": _mean(before), "accuracy_after": _mean(after)}


def _accuracy(
    answers: Sequence[ItemAnswers], before: Sequence[np.ndarray], after: Sequence[np.ndarray]
) -> dict[str, float]:
    was, now = np.concatenate(list(before)), np.concatenate(list(after))
    known = np.isfinite(was)
    item = np.concatenate([np.full(len(a.frame), a.item, object) for a in answers])[known]
    part = np.concatenate([np.full(len(a.frame), a.part, object) for a in answers])[known]
    time_s = np.concatenate([a.time_s for a in answers])[known]
    clusters = independent_clusters(item, time_s, part=part)
    change = clustered_mean(now[known] - was[known], clusters, bounds=(-1.0, 1.0))
    return {
        "accuracy_before": _mean(was),
        "accuracy_after": _mean(now),
        "accuracy_low": change.low,
        "accuracy_high": change.high,
    }


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def short_events(
    answers: ItemAnswers, right: Right, summary: np.ndarray, window: int
) -> tuple[int, int, int]:
    """How many events of the truth are shorter than the window, and never reported: before, after.

    An event is a run of frames with one set of right classes, between others; a label that comes within the
    window behind it still reports it, if it was right in it and is not right behind it.
    """
    count = missed_before = missed = 0
    for start, stop in events(right, answers.begins):
        if stop - start >= window:
            continue
        count += 1
        late = min(stop + window, len(summary))
        missed_before += not any(k in right[start] for k in answers.label[start:stop].tolist())
        missed += not any(k in right[start] for k in summary[start:late].tolist())
    return count, missed_before, missed


def events(right: Right, begins: np.ndarray) -> list[tuple[int, int]]:
    """Rows start..stop - 1 of runs of one known truth, that neither begin nor end where the answers do."""
    edges = [r for r in range(len(right)) if r == 0 or right[r] != right[r - 1] or begins[r]]
    edges.append(len(right))
    inner = itertools.pairwise(edges[1:])
    return [
        (start, stop)
        for start, stop in inner
        if stop < len(right)
        and right[start]
        and right[start - 1]
        and right[stop]
        and not begins[start]
        and not begins[stop]
    ]


def reported_changes(answers: ItemAnswers, right: Right) -> list[Change]:
    """Lasting changes of the truth, from the first frame on in which the model itself reports them.

    What the model is late is not the rule's fault; nor is a change that it reports in less than half of the
    frames.
    """
    found = []
    edges = [r for r in range(1, len(right)) if right[r] != right[r - 1] or answers.begins[r]]
    for start, stop in itertools.pairwise([*edges, len(right)]):
        if answers.begins[start] or not right[start] or not right[start - 1]:
            continue
        said = np.array([k in right[start] for k in answers.label[start:stop].tolist()], bool)
        first = start + int(said.argmax())
        if not said.any() or 2 * said[first - start :].sum() < stop - first:
            continue
        if lasts(answers.time_s, first, stop):
            labels = answers.label[start:stop][said].tolist()
            found.append(Change(first, stop, max(dict.fromkeys(labels), key=labels.count)))
    return found
