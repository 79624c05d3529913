"""A region of interest: where it lies in the frame, and the pictures cut to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import Roi, roi_fault
from vidrobust.frames import VideoInfo
from vidrobust.shown import shown


class Cut:
    """Pictures cut to a region of interest, or whole."""

    def __init__(self, roi: Roi | None, path: Path | str) -> None:
        self._roi, self._path = roi, path

    def check(self, width: int, height: int) -> None:
        """Raises SettingsError where the region is none in itself, InputError where it is not in the frame."""
        if self._roi is None:
            return
        if fault := roi_fault(self._roi):
            raise SettingsError(f"roi: {fault}, got {','.join(map(str, self._roi))}")
        x, y, w, h = self._roi
        if x + w > width or y + h > height:
            raise InputError(
                f"{shown(self._path)}: the region of interest x {x}, y {y}, {w}x{h} px reaches out of the frame, "
                f"which is {width}x{height} px"
            )

    def described(self, info: VideoInfo) -> VideoInfo:
        if self._roi is None:
            return info
        x, y, w, h = self._roi
        note = f"cut to {w}x{h} px at x {x}, y {y} of a frame of {info.width}x{info.height} px"
        return replace(info, width=w, height=h, notes=(*info.notes, note))

    def __call__(self, picture: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
        """(H, W, 3) -> (h, w, 3), a view."""
        if self._roi is None:
            return picture
        self.check(picture.shape[1], picture.shape[0])
        x, y, w, h = self._roi
        return picture[y : y + h, x : x + w]
