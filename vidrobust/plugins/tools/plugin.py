"""Registers the commands without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = tuple(
    CommandEntry(
        name=name, section="Tools", help=text, load=at(f"vidrobust.plugins.tools.commands:{name}")
    )
    for name, text in (
        ("inspect", "Show what a file holds, as decoded, and what is wrong with it."),
        ("labels", "Show what annotation files hold, and what in them cannot be used."),
        ("perturbations", "List the perturbations, or render each strength as a picture."),
        ("doctor", "Check what works on this machine, and how to get what is missing."),
    )
)
