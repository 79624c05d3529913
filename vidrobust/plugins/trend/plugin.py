"""Registers the command without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = CommandEntry(
    name="trend",
    section="Runs",
    help="Compare runs over time: since when, how much, why, and from which rate on to look.",
    load=at("vidrobust.plugins.trend.command:trend"),
)
