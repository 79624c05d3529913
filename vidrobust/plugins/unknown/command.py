"""``unknown``: which frames a classifier does not know, and whether it is unstable there."""

from __future__ import annotations

from pathlib import Path

import click

from vidrobust.cli.options import JSON, PATH, QUIET, print_result, reporter


@click.command()
@click.argument("run_folder", metavar="RUN", type=PATH)
@click.option(
    "--known",
    type=PATH,
    metavar="DIR",
    help="Pictures of what the model was trained for, such as its validation set; or a run folder of such footage.",
)
@click.option(
    "--frames",
    "most",
    type=click.IntRange(min=10),
    default=600,
    show_default=True,
    metavar="N",
    help="Frames, and known pictures, that are asked about at most; evenly spread.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the permutations."
)
@JSON
@QUIET
def unknown(
    run_folder: Path, known: Path | None, most: int, seed: int, as_json: bool, quiet: bool
) -> None:
    """Find frames that a classifier does not know, and say whether it is unstable there.

    Scores: distance to known pictures, energy, ODIN, rotation (where a head was trained), largest probability. Each is
    held against known pictures, and against the jitter of the same frames. An ONNX file gives logits or probabilities
    alone: load the torch module for the other scores.
    """
    from vidrobust.pipeline.build import build
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.plugins.unknown.answers import lines
    from vidrobust.plugins.unknown.study import unknown_of
    from vidrobust.run_folder.reader import RunTables
    from vidrobust.stages.catalogue import STAGES
    from vidrobust.stages.report.page import write_report
    from vidrobust.stages.stability.stage import STABILITY

    with opened_folder(run_folder, {}, reporter(quiet)) as run:
        build(run, STAGES, [STABILITY.name])
        result = unknown_of(run, known, most, seed)
        run.reporter.say(f"report: {write_report(run.path)}")
    print_result(result, lines(RunTables(run_folder)), as_json)
