"""Registers the unknown stage without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.report.section import ReportSection, called

COMMANDS = (
    CommandEntry(
        name="unknown",
        section="Study",
        help="Measure how much of the footage lies outside the training domain.",
        load=at("vidrobust.plugins.unknown.command:unknown"),
    ),
)

REPORT = ReportSection(
    name="unknown",
    question="Does it know this footage?",
    after="worst",
    details=called("vidrobust.plugins.unknown.section:details"),
    statements=called("vidrobust.plugins.unknown.section:statements"),
    files=("unknown.json",),
)
