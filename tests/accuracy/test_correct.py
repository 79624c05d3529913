"""The label set of a frame, by hand."""

from vidrobust.accuracy.answers import label_sets

from .test_pm_k import frames_of, labels_of


def test_labels_of_a_frame_stand_before_those_of_its_item():
    frames = frames_of({"a": [0, 1, 2], "b": [1]})
    rows = [("a", -1, 0, "cat"), ("a", 2, 2, "cow"), ("a", 2, 1, "dog"), ("b", 0, -1, "dog")]
    labels = labels_of(rows)
    assert label_sets(labels, frames) == [{0}, {0}, {2, 1}, {"dog"}]
