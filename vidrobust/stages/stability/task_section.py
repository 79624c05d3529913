"""Models of tasks that plugins bring, in the details."""

from __future__ import annotations

from typing import Any

import pandas as pd

from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.metric import Task
from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.rates import overall
from vidrobust.stages.stability.section import metric_text
from vidrobust.text.numbers import NOT_MEASURED, percent, percent_interval


def tables(run: RunTables) -> list[dict[str, Any]]:
    """Return, for each task, its name, its models, and the rows of two tables."""
    stability = run.table("stability")
    found = []
    for task in {each.name: each for each in run.others.values()}.values():
        models = [model for model, of in run.others.items() if of == task]
        if stability is not None:
            rows = _numbers(stability, task, models)
            found.append(
                {"name": task.name, "models": models, "rows": rows, "sensitivity": _moved(run, task, models)}
            )
    return found


def _numbers(stability: pd.DataFrame, task: Task, models: list[str]) -> list[dict[str, Any]]:
    rows = []
    for metric in metrics_of(task.name):
        found = [overall(stability, model, metric.name) for model in models]
        if any(each["n"] for each in found):
            values = [metric_text(metric, each) for each in found]
            rows.append({"name": metric.title, "sentence": metric.sentence, "values": values})
    floors = [[overall(stability, model, name)["value"] for name in task.response.floors] for model in models]
    said = [percent(sum(each)) if all(value == value for value in each) else NOT_MEASURED for each in floors]
    sentence = "The largest difference between two answers to the same picture in different batches."
    return [
        *rows,
        {"name": "noise floor", "sentence": sentence, "values": [{"text": text, "n": ""} for text in said]},
    ]


def _moved(run: RunTables, task: Task, models: list[str]) -> list[dict[str, str]]:
    table = run.table("sensitivity")
    if table is None:
        return []
    of = table[table["model"].isin(models) & table["metric"].isin(task.response.columns)]
    keys = ["model", "perturbation", "strength"]
    mean = of.groupby([*keys, "metric"], sort=False)["value"].mean().groupby(level=keys).sum().clip(upper=1.0)
    return [
        {
            "model": str(model),
            "perturbation": phrase(str(perturbation)).noun,
            "moved": percent_interval(float(part.iloc[0]), float(part.iloc[-1])),
        }
        for (model, perturbation), part in mean.groupby(level=[0, 1], sort=False)
    ]
