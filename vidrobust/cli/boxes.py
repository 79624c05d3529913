"""``boxes``: detectors at every threshold and their worst moments; the clip with boxes drawn; tracks as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.grouped import GroupedCommand
from vidrobust.cli.printing import reporter
from vidrobust.cli.studies import on_target, options_of
from vidrobust.errors import SettingsError
from vidrobust.stages.boxes.stage import BOXES


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--video",
    type=click.Path(path_type=Path),
    metavar="OUT.mp4",
    help="Write the clip with boxes, tracks, gaps and changes of name drawn on it, 5 minutes at most.",
)
@click.option(
    "--clip",
    default="",
    metavar="NAME",
    help="Draw this clip, where the run has several.  [default: its only one]",
)
@click.option(
    "--detector",
    default="",
    metavar="NAME",
    help="Draw this detector, where the run has several.  [default: its only one]",
)
@click.option(
    "--from-s",
    type=float,
    metavar="S",
    help="Draw from this time of the clip on, seconds.  [default: the beginning]",
)
@click.option(
    "--to-s", type=float, metavar="S", help="Draw until this time, seconds.  [default: 5 minutes later]"
)
@click.option(
    "--mot",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the tracks as MOTChallenge results: DIR/DETECTOR/data/CLIP.txt.",
)
@click.option(
    "--coco",
    type=click.Path(path_type=Path),
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
    """Detectors: the stability at every threshold, pictures of the worst moments; the clip with its boxes.

    TARGET is a run folder, or sources; what is needed is made first.
    """
    chosen = [flag for flag, value in (("--clip", clip), ("--detector", detector)) if value]
    chosen += [flag for flag, value in (("--from-s", from_s), ("--to-s", to_s)) if value is not None]
    if chosen and video is None:
        raise SettingsError(f"{chosen[0]}: says what --video draws; give --video OUT.mp4 too")
    if video is None and mot is None and coco is None:
        on_target(target, BOXES, options)
        return
    from vidrobust.run_folder.folder import is_run_folder

    quiet, folder = options["quiet"], Path(options["out"] or target[0])
    if len(target) > 1 or not (options["out"] or is_run_folder(folder)):
        raise SettingsError("--video, --mot, --coco: work on one run folder; give it, or sources and --out")
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
    """What was written, a line each."""
    from vidrobust.finished_runs.box_export import write_coco, write_mot
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.stages.boxes.video import Wanted, write_video

    lines: list[str] = []
    if mot is not None:
        lines += map(str, write_mot(RunFolder.existing(path), mot))
    if coco is not None:
        lines += map(str, write_coco(RunFolder.existing(path), coco))
    if video is not None:
        with opened_folder(path, {}, reporter(quiet), None) as run:
            lines.append(write_video(run, Wanted(*wanted), video))
    return lines
