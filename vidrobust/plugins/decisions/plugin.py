"""Registers the decisions plugin without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = (
    CommandEntry(
        name="decisions",
        section="Study",
        help="Counts at lines, dwell in zones and alarms: how often a detector makes them wrong.",
        load=at("vidrobust.plugins.decisions.command:decisions"),
    ),
)
