"""Registers the fine-tuning plugin without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = (
    CommandEntry(
        name="adapt",
        section="Study",
        help="Try recipes of fine-tuning on this footage, and choose one.",
        load=at("vidrobust.plugins.finetune.command:adapt"),
    ),
)
