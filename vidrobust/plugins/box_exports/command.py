"""``vidrobust boxes`` with what it writes: the clip with its boxes, tracks for TrackEval, and COCO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import PATH, GroupedCommand, refuse_idle, reporter
from vidrobust.cli.studies import on_target, one_folder, options_of
from vidrobust.stages.boxes.stage import BOXES


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--video",
    type=PATH,
    metavar="OUT.mp4",
    help="Write the clip with boxes, tracks, gaps and class changes drawn on it, 5 minutes at most.",
)
@click.option(
    "--clip",
    default="",
    metavar="NAME",
    help="The clip to draw, if there are several.  [default: its only one]",
)
@click.option(
    "--detector",
    default="",
    metavar="NAME",
    help="The detector to draw, if there are several.  [default: its only one]",
)
@click.option(
    "--from-s",
    type=float,
    metavar="S",
    help="Draw from this time on, in seconds.  [default: the beginning]",
)
@click.option(
    "--to-s",
    type=float,
    metavar="S",
    help="Draw until this time, in seconds.  [default: 5 minutes later]",
)
@click.option(
    "--mot",
    type=PATH,
    metavar="DIR",
    help="Write the tracks as MOTChallenge results: DIR/DETECTOR/data/CLIP.txt.",
)
@click.option(
    "--coco",
    type=PATH,
    metavar="FILE.json",
    help="Write the boxes as COCO with videos, with the numbers of their tracks.",
)
@options_of(BOXES)
def boxes(
    target: tuple[str, ...],
    video: Path | None,
    clip: str,
    detector: str,
    from_s: float | None,
    to_s: float | None,
    mot: Path | None,
    coco: Path | None,
    **options: Any,
) -> None:
    """Show detectors at every threshold and their worst moments, and draw boxes on the clip.

    TARGET is a run folder or sources. Stages that this one needs are made first.
    """
    if video is None:
        refuse_idle(("clip", "detector", "from_s", "to_s"), "without --video OUT.mp4")
    if video is None and mot is None and coco is None:
        on_target(target, BOXES, options)
        return
    quiet, folder = options["quiet"], one_folder(target, options, "--video, --mot, --coco")
    on_target(target, BOXES, options)
    for line in _written(folder, quiet, video, (clip, detector, from_s, to_s), mot, coco):
        click.echo(f"written: {line}", err=True)


def _written(
    path: Path,
    quiet: bool,
    video: Path | None,
    wanted: tuple[str, str, float | None, float | None],
    mot: Path | None,
    coco: Path | None,
) -> list[str]:
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.plugins.box_exports.coco import write_coco, write_mot
    from vidrobust.plugins.box_exports.video import WantedClip, write_video
    from vidrobust.run_folder.folder import RunFolder

    lines: list[str] = []
    if mot is not None:
        lines += map(str, write_mot(RunFolder.existing(path), mot))
    if coco is not None:
        lines += map(str, write_coco(RunFolder.existing(path), coco))
    if video is not None:
        with opened_folder(path, {}, reporter(quiet), None) as run:
            lines.append(write_video(run, WantedClip(*wanted), video))
    return lines
