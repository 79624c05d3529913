"""Commands whose help shows their options in groups, the usual ones first."""

from __future__ import annotations

from typing import Any, Literal

import click

Group = Literal["Options", "Footage", "Model", "Sampling", "Output", "Advanced"]
GROUPS: tuple[Group, ...] = ("Options", "Footage", "Model", "Sampling", "Output", "Advanced")


class GroupedOption(click.Option):
    """An option of a group; what is advanced is shown by --help-all alone."""

    def __init__(self, *args: Any, group: Group = "Advanced", advanced: bool = False, **more: Any) -> None:
        super().__init__(*args, **more)
        self.group, self.advanced = group, advanced


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups, the usual ones first and alone."""

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
        for group in GROUPS:
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
