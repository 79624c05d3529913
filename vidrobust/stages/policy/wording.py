"""The sentences of a policy: why a perturbation or a cause gets no step. Nothing reads them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.replication import Replication
from vidrobust.stages.causes.shares import SECOND
from vidrobust.stages.policy.rejection import Outcome, Rejected, Why
from vidrobust.text.numbers import known, number, percent, share, share_with_interval, with_interval

SAID_AS_TIMES = 1.5
"""A part of a cause above this is said as so many times as much, not as a percentage."""

REASONS: Mapping[Why, str] = {
    Why.NOT_MEASURABLE: "cannot be measured in video",
    Why.NO_PAIRS: "no pair of frames could be replayed: that takes neighbours that differ and show the same scene",
    Why.FEW_PAIRS: "{n} pairs could be replayed, and {needed} are needed (--pairs)",
    Why.ABSENT: "does not occur: no {absent} was measured in {n} pairs",
    Why.MOVES_NOTHING: "was measured but does not move the model: {explains} {span} of {of}",
    Why.EXPLAINS_LITTLE: "was measured and moves the model, but {explains} less than 5 % of {of}: {span}",
    Why.SHARE_OPEN: "{explains} {span} of {of}; {more} would show whether that matters",
    Why.SHARE_AT_LIMIT: (
        "{explains} {span} of {of}, so close to 5 % that no realistic amount of footage would settle it"
    ),
    Why.HAPPENS_RARELY: (
        "{explains} {span} of {of}, but it was measured in {occurs} of {n} pairs alone; footage in which it "
        "happens at least {needed} times would settle it"
    ),
    Why.ANY_CHANGE: (
        "{explains} {span}, but any change of that size does as much: smoother sampling in the model helps "
        "more than this augmentation would"
    ),
    Why.DIRECTION_OPEN: (
        "{matters} ({span}); whether training with this very change helps is open: {more}, or more pairs "
        "(--pairs), would show it"
    ),
    Why.NOT_FOUND_AGAIN: "{explains} {span}, but this was {again}; more clips would settle it",
    Why.NOT_FITTED: "{explains} {span} of {of}, but this perturbation could not be fitted to it",
    Why.OTHER_AMOUNT: "{explains} {span} of {of}, but played in its place this does {amount}",
    Why.LIKE_ANOTHER: (
        "{explains} {span} of {of}, but this cannot be distinguished from {other}, which is plainer"
    ),
    Why.OTHER_GRAIN: (
        "{explains} {span} of {of}, but the noise of this footage looks different (neighbouring pixels correlate "
        "by {grain_seen}, here by {grain})"
    ),
    Why.NOISE_OR_CODING: (
        "{explains} {span} of {of}, but a picture of a stream that predicts from frame to frame (neighbouring "
        "pixels correlate by {grain_seen}) does not say whether that is {noise} or {coding}; footage that is not "
        "coded so would"
    ),
    Why.MOVES_LITTLE: "{explains} {span}, but at the size seen this moves the model by only {moved}",
    Why.MOVING_OPEN: (
        "{explains} {span}, but whether this moves the model at the size seen depends on {frames} frames "
        "({moved_span}); more frames (--frames) would settle it"
    ),
    Why.GROWTH_OPEN: (
        "{explains} {span}, but {frames} frames do not show that more of it moves the model more; "
        "more (--frames) would settle it, unless the model's answers are random"
    ),
    Why.UNKNOWN_SCENE: (
        "{explains} {span} of {of}, but the model does not seem to know the scene ({scene}), and training advice "
        "from such footage is not reliable"
    ),
    Why.HARMED: "was tried and withdrawn: after training with it, changed answers went from {before} to {after}",
}

_NOT_SEEN = "no effect of {title} is seen (at most {most} of {of}); {more} would settle it"
"""Of an open share whose estimate is not above 0."""


def reason(rejected: Rejected) -> str:
    """Why a perturbation gets no step: half a sentence, without a full stop."""
    seen = rejected.evidence.get("share")
    if rejected.why is Why.SHARE_OPEN and seen is not None and seen <= 0:
        most = percent(rejected.evidence.get("high"))
        return _NOT_SEEN.format_map({**_values(rejected.evidence), "most": most})
    return REASONS[rejected.why].format_map(_values(rejected.evidence))


def verdict(rejected: Rejected) -> str:
    """The same, begun with what is open where it is."""
    undetermined = rejected.outcome is Outcome.UNDETERMINED
    return f"cannot tell: {reason(rejected)}" if undetermined else reason(rejected)


def step_sentence(name: str, evidence: Mapping[str, Any]) -> str:
    """Why a perturbation is a step, from its evidence."""
    cause = CATALOGUE[evidence["cause"]]
    _, *alike = evidence["one_of"]
    others = " or ".join(each.replace("_", " ") for each in alike)
    one_of = f" (or {others}: they cannot be distinguished)" if alike else ""
    slow = " over a second" if evidence["scale"] == SECOND else ""
    explained = share_with_interval(evidence["share"], evidence["share_low"], evidence["share_high"])
    flips = f" and {evidence['flips_at_most']}" if evidence["flips_at_most"] else ""
    grain = "has the same grain and " if cause.chosen == "grain" else ""
    begun = _capital(cause.which("explain"))
    return (
        f"{begun} {explained} of {evidence['of']}{slow}{flips}, {evidence['replication']}; "
        f"played in its place, {name.replace('_', ' ')}{one_of} {grain}does {_amount(evidence['does'])}."
    )


def without_step(cause: str, of_change: float, of: str) -> str:
    """What is said of a cause for which no augmentation of the whole frame stands."""
    explains = _capital(CATALOGUE[cause].which("explain"))
    return (
        f"Worth trying: {CATALOGUE[cause].advice}. {explains} {share(of_change)} of {of}, and no augmentation of "
        "the whole frame stands for it."
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _values(evidence: Mapping[str, Any]) -> dict[str, str]:
    """The figures of the evidence as they are said."""
    of = evidence.get
    cause = CATALOGUE.get(evidence.get("cause", ""))
    replication = Replication(
        found=int(of("found") or 0), tested=int(of("tested") or 0), of=str(of("replication_of") or "")
    )
    return {
        "title": cause.title if cause else "",
        "matters": cause.which("matter") if cause else "",
        "absent": _absent(cause.title) if cause else "change",
        "explains": cause.which("explain") if cause else "",
        "of": str(of("of")),
        "n": str(of("n")),
        "needed": str(of("needed")),
        "occurs": str(of("occurs")),
        "span": share_with_interval(of("share"), of("low"), of("high")),
        "more": _footage(of("times")),
        "again": replication.in_words,
        "amount": _amount(of("does")),
        "other": str(of("other")).replace("_", " "),
        "grain": number(of("grain"), 2),
        "grain_seen": number(of("grain_seen"), 2),
        "noise": f"noise of {_one_of_two(evidence, 'noise', 'levels')}",
        "coding": f"H.264 at {_one_of_two(evidence, 'coding', 'raw bits a coded bit')}",
        "moved": number(of("moved")),
        "moved_span": with_interval(of("moved"), of("moved_low"), of("moved_high")),
        "frames": str(of("frames")),
        "scene": str(of("scene")),
        "before": percent(of("before")),
        "after": percent(of("after")),
    }


def _one_of_two(evidence: Mapping[str, Any], kind: str, unit: str) -> str:
    """Of noise or coding: strength, grain and how much it does."""
    low, high, grain, does = (evidence.get(f"{kind}_{name}") for name in ("low", "high", "grain", "does"))
    return f"{number(low, 2)} to {number(high, 2)} {unit} (by {number(grain, 2)}; does {_amount(does)})"


def _absent(title: str) -> str:
    """What was not measured: "change of light", "motion of objects"."""
    return title if title.startswith("motion") else f"change of {title}"


def _footage(times: object) -> str:
    """So many times the footage at hand."""
    if not times:
        return "more footage"
    return "about twice this footage" if str(times) == "2" else f"about {times} times this footage"


def _amount(does: float | None) -> str:
    """How much a candidate does of what its cause does: 36 % as much, 3.6 times as much, none of it."""
    if known(does) and does is not None and does <= 0:
        return "none of it"
    if known(does) and does is not None and does > SAID_AS_TIMES:
        return f"{number(does, 2)} times as much"
    return f"{percent(does)} as much" if known(does) else "an unknown part of it"
