"""The tasks and their metrics, with those that other packages bring."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Sequence

from vidrobust.errors import SettingsError
from vidrobust.extensions import Extensions, extensions, packages
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import Metric, Task

TASKS: dict[str, Task] = {task.name: task for task in (CLASSIFICATION, DETECTION)}

ACCOUNTS = tuple(dict.fromkeys(prefix for task in TASKS.values() for prefix in task.accounts))
"""What the tables of every account of causes begin with."""

ENTRY_POINTS = "vidrobust.metrics"
"""A package adds a Metric by an entry point of this group that names the record."""


def task_of(name: str) -> Task:
    """The task that a model names; SettingsError for one that is not known."""
    if name not in TASKS:
        raise SettingsError(f"there is no task {name!r}; a model's task is {' or '.join(TASKS)}")
    return TASKS[name]


@functools.cache
def brought() -> Extensions[Metric]:
    """Return the metrics of installed plugins."""
    own = (metric for task in TASKS.values() for metric in task.metrics)
    return extensions(ENTRY_POINTS, Metric, _full_name, {_full_name(metric) for metric in own})


def metrics_of(task: str, anchor_deltas: Sequence[int] = ()) -> tuple[Metric, ...]:
    """All metrics of a task: its own, those from outside, and those of anchor pairs at these distances."""
    own = (*task_of(task).metrics, *(m for m in brought().records if m.task == task))
    by_name = {metric.name: metric for metric in own}
    anchored = [
        _at_anchor(by_name[name], delta)
        for delta in sorted(set(anchor_deltas))
        for name in task_of(task).anchored
    ]
    return (*own, *anchored)


def versions_of(task: str) -> list[str]:
    """All metrics of a task by name and column, and the packages that others come from, with their versions."""
    return [*(f"{metric.name} {metric.column}" for metric in metrics_of(task)), *packages(ENTRY_POINTS)]


def find_metric(name: str, task: str | None = None) -> Metric | None:
    """The metric of this name, of one task or of any; None where there is none."""
    for known in TASKS if task is None else (task,):
        anchor = re.fullmatch(r"anchor_(.+)_(\d+)", name)
        for metric in metrics_of(known, (int(anchor.group(2)),) if anchor else ()):
            if metric.name == name:
                return metric
    return None


def metric_of_column(column: str) -> Metric | None:
    """The metric whose values stand in this column, as the tables of pairs and of sensitivity name them."""
    every = (metric for task in TASKS for metric in metrics_of(task))
    return next((metric for metric in every if metric.column == column), None)


def metric_columns(table: str) -> frozenset[str]:
    """The columns of a table that hold the values of metrics of any task, also of those from other packages."""
    return frozenset(m.column for task in TASKS for m in metrics_of(task) if m.table == table)


def _full_name(metric: Metric) -> str:
    return f"{task_of(metric.task).name} {metric.name}"


def _at_anchor(metric: Metric, delta: int) -> Metric:
    """The same difference, between an anchor and the frame at this distance before or after it."""
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
