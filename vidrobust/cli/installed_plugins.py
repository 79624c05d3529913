"""``vidrobust plugins``: which plugins are installed, what each brings, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

import click

from vidrobust.cli.options import JSON, print_result
from vidrobust.extensions import PREFIX, Extensions, Provided, extensions, in_order
from vidrobust.text.phrases import listing

MOST_NAMES = 8  # names of a group that ``plugins`` lists; ``--json`` has all of them


@dataclass
class Plugin:
    """The entry points of one name in one package: what they bring by group, and what is wrong."""

    name: str
    package: str
    version: str
    brings: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""

    def add(self, provided: Provided[Any]) -> None:
        group = provided.point.group.removeprefix(PREFIX)
        if provided.error:
            what = f"{provided.point.value} of {group} {provided.error}"
            if what not in self.error:  # several kinds may be read from one group
                self.error = f"{self.error}; {what}" if self.error else what
        else:
            self.brings[group] = list(dict.fromkeys([*self.brings.get(group, []), *provided.names]))


def installed_plugins() -> list[Plugin]:
    """Import all plugins and return them in the order of their names."""
    listed: dict[tuple[str, str], Plugin] = {}
    for provided in _provided():
        dist = provided.point.dist
        package, version = ("", "") if dist is None else (dist.name, dist.version)
        key = package, provided.point.name
        listed.setdefault(key, Plugin(provided.point.name, package, version)).add(provided)
    return [listed[key] for key in sorted(listed)]


def _provided() -> Iterator[Provided[Any]]:
    groups = set()
    for group_of_kind in _groups():
        for provided in group_of_kind.points:
            groups.add(provided.point.group)
            yield provided
    for group in sorted(entry_points().groups - groups):
        if group.startswith(PREFIX):
            for point in in_order(group):
                yield Provided(point, error="is of a group that does not exist")


def _groups() -> list[Extensions[Any]]:
    from vidrobust.cli import app
    from vidrobust.finished_runs import comparison, demo
    from vidrobust.finished_runs.exports import catalogue as exports
    from vidrobust.footage.labels import formats
    from vidrobust.metrics import catalogue as metrics
    from vidrobust.models import spec as models
    from vidrobust.perturb import catalogue as perturbations
    from vidrobust.report import section
    from vidrobust.run_folder import gates as figures
    from vidrobust.stages import catalogue as stages
    from vidrobust.stages.correlate import stage as correlation
    from vidrobust.stages.policy.exports import write as policies
    from vidrobust.stages.sensitivity import stage as suites
    from vidrobust.tables import schema as tables
    from vidrobust.video import source

    return [
        app.PROVIDED,
        stages.PROVIDED,
        section.provided(),
        tables.PROVIDED,
        figures.provided(),
        perturbations.PROVIDED,
        suites.provided(),
        correlation.provided(),
        comparison.provided(),
        policies.provided(),
        demo.provided(),
        exports.provided(),
        metrics.provided(),
        metrics.provided_tasks(),
        models.provided(),
        formats.provided(),
        source.provided(),
        # "table" is a form of boxes that the plugin itself reads
        extensions("vidrobust.formats", "BoxFormat", lambda record: record.name, {"table"}),
    ]


@click.command()
@JSON
def plugins(as_json: bool) -> None:
    """List installed plugins: package and version, what each brings, and what is wrong with it.

    A plugin is a package with entry points of groups such as vidrobust.commands or vidrobust.stages.
    """
    installed = installed_plugins()
    lines = [] if installed else ["no plugins are installed"]
    for plugin in installed:
        lines.append(f"{plugin.name}  ({plugin.package} {plugin.version})")
        for group, names in plugin.brings.items():
            lines.append(f"  {group.replace('_', ' ')}: {listing(names, MOST_NAMES)}")
        lines += [f"  broken: {plugin.error}"] * bool(plugin.error)
    print_result([vars(plugin) for plugin in installed], lines, as_json)
