"""Frames for the report's player: all of a short run, of a longer one a grid and both sides of flips, as
small JPEGs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.frames.pixels import to_array
from vidrobust.metrics.catalogue import of_plugins
from vidrobust.metrics.metric import usable_pairs
from vidrobust.pipeline.run import OpenRun
from vidrobust.stages.moments.section import DIFFERENCE, FRAME, box_events, task_pairs
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource

MOST_FRAMES = 3000  # frames of the run that are kept at most
ON_GRID = 2000  # of a longer run about so many lie on the grid; the rest is for both sides of the flips
MOST_DIFFERENCES = 200  # flips, the largest changes first, whose two frames are also subtracted
BUDGET = 8_000_000  # characters of base64 that all pictures may take
WIDTHS = (480, 400, 320, 256, 208, 160, 128, 96)  # of the pictures, px; the largest that fits is taken
QUALITY = 70
TYPICAL = 0.16  # bytes of a JPEG of this quality for one pixel, to begin with a width that is likely to fit
MOST_MAGNIFIED = 16  # the largest factor by which a difference is magnified


@dataclass(frozen=True)
class ChosenFrames:
    """Which frames are kept."""

    frames: dict[str, np.ndarray]  # Item -> sorted frame numbers
    every: int  # One frame in so many lies on the grid; 1 where all are there
    left: int  # Flips one of whose frames found no room


def keep(run: OpenRun) -> dict[str, Any]:
    """Write the table ``player_frames``, and return what was kept, in plain values for ``moments.json``."""
    if not run.settings.pictures:
        run.folder.write_table("player_frames", tables.empty("player_frames"))
        return {"every": 0, "kept": 0, "of": 0, "left": 0, "width": 0}
    events = flips(run)
    transitions = run.table("transitions")
    chosen = choose(transitions, events)
    rows = pd.DataFrame(_pictures(run, chosen, events), columns=[*tables.TABLES["player_frames"]])
    rows, width = fitted(rows)
    run.folder.write_table("player_frames", rows)
    kept = int((rows["kind"] == FRAME).sum())
    return {"every": chosen.every, "kept": kept, "of": len(transitions), "left": chosen.left, "width": width}


def flips(run: OpenRun) -> pd.DataFrame:
    """Return every event the player marks (item, model, frame_a, frame_b, what, size), the largest first.

    Of a classifier flips by their total variation; of a detector objects missed for the first time, or renamed.
    """
    found = [_label_flips(run.table("pairs")), _box_events(run)]
    others = of_plugins(run.folder.record.tasks)
    found += [_label_flips(pairs) for pairs in task_pairs(run.table("task_pairs"), others)]
    every = pd.concat([each for each in found if len(each)] or [found[0]], ignore_index=True)
    return every.sort_values("size", ascending=False, kind="stable").reset_index(drop=True)


def _label_flips(pairs: pd.DataFrame) -> pd.DataFrame:
    rows = usable_pairs(pairs)
    rows = rows[rows["label_flip"].astype(bool)]
    columns = rows[["item", "model", "frame_a", "frame_b"]]
    return columns.assign(what="label flips", size=rows["total_variation"].fillna(0.0))


def _box_events(run: OpenRun) -> pd.DataFrame:
    rows = box_events(run.table("object_frames"))
    what = rows["label_name"].astype(str) + np.where(rows["lost"], " missed", " renamed")
    return pd.DataFrame(
        {
            "item": rows["item"],
            "model": rows["model"],
            "frame_a": rows["frame_a"].astype("int64"),
            "frame_b": rows["frame"],
            "what": what,
            "size": 0.0,
        }
    )


def choose(transitions: pd.DataFrame, events: pd.DataFrame) -> ChosenFrames:
    """Choose all frames up to MOST_FRAMES; else a grid of each item, and both sides of the flips that fit."""
    of_item = {str(item): rows["frame"].to_numpy() for item, rows in transitions.groupby("item", sort=False)}
    if len(transitions) <= MOST_FRAMES:
        return ChosenFrames(of_item, 1, 0)
    every = -(-len(transitions) // ON_GRID)
    kept = {item: set(frames[::every].tolist()) for item, frames in of_item.items()}
    room, left = MOST_FRAMES - sum(map(len, kept.values())), 0
    for event in events.itertuples():
        new = {event.frame_a, event.frame_b} - kept[event.item]
        if len(new) > room:
            left += 1
            continue
        kept[event.item] |= new
        room -= len(new)
    return ChosenFrames({item: np.array(sorted(each), np.int64) for item, each in kept.items()}, every, left)


def _pictures(run: OpenRun, chosen: ChosenFrames, events: pd.DataFrame) -> Iterator[dict[str, Any]]:
    pairs = events.drop_duplicates(["item", "frame_a", "frame_b"]).head(MOST_DIFFERENCES)
    wanted = sum(map(len, chosen.frames.values())) + len(pairs)
    for item, frames in chosen.frames.items():
        subtracted = {int(row.frame_b): int(row.frame_a) for row in pairs[pairs["item"] == item].itertuples()}
        with run.opened(item) as source:
            yield from _of_item(source, item, set(frames.tolist()), subtracted, wanted)


def _of_item(
    source: VideoSource, item: str, frames: set[int], subtracted: dict[int, int], wanted: int
) -> Iterator[dict[str, Any]]:
    """In one pass; the frame before is held, for its difference with the next one."""
    held: tuple[int, np.ndarray] | None = None
    for batch in source.batches(16):
        for index, pixels in zip(batch.index.tolist(), batch.pixels, strict=True):
            picture = to_array(pixels)
            width = likely_width(picture.shape, wanted)
            if index in frames:
                yield _row(item, index, FRAME, _narrow(picture, width), 1.0)
            before = subtracted.get(index)
            if before is not None and held is not None and held[0] == before:
                difference, factor = magnified(held[1], picture)
                yield _row(item, index, DIFFERENCE, _narrow(difference, width), factor)
            held = index, picture.copy()


def magnified(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the difference of two pictures, magnified by a power of two that cuts off at most one value in a
    thousand.
    """
    if a.shape != b.shape:
        return np.zeros_like(b), 1.0
    difference = cv2.absdiff(a, b)
    high = float(np.percentile(difference, 99.9))
    factor = 1
    while factor < MOST_MAGNIFIED and 2 * factor * high <= 255:
        factor *= 2
    return np.minimum(difference.astype(np.int32) * factor, 255).astype(np.uint8), float(factor)


def likely_width(shape: tuple[int, ...], wanted: int) -> int:
    """Return the largest width with which so many pictures of this shape are likely to fit."""
    height, width = shape[:2]
    room = BUDGET * 3 / 4 / max(1, wanted)
    fits = (w for w in WIDTHS if min(w, width) ** 2 * height / width * TYPICAL <= room)
    return next(fits, WIDTHS[-1])


def fitted(rows: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the rows with their pictures made smaller, all alike, until they fit; and the width."""
    width = max((_decoded(picture).shape[1] for picture in rows["picture"].head(1)), default=0)
    while rows["picture"].str.len().sum() > BUDGET:
        smaller = next((w for w in WIDTHS if w < width), 0)
        if not smaller:
            break
        width = smaller
        rows = rows.assign(picture=[_encoded(_narrow(_decoded(p), width)) for p in rows["picture"]])
    return rows, width


def _row(item: str, frame: int, kind: str, picture: np.ndarray, factor: float) -> dict[str, Any]:
    return {"item": item, "frame": frame, "kind": kind, "factor": factor, "picture": _encoded(picture)}


def _narrow(picture: np.ndarray, width: int) -> np.ndarray:
    if picture.shape[1] <= width:
        return picture
    size = (width, max(1, round(picture.shape[0] * width / picture.shape[1])))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _encoded(rgb: np.ndarray) -> str:
    done, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise RuntimeError("a frame could not be encoded as JPEG")
    return base64.b64encode(data.tobytes()).decode("ascii")


def _decoded(picture: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(picture), np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert found is not None, "it was encoded here"
    return np.asarray(found[..., ::-1])
