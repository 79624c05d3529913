"""Every sentence that the core can put into an answer, and the data under which it may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vidrobust.statement import Level, Question, Statement


@dataclass(frozen=True)
class Sentence:
    """One kind of sentence."""

    question: Question  # what it answers
    level: Level  # the only level it may have; of ``why_named`` replicated as well
    when: str  # the data under which it may be said


Q, L = Question, Level
# By ``Statement.kind``.
KINDS: Mapping[str, Sentence] = {
    "scene_unknown": Sentence(
        Q.SCENE,
        L.MEASURED,
        "10 frames or more, and the median top probability is low for the number of classes or half of the frames "
        "are near ties",
    ),
    "figure_with_labels": Sentence(Q.LABELS, L.MEASURED, "labels, and 10 values or more"),
    "flicker_kinds": Sentence(
        Q.LABELS,
        L.MEASURED,
        "a known box turns from right to wrong or back between neighbouring frames",
    ),
    "stability_not_run": Sentence(Q.STABLE, L.NOT_MEASURED, "there is no table stability"),
    "rate": Sentence(Q.STABLE, L.MEASURED, "10 pairs or frames or more"),
    "rate_few": Sentence(Q.STABLE, L.NOT_MEASURED, "1 to 9 pairs or frames"),
    "rate_nothing": Sentence(
        Q.STABLE, L.NOT_MEASURED, "no pair could be compared, or no object was followed"
    ),
    "worst_moment": Sentence(Q.WORST, L.MEASURED, "a moment of the model is kept"),
    "why_needs_model": Sentence(Q.WHY, L.NOT_MEASURED, "the answers are recorded"),
    "why_no_pairs": Sentence(Q.WHY, L.NOT_MEASURED, "no pair could be replayed"),
    "why_not_run": Sentence(
        Q.WHY,
        L.NOT_MEASURED,
        "pairs can be compared, and the stage causes has not run or had no time",
    ),
    "why_few_pairs": Sentence(Q.WHY, L.NOT_MEASURED, "1 to 9 pairs were replayed"),
    "why_any_change_alike": Sentence(
        Q.WHY, L.MEASURED, "the mildest perturbations change the output as much as the strongest"
    ),
    "why_named": Sentence(
        Q.WHY,
        L.SUGGESTED,
        "10 pairs or more and the cause is named; replicated where at least half of the tests on other footage "
        "find it again",
    ),
    "why_within": Sentence(
        Q.WHY, L.MEASURED, "a cause of a group that is named is named, and the group holds several"
    ),
    "why_measured": Sentence(
        Q.WHY,
        L.MEASURED,
        "the group is not named, its share is 5 % or more and above 0 for sure, and known to 30 points",
    ),
    "why_no_change": Sentence(
        Q.WHY, L.NO_EFFECT, "ten pairs or more are replayed, and none of them changes"
    ),
    "why_open": Sentence(
        Q.WHY, L.MEASURED, "the group is not named, and its share is not known to 30 points"
    ),
    "why_at_most": Sentence(
        Q.WHY, L.MEASURED, "the group is not named, and its share is known to 30 points"
    ),
    "why_no_effect": Sentence(
        Q.WHY, L.NO_EFFECT, "the group is not named, and its share is surely below 10 %"
    ),
    "sensitivity_needs_model": Sentence(Q.SENSITIVE, L.NOT_MEASURED, "the answers are recorded"),
    "sensitivity_not_run": Sentence(
        Q.SENSITIVE,
        L.NOT_MEASURED,
        "no perturbation has been tried, or the budget left no time for it",
    ),
    "sensitivity_few": Sentence(
        Q.SENSITIVE, L.NOT_MEASURED, "fewer than 10 frames of every perturbation"
    ),
    "sensitivity": Sentence(
        Q.SENSITIVE, L.MEASURED, "some strengths with 10 frames together change 5 % of them or more"
    ),
    "sensitivity_small": Sentence(Q.SENSITIVE, L.MEASURED, "no strength does, and the largest may"),
    "sensitivity_none": Sentence(
        Q.SENSITIVE, L.NO_EFFECT, "no strength does, and the largest surely does not"
    ),
    "proxies_found": Sentence(
        Q.PROXIES, L.MEASURED, "a family of perturbations is a proxy in a study"
    ),
    "proxies_none": Sentence(Q.PROXIES, L.NO_EFFECT, "no family is one, and all were judged"),
    "proxies_open": Sentence(
        Q.PROXIES, L.MEASURED, "no family is one, and of some perturbations it cannot be told"
    ),
    "rule_not_run": Sentence(Q.RULE, L.NOT_MEASURED, "the stage remedies has not run"),
    "rule_few": Sentence(Q.RULE, L.NOT_MEASURED, "fewer than 10 pairs or frames"),
    "rule_not_needed": Sentence(
        Q.RULE, L.MEASURED, "10 pairs or frames, none of them a flip or a missed frame"
    ),
    "rule_none": Sentence(
        Q.RULE, L.NO_EFFECT, "no rule within the delay leaves fewer flips on all footage"
    ),
    "rule_no_held_out": Sentence(
        Q.RULE, L.NOT_MEASURED, "the footage has no half that did not choose the rule"
    ),
    "rule_tried": Sentence(
        Q.RULE, L.TRIED, "the rule helps on the half of the footage that did not choose it"
    ),
    "rule_no_effect": Sentence(Q.RULE, L.NO_EFFECT, "it surely makes no difference there"),
    "rule_open": Sentence(Q.RULE, L.MEASURED, "neither is sure"),
    "remedy_tried": Sentence(Q.RULE, L.TRIED, "another remedy helps"),
    "station_tried": Sentence(
        Q.STATION, L.TRIED, "the footage replayed without a cause flips less for sure"
    ),
    "station_open": Sentence(
        Q.STATION, L.MEASURED, "the footage was replayed so, and nothing is shown to help"
    ),
    "station_hint": Sentence(
        Q.STATION,
        L.SUGGESTED,
        "a cause is named, its share is 5 % or more, and no replay has tried it",
    ),
    "train_needs_model": Sentence(Q.TRAIN, L.NOT_MEASURED, "the answers are recorded"),
    "train_unknown_scene": Sentence(
        Q.TRAIN,
        L.NOT_MEASURED,
        "the model does not seem to know the scene, and no step is suggested",
    ),
    "train_not_run": Sentence(Q.TRAIN, L.NOT_MEASURED, "the stage policy has not run"),
    "train_needs_sensitivity": Sentence(
        Q.TRAIN, L.NOT_MEASURED, "10 pairs were replayed, and nothing perturbed"
    ),
    "train_few_pairs": Sentence(Q.TRAIN, L.NOT_MEASURED, "fewer than 10 pairs were replayed"),
    "train_tried": Sentence(
        Q.TRAIN, L.TRIED, "training with the policy reduced the flips of held-out footage"
    ),
    "train_replicated": Sentence(
        Q.TRAIN,
        L.REPLICATED,
        "the cause was found again on other footage, the range has a width, a library can express the step, and "
        "the replayed flips, if any, show a gain",
    ),
    "train_suggested": Sentence(
        Q.TRAIN, L.SUGGESTED, "a step follows from a named cause, and one of these is missing"
    ),
    "train_no_effect": Sentence(
        Q.TRAIN, L.NO_EFFECT, "training with the policy surely made no difference"
    ),
    "train_footage": Sentence(
        Q.TRAIN, L.SUGGESTED, "a cause is named for which no augmentation stands"
    ),
    "train_open": Sentence(Q.TRAIN, L.NOT_MEASURED, "more footage may decide about a perturbation"),
    "train_none": Sentence(
        Q.TRAIN, L.NO_EFFECT, "every perturbation is refused, and no cause asks for other footage"
    ),
}


def is_allowed(statement: Statement) -> bool:
    """Whether a statement of the core has the question and the level of its kind."""
    kind = KINDS.get(statement.kind)
    if kind is None or statement.question != kind.question:
        return False
    return statement.level is kind.level or (
        statement.kind == "why_named" and statement.level is Level.REPLICATED
    )
