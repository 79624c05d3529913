"""Registers the command without slow imports; the formats are in ``coco.py``."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = CommandEntry(
    name="boxes",
    section="Study",
    help="Show detectors at every threshold, and draw their boxes on the clip.",
    load=at("vidrobust.plugins.box_exports.command:boxes"),
)
