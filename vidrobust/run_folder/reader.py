"""RunTables: a finished run as pages and answers read it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from vidrobust.metrics.catalogue import detectors_among, of_plugins, task_of, tasks
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import Task
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.record import RunRecord
from vidrobust.tables import schema as tables
from vidrobust.text.printable import printable


def with_parts(table: pd.DataFrame, parts: Mapping[str, str]) -> pd.DataFrame:
    return table.assign(part=table["item"].map(parts).fillna("")) if parts else table


class HasModels(Protocol):
    """A run folder, or several read as one."""

    @property
    def run(self) -> Mapping[str, Any]: ...


def tasks_of(folder: HasModels, sensitivity: pd.DataFrame) -> dict[str, Task]:
    names = {
        record["name"]: record.get("task", CLASSIFICATION.name) for record in folder.run["models"]
    }
    every = dict.fromkeys(sensitivity["model"])
    known = {str(model): names.get(model, CLASSIFICATION.name) for model in every}
    return {model: task_of(name) for model, name in known.items() if name in tasks()}


class RunTables:
    """A finished run, each file read once. Missing tables are None, missing files {}."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._run = RunFolder.existing(folder)
        self._read: dict[str, pd.DataFrame | None] = {}

    def table(self, name: str) -> pd.DataFrame | None:
        if name not in self._read:
            table = self._run.table(name)
            self._read[name] = table if len(table) else None
        return self._read[name]

    def rows(self, name: str) -> pd.DataFrame:
        """Return a table, empty where the run does not have it."""
        table = self.table(name)
        return tables.empty(name) if table is None else table

    def json(self, name: str) -> dict[str, Any]:
        return self._run.read_json(name) if (self.folder / name).is_file() else {}

    @cached_property
    def moments(self) -> list[dict[str, Any]]:
        """Return the worst moments of all models, those of classifiers first."""
        files = (self.json(name) for name in ("moments.json", "box_moments.json"))
        return [moment for content in files for moment in content.get("moments", [])]

    @property
    def folder_name(self) -> str:
        return shlex.quote(printable(self.folder))

    def left_out(self, sample: str) -> str:
        """Why there are no "frames" or "pairs": "budget", "footage"; "" if there are some."""
        if self.record.sample.get(sample) != 0:
            return ""
        return "budget" if self.record.settings.get("budget") else "footage"

    @cached_property
    def record(self) -> RunRecord:
        return self._run.record

    @cached_property
    def models(self) -> list[str]:
        named = [model.name for model in self.record.models]
        for name in ("frames", "pairs", "sensitivity", "stability"):
            table = self.table(name)
            if table is not None:
                named += [str(model) for model in table["model"].drop_duplicates()]
        other = {model.name for model in self.record.models if model.task != CLASSIFICATION.name}
        return [name for name in dict.fromkeys(named) if name not in other]

    @cached_property
    def detectors(self) -> list[str]:
        return detectors_among(self.record.tasks)

    @cached_property
    def others(self) -> dict[str, Task]:
        """Models of plugins' tasks, in the order given, and their tasks."""
        return of_plugins(self.record.tasks)

    @cached_property
    def tasks(self) -> dict[str, Task]:
        both = ((self.models, CLASSIFICATION), (self.detectors, DETECTION))
        return {name: task for names, task in both for name in names} | self.others

    @cached_property
    def items(self) -> list[str]:
        named = [entry.item for entry in self.record.inputs if entry.item]
        if not named:
            for name in ("frames", "sensitivity", "variation"):
                table = self.table(name)
                if table is not None:
                    return [str(item) for item in table["item"].drop_duplicates()]
        return named
