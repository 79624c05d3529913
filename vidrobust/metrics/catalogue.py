"""All tasks and metrics, also those of plugins."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vidrobust.errors import SettingsError
from vidrobust.extensions import Extensions, extensions, packages
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import Metric, Task

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from vidrobust.predictions import Classifier, Detector

CORE_TASKS = (CLASSIFICATION, DETECTION)  # the tasks of the core

# What the tables of every account of causes begin with.
ACCOUNTS = tuple(dict.fromkeys(prefix for task in CORE_TASKS for prefix in task.accounts))

# A package adds a Metric by an entry point of this group that names the record.
ENTRY_POINTS = "vidrobust.metrics"
TASK_POINTS = "vidrobust.tasks"  # the same of a Task


@functools.cache
def provided_tasks() -> Extensions[Task]:
    """Return the tasks of installed plugins."""
    return extensions(TASK_POINTS, Task, lambda task: task.name, {task.name for task in CORE_TASKS})


def tasks() -> dict[str, Task]:
    """Return all tasks by name, the core's first."""
    return {task.name: task for task in (*CORE_TASKS, *provided_tasks().records)}


def of_plugins(models: Mapping[str, str]) -> dict[str, Task]:
    """Return the models (name -> task) whose task a plugin brings, and their tasks."""
    known = {task.name: task for task in provided_tasks().records}
    return {model: known[task] for model, task in models.items() if task in known}


def detectors_among(models: Mapping[str, str]) -> list[str]:
    """Return the models (name -> task) that find boxes; a task that is not installed finds none."""
    known = tasks()
    return [name for name, task in models.items() if task in known and known[task].finds_boxes]


def task_of(name: str) -> Task:
    """Return the task of this name, or raise SettingsError."""
    if name not in tasks():
        raise SettingsError(
            f"no installed package brings the task {name!r}; known are {', '.join(tasks())}"
        )
    return tasks()[name]


def is_classifier(model: Classifier | Detector) -> TypeIs[Classifier]:
    """Whether a model answers a frame with a class of it, and probabilities."""
    return task_of(model.task).labels_frames


def is_detector(model: Classifier | Detector) -> TypeIs[Detector]:
    """Whether a model answers a frame with boxes, which are followed."""
    return task_of(model.task).finds_boxes


@functools.cache
def provided() -> Extensions[Metric]:
    """Return the metrics of installed plugins."""
    of_core = (metric for task in tasks().values() for metric in task.metrics)
    return extensions(ENTRY_POINTS, Metric, _full_name, {_full_name(metric) for metric in of_core})


def metrics_of(task: str, anchor_deltas: Sequence[int] = ()) -> tuple[Metric, ...]:
    """Return all metrics of a task, with those of anchor pairs at these distances."""
    every = (*task_of(task).metrics, *(m for m in provided().records if m.task == task))
    by_name = {metric.name: metric for metric in every}
    anchored = [
        _at_anchor(by_name[name], delta)
        for delta in sorted(set(anchor_deltas))
        for name in task_of(task).anchored
    ]
    return (*every, *anchored)


def versions_of(task: str) -> list[str]:
    """Return what the metrics of a task depend on; SettingsError for a plugin's metric that cannot be used."""
    for point in provided().points:
        if point.misdeclared:
            raise SettingsError(f"{point.where} {point.error}")
    names = [f"{metric.name} {metric.column}" for metric in metrics_of(task)]
    return [*names, *packages(ENTRY_POINTS), *plugin_of(task)]


def plugin_of(task: str) -> list[str]:
    """Return the packages that bring a task, with versions; none for the core's."""
    return [] if task_of(task) in CORE_TASKS else packages(TASK_POINTS)


def find_metric(name: str, task: str | None = None) -> Metric | None:
    """Return the metric of this name, or None."""
    for known in tasks() if task is None else (task,):
        anchor = re.fullmatch(r"anchor_(.+)_(\d+)", name)
        for metric in metrics_of(known, (int(anchor.group(2)),) if anchor else ()):
            if metric.name == name:
                return metric
    return None


def metric_of_column(column: str) -> Metric | None:
    """Return the metric with values in this column, or None."""
    every = (metric for task in tasks() for metric in metrics_of(task))
    return next((metric for metric in every if metric.column == column), None)


def metric_columns(table: str) -> frozenset[str]:
    """Return the columns of a table that hold metrics of any task, or what else its meter writes."""
    more = (column for task in tasks().values() for column in task.columns.get(table, ()))
    return frozenset(
        (*(m.column for task in tasks() for m in metrics_of(task) if m.table == table), *more)
    )


def _full_name(metric: Metric) -> str:
    return f"{task_of(metric.task).name} {metric.name}"


def _at_anchor(metric: Metric, delta: int) -> Metric:
    frames = "1 frame" if delta == 1 else f"{delta} frames"
    return dataclasses.replace(
        metric,
        name=f"anchor_{metric.name}_{delta}",
        title=f"{metric.title}, {frames} from an anchor",
        sentence=f"{metric.sentence} Here between an anchor, one a second, and the frame {frames} from it.",
        difference=None,
        rows={"kind": "anchor", "delta_frames": (delta, -delta)},
        headline=False,
    )
