"""One verdict in one sentence: the rule that decides a study, what it says, and whether the study is sure of
it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vidrobust.plugins.gauge.acceptance import limits_in_words
from vidrobust.plugins.gauge.figures import FIGURES, GAUGE, figures_of
from vidrobust.plugins.gauge.variables.anova import MAYBE_NESTED, NO_SPREAD, ONE_OPERATOR

# A quantity in words: value, percent (of a share) and of whom.
WORDS = {
    "percent_grr": "gauge R&R takes {value} % of the study variation",
    "percent_tolerance": "gauge R&R takes {value} % of the tolerance",
    "percent_process": "gauge R&R is {value} % of the process variation",
    "ndc": "the gauge distinguishes {value} groups of parts",
    "effectiveness": "{of} judges {percent} of the parts right every time",
    "miss_rate": "{of} passes {percent} of the bad parts, counted by trials",
    "false_alarm_rate": "{of} rejects {percent} of the good parts, counted by trials",
    "kappa": "the kappa of {of} is {value}",
    "cg": "Cg is {value}",
    "cgk": "Cgk is {value}",
    "bias_p": "the test of bias against 0 gives p {value}",
    "limit_bias_p": "the test of the gauge's bias at {of} gives p {value}",
    "slope_p": "the test of a bias that changes over the range gives p {value}",
    "percent_linearity": "linearity takes {value} % of the process variation",
    "percent_bias": "bias takes {value} % of the process variation",
    "q_ms": "Q_MS is {value} %",
    "q_mp": "Q_MP is {value} %",
}
# Quantities that are reported in percent, and so are the limits of their rules.
SHARES = ("effectiveness", "miss_rate", "false_alarm_rate")
RANK = {"unacceptable": 3, "marginal": 2, "acceptable": 1}
NO_VERDICT = "no verdict"
NEVER_VARIES = "all values are the same, and what never varies measures nothing"
OPENING = {
    "acceptable": "Acceptable",
    "marginal": "Marginal",
    "unacceptable": "Not acceptable",
    NO_VERDICT: "No verdict",
}


@dataclass(frozen=True, kw_only=True)
class Overall:
    """The verdict on a study: the worst verdict, its sentence, the rule that decides, and whether its
    interval is clear.
    """

    verdict: str
    sentence: str
    quantity: str
    of: str
    value: float | None
    sure: bool | None
    rules: int
    not_computed: int

    def as_json(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


def overall(found: Mapping[str, Any]) -> Overall:
    """The verdict on a study as in its JSON, with ``verdicts`` in it."""
    verdicts = found["verdicts"]
    judged = [each for each in verdicts if each["verdict"] in RANK]
    missing = len(verdicts) - len(judged)
    if not judged:
        why = (
            "nothing that a rule is about could be computed" if verdicts else "no rule applies to this study"
        )
        if verdicts and 0 in (found.get("total_sd"), found.get("sd")):
            why = NEVER_VARIES
        return Overall(
            verdict=NO_VERDICT, sentence=f"No verdict: {why}.", quantity="", of="", value=None, sure=None,
            rules=0, not_computed=missing,
        )  # fmt: skip
    decides = max(judged, key=lambda each: (RANK[each["verdict"]], _beyond(each)))
    sure = _sure(found, decides)
    sentence = _sentence(decides, sure, len(judged), missing)
    gauge = (found if found["study"] == "gauge" else found.get("gauge")) or {}
    for doubt in (MAYBE_NESTED, NO_SPREAD):
        sentence += f" Doubtful: {doubt}." if doubt in gauge.get("notes", ()) else ""
    if ONE_OPERATOR in gauge.get("notes", ()):
        sentence += f" {ONE_OPERATOR[0].upper()}{ONE_OPERATOR[1:]}."
    return Overall(
        verdict=decides["verdict"],
        sentence=sentence,
        quantity=decides["quantity"],
        of=decides["of"],
        value=decides["value"],
        sure=sure,
        rules=len(judged),
        not_computed=missing,
    )


def _beyond(verdict: Mapping[str, Any]) -> float:
    """How far a value lies beyond its limit, as a share of it: of equal verdicts the furthest decides."""
    limit = verdict["accept"]
    gap = (verdict["value"] - limit) if verdict["better"] == "lower" else (limit - verdict["value"])
    return float(gap / max(abs(limit), 1e-12))


def _sure(found: Mapping[str, Any], verdict: Mapping[str, Any]) -> bool | None:
    """Whether both ends of the interval get the same verdict; None where there is no interval."""
    if found["study"] not in ("gauge", "attribute", "run"):
        return None
    known = FIGURES.find(figures_of(found), verdict["quantity"])
    pairs = {} if verdict["quantity"] != "kappa" else FIGURES.find(figures_of(found), "cohens_kappa")
    entry = {**pairs, **known}.get(verdict["of"] or GAUGE, {})
    ends = [entry.get(end) for end in ("low", "high")]
    if any(end is None or math.isnan(end) for end in ends):
        return None
    return all(_judge(verdict, end) == verdict["verdict"] for end in ends if end is not None)


def _judge(rule: Mapping[str, Any], value: float) -> str:
    sign = 1 if rule["better"] == "lower" else -1
    if sign * value <= sign * rule["accept"]:
        return "acceptable"
    return "marginal" if sign * value <= sign * rule["marginal"] else "unacceptable"


def _sentence(verdict: Mapping[str, Any], sure: bool | None, rules: int, missing: int) -> str:
    value = float(verdict["value"])
    small = verdict["quantity"].endswith("_p") and value < 0.001
    text = (
        "below 0.001"
        if small
        else f"{value:.0f}"
        if value == int(value) and abs(value) < 1e6
        else f"{value:.3g}"
    )
    share = f"{100 * value:.3g} %"
    said = WORDS.get(verdict["quantity"], f"{verdict['quantity']} is {{value}}")
    said = said.format(value=text, percent=share, of=verdict["of"] or "all")
    limits = (verdict["accept"], verdict["marginal"])
    in_percent = verdict["quantity"] in SHARES
    written = [f"{100 * limit:g} %" if in_percent else f"{limit:g}{verdict['unit']}" for limit in limits]
    rule = limits_in_words(verdict["better"], *written)
    wording = f"{OPENING[verdict['verdict']]}: {said} ({rule}; {verdict['source']})."
    if sure is False:
        wording += " The interval reaches over a limit: this study is too small to be sure."
    if missing:
        wording += f" {missing} of {rules + missing} rules could not be applied."
    return wording


def worst_words(differences: Sequence[Mapping[str, Any]], unit: str = "") -> list[str]:
    """Which operator is worse, by how much and by which test, a sentence each; "" where none is shown to be."""
    lines = []
    for each in differences:
        if each["p"] >= 0.05:
            continue
        p = "p < 0.001" if each["p"] < 0.001 else f"p = {each['p']:.2g}"
        corrected = f"{p} after Bonferroni for {each['compared']}" if each["compared"] > 1 else p
        who, others = each["operator"], each["others"]
        if each["kind"] == "spread":
            times = f", {each['value'] / each['other']:.2g} times as much" if each["other"] > 0 else ""
            lines.append(
                f"{who} repeats less well than {others}: standard deviation {each['value']:.3g}{unit} against "
                f"{each['other']:.3g}{unit}{times} ({corrected}; exchange of operators within parts)"
            )
        elif each["kind"] == "mean":
            way = "higher" if each["value"] > 0 else "lower"
            lines.append(
                f"{who} measures {abs(each['value']):.3g}{unit} {way} than {others} on the same parts "
                f"({corrected}; Student's t over parts)"
            )
        else:
            lines.append(
                f"{who} is right on {100 * each['value']:.3g} % of the parts, {others} on "
                f"{100 * each['other']:.3g} % ({corrected}; McNemar's exact test)"
            )
    return lines
