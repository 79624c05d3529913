"""``plugins``: what is installed, what it brings, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

import click

from vidrobust.cli.options import JSON, print_json
from vidrobust.extensions import PREFIX, Brought, Extensions, in_order


@dataclass
class Plugin:
    """The entry points of one name in one package: what they bring by group, and what is wrong."""

    name: str
    package: str
    version: str
    brings: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""

    def add(self, brought: Brought[Any]) -> None:
        group = brought.point.group.removeprefix(PREFIX)
        if brought.error:
            what = f"{brought.point.value} of {group} {brought.error}"
            self.error = f"{self.error}; {what}" if self.error else what
        else:
            self.brings[group] = [*self.brings.get(group, []), *brought.names]


def installed() -> list[Plugin]:
    """Import all plugins and return them in the order of their names."""
    found: dict[tuple[str, str], Plugin] = {}
    for brought in _brought():
        dist = brought.point.dist
        package, version = ("", "") if dist is None else (dist.name, dist.version)
        key = package, brought.point.name
        found.setdefault(key, Plugin(brought.point.name, package, version)).add(brought)
    return [found[key] for key in sorted(found)]


def _brought() -> Iterator[Brought[Any]]:
    """Everything that entry points bring; a group that nothing reads is an error."""
    groups = set()
    for extensions in _groups():
        for brought in extensions.brought:
            groups.add(brought.point.group)
            yield brought
    for group in sorted(entry_points().groups - groups):
        if group.startswith(PREFIX):
            for point in in_order(group):
                yield Brought(point, error="is of a group that does not exist")


def _groups() -> list[Extensions[Any]]:
    from vidrobust.cli import app
    from vidrobust.finished_runs import demo
    from vidrobust.footage.labels import formats
    from vidrobust.metrics import catalogue as metrics
    from vidrobust.models import spec as models
    from vidrobust.perturb import catalogue as perturbations
    from vidrobust.report import section
    from vidrobust.run_folder import gates as figures
    from vidrobust.run_folder import settings
    from vidrobust.stages import catalogue as stages
    from vidrobust.stages.correlate import stage as correlation
    from vidrobust.stages.sensitivity import stage as suites
    from vidrobust.tables import schema as tables

    return [
        app.BROUGHT,
        stages.BROUGHT,
        section.brought(),
        settings.brought(),
        tables.BROUGHT,
        figures.brought(),
        perturbations.BROUGHT,
        suites.brought(),
        correlation.brought(),
        demo.brought(),
        metrics.brought(),
        metrics.brought_tasks(),
        models.brought(),
        formats.brought(),
    ]


@click.command()
@JSON
def plugins(as_json: bool) -> None:
    """List installed plugins: package and version, what each brings, and what is wrong with it.

    A plugin is a package with entry points of groups such as vidrobust.commands or vidrobust.stages.
    """
    found = installed()
    if as_json:
        print_json([vars(plugin) for plugin in found])
        return
    for plugin in found:
        click.echo(f"{plugin.name}  ({plugin.package} {plugin.version})")
        for group, names in plugin.brings.items():
            some = ", ".join(names[:MOST_NAMES])
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            click.echo(f"  {group.replace('_', ' ')}: {some}{more}")
        if plugin.error:
            click.echo(f"  broken: {plugin.error}")
    if not found:
        click.echo("no plugins are installed")


MOST_NAMES = 8  # names of a group that are listed; ``--json`` has all of them
