"""Statement: one sentence of an answer, with the level of evidence behind it. Needs neither torch nor tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Any

NAN = float("nan")


class Level(StrEnum):
    """What backs a statement. Only ``TRIED`` and ``REPLICATED`` are reasons to act."""

    TRIED = "tried"  # applied to this footage and measured: it helps
    REPLICATED = "replicated"  # found, and found again on clips or time that did not find it
    # a cause is named that speaks for it; it was neither tried nor found again
    SUGGESTED = "suggested"
    # No figure can be given: a stage has not run, cannot run, or had too little data.
    NOT_MEASURED = "not_measured"
    NO_EFFECT = "no_effect"  # measured, and surely too small to matter
    MEASURED = "measured"  # a plain figure with its interval, which by itself asks for nothing


ACTED_ON = (Level.TRIED, Level.REPLICATED)


class Question(StrEnum):
    """The questions of an answer, in the order in which they are answered. Plugins may ask others."""

    FOOTAGE = "footage"
    SCENE = "knows the scene"
    ACCEPT = "hold, watch or fine"
    LABELS = "with labels"
    STABLE = "how stable"
    WORST = "worst moment"
    WHY = "why"
    SENSITIVE = "sensitive to what"
    PROXIES = "proxies"
    RULE = "which rule"
    STATION = "change at the station"
    TRAIN = "train with what"


NEEDS_MODEL = "Not measured: recorded predictions cannot answer for new pictures; this needs the model itself."


@dataclass(frozen=True)
class Statement:
    """One sentence or two about one model, with the leading figure, its 95 % interval and what n counts.

    ``question`` may be a plugin's own in a few words. ``kind`` is the code of the sentence, the same whatever the
    figures are. ``command`` tries what is suggested, or measures what is not known yet;
    ``is_open``: more footage or another command may still change the answer. ``share_of``: the group of causes
    (table ``account``) whose share of the change is the figure.
    """

    question: str
    text: str
    level: Level
    kind: str
    model: str = ""
    _: KW_ONLY
    value: float = NAN
    low: float = NAN
    high: float = NAN
    n: int = 0
    command: str = ""
    is_open: bool = False
    share_of: str = ""

    @classmethod
    def missing(cls, question: str, text: str, kind: str, model: str, **more: Any) -> Statement:
        """Return that no figure can be given yet; ``more`` are n and command."""
        return cls(question, text, Level.NOT_MEASURED, kind, model, is_open=True, **more)

    def __post_init__(self) -> None:
        if self.level is Level.NOT_MEASURED and not math.isnan(self.value):
            raise ValueError(f"{self.kind}: what was not measured has no value, got {self.value}")

    @property
    def is_action(self) -> bool:
        """Whether it is something to do: a remedy or a training step that was tried or found again."""
        return self.level in ACTED_ON and self.question in DOING

    @property
    def is_suggestion(self) -> bool:
        """Whether it is worth trying, and no more than that."""
        return self.level is Level.SUGGESTED and self.question in DOING

    @property
    def proposal(self) -> str:
        """The text of a suggestion under the heading that it is worth trying."""
        return proposal_of(self.text)


def figures_of(row: Mapping[str, Any], value: str = "value") -> dict[str, Any]:
    """Return value, low, high and n of a row as a statement takes them; NaN for what is not known."""
    ends = (("value", row[value]), ("low", row["low"]), ("high", row["high"]))
    return {name: NAN if end is None else end for name, end in ends} | {"n": int(row["n"])}


def proposal_of(text: str) -> str:
    """Return what a sentence says is worth trying, without these words."""
    proposal = text.removeprefix("Worth trying: ")
    return f"{proposal[:1].upper()}{proposal[1:]}"


# Questions whose statements say what to do; those of the others say what is.
DOING = (Question.RULE, Question.STATION, Question.TRAIN)
