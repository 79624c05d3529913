"""An option that is a setting, as a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import click

from vidrobust.cli.grouped import Group, GroupedOption
from vidrobust.run_folder.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
UsedBy = Literal["stage", "footage", "model", "stability"]
"""What makes a command use an option: a stage that depends on the setting, any stage that works on footage, any
that asks a model, or the stage stability."""


@dataclass(frozen=True, kw_only=True)
class SettingOption:
    """An option that is a setting.

    flag      as it is typed; ``--a/--no-a`` for a choice of two
    text      its help, with the unit; the default is added to it
    group     under which it is shown; ``advanced`` ones by --help-all alone
    used_by   what makes a command use it
    more      further arguments of ``click.option``
    """

    flag: str
    text: str
    group: Group
    advanced: bool = False
    used_by: UsedBy = "stage"
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def setting(self) -> str:
        return self.flag.split("/")[0][2:].replace("-", "_")

    def decorator(self) -> Callable[[F], F]:
        default = getattr(Settings(), self.setting)
        words = ",".join(map(str, default)) if isinstance(default, tuple) else default
        words = self.setting if words is True else words
        ending = f"  [default: {words}]" if words is not None and words is not False and words != "" else ""
        return click.option(
            self.flag,
            cls=GroupedOption,
            help=self.text + ending,
            group=self.group,
            advanced=self.advanced,
            **self.more,
        )


def option(
    flag: str,
    text: str,
    group: Group,
    *,
    advanced: bool = False,
    used_by: UsedBy = "stage",
    **more: Any,
) -> SettingOption:
    return SettingOption(flag=flag, text=text, group=group, advanced=advanced, used_by=used_by, more=more)
