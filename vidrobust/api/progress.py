"""Progress as a callback: what is done of which piece of work, and what the run says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from vidrobust.pipeline.progress import WHOLE, Counter, Reporter
from vidrobust.pipeline.whole import TABLES


@dataclass(frozen=True)
class Progress:
    """A step of a run.

    title    of the piece of work, such as "clip: causes"
    done     units of it that are done, of ``total``; None where that is not known
    unit     what is counted: "frames", "pairs"
    message  what the run said, in place of a count, or empty
    share    of the whole study that is done, 0 to 1, as the console has it; None where no footage is ahead
    left_s   seconds until the study is done, by the pace so far; None where ``share`` is
    """

    title: str = ""
    done: int = 0
    total: int | None = None
    unit: str = ""
    message: str = ""
    share: float | None = None
    left_s: float | None = None


class CallbackReporter(Reporter):
    """Tells a callback everything that a terminal would show; nothing is printed."""

    def __init__(self, callback: Callable[[Progress], None]) -> None:
        super().__init__(quiet=True)
        self._callback = callback

    def say(self, text: str) -> None:
        self._emit(Progress(message=text))

    def warn(self, text: str) -> None:
        self._emit(Progress(message=text))

    @property
    def foresees(self) -> bool:
        return True

    def moved(self, unit: str, count: int = 1) -> None:
        """Steps that no counter counts one by one, the stages that read tables, are events of their own."""
        if self._whole is not None and self._whole.advance(unit, count) and unit == TABLES:
            self._emit(Progress(title=WHOLE))

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        """Report nothing: a callback is called by the thread that called ``study``, and by no other."""
        yield

    def begin(self, title: str, total: int | None, unit: str) -> Counter:
        return _EventCounter(title, total, unit, self._emit, self.moved)

    def _emit(self, step: Progress) -> None:
        if self._whole is not None:
            step = replace(step, share=self._whole.share, left_s=self._whole.left_s())
        self._callback(step)


class _EventCounter(Counter):
    def __init__(
        self,
        title: str,
        total: int | None,
        unit: str,
        emit: Callable[[Progress], None],
        moved: Callable[[str, int], None],
    ) -> None:
        super().__init__(title, unit, None, None, moved, total)
        self._emit = emit

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        self._emit(Progress(self.title, self.done, self.total, self.unit))
