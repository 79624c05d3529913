"""Registers first looks without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.report.section import ReportSection, called

COMMANDS = CommandEntry(
    name="look",
    section="Study",
    help="Give a first answer in a minute, and say what a whole study would add.",
    load=at("vidrobust.plugins.look.command:look"),
)

REPORT = ReportSection(
    name="look",
    question="Is it the model, the decoder or the resize?",
    after="worst",
    details=called("vidrobust.plugins.look.answers:details"),
    statements=called("vidrobust.plugins.look.answers:statements"),
)
