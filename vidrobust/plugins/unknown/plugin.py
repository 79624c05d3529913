"""What the plugin of unknown footage registers; this module imports nothing that takes time."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = (
    CommandEntry(
        name="unknown",
        section="Study",
        help="Measure how much of the footage lies outside the training domain.",
        load=at("vidrobust.plugins.unknown.command:unknown"),
    ),
)
