"""Which moments of a detector are worth a look, and detectors side by side."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.rates import overall
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import known, number, percent_with_interval
from vidrobust.text.phrases import plural

METRICS = (
    "uncovered_rate",
    "flip_rate",
    "center_jitter",
    "recall",
    "average_precision",
    "true_uncovered_rate",
)  # What is shown of each, in this order; the last three with known boxes alone
# The metric by which they are sorted, with known boxes and without
BY_LABELS, BY_ITSELF = "average_precision", "uncovered_rate"


def side_by_side(run: RunTables) -> dict[str, Any]:
    """Return column titles and rows (model, values, threshold, ms), the best model first.

    Without known boxes there is no threshold, as a lower one always covers more.
    """
    stability = run.table("stability")
    if stability is None or not run.detectors:
        return {"titles": [], "rows": []}
    shown = [
        name
        for name in METRICS
        if any(overall(stability, model, name)["n"] for model in run.detectors)
    ]
    titles = [
        metric.title for name in shown if (metric := find_metric(name, "detection")) is not None
    ]
    by = BY_LABELS if BY_LABELS in shown else BY_ITSELF
    curve, speed = run.table("truth_curve"), run.record.ms_a_frame
    return {
        "titles": titles,
        "rows": [
            {
                "model": model,
                "values": [figure_in_words(overall(stability, model, name)) for name in shown],
                "threshold": best_threshold(curve, model),
                "ms": number(speed[model]) if model in speed else "recorded",
            }
            for model in sorted(
                run.detectors, key=lambda each: rank(overall(stability, each, by)["value"], by)
            )
        ],
    }


def rank(value: float, by: str) -> tuple[bool, float]:
    """Return what detectors are sorted by, of the value of the metric: the best first, the unknown last."""
    return not known(value), (-value if by == BY_LABELS else value) if known(value) else 0.0


def figure_in_words(row: Mapping[str, Any]) -> str:
    """Return a metric with its interval; nothing from fewer than FEWEST_ROWS values."""
    if 0 < row["n"] < FEWEST_ROWS:
        return "too few to say"
    return (
        percent_with_interval(row["value"], row["low"], row["high"]) if row["n"] else "not measured"
    )


def best_threshold(curve: pd.DataFrame | None, model: str) -> str:
    """Return the threshold of highest F1, "0.35 (F1 .81)"; "" without known boxes."""
    if curve is None:
        return ""
    of = curve[curve["model"] == model].dropna(subset=["recall", "precision"])
    both = of["recall"] + of["precision"]
    f1 = (2 * of["recall"] * of["precision"] / both.where(both > 0)).dropna()
    if f1.empty:
        return ""
    best = f1.idxmax()
    return f"{of.loc[best, 'threshold']:g} (F1 {f1[best]:.2f})"


PER_MODEL = 6
APART_S = 1.0
BEFORE, AFTER, MOST_SHOWN = 2, 2, 7  # Frames of a strip before and after what happens, and in all
BOX = ["x1", "y1", "x2", "y2"]
KEYS = ["item", "track", "frame"]


@dataclass(frozen=True)
class Shot:
    """One frame of a strip: the object's place x1, y1, x2, y2 px, and its state."""

    frame: int
    time_s: float
    place: tuple[float, float, float, float]
    state: str


@dataclass(frozen=True)
class BoxMoment:
    """What went wrong and when, how sure the detector was before, and the frames that show it."""

    model: str
    item: str
    track: int
    time_s: float
    kind: str
    what: str
    sure: float
    shots: tuple[Shot, ...]


def choose(model: str, steps: pd.DataFrame, detections: pd.DataFrame) -> list[BoxMoment]:
    """Choose the moments at which one detector lost most, of each kind in turn, the greatest loss of a turn first.

    A loss is the score before times the frames without the object. Moments of one item are at least a second apart;
    objects that leave or are hidden do not count.
    """
    rows = _with_scores(steps, detections)
    queues = [_of_kind(rows, kind) for kind in ("missed", "lost", "late", "renamed")]
    chosen: list[BoxMoment] = []
    for row, kind in (
        entry
        for turn in itertools.zip_longest(*queues)
        for entry in sorted(filter(None, turn), key=lambda entry: -entry[0]["loss"])
    ):
        if len(chosen) == PER_MODEL:
            break
        if not any(
            m.item == row["item"] and abs(m.time_s - row["time_s"]) < APART_S for m in chosen
        ):
            chosen.append(_moment(model, rows, row, kind))
    return chosen


def _with_scores(steps: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    boxes = detections[detections["track"] >= 0][[*KEYS, "score", "label_name"]]
    rows = steps.merge(boxes.rename(columns={"label_name": "now"}), on=KEYS, how="left")
    rows = rows.sort_values(KEYS, kind="stable", ignore_index=True)
    of = [rows["item"], rows["track"]]
    last = rows.groupby(["item", "track"], sort=False)[["score", "now"]].ffill()
    before = last.groupby(of, sort=False).shift()
    state_before = rows["state"].groupby(of, sort=False).shift().fillna("")
    begins = (rows["uncovered"] == 1) & (state_before != rows["state"])
    rows = rows.assign(sure=before["score"], was=before["now"], begins=begins)
    # of an object found late no score stands before: what it usually has
    usual = rows.groupby(["item", "track"], sort=False)["score"].transform("median")
    return rows.assign(loss=(rows["sure"].fillna(usual).fillna(0.0) * _frames_lost(rows, of)))


def _frames_lost(rows: pd.DataFrame, of: list[pd.Series]) -> pd.Series:
    """Return how many frames in a row, from each on, are without the object; 1 where it has a box."""
    without = rows["uncovered"] == 1
    stretch = (without != without.groupby(of, sort=False).shift()).cumsum()
    to_come = without.groupby(stretch).transform("size") - without.groupby(stretch).cumcount()
    return to_come.where(without, 1)


def _of_kind(rows: pd.DataFrame, kind: str) -> Iterator[tuple[pd.Series, str]]:
    chosen = rows["flip"] == 1 if kind == "renamed" else rows["begins"] & (rows["state"] == kind)
    ranked = rows[chosen].sort_values("loss", ascending=False, kind="stable")
    return ((row, kind) for _, row in ranked.iterrows())


def _moment(model: str, rows: pd.DataFrame, row: pd.Series, kind: str) -> BoxMoment:
    of = rows[(rows["item"] == row["item"]) & (rows["track"] == row["track"])]
    at = int(np.flatnonzero(of["frame"].to_numpy() == row["frame"])[0])
    without = (of["uncovered"] == 1).to_numpy()
    stop = at
    while stop < len(of) and without[stop]:
        stop += 1
    end = max(stop, at + 1)
    lost_shown = list(range(at, end))
    if len(lost_shown) > MOST_SHOWN - BEFORE - 1:  # of a long gap its beginning and its end
        lost_shown = [*range(at, at + MOST_SHOWN - BEFORE - 2), end - 1]
    after = list(range(end, min(end + AFTER, len(of))))[: MOST_SHOWN - BEFORE - len(lost_shown)]
    places = [*range(max(0, at - BEFORE), at), *lost_shown, *after]
    shots = tuple(_shot(of.iloc[place], kind, at, place) for place in places)
    return BoxMoment(
        model=model,
        item=str(row["item"]),
        track=int(row["track"]),
        time_s=float(row["time_s"]),
        kind=kind,
        what=_words(row, kind, end - at),
        sure=float(row["sure"]),
        shots=shots,
    )


def _shot(step: pd.Series, kind: str, at: int, place: int) -> Shot:
    state = "covered"
    if step["evidence"] != "box":
        state = str(step["state"])
    elif kind == "renamed" and place == at:
        state = "renamed"
    box = tuple(float(step[side]) for side in BOX)
    return Shot(int(step["frame"]), float(step["time_s"]), (box[0], box[1], box[2], box[3]), state)


def _words(row: pd.Series, kind: str, frames: int) -> str:
    if kind == "renamed":
        return f"{row['was']} is called {row['now']}"
    if kind == "late":
        return f"{row['label_name']} is found {plural(frames, 'frame')} late"
    # by the name that player and tables have, whatever its last box was called
    return f"{row['label_name']} is {kind} for {plural(frames, 'frame')}"
