"""The command line: its commands in sections, and its entry point. torch is imported only by a command."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

import click

from vidrobust.cli import boxes, remedies, runs, studies, tools, watch
from vidrobust.errors import VidrobustError
from vidrobust.files.atomic import disk_is_full
from vidrobust.frames.device import tune_process
from vidrobust.pipeline.interrupts import graceful_interrupts
from vidrobust.plugins.finetune import command as adapt
from vidrobust.plugins.gauge import commands as repeatability
from vidrobust.plugins.gauge import plan_command as plan
from vidrobust.plugins.published import corruptions_command as protocols
from vidrobust.plugins.published import data_command as data
from vidrobust.plugins.published import transplant_command as transplant
from vidrobust.plugins.unknown import command as unknown
from vidrobust.version import VERSION

SECTIONS: dict[str, tuple[str, ...]] = {
    "Study": (
        *("study", "demo", "stability", "variation", "sensitivity", "causes"),
        *("correlate", "policy", "remedies", "adapt", "boxes", "unknown", "report"),
    ),
    "Runs": ("show", "status", "compare", "gate", "export", "history", "watch", "clean"),
    "Repeatability": ("repeatability", "passes", "plan"),
    "Protocols": ("corruptions", "transplant"),
    "Tools": ("inspect", "data", "labels", "perturbations", "models", "engines", "doctor"),
}
"""The commands in the order in which they are shown; one that is not named here stands under Tools."""


class Sections(click.Group):
    """A group whose help shows its commands in sections, each with its whole sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        named = {name for names in SECTIONS.values() for name in names}
        others = tuple(sorted(set(self.commands) - named))
        for section, names in SECTIONS.items():
            there = [
                name for name in (*names, *(others if section == "Tools" else ())) if name in self.commands
            ]
            rows = [(name, self.commands[name].get_short_help_str(limit=200)) for name in there]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="vidrobust")
def cli() -> None:
    """How stable is a vision model on real video, what is it sensitive to, and what to train it with."""


for _module in (
    *(studies, boxes, remedies, adapt, unknown, runs, watch, plan),
    *(repeatability, protocols, transplant, data, tools),
):
    for _command in _module.commands():
        cli.add_command(_command)


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
