"""BoxPreprocess: a full frame becomes a detector's input, and boxes find their way back exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.pixels import resize

Resize = Literal["letterbox", "stretch"]
Place = Literal["top left", "centre"]


@dataclass(frozen=True)
class Fit:
    """Where a frame lies in the input: input = frame * scale + offset, x and y apart, in continuous px.

    Pixel i covers i to i + 1, so that a box around a whole frame is 0 0 width height before and after.
    """

    scale: tuple[float, float]
    offset: tuple[float, float]

    def undo(self, boxes: np.ndarray) -> np.ndarray:
        """(M, 4) xyxy px of the input -> (M, 4) float64 xyxy px of the frame."""
        back: np.ndarray = (np.asarray(boxes, np.float64) - (self.offset * 2)) / (self.scale * 2)
        return back


@dataclass(frozen=True, kw_only=True)
class BoxPreprocess:
    """Resize, padding, channel order and normalisation of a detector.

    size       (height, width) of the input, px
    resize     "letterbox" keeps the proportions and pads; "stretch" does not
    place      of the picture in a letterbox
    pad        grey level of the padding, 0..255
    whole      how the sides of a letterboxed picture become whole px: "down" (YOLOX) or "nearest" (Ultralytics)
    antialias  averages while shrinking, as Pillow does; without it OpenCV's linear interpolation is meant,
               which is what YOLO networks are trained with
    mean, std  in the range 0..255 of the pixels, in the order of ``channels``
    channels   "RGB" or "BGR"
    """

    size: tuple[int, int]
    resize: Resize
    place: Place = "top left"
    pad: int = 114
    whole: Literal["down", "nearest"] = "nearest"
    antialias: bool = False
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: Literal["RGB", "BGR"]

    def __post_init__(self) -> None:
        for name, choices in (("resize", Resize), ("place", Place)):
            if getattr(self, name) not in get_args(choices):
                allowed = " or ".join(map(repr, get_args(choices)))
                raise SettingsError(f"{name}: expected {allowed}, got {getattr(self, name)!r}")
        if self.channels not in ("RGB", "BGR"):
            raise SettingsError(f'channels: expected "RGB" or "BGR", got {self.channels!r}')
        if min(self.size) < 1 or min(self.std) <= 0 or not 0 <= self.pad <= 255:
            raise SettingsError(
                f"size {self.size}, std {self.std}, pad {self.pad}: expected px, numbers above 0 and a grey level"
            )

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Height and width, px, of a frame's picture in the input, without the padding."""
        if self.resize == "stretch":
            return self.size
        ratio = min(self.size[0] / height, self.size[1] / width)
        whole = int if self.whole == "down" else round
        # a product that is whole but for rounding stays whole
        return (
            max(1, whole(round(height * ratio, 6))),
            max(1, whole(round(width * ratio, 6))),
        )

    def fit(self, height: int, width: int) -> Fit:
        """Where a frame of this size lies in the input."""
        tall, wide = self.sides(height, width)
        top, left = self._corner(tall, wide)
        return Fit((wide / width, tall / height), (float(left), float(top)))

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels (N, 3, H, W) uint8 RGB, any device -> (N, 3, *size) float32 in main memory."""
        tall, wide = self.sides(*pixels.shape[-2:])
        top, left = self._corner(tall, wide)
        canvas = np.full((len(pixels), *self.size, 3), self.pad, np.uint8)
        canvas[:, top : top + tall, left : left + wide] = self._resized(pixels, tall, wide)
        values = torch.from_numpy(canvas if self.channels == "RGB" else canvas[..., ::-1].copy()).float()
        values.sub_(torch.tensor(self.mean)).div_(torch.tensor(self.std))
        return values.permute(0, 3, 1, 2)

    def describe(self) -> str:
        """The definition in words, for run.json and the report."""
        how = "linear, antialiased" if self.antialias else "linear as in OpenCV"
        pad = f", {self.place}, padded with {self.pad}" if self.resize == "letterbox" else ""
        mean, std = (" ".join(f"{v:g}" for v in values) for values in (self.mean, self.std))
        return (
            f"{self.resize} to {self.size[1]}x{self.size[0]} px ({how}){pad}, {self.channels}, "
            f"minus ({mean}) over ({std})"
        )

    def _corner(self, tall: int, wide: int) -> tuple[int, int]:
        if self.place == "top left" or self.resize == "stretch":
            return 0, 0
        return round((self.size[0] - tall) / 2 - 0.1), round((self.size[1] - wide) / 2 - 0.1)

    def _resized(self, pixels: torch.Tensor, tall: int, wide: int) -> np.ndarray:
        """(N, tall, wide, 3) uint8 RGB."""
        if self.antialias:
            small = resize(pixels, (tall, wide))
            return np.asarray(small.permute(0, 2, 3, 1).cpu().numpy())
        frames = pixels.permute(0, 2, 3, 1).cpu().numpy()
        return np.stack(
            [
                cv2.resize(np.ascontiguousarray(frame), (wide, tall), interpolation=cv2.INTER_LINEAR)
                for frame in frames
            ]
        )
