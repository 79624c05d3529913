"""Filters of the joints' paths as remedies: jitter left, lag, and error by labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.plugins.pose.people import KEEP, sigmas_of
from vidrobust.plugins.pose.truth import known_people, similarity

FILTERS = ("one-euro-0.1", "one-euro-0.02", "savgol-5", "savgol-9", "gaussian-5")
LEAST_MOTION = 0.5  # px a frame; pixels that move less, root mean square, show no lag


def filtered(name: str, path: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return a path (n, 2) px of a joint behind a filter; ``size`` (n,) px is the person's."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import savgol_filter

    kind, _, amount = name.rpartition("-")
    if kind == "one-euro":
        return _one_euro(float(amount), path, size)
    window = int(amount)
    if len(path) < window:
        return path
    if kind == "savgol":
        return np.asarray(savgol_filter(path, window, 2, axis=0))
    return np.asarray(gaussian_filter1d(path, 1.0, axis=0, radius=window // 2))


def _one_euro(cutoff: float, path: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Low-pass filter that opens with speed (Casiez et al. 2012).

    The cutoff is so many cycles a frame, and half a cycle more at one size of the person a frame; that of speeds
    is .04.
    """
    place, speed, shown = path[0], np.zeros(2), []
    for now, side in zip(path, size, strict=True):
        speed = speed + _weight(0.04) * (now - place - speed)
        place = place + _weight(cutoff + 0.5 * np.abs(speed) / side) * (now - place)
        shown.append(place)
    return np.array(shown)


def _weight(cutoff: float | np.ndarray) -> float | np.ndarray:
    r = 2 * np.pi * cutoff
    return r / (r + 1)


def delay(name: str) -> int:
    """Return the frames for which a filter waits."""
    return 0 if name.startswith("one-euro") else int(name.rpartition("-")[2]) // 2


def studied(
    model: str, read: Callable[[str], pd.DataFrame], footage: Any, max_delay_ms: float
) -> Any:
    """Return each filter against the joints themselves; None without a path."""
    from vidrobust.stages.remedies.recommend import recommended
    from vidrobust.stages.remedies.row import Costs, row
    from vidrobust.stages.remedies.study import Studied, marked
    from vidrobust.statistics.clusters import clusters_of_rows
    from vidrobust.statistics.ratios import paired_ratio

    parts, pairs = (
        table[table["model"] == model] for table in (read("task_parts"), read("task_pairs"))
    )
    if "x" not in parts or not parts["joint_jitter"].notna().any():
        return None
    joints = parts[parts["x"].notna()]
    joints = joints.sort_values(["item", "track", "component", "frame"], kind="stable").reset_index(
        drop=True
    )
    known = _known_places(joints, footage, model)
    counted = joints["joint_jitter"].notna().to_numpy()
    rows = joints[counted].assign(
        part=[footage.parts.get(item, "") for item in joints.loc[counted, "item"]]
    )
    clusters, before = clusters_of_rows(rows), rows["joint_jitter"].to_numpy(np.float64)
    frame_ms = float(pairs["delta_ms"].median())
    made, after, delays = [], {}, {}
    for name in FILTERS:
        places, delays[name] = _played(joints, name), delay(name) * frame_ms
        after[name] = _jitter(joints, places)[counted]
        costs = Costs(
            delay_frames=delay(name), delay_ms=delays[name], **_precision(joints, places, known)
        )
        ratio = paired_ratio(before, after[name], clusters, events=False)
        made.append(row("rule", name, model, "joint_jitter", ratio, costs))
    best = recommended(after, before, clusters, delays, max_delay_ms)
    return Studied(marked(made, best, "joint_jitter"), best)


def _goes_on(joints: pd.DataFrame) -> np.ndarray:
    sure = (joints["confidence"] >= KEEP).to_numpy()
    same = (
        joints[["item", "track", "component"]].shift() == joints[["item", "track", "component"]]
    ).all(axis=1)
    before = np.r_[False, sure[:-1]]
    return same.to_numpy() & (joints["before"] >= 0).to_numpy() & sure & before


def _played(joints: pd.DataFrame, name: str) -> np.ndarray:
    places, size = np.array(joints[["x", "y"]], np.float64), joints["size_px"].to_numpy(np.float64)
    for run in np.split(np.arange(len(joints)), np.flatnonzero(~_goes_on(joints))[1:]):
        places[run] = filtered(name, places[run], size[run])
    return places


def _jitter(joints: pd.DataFrame, places: np.ndarray) -> np.ndarray:
    """(n,) px, as the meter measures it."""
    off = places + joints[["moved_x", "moved_y"]].to_numpy(np.float64)
    off[1:] -= places[:-1]
    return np.r_[np.nan, np.linalg.norm(np.diff(off, axis=0), axis=1) / 2]


def _precision(
    joints: pd.DataFrame, places: np.ndarray, known: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> dict[str, Any]:
    """Lag along the motion of the pixels, and distances from known joints."""
    raw, velocity = (
        joints[names].to_numpy(np.float64) for names in (["x", "y"], ["moved_x", "moved_y"])
    )
    seen = np.isfinite(velocity[:, 0]) & (joints["confidence"] >= KEEP).to_numpy()
    way = float(np.square(velocity[seen]).sum())
    moves = seen.any() and way / seen.sum() >= LEAST_MOTION**2
    lag = float(((places - raw)[seen] * velocity[seen]).sum()) / way if moves else np.nan
    rows, truth, side = known
    before, after = (
        float((np.linalg.norm(where[rows] - truth, axis=1) / side).mean()) if len(rows) else np.nan
        for where in (raw, places)
    )
    return {"lag_frames": lag, "distance_before": before, "distance_after": after}


def _known_places(
    joints: pd.DataFrame, footage: Any, model: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of known joints, their places (K, 2) px, and roots of the person's area."""
    names = footage.class_names.get(model, ())
    known = known_people(footage.labels, names) if names else {}
    place, marks = {name: k for k, name in enumerate(names)}, list[tuple[int, np.ndarray, float]]()
    here = joints[joints["confidence"] >= KEEP]
    for key, of in here.groupby(["item", "frame"], sort=False) if known else ():
        poses = {}
        for track, rows in of.groupby("track"):
            at = [place[name] for name in rows["component"]]
            poses[track] = np.full((len(names), 2), np.inf)
            poses[track][at] = rows[["x", "y"]].to_numpy(np.float64)
        for person in known.get(key, ()):
            if person.ignored:
                continue
            likest = {
                track: similarity(person, pose, sigmas_of(names)) for track, pose in poses.items()
            }
            track = max(likest, key=likest.__getitem__)
            rows = of[of["track"] == track] if likest[track] > 0 else of.iloc[:0]
            for row, joint in zip(rows.index, rows["component"], strict=True):
                x, y, visible = person.points[place[joint]]
                if visible:
                    marks.append((int(row), np.array([x, y]), float(np.sqrt(person.area))))
    rows, truth, side = ([one[k] for one in marks] for k in range(3))
    return np.array(rows, int), np.array(truth).reshape(-1, 2), np.array(side)
