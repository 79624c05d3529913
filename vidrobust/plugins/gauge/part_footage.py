"""How far the part moves in footage, and pictures for the report."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.pipeline.run import OpenRun
from vidrobust.report.pictures import save_picture
from vidrobust.video.source import VideoSource

# How a part is shown: whether it moves past, lies still, or was placed again; from small grey pictures alone.

WINDOW = 8  # Frames over which points are followed before new ones are chosen
SHORT = 2  # Frames of a piece of such a window, for points that are soon out of the picture
MOVES_PX = 0.75  # What a point of a small picture goes in a window before it is said to move
# Share of the points that must be found there and back, and of the windows in which they must be.
KEPT, FOLLOWED = 0.25, 2 / 3
# Share of the width that shows that something moves, even where points are lost in more of the windows.
SURE = 0.1
FEWEST = 4  # Points that must move together
TOGETHER_PX = 1.0  # How far apart points may have gone in a window that go one way
OTHER_WAY = 0.25  # Share of what most points have gone by which others must differ at least to go another way
# What moves past goes so many times as far as from frame to frame; what shakes does not
STEADY = 4.0
# Share of its surroundings' brightness by which a place differs before it is said to have changed.
CHANGED = 0.10
# Share of the picture that must have changed before a part is said to be placed again
CHANGED_AREA = 0.002


def travel(pictures: Iterable[np.ndarray]) -> float:
    """Return the travel of what moves as a share of the width; 0 at rest, NaN if it cannot be followed."""
    steps: list[np.ndarray] = []
    lost = width = 0
    window: list[np.ndarray] = []

    def look() -> None:
        nonlocal lost
        found = _moved(window)
        if not np.isfinite(found).all():
            lost += len(found)
            short = [window[k : k + SHORT + 1] for k in range(0, len(window) - 1, SHORT)]
            found = np.concatenate([_moved(piece) for piece in short])
        steps.append(found)

    for picture in pictures:
        width = picture.shape[1]
        # neither light nor noise moves
        window.append(np.clip(110 * _relief(picture), 0, 255).astype(np.uint8))
        if len(window) > WINDOW:
            look()
            window = window[-1:]
    if len(window) > 1:
        look()
    if not steps:
        return 0.0
    every = np.concatenate(steps)
    followed = every[np.isfinite(every).all(axis=1)]
    gone = float(np.hypot(*followed.sum(axis=0)))
    typical = float(np.sqrt(np.square(followed).sum(axis=1).mean())) if len(followed) else 0.0
    moves = gone > min(STEADY, len(every) - 1) * typical
    if len(every) - lost < FOLLOWED * len(every) and not (moves and gone > SURE * width):
        return float("nan")
    return gone / width if moves else 0.0


def _moved(window: Sequence[np.ndarray]) -> np.ndarray:
    """(frames - 1, 2) steps in px of the points that move, from frame to frame, relative to the camera."""
    rest = np.zeros((len(window) - 1, 2))
    start = cv2.goodFeaturesToTrack(window[0], 300, 0.01, 4)
    if start is None:
        return rest
    now, alive, path = start, np.ones(len(start), bool), [start]
    for before, after in pairwise(window):
        now, there = _follow(before, after, now)
        path.append(now)
        alive &= there
    back = now
    for after, before in pairwise(window[::-1]):
        back, there = _follow(after, before, back)
        alive &= there
    alive &= np.hypot(*(back - start)[:, 0].T) < MOVES_PX
    if alive.sum() < max(FEWEST, KEPT * len(start)):
        return np.full_like(rest, np.nan)
    inside = (now[:, 0] >= 0).all(axis=1) & (now[:, 0] < window[0].shape[::-1]).all(axis=1)
    course = (np.stack(path)[:, alive & inside, 0] - start[alive & inside, 0]).astype(np.float64)
    of_camera = _of_camera(course[-1])
    still = (
        np.median(course[:, of_camera], axis=1) if of_camera.any() else np.zeros((len(window), 2))
    )
    moving = np.hypot(*(course[-1] - still[-1]).T) > MOVES_PX
    if moving.sum() < FEWEST:
        return rest
    return np.asarray(np.diff(np.median(course[:, moving], axis=1) - still, axis=0))


def _of_camera(gone: np.ndarray) -> np.ndarray:
    first, second = _together(gone), np.zeros(len(gone), bool)
    if first.any():
        way = gone[first].mean(axis=0)
        other = np.hypot(*(gone - way).T) > 2 * TOGETHER_PX + OTHER_WAY * np.hypot(*way)
        second[other] = _together(gone[other])
    if second.sum() < FEWEST:
        # without another way that points go, nothing separates the camera from what it sees
        return np.zeros(len(gone), bool)
    return min((first, second), key=lambda group: float(np.hypot(*gone[group].mean(axis=0))))


def _together(gone: np.ndarray) -> np.ndarray:
    """(N,) bool: the most points (N, 2) px that go within TOGETHER_PX of one of them."""
    if not len(gone):
        return np.zeros(0, bool)
    near = np.hypot(*(gone[:, None] - gone[None]).T).T < TOGETHER_PX
    return np.asarray(near[int(near.sum(axis=1).argmax())])


def _follow(
    before: np.ndarray, after: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 1, 2) of one picture in the next, and (N,) whether they were found."""
    now, status, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points, None, winSize=(21, 21), maxLevel=3
    )
    return now, status[:, 0] == 1


def placed_again(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether pictures (H, W) uint8 show a part at rest at different places, whatever the light."""
    a, b = (_relief(picture) for picture in (first, second))
    return bool((np.abs(a - b) > CHANGED).mean() > CHANGED_AREA)


def _relief(picture: np.ndarray, smooth_px: float = 1.0) -> np.ndarray:
    grey = cv2.GaussianBlur(picture.astype(np.float32) + 8.0, (0, 0), smooth_px)
    return np.asarray(grey / cv2.GaussianBlur(grey, (0, 0), picture.shape[1] / 16))


# The levels of a repeatability study: static, semi-dynamic, dynamic, as metrology of moving parts names them.

LEVELS = {
    "static": "the part lies still between its passes",
    "semi-dynamic": "the part is taken away and placed again, and lies still while it is seen",
    "dynamic": "the part moves past",
}
# A part that lies still and was shown once, so that nobody sees whether it is placed again; or none that can
# be followed, for darkness or noise.
UNDETERMINED = "undetermined"
DYNAMIC = 0.02  # Share of the width that what moves must travel in an item to be said to move past


def named_levels(items: pd.DataFrame) -> dict[str, str]:
    named = items[items["level"] != ""]
    wrong = named[~named["level"].isin(LEVELS)]
    if len(wrong):
        item, level = wrong.iloc[0][["item", "level"]]
        raise InputError(f"{item}: there is no level {level!r}; there are {', '.join(LEVELS)}")
    return dict(zip(named["item"], named["level"], strict=True))


def measured_levels(
    items: pd.DataFrame, travels: Mapping[str, float], pictures: Mapping[str, np.ndarray]
) -> dict[str, str]:
    """Return the level of each input with a part, from measured motion."""
    found: dict[str, str] = {}
    for _, rows in items[items["part"] != ""].groupby(["part", "station"], sort=False):
        names = [name for name in rows["item"] if name in travels]
        found |= {name: "dynamic" if travels[name] > DYNAMIC else UNDETERMINED for name in names}
        still = [name for name in names if travels[name] <= DYNAMIC]
        if len(still) > 1:
            again = any(placed_again(pictures[still[0]], pictures[name]) for name in still[1:])
            found |= dict.fromkeys(still, "semi-dynamic" if again else "static")
    return found


BATCH = 32
THUMBNAIL_PX = 320  # Width of the pictures on which motion is measured
WIDTH = 240  # Width of the pictures in the report
# Parts of the grey zone that are shown, and passes of each.
MOST_PARTS, MOST_PASSES = 12, 6


def levels_of(
    run: OpenRun, items: pd.DataFrame
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Per item its level and how it is known ("manifest" or "measured")."""
    named = named_levels(items)
    rest = items[(items["part"] != "") & ~items["item"].isin(named)]
    travels: dict[str, float] = {}
    pictures: dict[str, np.ndarray] = {}
    notes = []
    for name in rest["item"]:
        try:
            with run.opened(name) as source:
                travels[name], pictures[name] = _motion(source)
        except InputError as error:
            notes.append(f"the level of {name} is not known: {error}")
    measured = measured_levels(rest, travels, pictures)
    known = {**dict.fromkeys(measured, "measured"), **dict.fromkeys(named, "manifest")}
    return {**measured, **named}, known, notes


def _motion(source: VideoSource) -> tuple[float, np.ndarray]:
    """Travel as a share of the width, and the mean picture (H, W) uint8."""
    total: list[np.ndarray] = []
    count = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal count
        for picture in thumbnails(source, THUMBNAIL_PX):
            if total:
                total[0] += picture
            else:
                total.append(picture.astype(np.float64))
            count += 1
            yield picture

    gone = travel(counted())
    return gone, np.round(total[0] / count).astype(np.uint8)


def thumbnails(source: VideoSource, width: int) -> Iterator[np.ndarray]:
    """Every frame in grey, (H, W) uint8, at most this wide."""
    for batch in source.batches(BATCH):
        for rgb in batch.pixels.permute(0, 2, 3, 1).cpu().numpy():
            grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
            scale = width / grey.shape[1]
            yield (
                grey
                if scale >= 1
                else cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            )


def grey_zone_pictures(
    run: OpenRun, frames: pd.DataFrame, verdicts: pd.DataFrame, parts: list[str]
) -> list[dict[str, Any]]:
    """A picture a pass of each part on which verdicts split."""
    folder = run.path / "grey_zone"
    shutil.rmtree(folder, ignore_errors=True)  # those of an earlier study
    found = []
    for number, part in enumerate(parts[:MOST_PARTS]):
        shots = []
        for row in _spread(verdicts[verdicts["part"] == part]):
            own = frames[(frames["item"] == row["item"]) & (frames["model"] == row["model"])]
            shot = {
                name: row[name]
                for name in ("item", "operator", "trial", "value", "score", "reference")
            }
            shots.append({**shot, "frame": _typical(own, row["value"])})
        if run.settings.pictures:
            folder.mkdir(exist_ok=True)
            _take(run, folder, number, shots)
        found.append({"part": part, "shots": shots})
    return found


def _spread(rows: pd.DataFrame) -> list[Mapping[str, Any]]:
    turn = rows.groupby("value", sort=False).cumcount()
    chosen = rows.assign(turn=turn).sort_values("turn", kind="stable").head(MOST_PASSES)
    return [dict(row) for row in chosen.sort_index().to_dict("records")]


def _typical(frames: pd.DataFrame, value: str) -> int:
    own = frames[frames["label_name"] == value]
    rows = (own if len(own) else frames).sort_values("frame")
    return int(rows["frame"].iloc[len(rows) // 2])


def _take(run: OpenRun, folder: Path, number: int, shots: list[dict[str, Any]]) -> None:
    for place, shot in enumerate(shots):
        try:
            with run.opened(shot["item"]) as source:
                picture = source.at([shot["frame"]]).pixels[0].permute(1, 2, 0).cpu().numpy()
        except InputError:
            continue  # the page says that there is no picture
        name = f"grey_zone/{number:02d}_{place}.jpg"
        save_picture(np.ascontiguousarray(picture), run.path / name, WIDTH)
        shot["picture"] = name
