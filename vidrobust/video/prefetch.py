"""A few things made ahead on a thread, never more, and nothing left running or open afterwards."""

from __future__ import annotations

from collections.abc import Callable, Generator
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


def prefetched(make: Callable[[], Generator[T]], depth: int) -> Generator[T]:
    """What ``make()`` yields, made on one thread of its own, at most ``depth`` items ahead.

    The item in the making counts as one, the one in the caller's hands does not. The generator is started,
    run and closed on that thread. Its exception reaches the caller where the next item would have come.
    Closing this generator, or leaving its loop by an exception, stops the thread and waits for it.
    """
    worker = _Worker(make, depth)
    worker.start()
    try:
        while (made := worker.queue.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            worker.slots.release()
            yield made
            del made  # or the caller's item would be held while it waits for the next one
    finally:
        worker.stop()


class _Worker(Thread, Generic[T]):
    """Fills ``queue``; None says that there is no more."""

    def __init__(self, make: Callable[[], Generator[T]], depth: int) -> None:
        super().__init__(name="vidrobust-prefetch", daemon=True)
        self.queue: SimpleQueue[T | BaseException | None] = SimpleQueue()
        self.slots = Semaphore(depth)
        self._make = make
        self._stopped = Event()

    def run(self) -> None:
        try:
            items = self._make()
            try:
                while self.slots.acquire() and not self._stopped.is_set():
                    item = next(items, None)
                    self.queue.put(item)
                    if item is None:
                        return
                    del item
            finally:
                items.close()
        except BaseException as error:
            self.queue.put(error)

    def stop(self) -> None:
        self._stopped.set()
        self.slots.release()
        self.join()
