"""Every sentence of an answer: the data that allow it, data just short of them, its level, and its wording."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.stages.answer import made_answers as made
from tests.stages.answer.made_answers import (
    NAN,
    account,
    frames,
    named,
    policy,
    remedies,
    remedy,
    stability,
    step,
    summary,
)
from tests.wording import assert_golden
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.answer.text import as_json, first_answer, sentence_of
from vidrobust.stages.causes.catalogue import GROUPS
from vidrobust.stages.causes.statements import cochran_p
from vidrobust.stages.policy import statements as policy_statements
from vidrobust.statement import ACTED_ON, Level, Question, Statement

MOMENT = {"item": "a", "model": "net", "time_a_s": 1.0, "flip": True}
MOMENT |= {"label_a": "bolt", "label_b": "nut"}
RECORDED = {"spec": "predictions:net.csv"}


def alike(mild):
    """Six perturbations at two strengths that move the output by ``mild`` and by 40 %."""
    rows = []
    for name in ("brightness", "contrast", "gamma", "hue", "rotation", "jpeg"):
        for strength, value in ((1.0, mild), (2.0, 0.4)):
            of = {
                "model": "net",
                "item": "a",
                "perturbation": name,
                "strength": strength,
                "draw": 0,
            }
            for k in range(12):
                moved = {"total_variation": value, "label_flip": float(k < 3)}
                rows += [{**of, "frame": 25 * k, "metric": m, "value": v} for m, v in moved.items()]
    return pd.DataFrame(rows)


def of(**tables):
    return {"tables": tables}


def correlation(verdict):
    """A study across clips of two families, the first of two perturbations and with this verdict."""
    row = {"across": "clips", "model": "net", "method": "partial_spearman", "primary": True}
    row |= {"value": 0.82, "low": 0.7, "high": 0.89, "n": 40, "family_others": 6}
    row |= {"family_value": 0.8, "family_low": 0.66, "family_high": 0.87, "below_best": NAN}
    row |= {
        "why": "other way",
        "needs": "more clips",
        "needs_count": 55.0,
        "needs_now": 40.0,
        "strength": NAN,
    }
    first = {**row, "family": "geometry", "family_verdict": verdict, "verdict": verdict}
    other = {**row, "family": "light", "family_verdict": "no evidence", "verdict": "no evidence"}
    rows = [
        {**first, "perturbation": "perspective"},
        {**first, "perturbation": "translation", "value": 0.7, "below_best": -0.1},
        {**first, "perturbation": "shear", "value": 0.3, "below_best": 0.2},
        {**other, "perturbation": "brightness", "value": 0.1},
    ]
    return pd.DataFrame(rows)


def known_boxes(*errors):
    table = pd.DataFrame({"frame": range(len(errors)), "error": errors, "object": "part 1"})
    return table.assign(item="belt", model="net")


WIDE = account(**{name: {"low": -0.2, "high": 0.4} for name in ("camera", "noise_and_detail")})
SUGGESTED = policy(step(replication_tested=0, replication="not tested"))
CUT_SHORT = {"item": "a", "frames": 26, "corrupt_frames": 1, "problems": [
    "1 of 26 frames are damaged, the first is number 25 (the decoder: no checksum)",
    "the header promises 3.00 s, the last frame is shown at 1.00 s",
]}  # fmt: skip
# By ``Statement.kind``: data under which it is said, and data just short of them.
CASES = {
    # 10 frames or more, and the median top probability is low for the number of classes or half of the
    # frames are near ties
    "scene_unknown": (of(frames=frames(0.2)), of(frames=frames(0.2, n=9))),
    # labels, and 10 values or more
    "figure_with_labels": (
        {**of(stability=stability(metric="recall", n=10)), "task": "detection"},
        {**of(stability=stability(metric="recall", n=9)), "task": "detection"},
    ),
    # a known box turns from right to wrong or back between neighbouring frames
    "flicker_kinds": (
        {**of(known_boxes=known_boxes("same", "missed", "same")), "task": "detection"},
        {**of(known_boxes=known_boxes("missed", "missed")), "task": "detection"},
    ),
    # there is no table stability
    "stability_not_run": (of(stability=None), {}),
    # 10 pairs or frames or more
    "rate": (of(stability=stability(n=10)), of(stability=stability(n=9))),
    # 1 to 9 pairs or frames
    "rate_few": (of(stability=stability(n=9)), of(stability=stability(n=10))),
    # no pair could be compared, or no object was followed
    "rate_nothing": (of(stability=stability(NAN, 0, NAN, NAN)), of(stability=stability(n=9))),
    # a moment of the model is kept
    "worst_moment": ({"files": {"moments.json": {"moments": [MOMENT]}}}, {}),
    # the answers are recorded
    "why_needs_model": (RECORDED, {}),
    # no pair could be replayed
    "why_no_pairs": (of(account=None), of(account=account(n=1))),
    # pairs can be compared, and the stage causes has not run or had no time
    "why_not_run": ({**of(account=None), "record": {"stages": {}}}, of(account=None)),
    # 1 to 9 pairs were replayed
    "why_few_pairs": (of(account=account(n=9)), of(account=account(n=10))),
    # the mildest perturbations change the output as much as the strongest
    "why_any_change_alike": (of(sensitivity=alike(0.4)), of(sensitivity=alike(0.2))),
    # ten pairs or more are replayed, and none of them changes
    "why_no_change": (
        of(account=account(**{key: {"share": NAN} for key in set(GROUPS) - {"keyframes"}})),
        of(account=account(**{key: {"share": NAN} for key in set(GROUPS) - {"camera"}})),
    ),
    # 10 pairs or more and the cause is named; replicated where at least half of the tests on other footage
    # find it again
    "why_named": (of(account=account(n=10)), of(account=account(n=9))),
    # a cause of a group that is named is named, and the group holds several
    "why_within": ({}, of(named=named("light"))),
    # the group is not named, its share is 5 % or more and above 0 for sure, and known to 30 points
    "why_measured": ({}, of(account=account(moving={"low": -0.01}))),
    # the group is not named, and its share is not known to 30 points
    "why_open": ({}, of(account=account(keyframes={"high": 0.29}))),
    # the group is not named, and its share is known to 30 points
    "why_at_most": ({}, of(account=account(noise_and_detail={"high": 0.09}))),
    # pairs that could not be measured hold half a percent or more of the change
    "why_not_measured": (
        of(account=account(not_measured={"share": 0.12, "low": 0.09, "high": 0.15})),
        of(account=account(not_measured={"share": 0.004})),
    ),
    # the group is not named, and its share is surely below 10 %
    "why_no_effect": ({}, of(account=WIDE)),
    # the answers are recorded
    "sensitivity_needs_model": (RECORDED, {}),
    # no perturbation has been tried, or the budget left no time for it
    "sensitivity_not_run": (of(sensitivity=None), {}),
    # fewer than 10 frames of every perturbation
    "sensitivity_few": (of(sensitivity=made.sensitivity(n=4)), of(sensitivity=made.sensitivity(n=5))),
    # some strengths with 10 frames together change 5 % of them or more
    "sensitivity": ({}, of(sensitivity=made.sensitivity(0.04, n=50))),
    # no strength does, and the largest may
    "sensitivity_small": (of(sensitivity=made.sensitivity(0.04, n=50)), {}),
    # no strength does, and the largest surely does not
    "sensitivity_none": (
        of(sensitivity=made.sensitivity(0.0, n=400, items=200)),
        of(sensitivity=made.sensitivity(0.0, n=400)),
    ),
    # the stage remedies has not run
    "rule_not_run": (of(remedies=None), {}),
    # fewer than 10 pairs or frames
    "rule_few": (of(remedies=remedies(remedy(n=9))), of(remedies=remedies(remedy(n=10)))),
    # 10 pairs or frames, none of them a flip or a missed frame
    "rule_not_needed": (of(remedies=remedies(remedy(before=0.0))), {}),
    # no rule within the delay leaves fewer flips on all footage
    "rule_none": ({"files": {"remedies.json": summary(rule="")}}, {}),
    # the footage has no half that did not choose the rule
    "rule_no_held_out": ({"files": {"remedies.json": summary(ratio=None)}}, {}),
    # the rule helps on the half of the footage that did not choose it
    "rule_tried": ({"files": {"remedies.json": summary(verdict="helps")}}, {}),
    # it surely makes no difference there
    "rule_no_effect": ({"files": {"remedies.json": summary(verdict="does not")}}, {}),
    # neither is sure
    "rule_open": ({}, {"files": {"remedies.json": summary(verdict="helps")}}),
    # another remedy helps
    "remedy_tried": (
        of(remedies=remedies(remedy(), remedy("hysteresis-0.1", "rule", "helps"))),
        of(remedies=remedies(remedy(), remedy("hysteresis-0.1", "rule"))),
    ),
    # the footage replayed without a cause flips less for sure
    "station_tried": (
        of(remedies=remedies(remedy(), remedy("steady-camera", "input", "helps"))),
        of(remedies=remedies(remedy(), remedy("steady-camera", "input"))),
    ),
    # the footage was replayed so, and nothing is shown to help
    "station_open": (of(remedies=remedies(remedy(), remedy("steady-camera", "input"))), {}),
    # a cause is named, its share is 5 % or more, and no replay has tried it
    "station_hint": ({}, of(named=named("light"))),
    # the answers are recorded
    "train_needs_model": (RECORDED, {}),
    # the model does not seem to know the scene, and no step is suggested
    "train_unknown_scene": (
        {**of(frames=frames(0.2)), "made": policy()},
        {**of(frames=frames(0.4)), "made": policy()},
    ),
    # the stage policy has not run
    "train_not_run": ({}, {"made": policy()}),
    # 10 pairs were replayed, and nothing perturbed
    "train_needs_sensitivity": ({**of(sensitivity=None), "made": policy()}, {"made": policy()}),
    # a family of perturbations is a proxy in a study
    "proxies_found": ({"tables": {"correlation": correlation("proxy")}}, {}),
    # no family is one, and all were judged
    "proxies_none": ({"tables": {"correlation": correlation("no evidence")}}, {}),
    # no family is one, and of some perturbations it cannot be told
    "proxies_open": ({"tables": {"correlation": correlation("cannot tell")}}, {}),
    # fewer than 10 pairs were replayed
    "train_few_pairs": ({**of(account=account(n=9)), "made": policy()}, {"made": policy()}),
    # training with the policy reduced the flips of held-out footage
    "train_tried": (
        {"made": policy(step(), measured={**made.TRIED, "verdict": "helps"})},
        {"made": policy(step(), measured={**made.TRIED, "verdict": "cannot tell"})},
    ),
    # the cause was found again on other footage, the range has a width, a library can express the step, and
    # the replayed flips, if any, show a gain
    "train_replicated": ({"made": policy(step())}, {"made": SUGGESTED}),
    # a step follows from a named cause, and one of these is missing
    "train_suggested": ({"made": SUGGESTED}, {"made": policy(step())}),
    # training with the policy surely made no difference
    "train_no_effect": (
        {"made": policy(step(), measured={**made.TRIED, "verdict": "does not"})},
        {"made": policy(step(), measured={**made.TRIED, "verdict": "cannot tell"})},
    ),
    # a cause is named for which no augmentation stands
    "train_footage": ({"made": policy(advice=("Worth trying: train with more passes.",))}, {"made": policy()}),
    # more footage may decide about a perturbation
    "train_open": ({"made": policy(rejected=(made.OPEN,))}, {"made": policy()}),
    # every perturbation is refused, and no cause asks for other footage
    "train_none": ({"made": policy()}, {"made": policy(rejected=(made.OPEN,))}),
    # a decoder met damage, a header promises more than there is, or a file could not be opened
    "footage_faults": (
        {"record": {"inputs": [CUT_SHORT, {"item": "b"}], "failed": [{"path": "/in/c.mp4"}]}},
        {},
    ),
}  # fmt: skip


def moments(**more):
    still = {**MOMENT, "flip": False, "label_b": "bolt", **more}
    return {"files": {"moments.json": {"moments": [still]}}}


NO_TIME = {"settings": {"budget": "1m"}, "sample": {"frames": 0, "pairs": 0}}
SHORT = {"settings": {}, "sample": {"frames": 0, "pairs": 0}}
NO_GAIN = {"flips_due": 0.2, "flips_replayed": 2, "flips_at_most": "0 to 2 of 2 replayed flips"}


FOUR_PAIRS = {"settings": {"pairs": 4}}
OPEN, BOTH = {"low": -0.1, "high": 0.4}, {"share": 0.25, "low": 0.15, "high": 0.35}
EITHER_MOTION = account(moving=OPEN, motion=BOTH)
SMALL = {"high": 0.4, "pairs_low": 0.0, "pairs_high": 0.1}
PAIRS_ENOUGH = account(keyframes={"high": 0.29}, camera=SMALL)
VARIANTS = {
    "no flips": ("rate", of(stability=stability(0.0, 5000, 0.0, 0.0005))),
    "no verdict": ("rate", of(stability=stability(0.004, 500, 0.0, 0.02))),
    "may be far above": ("rate", of(stability=stability(0.004, 500, 0.002, 0.05))),
    "no verdict, may be far above": ("rate", of(stability=stability(0.00095, 900, 0.00035, 0.084))),
    "few stretches": ("rate", of(stability=stability(clusters=4))),
    "no interval": ("rate", of(stability=stability(0.1, 20, NAN, NAN))),
    "no flip": ("worst_moment", moments(total_variation=0.4)),
    "no flip, the leading class alone": ("worst_moment", moments(total_variation=None)),
    "no time": ("why_not_run", {**of(account=None), "record": NO_TIME}),
    "few asked": ("why_few_pairs", {**of(account=account(n=4)), "record": FOUR_PAIRS}),
    "untested": ("why_named", of(named=named("light", tested=0))),
    "not found again": ("why_named", of(named=named("light", found=1))),
    "order of magnitude open": ("why_named", of(account=account(light={"low": 0.0006}))),
    "changes that are absent": (
        "proxies_open",
        {"tables": {"correlation": correlation("cannot tell").assign(why="absent")}},
    ),
    "beyond the whole": ("why_named", of(account=account(light={"share": 1.1, "high": 2.0}))),
    "clips differ": ("why_named", of(account=account(items={"a": 0.12, "b": 0.59}))),
    "before an empty background": (
        "why_named",
        of(account=EITHER_MOTION, named=named("light", "either:motion")),
    ),
    "pairs are enough": ("why_open", of(account=PAIRS_ENOUGH)),
    "too short": ("sensitivity_few", {**of(sensitivity=None), "record": SHORT}),
    "nothing seen": ("sensitivity_few", of(sensitivity=made.sensitivity().assign(value=NAN))),
    "no time, sensitivity": ("sensitivity_not_run", {**of(sensitivity=None), "record": NO_TIME}),
    "a control does as much": ("rule_open", {"files": {"remedies.json": summary(why="control")}}),
    "without q": (
        "remedy_tried",
        of(remedies=remedies(remedy(), remedy("hysteresis-0.1", "rule", "helps", q=NAN))),
    ),
    "no gain": ("train_suggested", {"made": policy(step(**NO_GAIN))}),
    "one strength": ("train_suggested", {"made": policy(step(high=-0.2))}),
    "a network that cannot be trained": ("train_suggested", {"made": SUGGESTED, "spec": "onnx:a"}),
}
"""Further wordings of some kinds, by what makes them."""


def answered(folder, changed):
    return answer_of(made.run(folder, **changed))


ENOUGH = {kind: (kind, enough) for kind, (enough, _) in CASES.items()} | {
    f"{kind}, {what}": (kind, case) for what, (kind, case) in VARIANTS.items()
}
"""Data that are enough for a kind of sentence, by the title of its wording."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def answers(base):
    """The answer from enough data, by title; each in a folder named by its number."""
    cases = enumerate(ENOUGH.items())
    return {title: answered(base / str(number), case) for number, (title, (_, case)) in cases}


@pytest.fixture(scope="module")
def usual(base):
    """The answer of a run in which nothing was changed."""
    return answered(base / "usual", {})


def said_of(answers, title, kind=None):
    """The sentence of a kind in the answer that is made for it."""
    return next(each for each in answers[title].statements if each.kind == (kind or title))


def kinds(answer):
    return {each.kind for each in answer.statements}


def test_every_kind_that_a_stage_can_make_has_its_case():
    """The codes in the modules that make statements, read from their source."""
    stages = Path(policy_statements.__file__).parents[1]
    starts = {kind.split("_")[0] for kind in CASES}
    for path in sorted(stages.glob("*/statements.py")):
        words = re.findall(r'"([a-z]+(?:_[a-z]+)*)"', path.read_text(encoding="utf-8"))
        made = {word for word in words if word.split("_")[0] in starts}
        assert made - {*CASES} <= NO_KINDS, path
        assert {*CASES} & made, path


NO_KINDS = {
    "footage",
    "remedies",
    "remedy",
    "rule",
    "sensitivity",
    "stability",
    "why",
    "with_labels",
}
"""Other codes and names of tables in those modules that begin like a kind."""


@pytest.mark.parametrize("kind", CASES)
def test_a_sentence_is_said_from_its_data_and_not_from_less(answers, usual, tmp_path, kind):
    """What was not measured has no value, says so in its first words, and is no reason to act."""
    less = CASES[kind][1]
    short = answered(tmp_path / "run", less) if less else usual
    assert kind in kinds(answers[kind])
    assert kind not in kinds(short)
    for each in (*answers[kind].statements, *short.statements):
        levels = {said_of(answers, each.kind).level}
        if each.kind == "why_named":
            levels |= {Level.REPLICATED}
        assert each.level in levels
        assert each.question == said_of(answers, each.kind).question
        if each.level is Level.NOT_MEASURED:
            assert np.isnan(each.value)
            assert re.match(r"Not measured|Not enough data|No training advice", each.text)
            assert not each.is_action
        assert each.text.endswith(".")


def test_golden_wording_of_every_sentence(base, answers):
    lines = []
    for title, (kind, _) in ENOUGH.items():
        said = said_of(answers, title, kind)
        lines += [f"{title} [{said.question}: {said.level}]", f"    {sentence_of(said)}", ""]
    assert_golden("answer_sentences.txt", "\n".join(lines).replace(str(base), "RUN"))


def test_recorded_predictions_are_sent_to_no_command_that_needs_the_model(answers, tmp_path):
    """In every case in which a model that runs is sent to a command."""
    said = {kind: [s for s in answers[kind].statements if s.kind == kind] for kind in CASES}
    sent = {kind for kind, statements in said.items() if any(s.command for s in statements)}
    assert sent >= {"why_not_run", "sensitivity_not_run", "rule_not_run", "train_not_run"}
    for kind in sent:
        recorded = answered(tmp_path / kind, {**CASES[kind][0], **RECORDED})
        commands = {each.command.split()[1] for each in recorded.statements if each.command}
        assert commands <= {"stability", "remedies"}
        assert not any("--all" in each.command for each in recorded.statements)


def test_an_unknown_scene_leads_and_is_no_reason_to_act(tmp_path):
    near_ties = of(frames=frames(0.5, margin=0.01))
    for number, case in enumerate((of(frames=frames(0.2)), near_ties)):
        found = answered(tmp_path / str(number), {**case, "made": policy()})
        assert found.statements[0].question == Question.SCENE
        kinds = [each.kind for each in found.statements if each.question == Question.TRAIN]
        assert kinds == ["train_unknown_scene"]
        found = answered(tmp_path / f"{number}-step", {**case, "made": SUGGESTED})
        kinds = [each.kind for each in found.suggestions if each.question == Question.TRAIN]
        assert kinds == ["train_suggested"]


def test_only_what_was_tried_or_found_again_is_an_action(tmp_path):
    whole = answered(
        tmp_path / "run",
        {
            "made": policy(step()),
            "tables": {"remedies": remedies(remedy(), remedy("steady-camera", "input", "helps"))},
            "files": {"remedies.json": summary(verdict="helps")},
        },
    )
    kinds = {each.kind for each in whole.actions}
    assert kinds == {"rule_tried", "station_tried", "train_replicated"}
    assert {each.level for each in whole.actions} <= set(ACTED_ON)
    weak = answered(tmp_path / "weak", {"made": SUGGESTED})
    assert weak.actions == ()
    assert {each.kind for each in weak.suggestions} == {"train_suggested", "station_hint"}


@pytest.mark.parametrize(
    ("found", "level"), [(5, "replicated"), (3, "replicated"), (2, "suggested")]
)
def test_a_named_cause_is_replicated_where_half_of_the_tests_find_it_again(tmp_path, found, level):
    answer = answered(tmp_path / "run", of(named=named("light", found=found)))
    assert [each.level for each in answer.statements if each.kind == "why_named"] == [level]


@pytest.mark.parametrize(
    ("shares", "said"), [((0.12, 0.59), True), ((0.4, 0.42), False), ((0.3, 0.45), True)]
)
def test_shares_that_disagree_are_given_as_a_range(tmp_path, shares, said):
    """Half widths of 5 %: .30 and .45 differ by 4.2 standard errors of their difference, .40 and .42 by .6."""
    items = dict(zip("ab", shares, strict=True))
    found = answered(tmp_path / "run", of(account=account(items=items)))
    (cause,) = (each for each in found.statements if each.kind == "why_named")
    low, high = (f"{100 * each:.0f} %" for each in shares)
    assert (f" Clips differ: {low} to {high}." in cause.text) == said
    assert ("Clips differ" in cause.text) == said


def test_one_threshold_that_misses_more_is_no_miss_of_the_model(tmp_path):
    rows = (remedy("two-thresholds", before=0.02, after=0.0), remedy("max-gap-3", before=0.0))
    found = answered(tmp_path, of(remedies=remedies(*rows)))
    assert "rule_not_needed" in {each.kind for each in found.statements}


def test_a_cause_that_occurs_in_no_pair_is_not_said_to_do_nothing(tmp_path):
    absent = {"share": 0.0, "low": 0.0, "high": 0.0}
    for n in (0, 24):
        case = of(account=account(keyframes={**absent, "occurs": n}))
        said = " ".join(each.text for each in answered(tmp_path / str(n), case).statements)
        assert ("keyframes" in said) == (n > 0)


@pytest.mark.parametrize(("light", "part"), [(0.3, (1, 1, 1)), (1.25, (0.4, 0.3, 0.5))])
def test_a_cause_is_a_part_of_the_group_as_shown(tmp_path, light, part):
    """Local light is .4 [.3, .5] of the change: of a group of .3 all, of 1.25, shown as 100 %, just that."""
    shares = account(light={"share": light, "low": light - 0.05, "high": light + 0.05})
    answer = answered(
        tmp_path / "run", of(account=shares, named=named("light", "cause:local_light"))
    )
    (within,) = (s for s in answer.statements if s.kind == "why_within")
    assert (within.value, within.low, within.high) == pytest.approx(part)


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (
            (0.004, 0.001, 0.009, 500),
            "Fine: the flip rate is at most 0.9 %, below the limit of 1 %.",
        ),
        ((0.1, 0.05, 0.2, 100), "Hold: the flip rate is at least 5 %, above the limit of 1 %."),
        (
            (0.008, 0.002, 0.03, 500),
            "Watch: the flip rate may be as high as 3 %, above the limit of 1 %.",
        ),
        ((0.0, 0.0, 0.3, 9), "Watch: the flip rate was not measured well enough"),
    ],
)
def test_hold_watch_or_fine_by_the_ends_of_the_interval(tmp_path, rate, said):
    """Nothing is said without a limit; the upper end decides what is fine, the lower what to hold."""
    value, low, high, n = rate
    tables = {"stability": stability(value, n, low, high)}
    asked = made.run(tmp_path, tables=tables, record={"settings": {"accept": ["flip_rate < 1%"]}})
    (one,) = [s for s in answer_of(asked).statements if s.question == Question.ACCEPT]
    assert one.text.replace("\u00a0", " ").startswith(said)
    silent = answer_of(made.run(tmp_path / "none", tables=tables))
    assert not [s for s in silent.statements if s.question == Question.ACCEPT]


def test_a_proxy_whose_family_is_open_is_told_and_not_counted_among_the_others(tmp_path):
    table = correlation("no evidence")
    first = table["perturbation"] == "perspective"
    table.loc[first, ["verdict", "family_verdict"]] = ["proxy", "cannot tell"]
    found = answer_of(made.run(tmp_path, tables={"correlation": table})).statements
    told = [s for s in found if s.question == Question.PROXIES]
    assert [s.kind for s in told] == ["proxies_found", "proxies_none"]
    assert told[0].text.startswith("Perspective (partial correlation 0.82 [0.7, 0.89]) tracks")
    assert "no family of 3 perturbations" in told[1].text
    assert not told[0].is_open


def test_cochrans_q_is_that_of_its_definition():
    """Of two estimates Q is the squared difference over the sum of their variances, with one degree of freedom."""
    found = cochran_p(np.array([0.1, 0.4]), np.array([0.1, 0.1]))
    assert found == pytest.approx(0.0338949, rel=1e-5)  # z = .3 / sqrt(.02) = 2.1213, two-sided
    assert cochran_p(np.array([0.1, 0.4]), np.array([0.1, NAN])) == 1.0


def test_json_holds_the_fields_of_the_contract(tmp_path):
    found = as_json(made.run(tmp_path / "run", made=policy(step())))
    assert found["models"] == ["net"]
    for each in found["statements"]:
        assert list(each) == ["question", "text", "level", "model", "value", "low", "high", "n"]
        assert each["level"] in {str(level) for level in Level}
    (rate,) = (each for each in found["statements"] if each["question"] == "how stable")
    assert (rate["value"], rate["low"], rate["high"], rate["n"]) == (0.1, 0.05, 0.2, 100)


def test_the_first_answer_holds_what_is_named_with_its_share_and_evidence(tmp_path):
    found = first_answer(made.run(tmp_path / "run"))
    assert list(found) == ["stable", "worst", "because", "seconds"]
    assert [(s["model"], s["value"]) for s in found["stable"]] == [("net", 0.1)]
    because = [(cause["what"], cause["level"], cause["share"]) for cause in found["because"]]
    assert because == [("light", "replicated", 0.6), ("moving", "measured", 0.25)]


def test_a_value_of_what_was_not_measured_is_refused():
    with pytest.raises(ValueError, match="no value"):
        Statement("why", "x", Level.NOT_MEASURED, "k", value=0.1)
