"""Bars and lines from one process to another: a reporter that sends events, and one that shows them."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable

from vidrobust.errors import VidrobustError
from vidrobust.files.atomic import disk_is_full
from vidrobust.pipeline.progress import Counter, Reporter
from vidrobust.pipeline.setup import Setup
from vidrobust.pipeline.workers.order import Began, Counted, Counting, Event, Failed, Raised, Said
from vidrobust.pipeline.workers.worker import Worker

EVERY_S = 0.25
"""Progress is reported no more often than this."""


class EventReporter(Reporter):
    """In a worker: everything is reported to who gave the order."""

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
    """A worker with its models open that reports all that happens."""
    return Worker(
        setup.settings,
        setup.opened(),
        setup.cache,
        EventReporter(send, quiet=setup.quiet),
        lambda order, path, error: send(Failed(path, error)),
        lambda keys: send(Began(keys)),
    )


def raised(error: Exception) -> Raised:
    """An error that ends the run, as it can travel."""
    if isinstance(error, VidrobustError) or disk_is_full(error):
        return Raised(error)
    return Raised(RuntimeError(f"{type(error).__name__}: {error}"), traceback.format_exc())


class Board:
    """Where the bars of one worker stand among those of the others."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._counters: dict[int, Counter] = {}

    def show(self, event: Said | Counting | Counted) -> None:
        if isinstance(event, Said):
            (self._reporter.warn if event.warning else self._reporter.say)(event.text)
        elif isinstance(event, Counting):
            self._counters[event.number] = self._reporter.begin(event.title, event.total, event.unit)
        else:
            self._counters[event.number].advance(event.count)
            if event.last:
                self._reporter.end(self._counters.pop(event.number))

    def clear(self) -> None:
        """The worker is gone, and its bars with it."""
        for counter in self._counters.values():
            self._reporter.end(counter, lost=True)
        self._counters.clear()
