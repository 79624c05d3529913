"""Options made from settings, and those that commands share.

A command shows the settings of its stages. Options that would change nothing are refused.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from vidrobust.files.json_text import json_text
from vidrobust.pipeline.stage import FootageStage, Stage
from vidrobust.run_folder.declared import Declaration
from vidrobust.run_folder.settings import GROUPS as SETTINGS
from vidrobust.run_folder.settings import all_declarations

if TYPE_CHECKING:
    from vidrobust.pipeline.progress import Reporter


def print_json(content: Any) -> None:
    click.echo(json_text(content), nl=False)


def print_result(found: Any, lines: Sequence[str], as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(lines))


def taken(group: type[OptionGroup], options: dict[str, Any]) -> OptionGroup:
    """Take the fields of a dataclass out of the options of a command."""
    fields = dataclasses.fields(group)  # type: ignore[arg-type]
    return group(**{field.name: options.pop(field.name) for field in fields})


def end(code: int) -> NoReturn:
    """End the command with an exit code. (``sys.exit`` is taken for a mistake of a model or plugin.)"""
    raise click.exceptions.Exit(code)


def reporter(quiet: bool) -> Reporter:
    from vidrobust.pipeline.progress import Reporter

    return Reporter(quiet=quiet)


def may_be_footage(source: str) -> bool:
    """Return whether a word may name footage: an existing path, a glob, or a stream to be refused."""
    from vidrobust.footage.expand import is_stream

    return is_stream(source) or os.path.lexists(source) or glob.has_magic(source)


F = TypeVar("F", bound=Callable[..., Any])
OptionGroup = TypeVar("OptionGroup")


class NamedPath(click.Path):
    """A path that has a name: an empty text is a variable that was not set."""

    def __init__(self, **how: Any) -> None:
        super().__init__(path_type=Path, **how)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("expected a path, got nothing", param, ctx)
        return super().convert(value, param, ctx)


PATH = NamedPath()
# Titles under which help shows options, in this order.
GROUPS = ("Options", *(group.title for group in SETTINGS), "Advanced")


class GroupedOption(click.Option):
    """An option in a group of the help; only ``--help-all`` shows it if it is ``advanced``."""

    def __init__(
        self, *args: Any, group: str = "Advanced", advanced: bool = False, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.group, self.advanced = group, advanced


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups, and only the usual ones."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.append(_help_all())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        everything = bool(ctx.meta.get("help_all"))
        rows: dict[str, list[tuple[str, str]]] = {}
        hidden = 0
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None or not isinstance(parameter, click.Option):
                continue
            if getattr(parameter, "advanced", False) and not everything:
                hidden += 1
                continue
            usual = "Output" if "--help" in parameter.opts else "Options"
            rows.setdefault(getattr(parameter, "group", usual), []).append(record)
        # groups of plugins stand before the output
        order = (*GROUPS[:-2], *(group for group in rows if group not in GROUPS), *GROUPS[-2:])
        for group in order:
            if group in rows:
                with formatter.section(group):
                    formatter.write_dl(rows[group])
        if hidden:
            formatter.write_paragraph()
            formatter.write_text(f"{hidden} more options for special cases: --help-all.")


def _help_all() -> click.Option:
    def show(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value and not context.resilient_parsing:
            context.meta["help_all"] = True
            click.echo(context.get_help())
            context.exit()

    return GroupedOption(
        ["--help-all"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=show,
        group="Output",
        help="Show every option, and exit.",
    )


def _shared(*flags: str, group: str = "Output", **more: Any) -> Callable[[F], F]:
    return click.option(*flags, cls=GroupedOption, group=group, **more)


MODEL = _shared(
    *("--model", "-m"),
    group="Model",
    multiple=True,
    metavar="SPEC",
    help="A model: torchvision:NAME, onnx:FILE, ... (vidrobust models lists all). May be repeated.",
)
CONFIG = _shared("--config", metavar="FILE", help="Settings in TOML, named as these options.")
OVERWRITE = _shared(
    "--overwrite", is_flag=True, help="Replace a run folder of other sources or another version."
)
OUT = _shared("--out", "-o", metavar="DIR", help="The run folder.  [default: reports/NAME]")
JUNIT = _shared(
    "--junit", advanced=True, metavar="FILE", help="Write the outcome of --fail-if as JUnit XML."
)
DRY_RUN = _shared(
    "--dry-run", is_flag=True, help="Only say what would be done and how long it takes."
)
JSON = _shared("--json", "as_json", is_flag=True, help="Print the result as JSON.")
QUIET = _shared("--quiet", "-q", is_flag=True, help="Print only warnings and errors.")


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return several options as one decorator, in this order."""

    def decorate(function: F) -> F:
        for option in reversed(decorators):
            function = option(function)
        return function

    return decorate


def setting(*names: str) -> Callable[[F], F]:
    declared = {declaration.name: declaration for declaration in all_declarations()}
    return options(*(_option(declared[name]) for name in names))


def setting_options(stages: Iterable[Stage], *, gated: bool) -> Callable[[F], F]:
    """Return the options of the models and settings of these stages, with those of gates if ``gated``."""
    stages = tuple(stages)
    footage = [stage for stage in stages if isinstance(stage, FootageStage)]
    used = {name for stage in stages for name in stage.all_settings}
    asks_models = any(stage.per == "model" for stage in footage)
    holds = {"footage": bool(footage), "model": asks_models, "gate": gated}
    chosen = [
        d
        for d in all_declarations()
        if (d.name in used if d.used_by == "stage" else holds[d.used_by])
    ]
    return options(*((MODEL,) if asks_models else ()), *map(_option, chosen))


def stage_options(stages: Iterable[Stage], *, gated: bool) -> Callable[[F], F]:
    """Return the same with the options of sources and output."""
    stages = tuple(stages)
    of_sources = (CONFIG, OVERWRITE) if any(isinstance(s, FootageStage) for s in stages) else ()
    of_gates = (JUNIT,) if gated else ()
    return options(setting_options(stages, gated=gated), *of_gates, *of_sources, OUT, JSON, QUIET)


@functools.cache
def _option(declared: Declaration) -> Callable[[F], F]:
    flag = f"--{declared.name.replace('_', '-')}"
    more: dict[str, Any] = {"metavar": declared.metavar}
    if declared.kind is bool:
        more |= {"default": None} if declared.default else {"is_flag": True, "default": None}
        flag = f"{flag}/--no-{flag[2:]}" if declared.default else flag
    elif declared.joined:
        more["callback"] = functools.partial(_split, declared.kind)
    elif declared.choices:
        more["type"] = click.Choice(declared.choices)
    else:
        more |= {"type": declared.kind, "multiple": declared.multiple}
    ending = f"  [default: {declared.shown_default}]" if declared.shown_default else ""
    advanced = not declared.usual
    return _shared(
        flag, group=declared.group, advanced=advanced, help=declared.help + ending, **more
    )


def _split(
    kind: type, context: click.Context, parameter: click.Parameter, value: str | None
) -> Any:
    try:
        return None if value is None else tuple(kind(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected numbers with commas between, got {value!r}") from error


def given(chosen: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in chosen.items() if value is not None and value != ()}


def refuse_idle(names: Collection[str], where: str) -> None:
    """Raise UsageError for those of these parameters that were typed where they change nothing."""
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
    """Return the names of all other options of the command."""
    params = click.get_current_context().command.params
    return {p.name for p in params if isinstance(p, click.Option) and p.name is not None} - set(
        names
    )


def print_rows(rows: Any, as_json: bool) -> None:
    """Print rows as JSON or as a table."""
    if as_json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*(rows[0] if rows else ()), box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)
