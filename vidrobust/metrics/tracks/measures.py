"""What objects show, one row per frame of each object: its state, renames and jitter.

    frame          0   1   2   3   4   5   6
    label          A   A   .   B   A   A   .        the track ends at 5
    state          covered ... missed ...   lost
    missed         0   0   1   0   0   0        between its first and its last box
    uncovered      0   0   1   0   0   0   1    in any state of ``FAULTS``
    second_box     0   1       0   0   0        a further box lies on it
    flip               0       1   1   0
    revert_flip        0       1   0   0        A B A within the window
    score_jitter           -           x        where three frames in a row have a box

Jitter is a second difference, jerk a third one: constant offsets and steady motion give 0. Alarms that blink have
states, but no ``missed`` and ``uncovered``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import areas, duplicates
from vidrobust.metrics.class_differences import revert_flips
from vidrobust.metrics.tracks.borders import touches_border
from vidrobust.metrics.tracks.follow import Objects, TrackSettings
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.metrics.tracks.states import FAULTS, MID_PICTURE, Lives, StateRows, lives
from vidrobust.shapes.shape import flicker

SMALL, LARGE = 32.0**2, 96.0**2  # Areas, px^2, at which COCO calls a box medium and large


JITTERS = ("score_jitter", "center_jitter", "size_jitter", "mask_jitter", "squared_jerk")


@dataclass(frozen=True)
class Measures:
    """The rows that the metrics are means of; ``row`` is the frame in the order of delivery.

    ``along`` has a row per object and frame (columns of ``object_frames``), ``tracks`` one per track,
    ``counts`` one per frame; vanished_per_minute and appeared_per_minute there are of one frame, so that
    their means are rates.
    """

    along: pd.DataFrame
    tracks: pd.DataFrame
    counts: pd.DataFrame


def measure(
    item: ItemBoxes,
    objects: Objects,
    settings: TrackSettings,
    *,
    frame_rate: float = 25.0,
) -> Measures:
    """Measure everything that the boxes and their objects show; frame_rate in frames per second."""
    track = objects.track
    states = lives(item, objects, settings)
    rows = np.flatnonzero(track >= 0)
    rows = rows[np.lexsort((item.frame[rows], track[rows]))]
    along = pd.concat(
        [_boxes_along(item, objects, rows, settings), _without_box(states.rows)], ignore_index=True
    )
    along = along.sort_values(["track", "row"], kind="stable", ignore_index=True)
    alarm = states.alarm[along["track"].to_numpy(np.int64)] if len(along) else np.zeros(0, bool)
    along = along.assign(
        alarm=alarm.astype(np.float64), **faults(along["state"], along["evidence"], alarm)
    )
    along["revert_flip"] = _reverts(along)
    tracks = _tracks(item, track, rows, along, states)
    about = tracks[["track", "track_label", "size"]]
    along = along.drop(columns="label").merge(about, on="track", how="left")
    return Measures(along, tracks, _counts(item, objects, tracks, settings, 60 * frame_rate))


def _boxes_along(
    item: ItemBoxes, objects: Objects, rows: np.ndarray, settings: TrackSettings
) -> pd.DataFrame:
    track = objects.track
    same = np.zeros(len(rows), bool)
    same[1:] = track[rows[1:]] == track[rows[:-1]]
    labels = item.labels[rows]
    flip = np.full(len(rows), np.nan)
    flip[same] = (labels[1:] != labels[:-1])[same[1:]]
    jitter = {name: np.full(len(rows), np.nan) for name in JITTERS}
    middle = _middles(item, track, rows)
    before, now, after = (rows[middle + step] for step in (-1, 0, 1))
    boxes, side = item.boxes, np.sqrt(np.maximum(areas(item.boxes[now]), 1e-9))
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    jitter["score_jitter"][middle] = second_difference(
        *(item.scores[r] for r in (before, now, after))
    )
    jitter["center_jitter"][middle] = (
        second_difference(*(centre[r] for r in (before, now, after))) / side
    )
    jitter["size_jitter"][middle] = (
        second_difference(*(size[r] for r in (before, now, after))) / side
    )
    last = middle[1:][np.diff(middle) == 1]  # four frames in a row
    # (K,) squared third difference of centres (K, 4, 2), over the box's area
    jerk = np.diff(centre[rows[last[:, None] + np.arange(-2, 2)]], n=3, axis=1)[:, 0]
    jitter["squared_jerk"][last] = (jerk**2).sum(axis=1) / np.maximum(
        areas(boxes[rows[last]]), 1e-9
    )
    jitter["mask_jitter"][middle] = _mask_jitter(item, before, now, after)
    # Where a further box that could begin a track lies on the object, (R,) 1 or 0
    further = (objects.second >= 0) & (item.scores >= settings.starts(item.labels))
    key = objects.second[further] * item.num_frames + item.frame[further]
    return pd.DataFrame(
        {
            "track": track[rows],
            "row": item.frame[rows],
            "state": "covered",
            "evidence": "box",
            "second_box": np.isin(
                objects.track[rows] * item.num_frames + item.frame[rows], key
            ).astype(np.float64),
            "label": labels,
            "flip": flip,
            "id_switch": _id_switches(item, rows, same),
            **jitter,
            **_sides(item.boxes[rows]),
        }
    )


def _middles(item: ItemBoxes, track: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Places in ``rows`` with a box before and after; all three cut by the border, or none."""
    frame, cut = item.frame[rows], touches_border(item.boxes[rows], item.size)
    inner = np.arange(1, max(len(rows) - 1, 1))
    if len(rows) < 3:
        return np.empty(0, np.int64)
    good = (track[rows[inner - 1]] == track[rows[inner]]) & (
        track[rows[inner + 1]] == track[rows[inner]]
    )
    good &= (frame[inner] - frame[inner - 1] == 1) & (frame[inner + 1] - frame[inner] == 1)
    good &= (cut[inner] == cut[inner - 1]) & (cut[inner] == cut[inner + 1])
    return inner[good]


def second_difference(before: np.ndarray, now: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the length of after - 2 now + before, (N,); 0 for a steady change."""
    change = np.asarray(after - 2 * now + before, np.float64)
    length: np.ndarray = np.abs(change) if change.ndim == 1 else np.sqrt((change**2).sum(axis=1))
    return length


def _mask_jitter(
    item: ItemBoxes, before: np.ndarray, now: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Share of each mask's area that comes or goes for one frame, (M,); NaN without masks."""
    if item.shapes is None:
        return np.full(len(now), np.nan)
    three = [item.shapes[rows] for rows in (before, now, after)]
    return np.array(
        [
            flicker(*of) if all(s is not None for s in of) else np.nan
            for of in zip(*three, strict=True)
        ]
    )


def _id_switches(item: ItemBoxes, rows: np.ndarray, same: np.ndarray) -> np.ndarray:
    """(R,) 1 where the detector's own track number changes; NaN where unknown."""
    switch = np.full(len(rows), np.nan)
    if item.given is None:
        return switch
    numbered = np.flatnonzero(item.given[rows] >= 0)
    first, second = numbered[:-1], numbered[1:]
    begins = np.cumsum(~same)
    of_one = begins[first] == begins[second]
    ids = item.given[rows]
    switch[second[of_one]] = (ids[first] != ids[second])[of_one]
    return switch


def _sides(boxes: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(("x1", "y1", "x2", "y2"), boxes.T, strict=True))


def _without_box(at: StateRows) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "track": at.track,
            "row": at.frame,
            "state": at.state,
            "evidence": at.evidence,
            "label": -1,
            **dict.fromkeys(("second_box", "flip", "id_switch", *JITTERS), np.nan),
            **_sides(at.boxes),
        }
    )


def faults(
    state: pd.Series, evidence: pd.Series, alarm: np.ndarray | bool = False
) -> dict[str, np.ndarray]:
    """Return ``missed``, ``uncovered`` and ``unknown`` of rows: 0, 1, or NaN where the state does not count."""
    counts = state.isin(("covered", *FAULTS)) & ~np.asarray(alarm, bool)
    unknown = (state == "unknown") & ~np.asarray(alarm, bool)
    uncovered = np.where(counts, state.isin(FAULTS).astype(np.float64), np.nan)
    return {
        "uncovered": uncovered,
        "unknown": np.where(counts | unknown, unknown.astype(np.float64), np.nan),
        "missed": np.where(evidence.isin(("before", "after")), np.nan, uncovered),
    }


def _reverts(along: pd.DataFrame) -> np.ndarray:
    """Where a label returns within the window, (N,) 1 or 0; NaN without a box before."""
    labels, track = along["label"].to_numpy().copy(), along["track"].to_numpy()
    boxes = labels >= 0
    last = np.maximum.accumulate(np.where(boxes, np.arange(len(labels)), 0))
    same = np.zeros(len(labels), bool)
    same[1:] = track[1:] == track[:-1]
    reverts = revert_flips(labels[last], same)
    return np.where(boxes & along["flip"].notna().to_numpy(), reverts.astype(np.float64), np.nan)


def _tracks(
    item: ItemBoxes, track: np.ndarray, rows: np.ndarray, along: pd.DataFrame, states: Lives
) -> pd.DataFrame:
    if not len(rows):
        columns = ("track", "row", "track_label", "size", "frames", "boxes", "fragments")
        empty = {c: pd.Series(dtype="object" if c == "size" else "int64") for c in columns}
        empty |= {name: pd.Series(dtype="object") for name in ("begins", "ends")}
        empty |= {
            name: pd.Series(dtype="float64") for name in ("vanished", "appeared", "late", "alarm")
        }
        return pd.DataFrame(empty)
    within = along[~along["evidence"].isin(("before", "after"))]
    missed, of = (within["state"] == "missed").to_numpy(), within["track"].to_numpy()
    begins = missed.copy()
    begins[1:] &= ~(missed[:-1] & (of[1:] == of[:-1]))
    count = len(states.ends)
    late = np.bincount(along.loc[along["state"] == "late", "track"], minlength=count).astype(
        np.float64
    )
    late[
        states.alarm | (states.begins == "cut") | ((states.begins == MID_PICTURE) & (late == 0))
    ] = np.nan
    first, last = np.full(count, item.num_frames), np.zeros(count, np.int64)
    np.minimum.at(first, track[rows], item.frame[rows])
    np.maximum.at(last, track[rows], item.frame[rows])
    boxes = pd.DataFrame(
        {
            "track": track[rows],
            "label": item.labels[rows],
            "area": areas(item.boxes[rows]),
        }
    ).groupby("track", sort=True)
    mid = {"vanished": states.ends == MID_PICTURE, "appeared": states.begins == MID_PICTURE}
    return pd.DataFrame(
        {
            "track": np.arange(count),
            "row": first,
            "track_label": boxes["label"]
            .agg(lambda labels: int(np.bincount(labels).argmax()))
            .to_numpy(),
            "size": size_of(boxes["area"].median().to_numpy()),
            "frames": last - first + 1,
            "boxes": boxes["label"].count().to_numpy(),
            "fragments": 1 + np.bincount(of, weights=begins, minlength=count).astype(np.int64),
            "begins": states.begins,
            "ends": states.ends,
            **{
                name: np.where(states.alarm, np.nan, at.astype(np.float64))
                for name, at in mid.items()
            },
            "late": late,
            "alarm": states.alarm.astype(np.float64),
        }
    )


def size_of(area: np.ndarray) -> np.ndarray:
    """Return "small", "medium" or "large" for areas in px^2, as COCO does."""
    return np.select([area < SMALL, area < LARGE], ["small", "medium"], "large")


def _counts(
    item: ItemBoxes,
    objects: Objects,
    tracks: pd.DataFrame,
    settings: TrackSettings,
    per_minute: float,
) -> pd.DataFrame:
    enough = item.scores >= settings.starts(item.labels)
    count = np.bincount(item.frame[enough], minlength=item.num_frames).astype(np.float64)
    jitter = np.full(item.num_frames, np.nan)
    inner = np.arange(1, max(item.num_frames - 1, 1))
    if item.num_frames >= 3:
        inner = inner[item.joined[inner] & item.joined[inner + 1]]
        jitter[inner] = second_difference(count[inner - 1], count[inner], count[inner + 1])
    first = tracks["row"].to_numpy(np.int64)
    rates = {
        name: per_minute * np.bincount(at[tracks[column] == 1], minlength=item.num_frames)
        for name, at, column in (
            ("vanished_per_minute", first + tracks["frames"].to_numpy(np.int64) - 1, "vanished"),
            ("appeared_per_minute", first, "appeared"),
            ("alarms_per_minute", first, "alarm"),
        )
    }
    return pd.DataFrame(
        {"row": np.arange(item.num_frames), "boxes": count, "count_jitter": jitter, **rates}
    )


def duplicate_boxes(item: ItemBoxes, least_score: float) -> np.ndarray:
    """Return 1 for a box that repeats a better one of its class, 0 for others, NaN below the score; (D,)."""
    again = np.full(len(item.frame), np.nan)
    bounds = np.searchsorted(item.frame, np.arange(item.num_frames + 1))
    for start, stop in itertools.pairwise(bounds):
        rows = np.arange(start, stop)[item.scores[start:stop] >= least_score]
        again[rows] = duplicates(item.places(rows), item.scores[rows], item.labels[rows])
    return again


def without_absent(steps: pd.DataFrame, judged_steps: pd.DataFrame) -> pd.DataFrame:
    """Return rows of ``object_frames`` with NaN for faults where the labels say that the object is not there."""
    keys = ["item", "frame", "model", "track"]
    absent = judged_steps.loc[judged_steps["uncovered"].isna(), keys]
    if not len(absent):
        return steps
    at = pd.MultiIndex.from_frame(steps[keys]).isin(pd.MultiIndex.from_frame(absent))
    return steps.assign(**{name: steps[name].mask(at) for name in ("uncovered", "missed")})
