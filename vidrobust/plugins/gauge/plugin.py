"""Registers the gauge plugin without slow imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.plugins.gauge.figures import FIGURES, FILE
from vidrobust.report.section import ReportSection, called

SECTION = "Repeatability"
COMMANDS = (
    CommandEntry(
        name="repeatability",
        section=SECTION,
        help="Study gauge R&R and the agreement of verdicts, of a run or of tables.",
        load=at("vidrobust.plugins.gauge.commands:repeatability"),
    ),
    CommandEntry(
        name="plan",
        section=SECTION,
        help="Compute how many parts, operators or clips a study needs.",
        load=at("vidrobust.plugins.gauge.plan_command:plan"),
    ),
)


def _where_studied(place: str) -> Callable[..., Any]:  # importing SciPy takes half a second
    return lambda run, *keep: called(place)(run, *keep) if run.json(FILE) else ""


REPORT = ReportSection(
    name="repeatability",
    question="Is it repeatable?",
    after="footage",
    details=_where_studied("vidrobust.plugins.gauge.report.repeatability_section:details"),
    statements=_where_studied("vidrobust.plugins.gauge.report.repeatability_section:statements"),
    files=(FILE,),
)
SHOWN = (REPORT, FIGURES)
