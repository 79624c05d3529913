"""What a run says while it works: bars in a terminal, plain lines elsewhere, all on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vidrobust.pipeline.interrupts import remind


class Counter:
    """Counts what is done of one piece of work."""

    def __init__(self, title: str, unit: str, progress: Progress | None, task: TaskID | None) -> None:
        self.title, self.unit, self.done = title, unit, 0
        self.started = time.perf_counter()
        self._progress, self._task = progress, task

    def advance(self, count: int = 1) -> None:
        """So much more is done; KeyboardInterrupt where Ctrl-C was pressed and not acted on."""
        remind()
        self.done += count
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=count)

    def close(self) -> None:
        """Take the bar away."""
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


class Reporter:
    """Progress and messages of a run; ``quiet`` keeps only warnings and errors."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None

    def say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        self.console.print(text, markup=False, style="yellow" if self.console.is_terminal else None)

    @contextmanager
    def counting(self, title: str, total: int | None, unit: str) -> Iterator[Counter]:
        """A bar with the rate and the time left, or one line at the end where there is no terminal."""
        counter = self.begin(title, total, unit)
        try:
            yield counter
        finally:
            self.end(counter)
        seconds = max(time.perf_counter() - counter.started, 1e-9)
        self.say(f"{title}: {counter.done} {unit} in {seconds:.1f} s ({counter.done / seconds:.1f} {unit}/s)")

    def begin(self, title: str, total: int | None, unit: str) -> Counter:
        """A bar below those that are there; ``end`` takes it away."""
        if self.quiet or not self.console.is_terminal:
            return Counter(title, unit, None, None)
        if self._progress is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self.console, transient=True)
            self._progress.start()
        return Counter(title, unit, self._progress, self._progress.add_task(title, total=total, unit=unit))

    def end(self, counter: Counter) -> None:
        """Its bar is gone; with the last one the room for bars."""
        counter.close()
        if self._progress is not None and not self._progress.tasks:
            self._progress.stop()
            self._progress = None


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f} {task.fields['unit']}/s")
