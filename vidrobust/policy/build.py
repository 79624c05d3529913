"""Which augmentations to train with, how strong and how often, what was rejected and what is left to judge with.

A step needs the footage to change that way, the model to care at that size, and a witness that ties the two.
Its range is what was observed, widened by a stated factor; no library's default enters. Nothing recommended is
a right answer. A policy is advice from evidence about causes, not a proof that training with it helps: that
takes a trained model and footage kept aside.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files import plain
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.policy.pairings import pairing
from vidrobust.policy.testimony import AGAINST, CANNOT_TELL, FOR
from vidrobust.policy.witnesses import DISAGREE, LINKS, WITNESSES

SCHEMA = 1
EITHER_WAY = frozenset(
    ("brightness", "exposure_offset", "contrast", "gamma", "saturation", "hue", "white_balance",
     "translation", "rotation", "scale", "shear")
)  # fmt: skip
"""Perturbations with two directions: their range runs from -high to high, in the catalogue's signed strength."""
FAMILIES = tuple(dict.fromkeys(str(entry.family) for entry in PERTURBATIONS.values()))


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """Choices that are not measured, and stand in the policy.

    widen        the range is the observed 99th percentile times this
    often, sometimes, seldom  probability of a step that several links speak for, one speaks for, and one about
                 which the witnesses disagree (its range is then not widened)
    reserved     families to be kept for evaluation whatever the evidence
    """

    widen: float = 1.5
    often: float = 0.5
    sometimes: float = 0.3
    seldom: float = 0.15
    reserved: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.widen >= 1:
            raise SettingsError(f"widen: expected a factor of 1 or more, got {self.widen:g}")
        for name in ("often", "sometimes", "seldom"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(f"{name}: expected a probability in (0, 1], got {getattr(self, name):g}")
        unknown = sorted(set(self.reserved) - set(FAMILIES))
        if unknown:
            raise SettingsError(
                f"reserved: unknown families {', '.join(unknown)}; known are {', '.join(FAMILIES)}"
            )


@dataclass(frozen=True, kw_only=True)
class PolicyStep:
    """One augmentation.

    low, high    signed strengths of the catalogue's perturbation, drawn evenly between them. -s of a relative
                 gain is the factor 1 / (1 + s)
    axes         translation only: the largest shift along x and along y, px of the footage; else empty
    probability  with which the step is applied to a picture
    evidence     observed_p99 and the witnesses' figures; NaN where a witness has none
    """

    perturbation: str
    family: str
    unit: str
    low: float
    high: float
    probability: float
    axes: tuple[float, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    sentence: str = ""

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
class Rejected:
    """One perturbation that is not recommended, and why."""

    perturbation: str
    reason: str
    family: str = ""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What to train with, for one model on one set of footage.

    image_size       (height, width) of the footage, px; None where unknown: then px cannot become shares
    scale            distance in time of the observed changes: adjacent, second or clip
    evaluation_only  families kept for judging: do not train with them, or nothing is left to judge with
    contaminated     families that the model was already trained with: they judge nothing here
    notes            what a reader must know besides
    """

    steps: tuple[PolicyStep, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    evaluation_only: tuple[str, ...] = ()
    contaminated: tuple[str, ...] = ()
    model: str = ""
    image_size: tuple[int, int] | None = None
    scale: str = "adjacent"
    widened_by: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The policy in one sentence."""
        if not self.steps:
            return "No augmentation is recommended: see for each why not."
        named = [
            f"{s.perturbation} {s.low:.3g} to {s.high:.3g} {s.unit} (p = {s.probability:g})"
            for s in self.steps
        ]
        return f"Train with {'; '.join(named)}."

    def to_dict(self) -> dict[str, Any]:
        """Plain values in the order of policy.json; what is not a number is None."""
        content = {"schema": SCHEMA, **dataclasses.asdict(self), "headline": self.headline}
        found: dict[str, Any] = plain(content)
        return found

    def to_json(self) -> str:
        """The text of policy.json: strict JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "policy.json") -> Policy:
        """The policy in the text of a policy.json; InputError where it is none."""
        try:
            content = json.loads(text)
            if content["schema"] != SCHEMA:
                raise InputError(
                    f"{where}: schema {content['schema']} is not known, this version reads {SCHEMA}"
                )
            steps = [{"axes": [], **step} for step in content["steps"]]
            size = content.get("image_size")
            return cls(
                steps=tuple(PolicyStep(**{**s, "axes": tuple(s["axes"])}) for s in steps),
                rejected=tuple(Rejected(**each) for each in content["rejected"]),
                evaluation_only=tuple(content["evaluation_only"]),
                contaminated=tuple(content.get("contaminated", ())),
                model=content.get("model", ""),
                image_size=(int(size[0]), int(size[1])) if size else None,
                scale=content.get("scale", "adjacent"),
                widened_by=float(content.get("widened_by", 1.0)),
                notes=tuple(content.get("notes", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where}: is not a policy of this version: {error!r}") from error


def build(
    witnesses: pd.DataFrame,
    *,
    image_size: tuple[int, int] | None = None,
    trained_families: Collection[str] = (),
    settings: PolicySettings | None = None,
) -> Policy:
    """The policy that the witnesses of one model support.

    witnesses         table of ``vidrobust.policy.witnesses.table``
    image_size        (height, width) px of the footage, for turning px into shares of a side
    trained_families  families that the model was trained with, see ``vidrobust.policy.trained_with``
    """
    chosen = settings or PolicySettings()
    models = list(dict.fromkeys(witnesses["model"]))
    if len(models) > 1:
        raise InputError(f"policy: it is made for one model, got {', '.join(models)}")
    judged = [_judge(row, chosen) for row in witnesses.to_dict("records")]
    judged = _one_of_each_kind(judged, witnesses)
    steps = tuple(each for each in judged if isinstance(each, PolicyStep))
    taken = {step.family for step in steps}
    contaminated = tuple(family for family in FAMILIES if family in set(trained_families))
    left = tuple(f for f in FAMILIES if f not in taken and f not in contaminated)
    return Policy(
        steps=steps,
        rejected=tuple(each for each in judged if isinstance(each, Rejected)),
        evaluation_only=left,
        contaminated=contaminated,
        model=str(models[0]) if models else "",
        image_size=image_size,
        scale=str(witnesses["scale"].iloc[0]) if len(witnesses) else "adjacent",
        widened_by=chosen.widen,
        notes=_notes(taken, contaminated, left),
    )


def _judge(row: Mapping[str, Any], settings: PolicySettings) -> PolicyStep | Rejected:
    """A step, or why not."""
    reason = _obstacle(row, settings)
    if reason:
        return Rejected(perturbation=row["perturbation"], reason=reason, family=row["family"])
    links = sum(row[f"{who}_vote"] == FOR for who in LINKS)
    disagree = row["agreement"] == DISAGREE
    unsure = row["sensitivity_vote"] != FOR
    widen = 1.0 if disagree or unsure else settings.widen
    probability = (
        settings.seldom if disagree or unsure else settings.often if links > 1 else settings.sometimes
    )
    name = row["perturbation"]
    largest = PERTURBATIONS[name].range[1] if name in PERTURBATIONS else math.inf
    high = _rounded(min(row["observed"] * widen, largest))
    return PolicyStep(
        perturbation=name,
        family=row["family"],
        unit=row["unit"],
        low=-high if name in EITHER_WAY else 0.0,
        high=high,
        probability=probability,
        axes=tuple(_rounded(axis * widen) for axis in row["axes"]),
        evidence={**_evidence(row), "widened_by": widen},
        sentence=row["sentence"],
    )


def _obstacle(row: Mapping[str, Any], settings: PolicySettings) -> str:
    """Why a perturbation gets no step, or ""."""
    if row["family"] in settings.reserved:
        return f"its family, {row['family']}, was asked to be kept for evaluation"
    if row["variation_vote"] != FOR:
        return str(row["variation_words"])
    if row["sensitivity_vote"] == AGAINST or math.isnan(row["sensitivity"]):
        return f"{row['variation_words']}, but {row['sensitivity_words']}"
    votes = {who: row[f"{who}_vote"] for who in LINKS}
    speaks_for = [who for who in LINKS if votes[who] == FOR]
    speaks_against = [who for who in LINKS if votes[who] == AGAINST]
    words = "; ".join(str(row[f"{who}_words"]) for who in LINKS)
    if not speaks_for:
        tie = "what ties the two is denied" if speaks_against else "nothing ties the two together"
        return f"the footage changes that way and the model cares, but {tie}: {words}"
    if len(speaks_against) >= len(speaks_for) + 1:
        return f"the witnesses disagree and most are against: {words}"
    if row["sensitivity_vote"] == CANNOT_TELL and speaks_against:
        return f"the witnesses disagree, and {row['sensitivity_words']}: {words}"
    return ""


def _one_of_each_kind(
    judged: Sequence[PolicyStep | Rejected], witnesses: pd.DataFrame
) -> list[PolicyStep | Rejected]:
    """Of perturbations that one measured quantity could mean, the best supported; the others are rejected.

    A meter of sharpness cannot tell defocus from motion, nor one of noise its kind. A proxy is best, then the
    larger lower end of the partial correlation and of the cosine, then the plainest.
    """
    rows = witnesses.set_index("perturbation")

    def support(step: PolicyStep) -> tuple[bool, float, float]:
        row = rows.loc[step.perturbation]
        lows = [float(row[name]) for name in ("partial_low", "cosine_low")]
        known = [-math.inf if math.isnan(low) else low for low in lows]
        return row["correlation_vote"] == FOR, known[0] if row["correlation_vote"] == FOR else 0.0, known[1]

    steps = {each.perturbation: each for each in judged if isinstance(each, PolicyStep)}
    result: list[PolicyStep | Rejected] = []
    for each in judged:
        alike = [steps[name] for name in pairing(each.perturbation).look_alikes if name in steps]
        best = max(alike, key=support) if alike else each
        if isinstance(each, PolicyStep) and best is not each:
            reason = (
                f"the footage cannot tell it from {best.perturbation}, which is as well supported or better"
            )
            result.append(Rejected(perturbation=each.perturbation, reason=reason, family=each.family))
        else:
            result.append(each)
    return result


def _evidence(row: Mapping[str, Any]) -> dict[str, Any]:
    """The contract's fields first, then what the other witnesses say."""
    return {
        "observed_p99": row["observed"],
        "sensitivity": row["sensitivity"],
        "partial": row["partial"],
        "partial_low": row["partial_low"],
        "partial_high": row["partial_high"],
        "n": row["partial_n"],
        "observed_low": row["observed_low"],
        "observed_high": row["observed_high"],
        "observed_n": row["observed_n"],
        "of_parts": row["of_parts"],
        "sensitivity_low": row["sensitivity_low"],
        "sensitivity_high": row["sensitivity_high"],
        "flips": row["flips"],
        **{name: row[name] for name in ("cause", "explained", "explained_low", "explained_high")},
        **{name: row[name] for name in ("flips_reproduced", "flips_seen")},
        **{name: row[name] for name in ("cosine", "cosine_low", "cosine_high", "cosine_itself")},
        **{name: row[name] for name in ("across", "verdict", "contaminated", "agreement")},
        "votes": {who: row[f"{who}_vote"] for who in WITNESSES},
    }


def _notes(taken: set[str], contaminated: Sequence[str], left: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if contaminated:
        notes.append(
            f"The model was trained with {', '.join(contaminated)}: robustness to these families says how well "
            "that training worked, and nothing independent about the footage."
        )
    both = sorted(taken & set(contaminated))
    if both:
        notes.append(
            f"Steps of {', '.join(both)} are recommended although the model was trained with that family: it "
            "still reacts at the size seen in the footage. Compare the ranges with those of the training."
        )
    if not left:
        notes.append(
            "No family is left to judge with: keep one aside, or judge on footage that was kept aside."
        )
    if taken:
        notes.append(
            "Once trained with these steps, a model must not be judged by the families "
            f"{', '.join(sorted(taken))}; judge it by the families kept for evaluation and by other footage."
        )
    return tuple(notes)


def _rounded(value: float) -> float:
    """Four significant digits: more are not known."""
    return float(f"{value:.4g}")
