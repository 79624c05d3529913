"""Studies of measurement systems analysis, of tables and of a run's verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.gauge import acceptance
from vidrobust.plugins.gauge.attributes.attribute import attribute_study
from vidrobust.plugins.gauge.differing_operators import mean_by_operator, spread_by_operator
from vidrobust.plugins.gauge.measurements import (
    Case,
    StudyTable,
    read_attribute,
    read_bias,
    read_gauge,
    settled,
)
from vidrobust.plugins.gauge.variables.anova import AskedDesign
from vidrobust.plugins.gauge.variables.bias import bias_study
from vidrobust.plugins.gauge.variables.gauge import STUDY_WIDTH, gauge_study, range_state
from vidrobust.plugins.gauge.verdicts import MEASURES, RULES, SCORES
from vidrobust.statistics.levels import LEVEL
from vidrobust.text.phrases import listing, plural
from vidrobust.text.printable import printable

# Each operator's own repeatability: which one measures the same part differently from trial to trial.


def repeatability_by_operator(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return per operator mean, pooled repeatability_sd with chi-square interval, parts and n."""
    return [_of(str(operator), rows) for operator, rows in table.groupby("operator", sort=True)]


def _of(operator: str, rows: pd.DataFrame) -> dict[str, Any]:
    by_part = rows.groupby("part")["value"]
    squares = float((rows["value"] - by_part.transform("mean")).pow(2).sum())
    free = len(rows) - rows["part"].nunique()
    sd = low = high = None
    if free:
        sd = math.sqrt(squares / free)
        tail = (1 - LEVEL) / 2
        low, high = (math.sqrt(squares / stats.chi2.ppf(p, free)) for p in (1 - tail, tail))
    return {
        "operator": operator,
        "mean": float(rows["value"].mean()),
        "repeatability_sd": sd,
        "low": low,
        "high": high,
        "degrees_of_freedom": free,
        "parts": int(rows["part"].nunique()),
        "n": len(rows),
    }


MOST_CLASSES = 12
DEFECT, GOOD = "defect", "good"


@dataclass(frozen=True, kw_only=True)
class StudyRequest:
    """The options of a study.

    ``width`` is a gauge's spread in standard deviations. ``people`` holds part, operator, trial, value.
    """

    profile: acceptance.Profile
    rule: str = "majority"
    defect: tuple[str, ...] = ()
    pass_fail: bool = False
    ordered: tuple[str, ...] = ()
    pool_above: float = 0.25
    tolerance_width: float | None = None
    tolerance_low: float | None = None
    tolerance_high: float | None = None
    width: float = STUDY_WIDTH
    process_sd: float | None = None
    design: AskedDesign = "auto"
    factors: tuple[str, ...] = ()
    measure: str | None = None
    mm_per_px: float = 1.0
    people: pd.DataFrame | None = None

    @property
    def tolerance(self) -> float:
        """Width of the tolerance, as given or between both limits; NaN where neither is known."""
        if self.tolerance_width is not None:
            return self.tolerance_width
        if self.tolerance_low is None or self.tolerance_high is None:
            return math.nan
        return self.tolerance_high - self.tolerance_low

    def tolerance_of(self, mean: float) -> float:
        """Width of the tolerance; one-sided, twice the way from the mean to its limit (AIAG, MSA, 2010)."""
        if not math.isnan(self.tolerance):
            return self.tolerance
        ways = [
            sign * (limit - mean)
            for sign, limit in ((-1, self.tolerance_low), (1, self.tolerance_high))
            if limit is not None
        ]
        return 2 * ways[0] if ways and ways[0] > 0 else math.nan

    @property
    def score_of(self) -> str:
        if self.measure:
            return f"{MEASURES[self.measure]}, {'px' if self.mm_per_px == 1 else 'mm'}"
        return f"probability of {self.defect[0] if len(self.defect) == 1 else 'a defect'}"

    @property
    def score_in_words(self) -> str:
        """How one score is made, such as "median over the frames of the probability of scratch"."""
        return f"{'median' if self.measure else SCORES[self.rule]} over the frames of the {self.score_of}"


def gauge_of(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any]:
    """Return the gauge study of a table with its operators and verdicts."""
    table = table.assign(value=settled(table["value"]))
    study = {"study": "gauge", **_gauge(table, asked)}
    study["charts"] = range_state(table)
    study["by_operator"] = repeatability_by_operator(table)
    study["differences"] = differences_of(table, nested=study["design"] == "nested")
    return _with_verdicts(study, asked.profile)


def bias_of_table(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any]:
    """Return the bias study of a table part, value, reference, and its verdicts."""
    study = bias_study(
        table,
        tolerance=asked.tolerance_of(float(table["value"].mean())),
        width=asked.width,
    )
    notes = [] if study["tolerance"] == study["tolerance"] else ["Cg and Cgk need --tolerance"]
    study = _with_verdicts({"study": "bias", **study, "notes": notes}, asked.profile)
    if not study["verdicts"]:
        biased = sum(row["low"] > 0 or row["high"] < 0 for row in study["parts"])
        text = (
            f"The bias of {biased} of {plural(len(study['parts']), 'part')} surely differs from 0"
        )
        study["overall"]["sentence"] = f"{text} (AIAG: of none)."
    return study


def _with_verdicts(study: dict[str, Any], profile: acceptance.Profile) -> dict[str, Any]:
    study["verdicts"], study["short"] = acceptance.judged(profile, study["study"], study)
    study["overall"] = acceptance.overall(study)
    return study


def differences_of(table: pd.DataFrame, *, nested: bool = False) -> list[dict[str, Any]]:
    """Which operator differs from the others."""
    rows = spread_by_operator(table, nested=nested)
    rows += [] if nested else mean_by_operator(table)
    return [asdict(row) for row in rows]


def attribute_of(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any]:
    """The attribute study of a table part, operator, trial, value [, reference], and its verdicts."""
    table, defect = passed_or_failed(table, asked)
    study = {"study": "attribute", **attribute_study(table, defect=defect, ordered=asked.ordered)}
    study["needs"] = defect_needed(study, defect, asked.profile)
    return _with_verdicts(study, asked.profile)


def defect_needed(
    study: dict[str, Any],
    defect: Sequence[str],
    profile: acceptance.Profile,
    *,
    scores: bool = False,
) -> list[str]:
    """Ask which classes are defects, where a rule needs to know."""
    of_reference = study["against_reference"] is not None and profile.judges(
        "attribute", "miss_rate", "false_alarm_rate"
    )
    of_scores = scores and profile.judges("gauge")
    if defect or len(study["classes"]) < 2 or not (of_reference or of_scores):
        return []
    return [
        "Name the classes that are defects: --defect CLASS[,CLASS], of "
        f"{listing(map(printable, study['classes']), MOST_CLASSES)}."
    ]


def passed_or_failed(
    table: pd.DataFrame, asked: StudyRequest
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if not asked.pass_fail:
        return table, asked.defect
    if not asked.defect:
        raise SettingsError("--pass-fail needs --defect CLASS[,CLASS]")
    summary = table.assign(value=np.where(table["value"].isin(asked.defect), DEFECT, GOOD))
    if "reference" in table:
        reference = np.where(table["reference"].isin(asked.defect), DEFECT, GOOD)
        summary["reference"] = np.where(table["reference"] == "", "", reference)
    return summary, (DEFECT,)


def study_of_file(
    kind: str, path: Path, asked: StudyRequest, columns: Mapping[str, str], case: Case
) -> tuple[dict[str, Any], StudyTable]:
    """Return the study of a table in a file ("gauge", "attribute" or "bias"), and the table as it was judged."""
    if kind == "gauge":
        table = read_gauge(path, columns, case)
        study, rows = gauge_of(table.rows, asked), table.rows
    elif kind == "bias":
        table = read_bias(path, columns, case)
        study, rows = bias_of_table(table.rows, asked), table.rows
    else:
        table = read_attribute(path, columns, case)
        study, rows = attribute_of(table.rows, asked), passed_or_failed(table.rows, asked)[0]
    study["notes"] = [*table.notes, *table.assumed, *study["notes"]]
    study["dropped_lines"] = list(table.dropped)
    return study, replace(table, rows=rows)


def studies(
    table: pd.DataFrame, asked: StudyRequest, possible: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any] | None, list[str]]:
    """The attribute study of verdicts, the gauge study of scores (or None), and notes."""
    notes = [f"one verdict a part and pass: {RULES[asked.rule]}"]
    unknown = set(asked.defect) - set(possible) - set(table["value"]) - set(table["reference"])
    rows, defect = (table, asked.defect) if unknown else passed_or_failed(table, asked)
    attribute = attribute_study(rows, defect=defect, ordered=asked.ordered, possible=possible)
    unseen = [name for name in asked.defect if name not in set(table["value"])]
    if unseen:
        notes.append(f"no verdict is {' or '.join(unseen)}")
    scored = table[table["item"].notna()]
    if asked.measure and scored["score"].isna().any():
        notes.append(
            "no gauge study of the boxes: some input has none that reaches the start score"
        )
        return attribute, None, notes
    if scored["score"].isna().any():
        notes.append(
            "no gauge study of the scores: name the class whose probability is the score with --defect"
        )
        return attribute, None, notes
    summary = asked.score_in_words
    scores = scored[["part", "operator", "trial", "score"]].rename(columns={"score": "value"})
    try:
        gauge = _gauge(scores, asked)
    except InputError as error:
        return attribute, None, [*notes, f"no gauge study of the scores: {error}"]
    return attribute, gauge, [*notes, f"score of the gauge: {summary}"]


def _gauge(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any]:
    return gauge_study(
        table,
        tolerance=asked.tolerance_of(float(table["value"].mean())),
        process_sd=math.nan if asked.process_sd is None else asked.process_sd,
        width=asked.width,
        pool_above=asked.pool_above,
        design=asked.design,
        factors=asked.factors,
    ).as_json()
