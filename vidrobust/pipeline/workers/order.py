"""Orders (the missing units of one segment), and the events that workers report."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from vidrobust.footage.item import Item
from vidrobust.pipeline.inputs import Segment
from vidrobust.pipeline.stage import FootageStage, SampleStage, StreamStage
from vidrobust.run_folder.unit_cache import UnitCache
from vidrobust.text.printable import printable


@dataclass(frozen=True)
class Unit:
    """One stage on one segment, with one model or none (""); samples have ``count`` frames or pairs."""

    stage: FootageStage
    segment: Segment
    model: str
    task: str
    key: str
    count: int = 0

    def done(self, cache: UnitCache) -> bool:
        return cache.has(self.stage, self.key) and self.had(cache) >= self.count

    def had(self, cache: UnitCache) -> int:
        if not isinstance(self.stage, SampleStage) or not cache.has(self.stage, self.key):
            return 0
        return int(cache.facts(self.stage, self.key)["count"])

    @property
    def item(self) -> Item:
        return self.segment.item

    @property
    def name(self) -> tuple[str, str, int]:
        return self.item.name, self.model, self.segment.number

    @property
    def place(self) -> str:
        """The file, and the model, that a failure names."""
        path = printable(self.item.path)
        return f"{path} with {self.model}" if self.model else path


@dataclass(frozen=True)
class Order:
    """Units of one segment; ``apart`` does each by itself, to find which one ended a worker."""

    number: int
    segment: Segment
    units: tuple[Unit, ...]
    apart: bool = False

    @property
    def item(self) -> Item:
        return self.segment.item

    def steps(self) -> list[tuple[Unit, ...]]:
        """Return the steps in order: all units that see every frame, then stage by stage."""
        if self.apart:
            return [(unit,) for unit in self.units]
        streams = tuple(unit for unit in self.units if isinstance(unit.stage, StreamStage))
        others = [unit for unit in self.units if not isinstance(unit.stage, StreamStage)]
        stages = dict.fromkeys(unit.stage for unit in others)
        steps = [streams, *(tuple(unit for unit in others if unit.stage == stage) for stage in stages)]
        return [step for step in steps if step]

    def rest(self, units: Sequence[Unit]) -> Order:
        return dataclasses.replace(self, units=tuple(units), apart=True)


@dataclass(frozen=True)
class Ready:
    """A worker has opened its models."""


@dataclass(frozen=True)
class Began:
    """Work on these units has begun."""

    keys: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """An input failed, or a model on it."""

    path: str
    error: str


@dataclass(frozen=True)
class Said:
    """A line for the user."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Counting:
    """Counted work begins."""

    number: int
    title: str
    total: int | None
    unit: str


@dataclass(frozen=True)
class Counted:
    """Counted work has gone on, or ended."""

    number: int
    count: int
    last: bool = False


@dataclass(frozen=True)
class Finished:
    """The order is done, whatever failed in it."""


@dataclass(frozen=True)
class Raised:
    """An error that ends the run, with its traceback."""

    error: BaseException
    trace: str = ""


@dataclass(frozen=True)
class Lost:
    """A worker has ended unexpectedly."""

    why: str


Event = Ready | Began | Failed | Said | Counting | Counted | Finished | Raised | Lost
