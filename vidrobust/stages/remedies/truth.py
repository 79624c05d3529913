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
from vidrobust.statistics.levels import FEWEST_ROWS

# The right classes of each frame of an input; empty where they are not known
Right = Sequence[frozenset[int]]


def right_of(
    answers: Sequence[ItemAnswers], labels: pd.DataFrame, class_names: Sequence[str]
) -> list[Right]:
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
    classes = SaidClasses.of(on_frames(labels, frames), class_names)
    return [frozenset(int(str(k)) for k in names) for names in label_sets(classes.rows, frames)]


def correct(labels: np.ndarray, right: Right) -> np.ndarray:
    """Return 1 where the label is a right one, 0 where it is not, NaN where that is not known."""
    lines = [
        float(k in sets) if sets else np.nan for k, sets in zip(labels.tolist(), right, strict=True)
    ]
    return np.array(lines, np.float64)


def costs(
    answers: Sequence[ItemAnswers],
    right: Sequence[Right],
    labels: Sequence[np.ndarray],
    window: int,
) -> dict[str, Any]:
    """Fields of ``Costs``: accuracy before and after, and short events; none without labels."""
    if not right:
        return {}
    was, now = _correct(right, [a.label for a in answers]), _correct(right, labels)
    three = zip(answers, right, labels, strict=True)
    short = np.sum([short_events(a, sets, summary, window) for a, sets, summary in three], axis=0)
    names = ("short_events", "short_missed_before", "short_missed")
    counts = dict(zip(names, map(int, short), strict=True))
    return {**_accuracy(answers, was, now), **_detail(answers, right, was, now), **counts}


def _correct(right: Sequence[Right], labels: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(
        [correct(labels_of, sets) for labels_of, sets in zip(labels, right, strict=True)]
    )


def _accuracy(answers: Sequence[ItemAnswers], was: np.ndarray, now: np.ndarray) -> dict[str, float]:
    known = np.isfinite(was)
    item, part = (
        np.concatenate([np.full(len(a.frame), getattr(a, name), object) for a in answers])[known]
        for name in ("item", "part")
    )
    clusters = independent_clusters(
        item, np.concatenate([a.time_s for a in answers])[known], part=part
    )
    change = clustered_mean(now[known] - was[known], clusters, bounds=(-1.0, 1.0))
    accuracies = {"accuracy_before": _mean(was), "accuracy_after": _mean(now)}
    return {**accuracies, "accuracy_low": change.low, "accuracy_high": change.high}


def _detail(
    answers: Sequence[ItemAnswers], right: Sequence[Right], was: np.ndarray, now: np.ndarray
) -> dict[str, Any]:
    """The labelled class that loses most right answers, of those with ten frames."""
    of = np.array([min(sets, default=-1) for each in right for sets in each])
    classes = [k for k in np.unique(of[of >= 0]) if (of == k).sum() >= FEWEST_ROWS]
    if not classes:
        return {}
    most = min(classes, key=lambda k: float((now - was)[of == k].mean()))
    name = next((a.names[most] for a in answers if most in a.names), str(most))
    before, after = (float(each[of == most].mean()) for each in (was, now))
    return {"detail": name, "detail_before": before, "detail_after": after}


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
    inner = [(start, stop) for start, stop in itertools.pairwise(edges[1:]) if stop < len(right)]
    joined = [each for each in inner if not begins[list(each)].any()]
    return [
        (start, stop) for start, stop in joined if right[start] and right[start - 1] and right[stop]
    ]


def reported_changes(answers: ItemAnswers, right: Right) -> list[Change]:
    """Lasting changes of the truth, from the first frame on in which the model itself reports them.

    What the model is late is not the rule's fault; nor is a change that it reports in less than half of the
    frames.
    """
    changes = []
    edges = [r for r in range(1, len(right)) if right[r] != right[r - 1] or answers.begins[r]]
    for start, stop in itertools.pairwise([*edges, len(right)]):
        if answers.begins[start] or not right[start] or not right[start - 1]:
            continue
        is_right = np.array([k in right[start] for k in answers.label[start:stop].tolist()], bool)
        first = start + int(is_right.argmax())
        if not is_right.any() or 2 * is_right[first - start :].sum() < stop - first:
            continue
        if lasts(answers.time_s, first, stop):
            labels = answers.label[start:stop][is_right].tolist()
            changes.append(Change(first, stop, max(dict.fromkeys(labels), key=labels.count)))
    return changes
