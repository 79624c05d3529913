"""Registers the command ``camera`` without slow imports."""

from __future__ import annotations

from vidrobust.cli.command_entry import CommandEntry, at

COMMANDS = CommandEntry(
    name="camera",
    section="Tools",
    help="What in the camera's set-up makes the picture change, and which setting to touch.",
    load=at("vidrobust.plugins.camera.command:camera"),
)
