"""Studies of measurement systems analysis, of tables and of a run's verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.gauge import acceptance
from vidrobust.plugins.gauge.attributes.attribute import attribute_study
from vidrobust.plugins.gauge.attributes.grey_zone import analytic_method, signal_detection
from vidrobust.plugins.gauge.differing_operators import (
    equal_variances,
    mean_by_operator,
    spread_by_operator,
)
from vidrobust.plugins.gauge.measurements import settled
from vidrobust.plugins.gauge.variables.anova import AskedDesign
from vidrobust.plugins.gauge.variables.gauge import (
    STUDY_WIDTH,
    gauge_study,
    range_state,
    reference_chart,
)
from vidrobust.plugins.gauge.variables.reference_parts import (
    linearity_study,
    size_interval,
    type1_study,
)
from vidrobust.plugins.gauge.variables.uncertainty import (
    COVERAGE,
    budget,
    guard_band,
    guard_band_counted,
    misclassification,
    normal_parts,
    of_bias,
    of_resolution,
    tolerance_width,
)
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

    ``width`` is a gauge's spread in standard deviations, ``guard`` a band in those of repeatability,
    ``calibration`` an expanded uncertainty (k = 2). ``people`` holds part, operator, trial, value.
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
    guard: float | None = None
    width: float = STUDY_WIDTH
    process_sd: float | None = None
    design: AskedDesign = "auto"
    factors: tuple[str, ...] = ()
    measure: str | None = None
    mm_per_px: float = 1.0
    resolution: float | None = None
    calibration: float | None = None
    people: pd.DataFrame | None = None

    @property
    def tolerance(self) -> float:
        return tolerance_width(self.tolerance_low, self.tolerance_high, self.tolerance_width)

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

    @property
    def ends(self) -> tuple[float, float]:
        low, high = self.tolerance_low, self.tolerance_high
        return (-math.inf if low is None else low, math.inf if high is None else high)


def gauge_of(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any]:
    """Return the gauge study of a table with its verdicts, operators, risks, guard band, linearity and
    uncertainty.
    """
    table = table.assign(value=settled(table["value"]))
    found = {"study": "gauge", **_gauge(table, asked)}
    found["charts"] = range_state(table)
    found["by_operator"] = repeatability_by_operator(table)
    found |= differences_of(table, nested=found["design"] == "nested")
    found["risks"] = _risks(found, asked)
    if "reference" in table and table["reference"].nunique() > 1:
        found["linearity"] = linearity_study(table, process_variation=found["tolerance"])
    found |= _capability(_of_gauge(found), found["tolerance"], asked)
    if asked.guard is not None:
        part = found["components"]["part"]["sd"]
        found["guard_band"] = _band(found, asked, normal_parts(float(table["value"].mean()), part))
    return _concluded(found, asked.profile)


def _concluded(
    found: dict[str, Any], profile: acceptance.Profile, needs: Sequence[str] = ()
) -> dict[str, Any]:
    kind = found["study"]
    found["short"] = acceptance.shortages(profile, kind, acceptance.sample_of(found, kind))
    if found.get("analytic_method") and found["against_reference"] is None:
        found["short"] = []  # the analytic method checks its own sample, of 8 parts judged 20 times
    if needs:
        found["needs"] = list(needs)
    of_kind = {"gauge": acceptance.gauge_estimates, "attribute": acceptance.attribute_estimates}
    estimates = of_kind[kind](found) if kind in of_kind else acceptance.plain_estimates(found, kind)
    found["verdicts"] = acceptance.judge(profile, kind, estimates, found["short"])
    found["verdicts"] += acceptance.judge(
        profile, "capability", acceptance.plain_estimates(found, "capability"), found["short"]
    )
    found["overall"] = acceptance.overall(found)
    return found


def differences_of(table: pd.DataFrame, *, nested: bool = False) -> dict[str, Any]:
    """Which operator differs from the others."""
    rows = spread_by_operator(table, nested=nested)
    rows += [] if nested else mean_by_operator(table)
    return {"differences": [asdict(row) for row in rows], "equal_variances": equal_variances(table)}


def _risks(gauge: dict[str, Any], asked: StudyRequest) -> dict[str, Any] | None:
    low, high = asked.ends
    if not (math.isfinite(low) or math.isfinite(high)):
        return None
    return misclassification(gauge["mean"], gauge["part_sd"], gauge["grr_sd"], low, high)


def _of_gauge(found: dict[str, Any]) -> dict[str, float]:
    names = {
        "repeatability": "repeatability_parts",
        "operator": "operator",
        "interaction": "interaction",
    }
    known = found["components"]
    parts = {name: known[key]["sd"] for key, name in names.items() if key in known}
    line = found.get("linearity")
    if line:
        parts |= {"repeatability_reference": line["u_repeatability"], "bias": of_bias(line["bias"])}
        parts |= {"linearity": line["u_linearity"]} if not math.isnan(line["u_linearity"]) else {}
    return parts


def _capability(parts: dict[str, float], tolerance: float, asked: StudyRequest) -> dict[str, Any]:
    if (asked.resolution is None and asked.calibration is None) or not tolerance > 0:
        return {}
    if asked.resolution is not None:
        parts["resolution"] = of_resolution(asked.resolution)
    if asked.calibration is not None:
        parts["calibration"] = asked.calibration / COVERAGE
    found = budget(parts, tolerance)
    return {"budget": found, "q_ms": found["q_ms"], "q_mp": found["q_mp"]}


def attribute_of(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any]:
    """The attribute study of a table part, operator, trial, value [, reference, measured], and its verdicts."""
    table, defect = passed_or_failed(table, asked)
    found = {"study": "attribute", **attribute_study(table, defect=defect, ordered=asked.ordered)}
    if "measured" in table and table["measured"].notna().any():
        found |= _of_sizes(table, set(defect), asked, found["notes"])
    found["needs"] = [*defect_needed(found, defect, asked.profile), *_limits_needed(found, asked)]
    return _concluded(found, asked.profile)


def defect_needed(
    found: dict[str, Any],
    defect: Sequence[str],
    profile: acceptance.Profile,
    *,
    scores: bool = False,
) -> list[str]:
    """Ask which classes are defects, where a rule needs to know."""
    of_reference = found["against_reference"] is not None and profile.judges(
        "attribute", "miss_rate", "false_alarm_rate"
    )
    of_scores = scores and profile.judges("gauge")
    if defect or len(found["classes"]) < 2 or not (of_reference or of_scores):
        return []
    return [
        "Name the classes that are defects: --defect CLASS[,CLASS], of "
        f"{listing(map(printable, found['classes']), MOST_CLASSES)}."
    ]


def _limits_needed(found: dict[str, Any], asked: StudyRequest) -> list[str]:
    if not found.get("analytic_method") or not asked.profile.judges(
        "attribute", "percent_limit_bias"
    ):
        return []
    if not math.isnan(asked.tolerance):
        return []
    return [
        "Give the tolerance, to judge the bias by: --tolerance-low X --tolerance-high X, or --tolerance W."
    ]


def _of_sizes(
    table: pd.DataFrame, defect: set[str], asked: StudyRequest, notes: list[str]
) -> dict[str, Any]:
    if not defect:
        notes.append("the parts' sizes are not used: name the classes that reject with --defect")
        return {}
    ends = {"low": asked.tolerance_low, "high": asked.tolerance_high}
    try:
        zone = signal_detection(table, defect, **ends)
    except InputError as error:
        notes.append(f"no grey zone in the unit of the parts: {error}")
        return {}
    limits = analytic_method(table, defect, **ends)
    for each in limits:
        least, most = size_interval(each["bias_low"], each["bias_high"])
        each |= {
            "percent_bias": 100 * abs(each["bias"]) / asked.tolerance,
            "percent_bias_low": 100 * least / asked.tolerance,
            "percent_bias_high": 100 * most / asked.tolerance,
        }
    notes += [note for each in limits for note in each["notes"]]
    return {"signal_detection": zone, "analytic_method": limits}


def type1_of(values: np.ndarray, reference: float, asked: StudyRequest) -> dict[str, Any]:
    """The type-1 study of readings in their order, and its verdicts."""
    found = type1_study(values, reference, tolerance=asked.tolerance, width=asked.width)
    found["values"] = [float(value) for value in values]
    parts = {"repeatability_reference": found["sd"], "bias": of_bias(found["bias"])}
    found |= _capability(parts, found["tolerance"], asked)
    needs = ["Give the tolerance, to judge spread and bias by: --tolerance W."]
    return _concluded(found, asked.profile, [] if asked.tolerance > 0 else needs)


def linearity_of(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any]:
    spread = math.nan if asked.process_sd is None else asked.width * asked.process_sd
    if asked.tolerance > 0:
        spread = asked.tolerance
    found = linearity_study(table, process_variation=spread)
    needs = ["Give what the bias is judged by: --tolerance W, or --process-sd SD."]
    return _concluded(found, asked.profile, needs if math.isnan(spread) else [])


def stability_of(
    table: pd.DataFrame, reference: float, profile: acceptance.Profile | None = None
) -> dict[str, Any]:
    """The control chart of a reference part: time, value."""
    found = reference_chart(table, reference)
    wrong = found["wrong"]
    beyond = _beyond(found)
    said = (
        f"Not stable: {beyond}"
        if wrong
        else "Stable: no point is beyond its limits or in a run of eight"
    )
    source = (
        "Shewhart's limits; AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III-B"
    )
    found["verdicts"] = []
    verdict, sentence = "unacceptable" if wrong else "acceptable", f"{said} ({source})."
    least = (acceptance.MINIMUM if profile is None else profile.minimum)["stability"]["times"]
    short: list[dict[str, Any]] = [{"what": "times", "has": len(found["times"]), "least": least}]
    short = [each for each in short if each["has"] < each["least"]]
    if short and not wrong:
        verdict = acceptance.NOT_SHOWN
        sentence = (
            f"Not shown: no point is beyond its limits, but {len(found['times'])} times are too few to call a "
            f"gauge stable; at least {least} are needed ({source})."
        )
    if not found["sigma"] > 0 and not wrong:
        verdict, sentence = acceptance.NO_VERDICT, f"No verdict: {acceptance.NEVER_VARIES}."
    needed = [plural(each["least"] - each["has"], "further time") for each in short]
    found["overall"] = {
        "verdict": verdict, "sentence": sentence, "short": short, "needed": needed, "reasons": [],
    }  # fmt: skip
    return found


def _beyond(found: dict[str, Any]) -> str:
    out = [a or b for a, b in zip(found["out"], found["spread_out"], strict=True)]
    rest = sum(shifted and not o for shifted, o in zip(found["shifted"], out, strict=True))
    text = f"{sum(out)} of {plural(len(out), 'point')} {'is' if sum(out) == 1 else 'are'} beyond a limit"
    return f"{text}, {rest} more in a run of eight on one side" if rest else text


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


def judged(
    profile: acceptance.Profile, attribute: dict[str, Any], gauge: dict[str, Any] | None
) -> list[dict[str, Any]]:
    short = acceptance.shortages(profile, "attribute", acceptance.sample_of(attribute, "attribute"))
    found = acceptance.judge(profile, "attribute", acceptance.attribute_estimates(attribute), short)
    if gauge is None:
        return found
    short = acceptance.shortages(profile, "gauge", acceptance.sample_of(gauge, "gauge"))
    return found + acceptance.judge(profile, "gauge", acceptance.gauge_estimates(gauge), short)


def short_of(
    profile: acceptance.Profile, attribute: dict[str, Any], gauge: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """What the sample of a run has too few of."""
    found = acceptance.shortages(profile, "attribute", acceptance.sample_of(attribute, "attribute"))
    if gauge is not None:
        found += acceptance.shortages(profile, "gauge", acceptance.sample_of(gauge, "gauge"))
    most = {each["what"]: each["least"] for each in sorted(found, key=lambda each: each["least"])}
    return [each for each in found if each["least"] == most[each["what"]]]


def by_operator(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Each operator's own repeatability of the score; empty without scores."""
    scores = table.rename(columns={"value": "verdict", "score": "value"})
    return [] if scores["value"].isna().any() else repeatability_by_operator(scores)


def guard_of(
    table: pd.DataFrame, gauge: dict[str, Any] | None, asked: StudyRequest, notes: list[str]
) -> dict[str, Any] | None:
    """The guard band of a run's scores."""
    if asked.guard is None:
        return None
    if gauge is None:
        notes.append("no guard band: there is no gauge study of the scores")
        return None
    parts = table.groupby("part")["score"].mean().to_numpy()
    return _band(gauge, asked, parts, table)


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


def _band(
    gauge: dict[str, Any],
    asked: StudyRequest,
    parts: np.ndarray,
    scores: pd.DataFrame | None = None,
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
    counted = (
        None if scores is None else guard_band_counted(band, low, high, scores, set(asked.defect))
    )
    return {**band, "counted": counted}
