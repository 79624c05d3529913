"""The commands of a study: ``study``, a command for each stage, ``report`` and ``show``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from vidrobust.cli import options as opt
from vidrobust.cli.options import (
    GroupedCommand,
    GroupedOption,
    end,
    given,
    may_be_footage,
    print_json,
    print_result,
    refuse_idle,
    reporter,
)
from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.stage import Stage
from vidrobust.stages.catalogue import REPORT, STAGES
from vidrobust.stages.remedies.inputs import input_stages
from vidrobust.stages.remedies.stage import REMEDIES
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

F = TypeVar("F", bound=Callable[..., Any])
OF_SOURCES = ("config", "overwrite")  # options that are only about sources
Act = Callable[[Any], None]  # something done with the open run


@click.command(cls=GroupedCommand)
@click.argument("sources", nargs=-1)
@opt.options(opt.stage_options(STAGES.stages, gated=True), opt.DRY_RUN)
def study(sources: tuple[str, ...], dry_run: bool, **options: Any) -> None:
    """Run every stage on SOURCES: videos, folders, globs, manifests.

    The same command continues a run.
    """
    if dry_run:
        from vidrobust.pipeline.dry_run import planned
        from vidrobust.pipeline.open import settings_of

        taken = ("as_json", "quiet", "config", "out", "overwrite", "junit")
        as_json, quiet, config, out, overwrite, _ = (options.pop(name) for name in taken)
        settings, named = settings_of(sources, config, given(options))
        plan = planned(settings, STAGES, out or named, reporter(quiet), overwrite=overwrite)
        print_result(plan, [plan["text"]], as_json)
    else:
        on_sources(sources, STAGES.studied, None, options)


def stage_command(stage: Stage) -> click.Command:
    """Return the command of a stage, which works on a run folder or on sources."""

    @_command_of(stage)
    @click.argument("target", nargs=-1, required=True)
    @options_of(stage)
    def command(target: tuple[str, ...], **options: Any) -> None:
        on_target(target, stage, options)

    return command


def _command_of(stage: Stage) -> Callable[[Callable[..., Any]], click.Command]:
    text = f"{stage.sentence}\n\nTARGET is a run folder or sources. Stages that this one needs are made first."
    return click.command(stage.name, cls=GroupedCommand, help=text)


def options_of(stage: Stage) -> Callable[[F], F]:
    """Return the options that a stage and all that it needs use; of remedies with ``--all``."""
    chosen = opt.stage_options(STAGES.with_needs([stage.name]), gated=stage == STABILITY)
    if stage != REMEDIES or not input_stages():
        return chosen
    text = " ".join(stage.sentence for stage in input_stages())
    return opt.options(click.option("--all", "everything", is_flag=True, help=text), chosen)


@_command_of(REPORT)
@click.argument("target", nargs=-1, required=True)
@click.option(
    "--pdf",
    cls=GroupedOption,
    is_flag=True,
    group="Output",
    help="Also print report.pdf and details.pdf with an installed Chromium.",
)
@options_of(REPORT)
def report(target: tuple[str, ...], pdf: bool, **options: Any) -> None:
    from vidrobust.run_folder.folder import RunFolder, is_run_folder

    if len(target) == 1 and is_run_folder(Path(target[0])):
        RunFolder.evaluated(Path(target[0]))
    on_target(target, REPORT, options, after=_print_report if pdf else None)


def _print_report(run: Any) -> None:
    from vidrobust.report.pages import printed

    for name in REPORT.files:
        page = Path(run.path) / name
        run.reporter.say(f"report: {printed(page, page.with_suffix('.pdf'))}")


@click.command()
@click.argument("run_folder", metavar="RUN")
@opt.JSON
def show(run_folder: str, as_json: bool) -> None:
    """Print the answer of a finished run: how stable, why, and what to do, each with its level of evidence."""
    from vidrobust.run_folder.folder import RunFolder

    path = RunFolder.evaluated(Path(run_folder)).path
    if as_json:
        from vidrobust.run_folder.reader import RunTables
        from vidrobust.stages.answer.text import as_json as answer_as_json

        print_json(answer_as_json(RunTables(path)))
    else:
        click.echo(_answer(path))


def is_run(path: str) -> bool:
    """Return whether ``path`` is a run folder."""
    from vidrobust.run_folder.folder import is_run_folder

    return is_run_folder(Path(path))


def one_folder(target: Sequence[str], options: dict[str, Any], flags: str) -> Path:
    """Return the one run folder that a command works on; SettingsError where it is unclear."""
    if not options["out"] and (len(target) > 1 or not is_run(target[0])):
        raise SettingsError(f"{flags}: works on one run folder; give it, or sources and --out")
    return Path(options["out"] or target[0])


def on_target(
    target: Sequence[str],
    stage: Stage,
    options: dict[str, Any],
    after: Act | None = None,
) -> None:
    """Make one stage, on a run folder or on sources, and print its result.

    ``after`` is done with the open run.
    """
    as_json, junit = options.pop("as_json"), options.pop("junit", None)
    along = [each.name for each in input_stages()] if options.pop("everything", False) else []
    with opened_target(target, options, stage) as run:
        _work(run, (*along, stage.name), stage, as_json, junit, after)


def on_sources(
    sources: Sequence[str], names: Sequence[str], stage: Stage | None, options: dict[str, Any]
) -> None:
    """Make these stages on sources, and print the result of ``stage``, or the answer of the whole."""
    as_json, junit = options.pop("as_json"), options.pop("junit", None)
    with opened_target(sources, options) as run:
        _work(run, names, stage, as_json, junit)


@contextmanager
def opened_target(
    target: Sequence[str], options: dict[str, Any], stage: Stage | None = None
) -> Iterator[Any]:
    """Open the run of sources; for a ``stage`` also a run folder."""
    from vidrobust.pipeline.open import opened_folder, opened_sources, settings_of
    from vidrobust.run_folder.folder import is_run_folder

    taken = ("out", "config", "overwrite", "quiet")
    out, config, overwrite, quiet = (options.pop(name, None) for name in taken)
    shown, single = reporter(bool(quiet)), stage is not None and len(target) == 1
    if single and (is_run_folder(Path(target[0])) or stage == REPORT):
        refuse_idle(OF_SOURCES, "on a run folder, which keeps its sources and settings")
        with opened_folder(Path(target[0]), given(options), shown, out) as run:
            yield run
        return
    if single and not may_be_footage(target[0]):
        if not Path(target[0]).exists():
            raise InputError(f"No such file: {printable(target[0])}")
        raise InputError(f"{printable(target[0])}: is neither a run folder nor footage")
    settings, named = settings_of(target, config, given(options))
    with opened_sources(settings, out or named, shown, overwrite=bool(overwrite)) as run:
        yield run


def _work(
    run: Any,
    names: Sequence[str],
    stage: Stage | None,
    as_json: bool,
    junit: str | None,
    after: Act | None = None,
) -> None:
    """Build, print, and exit with the gates' code, or 3 where an input failed."""
    from vidrobust.pipeline.build import build

    _check_junit(run, names, junit)
    build(run, STAGES, names)
    if after is not None:
        after(run)
    if as_json:
        print_json((stage or STABILITY).as_json(run))
    elif not run.reporter.quiet:
        place = [str(run.path)] if stage and stage.command else []
        click.echo("\n".join(filter(None, [_answer(run.path), *place])))
    if as_json or run.reporter.quiet:
        _warn_of_faults(run)
    _warn_of_failures(run)
    code = 3 if run.failed else 0
    if run.settings.fail_if and STABILITY.name in names:
        from vidrobust.finished_runs.gate import enforce_gates

        code = enforce_gates(run, junit) or code
    if code:
        end(code)


def _check_junit(run: Any, names: Sequence[str], junit: str | None) -> None:
    """Refuse a file that cannot be written before the study; warn where no rule is asked."""
    if junit is None:
        return
    folder = Path(junit).parent
    if not folder.is_dir():
        raise SettingsError(f"--junit {junit}: there is no folder {folder}; make it first")
    if not (run.settings.fail_if and STABILITY.name in names):
        run.reporter.warn(f"--junit {junit}: is not written, as no --fail-if asks for a rule")


def _warn_of_failures(run: Any) -> None:
    names = tuple(f" with {record['name']}" for record in run.model_records)
    paths = {entry["path"] for entry in run.failed}
    of_models = {path for path in paths if names and path.endswith(names)}
    if paths - of_models:
        unread = plural(len(paths - of_models), "input")
        run.reporter.warn(f"{unread} could not be read; the others are done")
    if of_models:
        run.reporter.warn(f"a model failed on {plural(len(of_models), 'input')}; the rest is done")


def _warn_of_faults(run: Any) -> None:
    """Say what was lost of the footage where the answer is not printed."""
    from vidrobust.run_folder.reader import RunTables
    from vidrobust.stages.variation.section import statements

    for each in statements(RunTables(run.path)):
        run.reporter.warn(each.text)


def _answer(path: Path) -> str:
    from vidrobust.run_folder.reader import RunTables
    from vidrobust.stages.answer.text import console_text

    return console_text(RunTables(path))
