"""Progress as a callback: what is done of which piece of work, and what the run says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vidrobust.pipeline.progress import Counter, Reporter


@dataclass(frozen=True)
class Progress:
    """A step of a run.

    title    of the piece of work, such as "clip: causes"
    done     units of it that are done, of ``total``; None where that is not known
    unit     what is counted: "frames", "pairs"
    message  what the run said, in place of a count, or empty
    """

    title: str = ""
    done: int = 0
    total: int | None = None
    unit: str = ""
    message: str = ""


class CallbackReporter(Reporter):
    """Tells a callback everything that a terminal would show; nothing is printed."""

    def __init__(self, callback: Callable[[Progress], None]) -> None:
        super().__init__(quiet=True)
        self._callback = callback

    def say(self, text: str) -> None:
        self._callback(Progress(message=text))

    def warn(self, text: str) -> None:
        self._callback(Progress(message=text))

    def begin(self, title: str, total: int | None, unit: str) -> Counter:
        return _EventCounter(title, total, unit, self._callback)


class _EventCounter(Counter):
    def __init__(
        self, title: str, total: int | None, unit: str, callback: Callable[[Progress], None]
    ) -> None:
        super().__init__(title, unit, None, None, total=total)
        self._callback = callback

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        self._callback(Progress(self.title, self.done, self.total, self.unit))
