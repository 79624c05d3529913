"""What a run folder holds, read for the report: every table and file may be missing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from vidrobust.metrics.catalogue import task_of
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import Task
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.record import RunRecord
from vidrobust.text.printable import printable

# Which part each item of a run shows, so that all passes of one part count as one independent unit.


def with_parts(table: pd.DataFrame, parts: Mapping[str, str]) -> pd.DataFrame:
    """Rows with the part that their item shows, "" where unknown; as they are where no part is known."""
    return table.assign(part=table["item"].map(parts).fillna("")) if parts else table


# The tasks of the models of a run.


class HasModels(Protocol):
    """A run folder, or several read as one."""

    @property
    def run(self) -> Mapping[str, Any]:
        """run.json, with the models."""


def tasks_of(folder: HasModels, sensitivity: pd.DataFrame) -> dict[str, Task]:
    """The models whose sensitivity is known, and their tasks."""
    names = {record["name"]: record.get("task", CLASSIFICATION.name) for record in folder.run["models"]}
    every = dict.fromkeys(sensitivity["model"])
    return {str(model): task_of(names.get(model, CLASSIFICATION.name)) for model in every}


class RunTables:
    """A finished run as pages and answers read it: nothing is written, and each table and file is read once.

    ``RunFolder`` is the folder itself, for stages that write it and read what others have written since. Both have
    one rule for what is absent (``RunFolder.find_table``): a table without rows is None, a file an empty object.
    Raises InputError where it is no run folder of this version, and where a file that is there cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._run = RunFolder.existing(folder)
        self._read: dict[str, pd.DataFrame | None] = {}

    def table(self, name: str) -> pd.DataFrame | None:
        """A table, or None where its stage has not run or found no row."""
        if name not in self._read:
            self._read[name] = self._run.find_table(name)
        return self._read[name]

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder; empty where it is not there."""
        return self._run.read_json(name) if (self.folder / name).is_file() else {}

    @property
    def folder_name(self) -> str:
        """The run folder as a command line takes it, quoted where it has to be."""
        return shlex.quote(printable(self.folder))

    def left_out(self, sample: str) -> str:
        """Why no "frames" were perturbed or no "pairs" replayed: "budget", "footage", or "" where some were.

        A sample that cannot reach the least size that answers its question is left out from the start.
        """
        if self.record.sample.get(sample) != 0:
            return ""
        return "budget" if self.record.settings.get("budget") else "footage"

    @cached_property
    def record(self) -> RunRecord:
        """run.json as records."""
        return self._run.record

    @cached_property
    def models(self) -> list[str]:
        """Names of the classifiers, in the order in which they were given."""
        named = [model.name for model in self.record.models]
        for name in ("frames", "pairs", "sensitivity", "stability"):
            table = self.table(name)
            if table is not None:
                named += [str(model) for model in table["model"].drop_duplicates()]
        return [name for name in dict.fromkeys(named) if name not in self.detectors]

    @cached_property
    def detectors(self) -> list[str]:
        """Names of the detectors, in the order in which they were given."""
        return [model.name for model in self.record.models if model.task == "detection"]

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """Every model and its task, classifiers first."""
        both = ((self.models, CLASSIFICATION), (self.detectors, DETECTION))
        return {name: task for names, task in both for name in names}

    @cached_property
    def items(self) -> list[str]:
        """Names of the items that were read, in their order."""
        named = [entry.item for entry in self.record.inputs if entry.item]
        if not named:
            for name in ("frames", "sensitivity", "variation"):
                table = self.table(name)
                if table is not None:
                    return [str(item) for item in table["item"].drop_duplicates()]
        return named
