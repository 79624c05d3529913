"""The certificate page, from the study's plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidrobust.plugins.gauge.acceptance import KINDS
from vidrobust.plugins.gauge.differing_operators import differences_in, worst_words
from vidrobust.plugins.gauge.figures import EVERYONE, FIGURES, GAUGE, figures_of
from vidrobust.plugins.gauge.stated import WORDS
from vidrobust.plugins.gauge.words import counts, trials
from vidrobust.text.numbers import known, number, percent
from vidrobust.text.phrases import plural

# What stands under "What is worst" on a certificate: who or what it is, and by how much.


def worst(study: Mapping[str, Any], unit: str = "") -> list[str]:
    unit = f" {unit}" if unit else ""
    rows = differences_in(study)
    lines = [f"{sentence}." for sentence in worst_words(rows, unit)]
    if not lines and rows:
        compared = plural(len(rows), "comparison")
        lines = [f"No operator is shown to be worse than the others ({compared}, Bonferroni)."]
    return lines


SHARES = ("agreement", "effectiveness", "miss_rate", "false_alarm_rate")
# Figures whose worst is the lowest.
LOWEST = ("agreement", "effectiveness", "kappa")
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


def tiles(study: Mapping[str, Any], unit: str = "") -> list[Tile]:
    """The six figures that its readers expect, each the worst of whom it is about."""
    verdicts = {(verdict["quantity"], verdict["of"]): verdict for verdict in study["verdicts"]}
    rows = WORDS["tiles"].get(study["study"]) or _of_run(study)
    figures = figures_of(study)
    return [_worst(figures, row, unit, verdicts) for row in rows]


def _of_run(study: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    if study["gauge"] is None:
        return list(WORDS["tiles"]["attribute"])
    every = {row[0]: row for kind in ("gauge", "attribute") for row in WORDS["tiles"][kind]}
    figures = figures_of(study)
    computed = {
        name
        for name in every
        if any(known(of["value"]) for of in FIGURES.find(figures, name).values())
    }
    names = sorted((*OF_RUN, *IN_PLACE), key=lambda name: name not in computed)[: len(OF_RUN)]
    decides = study["overall"]["quantity"]
    rest = [name for name in computed if name.rpartition(".")[2] == decides and name not in names]
    return [every[name] for name in [*names[: len(names) - len(rest)], *rest]]


def _worst(
    figures: Mapping[str, Any], row: tuple[str, str, str], unit: str, verdicts: Verdicts
) -> Tile:
    key, symbol, what = row
    bare = key.rpartition(".")[2]
    of = {
        who: entry
        for who, entry in FIGURES.find(dict(figures), key).items()
        if known(entry["value"])
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
    state = verdict["verdict"]
    return {
        "verdict": "not acceptable" if state == "unacceptable" else state,
        "kind": KINDS.get(state, "unknown"),
        "limit": limit,
    }


def _text(value: float | None, key: str, unit: str) -> str:
    if value is None or not known(value):
        return "–"
    if key == "ndc":
        return "many" if value >= 10_000 else str(int(value))
    if key in SHARES:
        return percent(value)
    return f"{number(float(value), 3)} {'%' if key.startswith('percent') else unit}".strip()


def _interval(low: float | None, high: float | None, key: str) -> str:
    if low is None or high is None or not (known(low) and known(high)):
        return ""
    if key == "ndc":
        ends = ["many" if end >= 10_000 else str(int(end)) for end in (low, high)]
    elif key in SHARES:
        ends = [percent(low).removesuffix(" %"), percent(high)]
    else:
        ends = [number(low, 3), number(high, 3)]
    return f"{ends[0]} to {ends[1]}"


def sample(study: Mapping[str, Any]) -> str:
    """How much was measured, in a sentence."""
    if study["study"] == "gauge":
        text = f"{plural(study['parts'], 'part')}, {plural(study['operators'], 'operator')}, "
        text += f"{trials(study['trials'])}: {plural(study['n'], 'measurement')}"
        return f"{text}; {study['design']} design."
    return f"{counts(study if study['study'] == 'attribute' else study['attribute'])}."


def method(study: Mapping[str, Any]) -> list[str]:
    """How it was computed, with sources, a sentence each."""
    kind = study["study"]
    lines = []
    if kind == "run":
        lines.append(f"One verdict a part and pass: {study['rule_in_words']}.")
    if kind in ("run", "attribute"):
        lines.append(
            "Shares with Clopper & Pearson's intervals over parts, kappas with a jackknife's "
            "(AIAG, MSA, 4th edition, chapter III-C)."
        )
    gauge = study if kind == "gauge" else study.get("gauge")
    if gauge:
        lines.append(_of_gauge(gauge))
    notes = [*study["notes"], *(gauge["notes"] if gauge and gauge is not study else [])]
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
