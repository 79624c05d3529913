"""Repeatability as those who sign for it expect it: verdicts with their rules, figures, the grey zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.repeatability.figures import figures_of
from vidrobust.repeatability.overall import worst_words
from vidrobust.repeatability.study_file import FILE
from vidrobust.repeatability.study_words import agreement_words, trials
from vidrobust.repeatability.words import (
    OF_STUDY,
    beside_words,
    guard_band_words,
    lines,
    tests_words,
    together_words,
)
from vidrobust.report import (
    acceptance_section,
    agreement_section,
    gauge_section,
    grey_zone_section,
    reference_figures,
)
from vidrobust.report.drawing import Picture
from vidrobust.report.pages import write_page
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.numbers import number
from vidrobust.text.phrases import plural


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
    shown = found["grey_zone"]
    return _of_run(
        found,
        pd.DataFrame(found["per_part"]),
        stale=found["of"] != run.record.stability_key,
        grey=grey_zone_section.shots(run, shown),
        grey_left_out=grey_zone_section.left_out(found["attribute"], len(shown)),
    )


def section_of_table(found: Mapping[str, Any], table: pd.DataFrame, what: str = "value") -> Section:
    """The section of a study of a table part, operator, trial, value; what: is measured, for an axis."""
    if found["study"] == "gauge":
        text = f"{plural(found['parts'], 'part')}, {plural(found['operators'], 'operator')}, "
        text += f"{trials(found['trials'])}, {plural(found['n'], 'measurement')}"
        pictures = gauge_section.gauge_pictures(found, table, what)
        if found.get("linearity"):
            pictures.append(reference_figures.bias_line(found["linearity"], table, what))
        return _section(found, None, found, summary=text, pictures=pictures)
    if found["study"] != "attribute":
        return _section(
            found,
            None,
            None,
            summary=lines(found)[1],
            pictures=[gauge_section.reference_picture(found, table, what)],
        )
    split = [each["part"] for each in found["grey_zone"]["parts"]]
    pictures = agreement_section.agreement_pictures(found)
    if found.get("signal_detection"):
        fitted = found.get("analytic_method") or []
        pictures.append(
            reference_figures.grey_zone(found["signal_detection"], table, set(found["defect"]), fitted, what)
        )
    return _section(
        found,
        found,
        None,
        summary=agreement_section.counts(found),
        pictures=pictures,
        votes=grey_zone_section.votes(table, split[: grey_zone_section.MOST_VOTES]),
        grey_left_out=grey_zone_section.left_out(found, min(len(split), grey_zone_section.MOST_VOTES)),
    )


def section_of_run_rows(found: Mapping[str, Any], rows: pd.DataFrame) -> Section:
    """The section of a run's study without the pictures of its footage, as a certificate shows it.

    rows  ``per_part`` of the study
    """
    return _of_run(found, rows, grey_left_out=grey_zone_section.left_out(found["attribute"], 0))


def _of_run(found: Mapping[str, Any], rows: pd.DataFrame, **more: Any) -> Section:
    """The section of a run's study; ``more`` as of ``_section``."""
    attribute = found["attribute"]
    scores = rows.drop(columns="value").rename(columns={"score": "value"})
    pictures = gauge_section.gauge_pictures(found["gauge"], scores, found["score_of"])
    return _section(
        found,
        attribute,
        found["gauge"],
        summary=f"{agreement_section.counts(attribute)}; one verdict a part and pass: {found['rule_in_words']}",
        pictures=[*pictures, *agreement_section.agreement_pictures(attribute)],
        **more,
    )


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
        overall_kind=acceptance_section.KINDS.get(wording["verdict"], "unknown"),
        worst=worst_words([*(found.get("differences") or []), *differences]),
        lines=_lines(found),
        stale=stale,
        verdicts=[acceptance_section.verdict(each, known) for each in found["verdicts"]],
        means=[
            acceptance_section.MEANS[name]
            for name in dict.fromkeys(each["quantity"] for each in found["verdicts"])
            if name in acceptance_section.MEANS
        ],
        sources=list(dict.fromkeys(each["source"] for each in found["verdicts"])),
        pictures=pictures,
        components=gauge_section.components(gauge) if gauge else [],
        gauge_line=gauge_section.gauge_line(gauge) if gauge else "",
        anova=gauge_section.anova(gauge) if gauge else [],
        operators=[gauge_section.operator(each) for each in found.get("by_operator", [])],
        errors=agreement_section.errors(attribute["against_reference"]) if attribute else [],
        tests=[*tests_words(attribute), *agreement_words(attribute)] if attribute else [],
        crossed=agreement_section.crossed(attribute) if attribute else [],
        levels=[_level(name, each) for name, each in found.get("levels", {}).items()],
        guard_band=guard_band_words(band) if band else "",
        people=together_words(people) if people else "",
        grey=grey or [],
        grey_left_out=grey_left_out,
        votes=votes or {},
        notes=notes,
    )


def _lines(found: Mapping[str, Any]) -> list[str]:
    """What a study says besides its tables: risks, equal variances, uncertainty; of reference parts all of it."""
    alone = found["study"] in ("type1", "linearity", "stability")
    wording = OF_STUDY[found["study"]](found) if alone else beside_words(found)
    return [line.strip() for line in wording]


def _level(name: str, each: Mapping[str, Any]) -> dict[str, str]:
    within = [
        f"{operator} {agreement_section.share(own['agreement'])}"
        for operator, own in each["attribute"]["within_operator"].items()
        if own["agreement"]["n"]
    ]
    gauge = each["gauge"]
    return {
        "name": name,
        "from": " and ".join(each["from"]),
        "items": f"{plural(each['parts'], 'part')}, {plural(each['items'], 'clip')}",
        "within": "; ".join(within) or "one pass a part",
        "between": agreement_section.share(each["attribute"]["between_operators"]["agreement"]),
        "grr": number(gauge["percent_grr"], 3) if gauge else "",
    }
