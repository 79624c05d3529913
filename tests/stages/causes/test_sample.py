"""The sample of pairs: probabilities by hand, and totals that come out right on average."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vidrobust.stages.causes.pairs import FLOOR, choose_pairs, has_third, inclusion, known_size, sizes


def transitions(change: list[float], keyframes: tuple[int, ...] = ()) -> pd.DataFrame:
    n = len(change)
    frame = np.arange(n)
    return pd.DataFrame(
        {
            "frame_a": frame,
            "frame_b": frame + 1,
            "pixel_change": change,
            "excluded": "",
            "keyframe": np.isin(frame + 1, keyframes),
        }
    )


def test_probabilities_are_proportional_to_the_change() -> None:
    # 4 of 8 pairs; 2 + 1 * 7 = 9 in all, mean 9/8, nobody at the floor: 4 * 2/9 and 4 * 1/9
    p = inclusion(known_size(np.array([2.0, *[1.0] * 7])), 4)
    assert np.allclose(p, [8 / 9, *[4 / 9] * 7])


def test_a_pair_that_would_be_above_one_is_certain_and_the_rest_share() -> None:
    p = inclusion(known_size(np.array([100.0, 1.0, 1.0, 1.0, 1.0])), 3)
    # mean 20.8, floor 2.08 for the four: alike
    assert np.allclose(p, [1, 0.5, 0.5, 0.5, 0.5])


def test_no_pair_weighs_more_than_ten_times_an_average_one() -> None:
    p = inclusion(known_size(np.array([0.0, *[1.0] * 99])), 10)
    assert np.isclose(p[0] / p[1], FLOOR * 0.99)


def test_weighted_totals_are_unbiased() -> None:
    rng = np.random.default_rng(1)
    change = rng.gamma(0.5, size=60)
    value = change**2 + rng.normal(0, 0.1, 60) + 1
    table = transitions(change.tolist())
    totals = []
    for seed in range(800):
        chosen = choose_pairs(table, 12, f"key {seed}")
        totals.append((chosen["weight"] * value[chosen["frame_a"]]).sum())
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - value.sum()) < 3.5 * error


def test_a_larger_sample_holds_the_smaller_one() -> None:
    table = transitions(np.random.default_rng(3).gamma(0.7, size=90).tolist(), (30, 45, 60, 75))
    held: set[int] = set()
    for count in range(1, 95):
        chosen = choose_pairs(table, count, "key")
        assert held <= set(chosen["frame_a"])
        assert len(chosen) == len(held | set(chosen["frame_a"]))
        held = set(chosen["frame_a"])


def test_keyframes_are_a_stratum_of_their_own() -> None:
    chosen = choose_pairs(transitions([1.0] * 100, (20, 40, 60)), 24, "key")
    at = chosen[chosen["stratum"] == "keyframe"]
    assert at["frame_b"].tolist() == [20, 40, 60]
    assert at["weight"].tolist() == [1, 1, 1]
    rest = chosen[chosen["stratum"] == ""]
    assert len(rest) == 21
    assert np.isclose(rest["weight"].sum(), 97)


def test_the_same_key_draws_the_same_pairs_and_another_key_others() -> None:
    table = transitions(list(np.linspace(1, 2, 80)))
    first, again, other = (choose_pairs(table, 10, key) for key in ("a", "a", "b"))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_pair_between_two_cuts_has_no_third_frame() -> None:
    table = transitions([1.0] * 5)
    table.loc[[1, 3], "excluded"] = "scene_cut"
    # frames 0-1 | 2-3 | 4-5: no pair has a neighbour
    assert has_third(table)[[0, 2, 4]].tolist() == [False, False, False]
    table.loc[3, "excluded"] = ""
    assert has_third(table)[[2, 3, 4]].tolist() == [True, True, True]
    assert choose_pairs(table, 9, "key")["frame_a"].tolist() == [2, 3, 4]


def test_fewer_pairs_than_wanted_are_all_taken() -> None:
    chosen = choose_pairs(transitions([1.0, 2.0, 3.0]), 24, "key")
    assert chosen["frame_a"].tolist() == [0, 1, 2]
    assert chosen["weight"].tolist() == [1, 1, 1]


def test_an_item_without_usable_pairs_gives_an_empty_table() -> None:
    table = transitions([1.0] * 3).assign(excluded="duplicate")
    chosen = choose_pairs(table, 8, "key")
    assert len(chosen) == 0
    assert list(chosen.columns) == ["frame_a", "frame_b", "weight", "stratum"]


def test_a_size_is_the_root_of_what_picture_and_answer_change() -> None:
    # picture: mean 2; answer: mean .5, so that .01 counts as a tenth of it
    pairs = pd.DataFrame({"pixel_change": [2.0, 2.0, 2.0, 2.0], "own_change": [0.5, 0.01, 1.48, 0.01]})
    assert np.allclose(sizes(pairs), np.sqrt([2 * 0.5, 2 * 0.05, 2 * 1.48, 2 * 0.05]))
    assert np.allclose(sizes(pairs[["pixel_change"]]), 2.0)
    assert np.allclose(sizes(pairs.assign(own_change=np.nan)), 2.0)


def test_weights_stay_unbiased_where_the_models_own_change_draws() -> None:
    rng = np.random.default_rng(2)
    picture, own = rng.gamma(0.5, size=80), rng.gamma(0.3, size=80)
    value = own**2 * (1 + rng.normal(0, 0.2, 80)) + 0.1 * picture  # seldom drawn pairs hold some
    table = transitions(picture.tolist()).assign(own_change=own)
    totals = []
    for seed in range(300):
        chosen = choose_pairs(table, 16, f"key {seed}")
        totals.append((chosen["weight"] * value[chosen["frame_a"]]).sum())
    error = np.std(totals) / np.sqrt(len(totals))
    assert error < 0.02 * value.sum()
    assert abs(np.mean(totals) - value.sum()) < 3.5 * error


def test_the_models_own_change_finds_a_cause_of_few_pairs_and_more_pairs_find_it_oftener(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    monkeypatch.setattr("vidrobust.statistics.significance.DRAWS", 999)
    power = importlib.import_module("pair_power").power
    found = {key: values[0] for key, values in power((24, 48, 96), 30).items()}
    assert found["picture and answer", 24] > found["picture", 24]
    assert found["picture and answer", 48] > found["picture", 48]
    for how in ("picture", "picture and answer"):
        assert found[how, 24] <= found[how, 48] <= found[how, 96]
    assert found["picture and answer", 96] > 0.9
    assert found["nothing", 96] <= 0.1
