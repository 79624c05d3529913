"""A time by which a sample is made: it grows round by round until the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

FIRST = 2  # pairs of an input in the first round, which shows how long the others take
# A round makes a sample so many times as large at most: the pace may change while it is made.
GROWTH = 4
# Seconds of a budget that are kept for tables, answer and page, about; and how long pictures of moments and the same
# frames asked again take for a second in which the models saw all frames, or so many of them where there are more.
REST_S, LATER, MOST_LATER = 9.0, 2.0, 500
SETTLED = 16  # frames after which a model's pace is that of the others: the first ones take longer


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """When a command is to end, by the wall clock, which all workers of a machine share."""

    budget: str  # as it was asked for
    ends_s: float
    clock: Callable[[], float] = time.time

    @property
    def left_s(self) -> float:
        """Return the seconds left, without those that tables and page take."""
        return self.ends_s - REST_S - self.clock()

    def before_later(self, looked_s: float, frames: int) -> Deadline:
        """Return the deadline of pairs where the models saw ``frames`` frames, all there are, in so many seconds."""
        later_s = LATER * looked_s * min(1.0, MOST_LATER / max(frames, 1))
        return replace(self, ends_s=self.ends_s - later_s)

    def part(self, among: int) -> Deadline:
        """Return the deadline of the next one of so many that share the time left."""
        if among == 1 or self.left_s <= 0:
            return self
        return replace(self, ends_s=self.ends_s - self.left_s * (1 - 1 / among))

    def sizes(self, have: int, most: int, tell: Callable[[int], None]) -> Iterator[int]:
        """Yield the sizes to which a sample of ``have`` grows, up to ``most``; it is made between them.

        ``tell`` is called once, with the size that there is time for: at once where the time is over, else after
        the first round.
        """
        if self.left_s <= 0:
            tell(have)
            return
        made, size = have, min(most, have + FIRST)
        while size > made:
            began_s = self.clock()
            yield size
            pair_s = (self.clock() - began_s) / (size - made)
            fits = min(most, size + max(0, int(self.left_s / max(pair_s, 1e-9))))
            if made == have:
                tell(fits)
            made, size = size, min(fits, GROWTH * size)


class Pace:
    """How long a model takes for the frames to come, by those it has seen after the first ``SETTLED``."""

    def __init__(self, frames: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self.frames, self._clock = frames, clock
        self._since: tuple[int, float] | None = None

    def left_s(self, done: int) -> float:
        """Return the seconds that all frames but ``done`` take; 0 where that is not known yet."""
        now_s = self._clock()
        if self._since is None:
            if done >= SETTLED:
                self._since = done, now_s
            return 0.0
        since, since_s = self._since
        return (now_s - since_s) / (done - since) * (self.frames - done)
