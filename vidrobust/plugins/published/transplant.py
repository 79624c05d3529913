"""An object of one picture is moved over the frames of another: is it found, and what becomes of the other boxes?

Rosenfeld, Zemel & Tsotsos 2018, "The elephant in the room" (arXiv 1808.03305). Non-local effects are those on boxes
that have no pixel in common with the object. A flat patch of the same outline is the control.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.json_text import file_text, parsed_json
from vidrobust.frames.pixels import to_array, to_levels
from vidrobust.metrics.box_differences import BIRTH, KEEP, ious, match
from vidrobust.models.detection.network import BoxAnswer, FrameBoxes, answers
from vidrobust.predictions import Detector
from vidrobust.shapes.mask import coco_shape
from vidrobust.shapes.shape import as_mask, read_shape
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.intervals import Interval, clustered_rate
from vidrobust.video.source import open_video

# Number, presentation time in s, and pixels (H, W, 3) uint8 RGB of a frame
Shown = tuple[int, float, np.ndarray]

ARMS = ("pasted", "seamless", "flat")
ON_IT = 0.5  # IoU from which a box is the object's, or a candidate another box's: COCO's AP50
LEAST_PX = 8  # a smaller object is none that a detector could find
BORDER_PX = 2  # room that Poisson blending needs at the border of a frame
WORST = 4  # places in the picture
NONE = -1  # the label where no box lies on the object


@dataclass(frozen=True)
class Cutout:
    """An object: pixels (h, w, 3) uint8 RGB, mask (h, w) bool, the whole picture and its box there, xyxy px."""

    pixels: np.ndarray
    mask: np.ndarray
    picture: np.ndarray
    box: np.ndarray

    @property
    def flat(self) -> Cutout:
        """The same outline in the object's mean colour."""
        mean = to_levels(self.pixels[self.mask].mean(axis=0))
        return replace(self, pixels=np.broadcast_to(mean, self.pixels.shape).copy())


def read_cutout(spec: str, masks: Path | None = None, scale: float = 1.0) -> Cutout:
    """Cut an object out of a picture, or of the first frame of a clip.

    Parameters
    ----------
    spec
        ``PICTURE#x1,y1,x2,y2`` in px; with ``masks`` ``PICTURE#CLASS``; ``PICTURE`` alone is all of it.
    masks
        COCO annotations that hold the picture by its file name.
    scale
        Factor of its size.

    Raises
    ------
    InputError
        If a file cannot be read or does not hold the object.
    SettingsError
        If the box does not lie inside the picture or is too small.
    """
    name, _, where = spec.partition("#")
    with open_video(name, device="cpu", prefetch=0) as source:
        picture = to_array(source.at([0]).pixels[0]).copy()
    height, width = picture.shape[:2]
    if masks is not None:
        mask = coco_mask(masks, Path(name).name, where, (height, width))
    else:
        mask = np.zeros((height, width), bool)
        x1, y1, x2, y2 = _box_of(where, width, height)
        mask[y1:y2, x1:x2] = True
    ys, xs = np.nonzero(mask)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64)
    x1, y1, x2, y2 = box.astype(int)
    size = round((x2 - x1) * scale), round((y2 - y1) * scale)
    if min(size) < LEAST_PX:
        raise SettingsError(f"object {spec}: {size[0]} x {size[1]} px, expected {LEAST_PX} a side")
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = cv2.resize(picture[y1:y2, x1:x2], size, interpolation=how)
    small = cv2.resize(mask[y1:y2, x1:x2].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return Cutout(pixels, small.astype(bool), picture, box)


def _box_of(text: str, width: int, height: int) -> tuple[int, int, int, int]:
    if not text:
        return 0, 0, width, height
    try:
        x1, y1, x2, y2 = (round(float(part)) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(
            f"object #{text}: expected #x1,y1,x2,y2 in px; or give --masks"
        ) from error
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise SettingsError(f"object #{text}: not inside the picture of {width} x {height} px")
    return x1, y1, x2, y2


def coco_mask(file: Path, picture: str, label: str, size: tuple[int, int]) -> np.ndarray:
    """Return the mask (H, W) bool of the largest object of a class in a picture of COCO annotations."""
    content = parsed_json(file_text(file))
    ids = {one["id"] for one in content["images"] if Path(one["file_name"]).name == picture}
    classes = {one["id"]: one["name"] for one in content["categories"]}
    rows = [
        row
        for row in content["annotations"]
        if row["image_id"] in ids and label in ("", classes.get(row["category_id"]))
    ]
    if not rows:
        known = sorted(
            {classes[r["category_id"]] for r in content["annotations"] if r["image_id"] in ids}
        )
        raise InputError(
            f"{file}: no {label or 'object'} in {picture}; it has {', '.join(known) or 'none'}"
        )
    shapes = [read_shape(coco_shape(row)) for row in rows]
    masks = [as_mask(shape).array(size) > 0 for shape in shapes if shape is not None]
    if not masks:
        raise InputError(f"{file}: the objects of {picture} have no mask")
    return max(masks, key=lambda mask: int(mask.sum()))


def places(
    size: tuple[int, int], cutout: Cutout, columns: int, rows: int
) -> Iterator[tuple[int, int, int, int]]:
    """Yield column, row, left and top px of a grid over a frame (H, W), the outermost at its borders."""
    h, w = cutout.mask.shape
    room = size[0] - h - 2 * BORDER_PX, size[1] - w - 2 * BORDER_PX
    if min(room) < 0:
        raise SettingsError(
            f"object: {w} x {h} px do not fit into {size[1]} x {size[0]}; give --scale"
        )
    for row, y in enumerate(np.linspace(0, room[0], rows).round().astype(int)):
        for column, x in enumerate(np.linspace(0, room[1], columns).round().astype(int)):
            yield column, row, int(x) + BORDER_PX, int(y) + BORDER_PX


def pasted(frame: np.ndarray, cutout: Cutout, x: int, y: int) -> np.ndarray:
    """Return (H, W, 3) uint8 with the object's pixels at left x and top y."""
    h, w = cutout.mask.shape
    result = frame.copy()
    result[y : y + h, x : x + w][cutout.mask] = cutout.pixels[cutout.mask]
    return result


def blended(frame: np.ndarray, cutout: Cutout, x: int, y: int) -> np.ndarray:
    """Return the same by Poisson blending (Perez 2003), ``cv2.seamlessClone``, which leaves no hard edge."""
    around = ((BORDER_PX, BORDER_PX), (BORDER_PX, BORDER_PX))
    pixels = np.pad(cutout.pixels, (*around, (0, 0)), mode="edge")
    mask = np.pad(cutout.mask.astype(np.uint8) * 255, around)
    h, w = cutout.mask.shape
    return cv2.seamlessClone(pixels, frame, mask, (x + w // 2, y + h // 2), cv2.NORMAL_CLONE)


def transplant(
    detector: Detector, cutout: Cutout, frames: list[Shown], grid: tuple[int, int]
) -> pd.DataFrame:
    """Move an object over a grid of places of frames, in three arms.

    Parameters
    ----------
    frames
        The frames, all of one size.
    grid
        Columns and rows.

    Returns
    -------
    pandas.DataFrame
        A row an arm, frame and place: ``x``, ``y`` px of the object's left top corner; ``found``, ``label``,
        ``score`` of the box on it; ``others`` boxes apart from it, of which ``lost`` and ``renamed``, and the same
        ``_before`` suppression (NaN where a detector does not give its candidates).
    """
    rows = []
    h, w = cutout.mask.shape
    for number, time_s, frame in frames:
        clean = answers(detector, [frame])[0]
        grid_places = list(places(frame.shape[:2], cutout, *grid))
        for arm in ARMS:
            object_shown, put = (
                (cutout.flat if arm == "flat" else cutout),
                (blended if arm == "seamless" else pasted),
            )
            pictures = [put(frame, object_shown, x, y) for *_, x, y in grid_places]
            for (column, row, x, y), answer in zip(
                grid_places, answers(detector, pictures), strict=True
            ):
                box = np.array([x, y, x + w, y + h], np.float64)
                place = {
                    "arm": arm,
                    "frame": number,
                    "time_s": time_s,
                    "column": column,
                    "row": row,
                    "x": x,
                    "y": y,
                }
                rows.append(
                    {**place, **on_object(answer.after, box), **on_others(clean, answer, box)}
                )
    return pd.DataFrame(rows)


def on_object(found: FrameBoxes, box: np.ndarray) -> dict[str, Any]:
    """Return the surest box of ``BIRTH`` or more on the object (4,) xyxy px: found, label and score."""
    where, scores, labels = found
    _, at, overlap = ious(box[None], where.boxes)
    at = at[(overlap >= ON_IT) & (scores[at] >= BIRTH)]
    best = at[np.argmax(scores[at])] if len(at) else None
    if best is None:
        return {"found": False, "label": NONE, "score": np.nan}
    return {"found": True, "label": int(labels[best]), "score": float(scores[best])}


def on_others(clean: BoxAnswer, answer: BoxAnswer, box: np.ndarray) -> dict[str, float]:
    """Count the boxes of the clean frame apart from the object, and those of them lost or renamed."""
    boxes, scores, labels = clean.after
    apart = ~_touches(boxes.boxes, box)
    kept, again = np.flatnonzero(scores >= KEEP), np.flatnonzero(answer.after[1] >= KEEP)
    new, new_labels = answer.after[0].take(again), answer.after[2][again]
    i, j, _ = match(boxes.take(kept), new, labels[kept], new_labels)
    partner = dict(zip(kept[i].tolist(), new_labels[j].tolist(), strict=True))
    rows = np.flatnonzero((scores >= BIRTH) & apart)
    lost = [row for row in rows if int(row) not in partner]
    renamed = [row for row in rows if partner.get(int(row), labels[row]) != labels[row]]
    result = {"others": len(rows), "lost": len(lost), "renamed": len(renamed)}
    before = [_before(clean, boxes.boxes[row]) for row in rows]
    after = [_before(answer, boxes.boxes[row]) for row in rows]
    known = clean.before is not None and answer.before is not None
    gone = sum(score < KEEP for score, _ in after)
    other = sum(a != b and score >= KEEP for (_, a), (score, b) in zip(before, after, strict=True))
    return result | {
        "lost_before": gone if known else np.nan,
        "renamed_before": other if known else np.nan,
    }


def _touches(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    return np.asarray(
        (boxes[:, 0] < box[2])
        & (boxes[:, 2] > box[0])
        & (boxes[:, 1] < box[3])
        & (boxes[:, 3] > box[1])
    )


def _before(answer: BoxAnswer, box: np.ndarray) -> tuple[float, int]:
    """The highest score of all candidates on a box before suppression, and its label."""
    if answer.before is None:
        return float("nan"), NONE
    where, scores, labels = answer.before
    _, at, overlap = ious(box[None], where.boxes)
    at = at[overlap >= ON_IT]
    best = at[np.argmax(scores[at])] if len(at) else None
    return (0.0, NONE) if best is None else (float(scores[best]), int(labels[best]))


def own_label(detector: Detector, cutout: Cutout, table: pd.DataFrame) -> int:
    """Return what the detector calls the object in its own picture; else its most frequent answer, else -1."""
    here = on_object(answers(detector, [cutout.picture])[0].after, cutout.box)["label"]
    named = table.loc[table["found"], "label"]
    return int(here) if here != NONE or not len(named) else int(named.mode().iloc[0])


def summary(table: pd.DataFrame, item: str, label: int) -> dict[str, dict[str, Interval]]:
    """Return by arm the shares found and named right of all places, and lost and renamed of the other boxes.

    Intervals are over frames a second apart, because places of one frame are not independent.
    """
    result = {}
    for arm, rows in table.groupby("arm", sort=False):
        rows = rows.assign(item=item, named=rows["label"] == label)
        events = {name: (rows[name].astype(bool), rows) for name in ("found", "named")}
        for name in ("lost", "renamed", "lost_before", "renamed_before"):
            others = rows.loc[rows.index.repeat(rows["others"])]
            turn = others.groupby(level=0).cumcount()
            use = others[name].notna()
            events[name] = ((turn < others[name])[use], others[use])
        result[str(arm)] = {
            name: clustered_rate(hits.to_numpy(bool), clusters_of_rows(of.reset_index(drop=True)))
            if len(of)
            else Interval.unknown()
            for name, (hits, of) in events.items()
        }
    return result


def by_place(table: pd.DataFrame, label: int) -> pd.DataFrame:
    """Return a row an arm and place: frames, and sums of found, named, others, lost and renamed over them."""
    counted = table.assign(named=table["label"] == label, frames=1)
    sums = [
        "frames",
        "found",
        "named",
        "others",
        "lost",
        "renamed",
        "lost_before",
        "renamed_before",
    ]
    return (
        counted.groupby(["arm", "row", "column", "x", "y"], sort=False)[sums]
        .sum(min_count=1)
        .reset_index()
    )


def worst_places(
    detector: Detector, cutout: Cutout, frames: list[Shown], table: pd.DataFrame
) -> np.ndarray:
    """Draw the four places with the most other boxes lost or renamed, boxes of the clean frame beside those then.

    Returns
    -------
    np.ndarray
        (H, W, 3) uint8 RGB: one row a place, the clean frame on the left.
    """
    own = table[table["arm"] == ARMS[0]]
    order = (own["lost"] + own["renamed"] + 0.5 * ~own["found"]).sort_values(
        ascending=False, kind="stable"
    )
    rows = []
    for at in order.index[:WORST]:
        place = own.loc[at]
        frame = next(pixels for number, _, pixels in frames if number == place["frame"])
        shown = pasted(frame, cutout, int(place["x"]), int(place["y"]))
        both = zip((frame, shown), answers(detector, [frame, shown]), strict=True)
        rows.append(
            np.hstack([_drawn(picture, answer.after, detector) for picture, answer in both])
        )
    return np.vstack(rows)


def _drawn(picture: np.ndarray, found: FrameBoxes, detector: Detector) -> np.ndarray:
    result = picture.copy()
    boxes, scores, labels = found
    for row in np.flatnonzero(scores >= BIRTH):
        x1, y1, x2, y2 = boxes.boxes[row].round().astype(int).tolist()
        cv2.rectangle(result, (x1, y1), (x2, y2), (255, 220, 0), 2)
        text = f"{detector.class_names[int(labels[row])]} {scores[row]:.2f}"
        cv2.putText(
            result, text, (x1 + 3, y1 + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 220, 0), 2
        )
    return result
