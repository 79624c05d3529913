"""What the answer says of sensitivity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.metric import Task
from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.sensitivity.changes import WORTH_SAYING, Changes, ranked
from vidrobust.stages.sensitivity.section import subject
from vidrobust.statement import NEEDS_MODEL, Level, Question, Statement
from vidrobust.statistics.intervals import Interval
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, percent, percent_with_interval
from vidrobust.text.phrases import capital, listing, plural

MOST_OTHERS = 4  # further perturbations that are named


def statements(run: RunTables) -> Iterator[Statement]:
    table = run.table("sensitivity")
    recorded = {entry.name for entry in run.record.models if entry.is_recorded}
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
    curves = Changes(rows, task.response.turns, parts).curves()
    measured = [curve for curve in curves if curve.pools]
    few = [curve for curve in curves if not curve.pools]
    happens, many = task.response.happens, task.response.many
    if not measured:
        n = max((curve.frames for curve in few), default=0)
        text = f"Not enough data: {plural(n, 'frame')} a perturbation, {FEWEST_ROWS} needed. Use more --frames."
        if not n:
            text = f"Not measured: {task.nothing}."
        return _missing(model, text, "sensitivity_few", n=n)
    unknown = ""
    if few:
        names = listing((phrase(curve.perturbation).noun for curve in few), MOST_OTHERS)
        most = max(curve.frames for curve in few)
        unknown = f" Too few frames to say of {names} (at most {most} each, {FEWEST_ROWS} needed)."
    if order := ranked(measured):
        first, *others = order
        assert first.first is not None
        size = _said(first.first.share, many)
        text = f"{capital(subject(first.perturbation, first.first))} {happens} {size}."
        if others:
            names = listing((phrase(curve.perturbation).noun for curve in others), MOST_OTHERS)
            text += f" Next come {names}."
        return _statement(model, text + unknown, Level.MEASURED, "sensitivity", first.first.share)
    name, largest = max(
        ((curve.perturbation, step) for curve in measured for step in curve.pools),
        key=lambda each: (each[1].share.value, np.nan_to_num(each[1].share.high, nan=1.0)),
    )
    # the bound is that of the largest effect seen, which is the one that could matter
    share = largest.share
    tried = "measured" if few else "tried"
    seen = f"No perturbation {tried} {happens} {percent(WORTH_SAYING)} {many} or more. The largest"
    if not share.value:
        seen = f"No change was seen under any perturbation {tried}. The least sure"
    more = "" if share.high < WORTH_SAYING else " More --frames would make this sure."
    text = f"{seen}, {subject(name, largest)}, {happens} {_said(share, many)}.{more}{unknown}"
    sure = share.high < WORTH_SAYING and not few
    level, kind = (
        (Level.NO_EFFECT, "sensitivity_none") if sure else (Level.MEASURED, "sensitivity_small")
    )
    return _statement(model, text, level, kind, share, is_open=not sure)


def _statement(
    model: str, text: str, level: Level, kind: str, share: Interval, *, is_open: bool = False
) -> Statement:
    numbers: Any = {"value": share.value, "low": share.low, "high": share.high, "n": share.n}
    return Statement(Question.SENSITIVE, text, level, kind, model, **numbers, is_open=is_open)


def _said(share: Interval, many: str) -> str:
    n = f"n = {share.n}" if many.endswith("frames") else f"n = {plural(share.n, 'frame')}"
    if not known(share.low):
        return f"{percent(share.value)} {many} ({n}, too little footage for an interval)"
    return f"{percent_with_interval(share.value, share.low, share.high)} {many} ({n})"
