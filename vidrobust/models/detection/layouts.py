"""Which heads a shape fits: a wrong head is refused with the name of the right one."""

from __future__ import annotations

import math

from vidrobust.errors import SettingsError

STRIDES = ((8, 16, 32), (8, 16, 32, 64))
LONG_STRIDES = (8, 16, 32, 64)
"""Of NanoDet-Plus and PP-PicoDet, whose last row and column of cells may reach over the input."""
ANCHORS = 3
"""Boxes a cell of YOLOv5 and YOLOv7."""


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Cells of an input of this height and width over these strides."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def long_cells(size: tuple[int, int]) -> int:
    """Cells of NanoDet-Plus and PP-PicoDet."""
    return sum(math.ceil(size[0] / stride) * math.ceil(size[1] / stride) for stride in LONG_STRIDES)


def fitting(shape: tuple[int, ...], size: tuple[int, int]) -> list[str]:
    """Heads whose single output has this shape, without the batch dimension, for an input (height, width) px."""
    found = []
    if len(shape) == 3 and shape[0] > 5 and (shape[1], shape[2]) == (size[0] // 16, size[1] // 16):
        found.append("fastestdet")
    if len(shape) != 2:
        return found
    counts = {cells(size, strides) for strides in STRIDES}
    if shape[1] in counts and shape[0] > 4:
        found.append("yolov8")
    if shape[0] == long_cells(size) and shape[1] > 32:
        found.append("nanodet")
    if shape[0] in counts and shape[1] > 5:
        found.append("yolox")
    if shape[0] in {ANCHORS * count for count in counts} and shape[1] > 5:
        found.append("yolov5")
    if shape[1] == 6 and shape[0] > 6 and not found:
        found.append("yolov8")
    if shape[1] == 7 and not found:
        found.append("yolov7-end2end")
    return found


def refused(head: str, expected: str, shape: tuple[int, ...], size: tuple[int, int]) -> SettingsError:
    """The error for outputs that are not of this head's layout."""
    fits = [name for name in fitting(shape, size) if name != head]
    hint = f'; this is the layout of head = "{fits[0]}"' if fits else ""
    return SettingsError(
        f"head {head}: expected outputs {expected} for an input of {size[1]}x{size[0]} px, got {shape}{hint}"
    )


def check_head(head: str, shape: tuple[int, ...], size: tuple[int, int], expected: str) -> None:
    """Raise the error where the shape fits other heads and not this one."""
    fits = fitting(shape, size)
    if fits and head not in fits:
        raise refused(head, expected, shape, size)
