"""Passes found in footage, written as a manifest to correct, with pictures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.atomic import csv_text, write_text
from vidrobust.footage.item import Item
from vidrobust.pipeline import inputs
from vidrobust.pipeline.open import folder_of
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.gauge.part_footage import BATCH
from vidrobust.plugins.gauge.passes import Pass, PassSearch, find_passes
from vidrobust.plugins.gauge.placed_parts import PLACED, find_visits
from vidrobust.run_folder.settings import Settings
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable
from vidrobust.video.source import VideoSource

THUMBNAIL_PX = 160
# Width of a picture on the sheet, and the most passes on it.
SHEET_PX, MOST_SHOWN = 200, 40
# The pictures of a pass on the sheet, and the column with the time that is written on each.
TIMES = {"enters": "enters_s", "start": "start_s", "end": "end_s", "leaves": "leaves_s"}
COLUMNS = (
    *("path", "item", "part", "pass", "station", "label", "start_s", "end_s"),
    *("enters_s", "leaves_s", "direction", "remark"),
)


@dataclass(frozen=True)
class PassesFound:
    """Rows of a manifest, one a pass; what was left out and why; the sheet of pictures (H, W, 3) uint8 or None."""

    rows: pd.DataFrame
    left_out: tuple[str, ...]
    sheet: np.ndarray | None


def passes_in(
    settings: Settings, reporter: Reporter, *, cycle: int = 0, beside: Path = Path()
) -> PassesFound:
    """Find the passes in all inputs of the sources."""
    if cycle < 0:
        raise SettingsError(f"--cycle: expected 0 or more, got {cycle}")
    found = inputs.find(settings, None, reporter)
    rows: list[dict[str, object]] = []
    left_out: list[str] = []
    strips: list[np.ndarray] = []
    counts: Counter[tuple[str, str]] = Counter()
    for item in found.readable:
        try:
            with inputs.open_item(item, settings) as source:
                pictures, time_s, index = _seen(source)
                result = passes_or_visits(pictures)
                left_out += [f"{item.name}: {note}" for note in result.notes]
                for each in result.passes:
                    if not each.crossed:
                        left_out.append(_not_crossed(item, each, time_s))
                        continue
                    rows.append(_row(item, each, time_s, counts, cycle, beside))
                    if len(strips) < MOST_SHOWN and settings.pictures:
                        strips.append(_strip(source, each, index, rows[-1]))
        except InputError as error:
            found.fail(printable(item.path), str(error), reporter)
    if not found.readable:
        raise InputError("nothing could be looked at: none of the sources holds any footage")
    return PassesFound(
        pd.DataFrame(rows, columns=list(COLUMNS)),
        tuple(left_out),
        np.concatenate(strips) if strips else None,
    )


def passes_or_visits(pictures: np.ndarray) -> PassSearch:
    """Passes of moving parts or, if there are fewer, visits of placed ones."""
    passes, visits = find_passes(pictures), find_visits(pictures)
    crossed = [each for each in passes.passes if each.crossed]
    at_rest = [
        each
        for each in visits.passes
        if each.crossed and not any(_within(each, other) for other in crossed)
    ]
    # visits that contradict one another count only where nothing passes; and where what moves cannot be followed,
    # only if one is complete
    contradict = visits.notes and (crossed or passes.unsure)
    incomplete = passes.unsure and not any(each.remark == PLACED for each in at_rest)
    if len(at_rest) <= len(crossed) or contradict or incomplete:
        return passes
    left_out = [each for each in visits.passes if not each.crossed]
    return replace(visits, passes=(*at_rest, *left_out))


def _within(visit: Pass, crossing: Pass) -> bool:
    common = min(visit.whole_last, crossing.last) - max(visit.whole_first, crossing.first)
    return 2 * common >= visit.whole_last - visit.whole_first


def write_passes(found: PassesFound, file: Path) -> None:
    """Write the manifest, and the sheet of pictures beside it as JPEG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, csv_text(found.rows))
    if found.sheet is not None:
        done, data = cv2.imencode(".jpg", found.sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        if done:
            file.with_suffix(".jpg").write_bytes(data.tobytes())


def passes_words(found: PassesFound) -> list[str]:
    """The passes as lines of text."""
    lines = [f"{plural(len(found.rows), 'pass')} of {plural(found.rows['part'].nunique(), 'part')}"]
    for row in found.rows.to_dict("records"):
        remark = f"; {row['remark']}" if row["remark"] else ""
        moves = f"moves {row['direction']}" if row["direction"] else "lies still"
        lines.append(
            f"  {row['part']}, pass {row['pass']}: {row['start_s']:.3f} to {row['end_s']:.3f} s whole, "
            f"{row['enters_s']:.3f} to {row['leaves_s']:.3f} s in view, {moves}{remark}"
        )
    return [*lines, *(f"  left out: {sentence}" for sentence in found.left_out)]


def manifest_for(
    settings: Settings, out: str | None, items: Sequence[Item], reporter: Reporter
) -> Path | None:
    """The manifest of passes beside the run folder, found if missing; None where sources name parts and passes."""
    if not items or any(item.pass_ or (item.part and item.start_s is not None) for item in items):
        return None
    folder = folder_of(settings, out)
    file = folder.with_name(f"{folder.name}-passes.csv")
    if file.is_file():
        reporter.say(f"passes: as they stand in {file}")
        return file
    named = named_by_folders(items, file.parent)
    if not named.empty:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, csv_text(named))
        parts = plural(named["part"].nunique(), "part")
        reporter.say(f"passes: {plural(len(named), 'folder')} of {parts}, named PART/PASS: {file}")
        return file
    found = passes_in(settings, reporter, beside=file.parent)
    if found.rows.empty:
        summary = "; ".join(found.left_out[:3]) or "nothing moves across the picture"
        raise InputError(
            f"no source says which part and pass it shows, and none was found ({summary}); give a "
            "manifest with the columns path, part, pass, or put stills in folders named PART/PASS"
        )
    write_passes(found, file)
    for line in passes_words(found):
        reporter.say(line)
    reporter.warn(
        f"passes were found in the footage: look at {file}, correct it, and run the same command again"
    )
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


def _row(
    item: Item,
    found: Pass,
    time_s: np.ndarray,
    counts: Counter[tuple[str, str]],
    cycle: int,
    beside: Path,
) -> dict[str, object]:
    whole = found.whole_first >= 0
    first, last = (found.whole_first, found.whole_last) if whole else (found.first, found.last)
    place = (item.part, item.station)
    number = counts[place]
    counts[place] += 1
    part, again = (
        (item.part, number)
        if item.part
        else (f"part-{number % (cycle or number + 1) + 1:03d}", number // cycle if cycle else 0)
    )
    numbers = {
        "start_s": time_s[first],
        "end_s": _after(time_s, last),
        "enters_s": time_s[found.first],
        "leaves_s": _after(time_s, found.last),
    }
    return {
        "path": os.path.relpath(item.path, beside.resolve()),
        "item": f"{item.name} pass {number + 1}",
        "part": part,
        "pass": again + 1,
        "station": item.station,
        "label": item.label,
        **{name: round(float(value), 6) for name, value in numbers.items()},
        "direction": found.direction,
        "remark": found.remark,
    }


def _after(time_s: np.ndarray, frame: int) -> float:
    step = float(np.median(np.diff(time_s)))
    return float(time_s[frame]) + step / 2


def _not_crossed(item: Item, found: Pass, time_s: np.ndarray) -> str:
    when = f"{time_s[found.first]:.3f} to {time_s[found.last]:.3f} s"
    return f"{item.name}, {when}: {found.remark or 'does not cross'}"


def _strip(
    source: VideoSource, found: Pass, index: np.ndarray, row: dict[str, object]
) -> np.ndarray:
    """Five pictures side by side (H, W, 3) uint8 RGB."""
    whole = (
        (found.whole_first, found.whole_last)
        if found.whole_first >= 0
        else (found.first, found.last)
    )
    chosen = [found.first, whole[0], (whole[0] + whole[1]) // 2, whole[1], found.last]
    pictures = []
    for frame, word in zip(chosen, ("enters", "start", "middle", "end", "leaves"), strict=True):
        rgb = np.ascontiguousarray(
            source.at([int(index[frame])]).pixels[0].permute(1, 2, 0).cpu().numpy()
        )
        small = cv2.resize(
            rgb, (SHEET_PX, max(1, round(rgb.shape[0] * SHEET_PX / rgb.shape[1]))), interpolation=3
        )
        small = cv2.copyMakeBorder(small, 18, 2, 1, 1, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        seconds = f" {row[TIMES[word]]:.2f} s" if word in TIMES else ""
        text = (
            f"{row['part']} #{row['pass']} {word}{seconds}"
            if word == "enters"
            else f"{word}{seconds}"
        )
        cv2.putText(
            small, text, (3, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (20, 20, 20), 1, cv2.LINE_AA
        )
        pictures.append(small)
    return np.concatenate(pictures, axis=1)
