"""Orders are given to a crew of workers; those of a worker that is lost are given again, some times.

    queue ──give──▶ worker 1 ──Began, Failed, Finished──▶ told
      ▲             worker 2 ──Lost──▶ which units were at work? one try more for each
      └──────────── what is left of its order, unit by unit

Where a crew works (processes of this machine, actors of a cluster) is all that differs between executors.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from vidrobust.errors import SettingsError
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.workers.order import (
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
    Unit,
)
from vidrobust.pipeline.workers.telling import Board
from vidrobust.run_folder.unit_cache import Parts

TRIES = 3
"""A unit is begun no more often than this; a worker that is lost before it is ready is replaced as often."""


class Crew(Protocol):
    """Workers somewhere. A hand is any object by which the crew knows one of them."""

    size: int

    def start(self) -> Any:
        """A new worker begins to open its models; it tells Ready, Raised or Lost."""

    def give(self, hand: Any, order: Order) -> None:
        """An idle worker begins; it tells Finished, Raised or Lost in the end."""

    def wait(self) -> list[tuple[Any, Event]]:
        """Blocks until at least one worker has told something."""

    def close(self) -> None:
        """End all workers at once, whatever they do."""


@dataclass
class _Post:
    """What is known of one worker."""

    board: Board
    ready: bool = False
    order: Order | None = None
    at_work: tuple[str, ...] = ()


@dataclass
class Dispatcher:
    """Gives orders to a crew until all are done.

    fail    told (order, path, error) of each failure
    failed  whether the item of an order has failed, so that there is no more to do of it
    """

    crew: Crew
    parts: Parts
    reporter: Reporter
    fail: Callable[[Order, str, str], None]
    failed: Callable[[Order], bool]
    _posts: dict[Any, _Post] = field(default_factory=dict)
    _tries: Counts[str] = field(default_factory=Counts)
    _lost_early: int = 0

    def carry_out(self, orders: Sequence[Order]) -> None:
        """Raises what a worker raised; SettingsError where workers are lost before they are ready."""
        queue = deque(orders)
        size = min(self.crew.size, len(queue))
        with self.reporter.counting(f"{size} workers", len(queue), "segments") as counter:
            try:
                while self._man(queue, size):
                    for hand, event in self.crew.wait():
                        if hand in self._posts:
                            self._take(hand, event, queue, counter.advance)
            finally:
                for post in self._posts.values():
                    post.board.clear()
                self.crew.close()

    def _man(self, queue: deque[Order], size: int) -> bool:
        """Give orders to those that are ready, have as many workers as orders, and say whether any is left."""
        for hand, post in self._posts.items():
            while queue and post.ready and post.order is None:
                order = queue.popleft()
                if not self.failed(order):
                    post.order, post.at_work = order, ()
                    self.crew.give(hand, order)
        busy = sum(post.order is not None for post in self._posts.values())
        while len(self._posts) < min(size, busy + len(queue)):
            self._posts[self.crew.start()] = _Post(Board(self.reporter))
        return bool(busy or queue)

    def _take(self, hand: Any, event: Event, queue: deque[Order], done: Callable[[int], None]) -> None:
        post = self._posts[hand]
        match event:
            case Ready():
                post.ready, self._lost_early = True, 0
            case Began(keys):
                post.at_work = keys
            case Failed(path, error) if post.order is not None:
                self.fail(post.order, path, error)
            case Said() | Counting() | Counted():
                post.board.show(event)
            case Finished():
                post.order = None
                done(1)
            case Raised(error, trace):
                if trace:
                    error.add_note(trace)
                raise error
            case Lost(why):
                post.board.clear()
                del self._posts[hand]
                self._again(post, why, queue, done)

    def _again(self, post: _Post, why: str, queue: deque[Order], done: Callable[[int], None]) -> None:
        """What is left of the order of a lost worker; units that were at work have had one try more."""
        if post.order is None:
            self._lost_early += not post.ready
            if self._lost_early >= TRIES:
                raise SettingsError(f"workers end before they have begun ({why}); see what they said above")
            return
        order = post.order
        left = [unit for unit in order.units if not unit.done(self.parts)]
        at_work = set(post.at_work) or {unit.key for unit in left}
        self._tries.update(unit.key for unit in left if unit.key in at_work)
        self.reporter.warn(
            f"{order.item.name}: a worker was lost ({why}); what it had not done is done again"
        )
        given_up = [unit for unit in left if self._tries[unit.key] >= TRIES]
        for unit in given_up:
            self.fail(order, unit.place, _given_up(unit, why))
        rest = [unit for unit in left if unit not in given_up]
        if rest and not self.failed(order):
            queue.appendleft(order.rest(rest))
        else:
            done(1)


def _given_up(unit: Unit, why: str) -> str:
    of_model = f" with {unit.model}" if unit.model else ""
    return f"{unit.item.name}: {unit.stage.name}{of_model}: its worker was lost {TRIES} times (last: {why})"
