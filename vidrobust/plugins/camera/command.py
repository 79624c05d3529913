"""``camera CLIP...``: findings about the camera, from pixels alone."""

from __future__ import annotations

from typing import Any

import click

from vidrobust.cli.options import (
    JSON,
    PATH,
    QUIET,
    GroupedCommand,
    end,
    options,
    print_result,
    reporter,
)


@click.command(cls=GroupedCommand)
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...")
@click.option(
    "--model", metavar="SPEC", help="A model: what each finding costs it.  [default: none]"
)
@click.option(
    "--static",
    is_flag=True,
    help="The scene is still: 100 frames are enough, figures of EMVA 1288.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="NAME=VALUE",
    help="Largest allowed value, such as static_noise=2, light=1% or shift=0.3px; repeatable.  "
    "[default: none]",
)
@click.option(
    "--exposure-ms",
    type=float,
    metavar="MS",
    help="Exposure of the recording in ms.  [default: unknown]",
)
@click.option(
    "--line-us",
    type=float,
    metavar="US",
    help="Time of a line of the sensor in µs.  [default: unknown]",
)
@click.option("--start-s", type=float, metavar="S", help="Begin here, in seconds.  [default: 0]")
@click.option(
    "--end-s", type=float, metavar="S", help="End here, in seconds.  [default: end of the clip]"
)
@click.option(
    "--out",
    "-o",
    type=PATH,
    metavar="DIR",
    help="Folder for table, page and mask.  [default: none]",
)
@click.option(
    "--junit", type=PATH, metavar="FILE", help="Write the outcome of --limit as JUnit XML."
)
@options(JSON, QUIET)
def camera(clips: tuple[str, ...], as_json: bool, quiet: bool, **chosen: Any) -> None:
    """What in the set-up of the camera makes the picture change, and which setting to touch?

    Pixels alone are looked at. Each finding is found, not found, or cannot be told, with what to record instead.
    """
    from vidrobust.files.json_text import plain
    from vidrobust.finished_runs.gate import describe
    from vidrobust.plugins.camera.answer import as_table, console, diagnosed, passages, write

    limits, junit = chosen.pop("limits"), chosen.pop("junit")
    if junit and not limits:
        raise click.UsageError("--junit without --limit: there is no outcome to write")
    passages(limits, [])  # a misspelt limit is refused before the work
    diagnoses, costs = diagnosed(clips, chosen)
    if chosen["out"] is not None:
        write(chosen["out"], diagnoses, costs)
    if not quiet:
        rows = plain(as_table(diagnoses, costs).to_dict("records"))
        print_result(rows, console(diagnoses, costs), as_json)
    if limits:
        kept = passages(limits, diagnoses)
        code = describe(kept, reporter(quiet or as_json), str(junit) if junit else None, "camera")
        if code:
            end(code)
