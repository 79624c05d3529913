"""The tasks of the models of a run."""

from __future__ import annotations

import pandas as pd

from vidrobust.metrics.catalogue import task_of
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.task import Task
from vidrobust.run_folder.folder import RunFolder


def tasks_of(folder: RunFolder, sensitivity: pd.DataFrame) -> dict[str, Task]:
    """The models whose sensitivity is known, and their tasks."""
    names = {record["name"]: record.get("task", CLASSIFICATION.name) for record in folder.run["models"]}
    every = dict.fromkeys(sensitivity["model"])
    return {str(model): task_of(names.get(model, CLASSIFICATION.name)) for model in every}
