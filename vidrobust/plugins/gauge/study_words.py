"""What the studies say beside their tables, in sentences: tests, risks, uncertainty, agreement by class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidrobust.plugins.gauge.variables.uncertainty import NAMES
from vidrobust.text import numbers
from vidrobust.text.numbers import p_words
from vidrobust.text.phrases import plural


def _figure(value: float | None) -> str:
    """Four digits, or a dash: a cell of a table of the console."""
    return numbers.number(value, 4, missing="-")


def _percent(value: float | None) -> str:
    """A share in percent, or a dash."""
    return numbers.percent(value, missing="-")


def fixed(value: float | None, digits: int) -> str:
    """So many digits behind the point, or a dash."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"


def freedom(count: int) -> str:
    """Degrees of freedom: "1 degree of freedom"."""
    return plural(count, "degree of freedom", "degrees of freedom")


def trials(count: float) -> str:
    """Trials of a cell in words; their mean where cells differ."""
    whole = abs(count - round(count)) < 1e-9
    return plural(round(count), "trial") if whole else f"{count:.3g} trials on average"


def categories(ndc: int | None) -> str:
    """Distinct categories in words; of a gauge that showed no spread more than can be counted."""
    if ndc is None:
        return "nothing varies: no distinct categories"
    if ndc >= 10_000:
        return "distinct categories beyond counting: no spread of the gauge was seen"
    return "1 distinct category" if ndc == 1 else f"{ndc} distinct categories"


def equal_variances_words(test: Mapping[str, Any]) -> str:
    """Bartlett's test in a sentence."""
    differ = test["p"] < 0.05
    said = "operators do not repeat alike" if differ else "no difference of repeatability is shown"
    return (
        f"equal variances of operators (Bartlett): {test['statistic']:.3f} on {freedom(test['df'])}, "
        f"{p_words(test['p'])}: {said}, if measurements are normal"
    )


def risks_words(risks: Mapping[str, Any]) -> str:
    """Misclassification in a sentence."""
    return (
        f"of parts like these {_percent(risks['bad'])} are out of tolerance; consumer's risk (a bad part is "
        f"accepted) {_percent(risks['consumers_risk'])}, producer's risk (a good part is rejected) "
        f"{_percent(risks['producers_risk'])}"
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
    """The lines of a type-1 study."""
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
    return lines + [f"  {line}" for line in budget_words(found["budget"])] if found.get("budget") else lines


def linearity_words(found: Mapping[str, Any]) -> list[str]:
    """The lines of a study of bias and linearity."""
    sign = "+" if found["slope"] >= 0 else "-"
    lines = [
        f"bias = {_figure(found['intercept'])} {sign} {_figure(abs(found['slope']))} x reference; R2 "
        f"{100 * found['r_squared']:.1f} %, residual standard deviation {_figure(found['residual_sd'])}",
        f"  slope: {p_words(found['slope_p'])}; mean bias {_figure(found['bias'])} "
        f"({_figure(found['bias_low'])} to {_figure(found['bias_high'])}), {p_words(found['bias_p'])}; a bias of 0 "
        f"lies {'within' if found['zero_inside'] else 'beyond'} the 95 % band of the line",
    ]
    return lines + [
        f"  part {part['part']}, reference {_figure(part['reference'])}: bias {_figure(part['bias'])} "
        f"({_figure(part['low'])} to {_figure(part['high'])}), {p_words(part['p'])}, {part['n']} readings"
        for part in found["parts"]
    ]


def stability_words(found: Mapping[str, Any]) -> list[str]:
    """The lines of a chart of a reference part."""
    lines = [
        f"stability: {len(found['times'])} times, centre {_figure(found['centre'])}, limits {_figure(found['low'])} "
        f"to {_figure(found['high'])}, standard deviation within {_figure(found['sigma'])}",
        f"  trend {_figure(found['slope'])} a time, {p_words(found['slope_p'])}",
    ]
    if found["bias"] is not None and found["bias"] == found["bias"]:
        against = _figure(found["reference"])
        lines.append(f"  bias {_figure(found['bias'])} against {against}, {p_words(found['bias_p'])}")
    rows = zip(
        found["times"], found["average"], found["out"], found["shifted"], found["spread_out"], strict=True
    )
    for time, value, out, shifted, wide in rows:
        said = "OUT" if out else "eight on one side" if shifted else "spread OUT" if wide else ""
        if said:
            lines.append(f"  {time}: {_figure(value)} {said}")
    return lines


def agreement_words(found: Mapping[str, Any]) -> list[str]:
    """Agreement class by class, of ordered classes and of two operators' errors, a sentence each."""
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
            said = "they err in different directions" if differ else "no difference of direction is shown"
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
        f"{_figure(zone['rejected'])} (always rejected), {_figure(zone['width'])} wide, {zone['parts']} parts in it"
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
