"""Registers the plugin unknown without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.report.section import ReportSection, called

FILE = "unknown.json"
TOGETHER, APART, UNDECIDED = "together", "not together", "cannot tell"

COMMANDS = CommandEntry(
    name="unknown",
    section="Study",
    help="Find frames that a classifier does not know, and say whether it is unstable there.",
    load=at("vidrobust.plugins.unknown.command:unknown"),
)
REPORT = ReportSection(
    name="unknown",
    question="Does it know this data?",
    after="why",
    details=called("vidrobust.plugins.unknown.answers:details"),
    statements=called("vidrobust.plugins.unknown.answers:statements"),
    files=(FILE,),
)
