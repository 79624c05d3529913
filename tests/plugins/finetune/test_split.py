"""Which footage trains and which judges; targets of both kinds; neighbours."""

import numpy as np
import pandas as pd
import pytest

from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.finetune.gather import (
    AnsweredFootage,
    apart,
    check_sizes,
    even,
    held_out,
    in_runs,
    of_labels,
    split,
)
from vidrobust.plugins.finetune.judge import neighbours
from vidrobust.plugins.finetune.train import LineFrames, consensus


def frames(items, count=20):
    rows = [(f"clip-{i}", k, k / 10) for i in range(items) for k in range(count)]
    return pd.DataFrame(rows, columns=["item", "place", "time_s"])


def test_no_part_stands_on_both_sides_and_each_kind_on_either():
    table = frames(8)
    parts = {f"clip-{i}": f"part-{i // 2}" for i in range(8)}
    kinds = {f"clip-{i}": "bolt" if i < 4 else "cap" for i in range(8)}
    found = split(table, parts, kinds, seed=0)
    assert found.by == "part"
    of_sides = (table["item"][side] for side in (found.training, found.judging))
    sides = [{parts[item] for item in items} for items in of_sides]
    assert not sides[0] & sides[1]
    for side in sides:
        assert {kinds[f"clip-{2 * int(part[-1])}"] for part in side} == {"bolt", "cap"}


def test_one_clip_is_split_by_time_with_a_gap():
    found = split(frames(1, 101), {}, {}, seed=0)
    assert found.by == "time"
    training, judging = np.flatnonzero(found.training), np.flatnonzero(found.judging)
    assert training.max() == 59
    assert judging.min() == 70  # .6 of ten seconds, and a second


def test_inputs_without_parts_are_split_as_inputs():
    found = split(frames(5), {}, {}, seed=1)
    assert found.by == "input"
    assert found.training.sum() == 60
    assert (found.training ^ found.judging).all()


def side(parts, content=""):
    """A clip a letter of ``parts``, which names its part ("-": not known); ``content`` names its pictures."""
    table = frames(len(parts), 10)
    items = list(table["item"].unique())
    of_part = {item: part for item, part in zip(items, parts, strict=True) if part != "-"}
    return table, of_part, dict(zip(items, content or parts.swapcase(), strict=True))


def shown(of, rows):
    """Letters of the parts, or digits of the pictures where no part is known."""
    return "".join(of[1].get(item) or of[2][item] for item in dict.fromkeys(of[0]["item"][rows]))


def test_other_footage_shows_no_part_and_no_picture_that_judges():
    run = side("efgh", "5678")
    judging = np.repeat([True, False, True, False], 10)  # e and g
    for calm, left in (
        (side("abcd", "1234"), "abcd"),
        (side("abeh", "1239"), "abh"),  # a part that judges
        (side("abcd", "1274"), "abd"),  # the pictures of g, under another name
        (side("--", "17"), "1"),
    ):
        assert shown(calm, apart(calm, run, judging)) == left
    with pytest.raises(SettingsError, match="holds only footage that judges already"):
        apart(side("e", "5"), run, judging)


def footage(table, parts, kinds):
    frames = table.assign(part=[parts.get(item, "") for item in table["item"]])
    none = np.empty(0)
    return AnsweredFootage(None, frames, none, kinds, none, none)


def test_every_fourth_part_is_held_out_or_the_end_of_each_clip():
    table, parts, _ = side("abcdefgh")
    kinds = {item: "bolt" if part < "e" else "cap" for item, part in parts.items()}
    held = held_out(footage(table, parts, kinds), np.arange(len(table)), 4, 0)
    chosen = {parts[item] for item in table["item"][held]}
    assert len(chosen) == 2
    assert len(chosen & set("abcd")) == 1
    assert held.sum() == 20
    rows = np.arange(0, 40, 2)  # ten of either clip
    held = held_out(footage(frames(2, 20), {}, {}), rows, 4, 0)
    assert rows[held].tolist() == [16, 18, 36, 38]


def test_rows_are_spread_and_runs_hold_neighbours():
    assert even(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    table = frames(4, 60)
    rows = in_runs(table, np.arange(len(table)), 48, 12)
    assert len(rows) == 48
    assert (np.diff(rows) == 1).sum() >= 44
    assert table["item"].iloc[rows].nunique() >= 3
    with pytest.raises(InputError, match="3 frames to test with, and 8 are needed"):
        check_sizes(range(20), range(3))


def test_neighbours_are_frames_that_follow_each_other():
    table = pd.DataFrame({"item": ["a", "a", "a", "a", "b", "b"], "place": [0, 1, 2, 7, 0, 1]})
    begins = np.array([True, False, False, False, True, False])
    assert neighbours(table, begins).tolist() == [[0, 1], [1, 2], [4, 5]]
    begins[2] = True  # a cut
    assert neighbours(table, begins).tolist() == [[0, 1], [4, 5]]


def test_the_consensus_is_the_confident_mean_of_the_stretch():
    given = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.4, 0.6, 0], [0, 0, 1]])

    def made(*, whole, seconds):
        of = LineFrames(
            stretch=np.array([0, 0, 0, 1]),  # a cut before the last
            time_s=np.arange(4) * seconds,
            whole=np.full(4, whole),
        )
        return consensus(given, of)

    part = made(whole=True, seconds=1.0)
    # the two at or above the median of .8
    assert part[0] == pytest.approx([0.85, 0.15, 0], abs=1e-6)
    assert part[2] == pytest.approx(part[0], abs=1e-6)
    assert part[3] == pytest.approx([0, 0, 1])
    near = made(whole=False, seconds=0.4)
    # .9 is at or above the median of .9 and .8
    assert near[0] == pytest.approx([0.9, 0.1, 0], abs=1e-6)
    assert near[1] == pytest.approx([0.85, 0.15, 0], abs=1e-6)
    # .8 is at or above the median of .8 and .6
    assert near[2] == pytest.approx([0.8, 0.2, 0], abs=1e-6)


def test_labels_become_shares_of_the_right_classes():
    rows = of_labels([frozenset({1}), frozenset({0, 2}), frozenset()], 3)
    assert rows.tolist() == [[0, 1, 0], [0.5, 0, 0.5], [0, 0, 0]]
