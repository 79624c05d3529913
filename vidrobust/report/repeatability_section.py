"""Repeatability as those who sign for it expect it: verdicts with their rules, figures, the grey zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.repeatability.acceptance import limits_in_words
from vidrobust.repeatability.figures import GAUGE, Figures, figures_of, find
from vidrobust.repeatability.overall import worst_told
from vidrobust.repeatability.study_file import FILE
from vidrobust.repeatability.study_words import agreement_told, categories, trials
from vidrobust.repeatability.variables.range_method import range_charts
from vidrobust.repeatability.words import (
    OF_STUDY,
    beside_told,
    guard_band_told,
    lines,
    tests_told,
    together_told,
)
from vidrobust.report import reference_figures
from vidrobust.report import repeatability_figures as figures
from vidrobust.report.drawing import Picture
from vidrobust.report.pages import write_page
from vidrobust.report.pictures import Pictures
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.numbers import (
    NOT_MEASURED,
    counted_share,
    interval,
    number,
    percent,
    percent_interval,
    with_interval,
)
from vidrobust.text.phrases import plural

KINDS = {"acceptable": "good", "marginal": "middle", "unacceptable": "bad"}
QUANTITIES = {
    "percent_grr": "%GRR, of the study variation",
    "percent_tolerance": "%GRR, of the tolerance",
    "percent_process": "%GRR, of the process variation",
    "cg": "Cg",
    "cgk": "Cgk",
    "q_ms": "Q_MS",
    "q_mp": "Q_MP",
    "slope_p": "p of the slope of bias",
    "bias_p": "p of the bias",
    "limit_bias_p": "p of the bias",
    "ndc": "distinct categories (ndc)",
    "effectiveness": "effectiveness",
    "miss_rate": "miss rate",
    "false_alarm_rate": "false alarm rate",
    "kappa": "kappa",
}
MEANS = {
    "percent_grr": "%GRR: the spread of the gauge in percent of the spread of all values in the study",
    "percent_tolerance": "%GRR of the tolerance: six times the spread of the gauge in percent of the tolerance",
    "ndc": "ndc: how many groups of parts the gauge tells apart",
    "effectiveness": "effectiveness: parts that an operator judged right in all trials",
    "miss_rate": "miss: a bad part called good",
    "false_alarm_rate": "false alarm: a good part called bad",
    "kappa": "kappa: agreement beyond chance, 0 as by chance, 1 always",
}
"""What a quantity is, for a reader who has never met it."""
ANOVA_NAMES = {"interaction": "operator by part"}
MOST_CLASSES, MOST_CROSSED, MOST_VOTES = 4, 10, 40
"""Classes up to which cross tables are shown, how many of them, and parts of a table's grey zone."""
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
    overall: str
    overall_kind: str
    worst: list[str]
    lines: list[str]
    stale: bool
    verdicts: list[dict[str, str]]
    means: list[str]
    sources: list[str]
    pictures: list[Picture]
    components: list[dict[str, str]]
    gauge_line: str
    anova: list[dict[str, str]]
    operators: list[dict[str, str]]
    errors: list[dict[str, str]]
    levels: list[dict[str, str]]
    guard_band: str
    people: str
    grey: list[dict[str, Any]]
    grey_left_out: str
    votes: dict[str, Any]
    tests: list[str]
    crossed: list[dict[str, Any]]
    notes: list[str]

    @property
    def weight(self) -> int:
        """Bytes of the pictures of the grey zone in the page."""
        return sum(len(shot["uri"]) for part in self.grey for shot in part["shots"])


def section(run: RunTables) -> Section | None:
    """The section of a run's report, or None where no repeatability was asked for."""
    found = run.json(FILE)
    if not found:
        return None
    attribute = found["attribute"]
    scores = pd.DataFrame(found["per_part"]).drop(columns="value").rename(columns={"score": "value"})
    what = _score(found)
    return _section(
        found,
        attribute,
        found["gauge"],
        summary=f"{_counts(attribute)}; one verdict a part and pass: {found['rule_in_words']}",
        pictures=[*_gauge_pictures(found["gauge"], scores, what), *_agreement_pictures(attribute)],
        stale=found["of"] != run.record.stability_key,
        grey=_grey(run, found["grey_zone"]),
        grey_left_out=_left_out(attribute, len(found["grey_zone"])),
    )


def section_of_table(found: Mapping[str, Any], table: pd.DataFrame, what: str = "value") -> Section:
    """The section of a study of a table part, operator, trial, value; what: is measured, for an axis."""
    if found["study"] == "gauge":
        text = f"{plural(found['parts'], 'part')}, {plural(found['operators'], 'operator')}, "
        text += f"{trials(found['trials'])}, {plural(found['n'], 'measurement')}"
        pictures = _gauge_pictures(found, table, what)
        if found.get("linearity"):
            pictures.append(reference_figures.bias_line(found["linearity"], table, what))
        return _section(found, None, found, summary=text, pictures=pictures)
    if found["study"] != "attribute":
        return _section(
            found, None, None, summary=lines(found)[1], pictures=[_reference_picture(found, table, what)]
        )
    split = [each["part"] for each in found["grey_zone"]["parts"]]
    pictures = _agreement_pictures(found)
    if found.get("signal_detection"):
        fitted = found.get("analytic_method") or []
        pictures.append(
            reference_figures.grey_zone(found["signal_detection"], table, set(found["defect"]), fitted, what)
        )
    return _section(
        found,
        found,
        None,
        summary=_counts(found),
        pictures=pictures,
        votes=_votes(table, split[:MOST_VOTES]),
        grey_left_out=_left_out(found, min(len(split), MOST_VOTES)),
    )


def section_of_run_rows(found: Mapping[str, Any], rows: pd.DataFrame) -> Section:
    """The section of a run's study without the pictures of its footage, as a certificate shows it.

    rows  ``per_part`` of the study
    """
    scores = rows.drop(columns="value").rename(columns={"score": "value"})
    what = _score(found)
    attribute = found["attribute"]
    return _section(
        found,
        attribute,
        found["gauge"],
        summary=f"{_counts(attribute)}; one verdict a part and pass: {found['rule_in_words']}",
        pictures=[*_gauge_pictures(found["gauge"], scores, what), *_agreement_pictures(attribute)],
        grey_left_out=_left_out(attribute, 0),
    )


def _score(found: Mapping[str, Any]) -> str:
    """What the gauge study of a run is of, for an axis."""
    wording = str(found.get("score_in_words") or f"probability of {', '.join(found['defect'])}")
    return wording.partition(" of the ")[2] or wording


def _reference_picture(found: Mapping[str, Any], table: pd.DataFrame, what: str) -> Picture:
    if found["study"] == "type1":
        return reference_figures.run_chart(found, what)
    if found["study"] == "linearity":
        return reference_figures.bias_line(found, table, what)
    return reference_figures.stability_chart(found)


def write_study(path: Path, found: Mapping[str, Any], table: pd.DataFrame, name: str) -> Path:
    """Write the report of a study of a table, a page of its own."""
    shown = section_of_table(found, table)
    content = {
        "title": name,
        "repeatability": shown,
        "repeatability_figures": shown.pictures,
        "folder": "",
    }
    return write_page(path, "study_of_table.html", content)


def _section(
    found: Mapping[str, Any],
    attribute: Mapping[str, Any] | None,
    gauge: Mapping[str, Any] | None,
    *,
    summary: str,
    pictures: list[Picture],
    stale: bool = False,
    grey: list[dict[str, Any]] | None = None,
    grey_left_out: str = "",
    votes: dict[str, Any] | None = None,
) -> Section:
    band, people, known = found.get("guard_band"), found.get("people"), figures_of(found)
    wording = found.get("overall") or {"sentence": "", "verdict": ""}
    differences = (attribute.get("differences") or []) if attribute and attribute is not found else []
    notes = [*found["notes"]]
    for study in (attribute, gauge):
        notes += study["notes"] if study and study is not found else []
    return Section(
        summary=summary,
        overall=wording["sentence"],
        overall_kind=KINDS.get(wording["verdict"], "unknown"),
        worst=worst_told([*(found.get("differences") or []), *differences]),
        lines=_lines(found),
        stale=stale,
        verdicts=[_verdict(each, known) for each in found["verdicts"]],
        means=[
            MEANS[name]
            for name in dict.fromkeys(each["quantity"] for each in found["verdicts"])
            if name in MEANS
        ],
        sources=list(dict.fromkeys(each["source"] for each in found["verdicts"])),
        pictures=pictures,
        components=_components(gauge) if gauge else [],
        gauge_line=_gauge_line(gauge) if gauge else "",
        anova=_anova(gauge) if gauge else [],
        operators=[_operator(each) for each in found.get("by_operator", [])],
        errors=_errors(attribute["against_reference"]) if attribute else [],
        tests=[*tests_told(attribute), *agreement_told(attribute)] if attribute else [],
        crossed=_crossed(attribute) if attribute else [],
        levels=[_level(name, each) for name, each in found.get("levels", {}).items()],
        guard_band=guard_band_told(band) if band else "",
        people=together_told(people) if people else "",
        grey=grey or [],
        grey_left_out=grey_left_out,
        votes=votes or {},
        notes=notes,
    )


def _lines(found: Mapping[str, Any]) -> list[str]:
    """What a study tells besides its tables: risks, equal variances, uncertainty; of reference parts all of it."""
    alone = found["study"] in ("type1", "linearity", "stability")
    wording = OF_STUDY[found["study"]](found) if alone else beside_told(found)
    return [line.strip() for line in wording]


def _counts(attribute: Mapping[str, Any]) -> str:
    text = f"{plural(attribute['parts'], 'part')}, {plural(len(attribute['operators']), 'operator')}, "
    return text + plural(attribute["n"], "verdict")


def _crossed(attribute: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cross tables of each two operators, where the classes are few enough to be read."""
    classes = attribute["classes"]
    if len(classes) > MOST_CLASSES:
        return []
    return [
        {"a": pair["operators"][0], "b": pair["operators"][1], "classes": classes, "counts": pair["counts"]}
        for pair in attribute["between_operators"]["cohens_kappa"][:MOST_CROSSED]
        if pair["n"]
    ]


def _votes(table: pd.DataFrame, parts: list[str]) -> dict[str, Any]:
    """What every operator said of the parts on which verdicts split, trial by trial."""
    operators = sorted(table["operator"].unique())
    said = table.sort_values("trial").groupby(["part", "operator"])["value"].agg(", ".join)
    rows = [
        {"part": part, "said": [said.get((part, operator), "") for operator in operators]} for part in parts
    ]
    return {"operators": operators, "rows": rows}


def _verdict(each: Mapping[str, Any], known: Figures) -> dict[str, str]:
    """One verdict with the interval of what it judges; the limits of its rule in percent where the value is."""
    name, share = each["quantity"], each["quantity"] in SHARES
    of_two = {} if name != "kappa" else find(known, "cohens_kappa")
    entry = {**of_two, **find(known, name)}.get(each["of"] or GAUGE, {})
    ends = entry.get("low"), entry.get("high")
    limits = (each["accept"], each["marginal"])
    written = map(percent, limits) if share else (f"{limit:g}{each['unit']}" for limit in limits)
    return {
        "quantity": QUANTITIES.get(name, name),
        "of": each["of"],
        "value": percent(each["value"]) if share else number(each["value"], 3),
        "interval": percent_interval(*ends) if share else interval(*ends),
        "verdict": each["verdict"],
        "kind": KINDS.get(each["verdict"], "unknown"),
        "rule": limits_in_words(each["better"], *written),
    }


def _gauge_pictures(gauge: Mapping[str, Any] | None, table: pd.DataFrame, what: str) -> list[Picture]:
    """table  part, operator, trial, value; what: the value in words"""
    if not gauge:
        return []
    varies = gauge["total_sd"] and [figures.components(gauge)]
    made = [*(varies or []), figures.scores(table, what)]
    charts = range_charts(table)
    return made if charts is None else [*made, figures.average_and_range(charts)]


def _agreement_pictures(attribute: Mapping[str, Any]) -> list[Picture]:
    """Three panels each of shares and of kappas: within operators, between them, against the reference."""
    within, between = attribute["within_operator"], attribute["between_operators"]
    against = (attribute["against_reference"] or {}).get("operators") or {}
    shares = {
        "within operator": [(name, each["agreement"]) for name, each in within.items()],
        "between operators": [("all", between["agreement"])],
        "against the reference": [(name, each["effectiveness"]) for name, each in against.items()],
    }
    kappas = {
        "within operator": [(name, each["fleiss_kappa"]) for name, each in within.items()],
        "between operators": [
            ("all", between["fleiss_kappa"]),
            *((" and ".join(each["operators"]), each) for each in between["cohens_kappa"]),
        ],
        "against the reference": [(name, each["kappa"]) for name, each in against.items()],
    }
    return figures.agreement(shares, kappas)


def _components(gauge: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": title,
            "sd": number(part["sd"], 3),
            "interval": interval(part["sd_low"], part["sd_high"], digits=3),
            "contribution": number(part["percent_contribution"], 3),
            "study": number(part["percent_study"], 3),
            "tolerance": "" if part["percent_tolerance"] is None else number(part["percent_tolerance"], 3),
        }
        for name, title in _component_names(gauge).items()
        if (part := gauge["components"].get(name))
    ]


def _component_names(gauge: Mapping[str, Any]) -> dict[str, str]:
    """Names of the components in their order; further factors stand under reproducibility."""
    extra = {name: f"– – {name}" for name in gauge["components"] if name not in COMPONENT_NAMES}
    names = list(COMPONENT_NAMES.items())
    return dict([*names[:5], *extra.items(), *names[5:]])


def _anova(gauge: Mapping[str, Any]) -> list[dict[str, str]]:
    """The table of variance with the interaction, where there is one."""

    def describe(value: float | None) -> str:
        return "" if value is None or value != value else number(value, 4)

    return [
        {
            "source": ANOVA_NAMES.get(row["source"], row["source"]),
            "df": str(row["df"]),
            **{name: describe(row[name]) for name in ("sum_of_squares", "mean_square", "f")},
            "p": "" if row["p"] is None or row["p"] != row["p"] else f"{row['p']:.3g}",
        }
        for row in gauge["anova"]
    ]


def _gauge_line(gauge: Mapping[str, Any]) -> str:
    text = (
        f"%GRR {with_interval(gauge['percent_grr'], gauge['percent_grr_low'], gauge['percent_grr_high'], '%', 3)} "
        "of the study variation, "
        f"{categories(gauge['ndc'])}; "
        f"{gauge['design']} design, interaction {gauge['interaction']}"
    )
    ranges = gauge["range_method"]
    return f"{text}. By the range method: {number(ranges['percent_grr'], 3)}." if ranges else f"{text}."


def _operator(each: Mapping[str, Any]) -> dict[str, str]:
    known = each["repeatability_sd"] is not None
    return {
        "name": each["operator"],
        "mean": number(each["mean"], 3),
        "sd": number(each["repeatability_sd"], 3) if known else "one pass a part",
        "interval": interval(each["low"], each["high"], digits=3) if known else "",
        "n": f"{plural(each['n'], 'value')} of {plural(each['parts'], 'part')}",
    }


def _errors(against: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Effectiveness, misses and false alarms of each operator."""
    return [
        {"operator": name, **{key: _share(each[key]) for key in SHARES}}
        for name, each in ((against or {}).get("operators") or {}).items()
    ]


def _share(each: Mapping[str, Any] | None) -> str:
    return NOT_MEASURED if each is None else counted_share(each)


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
        "items": f"{plural(each['parts'], 'part')}, {plural(each['items'], 'clip')}",
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


def _left_out(attribute: Mapping[str, Any], shown: int) -> str:
    split = len(attribute["grey_zone"]["parts"])
    if not split:
        return "No part: every part got one verdict throughout."
    text = f"{split} of {attribute['parts']} parts got more than one verdict."
    left = split - shown
    return f"{text} {plural(left, 'of them is', 'of them are')} not shown here." if left else text
