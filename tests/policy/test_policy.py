"""The policy, from rows of witnesses written by hand."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

from vidrobust.errors import InputError, SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.policy.build import EITHER_WAY, Policy, PolicySettings, PolicyStep, build
from vidrobust.policy.witnesses import LINKS, WITNESSES, agree


def row(
    perturbation: str = "brightness", *, observed: float = 0.1, votes: str = "+++++", **more: Any
) -> dict[str, Any]:
    """A row of witnesses; votes in their order: + for, - against, ? cannot tell."""
    named = {"+": "for", "-": "against", "?": "cannot tell"}
    voted = dict(zip(WITNESSES, (named[v] for v in votes), strict=True))
    entry = PERTURBATIONS[perturbation]
    return {
        "perturbation": perturbation,
        "family": str(entry.family),
        "unit": entry.unit,
        "model": "m",
        "contaminated": False,
        "observed": observed,
        "observed_low": observed / 2,
        "observed_high": observed * 2,
        "observed_n": 600,
        "axes": (),
        "scale": "adjacent",
        "quantity": "gain",
        "of_parts": False,
        "sensitivity": 0.2,
        "sensitivity_low": 0.18,
        "sensitivity_high": 0.22,
        "sensitivity_n": 24,
        **{
            f"{name}{end}": 0.4
            for name in ("explained", "cosine", "partial")
            for end in ("", "_low", "_high")
        },
        "explained_n": 40,
        "cosine_n": 40,
        "cosine_itself": 0.5,
        "partial_n": 30,
        "flips": 0.1,
        "cause": "light",
        "flips_seen": 12,
        "flips_reproduced": 5,
        "across": "clips",
        "verdict": "proxy",
        **{f"{who}_vote": vote for who, vote in voted.items()},
        **{f"{who}_words": f"{who} says so" for who in WITNESSES},
        "agreement": agree(voted),
        "sentence": "a sentence",
        **more,
    }


def policy(*rows: dict[str, Any], **options: Any) -> Policy:
    return build(pd.DataFrame(list(rows)), **options)


def test_the_range_is_the_observed_one_widened_both_ways() -> None:
    (step,) = policy(row(observed=0.1)).steps
    assert (step.low, step.high, step.probability) == (-0.15, 0.15, 0.5)
    assert step.evidence["observed_p99"] == 0.1
    (step,) = policy(row(observed=0.1), settings=PolicySettings(widen=2.0)).steps
    assert (step.low, step.high) == (-0.2, 0.2)
    (step,) = policy(row("gaussian_blur", observed=1.2)).steps
    assert (step.low, step.high) == (0.0, 1.8)


@pytest.mark.parametrize(
    ("votes", "probability", "high"),
    [
        ("+++++", 0.5, 0.15),
        ("++++?", 0.5, 0.15),
        ("++?++", 0.5, 0.15),
        ("+++??", 0.3, 0.15),
        ("++??+", 0.3, 0.15),
        ("+++-?", 0.15, 0.1),  # disagreement: seldom, and not widened
        ("+++--", None, "most are against"),
        ("++-+-", None, "most are against"),
        ("++++-", 0.15, 0.1),
        ("+?+??", 0.15, 0.1),  # the model may not care
        ("+?+-?", None, "the witnesses disagree, and sensitivity says so"),
        ("+-+++", None, "variation says so, but sensitivity says so"),
        ("-++++", None, "variation says so"),
        ("?++++", None, "variation says so"),
        ("++???", None, "nothing ties the two together"),
        ("++-??", None, "what ties the two is denied"),
    ],
)
def test_what_the_votes_come_to(votes: str, probability: float | None, high: float | str) -> None:
    made = policy(row(votes=votes))
    if probability is None:
        (rejected,) = made.rejected
        assert str(high) in rejected.reason
        assert made.steps == ()
    else:
        (step,) = made.steps
        assert (step.probability, step.high) == (probability, high)


def test_more_doubt_never_gives_more_training() -> None:
    """Turning any vote from "for" to "cannot tell", or from that to "against", never strengthens a step."""
    rank = {"+": 0, "?": 1, "-": 2}
    strength = {}
    for code in range(3**5):
        votes = "".join("+?-"[code // 3**place % 3] for place in range(5))
        steps = policy(row(votes=votes)).steps
        strength[votes] = (steps[0].probability, steps[0].high) if steps else (0.0, 0.0)
    for votes, found in strength.items():
        for place, vote in enumerate(votes):
            for worse in "?-":
                if rank[worse] > rank[vote]:
                    doubted = strength[votes[:place] + worse + votes[place + 1 :]]
                    assert doubted[0] <= found[0], (votes, place, worse)
                    assert doubted[1] <= found[1], (votes, place, worse)


def test_nothing_to_say_is_an_empty_policy_with_reasons() -> None:
    made = policy(row(votes="?????", observed=math.nan, sensitivity=math.nan), row("hue", votes="-????"))
    assert made.steps == ()
    assert [each.perturbation for each in made.rejected] == ["brightness", "hue"]
    assert "No augmentation is recommended" in made.headline
    assert json.loads(made.to_json())["steps"] == []


def test_each_family_is_for_training_or_for_evaluation() -> None:
    made = policy(row(), row("rotation", observed=2.0), row("hue", votes="++???"))
    assert {step.family for step in made.steps} == {"light", "geometry"}
    assert "colour" in made.evaluation_only
    assert not {step.family for step in made.steps} & set(made.evaluation_only)
    assert any("must not be judged by the families geometry, light" in note for note in made.notes)


def test_a_reserved_family_gets_no_step() -> None:
    made = policy(row(), row("hue", observed=5.0), settings=PolicySettings(reserved=("light",)))
    assert [step.perturbation for step in made.steps] == ["hue"]
    assert "kept for evaluation" in made.rejected[0].reason
    assert "light" in made.evaluation_only


def test_what_was_trained_with_neither_judges_nor_passes_unseen() -> None:
    made = policy(row(contaminated=True), trained_families=("light", "geometry"))
    assert made.contaminated == ("light", "geometry")
    assert not set(made.contaminated) & set(made.evaluation_only)
    assert made.steps[0].evidence["contaminated"]
    assert any("although the model was trained with that family" in note for note in made.notes)


def test_look_alikes_are_one_step_and_the_best_supported_is_it() -> None:
    plain = row("gaussian_blur", observed=1.0, votes="+++??", cosine_low=0.1)
    made = policy(plain, row("defocus_blur", observed=2.0, votes="+++??", cosine_low=0.1))
    assert [step.perturbation for step in made.steps] == ["gaussian_blur"]
    made = policy(plain, row("defocus_blur", observed=2.0, votes="++++?", cosine_low=0.4))
    assert [step.perturbation for step in made.steps] == ["defocus_blur"]
    made = policy(row("gaussian_blur", votes="++++?", cosine_low=0.4), row("motion_blur", votes="+++?+"))
    assert [step.perturbation for step in made.steps] == ["motion_blur"]  # a proxy
    assert "cannot tell it from motion_blur" in made.rejected[0].reason


def test_translation_keeps_its_axes_apart() -> None:
    (step,) = policy(row("translation", observed=4.0, axes=(4.0, 1.0)), image_size=(480, 640)).steps
    assert step.axes == (6.0, 1.5)
    assert (step.low, step.high) == (-6.0, 6.0)


def test_no_range_leaves_what_the_perturbation_allows() -> None:
    (step,) = policy(row("hue", observed=150.0)).steps
    assert step.high == 180.0


def test_json_is_the_contract_and_comes_back() -> None:
    made = policy(row(partial=math.nan), row("hue", votes="-????"), image_size=(480, 640))
    content = json.loads(made.to_json())
    assert content["schema"] == 1
    step = content["steps"][0]
    assert {"perturbation", "family", "unit", "low", "high", "probability", "evidence"} <= set(step)
    evidence = {"observed_p99", "sensitivity", "partial", "partial_low", "partial_high", "n"}
    assert evidence <= set(step["evidence"])
    assert step["evidence"]["partial"] is None
    assert step["evidence"]["n"] == 30
    assert content["rejected"][0] == {
        "perturbation": "hue",
        "reason": "variation says so",
        "family": "colour",
    }
    assert isinstance(content["evaluation_only"], list)
    back = Policy.from_json(made.to_json())
    assert back.to_json() == made.to_json()
    assert back.image_size == (480, 640)


def test_a_minimal_policy_of_the_contract_is_read() -> None:
    step = {
        "perturbation": "hue", "family": "colour", "unit": "deg", "low": -9, "high": 9, "probability": 0.5,
        "evidence": {"observed_p99": 6},
    }  # fmt: skip
    text = json.dumps({"schema": 1, "steps": [step], "rejected": [], "evaluation_only": ["noise"]})
    assert Policy.from_json(text).steps[0].high == 9


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', '{"schema": 1, "steps": [{}]}'])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"here\.json"):
        Policy.from_json(text, "here.json")


def test_settings_and_steps_are_checked() -> None:
    with pytest.raises(SettingsError, match="widen: expected a factor of 1 or more"):
        PolicySettings(widen=0.5)
    with pytest.raises(SettingsError, match="unknown families lihgt"):
        PolicySettings(reserved=("lihgt",))
    with pytest.raises(SettingsError, match="often"):
        PolicySettings(often=1.5)
    with pytest.raises(InputError, match="expected a range low <= high"):
        PolicyStep(perturbation="hue", family="colour", unit="deg", low=1.0, high=math.nan, probability=0.5)
    with pytest.raises(InputError, match="made for one model"):
        build(pd.DataFrame([row(), row(model="other")]))


def test_the_perturbations_with_two_directions_are_those_of_the_catalogue() -> None:
    signed = {name for name, entry in PERTURBATIONS.items() if entry.suite == "natural" and entry.signed}
    assert signed - {"gaussian_blur"} <= EITHER_WAY  # the blur's other direction is sharpening
    assert set(LINKS) < set(WITNESSES)
