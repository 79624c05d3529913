"""The ribbon of page one: what a model says along the clip of its worst moment, and the best rule behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import ious
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.metrics.tracks.item_boxes import ItemBoxes, item_boxes
from vidrobust.metrics.tracks.measures import without_absent
from vidrobust.metrics.tracks.states import lies_on
from vidrobust.report.drawing import Picture
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.remedies.catalogue import box_rule, label_rule, recommended
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
    worst = next((moment for moment in moments if moment["model"] == model), None)
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
    """Return what the chosen rule reports of the same frames; None unless it was tried on other footage and held."""
    summary = run.json(FILE).get("models", {}).get(model) or {}
    if not summary or not recommended(summary):
        return None
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
    every = run.rows("object_frames")
    steps = without_absent(every, run.rows("judged_steps"))
    absent = steps["uncovered"].isna() & every["uncovered"].notna()
    steps = steps[steps["model"] == model]
    faults = (steps["uncovered"] == 1).astype(int) + (steps["flip"] == 1).astype(int)
    counted = faults.groupby([steps["item"], steps["track"]], sort=False).sum()
    if counted.empty:
        return None
    item = str(counted.groupby(level=0, sort=False).sum().idxmax())
    ruled = boxes_with_rule(run, model, item)
    most = MOST_OBJECTS if ruled is None else MOST_OBJECTS // 2
    tracks = counted.loc[item].sort_values(ascending=False, kind="stable").index[:most]
    boxes = run.rows("detections")
    boxes = boxes[(boxes["model"] == model) & (boxes["item"] == item)]
    shown = []
    for track in tracks:
        rows = steps[(steps["item"] == item) & (steps["track"] == track)]
        rows = rows.sort_values("frame", kind="stable")
        shown.append(_of_object(rows, boxes, int(track)))
        if ruled is not None:
            shown.append(ruled.ribbon(rows))
    caption = "An object a row, in the colour of its name; a gap: it is there and has no box"
    drawn = steps.index[steps["item"].eq(item) & steps["track"].isin(tracks)]
    if absent[drawn].any():
        caption += ", or the labels say that it is absent"
    caption += "."
    if ruled is not None:
        caption += " Below each, what the rule shows of it."
    return ribbon_section.drawn(shown, (f"Objects of {item} over time, {model}", caption))


@dataclass(frozen=True)
class RuledBoxes:
    """The boxes of one input behind the chosen rule."""

    rule: str
    shown: ItemBoxes
    tracks: TrackSettings
    row_of: Mapping[int, int]  # by the number of a frame
    names: Mapping[int, str]  # by label

    def ribbon(self, steps: pd.DataFrame) -> Ribbon:
        """Return under which name an object has a box in each of its frames."""
        places = steps[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
        frame = np.array([self.row_of[int(moment)] for moment in steps["frame"]], np.int64)
        there = lies_on(self.shown, frame, places, steps["label"].to_numpy(np.int64), self.tracks)
        label = np.array([ribbon_section.NO_ANSWER] * len(steps), dtype=object)
        bounds = self.shown.bounds
        for k in np.flatnonzero(there):
            first, last = bounds[frame[k]], bounds[frame[k] + 1]
            _, rows, overlap = ious(places[k : k + 1], self.shown.boxes[first:last])
            nearest = first + rows[overlap.argmax()]
            label[k] = self.names[int(self.shown.labels[nearest])]
        asked = (steps["uncovered"].notna() & ~there).sum()
        return Ribbon(
            title=f"With the rule {self.rule}: {plural(int(asked), 'frame')} without a box",
            time_s=steps["time_s"].to_numpy(np.float64),
            label=label.astype(str),
        )


def boxes_with_rule(run: RunTables, model: str, item: str) -> RuledBoxes | None:
    """Play the chosen rule on the boxes of one input; None where no rule was chosen."""
    summary, transitions = run.json(FILE).get("models", {}).get(model), run.rows("transitions")
    if not summary or not recommended(summary) or not len(transitions):
        return None
    name = summary["rule"]
    from vidrobust.stages.remedies.box_rows import play_boxes

    boxes, frames = run.rows("detections"), transitions[transitions["item"] == item]
    boxes = boxes[(boxes["model"] == model) & (boxes["item"] == item)]
    names = dict(zip(boxes["label"].tolist(), boxes["label_name"].tolist(), strict=True))
    entry = next(each for each in run.record.inputs if each.item == item)
    tracks = RunFolder(run.folder).settings.along_time(entry.frame_rate).tracks.of_classes(names)
    given = item_boxes(boxes, frames, (entry.height, entry.width))
    return RuledBoxes(
        rule=str(name),
        shown=play_boxes(box_rule(str(name), tracks), given),
        tracks=tracks,
        row_of={int(frame): row for row, frame in enumerate(frames["frame"])},
        names=names,
    )


def _of_object(steps: pd.DataFrame, boxes: pd.DataFrame, track: int) -> Ribbon:
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
