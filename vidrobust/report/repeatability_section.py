"""Repeatability as those who sign for it expect it: verdicts with their rules, figures, the grey zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vidrobust.repeatability.words import guard_band_told, together_told
from vidrobust.report import repeatability_figures as figures
from vidrobust.report.drawing import Picture
from vidrobust.report.moments_section import Pictures
from vidrobust.report.run_tables import RunTables
from vidrobust.report.words import number, percent, percent_with_interval, plural

FILE = "repeatability.json"
KINDS = {"acceptable": "good", "marginal": "middle", "unacceptable": "bad"}
QUANTITIES = {
    "percent_grr": "%GRR, of the study variation",
    "percent_tolerance": "%GRR, of the tolerance",
    "ndc": "distinct categories (ndc)",
    "effectiveness": "effectiveness",
    "miss_rate": "miss rate",
    "false_alarm_rate": "false alarm rate",
    "kappa": "kappa",
}
SHARES = ("effectiveness", "miss_rate", "false_alarm_rate")
COMPONENT_NAMES = {
    "grr": "gauge R&R",
    "repeatability": "– repeatability",
    "reproducibility": "– reproducibility",
    "operator": "– – operator",
    "interaction": "– – operator by part",
    "part": "part to part",
    "total": "total",
}


@dataclass(frozen=True)
class Section:
    """What the page shows of ``repeatability.json``; texts, and figures as pictures."""

    summary: str
    stale: bool
    verdicts: list[dict[str, str]]
    sources: list[str]
    pictures: list[Picture]
    components: list[dict[str, str]]
    gauge_line: str
    operators: list[dict[str, str]]
    errors: list[dict[str, str]]
    levels: list[dict[str, str]]
    guard_band: str
    people: str
    grey: list[dict[str, Any]]
    grey_left_out: str
    notes: list[str]

    @property
    def weight(self) -> int:
        """Bytes of the pictures of the grey zone in the page."""
        return sum(len(shot["uri"]) for part in self.grey for shot in part["shots"])


def section(run: RunTables) -> Section | None:
    """The section, or None where no repeatability was asked for."""
    found = run.json(FILE)
    if not found:
        return None
    attribute, gauge = found["attribute"], found["gauge"]
    key = str((run.run.get("stages") or {}).get("stability", {}).get("key", ""))
    told = f"{plural(attribute['parts'], 'part')}, {plural(len(attribute['operators']), 'operator')}, "
    told += plural(attribute["n"], "verdict")
    return Section(
        summary=f"{told}; one verdict a part and pass: {found['rule_in_words']}",
        stale=found["of"] != key,
        verdicts=[_verdict(each) for each in found["verdicts"]],
        sources=list(dict.fromkeys(each["source"] for each in found["verdicts"])),
        pictures=_pictures(found),
        components=_components(gauge) if gauge else [],
        gauge_line=_gauge_line(gauge) if gauge else "",
        operators=[_operator(each) for each in found["by_operator"]],
        errors=_errors(attribute["against_reference"]),
        levels=[_level(name, each) for name, each in found["levels"].items()],
        guard_band=guard_band_told(found["guard_band"]) if found["guard_band"] else "",
        people=together_told(found["people"]) if found["people"] else "",
        grey=_grey(run, found["grey_zone"]),
        grey_left_out=_left_out(attribute, found["grey_zone"]),
        notes=[*found["notes"], *attribute["notes"], *(gauge["notes"] if gauge else [])],
    )


def _verdict(each: Mapping[str, Any]) -> dict[str, str]:
    share = each["quantity"] in SHARES
    return {
        "quantity": QUANTITIES.get(each["quantity"], each["quantity"]),
        "of": each["of"],
        "value": percent(each["value"]) if share else number(each["value"], 3),
        "verdict": each["verdict"],
        "kind": KINDS.get(each["verdict"], "unknown"),
        "rule": each["rule"],
    }


def _pictures(found: Mapping[str, Any]) -> list[Picture]:
    made = []
    attribute = found["attribute"]
    if found["gauge"]:
        made.append(figures.components(found["gauge"]))
        made.append(figures.scores(pd.DataFrame(found["per_part"]), ", ".join(found["defect"])))
    between = attribute["between_operators"]
    rows = [(f"within {name}", each["agreement"]) for name, each in attribute["within_operator"].items()]
    rows.append(("between operators", between["agreement"]))
    kappas = [(f"within {name}", each["fleiss_kappa"]) for name, each in attribute["within_operator"].items()]
    kappas.append(("between operators", between["fleiss_kappa"]))
    kappas += [(" and ".join(each["operators"]), each) for each in between["cohens_kappa"]]
    for name, each in ((attribute["against_reference"] or {}).get("operators") or {}).items():
        rows.append((f"{name} and reference", each["effectiveness"]))
        kappas.append((f"{name} and reference", each["kappa"]))
    drawn = figures.agreement(rows, kappas)
    return made if drawn is None else [*made, drawn]


def _components(gauge: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": title,
            "sd": number(part["sd"], 3),
            "interval": f"{number(part['sd_low'], 3)} to {number(part['sd_high'], 3)}",
            "contribution": number(part["percent_contribution"], 3),
            "study": number(part["percent_study"], 3),
            "tolerance": "" if part["percent_tolerance"] is None else number(part["percent_tolerance"], 3),
        }
        for name, title in COMPONENT_NAMES.items()
        if (part := gauge["components"].get(name))
    ]


def _gauge_line(gauge: Mapping[str, Any]) -> str:
    low, high = number(gauge["percent_grr_low"]), number(gauge["percent_grr_high"])
    told = (
        f"%GRR {number(gauge['percent_grr'], 3)} of the study variation (95 % interval {low} to {high}), "
        f"{plural(gauge['ndc'], 'distinct category', 'distinct categories')}; "
        f"{gauge['design']} design, interaction {gauge['interaction']}"
    )
    ranges = gauge["range_method"]
    return f"{told}. By the range method: {number(ranges['percent_grr'], 3)}." if ranges else f"{told}."


def _operator(each: Mapping[str, Any]) -> dict[str, str]:
    low, high = number(each["low"], 3), number(each["high"], 3)
    known = each["repeatability_sd"] is not None
    return {
        "name": each["operator"],
        "mean": number(each["mean"], 3),
        "sd": number(each["repeatability_sd"], 3) if known else "one pass a part",
        "interval": f"{low} to {high}" if known else "",
        "n": f"{plural(each['n'], 'score')} of {plural(each['parts'], 'part')}",
    }


def _errors(against: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Effectiveness, misses and false alarms of each operator."""
    return [
        {"operator": name, **{key: _share(each[key]) for key in SHARES}}
        for name, each in ((against or {}).get("operators") or {}).items()
    ]


def _share(each: Mapping[str, Any] | None) -> str:
    if each is None or not each["n"]:
        return "not told"
    return (
        f"{percent_with_interval(each['value'], each['low'], each['high'])}, {each['count']} of {each['n']}"
    )


def _level(name: str, each: Mapping[str, Any]) -> dict[str, str]:
    within = [
        f"{operator} {_share(own['agreement'])}"
        for operator, own in each["attribute"]["within_operator"].items()
        if own["agreement"]["n"]
    ]
    gauge = each["gauge"]
    return {
        "name": name,
        "from": " and ".join(each["from"]),
        "items": f"{plural(each['parts'], 'part')}, {plural(each['items'], 'item')}",
        "within": "; ".join(within) or "one pass a part",
        "between": _share(each["attribute"]["between_operators"]["agreement"]),
        "grr": number(gauge["percent_grr"], 3) if gauge else "",
    }


def _grey(run: RunTables, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pictures = Pictures(run.folder)
    return [
        {
            "part": part["part"],
            "shots": [
                {
                    "uri": pictures.uri(shot.get("picture")),
                    "value": shot["value"],
                    "operator": shot["operator"],
                    "trial": shot["trial"],
                    "score": "" if shot["score"] is None else number(shot["score"], 3),
                    "frame": shot["frame"],
                    "wrong": bool(shot["reference"]) and shot["value"] != shot["reference"],
                }
                for shot in part["shots"]
            ],
        }
        for part in parts
    ]


def _left_out(attribute: Mapping[str, Any], shown: list[dict[str, Any]]) -> str:
    split = len(attribute["grey_zone"]["parts"])
    if not split:
        return "No part: every part got one verdict throughout."
    told = f"{split} of {attribute['parts']} parts got more than one verdict."
    left = split - len(shown)
    return f"{told} {plural(left, 'of them is', 'of them are')} not shown here." if left else told
