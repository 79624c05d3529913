"""Registers the fine-tuning plugin without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = (
    CommandEntry(
        name="adapt",
        section="Study",
        help="Fine-tune with the policy, and judge it on footage that was held out.",
        load=at("vidrobust.plugins.finetune.command:adapt"),
    ),
)
