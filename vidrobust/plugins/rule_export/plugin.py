"""Registers the command without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = CommandEntry(
    name="remedies",
    section="Study",
    help="Evaluate remedies that need no training against doing nothing.",
    load=at("vidrobust.plugins.rule_export.command:remedies"),
)
