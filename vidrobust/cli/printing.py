"""What commands share when they speak: JSON on standard output, a reporter on standard error, given options."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from vidrobust.files.json_text import json_text

if TYPE_CHECKING:
    from vidrobust.pipeline.progress import Reporter


def print_json(content: Any) -> None:
    """Strict JSON on standard output: NaN becomes null, tables become lists."""
    click.echo(json_text(content), nl=False)


def print_result(found: Any, lines: Sequence[str], as_json: bool) -> None:
    """A result as JSON, or as lines for a person."""
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(lines))


def end(code: int) -> NoReturn:
    """End the command with this exit code. ``sys.exit`` is what models and plugins call by mistake."""
    raise click.exceptions.Exit(code)


def reporter(quiet: bool) -> Reporter:
    """Progress and lines on standard error."""
    from vidrobust.pipeline.progress import Reporter

    return Reporter(quiet=quiet)


def may_be_footage(source: str) -> bool:
    """Whether a word on the command line may name footage: a stream, an address, a path that is there, a glob."""
    from vidrobust.video.record import is_stream

    return is_stream(source) or "://" in source or os.path.lexists(source) or glob.has_magic(source)
