"""Progress and messages on standard error: bars in a terminal, else plain lines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from vidrobust.pipeline.interrupts import remind
from vidrobust.text.numbers import duration
from vidrobust.text.printable import shown

# share of the work after which the pace so far counts for as much as the estimate did
TRUSTED = 0.05
TABLES = "tables"  # the unit of the stages that read tables, whose steps nobody counts one by one


@dataclass
class Whole:
    step_s: Mapping[str, float]  # expected seconds per step by unit ("frames", "pairs", ...)
    steps: Mapping[str, int]  # steps ahead of each unit
    started: float = field(default_factory=time.perf_counter)
    _done: dict[str, int] = field(default_factory=dict)
    _fewer: dict[str, int] = field(default_factory=dict)

    def advance(self, unit: str, count: int) -> bool:
        if unit not in self.step_s:
            return False
        self._done[unit] = self._done.get(unit, 0) + count
        return True

    def fewer(self, unit: str, count: int) -> None:
        """Note that foreseen steps do not exist, as in short clips."""
        self._fewer[unit] = self._fewer.get(unit, 0) + max(0, count)

    def more(self, unit: str, count: int) -> None:
        self.steps = {**self.steps, unit: self.steps.get(unit, 0) + count}

    @property
    def total_s(self) -> float:
        return sum(self.step_s[unit] * self._known(unit) for unit in self.step_s)

    @property
    def done_s(self) -> float:
        return sum(
            self.step_s[unit] * min(done, self._known(unit)) for unit, done in self._done.items()
        )

    def _known(self, unit: str) -> int:
        return max(0, self.steps[unit] - self._fewer.get(unit, 0))

    @property
    def share(self) -> float:
        return min(1.0, self.done_s / max(self.total_s, 1e-9))

    def left_s(self, now: float | None = None) -> float:
        """Return the seconds left by the pace so far; the estimate weighs as ``TRUSTED`` of the work."""
        passed = (time.perf_counter() if now is None else now) - self.started
        trusted = TRUSTED * self.total_s
        pace = (passed + trusted) / max(self.done_s + trusted, 1e-9)
        return max(0.0, self.total_s - self.done_s) * pace


SAID_EVERY_S = 30.0  # where there is no terminal, the time that is left is said this often
# Where there is no terminal, work that nobody counts is mentioned whenever nothing was said for so long.
SILENT_S = 4.5
WHOLE = "the whole study"  # the title of the bar above all others


class Counter:
    def __init__(
        self,
        title: str,
        unit: str,
        progress: Progress | None,
        task: TaskID | None,
        moved: Callable[[str, int], None] | None = None,
        total: int | None = None,
    ) -> None:
        self.title, self.unit, self.done, self.total = title, unit, 0, total
        self.started = time.perf_counter()
        self._progress, self._task, self._moved = progress, task, moved

    def advance(self, count: int = 1) -> None:
        """Note finished steps; KeyboardInterrupt if Ctrl-C was swallowed."""
        remind()
        self.done += count
        if self._moved is not None:
            self._moved(self.unit, count)
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, advance=count)

    def close(self) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


class Reporter:
    """Shows progress and messages; ``quiet`` keeps only warnings and errors."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.began_s = time.time()
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._whole: Whole | None = None
        self._bar: TaskID | None = None
        self._said = 0.0
        self._spoke = time.perf_counter()

    @property
    def foresees(self) -> bool:
        return not self.quiet

    def begin_whole(self, whole: Whole) -> None:
        self._whole, self._said = whole, time.perf_counter()
        if self._on_screen():
            self._bar = self._bars().add_task(WHOLE, total=100, unit="%")

    def moved(self, unit: str, count: int = 1) -> None:
        whole = self._whole
        if whole is None or not whole.advance(unit, count):
            return
        if self._bar is not None and self._progress is not None:
            left = f"{duration(whole.left_s())} left"
            self._progress.update(self._bar, completed=100 * whole.share, left=left)
        elif time.perf_counter() - self._said >= SAID_EVERY_S:
            self._said = time.perf_counter()
            self.say(
                f"{100 * whole.share:.0f} % of the study is done, about {duration(whole.left_s())} left"
            )

    def more(self, unit: str, count: int) -> None:
        """Note steps that nobody foresaw."""
        if self._whole is not None:
            self._whole.more(unit, count)

    def end_whole(self) -> None:
        self._whole = None
        if self._bar is not None and self._progress is not None:
            self._progress.remove_task(self._bar)
            self._bar = None
            self._close()

    def say(self, text: str) -> None:
        self._spoke = time.perf_counter()
        if not self.quiet:
            self.console.print(shown(text), markup=False)

    def warn(self, text: str) -> None:
        self.console.print(
            shown(text), markup=False, style="yellow" if self.console.is_terminal else None
        )

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        """Show uncounted work: an endless bar, or a line every few seconds."""
        if self.quiet:
            yield
        elif self._on_screen():
            counter = self.begin(title, None, "")
            try:
                yield
            finally:
                self.end(counter)
        else:
            began, done = time.perf_counter(), threading.Event()
            self._spoke = began
            thread = threading.Thread(target=self._mention, args=(title, began, done), daemon=True)
            thread.start()
            try:
                yield
            finally:
                done.set()
                thread.join()

    def _mention(self, title: str, began: float, done: threading.Event) -> None:
        silent_s = SILENT_S
        while not done.wait(max(0.05, self._spoke + silent_s - time.perf_counter())):
            if time.perf_counter() - self._spoke >= silent_s:
                self.say(f"{title}: still working after {duration(time.perf_counter() - began)}")
                silent_s *= 2  # what takes minutes is not told every few seconds

    @contextmanager
    def counting(self, title: str, total: int | None, unit: str) -> Iterator[Counter]:
        """Show a bar while the block runs, or one line at its end."""
        counter = self.begin(title, total, unit)
        try:
            yield counter
        finally:
            self.end(counter)
        seconds = max(time.perf_counter() - counter.started, 1e-9)
        self.say(
            f"{title}: {counter.done} {unit} in {seconds:.1f} s ({counter.done / seconds:.1f} {unit}/s)"
        )

    def begin(self, title: str, total: int | None, unit: str) -> Counter:
        if not self._on_screen():
            return Counter(title, unit, None, None, self.moved, total)
        bars = self._bars()
        return Counter(
            title, unit, bars, bars.add_task(title, total=total, unit=unit), self.moved, total
        )

    def end(self, counter: Counter, *, lost: bool = False) -> None:
        """Remove a bar; steps it did not reach are dropped unless its worker was ``lost``."""
        counter.close()
        if self._whole is not None and counter.total is not None and not lost:
            self._whole.fewer(counter.unit, counter.total - counter.done)
        self._close()

    def _on_screen(self) -> bool:
        return self.console.is_terminal and not self.quiet

    def _bars(self) -> Progress:
        if self._progress is None:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                _Count(),
                _Left(),
            )
            self._progress = Progress(*columns, console=self.console, transient=True)
            self._progress.start()
        return self._progress

    def _close(self) -> None:
        if self._progress is not None and not self._progress.tasks:
            self._progress.stop()
            self._progress = None


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.fields["unit"] == "%":
            return Text(f"{task.completed:.0f} %")
        if not task.fields["unit"]:
            return Text("")
        total = "?" if task.total is None else f"{task.total:.0f}"
        return Text(f"{task.completed:.0f}/{total} {task.speed or 0:.1f} {task.fields['unit']}/s")


class _Left(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.fields["unit"] == "%":
            return Text(str(task.fields.get("left", "")))
        return Text("" if task.time_remaining is None else f"{duration(task.time_remaining)} left")
