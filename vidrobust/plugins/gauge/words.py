"""Repeatability studies in words, for the console and pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vidrobust.plugins.gauge.acceptance import value_words
from vidrobust.plugins.gauge.differing_operators import worst_words
from vidrobust.plugins.gauge.variables.uncertainty import NAMES
from vidrobust.text import numbers
from vidrobust.text.numbers import counted_share, interval, known, p_words, percent, with_interval
from vidrobust.text.phrases import plural


def _figure(value: float | None) -> str:
    return numbers.number(value, 4, missing="-")


def fixed(value: float | None, digits: int) -> str:
    """So many digits behind the point, or a dash."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


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


def equal_variances_words(test: Mapping[str, Any]) -> str:
    differ = test["p"] < 0.05
    said = "operators do not repeat alike" if differ else "no difference of repeatability is shown"
    return (
        f"equal variances of operators (Bartlett): {test['statistic']:.3f} on {freedom(test['df'])}, "
        f"{p_words(test['p'])}: {said}, if measurements are normal"
    )


def budget_words(found: Mapping[str, Any]) -> list[str]:
    """The uncertainty budget, a line a component and the ratios."""
    lines = ["standard uncertainties (* counts for the measuring system, + for the process):"]
    for name, u in found["components"].items():
        marks = "*" * (name in found["counted_ms"]) + "+" * (name in found["counted_mp"])
        lines.append(f"  {NAMES[name]:42}{_figure(u):>11} {marks}")
    for short, of in (("ms", "measuring system"), ("mp", "measuring process")):
        if found[f"q_{short}"] is not None:
            lines.append(
                f"Q_{short.upper()} {found[f'q_{short}']:.1f} %: {of} {_figure(found[f'u_{short}'])}, expanded "
                f"{_figure(found[f'expanded_{short}'])}; good for tolerances from "
                f"{_figure(found[f'least_tolerance_{short}'])}"
            )
    return lines


def type1_words(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"type-1 study: {found['n']} readings of one part, mean {_figure(found['mean'])}, standard deviation "
        f"{_figure(found['sd'])}, reference {_figure(found['reference'])}",
        f"  bias {_figure(found['bias'])} (95 % interval {_figure(found['bias_low'])} to "
        f"{_figure(found['bias_high'])}), t = {fixed(found['t'], 3)} on {freedom(found['df'])}, "
        f"{p_words(found['p'])}",
    ]
    if found["cg"] is not None and found["cg"] == found["cg"]:
        lines.append(
            f"  Cg {found['cg']:.2f} (95 % interval {found['cg_low']:.2f} to {found['cg_high']:.2f}), Cgk "
            f"{found['cgk']:.2f} ({found['cgk_low']:.2f} to {found['cgk_high']:.2f}): "
            f"{100 * found['share']:.3g} % of the tolerance of {_figure(found['tolerance'])} over "
            f"{found['width']:g} standard deviations"
        )
    return (
        lines + [f"  {line}" for line in budget_words(found["budget"])]
        if found.get("budget")
        else lines
    )


def linearity_words(found: Mapping[str, Any]) -> list[str]:
    sign = "+" if found["slope"] >= 0 else "-"
    lines = [
        f"bias = {_figure(found['intercept'])} {sign} {_figure(abs(found['slope']))} x reference; R2 "
        f"{100 * found['r_squared']:.1f} %, residual standard deviation {_figure(found['residual_sd'])}",
        f"  slope: {p_words(found['slope_p'])}; mean bias {_figure(found['bias'])} "
        f"({_figure(found['bias_low'])} to {_figure(found['bias_high'])}), {p_words(found['bias_p'])}; a bias of "
        f"0 lies {'within' if found['zero_inside'] else 'beyond'} the 95 % band of the line",
    ]
    return lines + [
        f"  part {part['part']}, reference {_figure(part['reference'])}: bias {_figure(part['bias'])} "
        f"({_figure(part['low'])} to {_figure(part['high'])}), {p_words(part['p'])}, {part['n']} readings"
        for part in found["parts"]
    ]


def stability_words(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"stability: {len(found['times'])} times, centre {_figure(found['centre'])}, limits "
        f"{_figure(found['low'])} to {_figure(found['high'])}, standard deviation within "
        f"{_figure(found['sigma'])}",
        f"  trend {_figure(found['slope'])} a time, {p_words(found['slope_p'])}",
    ]
    if found["bias"] is not None and found["bias"] == found["bias"]:
        against = _figure(found["reference"])
        lines.append(
            f"  bias {_figure(found['bias'])} against {against}, {p_words(found['bias_p'])}"
        )
    rows = zip(
        found["times"],
        found["average"],
        found["out"],
        found["shifted"],
        found["spread_out"],
        strict=True,
    )
    for time, value, out, shifted, wide in rows:
        said = "OUT" if out else "eight on one side" if shifted else "spread OUT" if wide else ""
        if said:
            lines.append(f"  {time}: {_figure(value)} {said}")
    return lines


def agreement_words(found: Mapping[str, Any]) -> list[str]:
    """Agreement by class, of ordered classes and of two operators' errors, a sentence each."""
    panels = [(f"within {name}", own["by_class"]) for name, own in found["within_operator"].items()]
    panels.append(("between operators", found["between_operators"]["by_class"]))
    against = (found["against_reference"] or {}).get("operators") or {}
    panels += [(f"{name} and reference", own["by_class"]) for name, own in against.items()]
    lines = [sentence for where, rows in panels if (sentence := _by_class(where, rows))]
    for name, own in against.items():
        lines += _ordered(name, own)
    for pair in found["between_operators"]["cohens_kappa"]:
        if pair.get("bowker"):
            test, who = pair["bowker"], " and ".join(pair["operators"])
            differ = test["p"] < 0.05
            said = (
                "they err in different directions"
                if differ
                else "no difference of direction is shown"
            )
            lines.append(
                f"Bowker, {who}: {test['statistic']:.3f} on {freedom(test['df'])}, "
                f"{p_words(test['p'])}: {said}"
            )
    if found.get("signal_detection"):
        lines += signal_words(found["signal_detection"])
    return lines + [analytic_words(each) for each in found.get("analytic_method") or []]


def _by_class(where: str, rows: list[Mapping[str, Any]]) -> str:
    each = [
        f"{row['name']} {row['kappa']:.3f} (z {row['z']:.2f}, {p_words(row['p'])})"
        for row in rows
        if row["z"] is not None and row["z"] == row["z"]
    ]
    return f"Fleiss' kappa by class, {where}: {'; '.join(each)}" if each else ""


def _ordered(name: str, own: Mapping[str, Any]) -> list[str]:
    tau, weighted = own["kendalls_coefficient"], own["weighted_kappa"]
    lines = []
    if tau:
        lines.append(
            f"Kendall's coefficient of {name} with the reference: {tau['value']:.3f}, {p_words(tau['p'])} "
            f"({tau['n']} parts, mean of {tau['trials']} trials)"
        )
    if weighted and weighted["linear"] is not None:
        lines.append(
            f"weighted kappa of {name} with the reference: linear {weighted['linear']:.3f}, quadratic "
            f"{weighted['quadratic']:.3f}"
        )
    return lines


def signal_words(found: Mapping[str, Any]) -> list[str]:
    """The grey zone in the unit of the parts, a sentence a limit."""
    lines = [
        f"grey zone at the {zone['side']} limit: from {_figure(zone['accepted'])} (always accepted) to "
        f"{_figure(zone['rejected'])} (always rejected), {_figure(zone['width'])} wide, "
        f"{plural(zone['parts'], 'part')} in it"
        for zone in found["zones"]
    ]
    share = found["percent_tolerance"]
    if share is not None and share == share:
        width = _figure(found["width"])
        lines.append(f"grey zones are {width} wide on average, {share:.1f} % of the tolerance")
    return lines + list(found["notes"])


def analytic_words(found: Mapping[str, Any]) -> str:
    """A go/no-go gauge at one limit by the analytic method, in a sentence."""
    line = (
        f"analytic method at the {found['side']} limit: half of the parts of {_figure(found['switches_at'])} are "
        f"accepted; repeatability {_figure(found['repeatability'])} (unadjusted {_figure(found['unadjusted'])}), "
        f"R2 of the line {100 * found['r_squared']:.1f} %"
    )
    if not _is_known(found["bias"]):
        return line
    line += f"; bias {_figure(found['bias'])} against the limit of {_figure(found['limit'])}"
    return f"{line}, t {found['t']:.2f}, {p_words(found['p'])}" if _is_known(found["t"]) else line


def shifted_words(found: Mapping[str, Any], unit: str = "") -> str:
    """What a go/no-go gauge with a bias does at its limit, in a sentence; "" where no bias is shown."""
    if not _is_known(found["p"]) or found["p"] >= 0.05:
        return ""
    too_wide = (found["bias"] > 0) == (found["side"] == "lower")
    return (
        f"At the {found['side']} limit of {_figure(found['limit'])}{unit} the gauge switches at "
        f"{_figure(found['switches_at'])}{unit}: it {'accepts bad' if too_wide else 'rejects good'} parts "
        f"between them more often than not (t {found['t']:.2f}, {p_words(found['p'])})"
    )


def _is_known(value: float | None) -> bool:
    return value is not None and value == value


def lines(found: Mapping[str, Any]) -> list[str]:
    summary = found.get("overall")
    rows = [
        *(found.get("differences") or []),
        *((found.get("attribute") or {}).get("differences") or []),
    ]
    first = [summary["sentence"]] if summary else []
    return [*first, *(f"  {sentence}" for sentence in worst_words(rows)), *_figures(found)]


def _figures(found: Mapping[str, Any]) -> list[str]:
    if found["study"] == "run":
        summary = _attribute(found["attribute"]) + (
            _gauge(found["gauge"]) if found["gauge"] else []
        )
        summary += [_operator(each) for each in found["by_operator"]]
        summary += [f"  {guard_band_words(found['guard_band'])}"] if found["guard_band"] else []
        summary += [f"  {together_words(found['people'])}"] if found["people"] else []
        summary += [line for level in found["levels"].items() for line in _level(*level)]
        summary += [f"  note: {note}" for note in found["attribute"]["notes"]]
    else:
        summary = OF_STUDY[found["study"]](found)
    summary += [f"  note: {note}" for note in found["notes"]]
    return [*summary, *_verdicts(found["verdicts"])]


def _operator(each: Mapping[str, Any]) -> str:
    sd = with_interval(each["repeatability_sd"], each["low"], each["high"], digits=4)
    return f"  {each['operator']}: mean {_figure(each['mean'])}, sd between passes {sd}"


def _level(name: str, found: Mapping[str, Any]) -> list[str]:
    between = found["attribute"]["between_operators"]["agreement"]
    text = f"  {name} ({' and '.join(found['from'])}): {found['parts']} parts, {plural(found['items'], 'input')}"
    for operator, own in found["attribute"]["within_operator"].items():
        if own["agreement"]["n"]:
            text += f"; within {operator} {_share(own['agreement'])}"
    if between["n"]:
        text += f"; between operators {_share(between)}"
    if found["gauge"]:
        text += f"; %GRR {fixed(found['gauge']['percent_grr'], 2)}"
    return [text]


def _gauge(found: Mapping[str, Any]) -> list[str]:
    wording = [
        f"{found['design']} study: {plural(found['parts'], 'part')}, {plural(found['operators'], 'operator')}, "
        f"{trials(found['trials'])}, {plural(found['n'], 'measurement')}; interaction: {found['interaction']}",
        f"{'':17}{'sd':>11} {'95 % interval':>23} {'% of study':>11} {'% of variance':>14}",
    ]
    for name, part in found["components"].items():
        ends = interval(part["sd_low"], part["sd_high"], digits=4)
        wording.append(
            f"  {name:15}{_figure(part['sd']):>11} {ends:>23} {fixed(part['percent_study'], 2):>11} "
            f"{fixed(part['percent_contribution'], 2):>14}"
        )
    grr = found["percent_grr"], found["percent_grr_low"], found["percent_grr_high"]
    wording.append(
        f"  %GRR {with_interval(*grr, '%', 4)} of the study variation; {categories(found['ndc'])}"
    )
    if (
        found["percent_tolerance"] is not None
        and found["percent_tolerance"] == found["percent_tolerance"]
    ):
        wording.append(
            f"  {found['percent_tolerance']:.2f} % of the tolerance of {found['tolerance']:g}"
        )
    if (
        found["percent_process"] is not None
        and found["percent_process"] == found["percent_process"]
    ):
        wording.append(f"  {found['percent_process']:.2f} % of the process variation")
    if found["range_method"]:
        ranges = found["range_method"]
        wording.append(
            f"  range method: %GRR {fixed(ranges['percent_grr'], 2)}, {categories(ranges['ndc'])}"
        )
    wording += [f"  {line}" for line in beside_words(found)]
    if found.get("guard_band"):
        wording.append(f"  {guard_band_words(found['guard_band'])}")
    return wording


def beside_words(found: Mapping[str, Any]) -> list[str]:
    """What a gauge study says beside its components."""
    wording = []
    if found.get("equal_variances"):
        wording.append(equal_variances_words(found["equal_variances"]))
    if found.get("risks"):
        names = ("bad", "consumers_risk", "producers_risk")
        bad, consumer, producer = (percent(found["risks"][name], missing="-") for name in names)
        wording.append(
            f"of parts like these {bad} are out of tolerance; consumer's risk (a bad part is accepted) "
            f"{consumer}, producer's risk (a good part is rejected) {producer}"
        )
    if found.get("budget"):
        wording += budget_words(found["budget"])
    if found.get("linearity"):
        wording += linearity_words(found["linearity"])
    return wording


def guard_band_words(band: Mapping[str, Any]) -> str:
    low, high = (band[f"accept_{end}"] for end in ("low", "high"))
    ends = [f"from {_figure(low)}"] * known(low) + [f"to {_figure(high)}"] * known(high)
    width = f"{band['k']:g} x repeatability ({_figure(band['repeatability_sd'])})"
    text = f"guard band of {width}: accept {' '.join(ends)}."
    counted = band["counted"]
    if counted and "bad" in counted:
        text += (
            f" Bad parts are accepted {counted['bad_accepted']} of {counted['bad']} times "
            f"({counted['bad_accepted_without']} without the band), good ones rejected "
            f"{counted['good_rejected']} of {counted['good']} times ({counted['good_rejected_without']} without)."
        )
    else:
        whose = "like these, by their mean scores," if counted else "like these"
        text += (
            f" Of parts {whose} {percent(band['false_accepts'])} are out of tolerance and accepted "
            f"({percent(band['false_accepts_without'])} without the band), {percent(band['false_rejects'])} are "
            f"within and rejected ({percent(band['false_rejects_without'])} without)."
        )
    if counted:
        text += (
            f" The band takes in {counted['in_band']} of the {counted['n']} scores of this study."
        )
    return text


def together_words(people: Mapping[str, Any]) -> str:
    found, who = people["together"], " and ".join(people["operators"])
    if not found:
        return f"{who}: no part was judged by them and by the model"
    text = (
        f"of {found['parts']} parts judged by the model and by {who}, both sides split on {found['both']}, only "
        f"the model on {found['only_model']}, only people on {found['only_people']}, nobody on {found['neither']} "
    )
    split = found["both"] + found["only_model"]
    if not split or not found["both"] + found["only_people"]:
        return f"{text}(a side that never splits cannot be compared)"
    if found["p"] < 0.05 and found["odds"] > 1:
        return f"{text}({p_words(found['p'])}: the model splits where people split, on parts that are hard)"
    return f"{text}({p_words(found['p'])}: that the model splits where people do is not shown)"


def _attribute(found: Mapping[str, Any]) -> list[str]:
    wording = [
        f"{plural(found['parts'], 'part')}, {plural(len(found['operators']), 'operator')}, "
        f"{plural(found['n'], 'verdict')}"
    ]
    for operator, own in found["within_operator"].items():
        if own["agreement"]["n"]:
            wording.append(
                f"  within {operator}: {_share(own['agreement'])}, kappa {_kappa(own['fleiss_kappa'])}"
            )
    between = found["between_operators"]
    if between["agreement"]["n"]:
        wording.append(
            f"  between operators: {_share(between['agreement'])}, Fleiss kappa "
            f"{_kappa(between['fleiss_kappa'])}"
        )
    for pair in between["cohens_kappa"]:
        wording.append(f"    {' and '.join(pair['operators'])}: Cohen's kappa {_kappa(pair)}")
    wording += [f"    {sentence}" for sentence in [*tests_words(found), *agreement_words(found)]]
    for operator, own in ((found["against_reference"] or {}).get("operators") or {}).items():
        line = f"  {operator} against the reference: effectiveness {_share(own['effectiveness'])}, kappa "
        wording.append(line + _kappa(own["kappa"]))
        if own["miss_rate"]:
            wording.append(
                f"    misses {_share(own['miss_rate'])}, false alarms {_share(own['false_alarm_rate'])}"
            )
    grey = [part["part"] for part in found["grey_zone"]["parts"]]
    wording.append(f"  grey zone: {len(grey)} parts{': ' + ', '.join(grey[:20]) if grey else ''}")
    return wording


def tests_words(found: Mapping[str, Any]) -> list[str]:
    """Kendall's W, Cochran's Q and McNemar's tests of an attribute study, a sentence each."""
    between = found["between_operators"]
    concordance = [
        (f"within {name}", own["kendalls_w"]) for name, own in found["within_operator"].items()
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


# How each kind of study is reported.
OF_STUDY: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "gauge": _gauge,
    "attribute": _attribute,
    "type1": type1_words,
    "linearity": linearity_words,
    "stability": stability_words,
}


def _share(found: Mapping[str, Any]) -> str:
    return counted_share(found, missing="-")


def _kappa(kappa: Mapping[str, Any]) -> str:
    if kappa["value"] is None:
        return "not defined"
    return with_interval(kappa["value"], kappa["low"], kappa["high"], digits=3)
