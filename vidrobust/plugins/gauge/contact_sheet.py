"""A contact sheet of the times at which something is in the picture, for a manifest that is made by hand.

Nothing here says what a part or a pass is: a person looks at the sheet, corrects the times and names the parts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.files.atomic import csv_text, write_text
from vidrobust.footage.item import Item
from vidrobust.pipeline import inputs
from vidrobust.pipeline.open import folder_of
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.gauge.part_footage import BATCH
from vidrobust.run_folder.settings import Settings
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable
from vidrobust.video.source import VideoSource

THUMBNAIL_PX = 160  # width of the pictures in which activity is looked for
SCENE_FRAMES = 64  # of which the usual scene is the median
# levels of 255 from which a pixel differs from the usual scene: coding noise stays below
CHANGED = 12
LEAST_SHARE = 0.002  # share of changed pixels below which nothing is called active
LONGEST_GAP_S, SHORTEST_S = 0.3, 0.1  # gaps that are bridged, and stretches that are left out
# pictures of a stretch, their width, and stretches on the sheet
TILES, TILE_PX, MOST_SHOWN = (5, 200, 40)
COLUMNS = ("path", "item", "part", "pass", "station", "label", "start_s", "end_s")


@dataclass(frozen=True)
class Sheet:
    """Rows of a manifest whose parts are to be named, one a stretch; the pictures (H, W, 3) uint8 or None."""

    rows: pd.DataFrame
    pictures: np.ndarray | None


def active_stretches(pictures: np.ndarray, time_s: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last frame of each stretch in which the picture differs from the usual scene.

    Parameters
    ----------
    pictures
        (N, H, W) uint8, grey.
    time_s
        (N,) seconds.
    """
    some = pictures[np.linspace(0, len(pictures) - 1, SCENE_FRAMES).round().astype(int)]
    scene = np.median(some, axis=0).astype(np.float32)
    shares = np.zeros(len(pictures))
    for number, picture in enumerate(pictures):
        difference = picture.astype(np.float32) - scene
        # the light of the whole picture is no part
        shares[number] = (np.abs(difference - np.median(difference)) >= CHANGED).mean()
    levels = np.clip(shares / max(shares.max(), LEAST_SHARE) * 255, 0, 255).astype(np.uint8)
    limit, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    active = np.flatnonzero((levels > limit) & (shares >= LEAST_SHARE))
    if not len(active):
        return []
    cuts = np.flatnonzero(np.diff(time_s[active]) > LONGEST_GAP_S)
    parts = np.split(active, cuts + 1)
    return [(int(p[0]), int(p[-1])) for p in parts if time_s[p[-1]] - time_s[p[0]] >= SHORTEST_S]


def sheet_of(settings: Settings, reporter: Reporter, *, beside: Path = Path()) -> Sheet:
    """Look for active stretches in all inputs of the sources; ``beside``: the folder of the manifest."""
    found = inputs.find(settings, None, reporter)
    rows: list[dict[str, object]] = []
    strips: list[np.ndarray] = []
    for item in found.readable:
        try:
            with inputs.open_item(item, settings) as source:
                pictures, time_s, index = _seen(source)
                step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
                for first, last in active_stretches(pictures, time_s):
                    rows.append(
                        {
                            "path": os.path.relpath(item.path, beside.resolve()),
                            "item": f"{item.name} {len(rows) + 1}",
                            "part": item.part,
                            "pass": item.pass_,
                            "station": item.station,
                            "label": item.label,
                            "start_s": round(float(time_s[first]), 3),
                            "end_s": round(float(time_s[last]) + step / 2, 3),
                        }
                    )
                    if len(strips) < MOST_SHOWN and settings.pictures:
                        shown = np.linspace(first, last, TILES).round().astype(int)
                        strips.append(_strip(source, index[shown], time_s[shown], len(rows)))
        except InputError as error:
            found.fail(printable(item.path), str(error), reporter)
    if not found.readable:
        raise InputError("nothing could be looked at: none of the sources holds any footage")
    width = max((strip.shape[1] for strip in strips), default=0)
    wide = [
        np.pad(s, ((0, 0), (0, width - s.shape[1]), (0, 0)), constant_values=255) for s in strips
    ]
    return Sheet(pd.DataFrame(rows, columns=list(COLUMNS)), np.concatenate(wide) if wide else None)


def write_sheet(found: Sheet, file: Path) -> list[Path]:
    """Write the manifest, and the pictures beside it as JPEG; return what was written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, csv_text(found.rows))
    if found.pictures is None:
        return [file]
    done, data = cv2.imencode(".jpg", found.pictures[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    picture = file.with_suffix(".jpg")
    if done:
        picture.write_bytes(data.tobytes())
    return [file, picture]


def manifest_for(
    settings: Settings, out: str | None, items: Sequence[Item], reporter: Reporter
) -> Path | None:
    """The manifest of stills in folders PART/PASS, written beside the run folder; None where none is needed.

    InputError where nothing says which parts and passes the sources show.
    """
    if not items or any(item.pass_ or (item.part and item.start_s is not None) for item in items):
        return None
    folder = folder_of(settings, out)
    file = folder.with_name(f"{folder.name}-passes.csv")
    named = named_by_folders(items, file.parent)
    if named.empty:
        raise InputError(
            "no source says which part and pass it shows; give a manifest with the columns path, part, pass "
            "(contact-sheet SOURCES draws the times for one), or put stills in folders named PART/PASS"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, csv_text(named))
    parts = plural(named["part"].nunique(), "part")
    reporter.say(f"passes: {plural(len(named), 'folder')} of {parts}, named PART/PASS: {file}")
    return file


def named_by_folders(items: Sequence[Item], beside: Path) -> pd.DataFrame:
    """A manifest of stills in folders PART/PASS or STATION/PART/PASS; empty otherwise."""
    rows = [
        {
            "path": os.path.relpath(item.path, beside.resolve()),
            "item": item.name,
            "part": item.path.parent.name,
            "pass": item.path.name,
            "station": item.path.parent.parent.name,
        }
        for item in items
        if item.path.is_dir()
    ]
    table = pd.DataFrame(rows, columns=["path", "item", "part", "pass", "station"])
    shared = table.groupby("pass")["part"].transform("nunique") > 1
    everywhere = (
        len(rows) == len(items) and table["part"].nunique() > 1 and table["pass"].nunique() > 1
    )
    if not everywhere or not shared.groupby(table["part"]).any().all():
        return table.iloc[:0]
    return table if table["station"].nunique() > 1 else table.assign(station="")


def _seen(source: VideoSource) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N, H, W) uint8 grey thumbnails, (N,) their times in s and (N,) their numbers in the file."""
    pictures, times, numbers = [], [], []
    for batch in source.batches(BATCH):
        times.append(np.asarray(batch.time_s, np.float64))
        numbers.append(np.asarray(batch.index))
        for rgb in batch.pixels.permute(0, 2, 3, 1).cpu().numpy():
            grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
            size = (THUMBNAIL_PX, max(1, round(grey.shape[0] * THUMBNAIL_PX / grey.shape[1])))
            pictures.append(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
    return np.stack(pictures), np.concatenate(times), np.concatenate(numbers)


def _strip(source: VideoSource, frames: np.ndarray, time_s: np.ndarray, number: int) -> np.ndarray:
    """Pictures side by side (H, W, 3) uint8 RGB, each with its time, the first with the row's number."""
    tiles = []
    for place, (frame, time) in enumerate(zip(frames, time_s, strict=True)):
        rgb = source.at([int(frame)]).pixels[0].permute(1, 2, 0).cpu().numpy()
        size = (TILE_PX, max(1, round(rgb.shape[0] * TILE_PX / rgb.shape[1])))
        small = cv2.resize(np.ascontiguousarray(rgb), size, interpolation=cv2.INTER_AREA)
        small = cv2.copyMakeBorder(small, 18, 2, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        text = f"{time:.2f} s" if place else f"{number}: {time:.2f} s"
        cv2.putText(
            small, text, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 20, 20), 1, cv2.LINE_AA
        )
        tiles.append(small)
    return np.concatenate(tiles, axis=1)
