"""Commands on finished runs (compare, gate, history, export), and watch."""

from __future__ import annotations

import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import (
    CONFIG,
    JSON,
    OUT,
    PATH,
    GroupedCommand,
    end,
    given,
    options,
    print_result,
    refuse_idle,
    setting_options,
)
from vidrobust.files.atomic import append_text, write_text
from vidrobust.files.json_text import plain
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.phrases import listing, plural


@click.command(cls=GroupedCommand)
@click.argument("folder", type=PATH)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="NAME",
    help="What to make of each.  [default: stability]",
)
@click.option("--whole", is_flag=True, help="The whole study of each recording, with its report.")
@click.option("--once", is_flag=True, help="End when all that is there is done.")
@click.option(
    "--for", "lasting", metavar="TIME", help="End after this time: 10m, 8h.  [default: never]"
)
@click.option(
    "--interval-s",
    default=2.0,
    show_default=True,
    metavar="S",
    help="Look for recordings this often, seconds.",
)
@click.option(
    "--settle-s",
    default=5.0,
    show_default=True,
    metavar="S",
    help="A recording is complete when it has not changed for so long, seconds.",
)
@options(setting_options(STAGES.stages, gated=True), OUT, CONFIG)
def watch(
    folder: Path,
    stages: tuple[str, ...],
    whole: bool,
    once: bool,
    lasting: str | None,
    interval_s: float,
    settle_s: float,
    out: str | None,
    config: str | None,
    **chosen: Any,
) -> None:
    """Study recordings as they arrive in FOLDER, and keep their history.

    Stop with Ctrl-C or SIGTERM; the same command goes on where it was. The exit code is 3 if a recording failed.
    """
    from vidrobust.errors import SettingsError
    from vidrobust.finished_runs.watch import Watched, Watcher
    from vidrobust.pipeline.open import settings_of
    from vidrobust.run_folder.declared import seconds_of

    unknown = [name for name in stages if name not in STAGES.names]
    if unknown:
        raise SettingsError(f"--stage {unknown[0]}: expected one of {', '.join(STAGES.names)}")
    if whole:
        refuse_idle(("stages",), "with --whole")
    if interval_s <= 0 or settle_s < 0:
        raise SettingsError("--interval-s, --settle-s: expected more than 0 s, and 0 s or more")
    settings, named = settings_of((str(folder),), config, given(chosen))
    if not settings.history:
        raise SettingsError(
            "--history: name the file that each recording is added to; it need not exist yet"
        )
    where = Path(out or named or Path("reports") / (folder.resolve().name or "watch"))
    watched = Watched(
        folder=folder,
        out=where,
        history=Path(settings.history),
        settings=settings.changed({"history": None}, "watch"),
        stages=STAGES.studied if whole else ("stability", *(s for s in stages if s != "stability")),
        every_s=interval_s,
        settle_s=settle_s,
    )
    watcher = Watcher(watched, say=click.echo)
    for_s = None if lasting is None else seconds_of(lasting, "--for")

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        watcher.run(for_s=for_s, once=once)
    except KeyboardInterrupt:
        click.echo(
            f"stopped after {plural(watcher.done, 'recording')}; the same command goes on from there",
            err=True,
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    if watcher.failed:
        click.echo(
            f"{plural(watcher.failed, 'recording')} could not be studied; the same file is not tried again",
            err=True,
        )
        end(3)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN...")
@click.option(
    "--model-a",
    metavar="NAME",
    help="The model of A, where it has several.  [default: its only one]",
)
@click.option(
    "--model-b",
    metavar="NAME",
    help="The model of B; two models of one run may be compared.  [default: its only one]",
)
@click.option(
    "--margin",
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Differences up to this share of a metric do not matter.",
)
@click.option(
    "--seed", default=0, show_default=True, metavar="N", help="Seed of tests that change signs."
)
@click.option(
    "--out",
    "-o",
    type=PATH,
    metavar="FILE",
    help="The report.  [default: comparison.html, or of a table side_by_side.html, in the last run]",
)
@click.option(
    "--pictures/--no-pictures",
    default=True,
    show_default=True,
    help="Footage in the report, or none.",
)
@click.option("--table", is_flag=True, help="Of two runs too: all their detectors side by side.")
@JSON
def compare(
    runs: tuple[Path, ...],
    model_a: str | None,
    model_b: str | None,
    margin: float,
    seed: int,
    out: Path | None,
    pictures: bool,
    table: bool,
    as_json: bool,
) -> None:
    """Compare two runs on the same footage: B is better or worse than A, the same, or it cannot be told.

    One run, or more than two, are shown as a table of their detectors.
    """
    from vidrobust.run_folder.folder import RunFolder

    folders = [RunFolder.evaluated(path) for path in runs]
    if table or len(folders) != 2:
        _table(folders, margin, seed, out, as_json)
        return
    from vidrobust.finished_runs.compare_runs import compare_runs
    from vidrobust.finished_runs.comparison_page import comparison_lines, shots_of, write_comparison

    found = compare_runs(*folders, model_a=model_a, model_b=model_b, margin=margin, seed=seed)
    shots = shots_of(folders[0], found["changed_frames"] or [], pictures=pictures)
    page = write_comparison(out or runs[1] / "comparison.html", plain(found), shots)
    print_result(found, [*comparison_lines(found), f"report: {page}"], as_json)


def _table(folders: list[Any], margin: float, seed: int, out: Path | None, as_json: bool) -> None:
    from vidrobust.finished_runs.side_by_side import (
        side_by_side_of,
        table_lines,
        write_side_by_side,
    )

    found = side_by_side_of(folders, margin=margin, seed=seed)
    page = write_side_by_side(out or folders[-1].path / "side_by_side.html", plain(found))
    print_result(found, [*table_lines(plain(found)), f"report: {page}"], as_json)


@click.command()
@click.argument("run_folder", type=PATH)
@click.option(
    "--fail-if",
    multiple=True,
    required=True,
    metavar="RULE",
    help='Such as "flip_rate.high > 0.02".',
)
@click.option("--junit", type=PATH, metavar="FILE", help="Write the outcome as JUnit XML.")
@click.option(
    "--summary",
    type=PATH,
    envvar="GITHUB_STEP_SUMMARY",
    metavar="FILE",
    help="Add the outcome and the run's answer as Markdown.  [default: $GITHUB_STEP_SUMMARY, where it is set]",
)
@JSON
def gate(
    run_folder: Path,
    fail_if: tuple[str, ...],
    junit: Path | None,
    summary: Path | None,
    as_json: bool,
) -> None:
    """Check a run against rules. Exit codes: 0 passed, 1 failed, 2 not computed."""
    from vidrobust.finished_runs.gate import gates_on
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.run_folder.gates import exit_code, junit_xml, parse_gate

    gates = [parse_gate(text) for text in fail_if]
    passages = gates_on(RunFolder.evaluated(run_folder), gates)
    if junit is not None:
        write_text(junit, junit_xml(passages))
    if summary is not None:
        from vidrobust.finished_runs.exports.markdown import page
        from vidrobust.run_folder.reader import RunTables

        append_text(summary, page(RunTables(run_folder), passages))
    lines = [{**asdict(passage), "gate": passage.gate.text} for passage in passages]
    print_result(lines, [passage.sentence for passage in passages], as_json)
    end(exit_code(passages))


@click.command()
@click.argument("runs", nargs=-1, type=PATH)
@click.option("--history", "file", type=PATH, metavar="FILE", help="Add the runs to this file.")
@click.option(
    "--metric",
    multiple=True,
    metavar="NAME",
    help="Which charts.  [default: flip_rate and jitter; of detectors uncovered_rate, vanished_rate, flip_rate, "
    "center_jitter]",
)
@click.option("--model", metavar="NAME", help="Only this model.  [default: all]")
@click.option(
    "--baseline",
    type=int,
    metavar="N",
    help="The limits stand on the first N runs.  [default: all]",
)
@click.option(
    "--limits",
    type=click.Choice(["clips", "laney"]),
    default="clips",
    show_default=True,
    help="Rates: runs differ as clips do, or by more than that (Laney's p').",
)
@click.option(
    "--out",
    "-o",
    type=PATH,
    metavar="PAGE",
    help="The report.  [default: beside the history file, or history.html in the last run]",
)
@JSON
def history(
    runs: tuple[Path, ...],
    file: Path | None,
    metric: tuple[str, ...],
    model: str | None,
    baseline: int | None,
    limits: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Draw control charts of one line over many runs."""
    from vidrobust.finished_runs.history import (
        add_runs,
        charts,
        empty_history,
        read_history,
        write_history,
    )
    from vidrobust.report.history_page import control_chart_lines, write_history_page
    from vidrobust.run_folder.folder import RunFolder

    if not runs and file is None:
        raise click.UsageError("give run folders, or --history FILE, or both")
    before = empty_history() if file is None else read_history(file)
    known = add_runs(before, [RunFolder.evaluated(run) for run in runs])
    if file is not None and runs:
        write_history(known, file)
    found = charts(known, metric, model=model, baseline=baseline, laney=limits == "laney")
    page = out or (file.with_suffix(".html") if file else runs[-1] / "history.html")
    lines = [line for chart in found for line in control_chart_lines(chart)]
    print_result(found, [*lines, f"report: {write_history_page(page, plain(found))}"], as_json)


class FormatOption(click.Option):
    """Imports the formats, and so the plugins, when its help is shown."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from vidrobust.finished_runs.exports.catalogue import names

        self.help = f"One of {', '.join(names())}."
        return super().get_help_record(ctx)


@click.command()
@click.argument("run_folder", type=PATH, metavar="RUN")
@click.option("--to", "name", cls=FormatOption, required=True, metavar="FORMAT")
@click.option(
    "--out", "-o", type=PATH, metavar="DIR", help="Where to.  [default: RUN/exports/FORMAT]"
)
@JSON
def export(run_folder: Path, name: str, out: Path | None, as_json: bool) -> None:
    """Write a finished RUN as files for another program."""
    from vidrobust.finished_runs.exports.catalogue import export_run

    written, opened = export_run(run_folder, name, out)
    files = [str(path) for path in written.files]
    print_result(
        {"files": files, "notes": written.notes, "opened_by": opened},
        [f"written: {listing(files, 3)}", *written.notes, f"opened by: {opened}"],
        as_json,
    )
