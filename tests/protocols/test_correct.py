"""Top-1 and top-5 with label sets, and classes of another list, counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vidrobust import tables
from vidrobust.errors import InputError, SettingsError
from vidrobust.protocols.correct import classes_of, frames_correct, mapped, probabilities_correct, top_correct

from .test_pm_k import frames_of, labels_of

SCORES = np.array([[0.1, 0.5, 0.4], [0.4, 0.4, 0.2], [0.0, 0.1, 0.9]])


def test_a_set_is_right_if_one_of_it_leads_and_the_first_of_equals_leads():
    sets = [frozenset({2, 1}), frozenset({1}), frozenset()]
    assert list(top_correct(SCORES, sets)) == [True, False, False]
    assert list(top_correct(SCORES, sets, top=2)) == [True, True, False]


def test_unmapped_classes_are_minus_infinity_and_lose_against_negative_scores():
    logits = np.array([[-3.0, -1.0, -2.0]])
    found = mapped(logits, classes_of({0: [0, 2], 2: [1]}, 3))
    np.testing.assert_array_equal(found, [[-2.0, -np.inf, -1.0]])
    assert list(top_correct(found, [frozenset({2})])) == [True]
    assert list(top_correct(found, [frozenset({1})], top=3)) == [False]  # even where it stands among the top
    np.testing.assert_allclose(mapped(np.exp(logits), [[0, 2]], "sum"), np.exp(-3) + np.exp(-2))


def test_frames_are_right_by_number_or_by_name_and_only_labelled_ones_count():
    frames = frames_of({"a": [0, 1, 2], "b": [1]})
    labels = labels_of([("a", -1, 0, "cat"), ("a", 2, 2, "cow"), ("a", 2, 1, "dog")])
    found = frames_correct(frames, labels)
    assert list(found["correct"]) == [True, False, True]  # frame 2 has labels of its own
    by_name = labels_of([("b", 0, -1, "dog")])
    assert list(frames_correct(frames, by_name)["correct"]) == [True]
    with pytest.raises(InputError, match="none of them is for a frame that was predicted"):
        frames_correct(frames, labels_of([("c", 0, 1, "dog")]))


def probabilities(rows) -> pd.DataFrame:
    made = pd.DataFrame(rows, columns=["frame", "label", "probability"])
    return tables.check(
        "probabilities", made.assign(item="a", model="net", track=0, label_name=made["label"].astype(str))
    )


def test_top_five_of_the_table_of_probabilities():
    rows = [(0, k, p) for k, p in enumerate([0.3, 0.2, 0.15, 0.12, 0.1, 0.08])] + [(0, -1, 0.05)]
    rows += [(1, k, p) for k, p in enumerate([0.1, 0.2, 0.15, 0.12, 0.3, 0.08])] + [(1, -1, 0.05)]
    labels = labels_of([("a", 0, 4, ""), ("a", 1, 5, "")])
    found = probabilities_correct(probabilities(rows), labels)
    assert list(found["correct"]) == [True, False]  # fifth of frame 0, sixth of frame 1
    assert list(probabilities_correct(probabilities(rows), labels, top=6)["correct"]) == [True, True]
    with pytest.raises(SettingsError, match="top-7: the table keeps the leading 6 classes"):
        probabilities_correct(probabilities(rows), labels, top=7)
