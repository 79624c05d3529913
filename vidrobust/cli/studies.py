"""The commands of a study: study, a command for each stage, show. They parse, call and print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from vidrobust.cli import options as opt
from vidrobust.cli.grouped import GroupedCommand, GroupedOption
from vidrobust.cli.idle import all_but, refuse_idle
from vidrobust.cli.printing import given, may_be_footage, print_json, reporter
from vidrobust.errors import InputError
from vidrobust.pipeline.stage import Stage
from vidrobust.stages.catalogue import REPORT, STAGES
from vidrobust.stages.correlate.stage import CORRELATE
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

F = TypeVar("F", bound=Callable[..., Any])
OF_SOURCES = ("lasting", "config", "overwrite")
OF_TABLES = ("confounders", "foreign", "higher_is_better", "lower_is_better")
OF_CORRELATION = ("out", "as_json", "quiet", "across", "resamples", "seed")


@click.command(cls=GroupedCommand)
@click.argument("sources", nargs=-1)
@opt.options(opt.stage_options(STAGES.stages, gated=True), opt.DRY_RUN)
def study(sources: tuple[str, ...], dry_run: bool, **options: Any) -> None:
    """Run every stage on SOURCES: videos, folders of videos or of frames, animations, globs, manifests.

    An address (rtsp://...) or - for a pipe is recorded into the run folder first, for the time that --for says.
    The same command again continues a run, and makes only what is missing or stale.
    """
    if dry_run:
        _estimate(sources, options)
    else:
        _on_sources(sources, STAGES.studied, None, options)


def _estimate(sources: Sequence[str], options: dict[str, Any]) -> None:
    """What a study would do, and about how long it takes."""
    from vidrobust.pipeline.dry_run import planned
    from vidrobust.pipeline.open import settings_of

    as_json, quiet, config, out, overwrite = (
        options.pop(name) for name in ("as_json", "quiet", "config", "out", "overwrite")
    )
    options.pop("lasting")
    settings, named = settings_of(sources, config, given(options))
    found = planned(settings, STAGES, out or named, reporter(quiet), overwrite=overwrite)
    if as_json:
        print_json(found)
    else:
        click.echo(found["text"])


def _command_of(stage: Stage) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the name and the sentence of a stage."""
    text = f"{stage.sentence}\n\nTARGET is a run folder, or sources; what is needed is made first."
    return click.command(stage.name, cls=GroupedCommand, help=text)


def stage_command(stage: Stage) -> click.Command:
    """Return the command of a stage, on a run folder or on sources."""

    @_command_of(stage)
    @click.argument("target", nargs=-1, required=True)
    @options_of(stage)
    def command(target: tuple[str, ...], **options: Any) -> None:
        on_target(target, stage, options)

    return command


def options_of(stage: Stage) -> Callable[[F], F]:
    """The options that a stage and all that it needs use."""
    return opt.stage_options(STAGES.with_needs([stage.name]), gated=stage == STABILITY)


@_command_of(REPORT)
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--pdf",
    cls=GroupedOption,
    is_flag=True,
    group="Output",
    help="Print report.pdf and details.pdf as well, by a Chromium that is installed.",
)
@options_of(REPORT)
def report(target: tuple[str, ...], pdf: bool, **options: Any) -> None:
    on_target(target, REPORT, options, after=_print_report if pdf else None)


def _print_report(run: Any) -> None:
    from vidrobust.report.pdf import printed

    for name in REPORT.files:
        page = Path(run.path) / name
        run.reporter.say(f"report: {printed(page, page.with_suffix('.pdf'))}")


def on_target(
    target: tuple[str, ...],
    stage: Stage,
    options: dict[str, Any],
    before: Callable[[Any], None] | None = None,
    after: Callable[[Any], None] | None = None,
    along: tuple[str, ...] = (),
) -> None:
    """One stage, on a run folder or on sources.

    before, after  what is done with the run, too; along: stages that are made with it
    """
    from vidrobust.pipeline.open import opened_folder
    from vidrobust.run_folder.folder import is_run_folder

    if len(target) == 1 and (is_run_folder(Path(target[0])) or stage.name == "report"):
        out, as_json, quiet = (options.pop(name) for name in ("out", "as_json", "quiet"))
        refuse_idle(OF_SOURCES, "on a run folder, which keeps its sources and settings")
        for name in OF_SOURCES:
            options.pop(name, None)
        with opened_folder(Path(target[0]), given(options), reporter(quiet), out) as run:
            _work(run, (*along, stage.name), stage, as_json, before, after)
        return
    if len(target) == 1 and not may_be_footage(target[0]):
        raise InputError(f"{printable(target[0])}: is not a run folder, and there is no footage either")
    _on_sources(target, (*along, stage.name), stage, options, before, after)


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1)
@click.option("--stability", "stability_file", metavar="FILE", help="A stability table from anywhere.")
@click.option("--sensitivity", "sensitivity_file", metavar="FILE", help="A sensitivity table from anywhere.")
@click.option(
    "--given", "confounders", multiple=True, metavar="METRIC", help="Confounder: a stability metric."
)
@click.option(
    "--foreign", multiple=True, metavar="METRIC", help="A stability metric on other data: a control."
)
@click.option("--higher-is-better", multiple=True, metavar="METRIC", help="Where the name does not say.")
@click.option("--lower-is-better", multiple=True, metavar="METRIC", help="Where the name does not say.")
@click.option(
    "--protocol",
    type=click.Choice(["gu2019"]),
    help="Natural against synthetic robustness over the models of a run with labels.  [default: none]",
)
@options_of(CORRELATE)
def correlate(
    target: tuple[str, ...],
    stability_file: str | None,
    sensitivity_file: str | None,
    confounders: tuple[str, ...],
    foreign: tuple[str, ...],
    higher_is_better: tuple[str, ...],
    lower_is_better: tuple[str, ...],
    protocol: str | None,
    **options: Any,
) -> None:
    """Which perturbations stand for what happens in the footage: of a run, or of tables from anywhere.

    TARGET is a run folder, several (then their models, clips and frames count together, and --out says where), or
    sources; or give --stability, --sensitivity and --out.
    """
    if protocol or target:
        refuse_idle(OF_TABLES, "without --stability FILE and --sensitivity FILE")
    if protocol:
        _protocol(target, options)
        return
    if target:
        if stability_file or sensitivity_file:
            raise click.UsageError("give a run folder, or --stability and --sensitivity, not both")
        if len(target) > 1 and all(map(_is_run, target)):
            _pooled(target, options)
        else:
            on_target(target, CORRELATE, options)
        return
    if not (stability_file and sensitivity_file and options["out"]):
        raise click.UsageError("give a run folder, or --stability FILE, --sensitivity FILE and --out DIR")
    refuse_idle(
        all_but("stability_file", "sensitivity_file", *OF_TABLES, *OF_CORRELATION), "where tables are given"
    )
    from vidrobust.stages.correlate.conclusion import correlate_files

    chosen = given(options)
    result = correlate_files(
        Path(stability_file),
        Path(sensitivity_file),
        Path(options["out"]),
        given=confounders,
        foreign=foreign,
        higher_is_better={**dict.fromkeys(higher_is_better, True), **dict.fromkeys(lower_is_better, False)},
        reporter=reporter(options["quiet"]),
        **{name: chosen[name] for name in ("across", "resamples", "seed") if name in chosen},
    )
    if options["as_json"]:
        print_json(result)


def _is_run(path: str) -> bool:
    from vidrobust.run_folder.folder import is_run_folder

    return is_run_folder(Path(path))


def _pooled(runs: tuple[str, ...], options: dict[str, Any]) -> None:
    """``correlate RUN RUN ...``."""
    if not options["out"]:
        raise click.UsageError("give --out DIR: the correlation of several runs belongs to none of them")
    refuse_idle(all_but(*OF_CORRELATION), "where several runs are given")
    from vidrobust.stages.correlate.conclusion import correlate_runs

    chosen = given(options)
    result = correlate_runs(
        [Path(run) for run in runs],
        Path(options["out"]),
        reporter=reporter(options["quiet"]),
        **{name: chosen[name] for name in ("across", "resamples", "seed") if name in chosen},
    )
    if options["as_json"]:
        print_json(result)


FOR_PROTOCOL = ("stability", "sensitivity")
"""The stages whose tables the protocol reads."""


def _made_for_protocol(target: Sequence[str], options: dict[str, Any]) -> Path:
    """The run folder, with what the protocol reads made: of a run, or of sources."""
    from vidrobust.pipeline.build import build
    from vidrobust.pipeline.open import opened_folder, opened_sources, settings_of

    taken = ("lasting", "out", "config", "overwrite", "as_json", "quiet")
    _, out, config, overwrite, _, quiet = (options.pop(name) for name in taken)
    if _is_run(target[0]):
        with opened_folder(Path(target[0]), given(options), reporter(quiet), out) as run:
            build(run, STAGES, FOR_PROTOCOL)
            return Path(run.path)
    if len(target) == 1 and not may_be_footage(target[0]):
        raise InputError(f"{printable(target[0])}: is not a run folder, and there is no footage either")
    settings, named = settings_of(target, config, given(options))
    with opened_sources(settings, out or named, reporter(quiet), overwrite=overwrite) as run:
        build(run, STAGES, FOR_PROTOCOL)
        return Path(run.path)


def _protocol(target: tuple[str, ...], options: dict[str, Any]) -> None:
    """``correlate RUN --protocol gu2019``, or SOURCES: stability and sensitivity are made where they lack."""
    from vidrobust.plugins.published.gu2019 import lines, on_run
    from vidrobust.run_folder.folder import RunFolder

    if not target or (len(target) > 1 and any(map(_is_run, target))):
        raise click.UsageError("--protocol gu2019 works on one run folder, or on sources")
    chosen = given(options)
    folder = Path(target[0])
    lacks = not _is_run(target[0]) or any(
        not len(RunFolder.existing(folder).table_or_empty(name)) for name in ("frames", "sensitivity")
    )
    if lacks:
        folder = _made_for_protocol(target, dict(options))
    said = on_run(folder, **{name: chosen[name] for name in ("resamples", "seed") if name in chosen})
    if options["as_json"]:
        print_json(
            {name: value for name, value in said.items() if name not in ("square", "models_in_square")}
        )
        return
    for line in lines(said):
        click.echo(line)
    click.echo(f"the matrix: {folder / said['figure']}")


@click.command()
@click.argument("run_folder")
def show(run_folder: str) -> None:
    """The answer of a run in a few lines: how stable, where it is worst, why, what to train with."""
    from vidrobust.run_folder.folder import RunFolder

    click.echo(_answer(RunFolder.existing(Path(run_folder)).path))


def _on_sources(
    sources: Sequence[str],
    names: Sequence[str],
    stage: Stage | None,
    options: dict[str, Any],
    before: Callable[[Any], None] | None = None,
    after: Callable[[Any], None] | None = None,
) -> None:
    """These stages on sources; ``stage``: the one whose result is printed, None: the answer of the whole."""
    from vidrobust.pipeline.live import with_recordings
    from vidrobust.pipeline.open import opened_sources, settings_of

    taken = ("lasting", "out", "config", "overwrite", "as_json", "quiet")
    lasting, out, config, overwrite, as_json, quiet = (options.pop(name) for name in taken)
    settings, named = settings_of(sources, config, given(options))
    files, where = with_recordings(
        settings.sources, out or named, lasting, reporter(quiet), overwrite=overwrite
    )
    settings = settings.changed({"sources": files}, "sources")
    with opened_sources(settings, where, reporter(quiet), overwrite=overwrite) as run:
        _work(run, names, stage, as_json, before, after)


def _work(
    run: Any,
    names: Sequence[str],
    stage: Stage | None,
    as_json: bool,
    before: Callable[[Any], None] | None,
    after: Callable[[Any], None] | None,
) -> None:
    """Build, print, and end with the exit code of the gates, or 3 where an input failed."""
    from vidrobust.pipeline.build import build

    if before is not None:
        before(run)
    build(run, STAGES, names)
    if after is not None:
        after(run)
    if as_json:
        print_json((stage or STABILITY).as_json(run))
    else:
        click.echo("\n".join(filter(None, [_answer(run.path), "" if stage is None else str(run.path)])))
    if run.failed:
        run.reporter.warn(f"{plural(len(run.failed), 'input')} could not be read; the others are done")
    if run.settings.history and STABILITY.name in names:
        from vidrobust.finished_runs.history import note

        note(run)
    code = 3 if run.failed else 0
    if run.settings.fail_if and STABILITY.name in names:
        from vidrobust.finished_runs.gate import enforce_gates

        code = enforce_gates(run) or code
    if code:
        sys.exit(code)


def _answer(path: Path) -> str:
    from vidrobust.run_folder.reader import RunTables
    from vidrobust.stages.report.answer import text_of

    return text_of(RunTables(path))
