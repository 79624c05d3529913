"""The ribbon of page one: what a model says along the clip of its worst moment, and the best rule behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.measures import without_absent
from vidrobust.report.drawing import Picture
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.remedies.catalogue import label_rule
from vidrobust.stages.remedies.section import FILE
from vidrobust.stages.stability import ribbon_section
from vidrobust.stages.stability.ribbon_section import Ribbon
from vidrobust.text.numbers import percent
from vidrobust.text.phrases import plural

MOST_OBJECTS = 4  # objects of a detector, those with the most faults first
CAPTION = "One colour a class, grey: rarer classes."


def ribbon(run: RunTables, model: str) -> Picture | None:
    """Draw one model along its clip: a classifier with the best rule below, a detector object by object."""
    if model in run.detectors:
        return _of_objects(run, model)
    moments = run.json("moments.json").get("moments", [])
    worst = next((each for each in moments if each["model"] == model), None)
    item = str(worst["item"]) if worst else next(iter(ribbon_section.least_stable(run)), "")
    plain = ribbon_section.of_clip(run, model, item)
    if plain is None:
        return None
    rows, caption = [replace(plain, title=f"Without a rule, {plain.title}")], CAPTION
    behind = with_rule(run, model, item, plain)
    if behind is not None:
        rows.append(behind)
    worst_s = float(worst["time_b_s"]) if worst else None
    if worst_s is not None and plain.time_s[0] <= worst_s <= plain.time_s[-1]:
        caption += " Triangle: the worst moment."
    else:
        worst_s = None
    alt = f"What {model} says of each frame of {item}, without and with the best rule"
    return ribbon_section.drawn(rows, (alt, caption), worst_s)


def with_rule(run: RunTables, model: str, item: str, plain: Ribbon) -> Ribbon | None:
    """Return what the chosen rule reports of the same frames; None where no rule was chosen."""
    summary = run.json(FILE).get("models", {}).get(model) or {}
    tables = {name: run.table(name) for name in ("frames", "probabilities", "transitions")}
    if not summary.get("rule") or any(table is None for table in tables.values()):
        return None
    frames, probabilities, transitions = (
        table[table["item"] == item] for table in tables.values() if table is not None
    )
    # here: it brings torch, which a page without a rule does without
    from vidrobust.stages.remedies.answers import answers_of, play

    (answers,) = answers_of(
        frames[frames["model"] == model],
        probabilities[probabilities["model"] == model],
        transitions,
    )
    rule = label_rule(summary["rule"], int(summary.get("resting_label", -1)))
    played = play(rule, answers).labels
    inside = np.isin(answers.time_s, plain.time_s)
    labels, begins = played[inside], answers.begins[inside]
    flips = int(((labels[1:] != labels[:-1]) & ~begins[1:]).sum())
    left = int((plain.label[1:] != plain.label[:-1])[~begins[1:]].sum())
    gain = f", {percent(1 - flips / left)} fewer" if left and flips < left else ""
    return replace(
        plain,
        title=f"With the rule {summary['rule']}: {plural(flips, 'flip')}{gain}",
        label=np.array([answers.names[int(label)] for label in labels]),
    )


def _of_objects(run: RunTables, model: str) -> Picture | None:
    """Draw the objects of one clip with the most frames without a box and the most names."""
    steps = without_absent(run.rows("object_frames"), run.rows("judged_steps"))
    steps = steps[steps["model"] == model]
    faults = (steps["uncovered"] == 1).astype(int) + (steps["flip"] == 1).astype(int)
    counted = faults.groupby([steps["item"], steps["track"]], sort=False).sum()
    if counted.empty:
        return None
    item = str(counted.groupby(level=0, sort=False).sum().idxmax())
    tracks = counted.loc[item].sort_values(ascending=False, kind="stable").index[:MOST_OBJECTS]
    boxes = run.rows("detections")
    boxes = boxes[(boxes["model"] == model) & (boxes["item"] == item)]
    shown = [
        _of_object(steps[(steps["item"] == item) & (steps["track"] == track)], boxes, int(track))
        for track in tracks
    ]
    caption = "An object a row, in the colour of its name; a gap: it is there and has no box."
    return ribbon_section.drawn(shown, (f"Objects of {item} over time, {model}", caption))


def _of_object(steps: pd.DataFrame, boxes: pd.DataFrame, track: int) -> Ribbon:
    steps = steps.sort_values("frame", kind="stable")
    name_of = (
        boxes[boxes["track"] == track].drop_duplicates("frame").set_index("frame")["label_name"]
    )
    missed, renamed = int((steps["uncovered"] == 1).sum()), int((steps["flip"] == 1).sum())
    named = f", {plural(renamed, 'other name')}" if renamed else ""
    return Ribbon(
        title=f"Object {track}: {plural(missed, 'frame')} without a box{named}",
        time_s=steps["time_s"].to_numpy(np.float64),
        label=name_of.reindex(steps["frame"])
        .fillna(ribbon_section.NO_ANSWER)
        .to_numpy()
        .astype(str),
    )
