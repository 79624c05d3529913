"""The command line: its commands in sections, and its entry point. torch is imported only by a command."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Sequence

import click

from vidrobust.cli.command_entry import CommandEntry, LazyCommands, at, from_plugins, guarded
from vidrobust.errors import VidrobustError
from vidrobust.files.atomic import disk_is_full
from vidrobust.frames.device import tune_process
from vidrobust.pipeline.interrupts import graceful_interrupts
from vidrobust.stages.catalogue import STAGES
from vidrobust.version import VERSION

STUDY, RUNS, TOOLS = "Study", "Runs", "Tools"
STUDY_ORDER = (
    *("study", "demo", "stability", "variation", "sensitivity", "causes"),
    *("correlate", "policy", "remedies", "boxes", "report"),
)
"""Order of the first section, in which every stage has a command."""
OWN = (
    (STUDY, "studies:study", "Run every stage on videos, frames, globs, manifests or a stream."),
    (STUDY, "tools:demo", "Run a whole study on footage that comes with the package."),
    (STUDY, "stage_commands:correlate", "Find the perturbations that stand for what happens in the footage."),
    (STUDY, "stage_commands:remedies", "Evaluate remedies that need no training against doing nothing."),
    (STUDY, "stage_commands:boxes", "Show detectors at every threshold, and draw their boxes on the clip."),
    (STUDY, "studies:report", "Write report.html and details.html of a run folder."),
    (RUNS, "studies:show", "Show the answer of a run in a few lines."),
    (RUNS, "tools:status", "Show which stages of a run are done, stale or missing."),
    (RUNS, "runs:compare", "Compare two runs on the same footage, or detectors side by side."),
    (RUNS, "runs:gate", "Check a run against rules: exit code 0 passed, 1 failed, 2 not computed."),
    (RUNS, "runs:export", "Write a run as files of another program."),
    (RUNS, "runs:history", "Draw control charts of the same line over many runs."),
    (RUNS, "watch:watch", "Study recordings as they arrive in a folder."),
    (RUNS, "tools:clean", "Remove the cache of a run folder; its tables and report stay."),
    (TOOLS, "tools:inspect", "Show what a file holds, as decoded, and what is wrong with it."),
    (TOOLS, "tools:labels", "Show what annotation files hold, and what in them cannot be used."),
    (TOOLS, "tools:perturbations", "List the perturbations, or render each strength as a picture."),
    (TOOLS, "tools:models", "List the forms of a model spec, and what is installed for each."),
    (TOOLS, "tools:engines", "Measure inference engines: speed, and labels that differ."),
    (TOOLS, "tools:doctor", "Check what works on this machine, and how to get what is missing."),
    (TOOLS, "plugins:plugins", "List installed plugins, what each brings, and those that are broken."),
)
"""Commands of the core: section, module in this folder and name, sentence."""
BROUGHT = from_plugins([place.partition(":")[2] for _, place, _ in OWN])
"""Commands of plugins."""


def _own_commands() -> tuple[CommandEntry, ...]:
    return tuple(
        CommandEntry(
            name=place.partition(":")[2], section=section, help=text, load=at(f"{__package__}.{place}")
        )
        for section, place, text in OWN
    )


def _stage_command(name: str) -> click.Command:
    from vidrobust.cli.studies import stage_command

    return stage_command(STAGES.named(name))


def _stage_commands() -> tuple[CommandEntry, ...]:
    """Commands of stages, those of plugins among them; a command of the same name takes the place of one."""
    return tuple(
        CommandEntry(
            name=stage.name,
            section=STUDY,
            help=" ".join(stage.sentence.partition("\n\n")[0].split()),
            load=functools.partial(_stage_command, stage.name),
        )
        for stage in STAGES.stages
        if stage.command
    )


def _entries() -> tuple[CommandEntry, ...]:
    """All commands in the order of ``--help``; a section keeps the core's commands first."""
    brought = (guarded(entry) for entry in BROUGHT.records)
    named = {entry.name: entry for entry in (*_own_commands(), *brought)}
    order = [*STUDY_ORDER, *named, *(stage.name for stage in STAGES.stages)]
    every = {entry.name: entry for entry in _stage_commands()} | named
    return tuple(every[name] for name in dict.fromkeys(order) if name in every)


class Sections(click.Group):
    """A group whose help lists commands in sections, each with its whole sentence, and imports none of them."""

    commands: LazyCommands  # type: ignore[assignment]  # a mapping that imports what is looked up

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        entries = self.commands.entries.values()
        sections = dict.fromkeys((STUDY, RUNS, *(entry.section for entry in entries)))
        for section in (*(name for name in sections if name != TOOLS), TOOLS):
            rows = [(entry.name, entry.help) for entry in entries if entry.section == section]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="vidrobust")
def cli() -> None:
    """How stable is a vision model on real video, what is it sensitive to, and what to train it with."""


cli.commands = LazyCommands(_entries())


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exit codes: 0 done, 1 a gate failed, 2 usage or settings, 3 an input could not be read."""
    if arguments is None:  # a process of its own, and no threads yet
        tune_process()
    try:
        with graceful_interrupts():
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


def _end_at_once(code: int) -> None:
    """The process is the command's own, and all that it began is ended: nothing is left to wait for.

    Taking torch and the engines down in order takes seconds on a busy machine, in which one would press again.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
