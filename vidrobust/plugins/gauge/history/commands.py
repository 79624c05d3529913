"""The commands history and watch."""

from __future__ import annotations

import signal
from dataclasses import dataclass
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
    taken,
)
from vidrobust.files.json_text import plain
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.phrases import plural


@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """What is made of each recording, and when it is complete."""

    stages: tuple[str, ...]
    whole: bool
    interval_s: float
    settle_s: float
    history: Path


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
@click.option(
    "--history",
    type=PATH,
    required=True,
    metavar="FILE",
    help="Add each recording to this file; it need not exist yet.",
)
@options(setting_options(STAGES.stages, gated=True), OUT, CONFIG)
def watch(
    folder: Path,
    once: bool,
    lasting: str | None,
    out: str | None,
    config: str | None,
    **chosen: Any,
) -> None:
    """Study recordings as they arrive in FOLDER, and keep their history.

    Stop with Ctrl-C or SIGTERM; the same command goes on where it was. The exit code is 3 if a recording failed.
    """
    from vidrobust.errors import SettingsError
    from vidrobust.pipeline.open import settings_of
    from vidrobust.plugins.gauge.history.watch import Watched, Watcher
    from vidrobust.run_folder.declared import seconds_of

    asked = taken(WatchOptions, chosen)
    stages, every_s, settle_s = asked.stages, asked.interval_s, asked.settle_s
    unknown = [name for name in stages if name not in STAGES.names]
    if unknown:
        raise SettingsError(f"--stage {unknown[0]}: expected one of {', '.join(STAGES.names)}")
    if asked.whole:
        refuse_idle(("stages",), "with --whole")
    if every_s <= 0 or settle_s < 0:
        raise SettingsError("--interval-s, --settle-s: expected more than 0 s, and 0 s or more")
    settings, named = settings_of((str(folder),), config, given(chosen))
    where = Path(out or named or Path("reports") / (folder.resolve().name or "watch"))
    watched = Watched(
        folder=folder,
        out=where,
        history=asked.history,
        settings=settings,
        stages=STAGES.studied
        if asked.whole
        else ("stability", *(s for s in stages if s != "stability")),
        every_s=every_s,
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
    from vidrobust.plugins.gauge.history.page import control_chart_lines, write_history_page
    from vidrobust.plugins.gauge.history.runs import (
        add_runs,
        charts,
        empty_history,
        read_history,
        write_history,
    )
    from vidrobust.run_folder.folder import RunFolder

    if not runs and file is None:
        raise click.UsageError("give run folders, or --history FILE, or both")
    before = empty_history() if file is None else read_history(file)
    known = add_runs(before, [RunFolder.evaluated(run) for run in runs])
    if file is not None and runs:
        write_history(known, file)
    found = charts(known, metric, model=model, baseline=baseline, laney=limits == "laney")
    if runs:
        folder = RunFolder(runs[-1])
        folder.write_json("history.json", {"runs": known["run"].nunique(), "charts": found})
    page = out or (file.with_suffix(".html") if file else runs[-1] / "history.html")
    lines = [line for chart in found for line in control_chart_lines(chart)]
    print_result(found, [*lines, f"report: {write_history_page(page, plain(found))}"], as_json)
