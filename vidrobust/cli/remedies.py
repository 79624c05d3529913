"""``remedies``: what makes a model steadier, and the rule to take away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.app import (
    _CONFIG,
    _FOOTAGE,
    _FOR,
    _MODEL,
    _OUT,
    _OVERWRITE,
    _PRINT,
    _STUDY,
    _on_target,
    _options,
)
from vidrobust.errors import SettingsError
from vidrobust.pipeline.stages import BY_NAME


@click.command()
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="Write the recommended rule as a Python class, and its numbers as TOML beside it.",
)
@click.option("--rule", metavar="NAME", help="Export this rule instead, such as majority-5.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also play the footage again without its causes, and look at each frame again: asks the models anew.",
)
@_options(_MODEL, _OUT, _CONFIG, _FOR, _OVERWRITE, _FOOTAGE, _STUDY, _PRINT)
def remedies(
    target: tuple[str, ...], file: Path | None, rule: str | None, everything: bool, **options: Any
) -> None:
    """What makes it steadier without training: rules, saying nothing; each measured against doing nothing.

    TARGET is a run folder, or sources; what is needed is made first.
    """
    if rule and file is None:
        raise SettingsError("--rule: names what --export writes; give --export FILE.py too")
    options["before"] = _replayed if everything else None
    if file is None:
        _on_target(target, BY_NAME["remedies"], **options)
        return
    from vidrobust.run_folder.folder import is_run_folder
    from vidrobust.stages.remedies.take_away import take_away

    folder = Path(options["out"] or target[0])
    if len(target) > 1 or not (options["out"] or is_run_folder(folder)):
        raise SettingsError("--export: works on one run folder; give it, or sources and --out")
    _on_target(target, BY_NAME["remedies"], **options)
    for path in take_away(folder, file, rule, options["model"]):
        click.echo(f"written: {path}", err=True)


def _replayed(run: Any) -> None:
    """Before the table is made: what it needs, and the replays."""
    from vidrobust.pipeline.build import build
    from vidrobust.stages.remedies.replays import replay_all

    build(run, ["stability"])
    replay_all(run)


def register(cli: click.Group) -> None:
    """Add the command."""
    cli.add_command(remedies)
