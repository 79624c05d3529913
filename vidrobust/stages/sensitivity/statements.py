"""What the answer says of sensitivity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from vidrobust.metrics.metric import Task
from vidrobust.report.glossary import phrase, saying
from vidrobust.run_folder.reader import RunTables, with_parts
from vidrobust.stages.sensitivity.section import FLIPS_WORTH_SAYING
from vidrobust.statement import NEEDS_MODEL, Level, Question, Statement
from vidrobust.statistics.clusters import SHORTEST_FRAMES, clusters_of_rows
from vidrobust.statistics.intervals import Interval, clustered_mean
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, percent, percent_with_interval
from vidrobust.text.phrases import capital, listing, plural

MOST_OTHERS = 4  # further perturbations that are named


def statements(run: RunTables) -> Iterator[Statement]:
    table = run.table("sensitivity")
    recorded = {each.name for each in run.record.models if each.is_recorded}
    for model, task in run.tasks.items():
        if model in recorded:
            yield _missing(model, NEEDS_MODEL, "sensitivity_needs_model")
            continue
        rows = None if table is None else table[table["model"] == model]
        if rows is None or rows.empty:
            yield _not_tried(run, model)
            continue
        yield _of_model(model, task, rows, run.record.parts)


def _not_tried(run: RunTables, model: str) -> Statement:
    why, command = run.left_out("frames"), f"vidrobust sensitivity {run.folder_name}"
    if why == "footage":
        text = f"Not enough data: too few frames to show each strength to {FEWEST_ROWS} of them. Use longer clips."
        return _missing(model, text, "sensitivity_few")
    text = "Not measured: no perturbation has been tried on this footage."
    if why == "budget":
        text, command = (
            "Not measured: the budget left no time for perturbations.",
            f"{command} --frames 60",
        )
    return _missing(model, text, "sensitivity_not_run", command=command)


def _missing(model: str, text: str, kind: str, **more: Any) -> Statement:
    return Statement.missing(Question.SENSITIVE, text, kind, model, **more)


def _of_model(model: str, task: Task, rows: pd.DataFrame, parts: dict[str, str]) -> Statement:
    changed = _changed(rows, task)
    frames = changed.groupby(["perturbation", "strength"], sort=False)["frame"].size()
    enough = (
        changed.set_index(["perturbation", "strength"])
        .loc[frames[frames >= FEWEST_ROWS].index]
        .reset_index()
    )
    if enough.empty:
        n = int(frames.max()) if len(frames) else 0
        text = f"Not enough data: {plural(n, 'frame')} a strength, {FEWEST_ROWS} needed. Use more --frames."
        return _missing(model, text, "sensitivity_few", n=n)
    mean = enough.groupby(["perturbation", "strength"], sort=True)["value"].mean()
    worth: list[tuple[int, float, str, float]] = []
    for name, of in mean.groupby(level="perturbation", sort=False):
        place = next((k for k, value in enumerate(of) if value >= FLIPS_WORTH_SAYING), None)
        if place is not None:
            worth.append((place, -float(of.iloc[place]), str(name), float(of.index[place][1])))
    worth.sort()
    if not worth:
        name, strength = mean.idxmax()
        found = _interval(enough, name, strength, parts)
        # the bound is that of the largest effect seen, which is the one that could matter
        happens, many = task.response.happens, task.response.many
        text = (
            f"No perturbation tried {happens} {percent(FLIPS_WORTH_SAYING)} {many} or more. "
            f"The largest, {saying(name, strength)}, {happens} {_said(found, many)}."
        )
        sure = found.high < FLIPS_WORTH_SAYING
        level, kind = (
            (Level.NO_EFFECT, "sensitivity_none") if sure else (Level.MEASURED, "sensitivity_small")
        )
        return _statement(model, text, level, kind, found, is_open=not sure)
    _, _, name, strength = worth[0]
    found = _interval(enough, name, strength, parts)
    text = f"{capital(saying(name, strength))} {task.response.happens} {_said(found, task.response.many)}."
    others = [phrase(each).noun for _, _, each, _ in worth[1:]]
    if others:
        text += f" Next come {listing(others, MOST_OTHERS)}."
    return _statement(model, text, Level.MEASURED, "sensitivity", found)


def _statement(
    model: str, text: str, level: Level, kind: str, found: Interval, *, is_open: bool = False
) -> Statement:
    numbers: Any = {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
    return Statement(Question.SENSITIVE, text, level, kind, model, **numbers, is_open=is_open)


def _changed(rows: pd.DataFrame, task: Task) -> pd.DataFrame:
    own = rows[rows["metric"].isin(task.response.turns) & rows["value"].notna()]
    keys = ["item", "frame", "perturbation", "strength"]
    each = own.groupby([*keys, "metric"], sort=False)["value"].mean()
    return each.groupby(level=keys, sort=False).sum().clip(upper=1.0).reset_index()


def _interval(changed: pd.DataFrame, name: str, strength: float, parts: dict[str, str]) -> Interval:
    of = changed[(changed["perturbation"] == name) & (changed["strength"] == strength)]
    clusters = clusters_of_rows(with_parts(of, parts), "frame", SHORTEST_FRAMES)
    return clustered_mean(of["value"].to_numpy(float), clusters, bounds=(0.0, 1.0))


def _said(found: Interval, of: str) -> str:
    if not known(found.low):
        return f"{percent(found.value)} {of} (too little footage for an interval)"
    return f"{percent_with_interval(found.value, found.low, found.high)} {of}"
