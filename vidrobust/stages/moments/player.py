"""The data of the report's player: answers and boxes of every frame, flips, pictures, strips of causes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import GAPS
from vidrobust.metrics.metric import Task, usable_pairs
from vidrobust.metrics.tracks.measures import without_absent
from vidrobust.report.pictures import Pictures
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import TITLES
from vidrobust.stages.causes.outcomes import KEYFRAME, WORDS
from vidrobust.stages.moments.section import reaches
from vidrobust.text.numbers import number, percent
from vidrobust.text.phrases import plural

STRIP_SAID = (
    "Frame by frame: a neighbouring frame is moved onto the first one, then the measured changes are switched "
    "on one after the other. Where the picture gets sharper the strip runs backwards in time."
)
NO_STRIP = "The pictures of this replay were left out to keep the page small."
NO_STRIP_OF = "A strip of pictures is made of classifiers alone."
UNPLAYED = "This flip was not replayed: --pairs sets how many are."
EXCLUDED = "This flip could not be replayed: {}."
ACROSS_KEYFRAME = "across a keyframe the whole picture is coded anew"
STRIPS_BYTES = 3_000_000  # of all strips; inputs take turns
# Answers of a frame and model on the timelines; of more footage one frame in so many is shown, and every
# flip.
MOST_POINTS = 60_000
MOST_BOXES = 60_000
MOST_EVENTS = 3000
LEAST_PART = 0.05  # a smaller part of a flip's change is not listed
CANCELLED = 1.2  # a larger part of one pair's change: causes cancel each other there, and no shares are listed
FRAME, DIFFERENCE = "frame", "difference"


def player(run: RunTables, most_points: int = MOST_POINTS) -> dict[str, Any] | None:
    """Return the data of the player, as plain values; None where no model has answered.

    ``a`` of an item has by model [labels, probabilities], or of a detector [boxes, mean scores]; ``breaks`` are
    frame numbers across which nothing is compared. ``boxes`` is item -> model -> {frame: [[x1, y1, x2, y2, label,
    score, track], ...]}, ``strips`` "item model frame_b" -> tiles of a replayed flip, and ``events`` rows of item,
    model, frame_a, frame_b, what, [[cause, share], ...], and why there is no strip; "" where there is one.
    """
    answers = _Answers(run)
    if not answers.items:
        return None
    pictures, differences, counted = _pictures(run, answers.items)
    strips = _strips(run, answers.items)
    events = _events(run, answers, strips)
    step = answers.thin(most_points, events)
    boxes, boxes_left = _boxes(run, answers)
    items = answers.as_plain(_sizes(run))
    return {
        "models": [{"name": name, "task": task.name} for name, task in run.tasks.items()],
        "labels": list(answers.labels),  # all of them are met by now
        "items": items,
        "pictures": pictures,
        "differences": differences,
        "boxes": boxes,
        "events": events,
        "worst": _worst(run, answers, events),
        "strip_said": STRIP_SAID,
        "strips": strips,
        "said": _said(run, counted, step, boxes_left),
    }


def _worst(run: RunTables, answers: _Answers, events: list[list[Any]]) -> int:
    """Return the place of the worst moment among the events, of the first one without it; -1 of none."""
    keys = [(answers.items[e[0]], answers.models[e[1]], e[3]) for e in events]
    for moment in sorted(run.moments, key=lambda each: not reaches(each.get("strip") or [])):
        key = (moment["item"], moment["model"], moment["frame_b"])
        if key in keys:
            return keys.index(key)
    return 0 if events else -1


def without_pictures(data: Mapping[str, Any]) -> dict[str, Any]:
    text = f"{data['said']} The pictures were left out to keep this file small."
    return {**data, "pictures": {}, "differences": {}, "strips": {}, "said": text}


def as_script(data: Mapping[str, Any] | None) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


class _Answers:
    """The leading answer of every model on every frame, an item at a time."""

    def __init__(self, run: RunTables) -> None:
        self.labels: dict[str, int] = {}
        self.models = list(run.tasks)
        every = (_of_classifiers(run), _of_detectors(run), _of_others(run))
        rows = [part for part in every if len(part)] or [every[0]]
        table = pd.concat(rows, ignore_index=True)
        self._of = {str(item): of for item, of in table.groupby("item", sort=False)}
        self.items = [item for item in run.items if item in self._of]
        self.place_of_item = {item: place for place, item in enumerate(self.items)}
        self.place_of_model = {model: place for place, model in enumerate(self.models)}
        self._frames = {
            item: of.drop_duplicates("frame").sort_values("frame")[["frame", "time_s"]]
            for item, of in self._of.items()
        }
        breaks = run.rows("transitions")
        self._breaks: dict[str, list[int]] = {}
        for row in breaks[breaks["reason"].isin(GAPS)].itertuples():
            self._breaks.setdefault(str(row.item), []).append(int(row.frame))

    def number(self, label: str) -> int:
        return self.labels.setdefault(label, len(self.labels))

    def frames(self, item: str) -> np.ndarray:
        return np.asarray(self._frames[item]["frame"].to_numpy())

    def thin(self, most: int, events: list[list[Any]]) -> int:
        """Leave out frames where there are too many, not those of flips; return of how many one is left."""
        total = len(self.models) * sum(len(frames) for frames in self._frames.values())
        step = max(1, -(-total // most))
        if step == 1:
            return 1
        kept: dict[int, set[int]] = {}
        for event in events:
            kept.setdefault(event[0], set()).update(event[2:4])
        for place, item in enumerate(self.items):
            of = self._frames[item]
            on_grid = np.arange(len(of)) % step == 0
            self._frames[item] = of[on_grid | of["frame"].isin(kept.get(place, set())).to_numpy()]
        return step

    def as_plain(self, sizes: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
        clips = []
        for item in self.items:
            frames, of = self._frames[item], self._of[item]
            answers = []
            for model in self.models:
                mine = of[of["model"] == model].drop_duplicates("frame").set_index("frame")
                mine = mine.reindex(frames["frame"])
                label = [self.number(x) if isinstance(x, str) else -1 for x in mine["label"]]
                answers.append(
                    [label, [None if x != x else round(float(x), 3) for x in mine["value"]]]
                )
            clips.append(
                {
                    "name": item,
                    "size": list(sizes.get(item, (0, 0))),
                    "t": [round(float(t), 3) for t in frames["time_s"]],
                    "f": [int(f) for f in frames["frame"]],
                    "a": answers,
                    "breaks": self._breaks.get(item, []),
                }
            )
        return clips


ANSWER = ["item", "frame", "time_s", "model", "label", "value"]


def _of_classifiers(run: RunTables) -> pd.DataFrame:
    names = {"label": "number", "label_name": "label", "probability": "value"}
    return run.rows("frames").rename(columns=names)[ANSWER]


def _of_detectors(run: RunTables) -> pd.DataFrame:
    rows = run.rows("box_counts")[["item", "frame", "time_s", "model"]]
    boxes = run.rows("detections")
    keys = ["model", "item", "frame"]
    of = boxes[boxes["track"] >= 0].groupby(keys)["score"].agg(value="mean", n="size").reset_index()
    rows = rows.merge(of, on=keys, how="left")
    n = rows["n"].fillna(0).astype(int)
    texts = [plural(k, "object") if k else "no object" for k in n]
    return rows.assign(label=texts, value=rows["value"].fillna(0.0)).drop(columns="n")


def _of_others(run: RunTables) -> pd.DataFrame:
    frames = run.rows("task_frames")
    names = {"answer": "label", "sure": "value"}
    return frames[frames["model"].isin(run.others)].rename(columns=names)[ANSWER]


def _sizes(run: RunTables) -> dict[str, tuple[int, int]]:
    return {name: (width, height) for name, (height, width) in run.record.sizes.items()}


def _pictures(
    run: RunTables, items: list[str]
) -> tuple[dict[int, dict[int, str]], dict[int, dict[int, list[Any]]], int]:
    pictures: dict[int, dict[int, str]] = {}
    differences: dict[int, dict[int, list[Any]]] = {}
    counted = 0
    for row in run.rows("player_frames").itertuples():
        if row.item not in items:
            continue
        place = items.index(row.item)
        if row.kind == DIFFERENCE:
            differences.setdefault(place, {})[int(row.frame)] = [row.factor, row.picture]
        else:
            pictures.setdefault(place, {})[int(row.frame)] = row.picture
            counted += 1
    return pictures, differences, counted


def task_pairs(pairs: pd.DataFrame | None, tasks: Mapping[str, Task]) -> list[pd.DataFrame]:
    """Return the rows of ``task_pairs`` of each model of a plugin's task, with two columns as in ``pairs``.

    ``label_flip`` says whether the answer changes and ``total_variation`` how far.
    """
    parts: list[pd.DataFrame] = []
    if pairs is None:
        return parts
    for model, task in tasks.items():
        mine = pairs[pairs["model"] == model]
        turns = [name for name in task.response.turns if name in mine]
        flip = mine[turns].fillna(0).sum(axis=1) > 0
        mine = mine.assign(label_flip=flip, total_variation=mine[task.correlation.primary])
        parts.append(mine[mine["total_variation"].notna()])
    return parts


def _events(
    run: RunTables, answers: _Answers, strips: Mapping[str, list[dict[str, Any]]]
) -> list[list[Any]]:
    models, items, replays = answers.place_of_model, answers.place_of_item, _replays(run)
    marked: list[tuple[tuple[str, str, int, int], str]] = []
    for pairs in (run.rows("pairs"), *task_pairs(run.table("task_pairs"), run.others)):
        flips = usable_pairs(pairs)
        flips = flips[flips["label_flip"]].sort_values(
            "total_variation", ascending=False, kind="stable"
        )
        for row in flips.head(MOST_EVENTS).itertuples():
            key = (row.item, row.model, int(row.frame_a), int(row.frame_b))
            marked.append((key, f"the prediction shifts by {percent(row.total_variation)}"))
    marked += _box_events(run)
    events = []
    for key, what in marked:
        item, model, *frames = items[key[0]], models[key[1]], *key[2:]
        parts, reason = replays.get(key, ([], UNPLAYED))
        if f"{item} {model} {frames[1]}" in strips:
            reason = ""
        elif not reason:
            reason = NO_STRIP if key[1] in run.models else NO_STRIP_OF
        events.append([item, model, *frames, what, parts, reason])
    return sorted(events, key=lambda event: (event[0], event[3], event[1]))


def box_events(steps: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``object_frames`` in which an object is first missed, or renamed."""
    keys = ["model", "item", "track"]
    along = steps.sort_values([*keys, "frame"], kind="stable")
    before = along.groupby(keys, sort=False)
    lost = (along["missed"] == 1) & (before["missed"].shift() != 1)
    rows = along.assign(frame_a=before["frame"].shift(), lost=lost)
    return rows[(rows["lost"] | (rows["flip"] == 1)) & rows["frame_a"].notna()]


def _box_events(run: RunTables) -> list[tuple[tuple[str, str, int, int], str]]:
    steps = without_absent(run.rows("object_frames"), run.rows("judged_steps"))
    return [
        (
            (row.item, row.model, int(row.frame_a), int(row.frame)),
            f"{row.label_name} is {'missed' if row.lost else 'renamed'}",
        )
        for row in box_events(steps).head(MOST_EVENTS).itertuples()
    ]


def _replays(run: RunTables) -> dict[tuple[str, str, int, int], tuple[list[list[Any]], str]]:
    """Return what each pair of neighbours comes from, [[cause, share], ...], or why it could not be replayed."""
    rows = run.rows("causes")
    replays: dict[tuple[str, str, int, int], tuple[list[list[Any]], str]] = {}
    for row in rows[rows["scale"] == "adjacent"].itertuples():
        key = (str(row.item), str(row.model), int(row.frame_a), int(row.frame_b))
        if row.excluded:
            replays[key] = ([], EXCLUDED.format(WORDS[row.excluded]))
            continue
        parts, _ = replays.setdefault(key, ([], ""))
        share = row.projection / row.squared_change if row.squared_change > 0 else np.nan
        if np.isfinite(share) and share >= LEAST_PART:
            parts.append([TITLES.get(row.cause, row.cause), round(float(share), 2)])
            parts.sort(key=lambda part: -part[1])
    for parts, _ in replays.values():
        if parts and parts[0][1] > CANCELLED:
            parts.clear()
        parts[:] = [[cause, min(share, 1.0)] for cause, share in parts]
    words = {str(code): text for code, text in WORDS.items()} | {KEYFRAME: ACROSS_KEYFRAME}
    strips = run.rows("strips").drop_duplicates(["item", "model", "frame_a"])
    for row in strips.itertuples():
        key = (str(row.item), str(row.model), int(row.frame_a), int(row.frame_b))
        parts, reason = replays.get(key, ([], ""))
        if row.excluded and not reason:
            reason = EXCLUDED.format(words[row.excluded])
        replays[key] = (parts, reason)
    return replays


def _boxes(
    run: RunTables, answers: _Answers
) -> tuple[dict[int, dict[int, dict[int, list[Any]]]], int]:
    table, models, items = run.rows("detections"), answers.place_of_model, answers.place_of_item
    followed = table[(table["track"] >= 0) & table["item"].isin(items)]
    left = max(0, len(followed) - MOST_BOXES)
    boxes: dict[int, dict[int, dict[int, list[Any]]]] = {}
    for row in (
        followed.nlargest(MOST_BOXES, "score").sort_values("frame", kind="stable").itertuples()
    ):
        of = boxes.setdefault(items[row.item], {}).setdefault(models[row.model], {})
        corners = [round(float(x), 1) for x in (row.x1, row.y1, row.x2, row.y2)]
        of.setdefault(int(row.frame), []).append(
            [
                *corners,
                answers.number(str(row.label_name)),
                round(float(row.score), 2),
                int(row.track),
            ]
        )
    return boxes, left


def _strips(run: RunTables, items: list[str]) -> dict[str, list[dict[str, Any]]]:
    pictures = Pictures(run.folder)
    models = {name: k for k, name in enumerate(run.tasks)}
    by_key: dict[str, list[dict[str, Any]]] = {}
    for moment in run.json("moments.json").get("moments", []):
        if not moment.get("strip") or moment["item"] not in items or moment["model"] not in models:
            continue
        key = f"{items.index(moment['item'])} {models[moment['model']]} {moment['frame_b']}"
        by_key[key] = [_tile(tile, pictures.uri(tile.get("picture"))) for tile in moment["strip"]]
    rows, room = run.rows("strips"), STRIPS_BYTES
    rows = rows[rows["picture"] != ""]
    pair = ["item", "model", "frame_b"]
    tiles_of = {key: tiles.to_dict("records") for key, tiles in rows.groupby(pair, sort=False)}
    strips = rows[pair].drop_duplicates()
    strips = strips.assign(turn=strips.groupby("item").cumcount()).sort_values(
        "turn", kind="stable"
    )
    for item, model, frame_b, _ in strips.itertuples(index=False):
        tiles = tiles_of[item, model, frame_b]
        size = sum(len(tile["picture"]) for tile in tiles)
        if item not in items or model not in models or size > room:
            continue
        key = f"{items.index(item)} {models[model]} {frame_b}"
        if key not in by_key:
            room -= size
            by_key[key] = [
                _tile(tile, f"data:image/jpeg;base64,{tile['picture']}") for tile in tiles
            ]
    return by_key


def _tile(tile: Mapping[str, Any], uri: str) -> dict[str, Any]:
    return {
        "title": tile["title"],
        "measured": tile["measured"],
        "label": tile["label"],
        "p": percent(tile["probability"]),
        "src": uri,
    }


def _said(run: RunTables, pictures: int, step: int, boxes_left: int) -> str:
    kept = run.json("moments.json").get("player") or {}
    if not pictures:
        text = "Without pictures: the run was made without them, or its stage has not run"
    elif kept.get("every", 1) == 1:
        text = f"Every frame is shown ({pictures} pictures)"
    else:
        text = f"One frame in {kept['every']} is shown, and both sides of every flip ({pictures} pictures)"
        if kept.get("left"):
            text += f"; {plural(kept['left'], 'flip')} found no room"
    if step > 1:
        text += f"; the lines show one frame in {number(step)} and every flip"
    if boxes_left:
        text += f"; {plural(boxes_left, 'box')} of low score not drawn"
    return f"{text}."
