"""Commands that are listed by ``--help`` and imported only when they are called."""

from __future__ import annotations

import functools
from collections import UserDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import click

from vidrobust.errors import InputError
from vidrobust.extensions import Extensions, extensions, imported

GROUP = "vidrobust.commands"  # group of entry points in which a package names a CommandEntry, or several


@dataclass(frozen=True, kw_only=True)
class CommandEntry:
    """A command as ``vidrobust --help`` lists it."""

    name: str
    section: str  # under which it is listed; a plugin may name a new one
    help: str  # one sentence
    # imports and returns the command; ``at`` makes it from a name
    load: Callable[[], click.Command]


def at(place: str) -> Callable[[], click.Command]:
    """Return a loader of the command at ``"package.module:attribute"``."""
    return functools.partial(imported, place)


class LazyCommands(UserDict[str, click.Command]):
    """Commands by name; one is imported when it is looked up."""

    def __init__(self, entries: Iterable[CommandEntry]) -> None:
        super().__init__()
        self.entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self.data:
            self.data[name] = self.entries[name].load()
        return self.data[name]

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def from_plugins(taken: Iterable[str]) -> Extensions[CommandEntry]:
    return extensions(GROUP, CommandEntry, lambda entry: entry.name, tuple(taken))


def guarded(entry: CommandEntry) -> CommandEntry:
    """Return the entry of a plugin, which raises InputError where its command cannot be imported."""

    def load() -> click.Command:
        try:
            return entry.load()
        except ImportError as error:
            raise InputError(f"the command {entry.name} cannot be imported ({error})") from error

    return CommandEntry(name=entry.name, section=entry.section, help=entry.help, load=load)
