"""The tasks of the models of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from vidrobust.metrics.catalogue import task_of
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.metric import Task


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
