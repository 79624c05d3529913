"""Options that would change nothing where they were typed are refused, not passed over in silence."""

from __future__ import annotations

from collections.abc import Collection

import click
from click.core import ParameterSource


def refuse_idle(names: Collection[str], where: str) -> None:
    """UsageError for those of these parameters of the command that were typed.

    where  the case in which they change nothing: "on a run folder, which keeps its sources"
    """
    context = click.get_current_context()
    typed = [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if parameter.name in names
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if typed:
        raise click.UsageError(f"{', '.join(typed)}: changes nothing {where}; leave it out")


def all_but(*names: str) -> set[str]:
    """The names of all other options of the command."""
    params = click.get_current_context().command.params
    return {p.name for p in params if isinstance(p, click.Option) and p.name is not None} - set(names)
