"""What installed packages bring by their entry points: perturbations, metrics, kinds of models, label formats.

An entry point names a record of the kind that its group asks for, or a list or tuple of such records. One that
cannot be loaded, names something else, or has a name that is taken is broken: whoever asks decides whether that
stops the work, and the reason is worded here alone. No torch here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from vidrobust.errors import SettingsError

Record = TypeVar("Record")


@dataclass(frozen=True)
class Extensions(Generic[Record]):
    """records in the order of their entry points; broken: by entry point, why it gives none."""

    records: tuple[Record, ...]
    broken: Mapping[str, str]

    def or_error(self) -> tuple[Record, ...]:
        """The records; SettingsError with the first reason where an entry point is broken."""
        for reason in self.broken.values():
            raise SettingsError(reason)
        return self.records


def extensions(
    group: str,
    kind: type[Record],
    name_of: Callable[[Record], str],
    taken: Collection[str] = (),
    points: Iterable[EntryPoint] | None = None,
) -> Extensions[Record]:
    """What the entry points of a group bring.

    name_of  the name that no two records may share; ``taken``: names that this package has itself
    points   the entry points, else those of the installed packages
    """
    names, records = set(taken), list[Record]()
    broken: dict[str, str] = {}
    for point in in_order(group) if points is None else points:
        try:
            brought = tuple(_records(point, kind))
            for record in brought:
                if name_of(record) in names:
                    raise TypeError(
                        f"there is a {kind.__name__} {name_of(record)!r} already; rename one of them"
                    )
                names.add(name_of(record))
            records += brought
        except Exception as error:  # whatever another package's import raises
            broken[point.name] = f"{_where(point)}: {error}"
    return Extensions(tuple(records), broken)


def packages(group: str) -> list[str]:
    """The entry points of a group with their packages and versions: results depend on them."""
    return sorted(
        f"{point.value} {point.dist.name} {point.dist.version}"
        for point in entry_points(group=group)
        if point.dist is not None
    )


def in_order(group: str) -> list[EntryPoint]:
    """The entry points of a group, in the order of their names."""
    return sorted(entry_points(group=group), key=lambda point: (point.name, point.value))


def _records(point: EntryPoint, kind: type[Record]) -> Iterator[Record]:
    try:
        found = point.load()
    except Exception as error:
        raise TypeError(
            f"cannot be loaded ({type(error).__name__}: {error}); mend or uninstall it"
        ) from error
    for record in found if isinstance(found, list | tuple) else (found,):
        if not isinstance(record, kind):
            raise TypeError(f"expected a {kind.__name__} or a list of them, got {type(record).__name__}")
        yield record


def _where(point: EntryPoint) -> str:
    package = f"package {point.dist.name}, " if point.dist else ""
    return f"{package}entry point {point.name} = {point.value} of {point.group}"
