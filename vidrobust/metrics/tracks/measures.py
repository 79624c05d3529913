"""What tracks show: missed frames, renames and jitter, a row for each frame of each track.

    frame          0   1   2   3   4   5   6
    label          A   A   .   B   A   A   .        the track ends at 5
    missed         0   0   1   0   0   0
    flip               0       1   1   0
    revert_flip        0       1   0   0            A B A within the window
    score_jitter           -           x            where three frames in a row have a box

Constant offsets and steady motion cost nothing: jitter is a second difference.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import areas, duplicates
from vidrobust.metrics.class_differences import revert_flips
from vidrobust.metrics.tracks.follow import ItemBoxes, TrackSettings
from vidrobust.metrics.tracks.gaps import Gaps, find_gaps, touches_border

SMALL, LARGE = 32.0**2, 96.0**2
"""Areas, px^2, at which COCO calls a box medium and large."""


@dataclass(frozen=True)
class Measures:
    """The rows that the metrics are means of; ``row`` is the frame's, from 0 in the order of delivery.

    along   one row per frame of a track, from its first box to its last: track, row, track_label, size, missed
            (0 or 1; NaN where the gap is nobody's fault), reason, flip, revert_flip, score_jitter, center_jitter,
            size_jitter (NaN where they are not defined)
    tracks  one row per track: track, row (its first), track_label, size, frames, boxes, fragments
    counts  one row per frame: row, boxes, count_jitter (NaN at ends and cuts)
    """

    along: pd.DataFrame
    tracks: pd.DataFrame
    counts: pd.DataFrame


def measure(
    found: ItemBoxes, track: np.ndarray, settings: TrackSettings, *, revert_within: int = 3
) -> Measures:
    """Everything that the boxes and their tracks show; track (D,) as ``follow`` gives it."""
    gaps = find_gaps(found, track)
    rows = np.flatnonzero(track >= 0)
    rows = rows[np.lexsort((found.frame[rows], track[rows]))]
    seen = _boxes_along(found, track, rows)
    along = pd.concat([seen, _gaps_along(gaps)], ignore_index=True)
    along = along.sort_values(["track", "row"], kind="stable", ignore_index=True)
    along["revert_flip"] = _reverts(along, revert_within)
    tracks = _tracks(found, track, rows, along)
    about = tracks[["track", "track_label", "size"]]
    along = along.drop(columns="label").merge(about, on="track", how="left")
    return Measures(along, tracks, _counts(found, settings.start_score))


def size_of(area: np.ndarray) -> np.ndarray:
    """(N,) areas, px^2 -> "small", "medium" or "large", as in COCO."""
    return np.select([area < SMALL, area < LARGE], ["small", "medium"], "large")


def duplicate_boxes(found: ItemBoxes, least_score: float) -> np.ndarray:
    """(D,) float64: 1 for a box that repeats a better one of its class, 0 for another, NaN below the score."""
    again = np.full(len(found.frame), np.nan)
    bounds = np.searchsorted(found.frame, np.arange(found.num_frames + 1))
    for start, stop in itertools.pairwise(bounds):
        rows = np.arange(start, stop)[found.scores[start:stop] >= least_score]
        again[rows] = duplicates(found.boxes[rows], found.scores[rows], found.labels[rows])
    return again


def second_difference(before: np.ndarray, now: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(N,) or (N, d) of three frames -> (N,) length of what is no steady change."""
    change = np.asarray(after - 2 * now + before, np.float64)
    length: np.ndarray = np.abs(change) if change.ndim == 1 else np.sqrt((change**2).sum(axis=1))
    return length


def _boxes_along(found: ItemBoxes, track: np.ndarray, rows: np.ndarray) -> pd.DataFrame:
    """One row for each box of a track."""
    same = np.zeros(len(rows), bool)
    same[1:] = track[rows[1:]] == track[rows[:-1]]
    labels = found.labels[rows]
    flip = np.full(len(rows), np.nan)
    flip[same] = (labels[1:] != labels[:-1])[same[1:]]
    jitter = {name: np.full(len(rows), np.nan) for name in ("score_jitter", "center_jitter", "size_jitter")}
    middle = _middles(found, track, rows)
    before, now, after = (rows[middle + step] for step in (-1, 0, 1))
    boxes, side = found.boxes, np.sqrt(np.maximum(areas(found.boxes[now]), 1e-9))
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    jitter["score_jitter"][middle] = second_difference(*(found.scores[r] for r in (before, now, after)))
    jitter["center_jitter"][middle] = second_difference(*(centre[r] for r in (before, now, after))) / side
    jitter["size_jitter"][middle] = second_difference(*(size[r] for r in (before, now, after))) / side
    return pd.DataFrame(
        {
            "track": track[rows],
            "row": found.frame[rows],
            "missed": 0.0,
            "reason": "",
            "label": labels,
            "flip": flip,
            **jitter,
        }
    )


def _middles(found: ItemBoxes, track: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Places in ``rows`` with a box of the track in the frame before and in the frame after.

    Where an object is cut by the border in some of the three frames and not in others, its box must change.
    """
    frame, cut = found.frame[rows], touches_border(found.boxes[rows], found.size)
    inner = np.arange(1, max(len(rows) - 1, 1))
    if len(rows) < 3:
        return np.empty(0, np.int64)
    good = (track[rows[inner - 1]] == track[rows[inner]]) & (track[rows[inner + 1]] == track[rows[inner]])
    good &= (frame[inner] - frame[inner - 1] == 1) & (frame[inner + 1] - frame[inner] == 1)
    good &= (cut[inner] == cut[inner - 1]) & (cut[inner] == cut[inner + 1])
    return inner[good]


def _gaps_along(gaps: Gaps) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "track": gaps.track,
            "row": gaps.frame,
            "missed": np.where(gaps.reason == "", 1.0, np.nan),
            "reason": gaps.reason.astype(object),
            "label": -1,
            **dict.fromkeys(("flip", "score_jitter", "center_jitter", "size_jitter"), np.nan),
        }
    )


def _reverts(along: pd.DataFrame, window: int) -> np.ndarray:
    """(N,) 1 where a label leaves and is back within the window, 0 at other boxes with one before, else NaN.

    A frame without a box keeps the label of the last one, so that the window counts frames.
    """
    labels, track = along["label"].to_numpy().copy(), along["track"].to_numpy()
    boxes = labels >= 0
    last = np.maximum.accumulate(np.where(boxes, np.arange(len(labels)), 0))
    same = np.zeros(len(labels), bool)
    same[1:] = track[1:] == track[:-1]
    reverts = revert_flips(labels[last], same, window)
    return np.where(boxes & along["flip"].notna().to_numpy(), reverts.astype(np.float64), np.nan)


def _tracks(found: ItemBoxes, track: np.ndarray, rows: np.ndarray, along: pd.DataFrame) -> pd.DataFrame:
    if not len(rows):
        columns = ("track", "row", "track_label", "size", "frames", "boxes", "fragments")
        return pd.DataFrame({c: pd.Series(dtype="object" if c == "size" else "int64") for c in columns})
    missed, of = (along["missed"] == 1).to_numpy(), along["track"].to_numpy()
    begins = missed.copy()
    begins[1:] &= ~(missed[:-1] & (of[1:] == of[:-1]))
    grouped = along.assign(begins=begins).groupby("track", sort=True)
    boxes = pd.DataFrame(
        {"track": track[rows], "label": found.labels[rows], "area": areas(found.boxes[rows])}
    ).groupby("track", sort=True)
    area = boxes["area"].median().to_numpy()
    return pd.DataFrame(
        {
            "track": grouped["row"].min().index.to_numpy(),
            "row": grouped["row"].min().to_numpy(),
            "track_label": boxes["label"].agg(lambda labels: int(np.bincount(labels).argmax())).to_numpy(),
            "size": size_of(area),
            "frames": grouped["row"].count().to_numpy(),
            "boxes": boxes["label"].count().to_numpy(),
            "fragments": 1 + grouped["begins"].sum().to_numpy(),
        }
    )


def _counts(found: ItemBoxes, start_score: float) -> pd.DataFrame:
    count = np.bincount(found.frame[found.scores >= start_score], minlength=found.num_frames).astype(
        np.float64
    )
    jitter = np.full(found.num_frames, np.nan)
    inner = np.arange(1, max(found.num_frames - 1, 1))
    if found.num_frames >= 3:
        inner = inner[found.joined[inner] & found.joined[inner + 1]]
        jitter[inner] = second_difference(count[inner - 1], count[inner], count[inner + 1])
    return pd.DataFrame({"row": np.arange(found.num_frames), "boxes": count, "count_jitter": jitter})
