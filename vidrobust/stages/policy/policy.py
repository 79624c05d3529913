"""Which augmentations to train with, how strong and how often, and what was rejected: advice from evidence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidrobust.errors import DAMAGED, InputError, in_plain_words
from vidrobust.files.json_text import file_text, json_text, parsed_json, plain
from vidrobust.stages.policy.rejection import Rejected, Rejection, reason
from vidrobust.statement import ACTED_ON, Level
from vidrobust.text.numbers import amount_interval, interval, percent, share_with_interval

SCHEMA = 2
GAIN = "relative gain"  # unit of brightness, contrast and saturation


@dataclass(frozen=True, kw_only=True)
class StepEvidence:
    """Why an augmentation is a step; numbers that are not known are None.

    ``share`` is what its cause explains of what ``of`` names, ``specific`` its part beyond the placebo,
    ``flips_due`` of ``flips_replayed`` are due to the cause, ``sensitivity`` is what the perturbation moves, and
    ``does`` how much of the cause's effect it has; ``observed`` are strengths in the footage, ``low`` to ``high``
    of 95 %. ``open``, ``why_open`` and ``unknown_scene`` say what keeps it a suggestion.
    """

    level: Level = Level.SUGGESTED  # of a policy of an earlier version
    cause: str = ""
    of: str = "the change"
    scale: str = ""
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    specific: float | None = None
    replication: str = ""
    replication_found: int = 0
    replication_tested: int = 0
    flips_at_most: str = ""
    flips_due: float | None = None
    flips_replayed: float | None = None
    probability: str = "a default"
    sensitivity: float | None = None
    sensitivity_low: float | None = None
    sensitivity_high: float | None = None
    sensitivity_of: str = ""
    flips: float | None = None
    observed: float | None = None
    observed_low: float | None = None
    observed_high: float | None = None
    observed_least: float | None = None
    observed_most: float | None = None
    observed_px: float | None = None
    observed_basis: str = ""
    observed_n: int = 0
    does: float | None = None
    does_low: float | None = None
    does_high: float | None = None
    one_of: tuple[str, ...] = ()
    n: int = 0
    open: str = ""
    why_open: str = ""
    unknown_scene: str = ""

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> StepEvidence:
        """The evidence in a policy.json, without what this version does not know."""
        known = {f.name: content[f.name] for f in dataclasses.fields(cls) if f.name in content}
        level, one_of = known.pop("level", Level.SUGGESTED), known.pop("one_of", ())
        return cls(level=Level(level), one_of=tuple(one_of), **known)


@dataclass(frozen=True, kw_only=True)
class PolicyStep:
    """One augmentation: signed strengths drawn evenly, applied with ``probability``.

    -s of a relative gain is the factor 1 / (1 + s). Lengths are shares of the frame's width; ``axes`` are the
    largest shifts along x and y.
    """

    perturbation: str
    family: str
    unit: str
    low: float
    high: float
    probability: float
    axes: tuple[float, ...] = ()
    evidence: StepEvidence = StepEvidence()
    sentence: str = ""

    @property
    def level(self) -> Level:
        return self.evidence.level

    @property
    def has_width(self) -> bool:
        return self.high > self.low or any(axis > 0 for axis in self.axes)

    @property
    def in_words(self) -> str:
        """Perturbation, range and probability, with lengths in percent of the frame's width."""
        span = strengths(self.low, self.high, self.unit)
        if self.unit == "100 - quality":
            span = f"quality {100 - self.high:.3g} to 100"
        return f"{self.perturbation} {span} (p = {self.probability:g} by default)"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise InputError(
                f"policy: {self.perturbation}: expected a range low <= high, got {self.low} to {self.high}"
            )
        if not 0 < self.probability <= 1:
            raise InputError(
                f"policy: {self.perturbation}: expected a probability in (0, 1], got {self.probability}"
            )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What to train with, for one model on one set of footage.

    ``image_size`` is (height, width) px of a typical clip. Families in ``evaluation_only`` are kept for
    judging. ``advice`` is on causes for which no augmentation stands. ``measured`` is of the flips of held-out
    footage after training, or of what ``of`` says: ratio, low, high, verdict, before and after.
    """

    steps: tuple[PolicyStep, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    evaluation_only: tuple[str, ...] = ()
    model: str = ""
    image_size: tuple[int, int] | None = None
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def trial(self) -> str:
        """What training with it did, as half a sentence; "" where it was not tried."""
        if not self.measured:
            return ""
        before, after = percent(self.measured["before"]), percent(self.measured["after"])
        left = share_with_interval(*(self.measured.get(name) for name in ("ratio", "low", "high")))
        what = self.measured.get("of", "flips")
        return f"{what} of held-out footage went from {before} to {after} ({left} remain)"

    @property
    def actions(self) -> tuple[PolicyStep, ...]:
        """The steps that were tried or found again; only these are in the exported files."""
        return tuple(step for step in self.steps if step.level in ACTED_ON)

    @property
    def suggestions(self) -> tuple[PolicyStep, ...]:
        """The steps that are worth trying, and no more than that."""
        return tuple(step for step in self.steps if step.level is Level.SUGGESTED)

    @property
    def headline(self) -> str:
        actions, worth = (
            "; ".join(s.in_words for s in each) for each in (self.actions, self.suggestions)
        )
        tried = f" After training with it, {self.trial}." if self.measured else ""
        if actions:
            return f"Train with {actions}.{tried}"
        if worth:
            return f"No augmentation is recommended. Worth trying: {worth}.{tried}"
        return f"No augmentation is recommended; each is listed with its reason.{tried}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of policy.json; what is not a number is None."""
        content = {"schema": SCHEMA, **dataclasses.asdict(self), "headline": self.headline}
        # what may be used as it is, apart from what is only worth trying (docs/policy.md)
        usable = [step.level in ACTED_ON for step in self.steps]
        every = content.pop("steps")
        parts = {
            name: [step for step, use in zip(every, usable, strict=True) if use is wanted]
            for name, wanted in (("steps", True), ("suggested", False))
        }
        content = {"schema": content.pop("schema"), **parts, **content}
        content["rejected"] = [
            {**dataclasses.asdict(each), "outcome": each.outcome, "reason": reason(each)}
            for each in self.rejected
        ]
        written: dict[str, Any] = plain(content)
        return written

    def to_json(self) -> str:
        return json_text(self.to_dict())

    @classmethod
    def read(cls, path: Path) -> Policy:
        """The policy of a policy.json; InputError where it cannot be read or is none of this version."""
        try:
            text = file_text(path)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{path}: cannot be read: {in_plain_words(error)}; run the stage policy again"
            ) from error
        return cls.from_json(text, str(path))

    @classmethod
    def from_json(cls, text: str, where: str = "policy.json") -> Policy:
        """The policy in the text of a policy.json; InputError where it is none."""
        try:
            content = parsed_json(text)
            if content["schema"] != SCHEMA:
                raise InputError(
                    f"{where}: schema {content['schema']} is not known, this version reads {SCHEMA}"
                )
            steps = [
                {"axes": [], "evidence": {}, **step}
                for step in [*content["steps"], *content.get("suggested", [])]
            ]
            size = content.get("image_size")
            return cls(
                steps=tuple(
                    PolicyStep(
                        **{
                            **s,
                            "axes": tuple(s["axes"]),
                            "evidence": StepEvidence.of_json(s["evidence"]),
                        }
                    )
                    for s in steps
                ),
                rejected=tuple(
                    Rejected(
                        perturbation=each["perturbation"],
                        why=Rejection(each["why"]),
                        family=each.get("family", ""),
                        evidence=each["evidence"],
                    )
                    for each in content["rejected"]
                ),
                evaluation_only=tuple(content["evaluation_only"]),
                model=content.get("model", ""),
                image_size=(int(size[0]), int(size[1])) if size else None,
                advice=tuple(content.get("advice", ())),
                notes=tuple(content.get("notes", ())),
                measured=dict(content.get("measured", {})),
            )
        except DAMAGED as error:
            raise InputError(
                f"{where}: is not a policy of this version: {in_plain_words(error)}"
            ) from error


def strengths(low: float | None, high: float | None, unit: str) -> str:
    """From one signed strength to another; of a gain the factors, since -s is the factor 1 / (1 + s)."""
    if unit != GAIN or low is None or high is None or low >= 0:
        return amount_interval(low, high, unit)
    least, most = (1 + s if s >= 0 else 1 / (1 - s) for s in (low, high))
    return f"times {interval(least, most, digits=3)}"
