"""How a uint8 frame becomes a network's input, and boxes return to the frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.pixels import (
    CropRounding,
    Interpolation,
    Resizer,
    center_crop,
    resize_as,
    resized_sides,
)

Channels = Literal["RGB", "BGR"]
Resize = Literal["shorter side", "stretch", "letterbox"]
BoxResize = Literal["letterbox", "stretch"]
Place = Literal["top left", "centre"]
Three = tuple[float, float, float]

# A frame longer than this many times its shorter side is cut to its middle before it is resized: beyond it
# nothing reaches the centre crop, and the resized picture would not fit into memory
_LONGEST = 16


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Resize, centre crop, channel order and normalisation of a classifier.

    Resize and crop are done in uint8, by default as in torchvision on uint8 tensors (antialiased); only the
    crop becomes float32. Another library's resize may change half of the labels and a crop that begins a px aside
    a quarter (``benchmarks/pixels.py``), so both are part of the description.

    Examples
    --------
    >>> lite0 = Preprocess(size=224, crop=0.875, interpolation="bicubic", mean=(127.0,) * 3, std=(128.0,) * 3)
    >>> lite0(torch.zeros(2, 3, 272, 640, dtype=torch.uint8)).shape
    torch.Size([2, 3, 224, 224])
    """

    size: int | tuple[int, int]  # Input of the network, px, or (height, width)
    crop: float = 1.0  # Part of the resized shorter side that the crop keeps, in (0, 1]
    # "bilinear", "bicubic" (both antialiased) or "nearest"
    interpolation: Interpolation = "bilinear"
    # mean, std: In the range 0..255 of the pixels, in the order of ``channels``
    mean: Three
    std: Three
    channels: Channels = "RGB"  # The order that the network takes, "RGB" or "BGR"
    # "shorter side": it becomes round(size / crop), and the longer side follows in proportion, rounded down,
    # as in torchvision. "stretch": both sides become round(size / crop). "letterbox": the whole picture fits into
    # the size, centred, and the rest is padding.
    resize: Resize = "shorter side"
    resize_to: int | None = None  # Resized shorter side, px, where it does not follow from ``crop``
    resizer: Resizer = "torch"  # The library whose bytes the resize gives
    antialias: bool = True  # Whether "torch" averages while it shrinks
    crop_rounding: CropRounding = "even"  # Where a crop begins whose margin is odd
    crop_offset: int = 0  # Px by which the crop lies below and to the right of the middle
    pad: int = 114  # Grey level of a letterbox's padding, 0..255

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            object.__setattr__(self, name, three(name, getattr(self, name)))
        object.__setattr__(self, "size", two_sides(self.size))
        if not isinstance(self.crop, int | float) or not 0 < self.crop <= 1:
            raise SettingsError(f"crop: expected a part in (0, 1], got {self.crop!r}")
        _check_choices(
            self,
            interpolation=Interpolation,
            resize=Resize,
            channels=Channels,
            resizer=Resizer,
            crop_rounding=CropRounding,
        )
        if not isinstance(self.antialias, bool):
            raise SettingsError(f"antialias: expected true or false, got {self.antialias!r}")
        if type(self.crop_offset) is not int or type(self.pad) is not int:
            raise SettingsError("crop_offset and the padding: expected whole numbers")
        if not 0 <= self.pad <= 255:
            raise SettingsError(f"padding: expected a grey level in 0..255, got {self.pad}")
        if min(self.std) <= 0:
            raise SettingsError(f"std: expected three numbers above 0, got {self.std}")
        if self.resize == "shorter side" and self.shape[0] != self.shape[1]:
            raise SettingsError(
                f'size: {self.size} is not square; say resize = "stretch", or give one size'
            )
        if self.resize_to is not None and not (
            isinstance(self.resize_to, int) and self.resize_to >= 1
        ):
            raise SettingsError(f"resize_to: expected px, got {self.resize_to!r}")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the network's input, px."""
        assert isinstance(self.size, tuple)
        return self.size

    @property
    def resized(self) -> tuple[int, ...]:
        """(shorter side,) or (height, width) after the resize, px, with a letterbox's padding."""
        if self.resize == "letterbox":
            return self.shape
        if self.resize == "stretch":
            return tuple(self.resize_to or round(side / self.crop) for side in self.shape)
        return (self.resize_to or round(self.shape[0] / self.crop),)

    def frame_px(self, height: int, width: int) -> float:
        """Return how many px of a frame each px of the input averages; 1 where it averages none."""
        if not self.averages:
            return 1.0
        to = self.resized
        if self.resize == "letterbox":
            ratio = max(height / to[0], width / to[1])
        elif len(to) == 1:
            ratio = min(height, width) / to[0]
        else:
            ratio = min(height / to[0], width / to[1])
        return max(1.0, ratio)

    @property
    def averages(self) -> bool:
        """Whether a px of the input averages all px of the frame that it covers."""
        if self.resizer == "torch":
            return self.antialias and self.interpolation != "nearest"
        return self.resizer == "opencv-area" or (
            self.resizer == "pil" and self.interpolation != "nearest"
        )

    def cut(self, pixels: torch.Tensor) -> torch.Tensor:
        """Resize and crop."""
        height, width = pixels.shape[-2:]
        if self.resize == "shorter side" and max(height, width) > _LONGEST * min(height, width):
            long, short = max(height, width), min(height, width)
            kept = _LONGEST * short + (long - _LONGEST * short) % 4
            pixels = center_crop(pixels, [kept, width] if height > width else [height, kept])
        if self.resize == "letterbox":
            return self._letterboxed(pixels)
        resized = self._resized(pixels, self.resized)
        return center_crop(resized, self.shape, self.crop_rounding, self.crop_offset)

    def _resized(self, pixels: torch.Tensor, to: Sequence[int]) -> torch.Tensor:
        if resized_sides((int(pixels.shape[-2]), int(pixels.shape[-1])), to) == pixels.shape[-2:]:
            return pixels
        return resize_as(pixels, to, self.interpolation, by=self.resizer, antialias=self.antialias)

    def _letterboxed(self, pixels: torch.Tensor) -> torch.Tensor:
        height, width = pixels.shape[-2:]
        ratio = min(self.shape[0] / height, self.shape[1] / width)
        to = (max(1, round(height * ratio)), max(1, round(width * ratio)))
        top, left = (self.shape[0] - to[0]) // 2, (self.shape[1] - to[1]) // 2
        canvas = pixels.new_full((len(pixels), 3, *self.shape), self.pad)
        canvas[..., top : top + to[0], left : left + to[1]] = self._resized(pixels, to)
        return canvas

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn resized pixels (N, 3, *shape) uint8 RGB into float32 in the network's range."""
        if self.channels == "BGR":
            pixels = pixels.flip(1)
        count, _, height, width = pixels.shape
        # in rows of R G B R G B ...: broadcasting over an inner side of 3 costs six times as much
        rows = pixels.permute(0, 2, 3, 1).reshape(count, height, width * 3).to(torch.float32)
        mean, std = (
            torch.tensor(v, dtype=torch.float32, device=rows.device).repeat(width)
            for v in (self.mean, self.std)
        )
        return rows.sub_(mean).div_(std).view(count, height, width, 3).permute(0, 3, 1, 2)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn pixels (N, 3, H, W) uint8 RGB into inputs (N, 3, *shape) float32 on their device."""
        return self.normalise(self.cut(pixels))

    def describe(self) -> str:
        to = self.resized
        what = f"shorter side to {to[0]} px" if len(to) == 1 else f"stretched to {to[1]}x{to[0]} px"
        how = self.interpolation + ", antialiased" * self.averages
        if self.resizer != "torch":
            how = self.resizer if self.resizer != "pil" else f"{self.interpolation} of Pillow"
        if self.resize == "letterbox":
            what = f"letterboxed to {to[1]}x{to[0]} px, padded with {self.pad}"
            return f"{what} ({how}, uint8), {_range(self.channels, self.mean, self.std)}"
        crop = f"centre crop {self.shape[1]}x{self.shape[0]}"
        if self.crop_rounding != "even":
            crop += f", odd margins rounded {self.crop_rounding}"
        if self.crop_offset:
            crop += f", {self.crop_offset} px aside"
        return f"{what} ({how}, uint8), {crop}, {_range(self.channels, self.mean, self.std)}"


@dataclass(frozen=True)
class Placement:
    """Where a frame lies in the input: input = frame * scale + offset, in continuous px.

    Pixel i covers i to i + 1, so a box around a whole frame is 0 0 width height.
    """

    # scale, offset: Along x and y
    scale: tuple[float, float]
    offset: tuple[float, float]

    def undo(self, boxes: np.ndarray) -> np.ndarray:
        """Return boxes (M, 4) xyxy px of the input in px of the frame, float64."""
        back: np.ndarray = (np.asarray(boxes, np.float64) - (self.offset * 2)) / (self.scale * 2)
        return back


@dataclass(frozen=True, kw_only=True)
class BoxPreprocess:
    """Resize, padding, channel order and normalisation of a detector."""

    size: tuple[int, int]  # Height and width of the input, px
    resize: BoxResize  # "letterbox" keeps the proportions and pads; "stretch" does not
    place: Place = "top left"  # Of the picture in a letterbox
    pad: int = 114  # Grey level of the padding, 0..255
    # Whether the sides of a letterboxed picture are rounded down, as YOLOX does it; else to the nearest px
    round_down: bool = False
    # Whether boxes go back by the ratio that both sides were meant to have, as YOLOX and Ultralytics do it;
    # else by the scale that each side has after rounding
    one_scale: bool = False
    # Averages while shrinking, as Pillow does. Without it OpenCV's linear interpolation is meant, with which
    # YOLO networks are trained.
    antialias: bool = False
    # The library whose bytes the resize gives; None is OpenCV's linear one, or torch's with ``antialias``
    resizer: Resizer | None = None
    # mean, std: In the range 0..255 of the pixels, in the order of ``channels``
    mean: Three
    std: Three
    channels: Channels  # "RGB" or "BGR"

    def __post_init__(self) -> None:
        _check_choices(self, resize=BoxResize, place=Place, channels=Channels)
        if min(self.size) < 1 or min(self.std) <= 0 or not 0 <= self.pad <= 255:
            raise SettingsError(
                f"size {self.size}, std {self.std}, pad {self.pad}: expected px, numbers above 0 and a grey level"
            )

    def sides(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width, px, of a frame in the input, without padding."""
        if self.resize == "stretch":
            return self.size
        ratio = self._ratio(height, width)
        if self.round_down:
            # int of the product as it is: 432 * (416 / 768) is 233.99999999999997, and YOLOX makes 233 rows of it
            return max(1, int(height * ratio)), max(1, int(width * ratio))
        return max(1, round(height * ratio)), max(1, round(width * ratio))

    def fit(self, height: int, width: int) -> Placement:
        tall, wide = self.sides(height, width)
        top, left = self._corner(tall, wide)
        scale = (wide / width, tall / height)
        if self.one_scale and self.resize == "letterbox":
            scale = (self._ratio(height, width),) * 2
        return Placement(scale, (float(left), float(top)))

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn pixels (N, 3, H, W) uint8 RGB into inputs (N, 3, *size) float32 in main memory."""
        tall, wide = self.sides(*pixels.shape[-2:])
        top, left = self._corner(tall, wide)
        canvas = np.full((len(pixels), *self.size, 3), self.pad, np.uint8)
        canvas[:, top : top + tall, left : left + wide] = self._resized(pixels, tall, wide)
        values = torch.from_numpy(
            canvas if self.channels == "RGB" else canvas[..., ::-1].copy()
        ).float()
        values.sub_(torch.tensor(self.mean)).div_(torch.tensor(self.std))
        return values.permute(0, 3, 1, 2)

    def describe(self) -> str:
        how = _BOX_RESIZE[self.way]
        if self.way == "torch" and not self.antialias:
            how = "linear"
        pad = f", {self.place}, padded with {self.pad}" if self.resize == "letterbox" else ""
        if pad and self.round_down:
            pad += ", sides rounded down"
        if pad and self.one_scale:
            pad += ", one scale for both sides"
        where = f"{self.resize} to {self.size[1]}x{self.size[0]} px ({how}){pad}"
        return f"{where}, {_range(self.channels, self.mean, self.std)}"

    def _ratio(self, height: int, width: int) -> float:
        return min(self.size[0] / height, self.size[1] / width)

    def _corner(self, tall: int, wide: int) -> tuple[int, int]:
        if self.place == "top left" or self.resize == "stretch":
            return 0, 0
        # the .1 is Ultralytics': an odd padding has its smaller half above and to the left
        return round((self.size[0] - tall) / 2 - 0.1), round((self.size[1] - wide) / 2 - 0.1)

    @property
    def way(self) -> Resizer:
        """The library whose bytes the resize gives."""
        return self.resizer or ("torch" if self.antialias else "opencv-linear")

    def _resized(self, pixels: torch.Tensor, tall: int, wide: int) -> np.ndarray:
        """(N, tall, wide, 3) uint8 RGB."""
        small = resize_as(pixels, (tall, wide), by=self.way, antialias=self.antialias)
        return np.asarray(small.permute(0, 2, 3, 1).cpu().numpy())


_BOX_RESIZE = {
    "torch": "linear, antialiased",
    "pil": "linear of Pillow",
    "opencv-linear": "linear as in OpenCV",
    "opencv-area": "areas averaged as in OpenCV",
}


def three(name: str, values: Sequence[float]) -> Three:
    """Return three numbers in the range of the pixels; raises SettingsError."""
    try:
        numbers = tuple(float(v) for v in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise SettingsError(
            f"{name}: expected three numbers in the range 0..255 of the pixels, got {values!r}"
        )
    return numbers


def two_sides(size: object) -> tuple[int, int]:
    """Return height and width, px, from one side or two; raises SettingsError."""
    sides = size if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(isinstance(s, int) and s >= 1 for s in sides):
        raise SettingsError(f"size: expected px, or [height, width] in px, got {size!r}")
    return int(sides[0]), int(sides[1])


def _check_choices(record: object, **choices: Any) -> None:
    for name, kind in choices.items():
        if getattr(record, name) not in get_args(kind):
            expected = ", ".join(map(repr, get_args(kind)))
            raise SettingsError(
                f"{name}: expected one of {expected}, got {getattr(record, name)!r}"
            )


def _range(channels: str, mean: Three, std: Three) -> str:
    minus, over = (" ".join(f"{v:g}" for v in values) for values in (mean, std))
    return f"{channels}, minus ({minus}) over ({over})"
