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
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Counter:
    """Counts what is done of one piece of work."""

    def __init__(self, progress: Progress | None, task: int | None) -> None:
        self.done = 0
        self._progress, self._task = progress, task

    def advance(self, count: int = 1) -> None:
        self.done += count
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=count)  # type: ignore[arg-type]


class Reporter:
    """Progress and messages of a run; ``quiet`` keeps only warnings and errors."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        self.console.print(text, markup=False, style="yellow" if self.console.is_terminal else None)

    @contextmanager
    def counting(self, title: str, total: int | None, unit: str) -> Iterator[Counter]:
        """A bar with the rate and the time left, or one line at the end where there is no terminal."""
        started = time.perf_counter()
        if self.console.is_terminal and not self.quiet:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(unit),
                TimeRemainingColumn(),
            )
            with Progress(*columns, console=self.console, transient=True) as progress:
                counter = Counter(progress, progress.add_task(title, total=total))
                yield counter
        else:
            counter = Counter(None, None)
            yield counter
        seconds = max(time.perf_counter() - started, 1e-9)
        self.say(f"{title}: {counter.done} {unit} in {seconds:.1f} s ({counter.done / seconds:.1f} {unit}/s)")


def duration(seconds: float) -> str:
    """Seconds in words: 80 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f} {self.unit}/s")
