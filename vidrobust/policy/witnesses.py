"""One verdict from several witnesses: what each says about each perturbation, and where they agree.

The witnesses are those of ``testimony``. Each is asked apart and none is averaged into another: a correlation
over clips, a replay of single pairs and a meter of pixels fail for different reasons, which is their worth.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.policy.pairings import pairing
from vidrobust.policy.testimony import (
    AGAINST,
    CANNOT_TELL,
    FOR,
    NAN,
    Finding,
    Thresholds,
    correlated,
    explained,
    observed,
    points,
    sensitivity_at,
)

WITNESSES = ("variation", "sensitivity", "causes", "direction", "correlation")
LINKS = ("causes", "direction", "correlation")
"""Witnesses that tie what the footage does to what the model does; the first two only make it possible."""
DISAGREE = "disagree"
AGREEMENTS = (FOR, AGAINST, DISAGREE, CANNOT_TELL)

CAUSES_COLUMNS = ("cause", "value", "low", "high", "n", "flips", "reproduced")
DIRECTIONS_COLUMNS = ("perturbation", "value", "low", "high", "n")


def table(
    variation: pd.DataFrame,
    sensitivity: pd.DataFrame,
    causes: pd.DataFrame,
    directions: pd.DataFrame,
    correlation: pd.DataFrame,
    *,
    model: str = "",
    families: Mapping[str, str] | None = None,
    trained_families: Collection[str] = (),
    noise_floor: float = NAN,
    thresholds: Thresholds | None = None,
) -> pd.DataFrame:
    """What five witnesses say about each perturbation whose sensitivity was measured, one row each.

    variation, sensitivity, correlation  tables as of ``vidrobust.tables``
    causes       summary over pairs: cause, value (share explained beyond the placebo), low, high, n (pairs),
                 flips, reproduced, and where known placebo_flips
    directions   summary over pairs: perturbation, value (cosine beyond other causes), low, high, n, and where
                 known cosine (itself) and spread (of random ones)
    model        whose rows, in all tables that have a column model; may be left out where there is one only
    families     perturbation -> family; the catalogue's by default
    trained_families  families that the model was trained with: their correlation does not count
    noise_floor  total variation of the very same frame predicted again

    Columns: perturbation, family, unit, model, contaminated; ``observed`` (99th percentile as a strength),
    observed_low, observed_high (quietest and liveliest clip), observed_n, axes (strength per axis, or empty),
    scale, quantity, of_parts; sensitivity, explained, cosine and partial, each with ``_low``, ``_high`` and
    ``_n``; flips (rate under the perturbation at that size), cosine_itself, cause, flips_seen, flips_reproduced,
    across, verdict; for every witness ``_vote`` and ``_words``; agreement (for, against, disagree, cannot tell)
    and ``sentence``.
    Raises InputError where several models are in the table and none is named.
    """
    name = _the_model(sensitivity, model)
    case = _Case(
        variation=variation,
        sensitivity=_of_model(sensitivity, name),
        causes=_of_model(causes, name),
        directions=_of_model(directions, name),
        correlation=_of_model(correlation, name),
        model=name,
        families=_catalogue_families() if families is None else families,
        trained_families=trained_families,
        noise_floor=noise_floor,
        limits=thresholds or Thresholds(),
    )
    rows = [_row(str(perturbation), case) for perturbation in dict.fromkeys(case.sensitivity["perturbation"])]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else list(_row("brightness", case)))


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What the witnesses of one model have seen."""

    variation: pd.DataFrame
    sensitivity: pd.DataFrame
    causes: pd.DataFrame
    directions: pd.DataFrame
    correlation: pd.DataFrame
    model: str
    families: Mapping[str, str]
    trained_families: Collection[str]
    noise_floor: float
    limits: Thresholds


def _catalogue_families() -> dict[str, str]:
    return {key: str(entry.family) for key, entry in PERTURBATIONS.items()}


def _row(perturbation: str, case: _Case) -> dict[str, object]:
    limits, causes = case.limits, case.causes
    asked, family = pairing(perturbation), case.families.get(perturbation, "")
    unit = PERTURBATIONS[perturbation].unit if perturbation in PERTURBATIONS else ""
    contaminated = bool(family) and family in case.trained_families
    seen = observed(case.variation, asked, unit, limits)
    moved, flips = sensitivity_at(
        _about(case.sensitivity, perturbation), seen.value, case.noise_floor, limits
    )
    replayed, cause = explained(causes, asked, seen, limits)
    pointed, itself = points(_about(case.directions, perturbation), limits)
    together, across, verdict = correlated(_about(case.correlation, perturbation), contaminated)
    found = dict(zip(WITNESSES, (seen, moved, replayed, pointed, together), strict=True))
    agreement = agree({who: finding.vote for who, finding in found.items()})
    of_cause = causes[causes["cause"] == cause] if len(causes) else causes
    figures = {"sensitivity": moved, "explained": replayed, "cosine": pointed, "partial": together}
    return {
        "perturbation": perturbation,
        "family": family,
        "unit": unit,
        "model": case.model,
        "contaminated": contaminated,
        "observed": seen.value,
        "observed_low": seen.low,
        "observed_high": seen.high,
        "observed_n": seen.n,
        "axes": seen.axes if len(seen.axes) > 1 else (),
        "scale": limits.scale,
        "quantity": seen.quantity,
        "of_parts": seen.of_parts,
        **_figures(figures),
        "flips": flips.value,
        "cosine_itself": itself,
        "cause": cause,
        "flips_seen": int(of_cause.iloc[0]["flips"]) if len(of_cause) else 0,
        "flips_reproduced": int(of_cause.iloc[0]["reproduced"]) if len(of_cause) else 0,
        "across": across,
        "verdict": verdict,
        **{f"{who}_vote": finding.vote for who, finding in found.items()},
        **{f"{who}_words": finding.words for who, finding in found.items()},
        "agreement": agreement,
        "sentence": _sentence(perturbation, found, agreement, contaminated),
    }


def agree(votes: Mapping[str, str]) -> str:
    """What the votes of all witnesses come to.

    for          the footage does it, the model cares, at least one link speaks for it, and nobody against
    against      somebody speaks against it and no link for it
    disagree     a link speaks for it and another witness against it
    cannot tell  all else
    """
    linked = any(votes[who] == FOR for who in LINKS)
    denied = any(vote == AGAINST for vote in votes.values())
    if linked and denied:
        return DISAGREE
    if denied:
        return AGAINST
    if linked and votes["variation"] == FOR and votes["sensitivity"] == FOR:
        return FOR
    return CANNOT_TELL


def _sentence(perturbation: str, found: Mapping[str, Finding], agreement: str, contaminated: bool) -> str:
    said = "; ".join(finding.words for finding in found.values())
    sides = {vote: [who for who in WITNESSES if found[who].vote == vote] for vote in (FOR, AGAINST)}
    end = {
        FOR: f"All that can tell speak for it ({', '.join(sides[FOR])}).",
        AGAINST: f"It is spoken against by {', '.join(sides[AGAINST])}.",
        DISAGREE: f"The witnesses disagree: {', '.join(sides[FOR])} for it, {', '.join(sides[AGAINST])} against.",
        CANNOT_TELL: "Together they cannot tell.",
    }[agreement]
    if contaminated:
        end += " The model was trained with this family, so its sensitivity here is no independent judge."
    return f"{perturbation}: {said}. {end}"


def _figures(figures: Mapping[str, Finding]) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, finding in figures.items():
        row |= {name: finding.value, f"{name}_low": finding.low, f"{name}_high": finding.high}
        row |= {f"{name}_n": finding.n}
    return row


def _the_model(sensitivity: pd.DataFrame, model: str) -> str:
    names = list(dict.fromkeys(sensitivity["model"]))
    if model:
        if names and model not in names:
            raise InputError(f"witnesses: no sensitivity of model {model!r}; there is {', '.join(names)}")
        return model
    if len(names) > 1:
        raise InputError(f"witnesses: several models, name one of {', '.join(names)}")
    return str(names[0]) if names else ""


def _of_model(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """The rows of one model, and those that belong to no single one."""
    if "model" not in rows or not model:
        return rows
    return rows[rows["model"].fillna("").isin([model, ""])]


def _about(rows: pd.DataFrame, perturbation: str) -> pd.DataFrame:
    return rows[rows["perturbation"] == perturbation] if len(rows) else rows
