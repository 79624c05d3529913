"""Which footage trains and which judges; targets of both kinds; neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.finetune.gather import (
    check_sizes,
    even,
    in_runs,
    of_labels,
    self_labels,
    split,
    split_from_other,
)
from vidrobust.plugins.finetune.judge import neighbours
from vidrobust.stages.remedies.answers import ItemAnswers


def frames(items: int, count: int = 20) -> pd.DataFrame:
    rows = [(f"clip-{i}", k, k / 10) for i in range(items) for k in range(count)]
    return pd.DataFrame(rows, columns=["item", "place", "time_s"])


def test_no_part_stands_on_both_sides_and_each_kind_on_either() -> None:
    table = frames(8)
    parts = {f"clip-{i}": f"part-{i // 2}" for i in range(8)}
    kinds = {f"clip-{i}": "bolt" if i < 4 else "cap" for i in range(8)}
    found = split(table, parts, kinds, seed=0)
    assert found.by == "part"
    sides = [{parts[item] for item in table["item"][side]} for side in (found.training, found.judging)]
    assert not sides[0] & sides[1]
    for side in sides:
        assert {kinds[f"clip-{2 * int(part[-1])}"] for part in side} == {"bolt", "cap"}


def test_one_clip_is_split_by_time_with_a_gap() -> None:
    found = split(frames(1, 101), {}, {}, seed=0)
    assert found.by == "time"
    training, judging = np.flatnonzero(found.training), np.flatnonzero(found.judging)
    assert training.max() == 59
    assert judging.min() == 70  # .6 of ten seconds, and a second


def test_inputs_without_parts_are_split_as_inputs() -> None:
    found = split(frames(5), {}, {}, seed=1)
    assert found.by == "input"
    assert found.training.sum() == 60
    assert (found.training ^ found.judging).all()


def side(parts: str, content: str = "") -> tuple[pd.DataFrame, dict[str, str], dict[str, str]]:
    """A clip a letter of ``parts``, which names its part ("-": not known); ``content`` names its pictures."""
    table = frames(len(parts), 10)
    items = list(table["item"].unique())
    of_part = {item: part for item, part in zip(items, parts, strict=True) if part != "-"}
    return table, of_part, dict(zip(items, content or parts.swapcase(), strict=True))


def units(of: tuple[pd.DataFrame, dict[str, str], dict[str, str]], rows: np.ndarray) -> set[str]:
    return {of[1].get(item) or of[2][item] for item in of[0]["item"][rows]}


def test_other_footage_trains_and_all_of_the_run_judges() -> None:
    found = split_from_other(side("abcd"), side("efg"), {}, seed=0)
    assert found.by == "footage"
    assert (len(found.training), found.training.all()) == (40, True)
    assert (len(found.judging), found.judging.all()) == (30, True)


def test_of_parts_that_both_show_half_train_and_half_judge() -> None:
    calm, run = side("abcdxy"), side("dcbazz")
    found = split_from_other(calm, run, {}, seed=3)
    assert found.by == "part"
    trained, judged = units(calm, found.training), units(run, found.judging)
    assert not trained & judged
    assert {"x", "y"} < trained
    assert "z" in judged
    assert (len(trained), len(judged)) == (4, 3)
    assert trained | judged == set("abcdxyz")


def test_the_same_pictures_never_train_and_judge() -> None:
    calm, run = (
        side("abc", "123"),
        side("efg", "945"),
    )  # other names of parts; one picture's content is shared
    found = split_from_other(calm, run, {}, seed=0)
    assert found.training.all()
    calm, run = side("abc", "123"), side("efg", "925")
    found = split_from_other(calm, run, {}, seed=0)
    assert units(calm, found.training) == {"a", "c"}
    assert found.judging.all()
    with pytest.raises(SettingsError, match="holds only footage that judges already"):
        split_from_other(side("-", "1"), side("-", "1"), {}, seed=0)


def test_rows_are_spread_and_runs_hold_neighbours() -> None:
    assert even(np.arange(10), 4).tolist() == [0, 3, 6, 9]
    table = frames(4, 60)
    rows = in_runs(table, np.arange(len(table)), 48, 12)
    assert len(rows) == 48
    assert (np.diff(rows) == 1).sum() >= 44
    assert table["item"].iloc[rows].nunique() >= 3
    with pytest.raises(InputError, match="3 frames to test with, and 8 are needed"):
        check_sizes(range(20), range(3))


def test_neighbours_are_frames_that_follow_each_other() -> None:
    table = pd.DataFrame({"item": ["a", "a", "a", "a", "b", "b"], "place": [0, 1, 2, 7, 0, 1]})
    begins = np.array([True, False, False, False, True, False])
    pairs, triples = neighbours(table, begins)
    assert pairs.tolist() == [[0, 1], [1, 2], [4, 5]]
    assert triples.tolist() == [[0, 1, 2]]
    begins[2] = True  # a cut
    pairs, triples = neighbours(table, begins)
    assert pairs.tolist() == [[0, 1], [4, 5]]
    assert triples.tolist() == []


def answers(leading: list[dict[int, float]], cut: int) -> ItemAnswers:
    count = len(leading)
    return ItemAnswers(
        item="a",
        model="m",
        part="",
        frame=np.arange(count),
        time_s=np.arange(count) / 4,
        label=np.array([max(p, key=lambda k: p[k]) for p in leading]),
        margin=np.zeros(count),
        reason=np.array(["first" if k == 0 else "cut" if k == cut else "" for k in range(count)], object),
        leading=tuple(leading),
        complete=True,
        names={},
    )


def test_self_labels_are_the_confident_mean_of_the_stretch() -> None:
    given = answers([{0: 0.9, 1: 0.1}, {0: 0.8, 1: 0.2}, {0: 0.4, 1: 0.6}, {2: 1.0}], cut=3)
    whole = self_labels(given, 3, whole=True)
    assert whole[0] == pytest.approx([0.85, 0.15, 0], abs=1e-6)  # the two at or above the median of .8
    assert whole[2] == pytest.approx(whole[0], abs=1e-6)
    assert whole[3] == pytest.approx([0, 0, 1])
    near = self_labels(given, 3, whole=False)
    assert near[0] == pytest.approx(whole[0], abs=1e-6)  # frames 0 to 2 lie within half a second
    assert near[2] == pytest.approx([0.85, 0.15, 0], abs=1e-6)


def test_labels_become_shares_of_the_right_classes() -> None:
    rows = of_labels([frozenset({1}), frozenset({0, 2}), frozenset()], 3)
    assert rows.tolist() == [[0, 1, 0], [0.5, 0, 0.5], [0, 0, 0]]
