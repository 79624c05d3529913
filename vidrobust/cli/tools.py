"""Commands that are no stage of a study: models, demo, status, clean."""

from __future__ import annotations

from pathlib import Path

import click

from vidrobust.cli.options import print_json, print_rows
from vidrobust.finished_runs.demo import demos
from vidrobust.stages.catalogue import STAGES


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
@click.option(
    "--describe",
    default=None,
    metavar="FILE",
    help="Write the sidecar of an ONNX network beside it, its values guessed from the graph.",
)
def models(as_json: bool, describe: str | None) -> None:
    """The forms of a model spec, and what is installed for each."""
    from vidrobust.models.describe import write_description
    from vidrobust.models.spec import available

    if describe is not None:
        click.echo(write_description(Path(describe)))
        return
    print_rows(available(), as_json)


DEMOS = demos()


@click.command(
    help="Run a whole study on footage that comes with the package.\n\n\b\n"
    + "\n".join(f"{name}: {entry.help}." for name, entry in DEMOS.items())
)
@click.argument("which", type=click.Choice(list(DEMOS)), default=next(iter(DEMOS)))
@click.option(
    "--out",
    default=None,
    metavar="DIR",
    help=f"The run folder.  [default: {' or '.join(entry.out for entry in DEMOS.values())}]",
)
@click.option("--quiet", "-q", is_flag=True, help="No progress, only warnings and errors.")
def demo(which: str, out: str | None, quiet: bool) -> None:
    from vidrobust.pipeline.progress import Reporter

    chosen = DEMOS[which]
    click.echo("\n".join(chosen.run(out or chosen.out, Reporter(quiet=quiet))))


@click.command()
@click.argument("run_folder")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def status(run_folder: str, as_json: bool) -> None:
    """Each stage of a run folder: done, stale or missing, with its time."""
    from vidrobust.pipeline.keys import status as status_of
    from vidrobust.run_folder.folder import RunFolder

    rows = status_of(RunFolder.existing(Path(run_folder)), STAGES)
    if as_json:
        print_json(rows)
        return
    summary = {None: ""}
    print_rows(
        [{**row, "seconds": summary.get(row["seconds"], f"{row['seconds']} s")} for row in rows],
        as_json=False,
    )


@click.command()
@click.argument("run_folder")
def clean(run_folder: str) -> None:
    """Remove the cache of a run folder: its tables and report stay, and nothing can be continued."""
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.run_folder.unit_cache import UnitCache

    folder = RunFolder.existing(Path(run_folder))
    with folder.locked():
        freed = UnitCache(folder.path, folder.settings.cache).clean()
    click.echo(f"{freed / 1e6:.1f} MB freed")
