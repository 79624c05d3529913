"""Commands of stages that have options of their own: ``boxes``, ``remedies`` and ``correlate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import (
    PATH,
    GroupedCommand,
    all_but,
    given,
    print_json,
    print_result,
    refuse_idle,
    reporter,
)
from vidrobust.cli.studies import on_target, opened_target, options_of
from vidrobust.errors import SettingsError
from vidrobust.stages.boxes.stage import BOXES
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.correlate.stage import CORRELATE, CorrelationProtocol, protocols
from vidrobust.stages.remedies.stage import REMEDIES
from vidrobust.stages.replays.stage import REPLAYS

OF_CORRELATION = ("out", "as_json", "quiet", "across", "resamples", "seed")


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
    quiet, folder = options["quiet"], _one_folder(target, options, "--video, --mot, --coco")
    on_target(target, BOXES, options)
    for line in _written(folder, quiet, video, (clip, detector, from_s, to_s), mot, coco):
        click.echo(f"written: {line}", err=True)


def _one_folder(target: Sequence[str], options: dict[str, Any], flags: str) -> Path:
    if not options["out"] and (len(target) > 1 or not _is_run(target[0])):
        raise SettingsError(f"{flags}: works on one run folder; give it, or sources and --out")
    return Path(options["out"] or target[0])


def _written(
    path: Path,
    quiet: bool,
    video: Path | None,
    wanted: tuple[str, str, float | None, float | None],
    mot: Path | None,
    coco: Path | None,
) -> list[str]:
    from vidrobust.finished_runs.exports.coco import write_coco, write_mot
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.stages.boxes.video import WantedClip, write_video

    lines: list[str] = []
    if mot is not None:
        lines += map(str, write_mot(RunFolder.existing(path), mot))
    if coco is not None:
        lines += map(str, write_coco(RunFolder.existing(path), coco))
    if video is not None:
        with opened_folder(path, {}, reporter(quiet), None) as run:
            lines.append(write_video(run, WantedClip(*wanted), video))
    return lines


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
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also replay the footage without its causes: asks the models anew, once.",
)
@options_of(REMEDIES)
def remedies(
    target: tuple[str, ...], file: Path | None, rule: str | None, everything: bool, **options: Any
) -> None:
    """Evaluate remedies that need no training (temporal filters, abstention, input corrections).

    TARGET is a run folder or sources. Stages that this one needs are made first.
    """
    along = (REPLAYS.name,) if everything else ()
    if file is None:
        refuse_idle(("rule",), "without --export FILE.py")
        on_target(target, REMEDIES, options, along=along)
        return
    from vidrobust.stages.remedies.take_away import take_away

    folder, specs = _one_folder(target, options, "--export"), options["model"]
    on_target(target, REMEDIES, options, along=along)
    for path in take_away(folder, file, rule, specs):
        click.echo(f"written: {path}", err=True)


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--across",
    multiple=True,
    type=click.Choice(["frames", "clips", "models"]),
    help="Of several runs: correlate across these.  [default: all]",
)
@click.option(
    "--protocol",
    type=click.Choice(list(protocols())),
    help="Natural against synthetic robustness over the models of a run with labels.  [default: none]",
)
@options_of(CORRELATE)
def correlate(
    target: tuple[str, ...], across: tuple[str, ...], protocol: str | None, **options: Any
) -> None:
    """Find the perturbations that stand for what happens in the footage.

    TARGET is a run folder, several run folders (their models, clips and frames then count together, and --out says
    where the result goes), or sources.
    """
    pooled = len(target) > 1 and all(map(_is_run, target))
    if protocol or not pooled:
        refuse_idle(("across",), "without several runs")
    if protocol:
        _by_protocol(protocols()[protocol], target, options)
    elif pooled:
        how: dict[str, Any] = {"across": across} if across else {}
        how |= {n: value for n, value in given(options).items() if n in ("resamples", "seed")}
        _pooled(target, options, how)
    else:
        on_target(target, CORRELATE, options)


def _is_run(path: str) -> bool:
    from vidrobust.run_folder.folder import is_run_folder

    return is_run_folder(Path(path))


def _pooled(runs: tuple[str, ...], options: dict[str, Any], how: dict[str, Any]) -> None:
    if not options["out"]:
        raise click.UsageError(
            "give --out DIR: the correlation of several runs belongs to none of them"
        )
    refuse_idle(all_but(*OF_CORRELATION), "where several runs are given")
    from vidrobust.stages.correlate.studies import correlate_runs

    paths = [Path(run) for run in runs]
    result = correlate_runs(paths, Path(options["out"]), reporter=reporter(options["quiet"]), **how)
    if options["as_json"]:
        print_json(result)


def _by_protocol(
    protocol: CorrelationProtocol, target: tuple[str, ...], options: dict[str, Any]
) -> None:
    """``correlate RUN --protocol NAME``, or SOURCES: missing inputs of the protocol are made."""
    from vidrobust.run_folder.folder import RunFolder

    if not target or (len(target) > 1 and any(map(_is_run, target))):
        raise click.UsageError(f"--protocol {protocol.name} works on one run folder, or on sources")
    chosen = given(options)
    folder = Path(target[0])
    if not _is_run(target[0]) or any(
        not len(RunFolder.existing(folder).table(name)) for name in protocol.tables
    ):
        from vidrobust.pipeline.build import build

        with opened_target(
            target, {n: v for n, v in options.items() if n != "as_json"}, CORRELATE
        ) as run:
            build(run, STAGES, protocol.stages)
        folder = Path(run.path)
    found, lines = protocol.run(
        folder, **{name: chosen[name] for name in ("resamples", "seed") if name in chosen}
    )
    print_result(found, lines, options["as_json"])
