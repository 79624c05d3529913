"""What a run folder holds, read for the report: every table and file may be missing."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.metrics.catalogue import metric_columns
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.task import Task
from vidrobust.tables import schema as tables


class RunTables:
    """The tables and JSON files of one run folder; what is not there is None, or empty.

    Raises InputError where run.json is missing, and where a file that is there cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "run.json").is_file():
            raise InputError(
                f"{folder}: is not a run folder (it has no run.json); make one with vidrobust study"
            )
        self._read: dict[str, pd.DataFrame | None] = {}

    def table(self, name: str) -> pd.DataFrame | None:
        """A table, or None where its stage has not run or found no row."""
        if name not in self._read:
            self._read[name] = self._table(name)
        return self._read[name]

    def json(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder; empty where it is not there."""
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be read: {error}; run its stage again") from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: expected a JSON object, got {type(content).__name__}")
        return content

    @cached_property
    def run(self) -> dict[str, Any]:
        """run.json."""
        return self.json("run.json")

    @cached_property
    def models(self) -> list[str]:
        """Names of the classifiers, in the order in which they were given."""
        named = [str(model["name"]) for model in self.run.get("models", [])]
        for name in ("frames", "pairs", "sensitivity", "stability"):
            table = self.table(name)
            if table is not None:
                named += [str(model) for model in table["model"].drop_duplicates()]
        return [name for name in dict.fromkeys(named) if name not in self.detectors]

    @cached_property
    def detectors(self) -> list[str]:
        """Names of the detectors, in the order in which they were given."""
        named = [m for m in self.run.get("models", []) if m.get("task") == "detection"]
        return [str(model["name"]) for model in named]

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """Every model and its task, classifiers first."""
        both = ((self.models, CLASSIFICATION), (self.detectors, DETECTION))
        return {name: task for names, task in both for name in names}

    @cached_property
    def items(self) -> list[str]:
        """Names of the items that were read, in their order."""
        named = [str(entry["item"]) for entry in self.run.get("inputs", []) if entry.get("item")]
        if not named:
            for name in ("frames", "sensitivity", "variation"):
                table = self.table(name)
                if table is not None:
                    return [str(item) for item in table["item"].drop_duplicates()]
        return named

    def _table(self, name: str) -> pd.DataFrame | None:
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            return None
        if name in tables.TABLES:
            found = tables.read(name, self.folder, metrics=metric_columns(name))
        else:
            try:
                found = pd.read_parquet(path)
            except Exception as error:  # pyarrow raises its own kinds
                raise InputError(f"{path}: cannot be read ({error}); run its stage again") from error
        return found if len(found) else None
