"""Delays counted by hand."""

import numpy as np
import pytest

from vidrobust.stages.remedies.catalogue import label_rule
from vidrobust.stages.remedies.delay import Delays, delays, lasting_changes, sure_delay


def letters(text):
    return np.array(["AB".index(k) for k in text.replace(" ", "")])


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("majority-3", 1),  # the second of three
        ("majority-5", 2),
        ("majority-15", 7),
        ("k-of-n-2-3", 1),
        ("k-of-n-4-6", 3),
        ("median-5", 2),
        ("mean-0.5", 1),  # after one frame both have half: a tie
        ("mean-0.7", 0),
        ("mean-0.1", 6),  # .9 ** 7 is below a half, .9 ** 6 is not
        ("hysteresis-0.3", 0),
    ],
)
def test_a_sure_change_is_reported_after(name, frames):
    assert sure_delay(label_rule(name)) == frames


def test_a_resting_label_counts_the_worse_way():
    # two of six to leave it, five of six to come back: the fifth frame
    assert sure_delay(label_rule("k-of-n-2-6-5", rest=0), rest=0) == 4


def test_a_lasting_change_by_hand():
    labels = letters("AAABAABABBBBABB")
    time_s, begins = np.arange(15) / 5, np.arange(15) == 0
    (change,) = lasting_changes(labels, begins, time_s)
    # seconds of five frames: from frame 6 B has 3 of 5 and lasts; to the end of the last such second, at 10..14
    assert (change.start, change.stop, change.label) == (6, 15, 1)
    summary = letters("AAAAAAAAABBBBBB")
    assert delays([change], summary, time_s) == Delays((3,), (pytest.approx(0.6),), 0)


def test_an_excursion_is_no_lasting_change():
    assert lasting_changes(letters("AAAAA BB AAAAA"), np.arange(12) == 0, np.arange(12) / 5) == []


def test_nothing_lasts_over_a_cut():
    labels, time_s = letters("AAAAAA BBBBBB"), np.arange(12) / 5
    begins = np.isin(np.arange(12), (0, 6))
    assert lasting_changes(labels, begins, time_s) == []
    assert len(lasting_changes(labels, np.arange(12) == 0, time_s)) == 1


def test_a_change_that_is_never_reported_has_no_delay_and_is_counted():
    labels, time_s = letters("AAAAAA BBBBBB"), np.arange(12) / 5
    changes = lasting_changes(labels, np.arange(12) == 0, time_s)
    found = delays(changes, np.zeros(12, int), time_s)
    assert (found.unreported, found.changes, found.longest) == (1, 1, float("inf"))
