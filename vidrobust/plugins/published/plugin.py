"""What the plugin of published protocols registers; this module imports nothing that takes time."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

SECTION = "Protocols"
COMMANDS = (
    CommandEntry(
        name="corruptions",
        section=SECTION,
        help="Measure errors under published corruptions of a folder of images.",
        load=at("vidrobust.plugins.published.corruptions_command:corruptions"),
    ),
    CommandEntry(
        name="transplant",
        section=SECTION,
        help="Paste an object over a grid of positions, and see where it is found.",
        load=at("vidrobust.plugins.published.transplant_command:transplant"),
    ),
    CommandEntry(
        name="data",
        section=SECTION,
        help="Check a data set that was downloaded.",
        load=at("vidrobust.plugins.published.data_command:data"),
    ),
)
