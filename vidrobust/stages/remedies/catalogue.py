"""Every remedy by its name: its rule and numbers, its title, and the effort that it asks for.

``majority-5``: a kind and its numbers. ``k-of-n-K-N``: K of N frames; ``k-of-n-K-N-L``: K to leave the resting
label, L to come back to it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.stages.remedies import box_rules as boxes
from vidrobust.stages.remedies.box_rules import BoxRule
from vidrobust.stages.remedies.inputs import Effort, RemedyKind, input_stages
from vidrobust.stages.remedies.label_rules import (
    Hysteresis,
    KOfN,
    LabelRule,
    Majority,
    Mean,
    Median,
)
from vidrobust.statistics.levels import FEWEST_ROWS, FEWEST_TESTED
from vidrobust.statistics.ratios import RatioVerdict, Undecided
from vidrobust.text.numbers import percent

LABEL_RULES: tuple[str, ...] = (
    *("majority-3", "majority-5", "majority-9", "majority-15"),
    *("k-of-n-2-3", "k-of-n-4-6", "k-of-n-2-6-5", "k-of-n-3-10-8"),
    *("mean-0.7", "mean-0.5", "mean-0.3", "mean-0.2", "mean-0.1"),
    *("median-3", "median-5", "median-9"),
    *("hysteresis-0.05", "hysteresis-0.1", "hysteresis-0.2", "hysteresis-0.3"),
)
BOX_RULES: tuple[str, ...] = (
    *("two-thresholds",),
    *("score-mean-0.5", "score-mean-0.3", "score-mean-0.1"),
    *("min-hits-2", "min-hits-3", "min-hits-5"),
    *("max-gap-1", "max-gap-3", "max-gap-5"),
    *("box-mean-0.7", "box-mean-0.5", "box-mean-0.3"),
    *("class-vote-5", "class-vote-9"),
    *("class-hold-2", "class-hold-5"),
)
# Kinds that need probabilities, and take the most probable class for the model's answer.
ON_PROBABILITIES = ("mean", "median", "hysteresis")
CODE = Effort(1, "a few lines of code")

KINDS: Mapping[str, RemedyKind] = {
    "majority": RemedyKind("majority of the last {} frames", CODE, Majority, (int,)),
    "k-of-n": RemedyKind(
        "another label once {} of the last {} frames have it", CODE, KOfN, (int, int, int)
    ),
    "mean": RemedyKind("running mean of the probabilities, weight {}", CODE, Mean),
    "median": RemedyKind("median of the probabilities of {} frames", CODE, Median, (int,)),
    "hysteresis": RemedyKind("switch only where the lead is more than {}", CODE, Hysteresis),
    "two-thresholds": RemedyKind(
        "a lower threshold to go on with a track (ByteTrack)", CODE, BoxRule
    ),
    "score-mean": RemedyKind(
        "class and score by the track's running mean, weight {}", CODE, boxes.ScoreMean
    ),
    "min-hits": RemedyKind("show a track once it has {} boxes", CODE, boxes.MinHits),
    "max-gap": RemedyKind("keep a track over up to {} frames without a box", CODE, boxes.MaxGap),
    "box-mean": RemedyKind("running mean of the corners, weight {}", CODE, boxes.BoxMean),
    "class-vote": RemedyKind(
        "class of most of the last {} boxes of an object", CODE, boxes.ClassVote
    ),
    "class-hold": RemedyKind(
        "another class only after {} boxes of an object in a row", CODE, boxes.ClassHold
    ),
}  # By the name without its numbers; a rule of a task's plugin has none, and counts as code


@functools.cache
def kinds() -> Mapping[str, RemedyKind]:
    """KINDS, and those of stages that ask the models again."""
    return {k: kind for stage in input_stages() for k, kind in stage.kinds.items()} | dict(KINDS)


def kind_of(name: str) -> str:
    """majority of majority-5."""
    return name.rstrip("0123456789.-")


def title(remedy: str) -> str:
    """The remedy in words."""
    kind, known = kind_of(remedy), kinds()
    numbers = remedy[len(kind) :].strip("-").split("-")
    back = (
        f", back to the resting label with {numbers[2]}" if kind == "k-of-n" and numbers[2:] else ""
    )
    return known[kind].title.format(*numbers) + back if kind in known else remedy


def effort_of(remedy: str) -> Effort:
    """The effort that it asks for."""
    kind = kinds().get(kind_of(remedy))
    return kind.effort if kind else CODE


def numbers_of(name: str) -> tuple[int | float, ...]:
    """(5,) of majority-5; SettingsError for what is no number of such a rule."""
    kind = kind_of(name)
    made = KINDS.get(kind)
    if made is None or made.rule is None:
        rules = ", ".join(f"{k}-..." for k, each in KINDS.items() if each.rule)
        raise SettingsError(f"unknown rule {name!r}: expected {rules}")
    text = name.removeprefix(kind).removeprefix("-")
    parts = text.split("-") if text else []
    fewest = 2 if kind == "k-of-n" else int(kind != "two-thresholds")
    try:
        numbers = tuple(of(part) for of, part in zip(made.types, parts, strict=False))
    except ValueError as error:
        raise SettingsError(
            f"rule {name!r}: expected numbers behind {kind}-, got {parts}"
        ) from error
    if not fewest <= len(parts) <= len(made.types) or min(numbers, default=1) <= 0:
        raise SettingsError(
            f"rule {name!r}: expected {fewest} to {len(made.types)} numbers above 0"
        )
    if (kind == "mean" and numbers[0] > 1) or (kind == "k-of-n" and max(numbers) > numbers[1]):
        raise SettingsError(f"rule {name!r}: a weight is at most 1, and K and L are at most N")
    return numbers


def label_rule(name: str, rest: int = -1) -> LabelRule:
    """The rule of this name; ``rest``: the resting label, for k-of-n-K-N-L."""
    numbers, made = numbers_of(name), KINDS[kind_of(name)].rule
    if not (isinstance(made, type) and issubclass(made, LabelRule)):
        raise SettingsError(f"rule {name!r}: works on boxes, not on labels")
    make: Callable[..., LabelRule] = made
    return make(*numbers, *([rest] if needs_rest(name) else []))


def needs_rest(name: str) -> bool:
    """Whether the rule treats one label as that of a line at rest."""
    return kind_of(name) == "k-of-n" and len(numbers_of(name)) == 3


def bounded(name: str) -> bool:
    """Whether so many frames in a row of one answer are always enough for it, however unsure the model is."""
    return kind_of(name) in ("majority", "k-of-n")


def window_of(rule: LabelRule) -> int:
    """Frames that the rule looks at, at most: shorter events may vanish in it."""
    return max(1, round(1 / rule.weight)) if isinstance(rule, Mean) else rule.frames


def amount_of(name: str) -> float:
    """3 of max-gap-3, 0 of a rule without a number."""
    return float(next(iter(numbers_of(name)), 0.0))


def box_numbers(name: str, settings: TrackSettings) -> dict[str, Any]:
    """What a rule on boxes is made with, as keyword arguments."""
    amount = amount_of(name)
    return {
        "start": settings.start_score,
        "keep": settings.keep_score,
        "iou": settings.iou,
        "memory": max(settings.max_gap, int(amount) if kind_of(name) == "max-gap" else 0),
        "amount": amount,
        **({"class_starts": dict(settings.start_scores)} if settings.start_scores else {}),
    }


def box_rule(name: str, settings: TrackSettings) -> BoxRule:
    """The rule of this name, with tracks as the run follows them."""
    numbers, made = box_numbers(name, settings), KINDS[kind_of(name)].rule
    if not (isinstance(made, type) and issubclass(made, BoxRule)):
        raise SettingsError(f"rule {name!r}: works on labels, not on boxes")
    return made(**numbers)


def late_frames(name: str) -> int:
    """Frames by which the rule reports later, in the worst case, that an object is there or gone; known kinds."""
    amount = int(amount_of(name))
    return {"min-hits": amount - 1, "max-gap": amount}.get(kind_of(name), 0)


EVENTS = {"uncovered_rate": "missed frames", "flip_rate": "flips"}
WHY: Mapping[str, str] = {
    Undecided.NOT_MEASURED: "not measured",
    Undecided.FEW_ROWS: f"fewer than {FEWEST_ROWS} pairs",
    Undecided.NO_EVENTS: "nothing to take away",
    Undecided.FEW_CLUSTERS: f"flips occur in too few places to test a filter ({FEWEST_TESTED} needed)",
    Undecided.INTERVAL: "the interval includes 100 %",
    Undecided.CONTROL: "shifting all frames alike does as much",
    Undecided.FAMILY: "not sure after so many remedies were tried",
}


def events(metric: str) -> str:
    """What a metric counts; of another task's rates "changes"."""
    known = find_metric(metric)
    return EVENTS.get(metric, known.title if known and known.unit else "changes")


def recommended(summary: Mapping[str, Any]) -> bool:
    """Whether the chosen rule helps on the footage that did not choose it."""
    return bool(summary["rule"]) and summary["verdict"] == RatioVerdict.HELPS


def held_out(summary: Mapping[str, Any], metric: str) -> str:
    """What the chosen rule does on footage that did not choose it; or why there is no such figure."""
    held = summary["held_out"]
    if not held["n"]:
        return f"no held-out figure: {WHY[summary['why']]}"
    less, surely = 1 - held["ratio"], 1 - held["high"]
    if less <= 0:
        return f"on the half of the footage not used for choosing, {events(metric)} do not become fewer"
    least = f" (at least {percent(surely)})" if surely > 0 else ""
    return f"on the half of the footage not used for choosing, {percent(less)} of the {events(metric)} disappear{least}"
