"""Where a clip begins on the clock of its labels: a clip cut from a video whose labels count from its start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from vidrobust.errors import SettingsError

WORDS = "expected seconds such as 12.5, or frames such as 300f"
BEFORE = -2
"""The frame of a label that lies before the clip; it is on none."""
_TEXT = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))\s*(s|f)?")


@dataclass(frozen=True, kw_only=True)
class LabelOffset:
    """Where the clip begins, as its labels count; taken from each label.

    value  seconds, or whole frames; below 0 where labels begin behind the clip
    unit   "s" or "frames"
    """

    value: float
    unit: Literal["s", "frames"]


def label_offset_of(text: str) -> LabelOffset | None:
    """ "12.5", "12.5s" or "300f"; None for no text. Raises ValueError."""
    if not text.strip():
        return None
    found = _TEXT.fullmatch(text.strip())
    if found is None or (found[2] == "f" and not float(found[1]).is_integer()):
        raise ValueError(f"{WORDS}, got {text!r}")
    return LabelOffset(value=float(found[1]), unit="frames" if found[2] == "f" else "s")


def on_clip(rows: pd.DataFrame, offset: LabelOffset | None, name: str) -> pd.DataFrame:
    """The rows of labels of one clip, counted from its first frame; those before it lie below 0.

    name  of the item, for errors. Raises SettingsError where labels do not count in the offset's unit.
    """
    if offset is None or not len(rows):
        return rows
    counted = rows["frame"] >= 0
    timed = rows["time_s"].notna() if "time_s" in rows else pd.Series(False, index=rows.index)
    if offset.unit == "s":
        if (counted & ~timed).any():
            raise SettingsError(f"label_offset: the labels of {name} count frames; give frames, such as 300f")
        # the time alone says which frame it is now
        return rows.assign(time_s=rows["time_s"] - offset.value, frame=rows["frame"].where(~timed, -1))
    if (timed & ~counted).any():
        raise SettingsError(f"label_offset: the labels of {name} count seconds; give seconds, such as 12.5")
    shifted = rows["frame"] - int(offset.value)
    # a frame before the first must not become -1, which means every frame
    return rows.assign(frame=shifted.where(counted & (shifted >= 0), rows["frame"].where(~counted, BEFORE)))
