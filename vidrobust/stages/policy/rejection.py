"""A perturbation that gets no step: why not, as a code with its figures; ``wording.py`` says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vidrobust.files.json_text import plain
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.outcomes import Replication
from vidrobust.text.numbers import known, number, part_with_interval, percent, share, with_interval
from vidrobust.text.phrases import capital


class Outcome(StrEnum):
    """How a perturbation that gets no step fared."""

    # The footage says no: the cause is not there, or does not matter, or this does not stand for it.
    REFUSED = "refused"
    UNDETERMINED = "undetermined"  # the footage does not say; more of it may
    NOT_MEASURED = "not measured"  # nothing that is measured in footage stands for it


class Rejection(StrEnum):
    """Why there is no step; beside each the figures of its evidence."""

    NOT_MEASURABLE = "not_measurable"
    NO_PAIRS = "no_pairs"
    FEW_PAIRS = "few_pairs"  # needed
    ABSENT = "absent"
    MOVES_NOTHING = "moves_nothing"
    EXPLAINS_LITTLE = "explains_little"
    SLOW_OPEN = "slow_open"  # little from frame to frame, and a second apart not surely
    SHARE_OPEN = "share_open"  # times, how much more footage: None where that cannot be said
    SHARE_AT_LIMIT = "share_at_limit"
    ERROR_OPEN = (
        "error_open"  # pairs have settled it, and the error of the measurement leaves it open
    )
    HAPPENS_RARELY = "happens_rarely"  # occurs, needed
    ANY_CHANGE = "any_change"
    DIRECTION_OPEN = "direction_open"  # times
    NOT_FOUND_AGAIN = "not_found_again"  # found, tested, replication_of
    NOT_FITTED = "not_fitted"
    OTHER_AMOUNT = "other_amount"  # does
    LIKE_ANOTHER = "like_another"  # other
    OTHER_GRAIN = "other_grain"  # grain, grain_seen
    NOISE_OR_CODING = "noise_or_coding"  # grain_seen; noise_ and coding_: low, high, grain, does
    MOVES_LITTLE = "moves_little"  # moved
    MOVING_OPEN = "moving_open"  # moved, moved_low, moved_high, frames
    GROWTH_OPEN = "growth_open"  # frames
    HARMED = "harmed"  # before, after


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """One perturbation that is not recommended, with the figures that its ``Rejection`` names."""

    perturbation: str
    why: Rejection
    family: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", plain(self.evidence))

    @property
    def outcome(self) -> Outcome:
        """Refused, undetermined, or not measured: it follows from the reason."""
        if self.why is Rejection.NOT_MEASURABLE:
            return Outcome.NOT_MEASURED
        return Outcome.UNDETERMINED if self.why in OPEN else Outcome.REFUSED

    @property
    def is_off(self) -> bool:
        """Whether the footage speaks against it, so that a training does better without."""
        return self.why in AGAINST


# What surely does not matter in the footage, at all distances in time that were measured, or did harm
AGAINST = (
    Rejection.ABSENT,
    Rejection.EXPLAINS_LITTLE,
    Rejection.MOVES_NOTHING,
    Rejection.HARMED,
)

# The sentences of a policy: why a perturbation or a cause gets no step. Nothing reads them again.

# a part of a cause above this is said as so many times as much, not as a percentage
SAID_AS_TIMES = 1.5

MOST_TIMES = 20  # more than so many times the footage at hand is no advice

# What more footage may decide.
OPEN: Mapping[Rejection, str] = {
    Rejection.NO_PAIRS: (
        "no pair of frames could be replayed; that needs neighbouring frames that differ and show the same scene"
    ),
    Rejection.FEW_PAIRS: "{n} pairs replayed, {needed} needed (--pairs)",
    Rejection.SLOW_OPEN: (
        "{explains} little from frame to frame ({span}), but perhaps more from second to second, and the model "
        "responds to it at the size that the footage has; longer clips would settle it"
    ),
    Rejection.SHARE_OPEN: "{explains} {span} of {of}; {settle}",
    Rejection.SHARE_AT_LIMIT: "{explains} {span} of {of}, too close to 5 % to be settled with footage like this",
    Rejection.ERROR_OPEN: "{explains} {span} of {of}; footage like this cannot settle it",
    Rejection.HAPPENS_RARELY: (
        "{explains} {span} of {of}, but it was measured in {occurs} of {n} pairs only; {needed} such pairs are needed"
    ),
    Rejection.DIRECTION_OPEN: (
        "{explains} {span}, but perhaps any change of that size does as much; {settle}"
    ),
    Rejection.NOT_FOUND_AGAIN: "{explains} {span}, but it was {again}; more clips would settle it",
    Rejection.NOISE_OR_CODING: (
        "with this codec noise and H.264 coding look alike; an uncompressed recording would tell them apart"
    ),
    Rejection.MOVING_OPEN: (
        "{explains} {span}; whether this changes the output at the size seen is open ({moved_span} on {frames} "
        "frames); more frames (--frames) would settle it"
    ),
    Rejection.GROWTH_OPEN: (
        "{explains} {span}, but {frames} frames do not show that more of it changes the output more; more frames "
        "(--frames) would settle it, unless the model answers at random"
    ),
}
REASONS: Mapping[Rejection, str] = {
    **OPEN,
    Rejection.NOT_MEASURABLE: "not measurable in video",
    Rejection.ABSENT: "no {absent} was measured in {n} pairs",
    Rejection.MOVES_NOTHING: "the model does not respond to it: {explains} {span} of {of}",
    Rejection.EXPLAINS_LITTLE: "{explains} less than 5 % of {of}: {span}",
    Rejection.ANY_CHANGE: (
        "{explains} {span}, but any change of that size does as much; smoother sampling in the model helps more "
        "than this augmentation"
    ),
    Rejection.NOT_FITTED: "{explains} {span} of {of}, but this perturbation could not be fitted to it",
    Rejection.OTHER_AMOUNT: "{explains} {span} of {of}, but played in its place this does {amount}",
    Rejection.LIKE_ANOTHER: "{explains} {span} of {of}; this cannot be distinguished from {other}, which is simpler",
    Rejection.OTHER_GRAIN: (
        "{explains} {span} of {of}, but the noise of this footage looks different (neighbouring pixels correlate "
        "by {grain_seen}, here by {grain})"
    ),
    Rejection.MOVES_LITTLE: "{explains} {span}, but at the size seen this changes the output by only {moved}",
    Rejection.HARMED: "tried and withdrawn: after training with it, flips went from {before} to {after}",
}

# Of an open share whose estimate is not above 0.
_NOT_SEEN = "no effect of {title} seen (at most {most} of {of}); {settle}"


def reason(rejected: Rejected) -> str:
    """Why a perturbation gets no step: half a sentence, without a full stop."""
    seen = rejected.evidence.get("share")
    if rejected.why is Rejection.SHARE_OPEN and seen is not None and seen <= 0:
        most = percent(rejected.evidence.get("high"))
        return _NOT_SEEN.format_map({**_values(rejected.evidence), "most": most})
    return REASONS[rejected.why].format_map(_values(rejected.evidence))


def still_open(rejected: Rejected) -> str:
    """The same without what the cause explains, which a suggestion says before it."""
    template = REASONS[rejected.why]
    slow = "{explains} little from frame to frame ({span})"
    for said in (slow, "{explains} {span} of {of}", "{explains} {span}"):
        template = template.removeprefix(said)
    for joint in ("; ", ", but ", ", "):
        template = template.removeprefix(joint)
    return template.format_map(_values(rejected.evidence))


def verdict(rejected: Rejected) -> str:
    """The same, begun with what is open where it is."""
    undetermined = rejected.outcome is Outcome.UNDETERMINED
    return f"cannot tell: {reason(rejected)}" if undetermined else reason(rejected)


def without_step(cause: str, of_change: float, of: str) -> str:
    """What is said of a cause for which no augmentation of the whole frame stands."""
    accounts = capital(CATALOGUE[cause].which("account"))
    return (
        f"Worth trying: {CATALOGUE[cause].advice}. {accounts} for {share(of_change)} of {of}, and no augmentation of "
        "the whole frame stands for it."
    )


def _values(evidence: Mapping[str, Any]) -> dict[str, str]:
    of = evidence.get
    cause = CATALOGUE.get(evidence.get("cause", ""))
    title = cause.title if cause else ""
    replication = Replication(
        found=int(of("found") or 0),
        tested=int(of("tested") or 0),
        of=str(of("replication_of") or ""),
    )
    return {
        "title": title,
        "absent": "change"
        if not cause
        else title
        if title.startswith("motion")
        else f"change of {title}",
        "explains": f"{cause.which('account')} for" if cause else "",
        "of": str(of("of")),
        "n": str(of("n")),
        "needed": str(of("needed")),
        "occurs": str(of("occurs")),
        "span": part_with_interval(of("share"), of("low"), of("high")),
        "settle": _settle(of("times")),
        "again": replication.in_words,
        "amount": amount_done(of("does")),
        "other": str(of("other")).replace("_", " "),
        "grain": number(of("grain"), 2),
        "grain_seen": number(of("grain_seen"), 2),
        "moved": number(of("moved")),
        "moved_span": with_interval(of("moved"), of("moved_low"), of("moved_high")),
        "frames": str(of("frames")),
        "before": percent(of("before")),
        "after": percent(of("after")),
    }


def _settle(times: object) -> str:
    if not times:
        return "more footage would settle it"
    if float(str(times)) > MOST_TIMES:
        return "footage like this cannot settle it"
    return (
        f"about {'twice' if str(times) == '2' else f'{times} times'} this footage would settle it"
    )


def amount_done(does: float | None) -> str:
    """ "36 % as much", "3.6 times as much", "none of it"."""
    if known(does) and does is not None and does <= 0:
        return "none of it"
    if known(does) and does is not None and does > SAID_AS_TIMES:
        return f"{number(does, 2)} times as much"
    return f"{percent(does)} as much" if known(does) else "an unknown part of it"
