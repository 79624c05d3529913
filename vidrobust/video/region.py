"""What of each frame is delivered: all, a region of interest, or the window about an object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import ObjectBoxes, Roi, crop_window, roi_fault
from vidrobust.frames.batch import VideoInfo
from vidrobust.text.printable import printable
from vidrobust.video.selection import Timed, TimedFrame

Picture = np.ndarray | torch.Tensor  # (H, W, 3) uint8 RGB


@dataclass(frozen=True)
class Cut:
    """What is delivered of each frame: all of it, or what a subclass cuts out."""

    def described(self, info: VideoInfo) -> VideoInfo:
        """Return the VideoInfo of what is delivered; InputError if it is outside of the frame."""
        return info

    def covers(self, frame: Timed) -> bool:
        return True

    def is_past(self, frame: Timed) -> bool:
        return False

    def __call__(self, picture: Picture, frame: Timed) -> Picture:
        """(H, W, 3) -> (h, w, 3), possibly a view."""
        return picture


@dataclass(frozen=True)
class Region(Cut):
    """A region of interest, the same in every frame; SettingsError if invalid."""

    roi: Roi
    path: Path

    def __post_init__(self) -> None:
        if fault := roi_fault(self.roi):
            raise SettingsError(f"roi: {fault}, got {','.join(map(str, self.roi))}")

    def described(self, info: VideoInfo) -> VideoInfo:
        self._check(info.width, info.height)
        x, y, w, h = self.roi
        note = f"cut to {w}x{h} px at x {x}, y {y} of a frame of {info.width}x{info.height} px"
        return replace(info, width=w, height=h, notes=(*info.notes, note))

    def __call__(self, picture: Picture, frame: Timed) -> Picture:
        self._check(picture.shape[1], picture.shape[0])
        x, y, w, h = self.roi
        return picture[y : y + h, x : x + w]

    def _check(self, width: int, height: int) -> None:
        x, y, w, h = self.roi
        if x + w > width or y + h > height:
            raise InputError(
                f"{printable(self.path)}: the region of interest x {x}, y {y}, {w}x{h} px reaches out of the "
                f"frame, which is {width}x{height} px"
            )


@dataclass(frozen=True, kw_only=True)
class ObjectCut(Cut):
    """The window about an object, resized to a square; frames without it are skipped."""

    boxes: ObjectBoxes
    margin: float = 0.1
    size: int = 256

    def __post_init__(self) -> None:
        if self.margin < 0 or self.size < 1:
            raise SettingsError(
                f"crop: expected a margin >= 0 and a size >= 1 px, got {self.margin:g} and {self.size}"
            )

    def described(self, info: VideoInfo) -> VideoInfo:
        first, last = self.boxes.places[0], self.boxes.places[-1]
        count = (last - first) * (1 if self.boxes.counted else float(info.frame_rate)) + 1
        note = f"cut to an object with a margin of {self.margin:g}, resized to {self.size}x{self.size} px"
        return replace(
            info,
            width=self.size,
            height=self.size,
            num_frames=round(count),
            notes=(*info.notes, note),
        )

    def covers(self, frame: Timed) -> bool:
        return self.boxes.at(frame.index, frame.time_s) is not None

    def is_past(self, frame: Timed) -> bool:
        return self.boxes.is_past(frame.index, frame.time_s)

    def __call__(self, picture: Picture, frame: Timed) -> Picture:
        box = self.boxes.at(frame.index, frame.time_s)
        if box is None:
            raise InputError(f"frame {frame.index}: the object is not to be seen in it")
        height, width = picture.shape[:2]
        if self.boxes.unit == "share":
            box = (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
        x, y, side = crop_window(box, margin=self.margin, width=width, height=height)
        return resized(picture[y : y + side, x : x + side], self.size)


def resized(picture: Picture, size: int) -> Picture:
    """Resize (H, W, 3) to (size, size, 3), averaged where it shrinks, linear where it grows."""
    shrinks = min(picture.shape[:2]) >= size
    if isinstance(picture, np.ndarray):
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        whole = np.ascontiguousarray(picture)
        return np.asarray(cv2.resize(whole, (size, size), interpolation=how))
    planes = picture.permute(2, 0, 1).to(torch.float32)
    if shrinks:
        rows, columns = (_overlaps(n, size).to(planes.device) for n in picture.shape[:2])
        planes = rows @ planes @ columns.T
    else:
        grown = torch.nn.functional.interpolate(planes[None], size=(size, size), mode="bilinear")
        planes = grown[0]
    return planes.permute(1, 2, 0).round_().clamp_(0, 255).to(torch.uint8)


def _overlaps(count: int, size: int) -> torch.Tensor:
    """Return (size, count) float32: how much of each of ``count`` px lies in each of ``size`` parts."""
    step = count / size
    start = step * torch.arange(size, dtype=torch.float64)[:, None]
    px = torch.arange(count, dtype=torch.float64)[None]
    overlap = torch.minimum(start + step, px + 1) - torch.maximum(start, px)
    return (overlap.clamp(min=0) / step).to(torch.float32)


def covered(cut: Cut, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
    for frame in frames:
        if cut.is_past(frame):
            return
        if cut.covers(frame):
            yield frame
