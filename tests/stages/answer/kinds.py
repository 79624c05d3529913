"""Every sentence that the core can put into an answer, and the data under which it may."""

from dataclasses import dataclass

from vidrobust.statement import Level, Question


@dataclass(frozen=True)
class Sentence:
    """One kind of sentence."""

    question: Question  # what it answers
    level: Level  # the only level it may have; of ``why_named`` replicated as well


Q, L = Question, Level
# By ``Statement.kind``, with the data under which it may be said.
KINDS = {
    # 10 frames or more, and the median top probability is low for the number of classes or half of the frames are
    # near ties
    "scene_unknown": Sentence(Q.SCENE, L.MEASURED),
    "figure_with_labels": Sentence(Q.LABELS, L.MEASURED),  # labels, and 10 values or more
    # a known box turns from right to wrong or back between neighbouring frames
    "flicker_kinds": Sentence(Q.LABELS, L.MEASURED),
    "stability_not_run": Sentence(Q.STABLE, L.NOT_MEASURED),  # there is no table stability
    "rate": Sentence(Q.STABLE, L.MEASURED),  # 10 pairs or frames or more
    "rate_few": Sentence(Q.STABLE, L.NOT_MEASURED),  # 1 to 9 pairs or frames
    # no pair could be compared, or no object was followed
    "rate_nothing": Sentence(Q.STABLE, L.NOT_MEASURED),
    "worst_moment": Sentence(Q.WORST, L.MEASURED),  # a moment of the model is kept
    "why_needs_model": Sentence(Q.WHY, L.NOT_MEASURED),  # the answers are recorded
    "why_no_pairs": Sentence(Q.WHY, L.NOT_MEASURED),  # no pair could be replayed
    # pairs can be compared, and the stage causes has not run or had no time
    "why_not_run": Sentence(Q.WHY, L.NOT_MEASURED),
    "why_few_pairs": Sentence(Q.WHY, L.NOT_MEASURED),  # 1 to 9 pairs were replayed
    # the mildest perturbations change the output as much as the strongest
    "why_any_change_alike": Sentence(Q.WHY, L.MEASURED),
    # 10 pairs or more and the cause is named; replicated where at least half of the tests on other footage find it
    # again
    "why_named": Sentence(Q.WHY, L.SUGGESTED),
    # a cause of a group that is named is named, and the group holds several
    "why_within": Sentence(Q.WHY, L.MEASURED),
    # the group is not named, its share is 5 % or more and above 0 for sure, and known to 30 points
    "why_measured": Sentence(Q.WHY, L.MEASURED),
    # ten pairs or more are replayed, and none of them changes
    "why_no_change": Sentence(Q.WHY, L.NO_EFFECT),
    # the group is not named, and its share is not known to 30 points
    "why_open": Sentence(Q.WHY, L.MEASURED),
    # the group is not named, and its share is known to 30 points
    "why_at_most": Sentence(Q.WHY, L.MEASURED),
    # the group is not named, and its share is surely below 10 %
    "why_no_effect": Sentence(Q.WHY, L.NO_EFFECT),
    "sensitivity_needs_model": Sentence(Q.SENSITIVE, L.NOT_MEASURED),  # the answers are recorded
    # no perturbation has been tried, or the budget left no time for it
    "sensitivity_not_run": Sentence(Q.SENSITIVE, L.NOT_MEASURED),
    # fewer than 10 frames of every perturbation
    "sensitivity_few": Sentence(Q.SENSITIVE, L.NOT_MEASURED),
    # some strengths with 10 frames together change 5 % of them or more
    "sensitivity": Sentence(Q.SENSITIVE, L.MEASURED),
    # no strength does, and the largest may
    "sensitivity_small": Sentence(Q.SENSITIVE, L.MEASURED),
    # no strength does, and the largest surely does not
    "sensitivity_none": Sentence(Q.SENSITIVE, L.NO_EFFECT),
    # a family of perturbations is a proxy in a study
    "proxies_found": Sentence(Q.PROXIES, L.MEASURED),
    "proxies_none": Sentence(Q.PROXIES, L.NO_EFFECT),  # no family is one, and all were judged
    # no family is one, and of some perturbations it cannot be told
    "proxies_open": Sentence(Q.PROXIES, L.MEASURED),
    "rule_not_run": Sentence(Q.RULE, L.NOT_MEASURED),  # the stage remedies has not run
    "rule_few": Sentence(Q.RULE, L.NOT_MEASURED),  # fewer than 10 pairs or frames
    # 10 pairs or frames, none of them a flip or a missed frame
    "rule_not_needed": Sentence(Q.RULE, L.MEASURED),
    # no rule within the delay leaves fewer flips on all footage
    "rule_none": Sentence(Q.RULE, L.NO_EFFECT),
    # the footage has no half that did not choose the rule
    "rule_no_held_out": Sentence(Q.RULE, L.NOT_MEASURED),
    # the rule helps on the half of the footage that did not choose it
    "rule_tried": Sentence(Q.RULE, L.TRIED),
    "rule_no_effect": Sentence(Q.RULE, L.NO_EFFECT),  # it surely makes no difference there
    "rule_open": Sentence(Q.RULE, L.MEASURED),  # neither is sure
    "remedy_tried": Sentence(Q.RULE, L.TRIED),  # another remedy helps
    # the footage replayed without a cause flips less for sure
    "station_tried": Sentence(Q.STATION, L.TRIED),
    # the footage was replayed so, and nothing is shown to help
    "station_open": Sentence(Q.STATION, L.MEASURED),
    # a cause is named, its share is 5 % or more, and no replay has tried it
    "station_hint": Sentence(Q.STATION, L.SUGGESTED),
    "train_needs_model": Sentence(Q.TRAIN, L.NOT_MEASURED),  # the answers are recorded
    # the model does not seem to know the scene, and no step is suggested
    "train_unknown_scene": Sentence(Q.TRAIN, L.NOT_MEASURED),
    "train_not_run": Sentence(Q.TRAIN, L.NOT_MEASURED),  # the stage policy has not run
    # 10 pairs were replayed, and nothing perturbed
    "train_needs_sensitivity": Sentence(Q.TRAIN, L.NOT_MEASURED),
    "train_few_pairs": Sentence(Q.TRAIN, L.NOT_MEASURED),  # fewer than 10 pairs were replayed
    # training with the policy reduced the flips of held-out footage
    "train_tried": Sentence(Q.TRAIN, L.TRIED),
    # the cause was found again on other footage, the range has a width, a library can express the step, and the
    # replayed flips, if any, show a gain
    "train_replicated": Sentence(Q.TRAIN, L.REPLICATED),
    # a step follows from a named cause, and one of these is missing
    "train_suggested": Sentence(Q.TRAIN, L.SUGGESTED),
    # training with the policy surely made no difference
    "train_no_effect": Sentence(Q.TRAIN, L.NO_EFFECT),
    # a cause is named for which no augmentation stands
    "train_footage": Sentence(Q.TRAIN, L.SUGGESTED),
    # more footage may decide about a perturbation
    "train_open": Sentence(Q.TRAIN, L.NOT_MEASURED),
    # every perturbation is refused, and no cause asks for other footage
    "train_none": Sentence(Q.TRAIN, L.NO_EFFECT),
}


def is_allowed(statement):
    """Whether a statement of the core has the question and the level of its kind."""
    kind = KINDS.get(statement.kind)
    if kind is None or statement.question != kind.question:
        return False
    return statement.level is kind.level or (
        statement.kind == "why_named" and statement.level is Level.REPLICATED
    )
