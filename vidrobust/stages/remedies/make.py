"""The stage: the table ``remedies`` and the file remedies.json of a run, from its tables."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from vidrobust.files.json_text import plain
from vidrobust.pipeline.run import Run
from vidrobust.run_folder.declared import seconds_of
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.remedies.recommend import as_json
from vidrobust.stages.remedies.row import table_of
from vidrobust.stages.remedies.study import (
    Footage,
    Studied,
    is_classifier,
    study_classifier,
    study_detector,
)
from vidrobust.stages.remedies.titles import recommended
from vidrobust.stages.replays.names import FILE as REPLAYS

FILE = "remedies.json"
CONTRACT = (
    *("remedy", "model", "metric", "before", "after", "ratio", "low", "high", "verdict"),
    *("delay_frames", "delay_ms", "cost_ms", "agreement"),
)
"""What a line of the JSON holds at least, in this order."""


def max_delay_ms(settings: Settings) -> float:
    """The setting in ms; SettingsError where it is no time."""
    return 1000.0 * seconds_of(settings.max_delay, "max_delay")


def remedies(run: Run) -> None:
    """Write the table and the file."""
    footage, limit = footage_of(run), max_delay_ms(run.settings)
    found: dict[str, Studied] = {}
    for record in run.model_records:
        model = str(record["name"])
        studied = _study(run, record, footage, limit)
        if studied is None:
            run.reporter.say(f"remedies, {model}: it answered no frame")
            continue
        found[model] = studied
    table = table_of([row for each in found.values() for row in each.rows])
    run.folder.write_table("remedies", table)
    summary = {
        model: {**as_json(each.recommended, limit), "resting_label": each.rest}
        for model, each in found.items()
    }
    run.folder.write_json(FILE, {"models": plain(summary)})
    for model, each in summary.items():
        helps = "" if recommended(each) else ", not shown to help"
        best = f"{each['rule']}{helps}" if each["rule"] else "none"
        run.reporter.say(f"remedies, {model}: best rule within {limit:g} ms: {best}")


def footage_of(run: Run) -> Footage:
    """What the run's tables say of its footage; the models are loaded only where there are labels."""
    labels = run.table("labels")
    items = run.table("items")
    names = {model.name: tuple(model.class_names) for model in run.models} if len(labels) else {}
    arms = _arms(run)
    return Footage(
        replayed=None if arms is None else run.table("replayed_answers"),
        replayed_boxes=None if arms is None else run.table("replayed_boxes"),
        arms=arms or (),
        transitions=run.table("transitions"),
        sizes={e["item"]: (int(e["height"]), int(e["width"])) for e in run.folder.run["inputs"]},
        parts={str(i): str(p) for i, p in zip(items["item"], items["part"], strict=True) if p},
        labels=labels,
        class_names=names,
    )


def _arms(run: Run) -> list[dict[str, Any]] | None:
    """What replays.json says of the replays; None where there are none, or only those of an earlier version."""
    if not (run.path / REPLAYS).is_file():
        return None
    arms: list[dict[str, Any]] = run.folder.read_json(REPLAYS)["arms"]
    return arms if all("shown" in arm for arm in arms) else None


def _study(run: Run, record: dict[str, Any], footage: Footage, limit: float) -> Studied | None:
    """One model; None where it has no frame."""
    model, window = str(record["name"]), run.settings.revert_within
    if is_classifier(record):
        tables = {name: run.table(name) for name in ("frames", "pairs", "triples", "probabilities")}
        if not (tables["frames"]["model"] == model).any():
            return None
        return study_classifier(model, tables, footage, window=window, max_delay_ms=limit)
    counts = run.table("box_counts")
    seen = footage.transitions["item"].isin(counts.loc[counts["model"] == model, "item"])
    if not seen.any():
        return None
    of_model = dataclasses.replace(footage, transitions=footage.transitions[seen])
    detections = run.table("detections")
    return study_detector(model, detections, of_model, run.settings.tracks, window=window, max_delay_ms=limit)


def summary(run: Run) -> list[dict[str, Any]]:
    """What ``--json`` prints: a list, a line a remedy, model and metric."""
    return lines(run.table("remedies"))


def lines(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table as the contract has it: its columns first, then what else is known; no number that is none."""
    order = [*CONTRACT, *(column for column in table if column not in CONTRACT)]
    found: list[dict[str, Any]] = plain(table[order].to_dict("records"))
    return found
