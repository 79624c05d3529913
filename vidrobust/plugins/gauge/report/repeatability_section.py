"""The section on repeatability: verdicts with their rules, figures, the grey zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from vidrobust.plugins.gauge.acceptance import KINDS, SHARES, limits_in_words
from vidrobust.plugins.gauge.differing_operators import differences_in, worst_words
from vidrobust.plugins.gauge.figures import FILE
from vidrobust.plugins.gauge.report import gauge_section
from vidrobust.plugins.gauge.report import repeatability_figures as figures
from vidrobust.plugins.gauge.stated import WORDS
from vidrobust.plugins.gauge.words import (
    bias_lines,
    counts,
    tests_words,
    together_words,
    trials,
)
from vidrobust.report.drawing import Picture
from vidrobust.report.pages import fragment, write_page
from vidrobust.report.section import Keep
from vidrobust.statement import Level, Statement
from vidrobust.text.numbers import (
    NOT_MEASURED,
    counted_share,
    interval,
    number,
    percent,
    percent_interval,
)
from vidrobust.text.phrases import plural

if TYPE_CHECKING:
    from vidrobust.run_folder.reader import RunTables

# An attribute study on the page: agreement within and between operators, and against the reference.

PACKAGE = "vidrobust.plugins.gauge"  # Holds the templates of this plugin
# Classes up to which cross tables are shown, and how many of them.
MOST_CLASSES, MOST_CROSSED = 4, 10


def agreement_pictures(attribute: Mapping[str, Any]) -> list[Picture]:
    within, between = attribute["within_operator"], attribute["between_operators"]
    against = (attribute["against_reference"] or {}).get("operators") or {}
    shares = {
        "within operator": [(name, row["agreement"]) for name, row in within.items()],
        "between operators": [("all", between["agreement"])],
        "against the reference": [(name, row["effectiveness"]) for name, row in against.items()],
    }
    kappas = {
        "within operator": [(name, row["fleiss_kappa"]) for name, row in within.items()],
        "between operators": [
            ("all", between["fleiss_kappa"]),
            *((" and ".join(row["operators"]), row) for row in between["cohens_kappa"]),
        ],
        "against the reference": [(name, row["kappa"]) for name, row in against.items()],
    }
    return figures.agreement(shares, kappas)


def errors(against: Mapping[str, Any] | None) -> list[dict[str, str]]:
    return [
        {"operator": name, **{key: share(row[key]) for key in SHARES}}
        for name, row in ((against or {}).get("operators") or {}).items()
    ]


def share(level: Mapping[str, Any] | None) -> str:
    return NOT_MEASURED if level is None else counted_share(level)


def crossed(attribute: Mapping[str, Any]) -> list[dict[str, Any]]:
    classes = attribute["classes"]
    if len(classes) > MOST_CLASSES:
        return []
    return [
        {
            "a": pair["operators"][0],
            "b": pair["operators"][1],
            "classes": classes,
            "counts": pair["counts"],
        }
        for pair in attribute["between_operators"]["cohens_kappa"][:MOST_CROSSED]
        if pair["n"]
    ]


# Rules of acceptance on the page: each verdict with its value, its interval and its limits.


def verdict(judged: Mapping[str, Any]) -> dict[str, str]:
    name, share = judged["quantity"], judged["quantity"] in SHARES
    ends = judged["low"], judged["high"]
    limits = (judged["accept"], judged["marginal"])
    written = map(percent, limits) if share else (f"{limit:g}{judged['unit']}" for limit in limits)
    return {
        "quantity": WORDS["quantity"][name]["title"],
        "of": judged["of"],
        "value": percent(judged["value"]) if share else number(judged["value"], 3),
        "interval": percent_interval(*ends) if share else interval(*ends),
        "verdict": judged["verdict"],
        "kind": KINDS.get(judged["verdict"], "unknown"),
        "rule": limits_in_words(judged["better"], *written),
    }


# The parts on which verdicts split, on the page: their pictures, or what each operator said of them.

MOST_VOTES = 40  # Parts of a table's grey zone that are shown


def votes(table: pd.DataFrame, parts: list[str]) -> dict[str, Any]:
    """What every operator said of the parts on which verdicts split, trial by trial."""
    operators = sorted(table["operator"].unique())
    texts = table.sort_values("trial").groupby(["part", "operator"])["value"].agg(", ".join)
    rows = [
        {"part": part, "said": [texts.get((part, operator), "") for operator in operators]}
        for part in parts
    ]
    return {"operators": operators, "rows": rows}


def shots(run: RunTables, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from vidrobust.report.pictures import Pictures  # here: studies of tables need no OpenCV

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


def left_out(attribute: Mapping[str, Any], shown: int) -> str:
    split = len(attribute["grey_zone"]["parts"])
    if not split:
        return "No part: every part got one verdict throughout."
    text = f"{split} of {attribute['parts']} parts got more than one verdict."
    left = split - shown
    return f"{text} {plural(left, 'of them is', 'of them are')} not shown here." if left else text


Section = dict[str, Any]  # What the page shows of ``repeatability.json``


def section(run: RunTables) -> Section | None:
    """The section of a run's report, or None where no repeatability was asked for."""
    study = run.json(FILE)
    if not study:
        return None
    shown = study["grey_zone"]
    return {
        **_of_run(study, pd.DataFrame(study["per_part"])),
        "stale": study["of"] != run.record.stability_key,
        "grey": shots(run, shown),
        "grey_left_out": left_out(study["attribute"], len(shown)),
    }


def details(run: RunTables, keep: Keep) -> Markup | str:
    """Return the section of details.html; "" where no repeatability was asked for."""
    shown = section(run)
    if shown is None:
        return ""
    content = {
        "repeatability": shown,
        "repeatability_figures": keep(shown["pictures"]),
        "folder": str(run.folder),
    }
    return fragment("repeatability.html", content, PACKAGE)


def statements(run: RunTables) -> Iterator[Statement]:
    """Yield the summary of the study for the answer."""
    shown = section(run)
    if shown is not None:
        yield Statement("is it repeatable", f"{shown['summary']}.", Level.MEASURED, "gauge_study")


def section_of_table(study: Mapping[str, Any], table: pd.DataFrame, what: str = "value") -> Section:
    """The section of a study of a table part, operator, trial, value."""
    if study["study"] == "gauge":
        text = f"{plural(study['parts'], 'part')}, {plural(study['operators'], 'operator')}, "
        text += f"{trials(study['trials'])}, {plural(study['n'], 'measurement')}"
        pictures = gauge_section.gauge_pictures(study, table, what)
        return _section(study, None, study, table, text, pictures)
    if study["study"] == "bias":
        text = f"{WORDS['study']['bias']}: {plural(len(study['parts']), 'part')}, "
        text += plural(study["n"], "measurement")
        return {**_section(study, None, None, table, text, []), "bias": bias_lines(study)}
    split = [row["part"] for row in study["grey_zone"]["parts"]]
    pictures = agreement_pictures(study)
    return {
        **_section(study, study, None, table, counts(study), pictures),
        "votes": votes(table, split[:MOST_VOTES]),
        "grey_left_out": left_out(study, min(len(split), MOST_VOTES)),
    }


def section_of_run_rows(study: Mapping[str, Any], rows: pd.DataFrame) -> Section:
    """The section of a run's study without pictures of its footage."""
    return {**_of_run(study, rows), "grey_left_out": left_out(study["attribute"], 0)}


def _of_run(study: Mapping[str, Any], rows: pd.DataFrame) -> Section:
    attribute = study["attribute"]
    scores = rows.drop(columns="value").rename(columns={"score": "value"})
    pictures = gauge_section.gauge_pictures(study["gauge"], scores, study["score_of"])
    summary = f"{counts(attribute)}; one verdict a part and pass: {study['rule_in_words']}"
    pictures += agreement_pictures(attribute)
    return _section(study, attribute, study["gauge"], rows, summary, pictures)


def write_study(path: Path, study: Mapping[str, Any], table: pd.DataFrame, name: str) -> Path:
    """Write the report of a study of a table, a page of its own."""
    shown = section_of_table(study, table)
    content = {
        "title": name,
        "repeatability": shown,
        "repeatability_figures": shown["pictures"],
        "folder": "",
    }
    return write_page(path, "study_of_table.html", content, PACKAGE)


def _section(
    results: Mapping[str, Any],
    attribute: Mapping[str, Any] | None,
    gauge: Mapping[str, Any] | None,
    rows: pd.DataFrame,
    summary: str,
    pictures: list[Picture],
) -> Section:
    people = results.get("people")
    wording = results.get("overall") or {"sentence": "", "verdict": ""}
    notes = [*results["notes"]]
    for study in (attribute, gauge):
        notes += study["notes"] if study and study is not results else []
    return {
        "summary": summary,
        "overall": wording["sentence"],
        "overall_kind": KINDS.get(wording["verdict"], "unknown"),
        "worst": worst_words(differences_in(results)),
        "stale": False,
        "verdicts": [verdict(row) for row in results["verdicts"]],
        "means": [
            entry["means"]
            for name in dict.fromkeys(row["quantity"] for row in results["verdicts"])
            if "means" in (entry := WORDS["quantity"][name])
        ],
        "sources": list(dict.fromkeys(row["source"] for row in results["verdicts"])),
        "pictures": pictures,
        "components": gauge_section.components(gauge) if gauge else [],
        "gauge_line": gauge_section.gauge_line(gauge) if gauge else "",
        "anova": gauge_section.anova(gauge) if gauge else [],
        "operators": [gauge_section.operator(row) for row in results.get("by_operator", [])],
        "errors": errors(attribute["against_reference"]) if attribute else [],
        "tests": tests_words(attribute) if attribute else [],
        "crossed": crossed(attribute) if attribute else [],
        "levels": [_level(name, level) for name, level in results.get("levels", {}).items()],
        "people": together_words(people) if people else "",
        "grey": [],
        "grey_left_out": "",
        "votes": {},
        "bias": [],
        "notes": notes,
        "number": gauge_section.printable_number(gauge_section.study_number(rows)),
        "data": gauge_section.data_table(rows),
    }


def _level(name: str, level: Mapping[str, Any]) -> dict[str, str]:
    within = [
        f"{operator} {share(row['agreement'])}"
        for operator, row in level["attribute"]["within_operator"].items()
        if row["agreement"]["n"]
    ]
    gauge = level["gauge"]
    return {
        "name": name,
        "items": f"{plural(level['parts'], 'part')}, {plural(level['items'], 'clip')}",
        "within": "; ".join(within) or "one pass a part",
        "between": share(level["attribute"]["between_operators"]["agreement"]),
        "grr": number(gauge["percent_grr"], 3) if gauge else "",
    }
