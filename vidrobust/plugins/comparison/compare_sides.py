"""Which footage and models of two runs belong together; and what is compared of detectors alone.

Average precision is no mean of rows, so that clusters are left out of both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.accuracy.average_precision import BOX, FramesOfBoxes, precisions, with_known_boxes
from vidrobust.errors import InputError, SettingsError
from vidrobust.metrics.catalogue import task_of
from vidrobust.plugins.comparison.agreement import Agreement, box_agreement, label_agreement
from vidrobust.plugins.comparison.compare_metrics import (
    ENOUGH,
    SHORTEST_S,
    Compared,
    margin_of,
    shared_by_neighbours,
    verdict,
    why_not,
)
from vidrobust.run_folder.folder import RunFolder
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.levels import FEWEST_TESTED
from vidrobust.statistics.significance import FlippedRatio
from vidrobust.statistics.standard_errors import groups, influence
from vidrobust.text.phrases import listing, plural


@dataclass(frozen=True)
class Side:
    """One model of one run, its items under names that both runs share."""

    folder: RunFolder
    model: str
    task: str
    names: Mapping[str, str]  # item of the run -> shared name
    part: Mapping[str, str]  # shared name -> part, "" where unknown

    def table(self, name: str) -> pd.DataFrame:
        """The rows of the model on shared items, with the column ``part``."""
        table = self.folder.table(name)
        table = table[(table["model"] == self.model) & table["item"].isin(list(self.names))]
        table = table.assign(item=table["item"].map(dict(self.names)))
        return table.assign(part=table["item"].map(dict(self.part)))

    def figure(self, metric: str) -> float | None:
        """The metric as the run itself reports it, over all of its footage."""
        figures = self.folder.metrics.models[self.model]
        return figures[metric].value if metric in figures else None


def sides_of(
    a: RunFolder, b: RunFolder, model_a: str | None, model_b: str | None
) -> tuple[Side, Side, str, list[str]]:
    """Return the two sides, by what their footage is paired, and what is left out (InputError if they share
    none).
    """
    models = [folder.record.tasks for folder in (a, b)]
    for folder, known in zip((a, b), models, strict=True):
        if not known:
            raise InputError(f"{folder.path}: no model has been evaluated in this run")
    shared = [name for name in models[0] if name in models[1]]
    wanted = [model_a, model_b]
    for k, name in enumerate(wanted):
        if name is None:
            if len(models[k]) > 1 and not (len(shared) == 1 and wanted == [None, None]):
                several = ", ".join(models[k])
                raise SettingsError(
                    f"{(a, b)[k].path} has several models; choose with --model-{'ab'[k]}: {several}"
                )
            wanted[k] = shared[0] if len(models[k]) > 1 else next(iter(models[k]))
        elif name not in models[k]:
            raise SettingsError(
                f"{(a, b)[k].path} has no model {name}; it has {', '.join(models[k])}"
            )
    tasks = [models[k][str(wanted[k])] for k in (0, 1)]
    if tasks[0] != tasks[1]:
        raise SettingsError(f"a {tasks[0]} model and a {tasks[1]} model cannot be compared")
    names, by, notes = _footage(a, b)
    part = {**_parts(b, names[1]), **_parts(a, names[0])}
    sides = [
        Side(folder, str(wanted[k]), tasks[k], names[k], part) for k, folder in enumerate((a, b))
    ]
    return sides[0], sides[1], by, notes


def _parts(folder: RunFolder, names: Mapping[str, str]) -> dict[str, str]:
    return {names[entry.item]: entry.part for entry in folder.record.inputs if entry.item in names}


def _footage(a: RunFolder, b: RunFolder) -> tuple[list[dict[str, str]], str, list[str]]:
    inputs = [folder.run["inputs"] for folder in (a, b)]
    for by, key in (
        ("content", _content),
        ("part, pass and station", _place),
        ("part and pass", _part_and_pass),
    ):
        keyed = [
            [(key(entry), str(entry["item"])) for entry in entries if key(entry)]
            for entries in inputs
        ]
        shared = dict(reversed(keyed[0]))  # key -> its first item in A
        shared = {k: name for k, name in shared.items() if k in dict(keyed[1])}
        if shared:
            names = [{item: shared[k] for k, item in pairs if k in shared} for pairs in keyed]
            return names, by, _left_out((a, b), inputs, names)
    lines = [
        f"{folder.path} ({listing((str(entry['item']) for entry in entries), 5)})"
        for folder, entries in zip((a, b), inputs, strict=True)
    ]
    raise InputError(
        f"compare: {lines[0]} and {lines[1]} share no footage, neither by content nor by part and pass"
    )


def _left_out(
    folders: Sequence[RunFolder],
    inputs: Sequence[Sequence[Mapping[str, Any]]],
    names: Sequence[Mapping[str, str]],
) -> list[str]:
    notes = []
    for folder, entries, kept in zip(folders, inputs, names, strict=True):
        alone = [str(entry["item"]) for entry in entries if entry["item"] not in kept]
        if alone:
            notes.append(
                f"{plural(len(alone), 'input')} only in {folder.path} left out: {listing(alone, 5)}"
            )
    return notes


def _content(entry: Mapping[str, Any]) -> str:
    return str(entry.get("sha256") or "")


def _place(entry: Mapping[str, Any]) -> str:
    station, rest = entry.get("station"), _part_and_pass(entry)
    return f"{rest}\x1f{station}" if rest and station else ""


def _part_and_pass(entry: Mapping[str, Any]) -> str:
    part = entry.get("part")
    return f"{part}\x1f{entry.get('pass') or ''}" if part else ""


# Metric -> its side of a ``Precision``.
COMPARED = {"average_precision": 0, "average_precision_50": 1}
SAME_BOX = ["item", "frame", "object", "label_name", *BOX]


@dataclass(frozen=True)
class Judged:
    frames: pd.DataFrame  # item, frame, time_s, part
    known: pd.DataFrame  # their known boxes
    found: pd.DataFrame  # what was detected on them, of any score

    def on(self, frames: pd.DataFrame, known: pd.DataFrame) -> Judged:
        return Judged(
            self.frames.merge(frames[["item", "frame"]], on=["item", "frame"]),
            self.known.merge(known[SAME_BOX].drop_duplicates(), on=SAME_BOX),
            self.found.merge(frames[["item", "frame"]], on=["item", "frame"]),
        )


def precision_differences(
    a: Side, b: Side, by: str, margin: float
) -> tuple[dict[str, Compared], list[str]]:
    """Compare each metric of ``COMPARED``; p-values are unadjusted (``with_p``). Empty without known boxes.

    Sign flips of each cluster's influence on both sides at once (Tukey's pseudovalue), in twelve groups at
    most. Below six clips the clusters are stretches.
    """
    sides = [_judged(side) for side in (a, b)]
    if any(side.known.empty for side in sides):
        return {}, []
    if by == "content":
        frames = sides[0].frames.merge(sides[1].frames[["item", "frame"]], on=["item", "frame"])
        same = sides[0].known.merge(sides[1].known[SAME_BOX].drop_duplicates(), on=SAME_BOX)
        if same.empty:
            return {}, [
                "average precision is not compared: the two were judged by different known boxes"
            ]
        sides = [side.on(frames, same) for side in sides]
    both = pd.concat([side.frames for side in sides])
    clusters = clusters_of_rows(both, shortest=SHORTEST_S, fewest=FEWEST_TESTED)
    # a stretch of one footage is none of another
    known = by == "content" or clusters.what != "stretch"
    group = groups(clusters.label) if known else np.zeros(len(both), np.int64)
    cut = len(sides[0].frames)
    lines = [
        precisions(
            FramesOfBoxes.of(side.frames, side.known, side.found),
            np.arange(len(side.frames)),
            code,
            int(group.max(initial=-1)) + 1,
        )
        for side, code in zip(sides, (group[:cut], group[cut:]), strict=True)
    ]
    compared = {}
    inflation = shared_by_neighbours(both["item"], clusters) if clusters.what == "stretch" else 1.0
    for name, which in COMPARED.items():
        one, other = (np.array([whole[which], *left_out[:, which]]) for whole, left_out in lines)
        difference = other - one
        low, high, p = flipped(float(difference[0]), difference[1:], inflation)
        if by == "content" and not difference.any():
            low, high, p = 0.0, 0.0, 1.0  # what did the same on all of it did the same
        a_value, b_value = float(one[0]), float(other[0])
        compared[name] = Compared(
            a=a_value,
            b=b_value,
            difference=float(difference[0]),
            low=low,
            high=high,
            margin=margin_of(a_value, b_value, margin),
            verdict="cannot tell",
            n=cut,
            clusters=clusters.count,
            cluster=clusters.what,
            p=p,
        )
    return compared, []


def flipped(
    value: float, without: np.ndarray, inflation: float = 1.0
) -> tuple[float, float, float]:
    """Return the sign-flip interval (95 %) and p-value of a difference that is no mean of rows; NaN below six
    units.

    ``without`` (G,) are the values without each unit; ``inflation`` is that of ``FlippedRatio``.
    """
    units = len(without)
    if units < FEWEST_TESTED or not np.isfinite([value, *without]).all():
        return math.nan, math.nan, math.nan
    flips = FlippedRatio.of(
        (value + influence(without)) / units, np.full(units, 1 / units), inflation=inflation
    )
    low, high = flips.interval()
    return max(low, -1.0), min(high, 1.0), flips.p(0.0)


def with_p(metrics: Mapping[str, Compared], *, share: float = 1.0) -> dict[str, Compared]:
    """Adjust the verdicts on metrics that are no means of rows by Holm's (1979) steps, in a share of the error."""
    adjusted, least = {}, 0.0
    for rank, name in enumerate(
        sorted(metrics, key=lambda name: np.nan_to_num(metrics[name].p, nan=2.0))
    ):
        least = max(least, min(1.0, metrics[name].p * (len(metrics) - rank) / share))
        adjusted[name] = _adjusted(metrics[name], least)
    return {name: adjusted[name] for name in metrics}


def _adjusted(compared: Compared, p: float) -> Compared:
    here = verdict(compared.low, compared.high, margin=compared.margin, worse="lower", p=p)
    alone = compared.cluster == "stretch" or compared.clusters < ENOUGH
    equal = compared.low == compared.high == 0.0
    return replace(
        compared,
        p=p,
        verdict=(beyond := "cannot tell" if alone and not equal else here),
        on_these_clips=here if alone else "",
        why=why_not(beyond, here, compared.low, compared.high),
    )


def _judged(side: Side) -> Judged:
    known, seen = side.table("known_boxes"), side.table("box_counts")
    seen = seen.sort_values(["item", "frame"], kind="stable").reset_index(drop=True)
    frames = seen.loc[
        with_known_boxes(seen, known), ["item", "frame", "time_s", "part"]
    ].reset_index(drop=True)
    boxes = side.table("detections").merge(frames[["item", "frame"]], on=["item", "frame"])
    return Judged(frames, known, boxes)


# Fields of ``ModelRecord``, in the order in which a frame meets them
STEPS = ("preprocessing", "precision", "engine", "weights_sha256", "num_classes")


def agreement_of(a: Side, b: Side) -> Agreement | None:
    """Return how often two models say the same of the frames that both saw; None for another task.

    Boxes count from the score at which a run begins tracks.
    """
    if task_of(a.task).finds_boxes:
        frames = b.table("box_counts")[["item", "frame"]]
        seen = a.table("box_counts")[["item", "frame", "time_s", "part"]].merge(frames)
        return box_agreement(seen, _sure_boxes(a), _sure_boxes(b))
    tables = [side.table("frames") for side in (a, b)]
    if any(table.empty for table in tables):
        return None
    one, other = (table.rename(columns={"probability": "score"}) for table in tables)
    found = label_agreement(one, other)
    return None if found.frames.empty else found


def differing_steps(a: Side, b: Side) -> list[dict[str, str]]:
    models = [
        next(model for model in side.folder.record.models if model.name == side.model)
        for side in (a, b)
    ]
    both = ((step, *(str(getattr(model, step)) for model in models)) for step in STEPS)
    return [{"what": step, "a": one, "b": other} for step, one, other in both if one != other]


def _sure_boxes(side: Side) -> pd.DataFrame:
    table = side.table("detections")
    return table[table["score"] >= side.folder.settings.track_start_score]
