"""The command watch: recordings that come to a folder, studied one by one."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import CONFIG, OUT, GroupedCommand, given, options, refuse_idle, setting_options
from vidrobust.cli.printing import end
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.phrases import plural


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
    settings, named = settings_of((str(folder),), config, given(chosen))
    if not settings.history:
        raise SettingsError("--history: name the file that each recording is added to; it need not exist yet")
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
