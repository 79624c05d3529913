"""Shares of the change, their intervals and p-values, on tables whose shares are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vidrobust.stages.causes.catalogue import (
    ACCOUNT_CAUSES,
    KEYFRAMES,
    NOISE,
    REPLAYED,
    TITLES,
    UNEXPLAINED,
)
from vidrobust.stages.causes.naming import named, replicated
from vidrobust.stages.causes.outcomes import excluded_pairs
from vidrobust.stages.causes.shares import (
    ERRORS,
    LEAST_ERROR,
    MEASURED,
    UNSEEN,
    PairTable,
    measurement_error,
    over_a_second,
    share_of_totals,
    summarise,
    summarise_by,
    too_few,
    with_error,
)
from vidrobust.statistics.standard_errors import effective_freedom


def pair(
    item: str, frame: int, change: float, weight: float = 1.0, **along: float
) -> list[dict[str, object]]:
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
        "margin_step": np.nan,
        "margin_undone": np.nan,
        "margin_before": np.nan,
        "margin_past": np.nan,
    }
    return [
        {
            **shared,
            "cause": cause,
            "projection": along.get(cause, 0.0),
            "size": float(cause in along),
        }
        for cause in (*REPLAYED, NOISE)
    ]


def one(account: pd.DataFrame, cause: str, item: str = "") -> pd.Series:
    return account[(account["cause"] == cause) & (account["item"] == item)].iloc[0]


def test_shares_are_ratios_of_weighted_sums_and_add_up_to_one() -> None:
    rows = pair("a", 0, 10.0, 1.0, light=5.0, noise_and_coding=2.0)
    rows += pair("a", 9, 2.0, 5.0, light=0.0, camera=1.0, noise_and_coding=1.0)
    account = summarise(pd.DataFrame(rows))
    # change 1 * 10 + 5 * 2 = 20; light 5; camera 5 * 1; noise 2 + 5 * 1
    assert one(account, "light").share == pytest.approx(5 / 20)
    assert one(account, "camera").share == pytest.approx(5 / 20)
    assert one(account, NOISE).share == pytest.approx(7 / 20)
    assert one(account, UNEXPLAINED).share == pytest.approx(3 / 20)
    assert account[account["item"] == ""]["share"].sum() == pytest.approx(1)
    assert account[account["item"] == ""]["cause"].tolist() == list(ACCOUNT_CAUSES)


def test_the_error_of_the_measurement_widens_the_interval_by_hand() -> None:
    assert with_error(0.5, (0.1, 0.9), (0.3, 0.0)) == pytest.approx((0.0, 0.9))  # 3, 4, 5
    assert set(ERRORS) == set(MEASURED)
    below, above = ERRORS["light"]
    assert measurement_error("light", -0.5, left=0.9) == pytest.approx((below / 2, above / 2))
    # nothing lacks more than what is left
    assert measurement_error("light", 0.5, left=0.03) == pytest.approx((below / 2, 0.03))
    assert measurement_error("light", 0.0, left=1.0) == (LEAST_ERROR, LEAST_ERROR)


def test_what_causes_may_have_too_little_of_may_not_be_unexplained() -> None:
    rows = [row for n in range(8) for row in pair("a", 9 * n, 10.0, light=4.0, camera=5.5)]
    account = summarise(pd.DataFrame(rows), per_item=False)
    light, camera, left, colour = (
        one(account, c) for c in ("light", "camera", UNEXPLAINED, "colour")
    )
    for row in (light, camera):
        error = measurement_error(row.cause, row.share, left=0.05)
        assert (row.low, row.high) == pytest.approx(
            with_error(row.share, (row.pairs_low, row.pairs_high), error)
        )
    above = np.hypot(ERRORS["light"][1] * 0.4, 0.05)  # the camera's .11 is more than is left
    assert left.share - left.low == pytest.approx(np.hypot(left.share - left.pairs_low, above))
    # what was not measured in any pair has no error
    assert (colour.low, colour.high) == (colour.pairs_low, colour.pairs_high)
    assert not left.misfit


def test_what_is_unexplained_may_be_any_cause_of_the_pairs_in_which_it_was_measured() -> None:
    rows = [row for n in range(4) for row in pair("a", 9 * n, 10.0, light=2.0, camera=4.0)]
    rows += [row for n in range(4, 8) for row in pair("a", 9 * n, 10.0, camera=4.0)]
    account, coded = (summarise(pd.DataFrame(rows), per_item=False, coded=c) for c in (False, True))
    # 4 of 10 are unexplained in pairs with light, 6 in the others
    assert one(account, UNEXPLAINED).share == pytest.approx(0.5)
    assert one(account, UNEXPLAINED).misfit
    full = {"light": [{"light": 6.0}, {}], "camera": [{"camera": 8.0}, {"camera": 10.0}]}
    for cause, (first, then) in full.items():
        parts = [first] * 4 + [then] * 4
        table = pd.DataFrame([row for n in range(8) for row in pair("a", 9 * n, 10.0, **parts[n])])
        most = one(summarise(table, per_item=False), cause)
        row = one(account, cause)
        error = measurement_error(cause, row.share, left=0.5)
        assert row.high == pytest.approx(
            with_error(most.share, (most.pairs_low, most.pairs_high), (0.0, error[1]))[1]
        )
        assert row.low == pytest.approx(
            with_error(row.share, (row.pairs_low, row.pairs_high), error)[0]
        )
    # coding takes detail, so that focus may be in what is unexplained though none was measured
    assert one(account, "sharpness").high == one(account, "sharpness").pairs_high
    assert one(coded, "sharpness").high == pytest.approx(one(coded, UNEXPLAINED).pairs_high)


def test_the_specific_part_is_the_share_less_the_placebos() -> None:
    table = pd.DataFrame(pair("a", 0, 10.0, camera=6.0, light=4.0) + pair("a", 9, 10.0, camera=8.0))
    table.loc[table["cause"] == "camera", "placebo"] = 2.0
    table.loc[table["cause"] == "light", "placebo"] = -3.0
    account = summarise(table)
    assert one(account, "camera").specific == pytest.approx((14 - 4) / 20)
    # what a placebo undoes is not added
    assert one(account, "light").specific == pytest.approx(4 / 20)
    assert np.isnan(one(account, NOISE).specific)


def test_keyframes_take_their_share_first() -> None:
    rows = pair("a", 0, 6.0, light=3.0) + pair("a", 9, 6.0, light=3.0)
    at = {**pair("a", 20, 9.0)[0], "cause": KEYFRAMES, "projection": 8.0}
    account = summarise(pd.DataFrame([*rows, at]))
    # 8 of 12 + 9; the other causes share the remaining 13 of 21 as the other pairs do
    assert one(account, KEYFRAMES).share == pytest.approx(8 / 21)
    assert one(account, "light").share == pytest.approx(0.5 * 13 / 21)
    assert account[account["item"] == ""]["share"].sum() == pytest.approx(1)


def test_what_could_not_be_replayed_is_unexplained_and_what_has_no_third_frame_left_out() -> None:
    rows = pair("a", 0, 5.0, light=5.0) + pair("a", 9, 5.0) + pair("a", 30, 100.0)
    table = pd.DataFrame(rows)
    table.loc[table["frame_a"] == 9, ["excluded", "projection"]] = ["other_scene", np.nan]
    table.loc[table["frame_a"] == 30, ["excluded", "projection"]] = ["no_third_frame", np.nan]
    account = summarise(table)
    assert one(account, "light").share == pytest.approx(0.5)
    assert one(account, UNEXPLAINED).share == pytest.approx(0.5)
    assert one(account, "light").n == 2
    assert one(account, "light").excluded == 2
    assert excluded_pairs(table).to_dict() == {"other_scene": 1, "no_third_frame": 1}


def test_flips_are_given_to_the_cause_that_holds_most() -> None:
    table = pd.DataFrame(pair("a", 0, 10.0, light=6.0, camera=1.0) + pair("a", 9, 10.0, camera=2.0))
    table["flip"] = True
    account = summarise(table)
    assert one(account, "light").flips == 2
    assert one(account, "light").flips_mostly == 1
    assert one(account, "camera").flips_mostly == 0


def noisy(share: float, n: int, seed: int, items: int = 1) -> pd.DataFrame:
    """Pairs whose light holds about this share of the change."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        change = float(rng.gamma(2))
        light = change * (share + rng.normal(0, 0.2))
        rows += pair(f"clip {k % items}", 7 * k, change, light=light)
    return pd.DataFrame(rows)


def test_a_clear_cause_is_named_and_found_again_on_other_clips() -> None:
    table = noisy(0.5, 48, 0, items=4)
    found = replicated(table, named(summarise(table)))
    assert found["cause"].tolist() == ["light"]
    assert found.loc[0, ["replication", "replication_found", "replication_tested"]].tolist() == [
        1.0,
        4,
        4,
    ]
    assert found.loc[0, "replication_of"] == "clips"


def test_one_clip_is_tested_on_its_later_half_and_too_few_pairs_not_at_all() -> None:
    table = noisy(0.5, 24, 0)
    whole = replicated(table, named(summarise(table))).iloc[0]
    assert whole[["replication", "replication_tested"]].tolist() == [1.0, 1]
    assert whole["replication_of"] == "later half of the footage"
    few = replicated(table[table["frame_a"] < 7 * 8], named(summarise(table))).iloc[0]
    assert np.isnan(few["replication"])
    assert few[["replication_tested", "replication_of"]].tolist() == [0, ""]


def test_what_only_one_clip_shows_is_not_found_again() -> None:
    one_clip = noisy(0.9, 12, 0)
    others = pd.concat([noisy(0.0, 8, seed).assign(item=f"other {seed}") for seed in range(3)])
    table = pd.concat([one_clip, others], ignore_index=True)
    light = pd.DataFrame({"model": ["m"], "cause": ["light"], "scale": ["adjacent"]})
    found = replicated(table, light)
    # the rest makes the finding three times, with that clip in it; none of the other clips makes it again
    assert found.loc[0, ["replication_found", "replication_tested"]].tolist() == [0, 3]


def dips(items: int) -> pd.DataFrame:
    """Of eight pairs a clip two are a dip of the light and its end, and hold nearly all of the change."""
    rng, rows = np.random.default_rng(0), []
    for k in range(8 * items):
        change = 100.0 if k // items < 2 else 0.5
        light = 0.9 * change if change > 1 else float(rng.normal(0.0, 0.3))
        rows += pair(f"clip {k % items}", 7 * k, change, light=light)
    return pd.DataFrame(rows)


def test_where_two_pairs_hold_nearly_all_no_clip_is_a_test() -> None:
    table = dips(4)
    found = replicated(table, named(summarise(table)))
    assert found["cause"].tolist() == ["light"]
    # of two pairs alike by chance one choice of signs in four is as high: no clip could make it at p <= .1
    assert found.loc[0, ["replication_tested", "replication_of"]].tolist() == [0, "clips"]
    pairs = PairTable.of(table[table["item"] == "clip 0"])
    assert too_few(pairs, "light", 0.1)
    assert not too_few(pairs, "light", 0.25)
    assert not too_few(PairTable.of(table), "light", 0.1)
    assert not too_few(pairs, "camera", 0.1)  # it is not there: no question of how many


def test_a_weak_finding_is_found_again_in_some_halves_and_not_in_all() -> None:
    light = pd.DataFrame({"model": ["m"], "cause": ["light"], "scale": ["adjacent"]})

    def again(share: float) -> tuple[int, float]:
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


def test_signs_are_flipped_by_pairs_for_this_footage_and_by_clips_for_footage_like_it() -> None:
    table = noisy(0.5, 40, 0, items=5)
    light = one(summarise(table), "light")
    assert light.p < 0.001
    assert light.p_clips == 1 / 32  # all five clips are above: one of 2^5 choices of signs
    assert np.isnan(one(summarise(noisy(0.5, 40, 0, items=4)), "light").p_clips)


def test_power_grows_with_pairs_where_every_fourth_holds_the_change() -> None:
    """An exposure that steps every fourth frame: with more pairs it is named more often, not more seldom."""
    often = []
    for n in (12, 24, 48):
        hits = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            rows: list[dict[str, object]] = []
            for k in range(n):
                step = rng.random() < 0.25
                change = float(rng.gamma(2)) if step else 0.02
                rows += pair("a", 7 * k, change, light=0.95 * change if step else 0.0)
            hits += "light" in named(summarise(pd.DataFrame(rows)))["cause"].tolist()
        often.append(hits / 40)
    assert often[0] <= often[1] <= often[2]
    assert often[2] > 0.95


def test_noise_that_is_surely_more_than_all_the_change_is_a_misfit_and_not_named() -> None:
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for k in range(24):
        change = float(rng.gamma(2))
        rows += pair("a", 7 * k, change, noise_and_coding=change * float(rng.uniform(3, 5)))
    account = summarise(pd.DataFrame(rows))
    assert one(account, NOISE).misfit
    assert not account[account["cause"] != NOISE][
        "misfit"
    ].any()  # less than nothing is unexplained
    assert len(named(account)) == 0
    fits = pd.DataFrame(rows)
    fits["projection"] /= 4
    assert not one(summarise(fits), NOISE).misfit
    assert named(summarise(fits))["cause"].tolist() == [NOISE]


def test_flips_that_would_not_have_happened_without_a_cause() -> None:
    table = pd.DataFrame(
        [row for k in range(4) for row in pair("a", 9 * k, 10.0, 2.0, light=5.0, camera=1.0)]
    )
    table["flip"] = True
    table["margin_before"] = 0.5
    table["margin_past"] = table["frame_a"].map({0: 0.5, 9: 0.5, 18: 2.0, 27: 0.1})
    table["margin_step"] = table["cause"].map({"light": 1.0, "camera": 0.2, NOISE: 1.0}).fillna(0.0)
    account = summarise(table, flips={("m", ""): 4, ("m", "a"): 4})
    told = ["flips_due", "flips_due_low", "flips_due_high", "flips_at_most", "flips_all"]
    # light, by its step: 1.0 - past = .5, .5, -1, .9, its error 1.0 / 3; added to t: .5 - .2 = .3, its error that
    # of noise and of the camera's step, 1.002. Weights .900 and .100: .48, .48, -.87, .84, with an error of .316
    assert one(account, "light")[told].tolist() == [3, 1, 3, 3, 4]
    # camera: .2 - past = -.3, -.3, -1.8, .1, its error .067, hardly changed by .5 - 1.0
    assert one(account, "camera")[told].tolist() == [1, 0, 1, 1, 4]
    # noise: .5 - 1.2 = -.7, its error sqrt(1.04 / 9) = .34
    assert one(account, NOISE)[told[:3]].tolist() == [0, 0, 0]
    # of colour nothing was measured
    assert one(account, "colour")[told[:4]].tolist() == [0, 0, 0, 0]
    assert np.isnan(one(account, UNEXPLAINED).flips_due)
    more = summarise(table, flips={("m", ""): 8, ("m", "a"): 8})
    # 1 of 4 seen; Clopper & Pearson's upper limit of 1 of 4 is .751, of the four not seen 3.005
    assert one(more, "camera").flips_at_most == 1 + 4


def test_a_drift_is_named_from_pairs_a_second_apart_where_neighbours_do_not_show_it() -> None:
    near, far = noisy(0.0, 24, 0), noisy(0.5, 48, 1).assign(scale="second")
    causes = pd.concat([near, far], ignore_index=True)
    found = named(summarise(near), over_a_second(summarise_by(causes)))
    assert found[["cause", "scale"]].to_numpy().tolist() == [["light", "second"]]
    assert replicated(causes, found)["replication"].tolist() == [1.0]
    both = named(summarise(noisy(0.5, 48, 0)), over_a_second(summarise_by(causes)))
    assert both[["cause", "scale"]].to_numpy().tolist() == [["light", "adjacent"]]


def test_what_moves_over_a_second_is_not_named_from_it() -> None:
    far = noisy(0.5, 48, 1).assign(scale="second")
    far["cause"] = far["cause"].replace({"light": "camera", "camera": "light"})
    slow = over_a_second(summarise_by(far))
    assert slow.set_index("cause").loc["camera", "low"] > 0.05
    assert len(named(summarise(noisy(0.0, 24, 0)), slow)) == 0


def test_a_cause_without_effect_is_not_named() -> None:
    found = [len(named(summarise(noisy(0.0, 24, seed)))) for seed in range(60)]
    assert np.mean(found) <= 0.02


def test_a_cause_whose_placebos_do_as_much_is_not_named() -> None:
    table = noisy(0.5, 48, 0)
    table["placebo"] = table["projection"] * 1.02
    assert len(named(summarise(table))) == 0


def test_clips_are_the_units_where_there_are_five() -> None:
    assert one(summarise(noisy(0.5, 30, 0, items=6)), "light").clusters == 6
    assert one(summarise(noisy(0.5, 30, 0, items=2)), "light").clusters > 6


def test_passes_of_one_part_are_one_unit() -> None:
    """Ten parts in six passes are ten units, not sixty."""
    table = noisy(0.5, 120, 0, items=60)
    assert one(summarise(table), "light").clusters == 60
    number = table["item"].astype("category").cat.codes
    found = one(summarise(table.assign(part=[f"part {n % 10}" for n in number])), "light")
    assert found.clusters == 10


def test_other_cuts_have_the_same_rows_per_class_and_distance() -> None:
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
    light = cuts[cuts["cause"] == "light"].set_index("value")["share"]
    assert light["second"] < 0.3 < light["adjacent"]


def test_every_cause_has_a_title() -> None:
    assert tuple(TITLES) == ACCOUNT_CAUSES


def test_pairs_in_which_nothing_was_measured_are_no_chance() -> None:
    """Light acts on six of forty pairs: all that it is to exceed is laid on these."""

    def p_of(share: float) -> float:
        rows = [
            row
            for n in range(6)
            for row in pair("a", 9 * n, 1.0, light=share, noise_and_coding=0.1)
        ]
        rows += [row for n in range(6, 40) for row in pair("a", 9 * n, 1.0, noise_and_coding=0.9)]
        return float(one(summarise(pd.DataFrame(rows), per_item=False), "light").p)

    assert p_of(0.9) == 1 / 64  # one of 2^6 choices of signs
    assert p_of(0.34) == 1 / 64  # 5 % of 40 pairs are a third of six
    assert p_of(0.33) == 1


def ratio(totals: np.ndarray) -> np.ndarray:
    return np.asarray(totals[..., 0] / totals[..., 1])


def test_the_spread_is_that_of_the_linearised_ratio() -> None:
    rng = np.random.default_rng(0)
    y = rng.uniform(0.9, 1.1, 400)
    x = y * rng.normal(0.4, 0.1, 400)
    found = share_of_totals(np.column_stack([x, y]), ratio, draws=10**9)
    # Cochran 1977, section 6.3: residuals x - R y
    r = x.sum() / y.sum()
    error = np.sqrt(400 / 399 * np.square(x - r * y).sum()) / y.sum()
    freedom = effective_freedom(x - r * y)
    assert found.value == pytest.approx(r)
    assert found.high - found.low == pytest.approx(
        2 * stats.t.ppf(0.975, freedom) * error, rel=0.01
    )


def test_degrees_of_freedom_are_those_of_a_normal_and_fall_to_one() -> None:
    normal = np.random.default_rng(0).normal(size=20_000)
    assert effective_freedom(normal) == pytest.approx(20_000, rel=0.05)
    assert effective_freedom(np.array([100.0, *[0.0] * 30])) == pytest.approx(2, abs=0.3)


def test_a_share_that_was_never_seen_is_not_surely_zero() -> None:
    totals = np.column_stack([np.zeros(24), np.ones(24)])
    found = share_of_totals(totals, ratio, draws=24)
    step = UNSEEN[1] / 25
    assert found.value == 0
    assert found.high == pytest.approx(step * (1 + stats.t.ppf(0.975, 23)))
    assert found.low < 0


def test_one_cluster_has_no_interval() -> None:
    found = share_of_totals(np.array([[1.0, 2.0]]), ratio, draws=5)
    assert (found.value, found.clusters) == (0.5, 1)
    assert np.isnan([found.low, found.high, found.p]).all()


@pytest.mark.parametrize("truth", [0.0, 0.05, 0.4])
def test_intervals_cover_on_skewed_changes(truth: float) -> None:
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


def test_p_asks_about_the_floor() -> None:
    rng = np.random.default_rng(0)
    y = np.ones(200)
    x = rng.normal(0.1, 0.05, 200)
    totals = np.column_stack([x, y])
    assert share_of_totals(totals, ratio, draws=200, floor=0.05).p < 0.001
    assert share_of_totals(totals, ratio, draws=200, floor=0.1).p > 0.1
    assert share_of_totals(totals, ratio, draws=200, floor=0.15).p > 0.99
