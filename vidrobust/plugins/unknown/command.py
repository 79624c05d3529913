"""``unknown``: how much of the footage lies outside what the models were trained for."""

from __future__ import annotations

from typing import Any

import click

from vidrobust.cli.options import GroupedCommand
from vidrobust.cli.studies import on_target, options_of
from vidrobust.errors import SettingsError
from vidrobust.plugins.unknown.settings import UnknownSettings
from vidrobust.plugins.unknown.stage import UNKNOWN


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1, required=True)
@options_of(UNKNOWN)
def unknown(target: tuple[str, ...], **options: Any) -> None:
    """How much of the footage lies outside what the models were trained for, and are they unstable there?

    TARGET is a run folder, or sources; what is needed is made first. Six scores say how unknown a frame is; what
    known footage, held out clip by clip, gets by them says how often they are wrong.
    """
    on_target(target, UNKNOWN, options, _check_known)


def _check_known(run: Any) -> None:
    if not run.settings.of(UnknownSettings).known:
        raise SettingsError(
            "--known: say what the models were trained for: footage, images, or a run on them, as --known train/"
        )
