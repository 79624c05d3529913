"""``remedies``: what makes a model steadier, and the rule to take away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.grouped import GroupedCommand
from vidrobust.cli.studies import on_target, options_of
from vidrobust.errors import SettingsError
from vidrobust.stages.remedies.stage import REMEDIES
from vidrobust.stages.replays.stage import REPLAYS


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--export",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="Write the recommended rule as a Python class, and its numbers as TOML beside it.",
)
@click.option(
    "--rule", metavar="NAME", help="Export this rule, such as majority-5.  [default: the recommended one]"
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also play the footage again without its causes, look at each frame again, choose boxes otherwise, and "
    "change the network without training: asks the models anew, once.",
)
@options_of(REMEDIES)
def remedies(
    target: tuple[str, ...], file: Path | None, rule: str | None, everything: bool, **options: Any
) -> None:
    """What makes it steadier without training: rules, saying nothing; each measured against doing nothing.

    TARGET is a run folder, or sources; what is needed is made first.
    """
    if rule and file is None:
        raise SettingsError("--rule: names what --export writes; give --export FILE.py too")
    along = (REPLAYS.name,) if everything else ()
    if file is None:
        on_target(target, REMEDIES, options, along=along)
        return
    from vidrobust.run_folder.folder import is_run_folder
    from vidrobust.stages.remedies.take_away import take_away

    folder, specs = Path(options["out"] or target[0]), options["model"]
    if len(target) > 1 or not (options["out"] or is_run_folder(folder)):
        raise SettingsError("--export: works on one run folder; give it, or sources and --out")
    on_target(target, REMEDIES, options, along=along)
    for path in take_away(folder, file, rule, specs):
        click.echo(f"written: {path}", err=True)
