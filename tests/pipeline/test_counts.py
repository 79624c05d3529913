"""Frames and pairs of the run: how many there are, and how they are spread over what there is."""

import pytest

from vidrobust.errors import SettingsError
from vidrobust.pipeline.estimate import Counts, looks, shares, usual, within
from vidrobust.run_folder.declared import seconds_of
from vidrobust.run_folder.settings import Settings


@pytest.mark.parametrize(
    ("items", "frames", "pairs"),
    [(1, 60, 24), (4, 240, 96), (8, 240, 192), (48, 240, 192), (49, 245, 196), (100, 500, 400)],
)
def test_the_usual_counts(items, frames, pairs):
    assert usual(items) == Counts(frames, pairs)


def test_a_sample_is_looked_at_where_it_has_doubled_and_three_times_at_most():
    assert looks(96, 24) == (24, 48, 96)
    assert looks(usual(10).pairs, usual(10).pairs // 2) == (96, 192)
    assert looks(100, 24) == (25, 50, 100)
    assert looks(400, 24) == (100, 200, 400)
    assert looks(47, 24) == (47,)
    assert looks(3, 24) == (3,)


def test_shares_add_up_and_are_as_even_as_can_be():
    found = shares(17, [f"clip {k}" for k in range(5)], seed=0)
    assert sorted(found) == [3, 3, 3, 4, 4]
    assert shares(2, ["a", "b", "c"], seed=0) == [1, 1, 1]  # one each at least


def test_another_item_never_gives_one_more():
    keys = [f"clip {k}" for k in range(30)]
    for total in (30, 47, 200):
        for count in range(1, len(keys)):
            fewer, more = shares(total, keys[:count], 3), shares(total, keys[: count + 1], 3)
            assert all(b <= a for a, b in zip(fewer, more, strict=False))


def test_shares_hang_on_content_and_seed_not_on_the_order():
    keys = [f"clip {k}" for k in range(7)]
    found = dict(zip(keys, shares(10, keys, 0), strict=True))
    turned = dict(zip(keys[::-1], shares(10, keys[::-1], 0), strict=True))
    assert found == turned
    assert any(shares(10, keys, seed) != shares(10, keys, 0) for seed in range(1, 6))


def test_a_budget_in_counts_by_hand():
    # one item: 60 frames at .5 s and 24 pairs at 1 s are 54 s; 127 s less 100 fixed are half of that
    assert within(127, 100, 0.5, 1.0, 1) == Counts(30, 12)
    assert within(50, 100, 0.5, 1.0, 1) == Counts(1, 1)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m", 5400), ("0.5m", 30)]
)
def test_times(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["5", "m5", "5m 3", "five", "0s", "-5m"])
def test_what_is_no_time_is_refused_with_the_way_out(text):
    with pytest.raises(SettingsError, match=r"budget: expected .*(90s|more than nothing)"):
        Settings(budget=text)
