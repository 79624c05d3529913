"""The command data: a data set of the field in a folder, checked."""

from __future__ import annotations

from pathlib import Path

import click

from vidrobust.cli.options import PATH, print_json
from vidrobust.errors import InputError, SettingsError
from vidrobust.plugins.published.data_set_names import DataSet


@click.command()
@click.argument("name", type=click.Choice([entry.value for entry in DataSet]))
@click.option("--at", "folder", required=True, type=PATH, help="Where it was unpacked.")
@click.option(
    "--manifest",
    type=PATH,
    metavar="FILE",
    help="Where the manifest goes.  [default: manifest.csv in that folder]",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 500),
    metavar="N",
    help="Of youtube-bb: cut its CSV into N by video, one study each.  [default: check it whole]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def data(name: str, folder: Path, manifest: Path | None, shards: int | None, as_json: bool) -> None:
    """Check a data set that was downloaded: its layout, its counts, what is missing, and the next command.

    Writes its manifest, where the next command works on footage or stills.
    """
    import pandas as pd

    from vidrobust.files.atomic import csv_text, write_text
    from vidrobust.plugins.published.data_sets import DATA_SETS, lines

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    if shards is not None:
        if name != DataSet.YOUTUBE_BB:
            raise SettingsError(
                f"shards: {name} has no CSV to cut; it is for {DataSet.YOUTUBE_BB.value}"
            )
        _cut(folder, shards, as_json)
        return
    checked = DATA_SETS[DataSet(name)](folder)
    written = None
    if checked.manifest:
        written = manifest or folder / "manifest.csv"
        base = written.resolve().parent
        rows = [
            (str((folder / path).resolve().relative_to(base)), *rest)
            if (folder / path).resolve().is_relative_to(base)
            else (str((folder / path).resolve()), *rest)
            for path, *rest in checked.manifest
        ]
        written.parent.mkdir(parents=True, exist_ok=True)
        write_text(written, csv_text(pd.DataFrame(rows, columns=["path", "item", "label"])))
    elif manifest is not None:
        raise SettingsError(f"manifest: {name} needs none, its files are read as they lie")
    if as_json:
        print_json(
            {
                "name": name,
                "counts": {
                    what: {"found": a, "published": b} for what, (a, b) in checked.counts.items()
                },
                "missing": list(checked.missing),
                "manifest": written,
                "notes": list(checked.notes),
                "command": checked.command,
            }
        )
        return
    for line in lines(checked):
        click.echo(line)
    if written is not None:
        click.echo(f"manifest: {written} ({len(checked.manifest)} rows)")


def _cut(folder: Path, count: int, as_json: bool) -> None:
    from vidrobust.footage.records import columns_of
    from vidrobust.plugins.published import ytbb
    from vidrobust.plugins.published.data_sets import youtube_bb_table
    from vidrobust.plugins.published.ytbb import split

    table = youtube_bb_table(folder)
    shards = split(table, folder, count, has_header=ytbb.header_of(columns_of(table))[1])
    rows = [len(shard.lines) for shard in shards]
    command = "vidrobust stability SHARD --labels SHARD --crop boxes --model SPEC --cache FOLDER_OF_ALL --out RUN"
    if as_json:
        print_json({"shards": [shard.path for shard in shards], "rows": rows, "command": command})
        return
    click.echo(
        f"{len(shards)} shards of {table.name}, {min(rows)} to {max(rows)} rows, each with all of its videos"
    )
    click.echo(f"next, of each: {command}")
