"""Decisions from object paths, and how often they are wrong.

The reference has the paths of known objects, or without labels those of persistent objects with gaps filled.
A counter sees boxes alone. Where it differs is an error, or instability without labels; frames of unknown
state bound it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.plugins.decisions.places import LineOrZone

# An object has crossed a line once it is so many of its sizes beyond it: less is the shake of its box
SETTLED = 0.25
# A counted crossing belongs to one of the reference in the same direction within so many seconds
TOGETHER_S = 1.0
LATE_S = 0.2  # A crossing counted later than this is late
PATH = ["object", "row", "x", "y", "size", "sure"]


@dataclass(frozen=True)
class ClipTimes:
    """One input: time of each frame, s."""

    item: str
    time_s: np.ndarray

    @property
    def minutes(self) -> float:
        step = float(np.median(np.diff(self.time_s))) if len(self.time_s) > 1 else 0.0
        return (float(self.time_s[-1] - self.time_s[0]) + step) / 60


def path_rows(
    rows: pd.DataFrame, anchor: str, object_: np.ndarray, sure: np.ndarray
) -> pd.DataFrame:
    """Return paths: object, row of the frame, x and y of the anchor px, size px, and whether it is sure."""
    y = rows["y2"] if anchor == "bottom" else (rows["y1"] + rows["y2"]) / 2
    size = np.sqrt(np.maximum((rows["x2"] - rows["x1"]) * (rows["y2"] - rows["y1"]), 1.0))
    values = {
        "object": object_,
        "row": rows["row"],
        "x": (rows["x1"] + rows["x2"]) / 2,
        "y": y,
        "size": size,
    }
    return pd.DataFrame({**values, "sure": sure}).sort_values(
        ["object", "row"], kind="stable", ignore_index=True
    )


def counted_paths(boxes: ItemBoxes, settings: TrackSettings, anchor: str) -> pd.DataFrame:
    """Return the paths that a counter sees: boxes alone, and another object after a longer gap."""
    track = follow(boxes, settings).track
    rows = np.flatnonzero(track >= 0)
    rows = rows[np.lexsort((boxes.frame[rows], track[rows]))]
    frame = boxes.frame[rows]
    new = (np.diff(track[rows], prepend=-1) != 0) | (
        np.diff(frame, prepend=0) > settings.max_gap + 1
    )
    table = pd.DataFrame(boxes.boxes[rows], columns=["x1", "y1", "x2", "y2"]).assign(row=frame)
    return path_rows(table, anchor, np.cumsum(new), np.ones(len(rows), bool))


def crossings(
    paths: pd.DataFrame, line: LineOrZone, footage: ClipTimes, *, settled: bool
) -> pd.DataFrame:
    """Return object, row, direction (1 to the right of the line) and sure of each crossing.

    ``settled`` waits until an object is clearly beyond the line; otherwise every change of side counts.
    """
    points = paths[["x", "y"]].to_numpy(np.float64)
    away = line.side(points)
    side = np.sign(away)
    if settled:
        side[np.abs(away) < SETTLED * paths["size"].to_numpy(np.float64)] = 0
    known = np.flatnonzero(side != 0)
    object_ = paths["object"].to_numpy()
    a, b = known[:-1], known[1:]
    over = (object_[a] == object_[b]) & (side[a] != side[b])
    over &= line.beside((points[a] + points[b]) / 2)
    a, b = a[over], b[over]
    # of a settled one the moment at which its path meets the line, not that at which it is clearly beyond
    at = b.copy()
    for k, (start, stop) in enumerate(zip(a, b, strict=True)):
        at[k] = start + 1 + int(np.argmax(np.sign(away[start + 1 : stop + 1]) == side[stop]))
    sure = paths["sure"].to_numpy(bool)
    columns = {
        "object": object_[b],
        "row": paths["row"].to_numpy()[at],
        "direction": side[b].astype(int),
    }
    return pd.DataFrame({**columns, "sure": sure[at] & sure[np.maximum(at - 1, 0)]})


def compared_crossings(
    reference: pd.DataFrame, counted: pd.DataFrame, footage: ClipTimes
) -> dict[str, float]:
    """Return the number of crossings, and of those a counter misses, doubles, invents or counts late."""
    time = footage.time_s
    pairs: list[tuple[float, int, int]] = []
    for i, one in enumerate(reference.itertuples()):
        for j, other in enumerate(counted.itertuples()):
            apart = float(time[other.row] - time[one.row])
            if one.direction == other.direction and abs(apart) <= TOGETHER_S:
                pairs.append((abs(apart), i, j))
    of: dict[int, int] = {}
    for _, i, j in sorted(pairs):
        if i not in of.values() and j not in of:
            of[j] = i
    matched = set(of.values())
    lost = [i for i in range(len(reference)) if i not in matched]
    extra = [j for j in range(len(counted)) if j not in of]
    double = {j for _, i, j in pairs if j in extra and i in matched}
    late = [
        float(time[counted["row"].iloc[j]] - time[reference["row"].iloc[i]]) for j, i in of.items()
    ]
    return {
        "crossings": len(reference),
        "counted": len(counted),
        "lost": len(lost),
        "lost_at_least": int(sum(bool(reference["sure"].iloc[i]) for i in lost)),
        "double": len(double),
        "false": len(extra) - len(double),
        "late": sum(delay > LATE_S for delay in late),
    }


def occupancy(paths: pd.DataFrame, zone: LineOrZone | None, footage: ClipTimes) -> np.ndarray:
    """Return how many objects each frame has in the zone, or in the picture, (F,)."""
    inside = np.ones(len(paths), bool) if zone is None else zone.holds(paths[["x", "y"]].to_numpy())
    return np.bincount(paths["row"].to_numpy(np.int64)[inside], minlength=len(footage.time_s))


def compared_zone(
    reference: pd.DataFrame, counted: pd.DataFrame, zone: LineOrZone, footage: ClipTimes
) -> dict[str, float]:
    """Return dwell in object-seconds, and the mean error of the number of objects in a frame."""
    there, seen = (occupancy(paths, zone, footage) for paths in (reference, counted))
    sure = occupancy(reference[reference["sure"]], zone, footage)
    step = 60 * footage.minutes / max(len(footage.time_s), 1)
    return {
        "dwell_s": float(there.sum() * step),
        "counted_dwell_s": float(seen.sum() * step),
        "dwell_at_least_s": float(sure.sum() * step),
        "occupancy_error": float(np.abs(there - seen).mean()) if len(there) else float("nan"),
        "wrong_frames": float((there != seen).mean()) if len(there) else float("nan"),
    }


def compared_alarm(
    reference: np.ndarray, signal: np.ndarray, wanted: int, window: int
) -> dict[str, float]:
    """Return presences (runs of frames with an object), and missed, late, repeated or false alarms.

    An alarm is on while ``wanted`` of the last ``window`` frames have a box, and late after more than
    ``wanted`` frames.
    """
    on = np.convolve(signal > 0, np.ones(window, int))[: len(signal)] >= wanted
    starts = np.flatnonzero(np.diff(on.astype(int), prepend=0) == 1)
    there = reference > 0
    begins = np.flatnonzero(np.diff(there.astype(int), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(there.astype(int), append=0) == -1)
    kept = (
        [0, *(k for k in range(1, len(begins)) if begins[k] - ends[k - 1] > window)]
        if len(begins)
        else []
    )
    runs = [
        (begins[k], ends[(kept[n + 1] if n + 1 < len(kept) else len(begins)) - 1])
        for n, k in enumerate(kept)
    ]
    missed = late = repeated = 0
    taken = np.zeros(len(starts), bool)
    for start, stop in runs:
        within = (starts >= start) & (starts <= stop + window)
        taken |= within
        missed += not within.any()
        late += bool(within.any()) and int(starts[within][0] - start) >= wanted
        repeated += max(0, int(within.sum()) - 1)
    return {
        "presences": len(runs),
        "missed": missed,
        "late": late,
        "repeated": repeated,
        "false": int((~taken).sum()),
    }


def decided(
    references: Sequence[pd.DataFrame],
    counted: Sequence[pd.DataFrame],
    footage: Sequence[ClipTimes],
    places: Sequence[LineOrZone],
    alarm: tuple[int, int] | None,
) -> Iterator[dict[str, object]]:
    """A row per decision, over all inputs: its kind and place, and its figures."""
    clips = list(zip(references, counted, footage, strict=True))
    for place in places:
        if place.is_line:
            parts = [
                compared_crossings(
                    crossings(known, place, of, settled=True),
                    crossings(seen, place, of, settled=False),
                    of,
                )
                for known, seen, of in clips
            ]
            yield {"decision": "line", "place": place.name, **_added(parts)}
            continue
        zones = [compared_zone(known, seen, place, of) for known, seen, of in clips]
        frames = np.array([len(of.time_s) for of in footage], np.float64)
        means = {
            name: float(np.average([part[name] for part in zones], weights=frames))
            for name in ("occupancy_error", "wrong_frames")
        }
        yield {"decision": "zone", "place": place.name, **_added(zones), **means}
    if alarm is None:
        return
    zones_or_picture: list[LineOrZone | None] = [place for place in places if not place.is_line]
    for zone in zones_or_picture or [None]:
        alarms = [
            compared_alarm(occupancy(known, zone, of), occupancy(seen, zone, of), *alarm)
            for known, seen, of in clips
        ]
        yield {"decision": "alarm", "place": zone.name if zone else "picture", **_added(alarms)}


def _added(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def wrong(rows: Sequence[Mapping[str, object]]) -> float:
    """Return the number of wrong decisions, by which remedies are ranked; of zones the mean error of a frame."""
    events = ("lost", "double", "false", "late", "missed", "repeated", "occupancy_error")
    return float(sum(float(str(row[name])) for row in rows for name in events if name in row))
