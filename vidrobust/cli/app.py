"""The command line: its commands in sections, and its entry point."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import click

from vidrobust.cli.command_entry import CommandEntry, LazyCommands, at, from_plugins, guarded
from vidrobust.errors import VidrobustError
from vidrobust.files.atomic import disk_is_full
from vidrobust.frames.device import tune_process
from vidrobust.pipeline.interrupts import graceful_interrupts
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.printable import printable, shown
from vidrobust.version import VERSION

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STUDY, RUNS, TOOLS = "Study", "Runs", "Tools"
# Order of the first section, in which every stage has a command.
STUDY_ORDER = (
    *("study", "demo", "stability", "variation", "sensitivity", "causes"),
    *("correlate", "policy", "remedies", "boxes", "report"),
)
# Commands of the core: section, module in this folder and name, sentence.
IN_CORE = (
    (STUDY, "studies:study", "Run every stage on videos, frames, globs or manifests."),
    (STUDY, "tools:demo", "Run a whole study on footage that comes with the package."),
    (STUDY, "studies:report", "Write report.html and details.html of a run folder."),
    (RUNS, "studies:show", "Show the answer of a run in a few lines."),
    (RUNS, "tools:status", "Show which stages of a run are done, stale or missing."),
    (RUNS, "runs:gate", "Check a run against rules: exit code 0 passed, 1 failed, 2 not computed."),
    (RUNS, "runs:export", "Write a run as files of another program."),
    (RUNS, "tools:clean", "Remove the cache of a run folder; its tables and report stay."),
    (TOOLS, "tools:models", "List the forms of a model spec, and what is installed for each."),
    (
        TOOLS,
        "installed_plugins:plugins",
        "List installed plugins, what each brings, and those that are broken.",
    ),
)
NAMES = [place.partition(":")[2] for _, place, _ in IN_CORE]
PROVIDED = from_plugins(NAMES)  # commands of plugins


def _stage_command(name: str) -> click.Command:
    from vidrobust.cli.studies import stage_command

    return stage_command(STAGES.named(name))


def _entries() -> tuple[CommandEntry, ...]:
    """Commands of stages, the core and plugins; one of the same name replaces that of a stage."""
    every = {
        stage.name: CommandEntry(
            name=stage.name,
            section=STUDY,
            help=" ".join(stage.sentence.partition("\n\n")[0].split()),
            load=functools.partial(_stage_command, stage.name),
        )
        for stage in STAGES.stages
        if stage.command
    }
    for name, (section, place, text) in zip(NAMES, IN_CORE, strict=True):
        load = at(f"{__package__}.{place}")
        every[name] = CommandEntry(name=name, section=section, help=text, load=load)
    every |= {entry.name: guarded(entry) for entry in PROVIDED.records}
    order = [*STUDY_ORDER, *NAMES, *(entry.name for entry in PROVIDED.records), *every]
    return tuple(every[name] for name in dict.fromkeys(order) if name in every)


class Sections(click.Group):
    """A group whose help lists commands in sections without importing them."""

    commands: LazyCommands

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        entries = self.commands.entries.values()
        sections = dict.fromkeys((STUDY, RUNS, *(entry.section for entry in entries)))
        for section in (*(name for name in sections if name != TOOLS), TOOLS):
            rows = [(entry.name, entry.help) for entry in entries if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(
    cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(VERSION, prog_name="vidrobust")
def cli() -> None:
    """How stable is a vision model on real video, what is it sensitive to, and what to train it with."""


cli.commands = LazyCommands(_entries())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Exit codes: 0 done or passed, 1 a gate failed, 2 usage or settings, 3 nothing evaluated, or an input could
    not be read.
    """
    own_process = arguments is None
    if own_process:  # no threads yet
        tune_process()
        _outlive_closed_pipes()
        sys.excepthook = _crashed
    code = _run(arguments)
    if own_process:
        sys.stdout.flush()
        if lost := getattr(getattr(sys.stdout.buffer, "raw", None), "lost", ""):
            code = _error(f"standard output cannot be written to ({lost})", code or 3)
        if code == 130:
            _end_at_once(code)
    if code:
        sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        with graceful_interrupts():
            # commands end with click's Exit, whose code comes back here
            code = cli.main(
                args=None if arguments is None else list(arguments), standalone_mode=False
            )
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except VidrobustError as error:
        return _error(str(error), error.exit_code)
    except SystemExit as error:  # of a model or plugin: its code says nothing about the study
        return _error(
            f"a model or plugin called sys.exit({error.code!r}) in the middle of the work", 3
        )
    except RecursionError:
        return _error("an input is nested too deeply to be read", 3)
    except OSError as error:
        if disk_is_full(error):
            return _error(
                "the disk is full or its quota is used up; make room, and the same command continues where it was "
                f"({error.strerror or error})",
                3,
            )
        if error.filename is None:
            raise
        return _error(
            f"{printable(str(error.filename))}: {error.strerror or type(error).__name__}", 3
        )


def _error(text: str, code: int) -> int:
    click.echo(f"error: {shown(text)}", err=True)
    return code


class _PatientFile(io.FileIO):
    """A file that drops what it cannot write, and keeps the reason unless its reader has gone."""

    lost = ""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.lost = error.strerror or type(error).__name__
            return len(memoryview(data).cast("B"))


def _outlive_closed_pipes() -> None:
    """Let ``vidrobust gate RUN | true`` end with the gate's exit code, not the closed pipe's."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            number, on_screen = stream.fileno(), stream.isatty()
        except (AttributeError, OSError, ValueError):
            continue  # none, or replaced by something that is no file
        if not on_screen:
            buffer = io.BufferedWriter(_PatientFile(number, "w", closefd=False))
            encoding, errors, by_line = stream.encoding, stream.errors, name == "stderr"
            wrapped = io.TextIOWrapper(buffer, encoding, errors, line_buffering=by_line)
            setattr(sys, name, wrapped)


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End without the 1 of a gate."""
    sys.__excepthook__(kind, error, trace)
    _end_at_once(3)


def _end_at_once(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
