"""The policy from made evidence: when there is a step, its range, and which of the four reasons there is none."""

import dataclasses
import re
from itertools import product

import numpy as np
import pandas as pd
import pytest

from tests.wording import assert_golden
from vidrobust.stages.causes.catalogue import REPLAYED
from vidrobust.stages.causes.outcomes import Replication
from vidrobust.stages.policy import rejection as wording
from vidrobust.stages.policy.build import Evidence, build
from vidrobust.stages.policy.exports.write import with_levels
from vidrobust.stages.policy.policy import Policy, strengths
from vidrobust.stages.policy.rejection import OPEN, Rejected, Rejection, reason
from vidrobust.stages.variation.spread import CONDITIONS, OF_WIDTH
from vidrobust.statement import Level

WIDTH = 640
HALF = "later half of the footage"
AGAIN = Replication(found=4, tested=5, of="clips")


CAMERA = {"share": 0.4, "low": 0.3, "high": 0.5}
CAMERA |= {"specific": 0.3, "specific_low": 0.2, "specific_high": 0.4}


NOISE = {"share": 0.6, "low": 0.5, "high": 0.7, "specific": np.nan, "specific_low": np.nan}


def account(**changed):
    """Every cause occurs and surely explains nothing, but those changed."""
    nothing = {"share": 0.0, "low": -0.01, "high": 0.02, "n": 24, "clusters": 20, "occurs": 24}
    nothing |= {"specific": 0.0, "specific_low": -0.01, "specific_high": 0.01}
    rows = []
    for cause in (*REPLAYED, "keyframes", "noise_and_coding"):
        row = {"model": "net", "item": "", "cause": cause, **nothing, **changed.get(cause, {})}
        rows.append({f"pairs_{end}": row[end] for end in ("low", "high")} | row)
    return pd.DataFrame(rows)


def candidate_fits(cause, does, strength=2.0, grain=0.0):
    """Twenty-four pairs in which each perturbation does this part of the cause, with a little scatter."""
    rng = np.random.default_rng(0)
    rows = []
    for frame in range(0, 240, 10):
        whole = rng.uniform(0.5, 1.5)
        for name, part in does.items():
            along = whole * (part + rng.normal(0, 0.02))
            rows.append((frame, frame + 1, name, along, whole))
    names = ["frame_a", "frame_b", "perturbation", "along", "along_cause"]
    return pd.DataFrame(rows, columns=names).assign(
        item="clip", model="net", cause=cause, strength=strength, weight=1.0, scale="adjacent",
        grain=grain, grain_seen=0.0,
    )  # fmt: skip


def spread(**values):
    rows = []
    for quantity in CONDITIONS:
        value = values.get(quantity, 0.0)
        share = value / WIDTH if quantity.endswith("_px") or quantity == "sharpness" else np.nan
        of = {"item": "", "quantity": quantity, "unit": "", "basis": "clip", "n": 30}
        rows.append({**of, "spread": value, "share": share})
    return pd.DataFrame(rows)


def sensitivity(names, per_unit=0.05):
    """Total variation that grows by this much for a unit of strength, on twenty frames."""
    rows = []
    for name, frame, strength in product(names, range(20), (1.0, 2.0, 4.0)):
        of = {"model": "net", "item": "clip", "frame": 10 * frame, "perturbation": name}
        moved = {"total_variation": min(1.0, per_unit * strength), "label_flip": float(frame < 2)}
        rows += [{**of, "strength": strength, "metric": m, "value": v} for m, v in moved.items()]
    return pd.DataFrame(rows)


def shaken(**changed):
    """A camera that shakes by 3.2 px along x and 1.6 px along y, which explains 40 % of the change."""
    whole = Evidence(
        account=account(camera=CAMERA),
        slow=account(),
        named={"camera": "adjacent"},
        replication={"camera": AGAIN},
        candidate_fits=candidate_fits("camera", {"translation": 0.9, "rotation": 0.05}),
        spread=spread(shift_x_px=3.2, shift_y_px=1.6, rotation_deg=0.1),
        sensitivity=sensitivity(
            ("translation", "rotation", "brightness", "shear", "gaussian_noise")
        ),
        floor=1e-6,
        image_size=(360, WIDTH),
    )
    return dataclasses.replace(whole, **changed)


def explained(cause, row, **changed):
    """The same of another cause, named and found again; ``row`` changes its account."""
    known = {"account": account(**{cause: row}), "named": {cause: "adjacent"}}
    return shaken(**{**known, "replication": {cause: AGAIN}, **changed})


def refused(policy, name):
    (found,) = [each for each in policy.rejected if each.perturbation == name]
    return found


def only_step(policy):
    (step,) = policy.steps
    return step


def test_a_shaking_camera_gets_a_translation_as_wide_as_the_footage_lies():
    policy = build("net", shaken())
    step = only_step(policy)
    assert (step.perturbation, step.unit) == ("translation", OF_WIDTH)
    assert (step.low, step.high) == (-0.005, 0.005)  # 3.2 px of 640
    assert step.axes == (0.005, 0.0025)
    evidence = step.evidence
    assert (evidence.share, evidence.share_low, evidence.share_high) == (0.4, 0.3, 0.5)
    assert evidence.replication == "found again in 4 of 5 clips"
    assert evidence.flips_at_most == ""
    assert evidence.sensitivity == pytest.approx(0.05 * 3.2)
    assert refused(policy, "rotation").why is Rejection.OTHER_AMOUNT
    assert refused(policy, "rotation").evidence["does"] == pytest.approx(0.05, abs=0.05)
    assert "geometry" not in policy.evaluation_only
    assert "light" in policy.evaluation_only


@pytest.mark.parametrize(
    ("slow", "why", "off"),
    [
        ({}, Rejection.EXPLAINS_LITTLE, True),
        ({"light": {**CAMERA}}, Rejection.SLOW_OPEN, False),
        ({"light": {"low": -0.1, "high": 0.2}}, Rejection.SLOW_OPEN, False),
        ({"light": {"n": 4}}, Rejection.SLOW_OPEN, False),
        ({"light": {"occurs": 0, "high": 0.2}}, Rejection.EXPLAINS_LITTLE, True),
    ],
)
def test_what_changes_slowly_is_not_switched_off(slow, why, off):
    """Little from frame to frame; the model answers to gains as the clip has them, so a second apart decides."""
    footage = {"spread": spread(shift_x_px=3.2, gain=2.0), "slow": account(**slow)}
    found = refused(build("net", shaken(**footage)), "brightness")
    assert (found.why, found.is_off) == (why, off)
    deaf = sensitivity(["translation", "brightness"], per_unit=0.0)
    assert refused(build("net", shaken(**footage, sensitivity=deaf)), "brightness").is_off


def test_suggestions_are_apart_from_what_may_be_used():
    made = build("net", shaken())
    worth, use = (
        dataclasses.replace(
            made.steps[0], evidence=dataclasses.replace(made.steps[0].evidence, level=level)
        )
        for level in (Level.SUGGESTED, Level.REPLICATED)
    )
    both = dataclasses.replace(made, steps=(worth, use))
    written = both.to_dict()
    levels = {k: [e["evidence"]["level"] for e in written[k]] for k in ("steps", "suggested")}
    assert levels == {"steps": ["replicated"], "suggested": ["suggested"]}
    assert set(Policy.from_json(both.to_json()).steps) == set(both.steps)


def test_an_open_share_says_how_many_pairs_would_tell():
    unsure = account(camera=CAMERA, light={"share": 0.1, "low": -0.1, "high": 0.3})
    policy = build("net", shaken(account=unsure))
    # half the width .2, gap to 5 % .05: 16 times
    assert refused(policy, "brightness").outcome == "undetermined"
    assert refused(policy, "brightness").evidence["times"] == 16
    # surely above 5 % over the pairs: what is left is the error of the measurement
    error = {"share": 0.3, "low": -0.1, "high": 0.7, "pairs_low": 0.2, "pairs_high": 0.4}
    policy = build("net", shaken(account=account(camera=CAMERA, light=error)))
    assert reason(refused(policy, "brightness")).endswith("footage like this cannot settle it")


def camera(**changed):
    return account(camera={**CAMERA, **changed})


def rare(occurs):
    """Four pairs that all say the same have p = 1/16: what is needed are more such changes."""
    light = {"share": 0.14, "low": -0.33, "high": 0.6, "occurs": occurs}
    return {"account": account(camera=CAMERA, light=light)}


def tipped():
    """A sensitivity that is as large at every strength."""
    made = sensitivity(("translation",))
    amount = made["metric"] == "total_variation"
    values = np.random.default_rng(0).uniform(0.2, 0.8, int(amount.sum()))
    made.loc[amount, "value"] = values
    return made


TWICE = {"camera": Replication(found=2, tested=5, of="clips")}
ALIKE = {"specific": 0.0, "specific_low": -0.1, "specific_high": 0.1}
UNSURE = {"specific": 0.15, "specific_low": -0.25, "specific_high": 0.55}
OPPOSITE = candidate_fits("camera", {"translation": 0.9, "rotation": -0.25})


@pytest.mark.parametrize(
    ("name", "why", "changed", "figures"),
    [
        ("brightness", Rejection.ABSENT, {"account": account(camera=CAMERA, light={"occurs": 0})}, {}),
        ("brightness", Rejection.MOVES_NOTHING, {}, {}),  # the gain has no spread
        ("brightness", Rejection.EXPLAINS_LITTLE, {"spread": spread(shift_x_px=3.2, gain=2.0)}, {}),
        ("shear", Rejection.NOT_MEASURABLE, {}, {}),
        ("translation", Rejection.NOT_FOUND_AGAIN, {"account": camera(low=0.19), "replication": TWICE},
         {"found": 2, "tested": 5}),
        ("translation", Rejection.FEW_PAIRS, {"account": camera().assign(n=9)}, {"n": 9, "needed": 10}),
        ("translation", Rejection.ANY_CHANGE, {"account": camera(**ALIKE), "named": {}}, {}),
        # half the interval .4, specific .15: (.4 / .15)^2, 8 times
        ("translation", Rejection.DIRECTION_OPEN, {"account": camera(**UNSURE), "named": {}}, {"times": 8}),
        ("translation", Rejection.MOVES_LITTLE, {"sensitivity": sensitivity(("translation",), 1e-4)},
         {"moved": pytest.approx(0.00032)}),
        ("translation", Rejection.GROWTH_OPEN, {"sensitivity": tipped()}, {}),
        ("rotation", Rejection.OTHER_AMOUNT, {"candidate_fits": OPPOSITE},
         {"does": pytest.approx(-0.25, abs=0.05)}),
        ("brightness", Rejection.HAPPENS_RARELY, rare(1), {}),
        ("brightness", Rejection.HAPPENS_RARELY, rare(4), {}),
        ("brightness", Rejection.SHARE_OPEN, rare(5), {}),
    ],
)  # fmt: skip
def test_why_there_is_no_step(name, why, changed, figures):
    policy = build("net", shaken(**changed))
    assert bool(policy.steps) == (name != "translation")
    found = refused(policy, name)
    assert found.why is why
    assert {key: found.evidence[key] for key in figures} == figures


def test_a_cause_that_is_not_found_again_is_a_suggestion_where_it_surely_dominates():
    policy = with_levels(build("net", shaken(replication=TWICE)))
    assert [step.evidence.open for step in policy.suggestions] == [Rejection.NOT_FOUND_AGAIN]
    assert policy.actions == ()


OPEN_CAUSE = {"low": -0.1, "high": 0.9, "specific": 0.3, "specific_low": -0.1}


@pytest.mark.parametrize(
    ("row", "worth"),
    [
        ({}, True),
        ({"high": 0.19, "share": 0.1}, False),  # at most a fifth of the change
        ({"share": 0.15}, False),  # not dominant
        ({"specific": 0.1}, False),  # any change of that size may do as much
        ({"specific": np.nan, "specific_low": np.nan}, True),  # there is no placebo
    ],
)
def test_a_dominant_cause_that_is_open_is_a_suggestion(row, worth):
    evidence = shaken(account=account(camera={**CAMERA, **OPEN_CAUSE, **row}), named={})
    policy = with_levels(build("net", evidence))
    assert bool(policy.steps) == worth
    assert policy.actions == ()
    if worth:
        (step,) = policy.suggestions
        assert (step.perturbation, step.evidence.open) == ("translation", Rejection.SHARE_OPEN)
        assert step.axes == pytest.approx((0.005, 0.0025), rel=0.01)
        assert "translation" not in {each.perturbation for each in policy.rejected}
    else:
        assert refused(policy, "translation").why is Rejection.SHARE_OPEN


def test_a_replicated_cause_whose_effect_is_open_stays_a_suggestion():
    few = sensitivity(("translation", "rotation"))
    moved = 0.5 * (few["frame"] == 0) * few["strength"] / 4  # one frame of twenty is moved
    few["value"] = few["value"].where(few["metric"] != "total_variation", moved)
    policy = with_levels(build("net", shaken(sensitivity=few)))
    (step,) = policy.steps
    assert step.evidence.open == Rejection.MOVING_OPEN
    assert (step.level, policy.actions) == (Level.SUGGESTED, ())


def test_the_leading_cause_of_a_dominant_group_is_a_suggestion():
    """The rows of groups, which sum to 1: their causes may be open one by one."""
    own = {"share": 0.15, "group": "camera", "level": "cause"}
    rows = account(camera={**CAMERA, **OPEN_CAUSE, **own})
    rows["level"] = "cause"
    group = {**CAMERA, "cause": "camera", "level": "group", "group": "camera", "n": 24}
    whole = pd.concat([rows, pd.DataFrame([group])], ignore_index=True)
    policy = with_levels(build("net", shaken(account=whole, named={})))
    assert [step.perturbation for step in policy.suggestions] == ["translation"]
    assert policy.steps[0].evidence.share == 0.15  # of the cause's row, not of the group's
    less = pd.DataFrame([{**group, "share": 0.1, "low": 0.02}])
    weak = pd.concat([rows, less], ignore_index=True)
    assert not build("net", shaken(account=weak, named={})).steps


@pytest.mark.parametrize(
    ("found", "tested", "of", "words"),
    [
        (4, 5, "clips", "in 4 of 5 clips"),
        (0, 1, HALF, f"not found again in the {HALF}"),
        (0, 0, HALF, "not tested: too few pairs in half of the footage show it"),
        (0, 0, "clips", "not tested: too few pairs of a clip show it"),
    ],
)
def test_replication_in_words(found, tested, of, words):
    row = {"replication_found": found, "replication_tested": tested, "replication_of": of}
    made = Replication.of_row(row)
    assert words in made.in_words
    assert made.fails == (found < tested == 1)
    assert (Replication.of_row({}).in_words, Replication.of_row({}).fails) == ("not tested", False)


def test_a_step_says_how_many_flips_it_can_remove_at_most():
    def of_flips(**flips):
        return only_step(build("net", shaken(account=account(camera=CAMERA).assign(**flips))))

    step = of_flips(flips=12, flips_due=6.0)
    assert (step.evidence.flips_due, step.evidence.flips_replayed) == (6.0, 12.0)
    assert re.findall(r"\d+", step.evidence.flips_at_most) == ["6", "12"]
    # of fewer than ten flips nothing is said
    step = of_flips(flips=9, flips_due=0.0)
    assert (step.evidence.flips_due, step.evidence.flips_replayed) == (0.0, 9.0)
    assert step.evidence.flips_at_most == ""
    untested = only_step(build("net", shaken(replication={})))
    assert untested.evidence.replication == "not tested"


def test_a_range_is_what_was_seen_on_either_side():
    """Dips of 40 % in a few frames, 5 % upwards: the range is not mirrored, and the extremes stand there."""
    light = {**CAMERA, "share": 0.5}
    ends = {"low": 0.8, "high": 1.05, "least": 0.6, "most": 1.06, "unit": "ratio"}
    half = float(np.expm1((np.log(1.05) - np.log(0.8)) / 2))
    rows = spread(gain=half)
    of_gain = rows["quantity"] == "gain"
    rows = rows.assign(**{k: np.where(of_gain, v, rows.get(k)) for k, v in ends.items()})
    made = explained(
        "light",
        light,
        candidate_fits=candidate_fits("light", {"brightness": 0.9}, strength=0.1),
        spread=rows,
        sensitivity=sensitivity(("brightness",), per_unit=0.2),
    )
    step = only_step(build("net", made))
    # the factors 1 / 1.25 and 1.05
    assert (step.low, step.high) == pytest.approx((-0.25, 0.05), abs=1e-4)
    assert step.evidence.observed_least == pytest.approx(-(1 / 0.6 - 1))
    assert step.evidence.observed_most == pytest.approx(0.06)
    assert step.evidence.observed == pytest.approx(0.25)


def test_what_does_enough_is_asked_before_what_is_plainer():
    """White balance does 3 % of it and cannot be told from hue by its scatter: hue gets the step all the same."""
    colour = {**CAMERA, "share": 0.5}
    rows = candidate_fits("colour", {"hue": 0.52, "white_balance": 0.03}, strength=10.0)
    plain = rows["perturbation"] == "white_balance"
    rows.loc[plain, "along"] += np.resize([2.0, -2.0], int(plain.sum()))
    made = explained(
        "colour",
        colour,
        candidate_fits=rows,
        spread=spread(hue_deg=10.0),
        sensitivity=sensitivity(("hue", "white_balance")),
    )
    assert only_step(build("net", made)).perturbation == "hue"


def test_no_step_by_fallback():
    """The footage's grain is .61 and that of JPEG .37, or JPEG does 3.6 times what noise and coding do."""
    made = explained("noise_and_coding", NOISE, sensitivity=sensitivity(("gaussian_noise", "jpeg")))

    def policy(grain, does):
        both = {"gaussian_noise": 1.0, "jpeg": does}
        rows = candidate_fits("noise_and_coding", both, strength=4.0)
        rows = rows.assign(grain_seen=0.61)
        rows.loc[rows["perturbation"] == "jpeg", "grain"] = grain
        return build("net", dataclasses.replace(made, candidate_fits=rows))

    assert not policy(0.37, 1.0).steps
    assert refused(policy(0.37, 1.0), "jpeg").why is Rejection.OTHER_GRAIN
    assert not policy(0.6, 3.6).steps
    assert refused(policy(0.6, 3.6), "jpeg").evidence["does"] == pytest.approx(3.6, abs=0.05)
    assert only_step(policy(0.6, 1.1)).perturbation == "jpeg"


@pytest.mark.parametrize(("jpeg", "grain"), [(False, 0.22), (True, 0.22), (False, 0.1)])
def test_noise_or_coding_where_the_stream_predicts_and_the_picture_does_not_say(jpeg, grain):
    """Noise has grain 0 and does 1.6 times as much, H.264 grain .37 and 4.1 times: neither stands at .22."""
    does = {"gaussian_noise": 1.6, "h264": 4.1} | ({"jpeg": 1.0} if jpeg else {})
    rows = candidate_fits("noise_and_coding", does, strength=4.0).assign(grain_seen=grain)
    rows.loc[rows["perturbation"] == "h264", ["grain", "strength"]] = (0.37, 60.0)
    rows.loc[rows["perturbation"] == "jpeg", "grain"] = 0.9
    moved = sensitivity(tuple(does))
    made = explained("noise_and_coding", NOISE, candidate_fits=rows, sensitivity=moved)
    policy = build("net", made)
    if grain == 0.1:  # noise looks like it and does enough
        assert only_step(policy).perturbation == "gaussian_noise"
        return
    assert with_levels(policy).actions == ()
    if jpeg:
        assert not policy.steps
        assert refused(policy, "h264").why is Rejection.OTHER_AMOUNT
        return
    (step,) = policy.steps  # noise is worth trying
    assert (step.perturbation, step.evidence.open) == ("gaussian_noise", Rejection.NOISE_OR_CODING)
    found = refused(policy, "h264")
    assert found.why is Rejection.NOISE_OR_CODING
    seen = found.evidence
    assert seen["grain_seen"] == pytest.approx(0.22, abs=0.05)
    for kind, figures in (("noise", [4, 0, 1.6]), ("coding", [60, 0.37, 4.1])):
        known = [seen[f"{kind}_{name}"] for name in ("low", "grain", "does")]
        assert known == pytest.approx(figures, abs=0.05)


def test_of_what_cannot_be_distinguished_the_plainest_is_taken():
    light = {"share": 0.5, "low": 0.4, "high": 0.6, "specific": 0.5, "specific_low": 0.4}
    does = {"brightness": 0.9, "contrast": 0.2, "gamma": 0.91}
    evidence = explained(
        "light",
        light,
        candidate_fits=candidate_fits("light", does, strength=0.1),
        spread=spread(gain=0.08),
        sensitivity=sensitivity(tuple(does), per_unit=0.2),
    )
    policy = build("net", evidence)
    step = only_step(policy)
    assert (step.perturbation, step.high) == ("brightness", 0.08)
    assert step.evidence.one_of == ("brightness", "gamma")
    assert refused(policy, "gamma").evidence["other"] == "brightness"
    assert refused(policy, "contrast").evidence["does"] == pytest.approx(0.2, abs=0.05)


def test_noise_is_named_by_its_grain():
    rows = candidate_fits("noise_and_coding", {"gaussian_noise": 1.0, "jpeg": 1.0}, strength=4.0)
    rows.loc[rows["perturbation"] == "jpeg", "grain"] = 0.6
    moved = sensitivity(("gaussian_noise", "jpeg"))
    evidence = explained("noise_and_coding", NOISE, candidate_fits=rows, sensitivity=moved)
    policy = build("net", evidence)
    step = only_step(policy)
    assert (step.perturbation, step.low, step.high) == ("gaussian_noise", 0.0, 4.0)
    assert refused(policy, "jpeg").why is Rejection.OTHER_GRAIN
    coded = build("net", dataclasses.replace(evidence, candidate_fits=rows.assign(grain_seen=0.6)))
    assert only_step(coded).perturbation == "jpeg"


def test_motion_of_objects_without_a_step_is_said():
    objects = {"share": 0.5, "low": 0.4, "high": 0.6, "specific": 0.4, "specific_low": 0.3}
    fits = candidate_fits("objects", {"translation": 0.1})
    policy = build("net", explained("objects", objects, candidate_fits=fits))
    assert not policy.steps
    assert policy.advice == (wording.without_step("objects", 0.5, "the change"),)


def test_a_policy_comes_back_from_its_json():
    policy = build("net", shaken())
    again = Policy.from_json(policy.to_json())
    assert again == policy
    reasons = [each["reason"] for each in policy.to_dict()["rejected"]]
    assert reasons == [wording.reason(each) for each in again.rejected]
    assert policy.to_dict()["schema"] == 2


def test_a_drift_that_pairs_a_second_apart_alone_show_gets_a_step_that_says_so():
    drift = {**CAMERA, "occurs": 24}
    made = shaken(
        account=account(),
        slow=account(light=drift),
        named={"light": "second"},
        replication={"light": AGAIN},
        candidate_fits=candidate_fits("light", {"brightness": 0.9}).assign(scale="second"),
        spread=spread(gain=0.2),
        sensitivity=sensitivity(("brightness", "translation")),
    )
    (step,) = build("net", made).steps
    assert (step.perturbation, step.high, step.evidence.scale) == ("brightness", 0.2, "second")


@pytest.mark.parametrize(("lines", "step"), [(24, "motion_blur"), (5, "gaussian_blur")])
def test_a_blur_along_a_line_gets_the_step_of_a_line(lines, step):
    rows = candidate_fits("sharpness", {"gaussian_blur": 0.9, "motion_blur": 0.91}, strength=6.4)
    rows = rows[(rows["perturbation"] != "motion_blur") | (rows["frame_a"] < 10 * lines)]
    made = explained(
        "sharpness",
        CAMERA,
        candidate_fits=rows,
        spread=spread(sharpness=2.0),
        sensitivity=sensitivity(("gaussian_blur", "motion_blur")),
    )
    found = only_step(build("net", made))
    assert found.perturbation == step
    assert found.unit == OF_WIDTH
    if step == "motion_blur":
        assert found.high == pytest.approx(6.4 / WIDTH, rel=1e-3)


FIGURES = {
    "cause": "light",
    "of": "the change",
    "n": 24,
    "needed": 10,
    "share": 0.2,
    "low": 0.1,
    "high": 0.3,
}
FIGURES |= {
    "times": 4,
    "found": 1,
    "tested": 5,
    "replication_of": "clips",
    "does": 0.3,
    "other": "gamma",
}
FIGURES |= {"grain": 0.1, "grain_seen": 0.6, "moved": 0.02, "moved_low": 0.01, "moved_high": 0.03}
FIGURES |= {"occurs": 3, "frames": 20, "before": 0.1, "after": 0.2}
OF_EACH = ("low", "high", "grain", "does")
FIGURES |= {f"{kind}_{of}": 0.3 for kind in ("noise", "coding") for of in OF_EACH}


def test_golden_every_reason_with_its_figures():
    """Every code, an open share that is not above 0, a cause that is a plural, and what has no step."""
    lines = []
    for why in Rejection:
        rejected = Rejected(perturbation="brightness", why=why, evidence=FIGURES)
        said = wording.verdict(rejected)
        assert not any(missing in said for missing in ("None", "not measured", "{"))
        assert said.startswith("cannot tell: ") == (why in OPEN)
        lines.append(f"{why}: {said}")
        if why in OPEN:  # of a suggestion, which has said before what the cause explains
            assert "20 %" not in wording.still_open(rejected)
            lines.append(f"{why}, still open: {wording.still_open(rejected)}")
    not_seen = {
        "cause": "camera",
        "of": "the change",
        "share": -0.01,
        "low": -0.1,
        "high": 0.08,
        "times": 3,
    }
    for figures in (not_seen, {**not_seen, "times": 173}, {**FIGURES, "cause": "noise_and_coding"}):
        found = Rejected(perturbation="rotation", why=Rejection.SHARE_OPEN, evidence=figures)
        lines.append(f"share_open: {wording.reason(found)}")
    for cause in ("keyframes", "objects"):
        lines.append(wording.without_step(cause, 0.031, "the change"))
    lines.append(only_step(build("net", shaken())).sentence)
    assert_golden("policy_reasons.txt", "\n".join(lines))


def test_a_gain_is_said_as_the_factors_that_it_is():
    # -s is the factor 1 / (1 + s): -0.336 is three quarters of the light, and not two thirds
    assert strengths(-0.336, 0.261, "relative gain") == "times 0.749 to 1.26"
    assert strengths(0.0, 0.261, "relative gain") == "0 to 26.1 % gain"
    assert strengths(-4.0, 8.0, "deg") == "−4 to 8 deg"


def test_a_pair_in_which_the_cause_does_nothing_makes_no_range_wider():
    """An object that appears at the border: 40 px were measured in one pair of 24, 8 px or less in the others."""
    fits = candidate_fits("objects", {"translation": 0.9})
    fits["strength"] = np.linspace(4, 8, 24)
    fits.loc[3, ["strength", "weight", "along", "along_cause"]] = [40.0, 3.0, 0.0, 0.0]
    whole = explained("objects", CAMERA, candidate_fits=fits, spread=spread())
    (step,) = build("net", whole).steps
    assert step.perturbation == "translation"
    assert step.high == pytest.approx(8 / WIDTH)
