"""``vidrobust pipelines``."""

from __future__ import annotations

from pathlib import Path

import click

from vidrobust.cli.options import JSON, PATH, print_result


@click.command()
@click.argument("clips", nargs=-1, required=True, metavar="CLIP...")
@click.option("--model", "-m", required=True, metavar="SPEC", help="The model, as of study.")
@click.option(
    "--frames",
    type=click.IntRange(min=2),
    default=90,
    show_default=True,
    metavar="N",
    help="The first so many frames of each clip.",
)
@click.option(
    "--out", "-o", type=PATH, metavar="DIR", help="Folder for table and page.  [default: none]"
)
@JSON
def pipelines(
    clips: tuple[str, ...], model: str, frames: int, out: Path | None, as_json: bool
) -> None:
    """Does the same picture get the same answer through another pipeline?

    The same frames go through other decoders, colour conversions, resizes, paddings, number formats and engines, each
    compared with the chain of a study.
    """
    from vidrobust.files.json_text import plain
    from vidrobust.plugins.comparison.pipelines import lines_of, pipelines_of, write_pipelines

    asked = pipelines_of(clips, model, frames=frames)
    lines = lines_of(asked)
    if out is not None:
        lines.append(f"report: {write_pipelines(out, asked)}")
    print_result(plain(asked.table.to_dict("records")), lines, as_json)
