"""From the account of causes to the policy: steps to train with, and steps that are worth trying.

A step is recommended where a cause is named, found again and moves the model. It is suggested where a dominant cause
is open.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.metric import ResponseSpec
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.perturbation import FAMILIES
from vidrobust.stages.causes.candidate_fits import CANDIDATES
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.outcomes import Replication
from vidrobust.stages.causes.shares import ADJACENT, SECOND
from vidrobust.stages.policy.candidates import LEAST, Response, Standing, response, standings
from vidrobust.stages.policy.policy import Policy, PolicyStep, StepEvidence
from vidrobust.stages.policy.rejection import (
    Rejected,
    Rejection,
    amount_done,
    still_open,
    without_step,
)
from vidrobust.stages.variation.spread import ObservedStrength, observed
from vidrobust.statistics.levels import FEWEST_EVENTS, FEWEST_ROWS
from vidrobust.text.numbers import part_with_interval
from vidrobust.text.phrases import capital, plural

SMALLEST_SHARE = 0.05  # a cause that explains no more than this of the model's change gets no step
# Probability of a step whose cause explains at least MUCH of the change, and of the others: a default, not a
# finding.
OFTEN, SOMETIMES, MUCH = 0.5, 0.3, 0.2
NEAR = 0.01  # a share no further from 5 % can hardly be distinguished from it by any footage
# What leaves a cause open and does not speak against it. If such a cause is dominant its step is suggested.
UNDECIDED = (
    Rejection.SHARE_OPEN,
    Rejection.SHARE_AT_LIMIT,
    Rejection.ERROR_OPEN,
    Rejection.DIRECTION_OPEN,
    Rejection.MOVING_OPEN,
    Rejection.NOISE_OR_CODING,
)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The tables of one run, cut to one model where they have one.

    ``slow`` has the account of pairs a second apart, ``named`` cause -> distance in time at which it is
    named; ``image_size`` is (height, width) px.
    """

    account: pd.DataFrame
    slow: pd.DataFrame
    named: Mapping[str, str]
    replication: Mapping[str, Replication]
    candidate_fits: pd.DataFrame
    spread: pd.DataFrame
    sensitivity: pd.DataFrame
    floor: float
    image_size: tuple[int, int]
    response: ResponseSpec = CLASSIFICATION.response
    of: str = CLASSIFICATION.accounts[""]


def build(model: str, evidence: Evidence, *further: Evidence) -> Policy:
    """The policy that the evidence supports, for one model; a step needs the support of one account."""
    judged: list[PolicyStep | Rejected] = []
    for source in (*further, evidence):
        # what one cause leaves in doubt another may decide: the cause that explains most is heard last
        for cause in sorted(CANDIDATES, key=lambda cause: _share(source.account, cause)):
            judged += _of_cause(cause, source)
    known = {source.perturbation for source in judged}
    asked = dict.fromkeys(evidence.sensitivity["perturbation"])
    judged += [
        Rejected(perturbation=name, why=Rejection.NOT_MEASURABLE, family=_family(name))
        for name in asked
        if name not in known
    ]
    steps = _strongest_of_each(judged)
    kept = {step.perturbation for step in steps}
    rejected = {
        e.perturbation: e for e in judged if isinstance(e, Rejected) and e.perturbation not in kept
    }
    taken = {step.family for step in steps}
    left = tuple(family for family in FAMILIES if family not in taken)
    return Policy(
        steps=tuple(steps),
        rejected=tuple(rejected.values()),
        evaluation_only=left,
        model=model,
        image_size=evidence.image_size,
        advice=tuple(
            said for source in (evidence, *further) for said in _of_what_has_no_step(source)
        ),
        notes=tuple(_notes(taken, left)),
    )


def _share(account: pd.DataFrame, cause: str) -> float:
    share = _row(account, cause).get("share", math.nan)
    return -math.inf if math.isnan(share) else float(share)


def _of_cause(cause: str, evidence: Evidence) -> list[PolicyStep | Rejected]:
    scale = evidence.named.get(cause, ADJACENT)
    row = _row(evidence.slow if scale == SECOND else evidence.account, cause)
    steps: list[PolicyStep | Rejected] = []
    fitted = {each.perturbation: each for each in standings(cause, evidence.candidate_fits, scale)}
    for name in CANDIDATES[cause]:
        if not len(evidence.sensitivity[evidence.sensitivity["perturbation"] == name]):
            continue  # not among the perturbations that were asked for
        seen = _observed(cause, name, evidence)
        moved = response(
            evidence.sensitivity,
            name,
            seen.px if math.isfinite(seen.px) else seen.size,
            evidence.floor,
            evidence.response,
        )
        why = _obstacle(cause, row, fitted.get(name), moved, evidence)
        if why is None:
            steps.append(_step(cause, name, row, fitted[name], seen, moved, evidence))
            continue
        about: dict[str, Any] = {"cause": cause, "of": evidence.of}
        about |= {key: row[key] for key in ("n", "share", "low", "high") if key in row}
        rejected = Rejected(
            perturbation=name,
            why=why[0],
            family=_family(name),
            evidence={**about, **why[1]},
        )
        standing = fitted.get(name)
        if standing and _is_suggested(rejected, standing, moved, row, evidence.account):
            step = _step(cause, name, row, standing, seen, moved, evidence)
            steps.append(suggested(step, open=rejected.why.value, why_open=still_open(rejected)))
        else:
            steps.append(rejected)
    return steps


def _row(account: pd.DataFrame, cause: str) -> dict[str, Any]:
    rows = account[account["cause"] == cause]
    rows = rows[rows["level"] == "cause"] if "level" in rows else rows
    row: dict[str, Any] = {} if rows.empty else rows.iloc[0].to_dict()
    return row


def _observed(cause: str, name: str, evidence: Evidence) -> ObservedStrength:
    rows = evidence.candidate_fits
    measured = rows[
        (rows["cause"] == cause) & (rows["perturbation"] == name) & (rows["scale"] == "adjacent")
    ]
    # a size that moves nothing, such as an object's at the border, is none to train
    moving = measured[measured["along_cause"] > 0]
    measured = moving if len(moving) else measured
    width = float(evidence.image_size[1])
    return observed(
        PERTURBATIONS[name],
        evidence.spread,
        measured,
        width,
        of_pairs=CATALOGUE[cause].seen_in == "pairs",
    )


def _obstacle(
    cause: str, row: dict[str, Any], standing: Standing | None, moved: Response, evidence: Evidence
) -> tuple[Rejection, dict[str, Any]] | None:
    if not row or not row["n"] or math.isnan(row["share"]):
        return Rejection.NO_PAIRS, {}
    if row["n"] < FEWEST_ROWS:
        return Rejection.FEW_PAIRS, {"needed": FEWEST_ROWS}
    if row["occurs"] == 0 or row["high"] < SMALLEST_SHARE:
        if moved.moves and not _is_little(_row(evidence.slow, cause)):
            # what the model answers to may change from second to second though not from frame to frame
            return Rejection.SLOW_OPEN, {}
        if row["occurs"] == 0:
            return Rejection.ABSENT, {}
        return (Rejection.EXPLAINS_LITTLE if moved.moves else Rejection.MOVES_NOTHING), {}
    if cause not in evidence.named:
        return _not_named(row)
    again = evidence.replication.get(cause, Replication())
    if again.fails:
        tests = {"found": again.found, "tested": again.tested, "replication_of": again.of}
        return Rejection.NOT_FOUND_AGAIN, tests
    if standing is None:
        return Rejection.NOT_FITTED, {}
    if standing.why is not None:
        return standing.why, dict(standing.evidence)
    if not moved.moves and moved.value >= LEAST:
        ends = {"moved_low": moved.low, "moved_high": moved.high}
        return Rejection.MOVING_OPEN, {"moved": moved.value, **ends, "frames": moved.n}
    if not moved.moves:
        return Rejection.MOVES_LITTLE, {"moved": moved.value}
    return None if moved.grows else (Rejection.GROWTH_OPEN, {"frames": moved.n})


def _is_little(row: Mapping[str, Any]) -> bool:
    """Whether a cause was measured in pairs, and surely explains less than what is worth a step."""
    if not row or not row["n"] >= FEWEST_ROWS:
        return False
    return bool(row["occurs"] == 0 or row["high"] < SMALLEST_SHARE)


def _not_named(row: dict[str, Any]) -> tuple[Rejection, dict[str, Any]]:
    if row["low"] > SMALLEST_SHARE and row["specific_low"] <= 0:
        return _unspecific(row)
    if row["occurs"] < FEWEST_EVENTS:
        return Rejection.HAPPENS_RARELY, {"occurs": int(row["occurs"]), "needed": FEWEST_EVENTS}
    half, gap = (row["pairs_high"] - row["pairs_low"]) / 2, abs(row["share"] - SMALLEST_SHARE)
    if not math.isfinite(half) or row["clusters"] < 2:
        return Rejection.SHARE_OPEN, {}
    # more pairs leave the error of the measurement
    if gap < NEAR or row["pairs_high"] < SMALLEST_SHARE:
        return Rejection.SHARE_AT_LIMIT, {}
    if row["pairs_low"] > SMALLEST_SHARE:
        return Rejection.ERROR_OPEN, {}
    # so much footage brings the interval off 5 %, if the share stays as it is
    return Rejection.SHARE_OPEN, {"times": max(2, math.ceil((half / gap) ** 2))}


def _unspecific(row: dict[str, Any]) -> tuple[Rejection, dict[str, Any]]:
    if row["specific_high"] < row["share"] / 2:
        return Rejection.ANY_CHANGE, {}
    half = (row["specific_high"] - row["specific_low"]) / 2
    times = math.ceil((half / row["specific"]) ** 2) if row["specific"] > 0 else 10
    return Rejection.DIRECTION_OPEN, {"times": max(2, times)}


def _step(
    cause: str,
    name: str,
    row: dict[str, Any],
    standing: Standing,
    seen: ObservedStrength,
    moved: Response,
    evidence: Evidence,
) -> PolicyStep:
    largest = _largest(name, evidence)
    low, high = (_rounded(float(np.clip(end, -largest, largest))) for end in (seen.low, seen.high))
    again, flips = evidence.replication.get(cause, Replication()), _flips_at_most(row)
    due, replayed = (_or_none(row.get(name, math.nan)) for name in ("flips_due", "flips"))
    about = StepEvidence(
        cause=cause,
        scale=evidence.named.get(cause, ADJACENT),
        share=row["share"],
        share_low=row["low"],
        share_high=row["high"],
        specific=row["specific"],
        replication=again.in_words,
        replication_found=again.found,
        replication_tested=again.tested,
        flips_at_most=flips,
        flips_due=due,
        flips_replayed=replayed,
        of=evidence.of,
        sensitivity=moved.value,
        sensitivity_low=moved.low,
        sensitivity_high=moved.high,
        sensitivity_of=evidence.response.of,
        flips=moved.flips,
        observed=seen.size,
        observed_low=seen.low,
        observed_high=seen.high,
        observed_least=_or_none(seen.least),
        observed_most=_or_none(seen.most),
        observed_px=seen.px,
        observed_basis=seen.basis,
        observed_n=seen.n,
        does=standing.does.value,
        does_low=standing.does.low,
        does_high=standing.does.high,
        one_of=(name, *standing.alike),
        n=int(row["n"]),
    )
    return PolicyStep(
        perturbation=name,
        family=_family(name),
        unit=seen.unit,
        low=low if PERTURBATIONS[name].either_way else min(PERTURBATIONS[name].range[0], high),
        high=high,
        probability=OFTEN if row["share"] >= MUCH else SOMETIMES,
        axes=tuple(_rounded(axis) for axis in seen.axes),
        evidence=about,
        sentence=_step_sentence(name, about),
    )


def _largest(name: str, evidence: Evidence) -> float:
    largest = PERTURBATIONS[name].range[1]
    return largest / evidence.image_size[1] if PERTURBATIONS[name].is_length else largest


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _flips_at_most(row: Mapping[str, Any]) -> str:
    """The gain a step can have: "10 of 12 replayed flips"; "" where that was not measured or says little."""
    due, flips = (row.get(name, math.nan) for name in ("flips_due", "flips"))
    if not (math.isfinite(due) and math.isfinite(flips) and flips >= FEWEST_ROWS):
        return ""
    return f"{due:.0f} of {plural(int(flips), 'replayed flip')}"


def _or_none(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None


def _family(name: str) -> str:
    return str(PERTURBATIONS[name].family) if name in PERTURBATIONS else ""


def _step_sentence(name: str, evidence: StepEvidence) -> str:
    """Why a perturbation is a step, from its evidence."""
    cause = CATALOGUE[evidence.cause]
    _, *alike = evidence.one_of
    others = " or ".join(other.replace("_", " ") for other in alike)
    one_of = f" (or {others}, which cannot be distinguished)" if alike else ""
    slow = " over a second" if evidence.scale == SECOND else ""
    explained = part_with_interval(evidence.share, evidence.share_low, evidence.share_high)
    grain = "has the same grain and " if cause.chosen == "grain" else ""
    due = f" Expected gain: {evidence.flips_at_most}." if evidence.flips_at_most else ""
    return (
        f"{capital(cause.which('account'))} for {explained} of {evidence.of}{slow}, {evidence.replication}. "
        f"Played in its place, {name.replace('_', ' ')}{one_of} {grain}does {amount_done(evidence.does)}.{due}"
    )


def _is_suggested(
    rejected: Rejected,
    standing: Standing,
    moved: Response,
    row: Mapping[str, Any],
    account: pd.DataFrame,
) -> bool:
    """Whether a perturbation that is not recommended is worth trying."""
    # the few pairs of one clip seldom repeat a finding; where the share is surely MUCH it is worth a trial
    alone = rejected.why is Rejection.NOT_FOUND_AGAIN and row["low"] >= MUCH
    if not (rejected.why in UNDECIDED or alone) or not moved.value >= LEAST:
        return False
    stands = standing.stands or (standing.why, standing.perturbation) == (
        Rejection.NOISE_OR_CODING,
        "gaussian_noise",
    )
    return stands and _is_dominant(row, account)


def _is_dominant(row: Mapping[str, Any], account: pd.DataFrame) -> bool:
    """Whether a cause may explain a fifth of the change and is specific to it, or leads such a group."""
    if not row["high"] > MUCH:
        return False
    # what is left between aligned frames has no placebo, and its specific part is NaN
    specific = row["specific_low"] > 0 or not row["specific"] < row["share"] / 2
    if specific and row["share"] >= MUCH:
        return True
    if "level" not in account or not row.get("group"):
        return False
    alike = account[account["group"] == row["group"]]
    group = account[(account["level"] == "group") & (account["cause"] == row["group"])]
    leads = row["share"] >= alike.loc[alike["level"] == "cause", "share"].max()
    return bool(leads and (group["share"] >= MUCH).any() and (group["low"] > SMALLEST_SHARE).any())


def suggested(step: PolicyStep, **why: Any) -> PolicyStep:
    """The step as a suggestion, with what keeps it from being recommended in its evidence."""
    return dataclasses.replace(step, evidence=dataclasses.replace(step.evidence, **why))


def _strongest_of_each(judged: list[PolicyStep | Rejected]) -> list[PolicyStep]:
    strongest: dict[str, PolicyStep] = {}
    for each in judged:
        if isinstance(each, PolicyStep):
            other = strongest.get(each.perturbation)
            if other is None or _share_of(each) > _share_of(other):
                strongest[each.perturbation] = each
    return sorted(strongest.values(), key=lambda step: -_share_of(step))


def _share_of(step: PolicyStep) -> float:
    return math.nan if step.evidence.share is None else step.evidence.share


def _of_what_has_no_step(evidence: Evidence) -> list[str]:
    advice = []
    for cause, record in CATALOGUE.items():
        row = _row(evidence.account, cause)
        if not record.advice or cause not in evidence.named or not row:
            continue
        if not any(standing.stands for standing in standings(cause, evidence.candidate_fits)):
            advice.append(without_step(cause, row["share"], evidence.of))
    return advice


def _notes(taken: set[str], left: Collection[str]) -> list[str]:
    notes = []
    if not left:
        notes.append(
            "No family is left to test with: keep one for testing, or test on footage that was kept aside."
        )
    if taken:
        notes.append(
            "Once trained with these steps, test the model with changes it was not trained on (not with "
            f"{', '.join(sorted(taken))}), and on other footage."
        )
    return notes
