"""Repeatability studies in words, for the console and pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vidrobust.plugins.gauge.acceptance import value_words
from vidrobust.plugins.gauge.differing_operators import differences_in, worst_words
from vidrobust.text import numbers
from vidrobust.text.numbers import counted_share, interval, p_words, with_interval
from vidrobust.text.phrases import plural


def _figure(value: float | None) -> str:
    return numbers.number(value, 4, missing="-")


def _hundredths(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.2f}"


def freedom(count: int) -> str:
    return plural(count, "degree of freedom", "degrees of freedom")


def trials(count: float) -> str:
    whole = abs(count - round(count)) < 1e-9
    return plural(round(count), "trial") if whole else f"{count:.3g} trials on average"


def categories(ndc: int | None) -> str:
    if ndc is None:
        return "nothing varies: no distinct categories"
    if ndc >= 10_000:
        return "distinct categories beyond counting: no spread of the gauge was seen"
    return "1 distinct category" if ndc == 1 else f"{ndc} distinct categories"


def counts(attribute: Mapping[str, Any]) -> str:
    """How many parts, operators and verdicts an attribute study has."""
    sizes = ((attribute["parts"], "part"), (len(attribute["operators"]), "operator"))
    return ", ".join(plural(count, what) for count, what in (*sizes, (attribute["n"], "verdict")))


def lines(study: Mapping[str, Any]) -> list[str]:
    summary = study.get("overall")
    rows = differences_in(study)
    first = []
    if summary:
        # the sentence has the first that is needed
        first = [summary["sentence"], *(f"  needed: {text}" for text in summary["needed"][1:])]
    return [*first, *(f"  {sentence}" for sentence in worst_words(rows)), *_figures(study)]


def _figures(study: Mapping[str, Any]) -> list[str]:
    if study["study"] == "run":
        summary = _attribute(study["attribute"]) + (
            _gauge(study["gauge"]) if study["gauge"] else []
        )
        summary += [_operator(row) for row in study["by_operator"]]
        summary += [f"  {together_words(study['people'])}"] if study["people"] else []
        summary += [line for level in study["levels"].items() for line in _level(*level)]
        summary += [f"  note: {note}" for note in study["attribute"]["notes"]]
    elif study["study"] == "bias":
        summary = [f"  {line}" for line in bias_lines(study)]
    else:
        summary = _gauge(study) if study["study"] == "gauge" else _attribute(study)
    summary += [f"  note: {note}" for note in study["notes"]]
    return [*summary, *_verdicts(study["verdicts"])]


def _operator(operator: Mapping[str, Any]) -> str:
    sd = with_interval(operator["repeatability_sd"], operator["low"], operator["high"], digits=4)
    return f"  {operator['operator']}: mean {_figure(operator['mean'])}, sd between passes {sd}"


def _level(name: str, study: Mapping[str, Any]) -> list[str]:
    between = study["attribute"]["between_operators"]["agreement"]
    text = f"  {name}: {study['parts']} parts, {plural(study['items'], 'input')}"
    for operator, row in study["attribute"]["within_operator"].items():
        if row["agreement"]["n"]:
            text += f"; within {operator} {_share(row['agreement'])}"
    if between["n"]:
        text += f"; between operators {_share(between)}"
    if study["gauge"]:
        text += f"; %GRR {_hundredths(study['gauge']['percent_grr'])}"
    return [text]


def _gauge(study: Mapping[str, Any]) -> list[str]:
    wording = [
        f"{study['design']} study: {plural(study['parts'], 'part')}, {plural(study['operators'], 'operator')}, "
        f"{trials(study['trials'])}, {plural(study['n'], 'measurement')}; interaction: {study['interaction']}",
        f"{'':17}{'sd':>11} {'95 % interval':>23} {'% of study':>11} {'% of variance':>14}",
    ]
    for name, part in study["components"].items():
        ends = interval(part["sd_low"], part["sd_high"], digits=4)
        wording.append(
            f"  {name:15}{_figure(part['sd']):>11} {ends:>23} {_hundredths(part['percent_study']):>11} "
            f"{_hundredths(part['percent_contribution']):>14}"
        )
    grr = study["percent_grr"], study["percent_grr_low"], study["percent_grr_high"]
    wording.append(
        f"  %GRR {with_interval(*grr, '%', 4)} of the study variation; {categories(study['ndc'])}"
    )
    if numbers.known(study["percent_tolerance"]):
        wording.append(
            f"  {study['percent_tolerance']:.2f} % of the tolerance of {study['tolerance']:g}"
        )
    if numbers.known(study["percent_process"]):
        wording.append(f"  {study['percent_process']:.2f} % of the process variation")
    return wording


def bias_lines(study: Mapping[str, Any]) -> list[str]:
    """Bias, Cg and Cgk of each part, and the line of the bias."""
    wording = []
    for row in study["parts"]:
        bias = with_interval(row["bias"], row["low"], row["high"], digits=4)
        text = f"{row['part']}: bias {bias} of {row['reference']:g} ({p_words(row['p'])}, n = {row['n']})"
        if row["cg"] is not None:
            cg, cgk = (
                with_interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
                for name in ("cg", "cgk")
            )
            text += f"; Cg {cg}, Cgk {cgk}"
        wording.append(text)
    if line := study["linearity"]:
        slope, at_0 = (
            with_interval(line[name], line[f"{name}_low"], line[f"{name}_high"], digits=4)
            for name in ("slope", "intercept")
        )
        wording.append(f"linearity: slope {slope}, intercept {at_0}, R² {line['r_squared']:.3f}")
        places = ", ".join(f"{place:g}" for place in line["outside"])
        held = f"leaves out a bias of 0 at {places}" if places else "holds a bias of 0 everywhere"
        wording.append(f"the 95 % band of the line {held}")
    return wording


def together_words(people: Mapping[str, Any]) -> str:
    both, who = people["together"], " and ".join(people["operators"])
    if not both:
        return f"{who}: no part was judged by them and by the model"
    text = (
        f"of {both['parts']} parts judged by the model and by {who}, both sides split on {both['both']}, only "
        f"the model on {both['only_model']}, only people on {both['only_people']}, nobody on {both['neither']} "
    )
    split = both["both"] + both["only_model"]
    if not split or not both["both"] + both["only_people"]:
        return f"{text}(a side that never splits cannot be compared)"
    if both["p"] < 0.05 and both["odds"] > 1:
        return f"{text}({p_words(both['p'])}: the model splits where people split, on parts that are hard)"
    return f"{text}({p_words(both['p'])}: that the model splits where people do is not shown)"


def _attribute(study: Mapping[str, Any]) -> list[str]:
    wording = [counts(study)]
    for operator, row in study["within_operator"].items():
        if row["agreement"]["n"]:
            wording.append(
                f"  within {operator}: {_share(row['agreement'])}, kappa {_kappa(row['fleiss_kappa'])}"
            )
    between = study["between_operators"]
    if between["agreement"]["n"]:
        wording.append(
            f"  between operators: {_share(between['agreement'])}, Fleiss kappa "
            f"{_kappa(between['fleiss_kappa'])}"
        )
    for pair in between["cohens_kappa"]:
        wording.append(f"    {' and '.join(pair['operators'])}: Cohen's kappa {_kappa(pair)}")
    wording += [f"    {sentence}" for sentence in tests_words(study)]
    for operator, row in ((study["against_reference"] or {}).get("operators") or {}).items():
        line = f"  {operator} against the reference: effectiveness {_share(row['effectiveness'])}, kappa "
        wording.append(line + _kappa(row["kappa"]))
        if row["miss_rate"]:
            wording.append(
                f"    misses {_share(row['miss_rate'])}, false alarms {_share(row['false_alarm_rate'])}"
            )
    grey = [part["part"] for part in study["grey_zone"]["parts"]]
    wording.append(f"  grey zone: {len(grey)} parts{': ' + ', '.join(grey[:20]) if grey else ''}")
    return wording


def tests_words(study: Mapping[str, Any]) -> list[str]:
    """Kendall's W, Cochran's Q and McNemar's tests of an attribute study, a sentence each."""
    between = study["between_operators"]
    concordance = [
        (f"within {name}", row["kendalls_w"]) for name, row in study["within_operator"].items()
    ]
    wording = [
        f"Kendall's W {name}: {w['value']:.3f}, chi-square {w['chi_square']:.2f} on {freedom(w['df'])}, "
        f"{p_words(w['p'])} ({w['raters']} ratings of {w['n']} parts)"
        for name, w in [*concordance, ("between operators", between["kendalls_w"])]
        if w
    ]
    if between["cochrans_q"]:
        q = between["cochrans_q"]
        same = (
            "they call different shares of the parts bad"
            if q["p"] < 0.05
            else "no difference is shown"
        )
        wording.append(
            f"Cochran's Q over operators: {q['q']:.3f} on {freedom(q['df'])}, {p_words(q['p'])}: {same}"
        )
    for pair in between["mcnemar"]:
        one, other = pair["operators"]
        wording.append(
            f"McNemar, {one} and {other}: {plural(pair['only_first'], 'part')} called bad by {one} alone, "
            f"{pair['only_second']} by {other} alone, {p_words(pair['p'])}"
        )
    return wording


def _verdicts(verdicts: Sequence[Mapping[str, Any]]) -> list[str]:
    wording = []
    for rule in dict.fromkeys(v["rule"] for v in verdicts):
        wording.append(f"  rule: {rule}")
        wording += [
            f"    {v['verdict']}: {v['of'] or v['quantity']} {_judged(v)}"
            for v in verdicts
            if v["rule"] == rule
        ]
    return [
        *wording,
        *(f"  rules: {source}" for source in dict.fromkeys(v["source"] for v in verdicts)),
    ]


def _judged(verdict: Mapping[str, Any]) -> str:
    return "-" if verdict["value"] is None or math.isnan(verdict["value"]) else value_words(verdict)


def _share(study: Mapping[str, Any]) -> str:
    return counted_share(study, missing="-")


def _kappa(kappa: Mapping[str, Any]) -> str:
    if kappa["value"] is None:
        return "not defined"
    return with_interval(kappa["value"], kappa["low"], kappa["high"], digits=3)
