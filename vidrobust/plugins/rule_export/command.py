"""``vidrobust remedies`` with what it writes: a rule as a Python class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import PATH, GroupedCommand, refuse_idle
from vidrobust.cli.studies import on_target, one_folder, options_of
from vidrobust.stages.remedies.stage import REMEDIES


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--export",
    "file",
    type=PATH,
    metavar="FILE.py",
    help="Write the recommended rule as a Python class, and its numbers as TOML beside it.",
)
@click.option(
    "--rule",
    metavar="NAME",
    help="Export this rule, such as majority-5.  [default: the recommended one]",
)
@options_of(REMEDIES)
def remedies(target: tuple[str, ...], file: Path | None, rule: str | None, **options: Any) -> None:
    """Evaluate remedies that need no training (temporal filters, input corrections).

    TARGET is a run folder or sources. Stages that this one needs are made first.
    """
    if file is None:
        refuse_idle(("rule",), "without --export FILE.py")
        on_target(target, REMEDIES, options)
        return
    from vidrobust.plugins.rule_export.take_away import take_away

    folder, specs = one_folder(target, options, "--export"), options["model"]
    on_target(target, REMEDIES, options)
    for path in take_away(folder, file, rule, specs):
        click.echo(f"written: {path}", err=True)
