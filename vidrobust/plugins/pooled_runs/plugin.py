"""Registers the command without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = CommandEntry(
    name="correlate",
    section="Study",
    help="Find the perturbations that stand for what happens in the footage.",
    load=at("vidrobust.plugins.pooled_runs.command:correlate"),
)
