"""The studies of measurement systems analysis as they are asked for: of tables, and of the verdicts of a run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.repeatability.acceptance import Profile, attribute_values, gauge_values, judge
from vidrobust.repeatability.attribute import attribute_study
from vidrobust.repeatability.by_operator import repeatability_by_operator
from vidrobust.repeatability.gauge import gauge_study
from vidrobust.repeatability.guard_band import (
    guard_band,
    guard_band_counted,
    normal_parts,
    tolerance_width,
)
from vidrobust.repeatability.verdicts import RULES, SCORES

DEFECT, GOOD = "defect", "good"
"""The classes that are left where only passing and failing counts."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a study.

    rule             how frames become a verdict, of RULES
    defect           classes that are defects: their summed probability is the score
    pass_fail        only defect or not counts: every verdict and reference becomes DEFECT or GOOD
    ordered          classes from lowest to highest, or empty
    pool_above       the interaction of the gauge study is pooled above this p-value
    profile          rules of acceptance
    tolerance_width, tolerance_low, tolerance_high  of the score or value; None where there is none
    guard            width of a guard band in standard deviations of repeatability, or None
    people           verdicts of people: part, operator, trial, value; they join as operators, on the run's parts
    """

    profile: Profile
    rule: str = "majority"
    defect: tuple[str, ...] = ()
    pass_fail: bool = False
    ordered: tuple[str, ...] = ()
    pool_above: float = 0.25
    tolerance_width: float | None = None
    tolerance_low: float | None = None
    tolerance_high: float | None = None
    guard: float | None = None
    people: pd.DataFrame | None = None

    @property
    def tolerance(self) -> float:
        """Width of the tolerance, or NaN."""
        return tolerance_width(self.tolerance_low, self.tolerance_high, self.tolerance_width)

    @property
    def ends(self) -> tuple[float, float]:
        """Limits of the tolerance, infinite where there is none."""
        low, high = self.tolerance_low, self.tolerance_high
        return (-math.inf if low is None else low, math.inf if high is None else high)


def gauge_of(table: pd.DataFrame, asked: Asked) -> dict[str, Any]:
    """The gauge study of a table part, operator, trial, value, its verdicts, and the guard band asked for."""
    found = {"study": "gauge", **_gauge(table, asked)}
    found["verdicts"] = judge(asked.profile, "gauge", gauge_values(found))
    found["by_operator"] = repeatability_by_operator(table)
    if asked.guard is not None:
        part = found["components"]["part"]["sd"]
        found["guard_band"] = _band(found, asked, normal_parts(float(table["value"].mean()), part))
    return found


def attribute_of(table: pd.DataFrame, asked: Asked) -> dict[str, Any]:
    """The attribute study of a table part, operator, trial, value [, reference], and its verdicts."""
    table, defect = passed_or_failed(table, asked)
    found = {"study": "attribute", **attribute_study(table, defect=defect, ordered=asked.ordered)}
    found["verdicts"] = judge(asked.profile, "attribute", attribute_values(found))
    return found


def passed_or_failed(table: pd.DataFrame, asked: Asked) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table as it is judged, and its classes that are defects: as they are, or DEFECT and GOOD alone."""
    if not asked.pass_fail:
        return table, asked.defect
    if not asked.defect:
        raise SettingsError("--pass-fail needs --defect CLASS[,CLASS]")
    told = table.assign(value=np.where(table["value"].isin(asked.defect), DEFECT, GOOD))
    if "reference" in table:
        reference = np.where(table["reference"].isin(asked.defect), DEFECT, GOOD)
        told["reference"] = np.where(table["reference"] == "", "", reference)
    return told, (DEFECT,)


def studies(
    table: pd.DataFrame, asked: Asked, possible: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any] | None, list[str]]:
    """The attribute study of the verdicts, the gauge study of the scores (or None), and notes.

    table     part, operator, trial, value, score, reference, item; people's verdicts have no item
    possible  classes that the models know
    """
    notes = [f"one verdict a part and pass: {RULES[asked.rule]}"]
    unknown = set(asked.defect) - set(possible) - set(table["value"]) - set(table["reference"])
    rows, defect = (table, asked.defect) if unknown else passed_or_failed(table, asked)
    attribute = attribute_study(rows, defect=defect, ordered=asked.ordered, possible=possible)
    unseen = [name for name in asked.defect if name not in set(table["value"])]
    if unseen:
        notes.append(f"no verdict is {' or '.join(unseen)}")
    scored = table[table["item"].notna()]
    if scored["score"].isna().any():
        notes.append(
            "no gauge study of the scores: name the class whose probability is the score with --defect"
        )
        return attribute, None, notes
    told = f"{SCORES[asked.rule]} over the frames of the probability of {', '.join(asked.defect)}"
    scores = scored[["part", "operator", "trial", "score"]].rename(columns={"score": "value"})
    try:
        gauge = _gauge(scores, asked)
    except InputError as error:
        return attribute, None, [*notes, f"no gauge study of the scores: {error}"]
    return attribute, gauge, [*notes, f"score of the gauge: {told}"]


def judged(profile: Profile, attribute: dict[str, Any], gauge: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The verdicts of a profile on both studies."""
    found = judge(profile, "attribute", attribute_values(attribute))
    return found if gauge is None else found + judge(profile, "gauge", gauge_values(gauge))


def by_operator(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Each operator's own repeatability of the score; empty without scores."""
    scores = table.rename(columns={"value": "verdict", "score": "value"})
    return [] if scores["value"].isna().any() else repeatability_by_operator(scores)


def guard_of(
    table: pd.DataFrame, gauge: dict[str, Any] | None, asked: Asked, notes: list[str]
) -> dict[str, Any] | None:
    """The guard band of a run's scores: by the parts of the study, and counted on its scores."""
    if asked.guard is None:
        return None
    if gauge is None:
        notes.append("no guard band: there is no gauge study of the scores")
        return None
    parts = table.groupby("part")["score"].mean().to_numpy()
    return _band(gauge, asked, parts, table)


def _gauge(table: pd.DataFrame, asked: Asked) -> dict[str, Any]:
    return gauge_study(table, tolerance=asked.tolerance, pool_above=asked.pool_above).as_json()


def _band(
    gauge: dict[str, Any], asked: Asked, parts: np.ndarray, scores: pd.DataFrame | None = None
) -> dict[str, Any]:
    low, high = asked.ends
    band = guard_band(
        low,
        high,
        repeatability_sd=gauge["repeatability_sd"],
        gauge_sd=gauge["grr_sd"],
        parts=parts,
        k=float(asked.guard or 0.0),
    )
    counted = None if scores is None else guard_band_counted(band, low, high, scores, set(asked.defect))
    return {**asdict(band), "counted": counted}
