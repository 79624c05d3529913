"""The command of this plugin, without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = (
    CommandEntry(
        name="recorded",
        section="Protocols",
        help="State how stable recorded predictions are, without their video.",
        load=at("vidrobust.plugins.formats.command:recorded"),
    ),
)
