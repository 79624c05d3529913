"""Which pairs are replayed: probabilities and weights by hand, nested samples."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from vidrobust.frame_pairs.transitions import CUTS
from vidrobust.stages.causes.pairs import (
    FLOOR,
    PAIR,
    _neighbours,
    choose_pairs,
    chosen_pairs,
    has_third,
    inclusion,
    known_size,
    new_pairs,
    own_change,
    sizes,
    strips_of,
    trimmed_to,
)
from vidrobust.stages.causes.unit import together


def transitions(change, keyframes=()):
    n = len(change)
    frame = np.arange(n)
    table = pd.DataFrame({"frame_a": frame, "frame_b": frame + 1, "pixel_change": change})
    return table.assign(excluded="", keyframe=np.isin(frame + 1, keyframes))


def mean_total(table, count, value):
    """The mean of the weighted totals of 300 samples, and its standard error."""
    totals = []
    for seed in range(300):
        chosen = choose_pairs(table, count, f"key {seed}")
        totals.append((chosen["weight"] * value[chosen["frame_a"]]).sum())
    return np.mean(totals), np.std(totals) / np.sqrt(len(totals))


def test_probabilities_are_proportional_to_the_change():
    # 4 of 8 pairs; 2 + 1 * 7 = 9 in all, mean 9/8, nobody at the floor: 4 * 2/9 and 4 * 1/9
    p = inclusion(known_size(np.array([2.0, *[1.0] * 7])), 4)
    assert np.allclose(p, [8 / 9, *[4 / 9] * 7])


def test_a_pair_that_would_be_above_one_is_certain_and_the_rest_share():
    p = inclusion(known_size(np.array([100.0, 1.0, 1.0, 1.0, 1.0])), 3)
    # mean 20.8, floor 2.08 for the four: alike
    assert np.allclose(p, [1, 0.5, 0.5, 0.5, 0.5])


def test_no_pair_weighs_more_than_ten_times_an_average_one():
    p = inclusion(known_size(np.array([0.0, *[1.0] * 99])), 10)
    assert np.isclose(p[0] / p[1], FLOOR * 0.99)


def test_weighted_totals_are_unbiased():
    rng = np.random.default_rng(1)
    change = rng.gamma(0.5, size=60)
    value = change**2 + rng.normal(0, 0.1, 60) + 1
    table = transitions(change.tolist())
    mean, error = mean_total(table, 12, value)
    assert abs(mean - value.sum()) < 3.5 * error


def test_a_larger_sample_holds_the_smaller_one():
    table = transitions(np.random.default_rng(3).gamma(0.7, size=90).tolist(), (30, 45, 60, 75))
    held = set()
    for count in range(1, 95):
        chosen = choose_pairs(table, count, "key")
        assert held <= set(chosen["frame_a"])
        assert len(chosen) == len(held | set(chosen["frame_a"]))
        held = set(chosen["frame_a"])


def test_keyframes_are_a_stratum_of_their_own():
    chosen = choose_pairs(transitions([1.0] * 100, (20, 40, 60)), 24, "key")
    at = chosen[chosen["stratum"] == "keyframe"]
    assert at["frame_b"].tolist() == [20, 40, 60]
    assert at["weight"].tolist() == [1, 1, 1]
    rest = chosen[chosen["stratum"] == ""]
    assert len(rest) == 21
    assert np.isclose(rest["weight"].sum(), 97)


def test_the_same_key_draws_the_same_pairs_and_another_key_others():
    table = transitions(list(np.linspace(1, 2, 80)))
    first, again, other = (choose_pairs(table, 10, key) for key in ("a", "a", "b"))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_pair_between_two_cuts_has_no_third_frame():
    table = transitions([1.0] * 5)
    table.loc[[1, 3], "excluded"] = "scene_cut"
    # frames 0-1 | 2-3 | 4-5: no pair has a neighbour
    assert has_third(table)[[0, 2, 4]].tolist() == [False, False, False]
    table.loc[3, "excluded"] = ""
    assert has_third(table)[[2, 3, 4]].tolist() == [True, True, True]
    assert choose_pairs(table, 9, "key")["frame_a"].tolist() == [2, 3, 4]


def test_fewer_pairs_than_wanted_are_all_taken():
    chosen = choose_pairs(transitions([1.0, 2.0, 3.0]), 24, "key")
    assert chosen["frame_a"].tolist() == [0, 1, 2]
    assert chosen["weight"].tolist() == [1, 1, 1]


def test_an_item_without_usable_pairs_gives_an_empty_table():
    table = transitions([1.0] * 3).assign(excluded="duplicate")
    chosen = choose_pairs(table, 8, "key")
    assert len(chosen) == 0
    assert list(chosen.columns) == ["frame_a", "frame_b", "weight", "stratum"]


def test_a_size_is_the_root_of_what_picture_and_answer_change():
    # picture: mean 2; answer: mean .5, so that .01 counts as a tenth of it
    own = [0.5, 0.01, 1.48, 0.01]
    pairs = pd.DataFrame({"pixel_change": [2.0] * 4, "own_change": own})
    assert np.allclose(sizes(pairs), np.sqrt([2 * 0.5, 2 * 0.05, 2 * 1.48, 2 * 0.05]))
    assert np.allclose(sizes(pairs[["pixel_change"]]), 2.0)
    assert np.allclose(sizes(pairs.assign(own_change=np.nan)), 2.0)


def test_weights_stay_unbiased_where_the_models_own_change_draws():
    rng = np.random.default_rng(2)
    picture, own = rng.gamma(0.5, size=80), rng.gamma(0.3, size=80)
    value = own**2 * (1 + rng.normal(0, 0.2, 80)) + 0.1 * picture  # seldom drawn pairs hold some
    table = transitions(picture.tolist()).assign(own_change=own)
    mean, error = mean_total(table, 16, value)
    assert error < 0.02 * value.sum()
    assert abs(mean - value.sum()) < 3.5 * error


N = 200


def of_a_clip():
    rng = np.random.default_rng(1)
    reason = np.array(["first", *[""] * (N - 1)], object)
    table = pd.DataFrame({"frame": np.arange(N), "time_s": np.arange(N) / 25, "reason": reason})
    return table.assign(pixel_change=np.r_[np.nan, rng.gamma(2, size=N - 1)], keyframe=False)


def change(seed):
    own = np.random.default_rng(seed).gamma(0.5, size=N - 1)
    return pd.DataFrame({"own_change": own, "flip": False})


def test_a_models_own_change_is_that_of_its_neighbours():
    pairs = pd.DataFrame(
        {
            "frame_a": [0, 0, 1, 2],
            "kind": ["adjacent", "anchor", "adjacent", "adjacent"],
            "total_variation": [0.1, 0.9, 0.2, np.nan],
        }
    )
    found = own_change({"pairs": pairs.assign(label_flip=[0, 1, 1, np.nan])}.get)
    assert found["own_change"].tolist()[:2] == [0.1, 0.2]
    assert np.isnan(found.loc[2, "own_change"])
    assert found["flip"].tolist() == [False, True, False]
    assert not len(own_change({}.get))


def test_pairs_of_a_detector_are_drawn_by_the_squared_change_of_scores_and_places():
    """By hand: logits 0, ln 4 and ln(.05/.95) of one object, squares 1.922 and 18.755 over their mean 10.339, and a
    box that is too weak to count. Its place is off by 2 px of 10 in the first pair alone, over the mean of two."""
    pairs = pd.DataFrame({"frame_a": [3, 4], "box_change": [0.2, 0.4], "lost": [0.0, 1.0]})
    pairs = pairs.assign(frame_b=pairs["frame_a"] + 1, kind="adjacent", renamed=0.0)
    boxes = pd.DataFrame(
        [
            (3, 0, -1, 7, 0.5, 20.0, 5.0),
            (4, -1, 0, 7, 0.8, 27.0, 0.0),  # a second box on object 0
            (4, -1, -1, 7, 0.3, 90.0, 0.0),
            (5, -1, -1, 7, 0.4, 90.0, 0.0),
        ],
        columns=["frame", "track", "second_of", "label", "score", "x1", "shift_x"],
    )
    boxes = boxes.assign(x2=boxes["x1"] + 10, y1=30.0, y2=40.0, shift_y=0.0)
    found = own_change({"box_pairs": pairs, "detections": boxes}.get)
    assert found["squared_change"].tolist() == pytest.approx([0.1859 + 2, 1.8141], abs=1e-3)
    assert sizes(found.assign(pixel_change=1.0)).tolist() == found["squared_change"].tolist()
    assert found["flip"].tolist() == [False, True]


def test_flips_are_drawn_first_up_to_half_of_the_sample_with_their_own_weights():
    table = transitions([1.0] * 100).assign(flip=np.arange(100) % 25 == 3)  # 3, 28, 53 and 78
    chosen = choose_pairs(table, 20, "key")
    weight = chosen.set_index("frame_a")["weight"]
    assert weight[[3, 28, 53, 78]].tolist() == [1.0] * 4
    assert weight.drop([3, 28, 53, 78]).tolist() == pytest.approx([96 / 16] * 16)
    many = choose_pairs(table.assign(flip=np.arange(100) < 60), 20, "key")
    flips = many["frame_a"] < 60
    assert flips.sum() == 10
    assert many["weight"].groupby(flips).sum().tolist() == pytest.approx([40, 60])
    # where nearly all pairs flip the sample is of flips
    few = choose_pairs(table.assign(flip=np.arange(100) >= 3), 20, "key")
    assert (few["frame_a"] >= 3).sum() == 17


def test_further_flips_follow_for_their_strips_with_weight_0_up_to_the_number_of_pairs():
    # 50 of 199 pairs flip: of 24 pairs drawn 12 are flips, and 12 flips follow, those of the largest change
    own = change(6).assign(flip=np.arange(N - 1) % 4 == 0)
    chosen = chosen_pairs(of_a_clip(), own, 24, "clip", 0)
    near = chosen[chosen["scale"] == "adjacent"]
    strips = near[near["weight"] == 0]
    sample = near[near["weight"] > 0]
    flips = own.index[own["flip"]]
    assert (len(sample), len(strips), sample["frame_a"].isin(flips).sum()) == (24, 12, 12)
    left = own.loc[flips.difference(sample["frame_a"]), "own_change"]
    assert strips["frame_a"].tolist() == left.nlargest(12).index.tolist()
    # the sample is what it is without them
    drawn = choose_pairs(_neighbours(of_a_clip(), own), 24, "0 clip")
    assert sample.drop(columns=["scale", "time_s"]).reset_index(drop=True).equals(drawn)
    # with fewer flips than pairs every flip is there
    few = change(6).assign(flip=np.arange(N - 1) % 10 == 0)
    replayed = chosen_pairs(of_a_clip(), few, 24, "clip", 0)
    assert set(few.index[few["flip"]]) <= set(replayed["frame_a"])
    # what was excluded cannot be replayed
    clip = of_a_clip()
    clip.loc[11, "reason"] = CUTS[0]
    without = chosen_pairs(clip, few, 24, "clip", 0)
    assert set(few.index[few["flip"]]) - set(without["frame_a"]) == {10}
    # no more than a page shows, and none but the drawn ones of an input among many, which has few pairs
    assert [strips_of(count) for count in (4, 11, 12, 24, 56, 300)] == [2, 5, 12, 24, 56, 56]
    assert (chosen_pairs(of_a_clip(), own, 10, "clip", 0)["weight"] > 0).all()


def test_a_flip_that_was_replayed_for_its_strip_has_one_strip_when_it_joins_the_account():
    own = change(6).assign(flip=np.arange(N - 1) % 4 == 0)
    pairs = pd.DataFrame({"frame_a": own.index, "kind": "adjacent", "label_flip": own["flip"]})
    pairs = pairs.assign(total_variation=own["own_change"])
    tables = {"transitions": of_a_clip(), "pairs": pairs}

    def asked(count, have):
        settings = SimpleNamespace(seed=0, pictures=True)
        context = SimpleNamespace(models=["a"], content="clip", settings=settings)
        context.need_transitions, context.read = of_a_clip, lambda _, table: tables.get(table)
        context.count, context.have = count, have
        return new_pairs(context)["a"]

    first, later = asked(12, 0), asked(48, 12)
    twice = first.merge(later, on=PAIR)
    assert len(twice) > 0
    assert (twice["weight_x"] == 0).all()
    assert (twice["weight_y"] > 0).all()
    rows = pd.concat([first, later]).assign(picture="", place=0)
    kept = trimmed_to(tables.get, "clip", 0, 48)(rows)
    assert not kept.duplicated(PAIR).any()
    every = {tuple(pair) for each in (first, asked(48, 0)) for pair in each[PAIR].to_numpy()}
    assert set(map(tuple, kept[PAIR].to_numpy())) <= every
    # the larger sample is whole, and adds no strips of other flips
    whole = asked(48, 0)
    drawn = (table[table["weight"] > 0] for table in (whole, first))
    new, old, more = (set(map(tuple, t[PAIR].to_numpy())) for t in (*drawn, later))
    assert more == new - old
    # of any other table only the sample is kept
    assert (trimmed_to(tables.get, "clip", 0, 48)(rows.drop(columns="picture"))["weight"] > 0).all()


def test_where_nothing_is_known_of_a_pair_it_counts_as_the_mean():
    known = change(2)
    known.loc[10:19, "own_change"] = np.nan
    filled = known.fillna(known["own_change"].mean())
    one, other = (chosen_pairs(of_a_clip(), each, 24, "clip", 0) for each in (known, filled))
    assert one.equals(other)


def test_samples_of_two_models_share_pairs_and_each_is_as_it_is_alone():
    seeds = {"a": 2, "b": 3}
    chosen = {n: chosen_pairs(of_a_clip(), change(k), 48, "clip", 0) for n, k in seeds.items()}
    own = [set(map(tuple, each[PAIR].to_numpy())) for each in chosen.values()]
    both = together(chosen)
    assert set(map(tuple, both[PAIR].to_numpy())) == own[0] | own[1]
    assert not both.duplicated(PAIR).any()
    # 60 each; without common random numbers .9
    assert len(both) < 0.8 * (len(own[0]) + len(own[1]))
    assert together({"a": chosen["a"]}) is chosen["a"]


def test_a_smaller_sample_is_cut_from_a_larger_one_with_its_own_weights():
    tables = {"transitions": of_a_clip(), "pairs": pd.DataFrame()}
    own = change(4)
    moved = {"frame_a": own.index, "kind": "adjacent", "total_variation": own["own_change"]}
    tables["pairs"] = pd.DataFrame(moved)
    large, small = (chosen_pairs(of_a_clip(), own, count, "clip", 0) for count in (60, 20))
    settings = type("Seed", (), {"seed": 0})()
    cut = trimmed_to(tables.get, "clip", settings.seed, 20)(large.drop(columns="stratum"))
    found, wanted = (each.set_index(PAIR)["weight"].sort_index() for each in (cut, small))
    assert found.equals(wanted)
