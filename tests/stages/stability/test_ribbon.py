"""Ribbons of labels, counted by hand."""

import numpy as np

from vidrobust.report.drawing import COLOURS
from vidrobust.stages.stability.ribbon_section import NO_ANSWER, Ribbon, colours_of, drawn


def ribbon(text):
    """One letter a frame, 25 frames a second; a space is no answer."""
    labels = np.array([NO_ANSWER if letter == " " else letter for letter in text])
    return Ribbon("clip", np.arange(len(text)) / 25, labels)


def test_runs_reach_from_their_first_frame_to_the_next_run():
    runs = ribbon("aab b").runs()
    assert [label for label, _, _ in runs] == ["a", "b", NO_ANSWER, "b"]
    assert np.allclose([begin for _, begin, _ in runs], [0, 0.08, 0.12, 0.16])
    assert np.isclose(runs[-1][2], 0.2)


def test_the_most_frequent_labels_have_hues_and_ties_go_to_the_first():
    found = colours_of([*"aabbbcdefg", NO_ANSWER, NO_ANSWER, NO_ANSWER, NO_ANSWER])
    assert found == dict(zip("bacde", COLOURS, strict=True))


def test_a_ribbon_is_drawn_for_a_screen_and_for_a_telephone():
    picture = drawn([ribbon("aaabbb"), ribbon("aaaaaa")], ("alt", "caption"), worst_s=0.12)
    assert picture.uri.startswith("data:image/svg+xml")
    assert picture.narrow.startswith("data:image/svg+xml")
    assert picture.narrow != picture.uri
