"""What the plugin of unknown footage registers; this module imports nothing that takes time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.report.section import FirstPageLine, Keep, ReportSection

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


def _first_page(run: RunTables) -> Iterable[FirstPageLine]:
    from vidrobust.plugins.unknown.section import first_page_lines

    return first_page_lines(run)


def _answer(run: RunTables, model: str) -> Iterable[tuple[str, str]]:
    from vidrobust.plugins.unknown.section import console_lines

    return console_lines(run, model)


REPORT = ReportSection(
    name="unknown",
    question="Does it know this footage?",
    after="worst",
    details=_details,
    first_page=_first_page,
    answer=_answer,
    files=("unknown.json",),
)
