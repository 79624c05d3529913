"""A perturbation that gets no step: why not, as a code with its figures; ``wording.py`` says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from vidrobust.files.json_text import plain


class Outcome(StrEnum):
    """How a perturbation that gets no step fared."""

    REFUSED = "refused"
    """The footage says no: the cause is not there, or does not matter, or this does not stand for it."""
    UNDETERMINED = "undetermined"
    """The footage does not say; more of it may."""
    NOT_MEASURED = "not measured"
    """Nothing that is measured in footage stands for it."""


class Why(StrEnum):
    """Why there is no step; beside each the figures of its evidence, besides those of the cause's share."""

    NOT_MEASURABLE = "not_measurable"
    NO_PAIRS = "no_pairs"
    FEW_PAIRS = "few_pairs"  # needed
    ABSENT = "absent"
    MOVES_NOTHING = "moves_nothing"
    EXPLAINS_LITTLE = "explains_little"
    SHARE_OPEN = "share_open"  # times, how much more footage: None where that cannot be said
    SHARE_AT_LIMIT = "share_at_limit"
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
    UNKNOWN_SCENE = "unknown_scene"  # scene, why the model does not seem to know it
    HARMED = "harmed"  # before, after


OPEN = frozenset(
    {
        Why.NO_PAIRS,
        Why.FEW_PAIRS,
        Why.SHARE_OPEN,
        Why.SHARE_AT_LIMIT,
        Why.HAPPENS_RARELY,
        Why.DIRECTION_OPEN,
        Why.NOT_FOUND_AGAIN,
        Why.NOISE_OR_CODING,
        Why.MOVING_OPEN,
        Why.GROWTH_OPEN,
        Why.UNKNOWN_SCENE,
    }
)
"""What more footage may decide."""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """One perturbation that is not recommended.

    evidence  plain values: cause, n, share, low, high and of (what the share is of), where a cause was looked at,
              and those that ``Why`` names; what is not a number is None
    """

    perturbation: str
    why: Why
    family: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", plain(self.evidence))

    @property
    def outcome(self) -> Outcome:
        """Refused, undetermined, or not measured: it follows from the reason."""
        if self.why is Why.NOT_MEASURABLE:
            return Outcome.NOT_MEASURED
        return Outcome.UNDETERMINED if self.why in OPEN else Outcome.REFUSED
