"""The command line: parse, call, print. Nothing here computes, and torch is imported only by a command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from vidrobust import __version__
from vidrobust.errors import SettingsError, VidrobustError

F = TypeVar("F", bound=Callable[..., Any])


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


_MODEL = click.option(
    "--model",
    "-m",
    multiple=True,
    metavar="SPEC",
    help="A model: efficientnet-lite0, torchvision:NAME[,weights=FILE], timm:NAME, onnx:FILE, pt2:FILE, "
    "package.module:factory. May be given several times.",
)
_OUT = click.option("--out", "-o", metavar="DIR", help="The run folder; reports/NAME of the first source.")
_CONFIG = click.option("--config", metavar="FILE", help="Settings in TOML, named as these options.")
_FOOTAGE = _options(
    click.option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N."),
    click.option("--strict-device", is_flag=True, default=None, help="Never fall back to another device."),
    click.option("--backend", metavar="NAME", help="auto, pyav, torchcodec or decord."),
    click.option("--color", type=click.Choice(["fast", "accurate"]), help="fast equals the ffmpeg program."),
    click.option("--batch", metavar="N", help="Frames per forward pass; auto halves when memory runs out."),
    click.option("--every", type=int, metavar="K", help="Use every K-th frame."),
    click.option("--fps", type=float, metavar="F", help="Use about F frames per second."),
    click.option("--start-s", type=float, metavar="S", help="Start at this time."),
    click.option("--end-s", type=float, metavar="S", help="End at this time."),
    click.option("--seed", type=int, metavar="N", help="Seed of everything random."),
)
_STUDY = _options(
    click.option(
        "--suite", multiple=True, metavar="NAME", help="Suites of perturbations; natural by default."
    ),
    click.option(
        "--perturbation", multiple=True, metavar="KEY", help="Only these perturbations of the suites."
    ),
    click.option("--frames", type=int, metavar="N", help="Frames per item for the sensitivity."),
    click.option("--draws", type=int, metavar="N", help="Random draws per frame and perturbation."),
    click.option("--pairs", type=int, metavar="N", help="Pairs per item to explain by replay."),
    click.option(
        "--motion-limit", type=float, metavar="SHARE", help="Largest shift that still is the same view."
    ),
    click.option("--revert-within", type=int, metavar="N", help="Frames within which a label must be back."),
    click.option("--anchor-deltas", multiple=True, type=int, metavar="N", help="Distances of anchor pairs."),
    click.option("--across", multiple=True, metavar="WHAT", help="Correlate across frames, clips, models."),
    click.option("--resamples", type=int, metavar="N", help="Bootstrap resamples."),
    click.option("--widen", type=float, metavar="X", help="Policy ranges: the observed p99 times this."),
    click.option("--trained-with", multiple=True, metavar="WHAT", help="Augmentations used in training."),
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
@_options(_MODEL, _OUT, _CONFIG, _FOOTAGE, _STUDY, _PRINT)
def study(
    sources: tuple[str, ...],
    dry_run: bool,
    out: str | None,
    config: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Run every stage on SOURCES: videos, folders of videos or of frames, animations, globs."""
    from vidrobust.run.study import STAGES

    _run(sources, STAGES, out, config, as_json, quiet, options, dry_run=dry_run)


def _stage_command(stage: str, text: str) -> None:
    @cli.command(stage, help=f"{text}\n\nTARGET is a run folder, or sources for a new one.")
    @click.argument("target", nargs=-1, required=True)
    @_options(_MODEL, _OUT, _CONFIG, _FOOTAGE, _STUDY, _PRINT)
    def command(
        target: tuple[str, ...],
        out: str | None,
        config: str | None,
        as_json: bool,
        quiet: bool,
        **options: Any,
    ) -> None:
        _run(target, (stage,), out, config, as_json, quiet, options)


_stage_command("stability", "How stable the models are, frame to frame.")
_stage_command("sensitivity", "How much each perturbation moves the prediction.")
_stage_command("variation", "How much the footage itself varies, from pixels alone.")
_stage_command("causes", "Why it flipped: measured changes replayed one by one.")


@cli.command()
@click.argument("run_folder", required=False)
@click.option("--stability", "stability_file", metavar="FILE", help="A stability table from anywhere.")
@click.option("--sensitivity", "sensitivity_file", metavar="FILE", help="A sensitivity table from anywhere.")
@click.option("--across", multiple=True, metavar="WHAT", help="frames, clips or models.")
@click.option("--given", multiple=True, metavar="METRIC", help="Confounder: a metric of the stability table.")
@click.option("--higher-is-better", multiple=True, metavar="METRIC", help="Where the name does not tell.")
@click.option("--lower-is-better", multiple=True, metavar="METRIC", help="Where the name does not tell.")
@click.option("--resamples", type=int, metavar="N", help="Resamples of the intervals and permutations.")
@click.option("--seed", type=int, metavar="N", help="Seed of everything random.")
@_options(_OUT, _PRINT)
def correlate(
    run_folder: str | None,
    stability_file: str | None,
    sensitivity_file: str | None,
    given: tuple[str, ...],
    higher_is_better: tuple[str, ...],
    lower_is_better: tuple[str, ...],
    out: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Which perturbations stand for what happens in the footage: of a run folder, or of tables from anywhere."""
    from vidrobust.run.conclusions import correlate_files

    if run_folder is not None:
        if stability_file or sensitivity_file:
            raise click.UsageError("give a run folder, or --stability and --sensitivity, not both")
        _run((run_folder,), ("correlate",), None, None, as_json, quiet, options)
        return
    if not (stability_file and sensitivity_file and out):
        raise click.UsageError("give a run folder, or --stability FILE, --sensitivity FILE and --out DIR")
    result = correlate_files(
        Path(stability_file),
        Path(sensitivity_file),
        Path(out),
        given=given,
        higher_is_better={**dict.fromkeys(higher_is_better, True), **dict.fromkeys(lower_is_better, False)},
        reporter=_reporter(quiet),
        **{name: value for name, value in options.items() if value not in (None, ())},
    )
    if as_json:
        _print_json(result)


@cli.command()
@click.argument("run_folder")
@click.option("--widen", type=float, metavar="X", help="Ranges: the observed p99 times this.")
@click.option("--trained-with", multiple=True, metavar="WHAT", help="Augmentations used in training.")
@_PRINT
def policy(run_folder: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Which augmentations to train with, and how strong: from the tables of a run folder."""
    _run((run_folder,), ("policy",), None, None, as_json, quiet, options)


@cli.command()
@click.argument("run_folder")
@_PRINT
def report(run_folder: str, as_json: bool, quiet: bool) -> None:
    """Write report.html of a run folder anew."""
    _run((run_folder,), ("report",), None, None, as_json, quiet, {})


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: 0 done, 1 a gate failed, 2 usage or settings, 3 an input could not be read."""
    from vidrobust import cli_tools  # the commands that are not stages register themselves

    cli_tools.register(cli)
    try:
        cli.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except VidrobustError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _run(
    target: tuple[str, ...],
    stages: Sequence[str],
    out: str | None,
    config: str | None,
    as_json: bool,
    quiet: bool,
    options: dict[str, Any],
    *,
    dry_run: bool = False,
) -> None:
    """Stages on a run folder, or on sources; ends with exit code 3 where an input failed."""
    from vidrobust.run.folder import RunFolder, is_run_folder
    from vidrobust.run.settings import Settings, read_toml
    from vidrobust.run.study import Study, open_study

    given = {name: value for name, value in options.items() if value is not None and value != ()}
    reporter = _reporter(quiet)
    tables_only = not set(stages) - {"correlate", "policy", "report"}
    if tables_only or (len(target) == 1 and is_run_folder(Path(target[0]))):
        folder = RunFolder.existing(Path(target[0]))
        settings = folder.settings.changed(given, "options")
        folder.update(settings=settings.as_dict())
        running = Study(folder, settings, reporter)
    else:
        from_file = read_toml(Path(config)) if config else {}
        out = out or from_file.pop("out", None)
        settings = Settings().changed(from_file, str(config)).changed(given, "options")
        settings = settings.changed({"sources": target or settings.sources}, "sources")
        if dry_run:
            from vidrobust.run.estimate import estimate

            found = estimate(settings, reporter)
            click.echo(json.dumps(found, indent=2) if as_json else found["text"])
            return
        running = open_study(settings.sources, out, settings, reporter)
    running.run(stages)
    if as_json:
        _print_json(running.folder.read_json("metrics.json"))
    else:
        click.echo(str(running.folder.path))
    failed = running.failed
    if failed:
        reporter.warn(f"{len(failed)} input(s) could not be read; the others are done")
        sys.exit(3)


def _reporter(quiet: bool) -> Any:
    from vidrobust.run.progress import Reporter

    return Reporter(quiet=quiet)


def _print_json(content: Any) -> None:
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


__all__ = ["SettingsError", "cli", "main"]
