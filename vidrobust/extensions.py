"""Plugins: what installed packages register through entry points.

An entry point names a record, or a list of records, of a kind of its group:

    commands      cli.command_entry.CommandEntry
    stages        pipeline.stage.Stage
    sections      report.section.ReportSection, run_folder.gates.FigureSource
    tables        tables.table.Table
    perturbations perturb.perturbation.Perturbation
    protocols     stages.sensitivity.stage.SuiteProtocol, stages.correlate.stage.CorrelationProtocol,
                  finished_runs.comparison.Comparison
    demos         finished_runs.demo.Demo
    exports       finished_runs.exports.catalogue.Format, stages.policy.exports.write.PolicyFormat
    metrics       metrics.metric.Metric
    tasks         metrics.metric.Task
    models        models.spec.ModelKind
    formats       footage.labels.labels.LabelFormat, video.source.VideoFormat,
                  BoxFormat of the plugin formats

All entry points of a plugin have its name. One that cannot be loaded, names something else or takes a name that
exists is left out and reported, and the rest goes on; a misdeclared metric ends a study, whose tables would lack
it. This module imports no torch.
"""

from __future__ import annotations

import functools
import importlib
import multiprocessing
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any, Generic, TypeVar

from vidrobust.text.printable import shown

Record = TypeVar("Record")
Result = TypeVar("Result")
PREFIX = "vidrobust."  # start of the name of every group
# Groups of several kinds, by the names of their classes: whoever asks for one kind passes over the others
KINDS_OF = {
    # some are of a kind of their own, as those of ``remedies --all``
    "vidrobust.stages": ("Stage",),
    "vidrobust.sections": ("ReportSection", "FigureSource"),
    "vidrobust.protocols": ("SuiteProtocol", "CorrelationProtocol", "Comparison"),
    "vidrobust.exports": ("Format", "PolicyFormat"),
    "vidrobust.formats": ("LabelFormat", "VideoFormat", "BoxFormat"),
}
_reported: set[tuple[str, str]] = set()


@dataclass(frozen=True)
class Provided(Generic[Record]):
    """What one entry point brings."""

    point: EntryPoint
    records: tuple[Record, ...] = ()
    names: tuple[str, ...] = ()  # of the records
    error: str = ""  # why it brings nothing, as "cannot be loaded (ImportError: ...)"
    misdeclared: bool = False  # whether it can be imported, but names what cannot be used

    @property
    def where(self) -> str:
        """Name the plugin, its package with the version, and the entry point."""
        return f"plugin {self.point.name!r}{_package(self.point)}: {self.point.value} of {self.point.group}"


@dataclass(frozen=True)
class Extensions(Generic[Record]):
    """What the entry points of one group bring, in the order of their names."""

    points: tuple[Provided[Record], ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the records of all entry points that work."""
        return tuple(record for point in self.points for record in point.records)

    def each(self, use: Callable[[Record], Iterable[Result]]) -> Iterator[Result]:
        """Use each record in turn, and yield what comes of it; a plugin that fails is reported."""
        for provided in self.points:
            for record in provided.records:
                try:
                    yield from use(record)
                except ImportError as error:
                    _report(provided, f"cannot be imported ({error})")
                except Exception as error:
                    if provided.point.value.startswith("vidrobust."):
                        raise
                    _report(provided, f"failed ({type(error).__name__}: {error})")

    @property
    def broken(self) -> Mapping[str, str]:
        """Return the reason why an entry point brings nothing, by its name."""
        return {each.point.name: f"{each.where} {each.error}" for each in self.points if each.error}


def extensions(
    group: str,
    kind: type[Record] | str,
    name_of: Callable[[Record], str],
    taken: Collection[str] = (),
    points: Iterable[EntryPoint] | None = None,
) -> Extensions[Record]:
    """Load what the entry points of a group bring, and report what is broken on standard error, once per plugin.

    ``taken`` are names that the core has itself; ``points`` replace the entry points of the installed packages. A
    ``kind`` that a plugin defines is given by the name of its class.
    """
    names, loaded = set(taken), list[Provided[Record]]()
    for point in in_order(group) if points is None else points:
        try:
            records = tuple(_records(point, kind))
            brought = tuple(name_of(record) for record in records)
            for number, name in enumerate(brought):
                if name in names or name in brought[:number]:
                    raise TypeError(
                        f"there is a {_name(kind)} {name!r} already; rename one of them"
                    )
            names.update(brought)
            loaded.append(Provided(point, records, brought))
        except (Exception, SystemExit) as error:  # whatever the import of another package raises
            loaded.append(
                Provided(point, error=str(error), misdeclared=isinstance(error, TypeError))
            )
            _report(loaded[-1], str(error))
    return Extensions(tuple(loaded))


def packages(group: str) -> list[str]:
    """Return the entry points of a group with their packages and versions: results depend on them."""
    return sorted(
        f"{point.value} {point.dist.name} {point.dist.version}"
        for point in _installed(tuple(sys.path)).select(group=group)
        if point.dist is not None
    )


def in_order(group: str) -> list[EntryPoint]:
    """Return the entry points of a group in the order of their names."""
    points = _installed(tuple(sys.path)).select(group=group)
    return sorted(points, key=lambda point: (point.name, point.value))


@functools.cache
def _installed(_path: tuple[str, ...]) -> EntryPoints:
    # reads the metadata of every installed package: once for each search path
    points: Any = entry_points()
    return points


def _records(point: EntryPoint, kind: type[Record] | str) -> Iterator[Record]:
    try:
        brought = point.load()
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        raise ImportError(
            f"cannot be loaded ({type(error).__name__}: {error}); mend or uninstall it"
        ) from error
    for record in brought if isinstance(brought, list | tuple) else (brought,):
        if type(record).__name__ == kind or (isinstance(kind, type) and isinstance(record, kind)):
            yield record
        elif not {each.__name__ for each in type(record).__mro__} & {
            *KINDS_OF.get(point.group, ())
        }:
            raise TypeError(
                f"expected a {_name(kind)} or a list of them, got {type(record).__name__}"
            )


def _name(kind: type | str) -> str:
    return kind if isinstance(kind, str) else kind.__name__


def _package(point: EntryPoint) -> str:
    return f" ({point.dist.name} {point.dist.version})" if point.dist else ""


def _report(provided: Provided[Any], error: str) -> None:
    """Name a broken plugin on standard error: once, and in the first process alone, not in each worker."""
    plugin = (provided.point.name, _package(provided.point))
    if plugin not in _reported and multiprocessing.parent_process() is None:
        _reported.add(plugin)
        print(
            f"warning: {provided.where} {shown(error)}. `vidrobust plugins` lists all.",
            file=sys.stderr,
        )


def imported(place: str) -> Any:
    """Import and return what ``"package.module:attribute"`` names."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
