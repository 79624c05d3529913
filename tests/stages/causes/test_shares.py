"""Shares of the change, their intervals and p-values, on tables whose shares are known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vidrobust.stages.causes.catalogue import (
    ACCOUNT_CAUSES,
    CATALOGUE,
    DIVIDED,
    GROUPS,
    KEYFRAMES,
    NOISE,
    RECODED,
    TITLES,
    UNDIVIDED,
)
from vidrobust.stages.causes.naming import named, replicated
from vidrobust.stages.causes.outcomes import excluded_pairs
from vidrobust.stages.causes.shares import (
    BEYOND,
    LEAST_BEYOND,
    LEAST_ERRORS,
    UNSEEN,
    PairTable,
    at_most,
    measurement_error,
    over_a_second,
    share_of_totals,
    summarise,
    summarise_by,
    too_few,
    with_error,
)
from vidrobust.statistics.standard_errors import effective_freedom

REST = UNDIVIDED["noise_and_detail"]
LIGHT = {"model": ["m"], "level": ["cause"], "cause": ["light"], "scale": ["adjacent"]}


def pair(item, frame, change, weight=1.0, **along):
    shared = {
        "item": item,
        "model": "m",
        "frame_a": frame,
        "frame_b": frame + 1,
        "squared_change": change,
        "weight": weight,
        "flip": False,
        "excluded": "",
        "scale": "adjacent",
        "class_a": "cat",
        "placebo": 0.0,
        "unsure": 0.0,
        "alone": False,
        "slight": 0.0,
        "margin_step": np.nan,
        "margin_past": np.nan,
        **dict.fromkeys(RECODED, np.nan),
    }
    # as after the steps of a pair: whatever no other cause holds is in one of them
    along = {**along, REST: change - sum(along.values()) + along.get(REST, 0.0)}
    return [
        {
            **shared,
            "cause": cause,
            "projection": along.get(cause, 0.0),
            "size": float(cause in along),
        }
        for cause in DIVIDED
    ]


def one(account, cause, item="", level="cause"):
    rows = account[(account["cause"] == cause) & (account["level"] == level)]
    return rows[rows["item"] == item].iloc[0]


def causes_of(found):
    return found.loc[found["level"] == "cause", "cause"].tolist()


def test_shares_are_ratios_of_weighted_sums_and_add_up_to_one():
    rows = pair("a", 0, 10.0, 1.0, light=5.0, noise_and_coding=2.0)
    rows += pair("a", 9, 2.0, 5.0, light=0.0, camera=1.0, noise_and_coding=1.0)
    account = summarise(pd.DataFrame(rows))
    # change 1 * 10 + 5 * 2 = 20; light 5; camera 5 * 1; noise 2 + 5 * 1
    assert one(account, "light").share == pytest.approx(5 / 20)
    assert one(account, "camera").share == pytest.approx(5 / 20)
    assert one(account, NOISE).share == pytest.approx(7 / 20)
    assert one(account, REST).share == pytest.approx(3 / 20)
    whole = account[account["item"] == ""]
    sums = whole.groupby("level")["share"].sum().to_dict()
    assert sums == pytest.approx({"group": 1, "cause": 1})
    assert whole.loc[whole["level"] == "group", "cause"].tolist() == list(GROUPS)
    assert whole.loc[whole["level"] == "cause", "cause"].tolist() == list(ACCOUNT_CAUSES)
    assert one(account, "noise_and_detail", level="group").share == pytest.approx(10 / 20)
    members = whole[(whole["level"] == "cause") & (whole["group"] == "light")]
    assert members["share"].sum() == pytest.approx(one(account, "light", level="group").share)


def test_the_error_of_the_measurement_by_hand():
    assert with_error(0.5, (0.1, 0.9), (0.3, 0.0)) == pytest.approx((0.0, 0.9))  # 3, 4, 5
    table = pd.DataFrame(pair("a", 0, 10.0, camera=4.0, noise_and_coding=4.0))
    table.loc[table["cause"] == REST, "projection"] = 0.0
    table.loc[table["cause"] == UNDIVIDED["light"], "projection"] = 2.0
    table.loc[table["cause"] == UNDIVIDED["light"], "unsure"] = 2.0
    table.loc[table["cause"] == NOISE, "unsure"] = 1.0
    pairs, least = PairTable.of(table), LEAST_ERRORS[1]
    # half of what a rule took may be another's; a tenth of the change is noise that may be the camera's motion
    with_noise = np.hypot(least, 0.1)
    expected = {"light": (with_noise, least), "camera": (least, with_noise)}
    expected |= {"noise_and_detail": (with_noise, with_noise)}
    for group, error in expected.items():
        assert measurement_error(pairs, group, "group") == pytest.approx(error), group
    # a cause may be all that its group could not divide
    near = LEAST_ERRORS[0]
    assert measurement_error(pairs, "light") == pytest.approx((near, np.hypot(near, 0.2)))
    assert measurement_error(pairs, KEYFRAMES) == (0, 0)
    # half of the lesser of two shares, here .2 of sharpness beside .4 of noise, may be the other's
    table.loc[table["cause"] == "sharpness", "projection"] = 2.0
    pairs = PairTable.of(table)
    below, _ = measurement_error(pairs, "sharpness")
    assert below == pytest.approx(np.hypot(LEAST_ERRORS[1], 0.1))


def test_before_an_empty_background_either_motion_may_be_the_other():
    rows = [row for k in range(8) for row in pair("a", 9 * k, 10.0, objects=6.0, camera=1.0)]
    table = pd.DataFrame(rows)
    assert "either" not in set(summarise(table)["level"])
    table["alone"] = table["frame_a"] < 36  # half of the pairs: .3 of objects, .05 of the camera
    pairs, (near, least) = PairTable.of(table), LEAST_ERRORS
    expected = {
        ("moving", "group"): (0.3, 0.05, least),
        ("objects", "cause"): (0.3, 0.05, least),
        ("camera", "group"): (0.05, 0.3, np.interp(0.1, (0, 0.2), LEAST_ERRORS)),
        ("light", "group"): (0.0, 0.0, near),
        ("motion", "either"): (0.0, 0.0, least),
    }
    for of, (below, above, rest) in expected.items():
        wanted = (np.hypot(rest, below), np.hypot(rest, above))
        assert measurement_error(pairs, *of) == pytest.approx(wanted)
    account = summarise(table)
    assert one(account, "motion", level="either").share == pytest.approx(0.7)
    groups = account[(account["level"] == "group") & (account["item"] == "")]
    assert groups["share"].sum() == pytest.approx(1)
    table["alone"] = True
    found = named(summarise(table))
    names = set(zip(found["level"], found["cause"], strict=True))
    assert names == {("either", "motion"), ("group", "noise_and_detail")}


def test_motion_no_larger_than_that_of_coded_blocks_may_be_coding():
    parts = {"objects": 3.0, UNDIVIDED["moving"]: 1.0, NOISE: 4.0}
    table = pd.DataFrame(pair("a", 0, 10.0, **parts))
    table["slight"] = 0.5
    pairs, least = PairTable.of(table), LEAST_ERRORS[1]
    error = (np.hypot(least, 0.2), least)
    assert measurement_error(pairs, "moving", "group") == pytest.approx(error)
    error_of_objects = (np.hypot(least, 0.15), np.hypot(least, 0.1))
    assert measurement_error(pairs, "objects") == pytest.approx(error_of_objects)
    assert measurement_error(pairs, "noise_and_detail", "group") == pytest.approx(error[::-1])


def test_what_coding_makes_beyond_the_noise_is_taken_from_all_motion():
    rows = pair("a", 0, 10.0, camera=6.0, objects=2.0, light=1.0, noise_and_coding=1.0)
    rows += pair("a", 9, 10.0, camera=6.0, objects=2.0, light=1.0, noise_and_coding=1.0)
    table = pd.DataFrame(rows)
    table.loc[table["frame_a"] == 0, list(RECODED)] = [20.0, 12.0, 20.0, 8.0]
    account = summarise(table, per_item=False)
    # coding makes 1 - 12 / 20 = .4 to 1 - 8 / 20 = .6 of the change, .3 to .5 more than the noise holds: .4 is half of
    # what the .8 of motion is
    assert one(account, "camera").share == pytest.approx(0.3)
    assert one(account, "objects").share == pytest.approx(0.1)
    assert one(account, "light").share == pytest.approx(0.1)
    noise = one(account, NOISE)
    assert noise.share == pytest.approx(0.5)
    error = np.hypot(LEAST_ERRORS[1], 0.1 + 0.2 * BEYOND + LEAST_BEYOND)
    assert noise.low == pytest.approx(0.5 - error)
    # of the .2 that motion holds of objects so much may be coding
    unsure = (0.1 + 0.2 * BEYOND + LEAST_BEYOND) / 4
    assert one(account, "moving", level="group").low == pytest.approx(0.1 - np.hypot(0.04, unsure))
    less = table.assign(finer_along=19.0, coarser_along=18.0)
    assert one(summarise(less, per_item=False), "camera").share == pytest.approx(0.6)
    # a clip that is not coded once more keeps its motion
    raw = pd.DataFrame(pair("b", 0, 20.0, camera=18.0, noise_and_coding=2.0))
    both = summarise(pd.concat([table, raw]), per_item=False)
    assert one(both, "camera").share == pytest.approx((6.0 + 18.0) / 40)


def test_a_pair_that_was_sure_to_be_drawn_adds_no_error_of_sampling():
    rows = [row for n in range(8) for row in pair("a", 9 * n, 10.0, light=float(n % 3))]
    sure = one(summarise(pd.DataFrame(rows), per_item=False), "light")
    assert (sure.pairs_low, sure.pairs_high) == pytest.approx((sure.share, sure.share))
    drawn = one(summarise(pd.DataFrame(rows).assign(weight=5.0), per_item=False), "light")
    assert drawn.share == pytest.approx(sure.share)
    # Cochran 1977, section 9A.7: of the error of an endless footage the root of 1 - 1 / 5 is left
    light = np.array([n % 3 for n in range(8)], float)
    error = np.sqrt(0.8 * 8 / 7 * np.square(light - light.mean()).sum()) / 80
    down, up = ((bound - drawn.share) * 0.8 / 9 for bound in UNSEEN)
    t_of, freedom = stats.t.ppf, effective_freedom(light)
    half = t_of(0.975, freedom) * error
    below, above = (np.hypot(half, t_of(0.975, 7) * one) for one in (down, up))
    assert drawn.share - drawn.pairs_low == pytest.approx(below - down)
    assert drawn.pairs_high - drawn.share == pytest.approx(above + up)


def test_the_specific_part_is_the_share_less_the_placebos():
    table = pd.DataFrame(pair("a", 0, 10.0, camera=6.0, light=4.0) + pair("a", 9, 10.0, camera=8.0))
    table.loc[table["cause"] == "camera", "placebo"] = 2.0
    table.loc[table["cause"] == "light", "placebo"] = -3.0
    account = summarise(table)
    assert one(account, "camera").specific == pytest.approx((14 - 4) / 20)
    # what a placebo undoes is not added
    assert one(account, "light").specific == pytest.approx(4 / 20)
    assert np.isnan(one(account, NOISE).specific)
    assert np.isnan(one(account, "light", level="group").specific)


def test_keyframes_take_their_share_first():
    rows = pair("a", 0, 6.0, light=3.0) + pair("a", 9, 6.0, light=3.0)
    at = {**pair("a", 20, 9.0)[0], "cause": KEYFRAMES, "projection": 8.0}
    account = summarise(pd.DataFrame([*rows, at]))
    # 8 of 12 + 9; the other causes share the remaining 13 of 21 as the other pairs do
    assert one(account, KEYFRAMES).share == pytest.approx(8 / 21)
    assert one(account, "light").share == pytest.approx(0.5 * 13 / 21)
    whole = account[account["item"] == ""]
    assert whole.groupby("level")["share"].sum().tolist() == pytest.approx([1, 1])
    assert one(account, KEYFRAMES, level="group").share == pytest.approx(8 / 21)


def test_what_has_no_third_frame_is_left_out():
    moved = {UNDIVIDED["moving"]: 5.0}
    rows = pair("a", 0, 5.0, light=5.0) + pair("a", 9, 5.0, **moved) + pair("a", 30, 100.0)
    table = pd.DataFrame(rows)
    table.loc[table["frame_a"] == 9, "excluded"] = "other_scene"
    table.loc[table["frame_a"] == 30, ["excluded", "projection"]] = ["no_third_frame", np.nan]
    account = summarise(table)
    assert one(account, "light").share == pytest.approx(0.5)
    assert one(account, "moving", level="group").share == pytest.approx(0.5)
    assert one(account, "light").n == 2
    assert one(account, "light").excluded == 2
    assert excluded_pairs(table).to_dict() == {"other_scene": 1, "no_third_frame": 1}


def test_flips_are_given_to_the_cause_that_holds_most():
    table = pd.DataFrame(pair("a", 0, 10.0, light=6.0, camera=1.0) + pair("a", 9, 10.0, camera=2.0))
    table["flip"] = True
    account = summarise(table)
    assert one(account, "light").flips == 2
    assert one(account, "light").flips_mostly == 1
    assert one(account, "camera").flips_mostly == 0


def noisy(share, n, seed, items=1):
    """Pairs whose light holds about this share of the change."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        change = float(rng.gamma(2))
        light = change * (share + rng.normal(0, 0.2))
        rows += pair(f"clip {k % items}", 7 * k, change, light=light)
    return pd.DataFrame(rows)


def test_a_clear_cause_is_named_and_found_again_on_other_clips():
    table = noisy(0.5, 48, 0, items=4)
    found = replicated(table, named(summarise(table))).set_index(["level", "cause"])
    groups = [("group", "light"), ("group", "noise_and_detail")]
    assert found.index.tolist() == [*groups, ("cause", "light")]
    light = found.loc["cause", "light"]
    asked = ["replication", "replication_found", "replication_tested", "replication_of"]
    assert light[asked].tolist() == [1.0, 4, 4, "clips"]
    assert found.loc["group", "light"][asked].tolist() == light[asked].tolist()


def test_one_clip_is_tested_on_its_later_half_and_too_few_pairs_not_at_all():
    table = noisy(0.5, 24, 0)
    whole = replicated(table, named(summarise(table))).iloc[0]
    assert whole[["replication", "replication_tested"]].tolist() == [1.0, 1]
    assert whole["replication_of"] == "later half of the footage"
    few = replicated(table[table["frame_a"] < 7 * 8], named(summarise(table))).iloc[0]
    assert np.isnan(few["replication"])
    assert few[["replication_tested", "replication_of"]].tolist() == [0, ""]


def test_what_only_one_clip_shows_is_not_found_again():
    one_clip = noisy(0.9, 12, 0)
    others = pd.concat([noisy(0.0, 8, seed).assign(item=f"other {seed}") for seed in range(3)])
    table = pd.concat([one_clip, others], ignore_index=True)
    light = pd.DataFrame(LIGHT)
    found = replicated(table, light)
    # the rest makes the finding three times, with that clip in it; none of the other clips makes it again
    assert found.loc[0, ["replication_found", "replication_tested"]].tolist() == [0, 3]


def dips(items):
    """Of eight pairs a clip two are a dip of the light and its end, and hold nearly all of the change."""
    rng, rows = np.random.default_rng(0), []
    for k in range(8 * items):
        change = 100.0 if k // items < 2 else 0.5
        light = 0.9 * change if change > 1 else float(rng.normal(0.0, 0.3))
        rows += pair(f"clip {k % items}", 7 * k, change, light=light)
    return pd.DataFrame(rows)


def test_where_two_pairs_hold_nearly_all_no_clip_is_a_test():
    table = dips(4)
    found = replicated(table, pd.DataFrame(LIGHT))
    assert "light" in causes_of(named(summarise(table)))
    # of two pairs alike by chance one choice of signs in four is as high: no clip could make it at p <= .1
    assert found.loc[0, ["replication_tested", "replication_of"]].tolist() == [0, "clips"]
    pairs = PairTable.of(table[table["item"] == "clip 0"])
    assert too_few(pairs, "light", "cause", 0.1)
    assert not too_few(pairs, "light", "cause", 0.25)
    assert not too_few(PairTable.of(table), "light", "cause", 0.1)
    assert not too_few(pairs, "camera", "cause", 0.1)  # it is not there: no question of how many


@pytest.mark.nightly
def test_a_weak_finding_is_found_again_in_some_halves_and_not_in_all():
    light = pd.DataFrame(LIGHT)

    def again(share):
        found = [replicated(noisy(share, 24, seed), light).iloc[0] for seed in range(150)]
        tested = [bool(row["replication_found"]) for row in found if row["replication_tested"]]
        return len(tested), float(np.mean(tested))

    count, weak = again(0.16)
    assert count > 40
    assert 0.4 < weak < 0.95
    # without any effect about one half in twenty makes it, and one in ten of these makes it again
    count, none = again(0.05)
    assert count < 20
    assert none < 0.4


def test_signs_are_flipped_by_pairs_for_this_footage_and_by_clips_for_footage_like_it():
    table = noisy(0.5, 40, 0, items=5)
    light = one(summarise(table), "light")
    assert light.p < 0.001
    assert light.p_clips == 1 / 32  # all five clips are above: one of 2^5 choices of signs
    assert np.isnan(one(summarise(noisy(0.5, 40, 0, items=4)), "light").p_clips)


def test_power_grows_with_pairs_where_every_fourth_holds_the_change():
    """An exposure that steps every fourth frame: with more pairs it is named more often, not more seldom."""
    often = []
    for n in (12, 48):
        hits = 0
        for seed in range(12):
            rng = np.random.default_rng(seed)
            rows = []
            for k in range(n):
                step = rng.random() < 0.25
                change = float(rng.gamma(2)) if step else 0.02
                rows += pair("a", 7 * k, change, light=0.95 * change if step else 0.0)
            table = pd.DataFrame(rows)
            hits += "light" in causes_of(named(summarise(table, per_item=False)))
        often.append(hits / 12)
    assert often[0] <= often[1]
    assert often[1] > 0.95


def test_flips_that_would_not_have_happened_without_a_cause():
    parts = {"light": 5.0, "camera": 1.0}
    table = pd.DataFrame([row for k in range(4) for row in pair("a", 9 * k, 10.0, 2.0, **parts)])
    table["flip"] = True
    table["margin_past"] = table["frame_a"].map({0: 0.5, 9: 0.5, 18: 2.0, 27: 0.1})
    table["margin_step"] = table["cause"].map({"light": 1.0, "camera": 0.2, "colour": 0.2})
    table["margin_step"] = table["margin_step"].fillna(0.0)
    account = summarise(table, flips={("m", ""): 4, ("m", "a"): 4})
    told = ["flips_due", "flips_at_most", "flips_all"]
    # steps of 1.0 and .2 against what lies past: .5, .5, 2.0, .1
    assert one(account, "light")[told].tolist() == [3, 3, 4]
    assert one(account, "camera")[told].tolist() == [1, 1, 4]
    # light and colour together 1.2
    assert one(account, "light", level="group")[told].tolist() == [3, 3, 4]
    assert one(account, NOISE)[told[:2]].tolist() == [0, 0]
    assert np.isnan(one(account, KEYFRAMES).flips_due)
    more = summarise(table, flips={("m", ""): 8, ("m", "a"): 8})
    # 1 of 4 seen; Clopper & Pearson's upper limit of 1 of 4 is .751, of the four not seen 3.005
    assert one(more, "camera").flips_at_most == 1 + 4


def test_a_drift_is_named_from_pairs_a_second_apart_where_neighbours_do_not_show_it():
    near, far = noisy(0.0, 24, 0), noisy(0.5, 48, 1).assign(scale="second")
    causes = pd.concat([near, far], ignore_index=True)
    found = named(summarise(near), over_a_second(summarise_by(causes)))
    found = found[found["cause"] == "light"].reset_index(drop=True)
    assert found[["level", "scale"]].to_numpy().tolist() == [["cause", "second"]]
    assert replicated(causes, found)["replication"].tolist() == [1.0]
    both = named(summarise(noisy(0.5, 48, 0)), over_a_second(summarise_by(causes)))
    assert set(both["scale"]) == {"adjacent"}


def test_what_moves_over_a_second_is_not_named_from_it():
    far = noisy(0.5, 48, 1).assign(scale="second")
    far["cause"] = far["cause"].replace({"light": "camera", "camera": "light"})
    slow = over_a_second(summarise_by(far))
    assert one(slow, "camera").low > 0.05
    found = named(summarise(noisy(0.0, 24, 0)), slow)
    assert "camera" not in found["cause"].tolist()


@pytest.mark.parametrize("tables", [25, pytest.param(100, marks=pytest.mark.nightly)])
def test_a_cause_without_effect_is_not_named(tables):
    """By day none may be named, of which a rate of 10 % has a chance of 7 %."""
    found = [named(summarise(noisy(0.0, 24, seed), per_item=False)) for seed in range(tables)]
    others = [each[each["group"] != "noise_and_detail"] for each in found]
    assert np.mean([len(each) for each in others]) <= 0.02
    assert all("noise_and_detail" in each["cause"].tolist() for each in found)


def test_a_cause_whose_placebos_do_as_much_is_not_named():
    table = noisy(0.5, 48, 0)
    table.loc[table["cause"] == "light", "placebo"] = table["projection"] * 1.02
    assert causes_of(named(summarise(table))) == []


def test_clips_are_the_units_of_footage_like_this_where_there_are_five():
    six = one(summarise(noisy(0.5, 30, 0, items=6).assign(weight=1.5)), "light")
    assert six.clusters == 6
    assert six.beyond_low < six.pairs_low < six.share < six.pairs_high < six.beyond_high
    few = one(summarise(noisy(0.5, 30, 0, items=4)), "light")
    assert few.clusters > 6
    assert np.isnan([few.beyond_low, few.beyond_high]).all()


def test_passes_of_one_part_are_one_unit():
    """Ten parts in six passes are ten units, not sixty."""
    table = noisy(0.5, 120, 0, items=60)
    assert one(summarise(table, per_item=False), "light").clusters == 60
    number = table["item"].astype("category").cat.codes
    parts = table.assign(part=[f"part {n % 10}" for n in number])
    assert one(summarise(parts, per_item=False), "light").clusters == 10


def test_other_cuts_have_the_same_rows_per_class_and_distance():
    table = noisy(0.5, 24, 0)
    table.loc[table["frame_a"] > 80, "class_a"] = "dog"
    table = pd.concat([table, noisy(0.1, 24, 1).assign(scale="second")])
    cuts = summarise_by(table)
    assert set(zip(cuts["by"], cuts["value"], strict=True)) == {
        ("scale", "adjacent"),
        ("scale", "second"),
        ("class", "cat"),
        ("class", "dog"),
    }
    light = cuts[(cuts["cause"] == "light") & (cuts["level"] == "cause")]
    light = light.set_index("value")["share"]
    assert light["second"] < 0.3 < light["adjacent"]


def test_every_cause_has_a_title():
    assert set(TITLES) == {*ACCOUNT_CAUSES, *GROUPS}
    assert {cause.group for cause in CATALOGUE.values()} == set(GROUPS)


def test_pairs_in_which_nothing_was_measured_are_no_chance():
    """Light acts on six of forty pairs: all that it is to exceed is laid on these."""

    def p_of(share):
        along = {"light": share, "noise_and_coding": 0.1}
        rows = [row for n in range(6) for row in pair("a", 9 * n, 1.0, **along)]
        rows += [row for n in range(6, 40) for row in pair("a", 9 * n, 1.0, noise_and_coding=0.9)]
        return float(one(summarise(pd.DataFrame(rows), per_item=False), "light").p)

    assert p_of(0.9) == 1 / 64  # one of 2^6 choices of signs
    assert p_of(0.34) == 1 / 64  # 5 % of 40 pairs are a third of six
    assert p_of(0.33) == 1


def ratio(totals):
    return np.asarray(totals[..., 0] / totals[..., 1])


def test_the_spread_is_that_of_the_linearised_ratio():
    rng = np.random.default_rng(0)
    y = rng.uniform(0.9, 1.1, 400)
    x = y * rng.normal(0.4, 0.1, 400)
    found = share_of_totals(np.column_stack([x, y]), ratio, draws=10**9)
    # Cochran 1977, section 6.3: residuals x - R y
    r = x.sum() / y.sum()
    error = np.sqrt(400 / 399 * np.square(x - r * y).sum()) / y.sum()
    freedom = effective_freedom(x - r * y)
    assert found.value == pytest.approx(r)
    width = 2 * stats.t.ppf(0.975, freedom) * error
    assert found.high - found.low == pytest.approx(width, rel=0.01)


def test_degrees_of_freedom_are_those_of_a_normal_and_fall_to_one():
    normal = np.random.default_rng(0).normal(size=20_000)
    assert effective_freedom(normal) == pytest.approx(20_000, rel=0.05)
    assert effective_freedom(np.array([100.0, *[0.0] * 30])) == pytest.approx(2, abs=0.3)


def test_a_share_that_was_never_seen_is_not_surely_zero():
    totals = np.column_stack([np.zeros(24), np.ones(24)])
    found = share_of_totals(totals, ratio, draws=24)
    step = UNSEEN[1] / 25
    assert found.value == 0
    assert found.high == pytest.approx(step * (1 + stats.t.ppf(0.975, 23)))
    assert found.low < 0


def test_one_cluster_has_no_interval():
    found = share_of_totals(np.array([[1.0, 2.0]]), ratio, draws=5)
    assert (found.value, found.clusters) == (0.5, 1)
    assert np.isnan([found.low, found.high, found.p]).all()


@pytest.mark.parametrize(
    "truth", [0.05, *(pytest.param(share, marks=pytest.mark.nightly) for share in (0.0, 0.4))]
)
def test_intervals_cover_on_skewed_changes(truth):
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(500):
        y = rng.lognormal(0, 1, 24)
        # a share of each pair's change that is mostly nearly nothing or nearly all
        own = rng.beta(truth, 1 - truth, 24) if truth else np.zeros(24)
        x = y * (own + rng.normal(0, 0.1, 24))
        found = share_of_totals(np.column_stack([x, y]), ratio, draws=24)
        covered.append(found.low <= truth <= found.high)
    # 2.5 binomial standard errors below 93 %
    assert np.mean(covered) > 0.90


def test_p_asks_about_the_floor():
    rng = np.random.default_rng(0)
    y = np.ones(200)
    x = rng.normal(0.1, 0.05, 200)
    totals = np.column_stack([x, y])
    assert share_of_totals(totals, ratio, draws=200, floor=0.05).p < 0.001
    assert share_of_totals(totals, ratio, draws=200, floor=0.1).p > 0.1
    assert share_of_totals(totals, ratio, draws=200, floor=0.15).p > 0.99


def test_flips_beyond_the_sample_have_the_limit_of_clopper_and_pearson():
    seen, none = np.array([True, False, False, False]), np.zeros(4, bool)
    assert at_most(seen, none, np.ones(4), 4) == 1
    # 1 of 4: the upper limit is .751, and of four flips not seen 3.005
    assert at_most(seen, none, np.ones(4), 8) == 1 + 4
    # what could not be replayed counts
    assert at_most(seen, ~seen, np.ones(4), 4) == 4
    assert at_most(none[:0], none[:0], np.ones(0), 7) == 7
