"""Registers the unknown stage without slow imports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.report.section import Keep, ReportSection
from vidrobust.statement import Statement

if TYPE_CHECKING:
    from vidrobust.run_folder.reader import RunTables

COMMANDS = (
    CommandEntry(
        name="unknown",
        section="Study",
        help="Measure how much of the footage lies outside the training domain.",
        load=at("vidrobust.plugins.unknown.command:unknown"),
    ),
)


def _details(run: RunTables, keep: Keep) -> str:
    from vidrobust.plugins.unknown.section import details

    return details(run)


def _statements(run: RunTables) -> Iterable[Statement]:
    from vidrobust.plugins.unknown.section import statements

    return statements(run)


REPORT = ReportSection(
    name="unknown",
    question="Does it know this footage?",
    after="worst",
    details=_details,
    statements=_statements,
    files=("unknown.json",),
)
