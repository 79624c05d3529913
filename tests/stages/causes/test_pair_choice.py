"""The pairs of each model: what its own change is read from, and what the samples of several models share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vidrobust.stages.causes.pairs import PAIR, chosen_pairs, own_change, together, trim

N = 200


def transitions() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "frame": np.arange(N),
            "time_s": np.arange(N) / 25,
            "pixel_change": np.r_[np.nan, rng.gamma(2, size=N - 1)],
            "reason": np.array(["first", *[""] * (N - 1)], object),
            "keyframe": False,
        }
    )


def change(seed: int) -> pd.Series:
    return pd.Series(np.random.default_rng(seed).gamma(0.5, size=N - 1), index=np.arange(N - 1))


def test_a_models_own_change_is_that_of_its_neighbours() -> None:
    pairs = pd.DataFrame(
        {
            "frame_a": [0, 0, 1, 2],
            "kind": ["adjacent", "anchor", "adjacent", "adjacent"],
            "total_variation": [0.1, 0.9, 0.2, np.nan],
        }
    )
    found = own_change({"pairs": pairs}.get)
    assert found[0] == 0.1
    assert found[1] == 0.2
    assert np.isnan(found[2])
    boxes = pd.DataFrame({"frame_a": [3, 3], "kind": ["adjacent"] * 2, "box_change": [0.2, 0.4]})
    assert np.isclose(own_change({"pairs": pairs.iloc[:0], "box_pairs": boxes}.get)[3], 0.3)
    assert not len(own_change({}.get))


def test_where_nothing_is_known_of_a_pair_it_counts_as_the_mean() -> None:
    known = change(2)
    known[10:20] = np.nan
    filled = known.fillna(known.mean())
    one, other = (chosen_pairs(transitions(), each, 24, "clip", 0) for each in (known, filled))
    assert one.equals(other)


def test_samples_of_two_models_share_pairs_and_each_is_as_it_is_alone() -> None:
    chosen = {
        name: chosen_pairs(transitions(), change(seed), 48, "clip", 0) for name, seed in (("a", 2), ("b", 3))
    }
    own = [set(map(tuple, each[PAIR].to_numpy())) for each in chosen.values()]
    both = together(chosen)
    assert set(map(tuple, both[PAIR].to_numpy())) == own[0] | own[1]
    assert not both.duplicated(PAIR).any()
    assert len(both) < 0.8 * (len(own[0]) + len(own[1]))  # 60 each; without common random numbers .9
    assert together({"a": chosen["a"]}) is chosen["a"]


def test_a_smaller_sample_is_cut_from_a_larger_one_with_its_own_weights() -> None:
    tables = {"transitions": transitions(), "pairs": pd.DataFrame()}
    own = change(4)
    tables["pairs"] = pd.DataFrame(
        {"frame_a": own.index, "kind": "adjacent", "total_variation": own.to_numpy()}
    )
    large, small = (chosen_pairs(transitions(), own, count, "clip", 0) for count in (60, 20))
    settings = type("Seed", (), {"seed": 0})()
    cut = trim(tables.get, "clip", settings, 20)(large.drop(columns="stratum"))
    found, wanted = (each.set_index(PAIR)["weight"].sort_index() for each in (cut, small))
    assert found.equals(wanted)
