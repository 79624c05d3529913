"""What each training frame's answer should be: labels, or the model's own confident answers about that time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from vidrobust.stages.remedies.answers import Answers

WINDOW_S = 1.0
"""Answers within half of this before and after a frame are averaged, within one part's item all of them."""


def self_labels(answers: Answers, classes: int, *, whole: bool) -> np.ndarray:
    """(N, K) float32: of each frame the mean answer over the confident frames about it.

    Confident are those whose leading probability is at least the median of their stretch. ``whole``: the item
    shows one thing, and the stretch is all between two cuts; else half a second on either side, never over a
    cut. Classes that the run did not keep count 0, and rows sum to 1.
    """
    rows = dense(answers.leading, classes)
    top = rows.max(axis=1)
    made = np.empty_like(rows)
    edges = [*np.flatnonzero(answers.begins | (np.arange(len(rows)) == 0)).tolist(), len(rows)]
    for start, stop in itertools.pairwise(edges):
        time_s = answers.time_s[start:stop]
        for row in range(start, stop):
            near = np.full(stop - start, True)
            if not whole:
                near = np.abs(time_s - answers.time_s[row]) <= WINDOW_S / 2
            here = start + np.flatnonzero(near)
            sure = here[top[here] >= np.median(top[here])]
            made[row] = rows[sure].mean(axis=0)
    total: np.ndarray = made / np.maximum(made.sum(axis=1, keepdims=True), 1e-12)
    return total.astype(np.float32)


def dense(leading: Sequence[dict[int, float]], classes: int) -> np.ndarray:
    """(N, K) float64 of class -> probability."""
    rows = np.zeros((len(leading), classes))
    for row, found in enumerate(leading):
        rows[row, list(found)] = list(found.values())
    return rows


def of_labels(right: Sequence[frozenset[int]], classes: int) -> np.ndarray:
    """(N, K) float32, the right classes in equal shares; a row of zeros where they are not known."""
    rows = np.zeros((len(right), classes), np.float32)
    for row, sets in enumerate(right):
        if sets:
            rows[row, sorted(sets)] = 1.0 / len(sets)
    return rows
