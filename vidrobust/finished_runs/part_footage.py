"""Footage of parts looked at once more: how far the part moves, and pictures of it for the report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.pipeline.run import Run
from vidrobust.repeatability.levels import measured_levels, named_levels
from vidrobust.repeatability.part_motion import travel
from vidrobust.report.pictures import save_picture
from vidrobust.video.source import VideoSource

BATCH = 32
THUMBNAIL_PX = 320
"""Width of the pictures on which motion is measured."""
WIDTH = 240
"""Width of the pictures in the report."""
MOST_PARTS, MOST_PASSES = 12, 6
"""Parts of the grey zone that are shown, and passes of each."""


def levels_of(run: Run, items: pd.DataFrame) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Per item its level and how it is known ("manifest" or "measured"); and what could not be measured."""
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
    """How far what moves has gone, as a share of the width, and the mean picture (H, W) uint8."""
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
    run: Run, frames: pd.DataFrame, verdicts: pd.DataFrame, parts: list[str]
) -> list[dict[str, Any]]:
    """Of each part on which verdicts split, a picture a pass: part, and of each picture what was said.

    frames    item, model, frame, label_name: the answers frame by frame
    verdicts  a row a part, pass and operator

    The frame shown is the middle one of those that have the pass's own verdict, or the middle one of the pass.
    """
    folder = run.path / "grey_zone"
    shutil.rmtree(folder, ignore_errors=True)  # those of an earlier study
    found = []
    for number, part in enumerate(parts[:MOST_PARTS]):
        shots = []
        for row in _spread(verdicts[verdicts["part"] == part]):
            own = frames[(frames["item"] == row["item"]) & (frames["model"] == row["model"])]
            shot = {name: row[name] for name in ("item", "operator", "trial", "value", "score", "reference")}
            shots.append({**shot, "frame": _typical(own, row["value"])})
        if run.settings.pictures:
            folder.mkdir(exist_ok=True)
            _take(run, folder, number, shots)
        found.append({"part": part, "shots": shots})
    return found


def _spread(rows: pd.DataFrame) -> list[Mapping[str, Any]]:
    """At most MOST_PASSES rows, each verdict in turn, so that both sides are seen."""
    turn = rows.groupby("value", sort=False).cumcount()
    chosen = rows.assign(turn=turn).sort_values("turn", kind="stable").head(MOST_PASSES)
    return [dict(row) for row in chosen.sort_index().to_dict("records")]


def _typical(frames: pd.DataFrame, value: str) -> int:
    own = frames[frames["label_name"] == value]
    rows = (own if len(own) else frames).sort_values("frame")
    return int(rows["frame"].iloc[len(rows) // 2])


def _take(run: Run, folder: Path, number: int, shots: list[dict[str, Any]]) -> None:
    for place, shot in enumerate(shots):
        try:
            with run.opened(shot["item"]) as source:
                picture = source.at([shot["frame"]]).pixels[0].permute(1, 2, 0).cpu().numpy()
        except InputError:
            continue  # the page says that there is no picture
        name = f"grey_zone/{number:02d}_{place}.jpg"
        save_picture(np.ascontiguousarray(picture), run.path / name, WIDTH)
        shot["picture"] = name
