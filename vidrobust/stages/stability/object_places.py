"""Where the object is that a classifier looks at, where labels say so: neighbouring frames with its box.

a whole frame with one known box          that box
a frame with several, or with none        nothing: nobody knows which of them the answer is about
an item cut out along an object's track   the box it was cut to, and the clip it was cut from
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.footage.item import Item
from vidrobust.footage.labels.matching import BOX, in_pixels
from vidrobust.pipeline.run import Run
from vidrobust.protocols.answers import on_frames
from vidrobust.stages.stability.by_place import Sizes
from vidrobust.video.source import open_video

WHOLE = (1, 1)
"""Height and width of a frame of which boxes are shares."""


def pairs_with_places(run: Run, pairs: pd.DataFrame) -> tuple[pd.DataFrame, Sizes]:
    """The rows of ``pairs`` whose first frame shows one known object, with item, frame, track and its box.

    And the height and width of the frames in which the boxes lie. What is cut out of a clip counts for the clip.
    """
    known, sizes = run.inputs.known, dict(run.folder.record.sizes)
    cut = [item for item in run.inputs.items if item.boxes is not None]
    left_out = {item.name for item in run.inputs.items if item.boxes is not None or item.roi is not None}
    frames = run.table("frames")[["item", "frame", "time_s"]].drop_duplicates(["item", "frame"])
    frames = frames.sort_values(["item", "frame"]).reset_index(drop=True)
    boxes = [
        in_pixels(rows, known.box_unit, *sizes[str(item)][::-1])
        for item, rows in known.labels[known.labels["x1"].notna()].groupby("item", sort=False)
        if str(item) in sizes and str(item) not in left_out
    ]
    found = [_single(on_frames(pd.concat(boxes, ignore_index=True), frames))] if boxes else []
    found += [_along(item, frames[frames["item"] == item.name]) for item in cut]
    sizes |= _sizes_about(cut)
    if not found:
        return pairs.iloc[:0].assign(frame=0, track="", **dict.fromkeys(BOX, 0.0)), sizes
    places = pd.concat(found, ignore_index=True)
    joined = pairs.drop(columns="track", errors="ignore").merge(
        places, left_on=["item", "frame_a"], right_on=["item", "frame"]
    )
    return _by_clip(joined, cut, sizes)


def _single(boxes: pd.DataFrame) -> pd.DataFrame:
    """Item, frame, track and box of the frames that have exactly one; an object without a name is its class's."""
    here = boxes[boxes["frame"] >= 0]
    one = here[~here.duplicated(["item", "frame"], keep=False)]
    track = one["track"].astype(str)
    named = track.where(track != "", one["label_name"].astype(str) + " " + one["label"].astype(str))
    return one.assign(track=named)[["item", "frame", "track", *BOX]]


def _along(item: Item, frames: pd.DataFrame) -> pd.DataFrame:
    """The box of each frame along an object's track."""
    assert item.boxes is not None
    at = [(int(k), item.boxes.at(int(k), float(t))) for k, t in frames[["frame", "time_s"]].to_numpy()]
    rows = [(item.name, k, item.name, *box) for k, box in at if box is not None]
    return pd.DataFrame(rows, columns=["item", "frame", "track", *BOX])


def _sizes_about(cut: Iterable[Item]) -> dict[str, tuple[int, int]]:
    """Height and width of the frames that items were cut from; each clip is looked at once, if need be."""
    known: dict[Path, tuple[int, int]] = {}
    found = {}
    for item in cut:
        assert item.boxes is not None
        if item.boxes.unit == "share":
            found[item.name] = WHOLE
            continue
        if item.path not in known:
            with open_video(item.path, device="cpu", prefetch=0) as source:
                known[item.path] = (source.info.height, source.info.width)
        found[item.name] = known[item.path]
    return found


def _by_clip(
    rows: pd.DataFrame, cut: Iterable[Item], sizes: Mapping[str, tuple[int, int]]
) -> tuple[pd.DataFrame, Sizes]:
    """Objects of one clip as objects of one item, so that they share its moments."""
    clip = {item.name: dict(item.more).get("clip", item.name) for item in cut}
    named = {clip[name]: sizes[name] for name in clip}
    whole = rows["item"].map(clip)
    return rows.assign(item=np.where(whole.notna(), whole, rows["item"])), {**sizes, **named}
