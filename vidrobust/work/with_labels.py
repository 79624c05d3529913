"""The models of a run judged by what is known beforehand: right and wrong answers, where there are labels."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vidrobust import tables
from vidrobust.protocols.answers import Answers, answers_of
from vidrobust.run.run import Run
from vidrobust.tasks.task import Task

NAMES_TOLD = 5


def judged(run: Run, task: Task, raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables ``answers`` and ``neighbours`` of the models of a task; none where no frame is labelled.

    raw  the tables of the task. What cannot be judged is said, and noted in run.json under ``judged``.
    """
    labels = run.inputs.labels
    if not task.labelled or not len(labels):
        return {}
    frames, probabilities = raw["frames"], raw["probabilities"]
    found: dict[str, Answers] = {}
    for model in (model for model in run.models if model.task == task.name):
        mine = [table[table["model"] == model.name] for table in (frames, probabilities)]
        found[model.name] = answers_of(mine[0], mine[1], labels, model.class_names)
        _say(run, model.name, len(mine[0]), found[model.name])
    notes = {name: _note(frames, name, each) for name, each in found.items()}
    run.folder.update(judged={**run.folder.run.get("judged", {}), **notes})
    made = {name: [getattr(each, name) for each in found.values()] for name in task.labelled}
    filled = {name: [part for part in parts if len(part)] for name, parts in made.items()}
    return {name: pd.concat(parts, ignore_index=True) for name, parts in filled.items() if parts}


def write(run: Run, found: Mapping[str, pd.DataFrame]) -> None:
    """Write both tables, without rows where nothing could be judged."""
    for name in ("answers", "neighbours"):
        run.folder.write_table(name, found.get(name, tables.empty(name)))


def _note(frames: pd.DataFrame, model: str, found: Answers) -> dict[str, object]:
    return {
        "frames": int((frames["model"] == model).sum()),
        "labelled": len(found.answers),
        "anchors": int(found.answers["pm0"].notna().sum()),
        "unjudged": found.unjudged,
        "unknown": dict(found.unknown),
    }


def _say(run: Run, model: str, frames: int, found: Answers) -> None:
    run.reporter.say(f"{model}: {len(found.answers)} of {frames} frames have labels")
    if found.unknown:
        names = ", ".join(list(found.unknown)[:NAMES_TOLD])
        more = f" and {len(found.unknown) - NAMES_TOLD} more" if len(found.unknown) > NAMES_TOLD else ""
        run.reporter.warn(
            f"{model}: has no class for the label(s) {names}{more}; {found.unjudged} frame(s) that have no other "
            "label are left out"
        )
