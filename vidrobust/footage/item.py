"""Item: one thing to analyse, and what its manifest says of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from vidrobust.errors import SettingsError

# Boxes of one object along a clip, and the window that is cut out about it.

Box = tuple[float, float, float, float]

SLACK_S = 0.02  # A frame this much before the first box or behind the last is still shown with it


@dataclass(frozen=True, kw_only=True)
class ObjectBoxes:
    """The boxes of one object over an unbroken stretch."""

    places: tuple[float, ...]  # rising; frame numbers from 0, or seconds by the file's time stamps
    boxes: tuple[Box, ...]  # x1, y1, x2, y2 at each place
    counted: bool  # whether the places are frame numbers
    unit: str = "px"  # px of the upright frame, or shares of its width and height

    def __post_init__(self) -> None:
        if not self.places or len(self.places) != len(self.boxes):
            raise ValueError(
                f"ObjectBoxes: expected as many places as boxes, and one at least, "
                f"got {len(self.places)} and {len(self.boxes)}"
            )
        if any(b <= a for a, b in zip(self.places, self.places[1:], strict=False)):
            raise ValueError("ObjectBoxes.places: expected rising numbers")
        if self.unit not in ("px", "share"):
            raise ValueError(f"ObjectBoxes.unit: expected px or share, got {self.unit!r}")

    def at(self, index: int, time_s: float) -> Box | None:
        """Return the box in a frame, interpolated between labels; None outside of them."""
        place = float(index) if self.counted else time_s
        slack = 0.0 if self.counted else SLACK_S
        if not self.places[0] - slack <= place <= self.places[-1] + slack:
            return None
        place = min(max(place, self.places[0]), self.places[-1])
        right = min(bisect_right(self.places, place), len(self.places) - 1)
        left = max(right - 1, 0)
        span = self.places[right] - self.places[left]
        share = (place - self.places[left]) / span if span else 0.0
        a, b = self.boxes[left], self.boxes[right]
        x1, y1, x2, y2 = (p + share * (q - p) for p, q in zip(a, b, strict=True))
        return x1, y1, x2, y2

    def is_past(self, index: int, time_s: float) -> bool:
        return index > self.places[-1] if self.counted else time_s > self.places[-1] + SLACK_S


def crop_window(box: Box, *, margin: float, width: int, height: int) -> tuple[int, int, int]:
    """Return x, y and side, px, of the window about a box."""
    x1, y1, x2, y2 = box
    wanted = round(max(x2 - x1, y2 - y1) * (1 + 2 * margin))
    side = min(max(wanted, 1), width, height)
    x = min(max(round((x1 + x2 - side) / 2), 0), width - side)
    y = min(max(round((y1 + y2 - side) / 2), 0), height - side)
    return x, y, side


# Where a clip that was cut from a longer video begins on the clock of its labels.

WORDS = "expected seconds such as 12.5, or frames such as 300f"
# The frame of a label that lies before the clip; it is on none
BEFORE = -2
_TEXT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*(s|f)?")


@dataclass(frozen=True, kw_only=True)
class LabelOffset:
    """Where the clip begins on the clock of its labels; subtracted from each label."""

    value: float  # seconds, or whole frames; below 0 where labels begin behind the clip
    unit: Literal["s", "frames"]  # "s" or "frames"


def label_offset_of(text: str) -> LabelOffset | None:
    """ "12.5", "12.5s" or "300f"; None for no text. Raises ValueError."""
    if not text.strip():
        return None
    match = _TEXT.fullmatch(text.strip())
    if match is None or (match[2] == "f" and not float(match[1]).is_integer()):
        raise ValueError(f"{WORDS}, got {text!r}")
    return LabelOffset(value=float(match[1]), unit="frames" if match[2] == "f" else "s")


def on_clip(rows: pd.DataFrame, offset: LabelOffset | None, name: str) -> pd.DataFrame:
    """Return the labels of one clip, counted from its first frame; earlier ones are below 0."""
    if offset is None or not len(rows):
        return rows
    counted = rows["frame"] >= 0
    timed = rows["time_s"].notna() if "time_s" in rows else pd.Series(False, index=rows.index)
    if offset.unit == "s":
        if (counted & ~timed).any():
            raise SettingsError(
                f"label_offset: the labels of {name} count frames; give frames, such as 300f"
            )
        # the time alone says which frame it is now
        return rows.assign(
            time_s=rows["time_s"] - offset.value, frame=rows["frame"].where(~timed, -1)
        )
    if (timed & ~counted).any():
        raise SettingsError(
            f"label_offset: the labels of {name} count seconds; give seconds, such as 12.5"
        )
    shifted = rows["frame"] - int(offset.value)
    # a frame before the first must not become -1, which means every frame
    return rows.assign(
        frame=shifted.where(counted & (shifted >= 0), rows["frame"].where(~counted, BEFORE))
    )


Roi = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A video, an animation, a folder of frames or a single image, under a name that is unique in its run."""

    name: str  # the value of the column ``item`` in every table; valid text on one line
    path: Path  # where it is read from, exactly as the file system has it
    # part, pass_: which part was shown, and for which time; empty if not known
    part: str = ""
    pass_: str = ""
    station: str = ""  # camera, line or operator that saw it
    label: str = ""  # the class of the part by the reference; empty if not known
    # start_s, end_s: start_s <= time < end_s belongs to the item; None: from the beginning, to the end
    start_s: float | None = None
    end_s: float | None = None
    # x, y, width, height in px of the upright frame to which pictures are cut; None: all of it
    roi: Roi | None = None
    # where the object is, if the item is one object cut out of the pictures
    boxes: ObjectBoxes | None = None
    # where the file begins on the clock of its labels, if cut from a longer video
    label_offset: LabelOffset | None = None
    more: tuple[tuple[str, str], ...] = ()  # other columns of the manifest: names and values

    def __post_init__(self) -> None:
        if self.start_s is not None and self.end_s is not None and self.start_s >= self.end_s:
            raise ValueError(
                f"Item.start_s, end_s: expected start < end, got {self.start_s:g} and {self.end_s:g}"
            )
        if self.roi is not None and roi_fault(self.roi):
            raise ValueError(f"Item.roi: {roi_fault(self.roi)}, got {self.roi}")


def roi_fault(roi: Roi) -> str:
    """Return what is wrong with a region whatever the frame, or ""."""
    x, y, width, height = roi
    if width < 1 or height < 1:
        return "expected a width and a height of 1 px or more"
    return "expected x and y of 0 or more" if x < 0 or y < 0 else ""
