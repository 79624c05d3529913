"""Give orders to a pool of workers, and those of a lost worker to another one.

queue ──give──▶ worker 1 ──Began, Failed, Finished──▶ shown
  ▲             worker 2 ──Lost──▶ one more try for each unit that was at work
  └──────────── the rest of its order, unit by unit
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import Counter as Counts
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol, cast

from vidrobust.errors import SettingsError, VidrobustError
from vidrobust.files.atomic import disk_is_full
from vidrobust.frames.device import tune_process
from vidrobust.pipeline.interrupts import later, unheard
from vidrobust.pipeline.progress import Counter, Reporter
from vidrobust.pipeline.run import Setup
from vidrobust.pipeline.workers.worker import (
    Began,
    Counted,
    Counting,
    Event,
    Failed,
    Finished,
    Lost,
    Order,
    Raised,
    Ready,
    Said,
    Worker,
)
from vidrobust.run_folder.unit_cache import UnitCache

EVERY_S = 0.25  # progress is reported no more often than this


class EventReporter(Reporter):
    def __init__(self, send: Callable[[Event], None], *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._send = send
        self._numbers = itertools.count()

    def say(self, text: str) -> None:
        if not self.quiet:
            self._send(Said(text))

    def warn(self, text: str) -> None:
        self._send(Said(text, warning=True))

    def begin(self, title: str, total: int | None, unit: str) -> Counter:
        number = next(self._numbers)
        self._send(Counting(number, title, total, unit))
        return _EventCounter(number, title, unit, self._send)


class _EventCounter(Counter):
    def __init__(self, number: int, title: str, unit: str, send: Callable[[Event], None]) -> None:
        super().__init__(title, unit, None, None)
        self._number, self._send = number, send
        self._reported, self._when = 0, time.monotonic()

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        if time.monotonic() - self._when > EVERY_S:
            self._pass_on(last=False)

    def close(self) -> None:
        self._pass_on(last=True)

    def _pass_on(self, *, last: bool) -> None:
        self._send(Counted(self._number, self.done - self._reported, last))
        self._reported, self._when = self.done, time.monotonic()


def opened_worker(setup: Setup, send: Callable[[Event], None]) -> Worker:
    return Worker(
        setup.settings,
        setup.opened(),
        setup.cache,
        EventReporter(send, quiet=setup.quiet),
        lambda order, path, error: send(Failed(path, error)),
        lambda keys: send(Began(keys)),
        setup.deadline,
    )


def raised(error: Exception) -> Raised:
    """Return an error that ends the run as a message."""
    if isinstance(error, VidrobustError) or disk_is_full(error):
        return Raised(error)
    return Raised(RuntimeError(f"{type(error).__name__}: {error}"), traceback.format_exc())


class Board:
    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._counters: dict[int, Counter] = {}

    def show(self, event: Said | Counting | Counted) -> None:
        if isinstance(event, Said):
            (self._reporter.warn if event.warning else self._reporter.say)(event.text)
        elif isinstance(event, Counting):
            self._counters[event.number] = self._reporter.begin(
                event.title, event.total, event.unit
            )
        else:
            self._counters[event.number].advance(event.count)
            if event.last:
                self._reporter.end(self._counters.pop(event.number))

    def clear(self) -> None:
        for counter in self._counters.values():
            self._reporter.end(counter, lost=True)
        self._counters.clear()


# A unit is begun no more often than this; a worker that is lost before it is ready is replaced as often.
TRIES = 3


class Pool(Protocol):
    """Workers somewhere; a slot is any object that stands for one."""

    size: int

    def start(self) -> Any:
        """Start a worker; it sends Ready, Raised or Lost."""

    def give(self, slot: Any, order: Order) -> None:
        """Give an order to an idle worker; it ends with Finished, Raised or Lost."""

    def wait(self) -> list[tuple[Any, Event]]:
        """Block until a worker has sent something."""

    def close(self) -> None:
        """End every worker and free what the pool holds."""


@dataclass
class _Slot:
    board: Board
    ready: bool = False
    order: Order | None = None
    at_work: tuple[str, ...] = ()


@dataclass
class Dispatcher:
    pool: Pool
    cache: UnitCache
    reporter: Reporter
    fail: Callable[[Order, str, str], None]  # called with (order, path, error) of each failure
    # Tells whether the input of an order has failed, so that the order is dropped.
    failed: Callable[[Order], bool]
    _slots: dict[Any, _Slot] = field(default_factory=dict)
    _tries: Counts[str] = field(default_factory=Counts)
    _lost_early: int = 0

    def carry_out(self, orders: Sequence[Order]) -> None:
        """Do all orders; raises what a worker raised, or SettingsError if workers end before they begin."""
        queue = deque(orders)
        size = min(self.pool.size, len(queue))
        with self.reporter.counting(f"{size} workers", len(queue), "segments") as counter:
            try:
                while self._assign(queue, size):
                    for slot, event in self.pool.wait():
                        if slot in self._slots:
                            self._take(slot, event, queue, counter.advance)
            finally:
                for state in self._slots.values():
                    state.board.clear()
                self.pool.close()

    def _assign(self, queue: deque[Order], size: int) -> bool:
        for slot, state in self._slots.items():
            while queue and state.ready and state.order is None:
                order = queue.popleft()
                if not self.failed(order):
                    state.order, state.at_work = order, ()
                    self.pool.give(slot, order)
        busy = sum(state.order is not None for state in self._slots.values())
        while len(self._slots) < min(size, busy + len(queue)):
            self._slots[self.pool.start()] = _Slot(Board(self.reporter))
        return bool(busy or queue)

    def _take(
        self, slot: Any, event: Event, queue: deque[Order], done: Callable[[int], None]
    ) -> None:
        state = self._slots[slot]
        match event:
            case Ready():
                state.ready, self._lost_early = True, 0
            case Began(keys):
                state.at_work = keys
            case Failed(path, error) if state.order is not None:
                self.fail(state.order, path, error)
            case Said() | Counting() | Counted():
                state.board.show(event)
            case Finished():
                state.order = None
                done(1)
            case Raised(error, trace):
                if trace:
                    error.add_note(trace)
                raise error
            case Lost(why):
                state.board.clear()
                del self._slots[slot]
                self._again(state, why, queue, done)

    def _again(
        self, state: _Slot, why: str, queue: deque[Order], done: Callable[[int], None]
    ) -> None:
        if state.order is None:
            self._lost_early += not state.ready
            if self._lost_early >= TRIES:
                raise SettingsError(
                    f"workers end before they have begun ({why}); see what they said above"
                )
            return
        order = state.order
        left = [unit for unit in order.units if not unit.done(self.cache)]
        at_work = set(state.at_work) or {unit.key for unit in left}
        self._tries.update(unit.key for unit in left if unit.key in at_work)
        self.reporter.warn(
            f"{order.item.name}: a worker was lost ({why}); its unfinished work is done again"
        )
        given_up = [unit for unit in left if self._tries[unit.key] >= TRIES]
        for unit in given_up:
            of_model = f" with {unit.model}" if unit.model else ""
            self.fail(
                order,
                unit.place,
                f"{unit.item.name}: {unit.stage.name}{of_model}: its worker was lost {TRIES} times (last: {why})",
            )
        rest = [unit for unit in left if unit not in given_up]
        if rest and not self.failed(order):
            queue.appendleft(order.rest(rest))
        else:
            done(1)


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Processes:
    """A number of processes that get orders over a pipe each."""

    def __init__(self, setup: Setup, size: int) -> None:
        self.setup, self.size = setup, size
        self._context = multiprocessing.get_context("spawn")
        self._pipes: dict[Connection, SpawnProcess] = {}

    def start(self) -> Connection:
        with unheard():
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=work, args=(theirs, self.setup), daemon=True)
            with _as_child(self.setup.threads):
                process.start()
            theirs.close()
            self._pipes[ours] = process
        return ours

    def give(self, slot: Connection, order: Order) -> None:
        with suppress(OSError):  # gone: ``wait`` reports it
            slot.send(order)

    def wait(self) -> list[tuple[Any, Event]]:
        events: list[tuple[Any, Event]] = []
        for ready in wait(list(self._pipes)):
            pipe = cast(Connection, ready)
            try:
                events.append((pipe, pipe.recv()))
            except (EOFError, OSError):
                events.append((pipe, Lost(self._end_of(pipe))))
        return events

    def _end_of(self, pipe: Connection) -> str:
        process = self._pipes.pop(pipe)
        pipe.close()
        process.join(10)
        code = process.exitcode
        if code is not None and code < 0:
            return f"process {process.pid} was ended by {_signal(-code)}"
        return f"process {process.pid} ended with code {code}"

    def close(self) -> None:
        with later():
            for process in self._pipes.values():
                process.kill()
            for pipe, process in self._pipes.items():
                process.join()
                pipe.close()
            self._pipes.clear()


@contextmanager
def _as_child(threads: int) -> Iterator[None]:
    main = sys.modules["__main__"]
    names: tuple[str, ...] = ("__file__", "__spec__")
    kept = {name: vars(main).pop(name) for name in names if name in vars(main)}
    main.__spec__ = None
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    try:
        yield
    finally:
        vars(main).update(kept)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def work(pipe: Connection, setup: Setup) -> None:
    tune_process()
    # where it could not be started without hearing Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError):
        try:
            worker = opened_worker(setup, pipe.send)
            pipe.send(Ready())
            while True:
                worker.do(pipe.recv())
                pipe.send(Finished())
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:
            pipe.send(raised(error))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        sys.stderr.flush()
        os._exit(1)
