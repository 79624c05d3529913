"""What is named, at which look, and whether keyframes change the answer: by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from vidrobust.stages.causes.catalogue import KEYFRAMES
from vidrobust.stages.causes.naming import (
    AccountLook,
    excess_at,
    flip_counts,
    keyframe_tests,
    named,
    named_at,
    open_causes,
    place_test,
    spent,
)
from vidrobust.statistics.levels import FALSE_DISCOVERY


def account(n, p, level="group", **high):
    """Rows over all items of one model, by group its p; a share of .3, up to .5 where nothing else is given."""
    table = pd.DataFrame({"group": list(p), "cause": list(p), "p": list(p.values())})
    table["high"] = [high.get(cause, 0.5) for cause in p]
    table = table.assign(model="m", item="", level=level, share=0.3, low=0.1, n=n)
    return table.assign(p_clips=np.nan, occurs=5, pairs_low=table["low"], pairs_high=table["high"])


def look(part, n, **p):
    found = account(n, p)
    return AccountLook(part=part, account=found, slow=found.iloc[:0])


def test_what_is_spent_by_hand():
    assert spent(1.0) == pytest.approx(FALSE_DISCOVERY)
    assert spent(0.5) == pytest.approx(0.0125)
    assert spent(0.25) == pytest.approx(0.003125)


def test_a_share_that_may_be_all_error_of_the_measurement_is_not_named():
    found = account(24, {"light": 0.01, "camera": 0.01})
    found.loc[found["cause"] == "camera", "low"] = -0.01  # over pairs alone it lies above 0
    assert named(found)["cause"].tolist() == ["light"]
    # nor is a part of it
    parts = account(24, {"objects": 0.01, "colour": 0.01}, level="cause")
    parts["group"] = ["camera", "light"]
    assert named(pd.concat([found, parts]))["cause"].tolist() == ["light", "colour"]


def test_a_cause_is_named_where_what_may_be_spent_at_that_look_is_enough():
    # alone and not above 1/2, q is 2 p; at half of the pairs .0125 may be spent, at all of them .0375 more
    assert named_at([look(0.5, 24, light=0.006)])["cause"].tolist() == ["light"]
    assert not len(named_at([look(0.5, 24, light=0.007)]))
    later = named_at([look(0.5, 24, light=0.007), look(1.0, 48, light=0.018)])
    assert later[["cause", "pairs"]].to_numpy().tolist() == [["light", 48]]
    assert not len(named_at([look(0.5, 24, light=0.007), look(1.0, 48, light=0.019)]))


def test_what_was_named_once_stays_named_with_its_share_of_all_pairs():
    last = look(1.0, 48, light=0.4)
    less = AccountLook(part=1.0, account=last.account.assign(share=0.1), slow=last.slow)
    found = named_at([look(0.5, 24, light=0.001), less])[["cause", "pairs", "p", "share"]]
    assert found.to_numpy().tolist() == [["light", 24, 0.001, 0.1]]


def test_a_look_that_brought_no_pair_leaves_its_error_to_the_same_question():
    same = [look(0.25, 20, light=0.024), look(0.5, 20, light=0.024), look(1.0, 20, light=0.024)]
    assert named_at(same)["cause"].tolist() == ["light"]
    assert not len(named_at(same[:2]))


def test_keyframes_hang_on_no_sample_and_are_held_against_the_whole_level():
    assert named_at([look(0.25, 12, **{KEYFRAMES: 0.024})])["cause"].tolist() == [KEYFRAMES]
    assert not len(named_at([look(0.25, 12, **{KEYFRAMES: 0.026})]))


def test_what_is_open():
    p = {"light": 0.2, "camera": 0.2, "moving": 0.001, KEYFRAMES: 0.5, "noise_and_detail": 0.5}
    rows = account(24, p, camera=0.09, noise_and_detail=np.nan)
    found = rows[rows["cause"] == "moving"]
    # the camera is surely small, what moves is named, and of keyframes more pairs say nothing
    assert rows["cause"][open_causes(rows, found)].tolist() == ["light", "noise_and_detail"]
    # all of the light may be error of the measurement, which more pairs do not lessen
    rows.loc[rows["cause"] == "light", "low"] = -0.01
    assert rows["cause"][open_causes(rows, found)].tolist() == ["noise_and_detail"]
    assert not open_causes(account(24, {"light": 0.2}, level="cause"), found).any()


def test_a_group_and_a_cause_of_one_name_are_two_findings():
    both = pd.concat([account(24, {"light": 0.01}), account(24, {"light": 0.01}, level="cause")])
    found = named(both)[["level", "cause"]].to_numpy().tolist()
    assert found == [["group", "light"], ["cause", "light"]]


@pytest.mark.parametrize("runs", [40, pytest.param(500, marks=pytest.mark.nightly)])
def test_models_that_answer_at_random_are_named_as_rarely_over_all_looks(runs):
    rng, hits, early = np.random.default_rng(0), 0, 0
    for _ in range(runs):
        z = rng.standard_normal((5, 96)).cumsum(axis=1)
        looks = []
        for n in (24, 48, 96):
            p = dict(zip("abcde", _upper(z[:, n - 1] / np.sqrt(n)), strict=True))
            looks.append(look(n / 96, n, **p))
            found = named_at(looks)
            if not open_causes(looks[-1].account, found).any():
                early += n < 96
                break
        hits += len(found) > 0
    assert early > runs / 100  # it does stop
    assert hits / runs < 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / runs)
    assert hits > runs / 100


def _upper(z):
    return [0.5 * math.erfc(each / math.sqrt(2)) for each in z]


def test_the_excess_is_beyond_the_pairs_beside():
    excess = excess_at(np.array([1.0, 2.0, 9.0, np.nan, 1.0]))
    assert np.allclose(excess, [-1, 2 - 5, 9 - 2, np.nan, np.nan], equal_nan=True)


def test_one_keyframe_that_sticks_out_beats_every_other_place():
    change = np.random.default_rng(0).gamma(2, size=200)
    change[120] = 200
    # of 200 places only the true one reaches it
    assert place_test(change, np.arange(200) == 120) == pytest.approx(1 / 200)


def test_keyframes_without_effect_are_found_in_few_clips():
    rng = np.random.default_rng(0)
    found = [place_test(rng.gamma(0.5, size=120), np.arange(120) % 40 == 20) for _ in range(200)]
    assert np.mean(np.array(found) < 0.05) < 0.08


def test_a_small_excess_is_not_above_the_share_asked_about():
    change = np.ones(200)
    change[120] = 5
    assert place_test(change, np.arange(200) == 120) > 0.5
    assert place_test(change, np.arange(200) == 120, share=0.01) == pytest.approx(1 / 200)


def test_no_keyframes_no_answer():
    assert np.isnan(place_test(np.ones(50), np.zeros(50, bool)))


def test_clips_are_combined_per_model():
    change = np.random.default_rng(0).gamma(2, size=100)
    change[50] = 100
    rows = pd.DataFrame({"frame_a": np.arange(100), "total_variation": np.sqrt(change) / 20})
    rows = rows.assign(model="m", item="a", excluded="", keyframe=rows["frame_a"] == 50)
    one = keyframe_tests(rows)["m"]
    assert one == pytest.approx(1 / 100)
    assert keyframe_tests(pd.concat([rows, rows.assign(item="b")]))["m"] < one
    assert keyframe_tests(rows.assign(keyframe=False)) == {}


def test_flips_are_counted_by_model_and_item():
    pairs = pd.DataFrame({"item": ["a", "a", "b"], "label_flip": [1, 0, 1]})
    pairs = pairs.assign(model="m", kind="adjacent", excluded="")
    assert flip_counts(pairs) == {("m", "a"): 1, ("m", "b"): 1, ("m", ""): 2}
