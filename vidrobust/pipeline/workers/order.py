"""Order: the missing units of one segment, which one decoding feeds; and what a worker reports meanwhile."""

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
    """One stage on one segment of an item, with one model or none ("", ""); the key says whether it is done.

    count  of a stage that works on a sample: how many frames or pairs; a part that holds more of them will do
    """

    stage: FootageStage
    segment: Segment
    model: str
    task: str
    key: str
    count: int = 0

    def done(self, cache: UnitCache) -> bool:
        """Whether its part is there, and holds enough."""
        return cache.has(self.stage, self.key) and self.had(cache) >= self.count

    def had(self, cache: UnitCache) -> int:
        """How many frames or pairs its part holds; 0 where there is none."""
        if not isinstance(self.stage, SampleStage) or not cache.has(self.stage, self.key):
            return 0
        return int(cache.facts(self.stage, self.key)["count"])

    @property
    def item(self) -> Item:
        """The item it belongs to, or the stretch of it."""
        return self.segment.item

    @property
    def name(self) -> tuple[str, str, int]:
        """Item, model or "", and segment."""
        return self.item.name, self.model, self.segment.number

    @property
    def place(self) -> str:
        """Where a failure of it is: its file, and the model that failed on it."""
        path = printable(self.item.path)
        return f"{path} with {self.model}" if self.model else path


@dataclass(frozen=True)
class Order:
    """Units of one segment.

    number  its place among all orders
    apart   each unit is done by itself, the segment decoded anew: a worker was lost, and which of them did it
            has to be found out
    """

    number: int
    segment: Segment
    units: tuple[Unit, ...]
    apart: bool = False

    @property
    def item(self) -> Item:
        return self.segment.item

    def steps(self) -> list[tuple[Unit, ...]]:
        """What is done together, in order: everything that sees each frame, then stage by stage; or one by one."""
        if self.apart:
            return [(unit,) for unit in self.units]
        streams = tuple(unit for unit in self.units if isinstance(unit.stage, StreamStage))
        others = [unit for unit in self.units if not isinstance(unit.stage, StreamStage)]
        stages = dict.fromkeys(unit.stage for unit in others)
        steps = [streams, *(tuple(unit for unit in others if unit.stage == stage) for stage in stages)]
        return [step for step in steps if step]

    def rest(self, units: Sequence[Unit]) -> Order:
        """These units of it, once more and apart."""
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
    """An input, or a model on it, failed: the path, and why."""

    path: str
    error: str


@dataclass(frozen=True)
class Said:
    """A line for the user."""

    text: str
    warning: bool = False


@dataclass(frozen=True)
class Counting:
    """A piece of work begins that is counted."""

    number: int
    title: str
    total: int | None
    unit: str


@dataclass(frozen=True)
class Counted:
    """So much more of it is done; last: it is over."""

    number: int
    count: int
    last: bool = False


@dataclass(frozen=True)
class Finished:
    """The order is done, whatever failed in it."""


@dataclass(frozen=True)
class Raised:
    """Something that ends the run, with its traceback in words."""

    error: BaseException
    trace: str = ""


@dataclass(frozen=True)
class Lost:
    """A worker is gone: how."""

    why: str


Event = Ready | Began | Failed | Said | Counting | Counted | Finished | Raised | Lost
