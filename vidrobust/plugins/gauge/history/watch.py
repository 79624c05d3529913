"""Study complete recordings as they come to a folder, and add them to the history.

``watch.json`` is written last: a killed command resumes its last recording.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidrobust.errors import InputError, SettingsError, VidrobustError, in_plain_words
from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import json_text, parsed_json
from vidrobust.files.names import file_name
from vidrobust.footage.expand import expand_sources
from vidrobust.metrics.catalogue import task_of
from vidrobust.models.predict import Model
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import loaded_models
from vidrobust.plugins.gauge.history.runs import add_runs, charts, read_history, write_history
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES
from vidrobust.text.numbers import percent_with_interval
from vidrobust.text.printable import printable
from vidrobust.video.source import first_batch, open_video

STATE = "watch.json"
FEWEST_RUNS = 10  # a control chart is asked only where the history has so many runs
# What the line of a recording says of a model of each task.
SAID = {"classification": ("flip_rate",), "detection": ("uncovered_rate", "vanished_rate")}
Clock = Callable[[], float]


@dataclass(frozen=True, kw_only=True)
class Watched:
    folder: Path
    out: Path
    history: Path
    settings: Settings
    stages: tuple[str, ...] = ("stability",)
    every_s: float = 2.0
    settle_s: float = 5.0


@dataclass
class Watcher:
    watched: Watched
    say: Callable[[str], None]
    clock: Clock = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    failed: int = 0
    done: int = 0
    _seen: dict[str, tuple[str, float]] = field(default_factory=dict)
    _models: list[Model] | None = None

    def run(self, *, for_s: float | None = None, once: bool = False) -> None:
        """Watch until the time is over or, with ``once``, until all that is there is done."""
        watched = self.watched
        if not watched.folder.is_dir():
            raise SettingsError(
                f"{printable(watched.folder)}: is not a folder; watch wants the one that recordings come to"
            )
        watched.out.mkdir(parents=True, exist_ok=True)
        read_history(watched.history)
        self._models = loaded_models(watched.settings)  # once for all recordings
        end = None if for_s is None else self.clock() + for_s
        with RunFolder(watched.out).locked():
            self._until(end, once=once)

    def _until(self, end: float | None, *, once: bool) -> None:
        watched = self.watched
        while True:
            waiting = False
            for path, stamp in self._new():
                if not self._holds_still(path, stamp):
                    waiting = True
                    continue
                self._study(path, stamp)
            if (once and not waiting) or (end is not None and self.clock() >= end):
                return
            wait = (
                watched.every_s
                if end is None
                else min(watched.every_s, max(end - self.clock(), 0.0))
            )
            self.sleep(wait)

    def _new(self) -> Iterator[tuple[Path, str]]:
        known = {(entry["path"], entry["stamp"]) for entry in self._state()}
        found: list[tuple[float, Path, str]] = []
        for item in expand_sources([str(self.watched.folder)]).items:
            try:
                status = os.stat(item.path)
            except OSError:
                continue  # it went away
            stamp = f"{status.st_size} {status.st_mtime_ns}"
            if item.path.is_file() and (self._named(item.path), stamp) not in known:
                found.append((status.st_mtime, item.path, stamp))
        yield from ((path, stamp) for _, path, stamp in sorted(found, key=lambda each: each[:2]))

    def _holds_still(self, path: Path, stamp: str) -> bool:
        """Whether a file is unchanged since ``settle_s``, by its own time or as it was seen."""
        now = self.clock()
        before, since = self._seen.get(str(path), ("", now))
        if before != stamp:
            self._seen[str(path)] = (stamp, now)
            since = now
        try:
            age = time.time() - os.stat(path).st_mtime
        except OSError:
            return False
        return age >= self.watched.settle_s or now - since >= self.watched.settle_s

    def _study(self, path: Path, stamp: str) -> None:
        """Study one recording and report it in one line; what fails is not tried again as it is."""
        named = self._named(path)
        entry: dict[str, Any] = {"path": named, "stamp": stamp}
        try:
            with open_video(path, device="cpu", prefetch=0) as video:
                first_batch(video, 1)
            run = self._run_name(path, stamp)
            folder = self._studied(path, run)
            entry |= {"run": run, "error": ""}
            line = self._added(folder)
            self.done += 1
        except SettingsError:
            raise
        except VidrobustError as error:
            entry |= {"run": "", "error": str(error)}
            line = f"failed: {error}"
            self.failed += 1
        write_text(self.watched.out / STATE, json_text({"files": [*self._state(), entry]}))
        now = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        self.say(f"{now[:19]}  {named}  {line}")

    def _studied(self, path: Path, run: str) -> RunFolder:
        settings = self.watched.settings.changed({"sources": [str(path)]}, "sources")
        reporter = Reporter(quiet=True)
        out = str(self.watched.out / run)
        with opened_sources(settings, out, reporter, models=self._models) as opened:
            build(opened, STAGES, self.watched.stages)
            if opened.failed:
                raise InputError(opened.failed[0]["error"])
            return opened.folder

    def _added(self, folder: RunFolder) -> str:
        known = add_runs(read_history(self.watched.history), [folder])
        self.watched.history.parent.mkdir(parents=True, exist_ok=True)
        write_history(known, self.watched.history)
        lines = []
        for model, numbers in folder.metrics.models.items():
            said = []
            task = folder.record.tasks[model]
            for name in SAID.get(task, task_of(task).answered):
                found = numbers.figures.get(name)
                if found is not None and found.value is not None:
                    out = _is_out(known, name, model, folder.path.resolve().name)
                    rate = percent_with_interval(found.value, found.low, found.high)
                    said.append(f"{name.replace('_', ' ')} {rate} of {found.n}{out}")
            lines.append(f"{model}: {', '.join(said) or 'nothing could be computed'}")
        return "; ".join(lines)

    def _run_name(self, path: Path, stamp: str) -> str:
        """The name of the recording, numbered where another recording had it before."""
        relative = os.path.relpath(path, self.watched.folder)
        name = file_name(relative, "recording")
        pending = self.watched.out / f".{STATE}"
        begun = parsed_json(pending.read_text(encoding="utf-8")) if pending.is_file() else {}
        if begun.get("path") == self._named(path) and begun.get("stamp") == stamp:
            return str(begun["run"])  # it was being studied when the command was killed
        taken = {entry["run"] for entry in self._state()}
        names = (name if number == 1 else f"{name}-{number}" for number in range(1, len(taken) + 2))
        run = next(each for each in names if each not in taken)
        write_text(pending, json_text({"path": self._named(path), "stamp": stamp, "run": run}))
        return run

    def _named(self, path: Path) -> str:
        return printable(os.path.relpath(path, self.watched.folder))

    def _state(self) -> Sequence[dict[str, Any]]:
        path = self.watched.out / STATE
        if not path.is_file():
            return []
        try:
            files: list[dict[str, Any]] = parsed_json(path.read_text(encoding="utf-8"))["files"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: cannot be read ({in_plain_words(error)}); delete it, and every recording is new"
            ) from error
        return files


def _is_out(history: Any, metric: str, model: str, run: str) -> str:
    if history["run"].nunique() < FEWEST_RUNS:
        return ""
    found = charts(history, [metric], model=model)
    return "  OUT of the control limits" if found and run in found[0]["out"] else ""
