"""The commands on finished runs: compare, gate, history; watch, which adds to it; plan, before there is one."""

from __future__ import annotations

import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.grouped import GroupedCommand
from vidrobust.cli.idle import refuse_idle
from vidrobust.cli.options import CONFIG, JSON, OUT, options, setting_options
from vidrobust.cli.printing import print_result
from vidrobust.files.atomic import append_text, write_text
from vidrobust.files.json_text import plain
from vidrobust.finished_runs.exports.names import NAMES as EXPORTS
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.numbers import interval, percent
from vidrobust.text.phrases import plural


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--model-a", metavar="NAME", help="The model of A, where it has several.  [default: its only one]"
)
@click.option(
    "--model-b",
    metavar="NAME",
    help="The model of B; two models of one run may be compared.  [default: its only one]",
)
@click.option(
    "--margin",
    type=float,
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Differences up to this share of a metric do not matter.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of tests that change signs."
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The report.  [default: comparison.html, or of a table side_by_side.html, in the last run]",
)
@click.option(
    "--pictures/--no-pictures", default=True, show_default=True, help="Footage in the report, or none."
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
    """Is run B better than run A on the same footage, worse, the same, or can it not be determined.

    Of one run, or of three and more, the detectors side by side, the best first.
    """
    from vidrobust.run_folder.folder import RunFolder

    folders = [RunFolder.existing(path) for path in runs]
    if table or len(folders) != 2:
        _table(folders, margin, seed, out, as_json)
        return
    from vidrobust.finished_runs.compare_runs import compare_runs
    from vidrobust.finished_runs.compare_shots import shots_of
    from vidrobust.finished_runs.comparison_page import write_comparison
    from vidrobust.repeatability.words import comparison

    found = compare_runs(*folders, model_a=model_a, model_b=model_b, margin=margin, seed=seed)
    shots = shots_of(folders[0], found["changed_frames"] or [], pictures=pictures)
    page = write_comparison(out or runs[1] / "comparison.html", plain(found), shots)
    print_result(found, [*comparison(found), f"report: {page}"], as_json)


def _table(folders: list[Any], margin: float, seed: int, out: Path | None, as_json: bool) -> None:
    """Print and write the detectors of some run folders side by side."""
    from vidrobust.finished_runs.many_detectors import side_by_side_of
    from vidrobust.finished_runs.side_by_side_page import table_lines, write_side_by_side

    found = side_by_side_of(folders, margin=margin, seed=seed)
    page = write_side_by_side(out or folders[-1].path / "side_by_side.html", plain(found))
    print_result(found, [*table_lines(plain(found)), f"report: {page}"], as_json)


@click.command()
@click.argument("run_folder", type=click.Path(path_type=Path))
@click.option(
    "--fail-if", multiple=True, required=True, metavar="RULE", help='Such as "flip_rate.high > 0.02".'
)
@click.option(
    "--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the outcome as JUnit XML."
)
@click.option(
    "--summary",
    type=click.Path(path_type=Path),
    envvar="GITHUB_STEP_SUMMARY",
    metavar="FILE",
    help="Add the outcome and the run's answer as Markdown.  [default: $GITHUB_STEP_SUMMARY, where it is set]",
)
@JSON
def gate(
    run_folder: Path, fail_if: tuple[str, ...], junit: Path | None, summary: Path | None, as_json: bool
) -> None:
    """Does a run pass: exit 0 passed, 1 a rule failed, 2 a metric does not exist or was not computed."""
    from vidrobust.finished_runs.gate import passages_of
    from vidrobust.repeatability.gates import exit_code, junit_xml, parse_gate
    from vidrobust.run_folder.folder import RunFolder

    gates = [parse_gate(text) for text in fail_if]
    passages = passages_of(RunFolder.existing(run_folder), gates)
    if junit is not None:
        write_text(junit, junit_xml(passages))
    if summary is not None:
        from vidrobust.finished_runs.exports.formats.markdown import page
        from vidrobust.run_folder.reader import RunTables

        append_text(summary, page(RunTables(run_folder), passages))
    lines = [{**asdict(passage), "gate": passage.gate.text} for passage in passages]
    print_result(lines, [passage.sentence for passage in passages], as_json)
    sys.exit(exit_code(passages))


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--history", "file", type=click.Path(path_type=Path), metavar="FILE", help="Add the runs to this file."
)
@click.option(
    "--metric",
    multiple=True,
    metavar="NAME",
    help="Which charts.  [default: flip_rate and jitter; of detectors uncovered_rate, vanished_rate, flip_rate, "
    "center_jitter]",
)
@click.option("--model", metavar="NAME", help="Only this model.  [default: all]")
@click.option(
    "--baseline", type=int, metavar="N", help="The limits stand on the first N runs.  [default: all]"
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
    type=click.Path(path_type=Path),
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
    """The same line week after week: control charts, which run is out and since when."""
    from vidrobust.finished_runs.history import (
        add_runs,
        charts,
        empty_history,
        read_history,
        write_history,
    )
    from vidrobust.repeatability.words import control_chart
    from vidrobust.report.history_page import write_history_page
    from vidrobust.run_folder.folder import RunFolder

    if not runs and file is None:
        raise click.UsageError("give run folders, or --history FILE, or both")
    before = empty_history() if file is None else read_history(file)
    known = add_runs(before, [RunFolder.existing(run) for run in runs])
    if file is not None and runs:
        write_history(known, file)
    found = charts(known, metric, model=model, baseline=baseline, laney=limits == "laney")
    page = out or (file.with_suffix(".html") if file else runs[-1] / "history.html")
    lines = [line for chart in found for line in control_chart(chart)]
    print_result(found, [*lines, f"report: {write_history_page(page, plain(found))}"], as_json)


@click.command(cls=GroupedCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--stage", "stages", multiple=True, metavar="NAME", help="What to make of each.  [default: stability]"
)
@click.option("--whole", is_flag=True, help="The whole study of each recording, with its report.")
@click.option("--once", is_flag=True, help="End when all that is there is done.")
@click.option("--for", "lasting", metavar="TIME", help="End after this time: 10m, 8h.  [default: never]")
@click.option(
    "--interval-s",
    type=float,
    default=2.0,
    show_default=True,
    metavar="S",
    help="Look for recordings this often, seconds.",
)
@click.option(
    "--settle-s",
    type=float,
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
    """Study the recordings that come to FOLDER, one line each, and keep their history.

    Ctrl-C or SIGTERM ends it; the same command goes on where it was. Exit code 3 where a recording failed.
    """
    from vidrobust.errors import SettingsError
    from vidrobust.finished_runs.watch import Watched, Watcher
    from vidrobust.pipeline.open import settings_of
    from vidrobust.run_folder.time_option import seconds_of

    unknown = [name for name in stages if name not in STAGES.names]
    if unknown:
        raise SettingsError(f"--stage {unknown[0]}: expected one of {', '.join(STAGES.names)}")
    if whole:
        refuse_idle(("stages",), "with --whole")
    if interval_s <= 0 or settle_s < 0:
        raise SettingsError("--interval-s, --settle-s: expected more than 0 s, and 0 s or more")
    given = {name: value for name, value in chosen.items() if value is not None and value != ()}
    settings, named = settings_of((str(folder),), config, given)
    if not settings.history:
        raise SettingsError(
            "--history: name the file that each recording is added to; it need not be there yet"
        )
    where = Path(out or named or Path("reports") / (folder.resolve().name or "watch"))
    watched = Watched(
        folder=folder,
        out=where,
        history=Path(settings.history),
        settings=settings.changed({"history": None}, "watch"),
        stages=STAGES.names if whole else ("stability", *(s for s in stages if s != "stability")),
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
        sys.exit(3)


@click.command()
@click.argument("run_folder", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--to", "name", required=True, metavar="FORMAT", help=f"One of {', '.join(EXPORTS)}.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to.  [default: RUN/exports/FORMAT]",
)
@JSON
def export(run_folder: Path, name: str, out: Path | None, as_json: bool) -> None:
    """A finished RUN as files of another program, which need not be installed here."""
    from vidrobust.finished_runs.exports.catalogue import export_run

    written, opened = export_run(run_folder, name, out)
    files = [str(path) for path in written.files]
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    print_result(
        {"files": files, "notes": written.notes, "opened_by": opened},
        [f"written: {', '.join(files[:3])}{more}", *written.notes, f"opened by: {opened}"],
        as_json,
    )


@click.group()
def plan() -> None:
    """How many parts, operators or clips a study needs for a wanted interval."""


@plan.command("kappa")
@click.option("--kappa", type=float, required=True, metavar="KAPPA", help="The kappa expected, 0 to 1.")
@click.option(
    "--half-width",
    type=float,
    required=True,
    metavar="KAPPA",
    help="The interval is to be kappa ± this, 0 to 1.",
)
@click.option(
    "--operators", type=int, default=3, show_default=True, metavar="N", help="Operators who rate each part."
)
@click.option(
    "--trials", type=int, default=2, show_default=True, metavar="N", help="How often each of them does."
)
@click.option(
    "--defect-share",
    type=float,
    default=0.5,
    show_default=True,
    metavar="SHARE",
    help="Share of defects in the study.",
)
@click.option(
    "--borderline",
    type=float,
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of parts that toss a coin.",
)
@JSON
def plan_kappa(
    kappa: float,
    half_width: float,
    operators: int,
    trials: int,
    defect_share: float,
    borderline: float,
    as_json: bool,
) -> None:
    """Parts for an attribute study."""
    from vidrobust.repeatability.plan import parts_for_kappa

    found = parts_for_kappa(
        kappa, half_width, ratings=operators * trials, defect_share=defect_share, borderline=borderline
    )
    sentence = (
        f"{found.parts} parts, each rated by {operators} operators in {trials} trials, give a kappa of {kappa:g} "
        f"an interval of about ± {half_width:g}, with {percent(defect_share)} defects and "
        f"{percent(borderline)} borderline parts."
    )
    print_result(asdict(found), [sentence], as_json)


@plan.command("gauge")
@click.option(
    "--percent-grr",
    type=float,
    required=True,
    metavar="PERCENT",
    help="The %GRR expected, % of the study variation.",
)
@click.option(
    "--half-width",
    type=float,
    required=True,
    metavar="PERCENT",
    help="Half the length that the interval may have, %.",
)
@click.option(
    "--reproducibility",
    type=float,
    default=0.3,
    show_default=True,
    metavar="SHARE",
    help="Share of it between operators.",
)
@click.option(
    "--trials", type=int, default=3, show_default=True, metavar="N", help="Measurements a part and operator."
)
@JSON
def plan_gauge(
    percent_grr: float, half_width: float, reproducibility: float, trials: int, as_json: bool
) -> None:
    """Operators, parts and trials for a gauge study."""
    from vidrobust.errors import SettingsError
    from vidrobust.repeatability.plan import designs_for_grr

    found = designs_for_grr(percent_grr, half_width, reproducibility_share=reproducibility, trials=trials)
    if not found:
        raise SettingsError(
            "plan gauge: not reached with 10 operators and 200 parts; ask for a wider interval, or more trials"
        )
    lines = [
        f"{each.operators} operators x {each.parts} parts x {each.trials} trials, {each.measurements} in all: "
        f"%GRR {percent_grr:g} with an interval of about {interval(each.low, each.high)}"
        for each in found
    ]
    print_result([asdict(each) for each in found], lines, as_json)


@plan.command("flip-rate")
@click.option("--rate", type=float, required=True, metavar="RATE", help="The rate expected, 0 to 1.")
@click.option(
    "--half-width",
    type=float,
    required=True,
    metavar="RATE",
    help="The interval is to be rate ± this, 0 to 1.",
)
@click.option(
    "--clip-s", type=float, default=10.0, show_default=True, metavar="S", help="Length of a clip, seconds."
)
@click.option(
    "--fps", type=float, default=25.0, show_default=True, metavar="F", help="Pairs of neighbours per second."
)
@click.option(
    "--correlation",
    type=float,
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of variance between clips.",
)
@JSON
def plan_flip_rate(
    rate: float, half_width: float, clip_s: float, fps: float, correlation: float, as_json: bool
) -> None:
    """Clips and minutes for a flip rate."""
    from vidrobust.errors import SettingsError
    from vidrobust.statistics.sample_size import FootageNeeded, clusters_for_rate

    if not 0 < rate < 1 or not 0 < half_width < 1 or not 0 <= correlation < 1 or min(clip_s, fps) <= 0:
        raise SettingsError(
            "plan flip-rate: rate, half width and correlation lie between 0 and 1, the rest above 0"
        )
    clips = clusters_for_rate(
        rate, half_width, correlation=correlation, per_cluster=max(1.0, clip_s * fps - 1)
    )
    found = FootageNeeded(rate, half_width, correlation, clips, "item", clips * clip_s, 0.0)
    print_result(asdict(found), [found.sentence()], as_json)


def commands() -> tuple[click.Command, ...]:
    """All commands of this module."""
    return (compare, gate, history, watch, export, plan)
