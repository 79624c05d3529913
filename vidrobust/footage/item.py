"""Item: one thing to analyse, and what its manifest says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidrobust.footage.labels.offset import LabelOffset
from vidrobust.footage.object_boxes import ObjectBoxes

Roi = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A video, an animation, a folder of frames or a single image, under a name that is unique in its run.

    name            the value of the column ``item`` in every table; valid text on one line
    path            where it is read from, exactly as the file system has it
    part, pass_     which part was shown, and for which time; empty where the manifest does not say
    station         camera, line or operator that saw it
    label           the class of the part by the reference; empty where it is not known
    start_s, end_s  the part of the file that belongs to the item, start_s <= time < end_s; None: from the
                    beginning, to the end
    roi             x, y, width, height in px of the upright frame to which the pictures are cut; None: all of it
    boxes           where one object is, if the item is that object and the pictures are cut out about it
    label_offset    where the file begins on the clock of its labels, if it was cut from a longer video
    more            what else the manifest says: names and values of the columns that are not known here
    """

    name: str
    path: Path
    part: str = ""
    pass_: str = ""
    station: str = ""
    label: str = ""
    start_s: float | None = None
    end_s: float | None = None
    roi: Roi | None = None
    boxes: ObjectBoxes | None = None
    label_offset: LabelOffset | None = None
    more: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.start_s is not None and self.end_s is not None and self.start_s >= self.end_s:
            raise ValueError(
                f"Item.start_s, end_s: expected start < end, got {self.start_s:g} and {self.end_s:g}"
            )
        if self.roi is not None and roi_fault(self.roi):
            raise ValueError(f"Item.roi: {roi_fault(self.roi)}, got {self.roi}")


def roi_fault(roi: Roi) -> str:
    """What is wrong with a region of interest whatever the frame, or nothing."""
    x, y, width, height = roi
    if width < 1 or height < 1:
        return "expected a width and a height of 1 px or more"
    return "expected x and y of 0 or more" if x < 0 or y < 0 else ""
