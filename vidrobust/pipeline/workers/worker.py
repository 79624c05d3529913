"""Worker: does orders (the missing units of one segment) one after the other and reports what happens."""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vidrobust.errors import InputError, ModelError, SettingsError, no_exit
from vidrobust.files.atomic import disk_is_full
from vidrobust.footage.item import Item
from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.frames.device import resolve_or_cpu, trim_heap
from vidrobust.models.predict import Model, auto_batch, is_out_of_memory
from vidrobust.pipeline.deadline import Deadline, Pace
from vidrobust.pipeline.inputs import Segment, open_item
from vidrobust.pipeline.keys import reader_of_needed, unit_key
from vidrobust.pipeline.progress import Counter, Reporter
from vidrobust.pipeline.stage import (
    Context,
    FootageStage,
    Found,
    SampleStage,
    StreamStage,
    StreamWork,
    described_by,
)
from vidrobust.run_folder.settings import Settings
from vidrobust.run_folder.unit_cache import UnitCache
from vidrobust.text.numbers import duration
from vidrobust.text.printable import printable
from vidrobust.video.kept import KeptFrames
from vidrobust.video.source import VideoSource
from vidrobust.video.stream import prefetched


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
    of: int = 1  # orders there are in all

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
        steps = [
            streams,
            *(tuple(unit for unit in others if unit.stage == stage) for stage in stages),
        ]
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


Fail = Callable[[Order, str, str], None]  # wording (order, path, error) of what failed


_TOO_LARGE = "memory ran out; cut its pictures with --roi, take fewer at once with --batch, or give it more memory"


class Worker:
    """Does orders with a run's settings, models and cache.

    ``fail`` is called with (order, path, error), ``began`` with the keys of the units at work.
    """

    def __init__(
        self,
        settings: Settings,
        models: Mapping[str, Model],
        cache: UnitCache,
        reporter: Reporter,
        fail: Fail,
        began: Callable[[tuple[str, ...]], None] = lambda keys: None,
        deadline: Deadline | None = None,
    ) -> None:
        self.settings, self.models, self.cache = settings, models, cache
        self.reporter, self._fail, self._began = reporter, fail, began
        self._deadline = deadline

    def do(self, order: Order) -> None:
        """Make the units of an order; only SettingsError and a full disk are raised."""
        try:
            with (
                no_exit(f"{order.item.name}: a model, stage or metric of a plugin"),
                ExitStack() as stack,
            ):
                source: KeptFrames | None = None
                steps, deadline = order.steps(), self._deadline
                for number, step in enumerate(steps):
                    self._began(tuple(unit.key for unit in step))
                    if source is None or order.apart:
                        stack.close()
                        source = stack.enter_context(self._open(order.segment))
                    if isinstance(step[0].stage, StreamStage):
                        started = time.perf_counter()
                        frames = self._stream(order, source, step)
                        if deadline is not None:
                            looked_s = time.perf_counter() - started
                            deadline = deadline.before_later(looked_s * order.of, frames * order.of)
                    else:
                        later = [] if order.apart else steps[number + 1 :]
                        if deadline is None or deadline.left_s > 0:
                            source.keep(
                                self._asked_for(order, source, [step]),
                                self._asked_for(order, source, later),
                            )
                        had = {unit: unit.had(self.cache) for unit in step}
                        for have in dict.fromkeys(had.values()):
                            units = [unit for unit in step if had[unit] == have]
                            self._frames(order, source, units, have, deadline)
                    trim_heap()
        except SettingsError:
            raise
        except InputError as error:
            self._fail(order, printable(order.item.path), str(error))
        except Exception as error:
            # whatever a broken input brings about, the others are to be done
            if disk_is_full(error):
                raise
            path = printable(order.item.path)
            text = f"{path}: {_TOO_LARGE}"
            if not is_out_of_memory(error):
                text = f"{order.item.name}: {_where(error)}"
            self._fail(order, path, text)

    def _failed(self, order: Order, unit: Unit, error: ModelError) -> None:
        self._fail(order, unit.place, f"{unit.item.name}: {error}")

    def _open(self, segment: Segment) -> KeptFrames:
        return KeptFrames(open_item(segment.reads, self.settings, segment.origin))

    def _asked_for(
        self, order: Order, source: VideoSource, steps: Sequence[Sequence[Unit]]
    ) -> list[int]:
        units = [unit for step in steps for unit in step]
        asked: dict[tuple[SampleStage, int, int], list[str]] = {}
        for unit in units:
            if isinstance(unit.stage, SampleStage):
                asked.setdefault((unit.stage, unit.count, unit.had(self.cache)), []).append(
                    unit.model
                )
        frames: set[int] = set()
        for (stage, count, have), models in asked.items():
            context = self._context(stage, order.segment, source, lambda _: None)
            context = dataclasses.replace(context, count=count, have=have, models=models)
            frames |= set(stage.frames_needed(context))
        return sorted(frames)

    def _context(
        self,
        stage: FootageStage,
        segment: Segment,
        source: VideoSource,
        advance: Callable[[int], None],
    ) -> Context:
        item, described = segment.item, described_by(stage)
        key = unit_key(described, item, segment.content, self.settings, None)
        transitions = None
        if self.cache.has(described, key):
            transitions = self.cache.read(described, key, described.unit_tables[0], item.name)
        return Context(
            item=item,
            content=segment.content,
            number=segment.number,
            pieces=segment.pieces,
            origin=segment.origin,
            settings=self.settings,
            info=source.info,
            transitions=transitions,
            advance=advance,
            read=reader_of_needed(self.cache, stage, segment, self.settings, self.models),
        )

    def _stream(self, order: Order, source: VideoSource, units: Sequence[Unit]) -> int:
        """Show every frame to the works of ``units``; return how many there were."""
        name = order.item.name
        size = self.settings.batch_size
        if size == "auto":
            device, _ = resolve_or_cpu(self.settings.device)
            size = auto_batch(source.info.height, source.info.width, device)
        watcher = PairWatcher()
        # the next batch is looked at while the models look at this one
        watched = prefetched(lambda: ((b, watcher.feed(b)) for b in source.batches(size)), 1)
        started = time.perf_counter()
        works: dict[Unit, StreamWork] = {}
        with ExitStack() as stack:
            counter = stack.enter_context(
                self.reporter.counting(name, source.info.num_frames, "frames")
            )
            context = self._context(units[0].stage, order.segment, source, counter.advance)
            for unit in units:
                assert isinstance(unit.stage, StreamStage)
                works[unit] = unit.stage.work(
                    context, self.models[unit.model] if unit.model else None
                )
            beside = stack.enter_context(ThreadPoolExecutor(1))
            without = [works[unit] for unit in works if not unit.model]
            pace, is_late = Pace(source.info.num_frames or 0), False
            for batch, transitions in stack.enter_context(closing(watched)):
                fed = [beside.submit(work.feed, batch, transitions) for work in without]
                for unit in [unit for unit in works if unit.model]:
                    try:
                        works[unit].feed(batch, transitions)
                    except ModelError as error:
                        self._failed(order, unit, error)
                        del works[unit]
                for future in fed:
                    future.result()
                counter.advance(len(batch))
                is_late = is_late or self._says_late(order, counter, pace)
        for problem in source.problems:
            self.reporter.warn(f"{name}: {problem}")
        seconds = (time.perf_counter() - started) / max(len(works), 1)
        for unit, work in works.items():
            try:
                made, facts = work.finish(source)
            except ModelError as error:
                self._failed(order, unit, error)
            else:
                self.cache.write(
                    unit.stage, unit.key, made, {**facts, "seconds": round(seconds, 3)}
                )
        return counter.done

    def _says_late(self, order: Order, counter: Counter, pace: Pace) -> bool:
        """Say, as soon as it shows, that seeing the frames leaves no time for pairs."""
        to_come_s = pace.left_s(counter.done)
        if self._deadline is None or to_come_s <= 0:
            return False
        looked_s = time.perf_counter() - counter.started + to_come_s
        pairs = self._deadline.before_later(looked_s * order.of, pace.frames * order.of)
        is_late = to_come_s > pairs.left_s
        if is_late:
            name, budget = order.item.name, self._deadline.budget
            self.reporter.say(
                f"{name}: {budget}: no time for pairs; its frames take {duration(looked_s)}"
            )
        return is_late

    def _frames(
        self,
        order: Order,
        source: VideoSource,
        units: Sequence[Unit],
        have: int,
        deadline: Deadline | None,
    ) -> None:
        stage, name = units[0].stage, order.item.name
        assert isinstance(stage, SampleStage)
        most = max(unit.count for unit in units)
        total = round((most - have) * stage.steps(self.settings))
        sizes: Iterable[int] = (most,)
        if deadline is not None:
            budget, to_come = deadline.budget, order.of - order.number

            def tell(fits: int) -> None:
                self.reporter.say(f"{name}: {budget}: time for {fits} of {most} {stage.step}")

            share = deadline.part(-(-to_come // (self.settings.workers or 1)))
            sizes = share.sizes(have, most, tell)
        with self.reporter.counting(f"{name}: {stage.name}", total, stage.step) as counter:
            for size in sizes:
                self._grow(order, source, units, have, size, counter)
                # a model that failed is not asked again
                units = [unit for unit in units if unit.had(self.cache) == size]
                have = size

    def _grow(
        self,
        order: Order,
        source: VideoSource,
        units: Sequence[Unit],
        have: int,
        count: int,
        counter: Counter,
    ) -> None:
        """Make the sample of a segment from ``have`` to ``count``, and keep it in the cache."""
        stage, name = units[0].stage, order.item.name
        assert isinstance(stage, SampleStage)
        started = time.perf_counter()
        context = self._context(stage, order.segment, source, counter.advance)
        context = dataclasses.replace(
            context, count=count, have=have, models=[u.model for u in units]
        )
        try:
            results: dict[str, Found] = dict(
                stage.work(context, source, [self.models[u.model] for u in units])
            )
        except ModelError:
            results = {}
            for unit in units:
                try:
                    alone = dataclasses.replace(context, models=[unit.model])
                    results.update(stage.work(alone, source, [self.models[unit.model]]))
                except ModelError as error:
                    self._failed(order, unit, error)
        seconds = (time.perf_counter() - started) / len(units)
        for unit in units:
            if unit.model in results:
                rows, facts = results[unit.model]
                took = seconds
                if have:
                    before = {
                        table: self.cache.read(stage, unit.key, table, name)
                        for table in stage.unit_tables
                    }
                    rows = {
                        table: pd.concat([before[table], rows[table]], ignore_index=True)
                        for table in stage.unit_tables
                    }
                    took += float(self.cache.facts(stage, unit.key).get("seconds", 0.0))
                summary = {**facts, "count": count, "seconds": round(took, 3)}
                self.cache.write(stage, unit.key, rows, summary)


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return f"{type(error).__name__}: {error} (in {place}; this is a fault of vidrobust, please report it)"
