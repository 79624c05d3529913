"""The certificate page, from the study's plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vidrobust.plugins.gauge.differing_operators import worst_words
from vidrobust.plugins.gauge.figures import EVERYONE, FIGURES, GAUGE, figures_of
from vidrobust.plugins.gauge.stated import WORDS
from vidrobust.plugins.gauge.variables.reference_parts import least_cg, least_cgk
from vidrobust.plugins.gauge.words import equal_variances_words, shifted_words, trials
from vidrobust.text.numbers import number, p_words, percent
from vidrobust.text.phrases import plural

# What stands under "What is worst" on a certificate: who or what it is, and by how much.


def worst(found: Mapping[str, Any], unit: str = "") -> list[str]:
    unit = f" {unit}" if unit else ""
    alone = {"type1": _of_type1, "linearity": _of_linearity, "stability": _of_stability}
    if found["study"] in alone:
        return alone[found["study"]](found, unit)
    rows = [
        *(found.get("differences") or []),
        *((found.get("attribute") or {}).get("differences") or []),
    ]
    shifted = [shifted_words(each, unit) for each in found.get("analytic_method") or []]
    lines = [f"{sentence}." for sentence in [*filter(None, shifted), *worst_words(rows, unit)]]
    if not lines and rows:
        compared = plural(len(rows), "comparison")
        lines = [f"No operator is shown to be worse than the others ({compared}, Bonferroni)."]
    if found.get("equal_variances"):
        sentence = equal_variances_words(found["equal_variances"])
        lines.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return lines


def _of_type1(found: Mapping[str, Any], unit: str) -> list[str]:
    limits = {
        each["quantity"]: each["accept"]
        for each in found["verdicts"]
        if each["quantity"] in ("cg", "cgk")
    }
    if found["cg"] is None or not limits:
        return []
    n, half, share = found["n"], found["width"] / 2 * found["sd"], found["share"]
    wanted = [2 * half * least_cg(limits["cg"], n) / share] if "cg" in limits else []
    if "cgk" in limits:
        needed = least_cgk(limits["cgk"], n, found["width"] / 2)
        wanted.append(2 * (half * needed + abs(found["bias"])) / share)
    line = f"Spread and bias as they are would do for tolerances from {number(max(wanted), 3)}{unit} on"
    biased = found["p"] < 0.05
    return [f"{line}; a bias is {'' if biased else 'not '}shown ({p_words(found['p'])})."]


def _of_linearity(found: Mapping[str, Any], unit: str) -> list[str]:
    part = max(found["parts"], key=lambda each: abs(each["bias"]))
    ends = f"{number(part['low'], 3)} to {number(part['high'], 3)}"
    return [
        f"Part {part['part']}, reference {number(part['reference'])}{unit}, has the largest bias: "
        f"{number(part['bias'], 3)}{unit} ({ends}; {p_words(part['p'])}, {plural(part['n'], 'reading')})."
    ]


def _of_stability(found: Mapping[str, Any], unit: str) -> list[str]:
    change = found["change"]
    if not found["wrong"] or change is None:
        return []
    return [
        f"The level changes most at {change['time']}, by {number(change['by'], 3)}{unit}: that explains "
        f"{100 * change['share']:.0f} % of what the averages differ."
    ]


def title(found: Mapping[str, Any]) -> str:
    return (
        "Go/no-go gauge: bias and repeatability"
        if _of_sizes(found)
        else str(WORDS["study"][found["study"]])
    )


def _of_sizes(found: Mapping[str, Any]) -> bool:
    return bool(found.get("analytic_method")) and not found["against_reference"]


VERDICTS = {"acceptable": "good", "marginal": "middle", "unacceptable": "bad"}
SHARES = ("agreement", "effectiveness", "miss_rate", "false_alarm_rate")
# Figures whose worst is the lowest.
LOWEST = ("agreement", "effectiveness", "kappa")
IN_UNITS = (
    *("bias", "sd", "largest_bias", "centre", "sigma", "low", "high"),
    *("repeatability", "switches_at", "width"),
)
# Figures of a stability chart, told to as many decimals as two digits of their sigma.
LEVELS = ("centre", "low", "high")
# The six of a run: the gauge of its scores, and the agreement of its verdicts.
OF_RUN = (
    *("percent_grr", "ndc", "within_operator.agreement", "between_operators.agreement"),
    *("against_reference.miss_rate", "against_reference.false_alarm_rate"),
)
# What stands for those of the six that could not be computed.
IN_PLACE = (
    "percent_tolerance",
    "repeatability_sd",
    "reproducibility_sd",
    "part_sd",
    "against_reference.effectiveness",
)
Verdicts = Mapping[tuple[str, str], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One of the six figures: symbol, what it is, value, interval and of whom, verdict ("" without a rule)."""

    symbol: str
    what: str
    value: str
    interval: str = ""
    of: str = ""
    verdict: str = ""
    kind: str = "unknown"
    limit: str = ""


def tiles(found: Mapping[str, Any], unit: str = "") -> list[Tile]:
    """The six figures that its readers expect, each the worst of whom it is about."""
    verdicts = {(each["quantity"], each["of"]): each for each in found["verdicts"]}
    if found["study"] in ("type1", "linearity", "stability"):
        six = list(WORDS["tiles"][found["study"]])
        if found.get("q_ms") is not None:
            six[-1] = ("q_ms", "Q_MS", "uncertainty, of the tolerance")
        return [_plain(found, row, unit, verdicts) for row in six]
    if _of_sizes(found):
        furthest = max(found["analytic_method"], key=lambda each: abs(each["bias"] or 0))
        return _of_limit(found, furthest, unit, verdicts)
    rows = WORDS["tiles"].get(found["study"]) or _of_run(found)
    known = figures_of(found)
    return [_worst(known, row, unit, verdicts) for row in rows]


def _of_run(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    if found["gauge"] is None:
        return list(WORDS["tiles"]["attribute"])
    every = {row[0]: row for kind in ("gauge", "attribute") for row in WORDS["tiles"][kind]}
    known = figures_of(found)
    computed = {
        name
        for name in every
        if any(_known(of["value"]) for of in FIGURES.find(known, name).values())
    }
    names = sorted((*OF_RUN, *IN_PLACE), key=lambda name: name not in computed)[: len(OF_RUN)]
    decides = found["overall"]["quantity"]
    rest = [name for name in computed if name.rpartition(".")[2] == decides and name not in names]
    return [every[name] for name in [*names[: len(names) - len(rest)], *rest]]


def _of_limit(
    found: Mapping[str, Any], limit: Mapping[str, Any], unit: str, verdicts: Verdicts
) -> list[Tile]:
    zone = {name: found["signal_detection"][name] for name in ("width", "percent_tolerance")}
    verdict = verdicts.get(("percent_limit_bias", f"the {limit['side']} limit"))
    judged = {} if verdict is None else {("bias", ""): verdict}
    shown = [_plain({**limit, **zone}, row, unit, judged) for row in WORDS["tiles"]["go_no_go"]]
    return [
        replace(tile, of=f"{limit['side']} limit") if k < 4 else tile
        for k, tile in enumerate(shown)
    ]


def _plain(
    found: Mapping[str, Any], row: tuple[str, str, str], unit: str, verdicts: Verdicts
) -> Tile:
    key, symbol, what = row
    ends = _interval(found.get(f"{key}_low"), found.get(f"{key}_high"), key)
    value = _text(found.get(key), key, unit if key in IN_UNITS else "")
    if key in LEVELS and _known(found.get(key)) and found["sigma"] > 0:
        decimals = max(0, 1 - math.floor(math.log10(found["sigma"])))
        value = f"{found[key]:.{decimals}f} {unit}".strip()
    return Tile(
        symbol=symbol, what=what, value=value, interval=ends, **_judged(verdicts.get((key, "")))
    )


def _worst(
    known: Mapping[str, Any], row: tuple[str, str, str], unit: str, verdicts: Verdicts
) -> Tile:
    key, symbol, what = row
    bare = key.rpartition(".")[2]
    of = {
        who: entry
        for who, entry in FIGURES.find(dict(known), key).items()
        if _known(entry["value"])
    }
    if not of:
        return Tile(symbol=symbol, what=what, value="–", interval="not computed")
    pick = min if bare in LOWEST else max
    who = pick(of, key=lambda name: of[name]["value"])
    entry = of[who]
    return Tile(
        symbol=symbol,
        what=what,
        value=_text(entry["value"], bare, unit if bare.endswith("_sd") else ""),
        interval=_interval(entry.get("low"), entry.get("high"), bare),
        of="" if who in (GAUGE, EVERYONE) else who,
        **_judged(verdicts.get((bare, "" if who == GAUGE else who))),
    )


def _judged(verdict: Mapping[str, Any] | None) -> dict[str, str]:
    if verdict is None:
        return {}
    sign = "≤" if verdict["better"] == "lower" else "≥"
    share = verdict["quantity"] in SHARES
    ends = [
        percent(verdict[k]) if share else f"{number(verdict[k], 3)}{verdict['unit']}"
        for k in ("accept", "marginal")
    ]
    limit = f"limit {sign} {ends[0]}" + (
        f", marginal {sign} {ends[1]}" if ends[0] != ends[1] else ""
    )
    said = verdict["verdict"]
    return {
        "verdict": "not acceptable" if said == "unacceptable" else said,
        "kind": VERDICTS.get(said, "unknown"),
        "limit": limit,
    }


def _text(value: float | None, key: str, unit: str) -> str:
    if value is None or not _known(value):
        return "–"
    if key in ("ndc", "n"):
        return "many" if value >= 10_000 else str(int(value))
    if key in SHARES:
        return percent(value)
    if (key == "p" or key.endswith("_p")) and value < 0.001:
        return "< 0.001"
    percent_of = key.startswith(("percent", "q_m"))
    return f"{number(float(value), 3)} {'%' if percent_of else unit}".strip()


def _interval(low: float | None, high: float | None, key: str) -> str:
    if low is None or high is None or not (_known(low) and _known(high)):
        return ""
    if key == "ndc":
        ends = ["many" if end >= 10_000 else str(int(end)) for end in (low, high)]
    elif key in SHARES:
        ends = [percent(low).removesuffix(" %"), percent(high)]
    else:
        ends = [number(low, 3), number(high, 3)]
    return f"{ends[0]} to {ends[1]}"


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def sample(found: Mapping[str, Any]) -> str:
    """How much was measured, in a sentence."""
    if found["study"] == "gauge":
        text = f"{plural(found['parts'], 'part')}, {plural(found['operators'], 'operator')}, "
        text += f"{trials(found['trials'])}: {plural(found['n'], 'measurement')}"
        return f"{text}; {found['design']} design."
    if found["study"] in ("attribute", "run"):
        of = found if found["study"] == "attribute" else found["attribute"]
        text = f"{plural(of['parts'], 'part')}, {plural(len(of['operators']), 'operator')}"
        return f"{text}, {plural(of['n'], 'verdict')}."
    if found["study"] == "stability":
        return f"{plural(len(found['times']), 'time')}, {plural(sum(found['sizes']), 'reading')} of one part."
    parts = len(found["parts"]) if found["study"] == "linearity" else 1
    return f"{plural(parts, 'part')}, {plural(found['n'], 'reading')}."


def method(found: Mapping[str, Any]) -> list[str]:
    """How it was computed, with sources, a sentence each."""
    kind = found["study"]
    lines = []
    if kind == "run":
        lines.append(f"One verdict a part and pass: {found['rule_in_words']}.")
    if kind in ("run", "attribute"):
        lines.append(
            "Shares with Clopper & Pearson's intervals over parts, kappas with a jackknife's "
            "(AIAG, MSA, 4th edition, chapter III-C)."
        )
    if found.get("analytic_method"):
        lines.append(
            "Bias and repeatability by the analytic method, grey zone by signal detection (the same chapter)."
        )
    gauge = found if kind == "gauge" else found.get("gauge")
    if gauge:
        lines.append(_of_gauge(gauge))
    if kind == "type1":
        lines.append(
            f"Cg = {found['share']:g} tolerance / ({found['width']:g} s), Cgk with the bias taken off (VDA 5); "
            "Student's t of the bias."
        )
    if kind == "linearity":
        lines.append(
            "Least squares of bias over reference (AIAG, MSA, 4th edition, III-B; ISO 22514-7)."
        )
    if kind == "stability":
        lines.append("Shewhart chart, limits from the ranges (AIAG, MSA, 4th edition, III-B).")
    notes = [*found["notes"], *(gauge["notes"] if gauge and gauge is not found else [])]
    return list(dict.fromkeys([*lines, *(f"{note[0].upper()}{note[1:]}." for note in notes)]))


def _of_gauge(gauge: Mapping[str, Any]) -> str:
    how = (
        f"Analysis of variance, interaction {gauge['interaction']}; modified large sample and generalized "
        "intervals (Burdick, Borror & Montgomery 2005)"
        if gauge["anova"]
        else "Restricted maximum likelihood, intervals from its profile"
    )
    return (
        f"{how}; components below 0 count as 0; spread is {gauge['width']:g} standard deviations."
    )
