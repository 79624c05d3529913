"""The command line: parse, call, print. Nothing here computes, and torch is imported only by a command."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from vidrobust import __version__
from vidrobust.errors import InputError, SettingsError, VidrobustError
from vidrobust.files.atomic import disk_is_full
from vidrobust.frames.device import tune_process
from vidrobust.pipeline.interrupts import graceful_interrupts
from vidrobust.pipeline.stage import Stage, load
from vidrobust.pipeline.stages import ALL, STAGES
from vidrobust.run_folder.settings import Settings
from vidrobust.text.printable import printable

F = TypeVar("F", bound=Callable[..., Any])


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _setting(flag: str, text: str, **more: Any) -> Callable[[F], F]:
    """An option that is a setting of the same name; its default stands in the settings, and in the help."""
    default = getattr(Settings(), flag.split("/")[0][2:].replace("-", "_"))
    told = ",".join(map(str, default)) if isinstance(default, tuple) else default
    shown = f"  [default: {told}]" if told not in (None, "", False) else ""
    return click.option(flag, help=text + shown, **more)


def _numbers(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    try:
        return None if value is None else tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected whole numbers with commas between, got {value!r}") from error


_MODEL = click.option(
    "--model",
    "-m",
    multiple=True,
    metavar="SPEC",
    help="A model: efficientnet-lite0, torchvision:NAME[,weights=FILE], timm:NAME, onnx:FILE, pt2:FILE, "
    "package.module:factory, ... (vidrobust models lists all). May be given several times.",
)
_OUT = click.option(
    "--out", "-o", metavar="DIR", help="The run folder.  [default: reports/NAME of the first source]"
)
_CONFIG = click.option("--config", metavar="FILE", help="Settings in TOML, named as these options.")
_FOR = click.option(
    "--for",
    "lasting",
    metavar="TIME",
    help="Record a stream (rtsp://..., - for a pipe) so long: 60s, 10m, 1h.",
)
_OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Replace a run folder that belongs to other sources or another version."
)
_FOOTAGE = _options(
    _setting("--device", "auto, cpu, cuda or cuda:N.", metavar="DEVICE"),
    _setting("--strict-device", "Never fall back to another device.", is_flag=True, default=None),
    _setting("--backend", "auto, pyav, torchcodec or decord.", metavar="NAME"),
    _setting("--color", "fast equals the ffmpeg program.", type=click.Choice(["fast", "accurate"])),
    _setting("--batch", "Frames per forward pass; auto halves when memory runs out.", metavar="N"),
    _setting("--engine", "auto (fastest that agrees), torch, onnxruntime or openvino.", metavar="NAME"),
    _setting("--precision", "Or bfloat16, int8, which change labels.", metavar="NAME"),
    _setting("--deterministic", "Deterministic algorithms alone; slower.", is_flag=True, default=None),
    _setting("--workers", "Processes that share the work.", type=int, metavar="N"),
    _setting("--cluster", "Workers on Ray: ray, or ray:ADDRESS.", metavar="ray[:ADDRESS]"),
    _setting("--cache", "Where parts are kept: a folder, or a URL such as s3://...", metavar="PLACE"),
    _setting("--every", "Use every K-th frame.", type=int, metavar="K"),
    _setting("--fps", "Use about F frames per second.", type=float, metavar="F"),
    _setting("--start-s", "Start at this time.", type=float, metavar="S"),
    _setting("--end-s", "End at this time.", type=float, metavar="S"),
    _setting("--roi", "Cut all pictures to this region, px.", metavar="X,Y,W,H", callback=_numbers),
    _setting("--labels", "Annotations: see vidrobust labels.", metavar="FILE"),
    _setting("--class-map", "Classes of models as those of the labels, JSON; or none.", metavar="FILE"),
    _setting("--crop", "Judge each labelled object, cut out of its frames.", type=click.Choice(["boxes"])),
    _setting("--crop-margin", "Context about a box, as a share of it.", type=float, metavar="SHARE"),
    _setting("--crop-size", "Side of a cut-out.", type=int, metavar="PX"),
    _setting(
        "--segment-s", "Longer items are worked on in stretches of this length.", type=float, metavar="S"
    ),
    _setting("--seed", "Seed of everything random.", type=int, metavar="N"),
)
_GATES = _options(
    _setting(
        "--fail-if",
        'End with exit code 1 where this holds: "flip_rate.high > 0.02".',
        multiple=True,
        metavar="RULE",
    ),
    _setting("--junit", "The outcome of --fail-if as JUnit XML.", metavar="FILE"),
)
_STUDY = _options(
    _setting("--suite", "Suites of perturbations.", multiple=True, metavar="NAME"),
    _setting("--perturbation", "Only these perturbations of the suites.", multiple=True, metavar="KEY"),
    _setting("--frames", "Frames of the run for the sensitivity.", type=int, metavar="N"),
    _setting(
        "--strengths", "Strengths of each perturbation a frame is shown; 0: all.", type=int, metavar="N"
    ),
    _setting("--draws", "Random draws per frame and perturbation.", type=int, metavar="N"),
    _setting("--pairs", "Pairs of the run to explain by replay.", type=int, metavar="N"),
    _setting("--budget", "Frames and pairs that fit into this time: 90s, 5m, 1h.", metavar="TIME"),
    _setting(
        "--motion-limit",
        "Largest shift that still is the same view, as a share of the width.",
        type=float,
        metavar="SHARE",
    ),
    _setting("--revert-within", "Frames within which a label must be back.", type=int, metavar="N"),
    _setting("--track_start_score", "Least score of a box that begins a track.", type=float, metavar="SCORE"),
    _setting(
        "--track-keep-score", "Least score of a box that goes on with one.", type=float, metavar="SCORE"
    ),
    _setting("--track-iou", "Least overlap of a box with its track.", type=float, metavar="IOU"),
    _setting("--max_gap", "Longest gap within a track, frames.", type=int, metavar="N"),
    _setting("--anchor-deltas", "Distances of anchor pairs.", multiple=True, type=int, metavar="N"),
    _setting("--across", "Correlate across frames, clips, models.", multiple=True, metavar="WHAT"),
    _setting("--resamples", "Resamples of intervals and permutations.", type=int, metavar="N"),
    _setting("--widen", "Policy ranges: what was observed times this.", type=float, metavar="X"),
    _setting("--max-delay", "Latest that a recommended rule may tell a change.", metavar="TIME"),
    _setting("--trained-with", "Augmentations used in training.", multiple=True, metavar="WHAT"),
    _GATES,
    _setting("--history", "Add the run to this history (Parquet): control charts.", metavar="FILE"),
    _setting("--pictures/--no-pictures", "A report with or without footage in it.", default=None),
)
_PRINT = _options(
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output."),
    click.option("--quiet", "-q", is_flag=True, help="No progress, only warnings and errors."),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="vidrobust")
def cli() -> None:
    """How stable is a vision model on real video, what is it sensitive to, and what to train it with."""


@cli.command()
@click.argument("sources", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only say what would be done and about how long it takes.")
@_options(_MODEL, _OUT, _CONFIG, _FOR, _OVERWRITE, _FOOTAGE, _STUDY, _PRINT)
def study(
    sources: tuple[str, ...],
    dry_run: bool,
    out: str | None,
    config: str | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run every stage on SOURCES: videos, folders of videos or of frames, animations, globs, manifests.

    An address (rtsp://...) or - for a pipe is recorded into the run folder first, for the time that --for says.

    The same command again continues a run, and makes only what is missing or stale.
    """
    if dry_run:
        options.pop("lasting", None)
        from vidrobust.pipeline.dry_run import plan
        from vidrobust.pipeline.open import settings_of

        settings, named = settings_of(sources, config, _given(options))
        found = plan(settings, out or named, _reporter(quiet), overwrite=overwrite)
        click.echo(json.dumps(found, indent=2) if as_json else found["text"])
        return
    _on_sources(sources, ALL, out, config, overwrite, as_json, quiet, options, "vidrobust.stages.told:study")


def _stage_command(stage: Stage) -> None:
    @cli.command(
        stage.name,
        help=f"{stage.sentence}\n\nTARGET is a run folder, or sources; what is needed is made first.",
    )
    @click.argument("target", nargs=-1, required=True)
    @_options(_MODEL, _OUT, _CONFIG, _FOR, _OVERWRITE, _FOOTAGE, _STUDY, _PRINT)
    def command(target: tuple[str, ...], **options: Any) -> None:
        _on_target(target, stage, **options)


def _on_target(
    target: tuple[str, ...],
    stage: Stage,
    *,
    out: str | None = None,
    config: str | None = None,
    overwrite: bool = False,
    as_json: bool,
    quiet: bool,
    before: Callable[[Any], None] | None = None,
    **options: Any,
) -> None:
    """One stage, on a run folder or on sources; ``before``: what is done with the run first."""
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.run_folder.folder import is_run_folder

    if len(target) == 1 and (is_run_folder(Path(target[0])) or stage.name == "report"):
        options.pop("lasting", None)
        with opened_folder(Path(target[0]), _given(options), _reporter(quiet), out) as run:
            _work(run, (stage.name,), stage.told, as_json, before)
        return
    if len(target) == 1 and not _may_be_footage(target[0]):
        raise InputError(f"{printable(target[0])}: is not a run folder, and there is no footage either")
    names = (stage.name,)
    _on_sources(target, names, out, config, overwrite, as_json, quiet, options, stage.told, before)


for _stage in STAGES:
    if _stage.command and _stage.name not in ("correlate", "remedies"):
        _stage_command(_stage)


@cli.command()
@click.argument("target", nargs=-1)
@click.option("--stability", "stability_file", metavar="FILE", help="A stability table from anywhere.")
@click.option("--sensitivity", "sensitivity_file", metavar="FILE", help="A sensitivity table from anywhere.")
@click.option("--given", multiple=True, metavar="METRIC", help="Confounder: a metric of the stability table.")
@click.option(
    "--foreign",
    multiple=True,
    metavar="METRIC",
    help="A metric of the stability table on other data: a control.",
)
@click.option("--higher-is-better", multiple=True, metavar="METRIC", help="Where the name does not tell.")
@click.option("--lower-is-better", multiple=True, metavar="METRIC", help="Where the name does not tell.")
@click.option(
    "--protocol",
    type=click.Choice(["gu2019"]),
    help="Natural against synthetic over models, of a run with labels.",
)
@_options(_MODEL, _OUT, _CONFIG, _OVERWRITE, _FOOTAGE, _STUDY, _PRINT)
def correlate(
    target: tuple[str, ...],
    stability_file: str | None,
    sensitivity_file: str | None,
    given: tuple[str, ...],
    foreign: tuple[str, ...],
    higher_is_better: tuple[str, ...],
    lower_is_better: tuple[str, ...],
    protocol: str | None,
    **options: Any,
) -> None:
    """Which perturbations stand for what happens in the footage: of a run, or of tables from anywhere.

    TARGET is a run folder, or sources; or give --stability, --sensitivity and --out.
    """
    if protocol:
        _protocol(target, options)
        return
    if target:
        if stability_file or sensitivity_file:
            raise click.UsageError("give a run folder, or --stability and --sensitivity, not both")
        _on_target(target, next(stage for stage in STAGES if stage.name == "correlate"), **options)
        return
    if not (stability_file and sensitivity_file and options["out"]):
        raise click.UsageError("give a run folder, or --stability FILE, --sensitivity FILE and --out DIR")
    from vidrobust.stages.conclusions import correlate_files

    chosen = _given(options)
    result = correlate_files(
        Path(stability_file),
        Path(sensitivity_file),
        Path(options["out"]),
        given=given,
        foreign=foreign,
        higher_is_better={**dict.fromkeys(higher_is_better, True), **dict.fromkeys(lower_is_better, False)},
        reporter=_reporter(options["quiet"]),
        **{name: chosen[name] for name in ("across", "resamples", "seed") if name in chosen},
    )
    if options["as_json"]:
        _print_json(result)


def _protocol(target: tuple[str, ...], options: dict[str, Any]) -> None:
    """``correlate RUN --protocol gu2019``."""
    if len(target) != 1:
        raise click.UsageError("--protocol gu2019 works on one run folder")
    from vidrobust.files.json_text import plain
    from vidrobust.finished_runs.gu2019 import lines, on_run

    chosen = _given(options)
    said = on_run(Path(target[0]), **{name: chosen[name] for name in ("resamples", "seed") if name in chosen})
    if options["as_json"]:
        _print_json(
            plain({name: value for name, value in said.items() if name not in ("square", "models_in_square")})
        )
    else:
        for line in lines(said):
            click.echo(line)
        click.echo(f"the matrix: {Path(target[0]) / said['figure']}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: 0 done, 1 a gate failed, 2 usage or settings, 3 an input could not be read."""
    if arguments is None:  # a process of its own, and no threads yet
        tune_process()
    try:
        with graceful_interrupts():
            _with_others()
            cli.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        if arguments is None:
            _end_at_once(130)
        sys.exit(130)
    except VidrobustError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if not disk_is_full(error):
            raise
        click.echo(
            "error: the disk is full or its quota is used up; make room, and the same command continues where "
            f"it was ({error.strerror or error})",
            err=True,
        )
        sys.exit(3)


def _with_others() -> None:
    """Commands that are no stages register themselves."""
    from vidrobust.cli import (
        protocols as cli_protocols,
    )
    from vidrobust.cli import (
        remedies as cli_remedies,
    )
    from vidrobust.cli import (
        repeatability as cli_repeatability,
    )
    from vidrobust.cli import (
        runs as cli_runs,
    )
    from vidrobust.cli import (
        tools as cli_tools,
    )
    from vidrobust.cli import (
        transplant as cli_transplant,
    )

    for commands in (cli_tools, cli_repeatability, cli_runs, cli_remedies, cli_protocols, cli_transplant):
        commands.register(cli)


def _end_at_once(code: int) -> None:
    """The process is the command's own, and all that it began is ended: nothing is left to wait for.

    Taking torch and the engines down in order takes seconds on a busy machine, in which one would press again.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _on_sources(
    sources: Sequence[str],
    names: Sequence[str],
    out: str | None,
    config: str | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    options: dict[str, Any],
    told: str,
    before: Callable[[Any], None] | None = None,
) -> None:
    from vidrobust.pipeline.live import with_recordings
    from vidrobust.pipeline.open import opened_sources, settings_of

    lasting = options.pop("lasting", None)
    settings, named = settings_of(sources, config, _given(options))
    files, where = with_recordings(
        settings.sources, out or named, lasting, _reporter(quiet), overwrite=overwrite
    )
    settings = settings.changed({"sources": files}, "sources")
    with opened_sources(settings, where, _reporter(quiet), overwrite=overwrite) as run:
        _work(run, names, told, as_json, before)


def _work(
    run: Any,
    names: Sequence[str],
    told: str,
    as_json: bool,
    before: Callable[[Any], None] | None = None,
) -> None:
    """Build, print, and end with the exit code of the gates, or 3 where an input failed."""
    from vidrobust.pipeline.build import build

    if before is not None:
        before(run)
    build(run, names)
    if as_json:
        _print_json(load(told)(run))
    elif len(names) > 1:
        click.echo(_answer(run.path))
    else:
        click.echo(str(run.path))
    if run.failed:
        run.reporter.warn(f"{len(run.failed)} input(s) could not be read; the others are done")
    if run.settings.history and "stability" in names:
        from vidrobust.finished_runs.history import note

        note(run)
    code = 3 if run.failed else 0
    if run.settings.fail_if and "stability" in names:
        from vidrobust.finished_runs.gate import enforce_gates

        code = enforce_gates(run) or code
    if code:
        sys.exit(code)


def _answer(path: Path) -> str:
    from vidrobust.run_folder.reader import RunTables
    from vidrobust.stages.report.answer import text_of

    return text_of(RunTables(path))


@cli.command()
@click.argument("run_folder")
def show(run_folder: str) -> None:
    """The answer of a run in a few lines: how stable, where it is worst, why, what to train with."""
    from vidrobust.run_folder.folder import RunFolder

    click.echo(_answer(RunFolder.existing(Path(run_folder)).path))


def _may_be_footage(source: str) -> bool:
    from vidrobust.video.record import is_stream

    return is_stream(source) or "://" in source or os.path.lexists(source) or glob.has_magic(source)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None and value != ()}


def _reporter(quiet: bool) -> Any:
    from vidrobust.pipeline.progress import Reporter

    return Reporter(quiet=quiet)


def _print_json(content: Any) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


__all__ = ["SettingsError", "cli", "main"]
