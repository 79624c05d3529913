"""Registers first looks without slow imports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.report.section import Keep, ReportSection
from vidrobust.statement import Statement

if TYPE_CHECKING:
    from vidrobust.run_folder.reader import RunTables

COMMANDS = CommandEntry(
    name="look",
    section="Study",
    help="Give a first answer in a minute, and say what a whole study would add.",
    load=at("vidrobust.plugins.look.command:look"),
)


def _details(run: RunTables, keep: Keep) -> str:
    from vidrobust.plugins.look.answers import details

    return details(run)


def _statements(run: RunTables) -> Iterable[Statement]:
    from vidrobust.plugins.look.answers import statements

    return statements(run)


REPORT = ReportSection(
    name="look",
    question="Is it the model, the decoder or the resize?",
    after="worst",
    details=_details,
    statements=_statements,
)
