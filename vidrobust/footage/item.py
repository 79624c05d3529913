"""Item: one thing to analyse, and what its manifest says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Item:
    """A video, an animation, a folder of frames or a single image, under a name that is unique in its run.

    name            the value of the column ``item`` in every table
    path            where it is read from
    part, pass_     which part was shown, and for which time; empty where the manifest does not say
    station         camera, line or operator that saw it
    label           the class of the part by the reference; empty where it is not known
    start_s, end_s  the part of the file that belongs to the item, start_s <= time < end_s; None: from the
                    beginning, to the end
    roi             x, y, width, height in px of the frame to which the pictures are cut; None: the whole frame
    """

    name: str
    path: Path
    part: str = ""
    pass_: str = ""
    station: str = ""
    label: str = ""
    start_s: float | None = None
    end_s: float | None = None
    roi: tuple[int, int, int, int] | None = None
