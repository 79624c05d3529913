"""Preprocess: a full uint8 frame becomes a network's input, by one declared and tested definition."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.pixels import Interpolation, center_crop, resize

Resize = Literal["shorter side", "stretch"]
Channels = Literal["RGB", "BGR"]

_LONGEST = 16
"""A frame longer than this many times its shorter side is cut to its middle before it is resized."""


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Resize, centre crop, channel order and normalisation of a classifier.

    The frame stays uint8 through an antialiased resize and the crop, as in Pillow and in torchvision on
    uint8 tensors; only the crop is turned into float32 and normalised, once per batch.

    size           input of the network in px, or (height, width)
    crop           part of the resized shorter side that the crop keeps, in (0, 1]
    interpolation  "bilinear", "bicubic" (both antialiased) or "nearest"
    mean, std      in the range 0..255 of the pixels, in the order of ``channels``
    channels       "RGB" or "BGR", the order that the network takes
    resize         "shorter side": it becomes round(size / crop), the longer one follows in proportion,
                   rounded down, as in torchvision; "stretch": both sides become round(size / crop)
    resize_to      px of the resized shorter side, where it is given instead of following from ``crop``

    >>> lite0 = Preprocess(size=224, crop=0.875, interpolation="bicubic", mean=(127.0,) * 3, std=(128.0,) * 3)
    >>> lite0(torch.zeros(2, 3, 272, 640, dtype=torch.uint8)).shape
    torch.Size([2, 3, 224, 224])
    """

    size: int | tuple[int, int]
    crop: float = 1.0
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: Channels = "RGB"
    resize: Resize = "shorter side"
    resize_to: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", _three("mean", self.mean))
        object.__setattr__(self, "std", _three("std", self.std))
        sides = self.size if isinstance(self.size, tuple | list) else (self.size, self.size)
        if len(sides) != 2 or not all(isinstance(s, int) and s >= 1 for s in sides):
            raise SettingsError(f"size: expected px, or [height, width] in px, got {self.size!r}")
        object.__setattr__(self, "size", (int(sides[0]), int(sides[1])))
        if not isinstance(self.crop, int | float) or not 0 < self.crop <= 1:
            raise SettingsError(f"crop: expected a part in (0, 1], got {self.crop!r}")
        for name, choices in (("interpolation", Interpolation), ("resize", Resize), ("channels", Channels)):
            if getattr(self, name) not in get_args(choices):
                raise SettingsError(
                    f"{name}: expected one of {', '.join(map(repr, get_args(choices)))}, "
                    f"got {getattr(self, name)!r}"
                )
        if min(self.std) <= 0:
            raise SettingsError(f"std: expected three numbers above 0, got {self.std}")
        if self.resize == "shorter side" and sides[0] != sides[1]:
            raise SettingsError(f'size: {self.size} is not square; say resize = "stretch", or give one size')
        if self.resize_to is not None and not (isinstance(self.resize_to, int) and self.resize_to >= 1):
            raise SettingsError(f"resize_to: expected px, got {self.resize_to!r}")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the network's input, px."""
        assert isinstance(self.size, tuple)
        return self.size

    @property
    def resized(self) -> tuple[int, ...]:
        """(shorter side,) or (height, width) after the resize, px."""
        if self.resize == "stretch":
            return tuple(self.resize_to or round(side / self.crop) for side in self.shape)
        return (self.resize_to or round(self.shape[0] / self.crop),)

    def cut(self, pixels: torch.Tensor) -> torch.Tensor:
        """pixels (N, 3, H, W) uint8 RGB -> (N, 3, *shape) uint8 RGB on the same device, resized and cropped.

        Fastest on frames that lie in memory as (N, H, W, 3), which is how decoders deliver them.
        """
        height, width = pixels.shape[-2:]
        if self.resize == "shorter side" and max(height, width) > _LONGEST * min(height, width):
            pixels = center_crop(pixels, _middle(height, width))
        return center_crop(resize(pixels, self.resized, self.interpolation), self.shape)

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Resized pixels (N, 3, *shape) uint8 RGB -> float32 in the network's range, channels_last."""
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
        """pixels (N, 3, H, W) uint8 RGB -> (N, 3, *shape) float32, channels_last, on the same device."""
        return self.normalise(self.cut(pixels))

    def describe(self) -> str:
        """The definition in words, for run.json and the report."""
        to = self.resized
        what = f"shorter side to {to[0]} px" if len(to) == 1 else f"stretched to {to[1]}x{to[0]} px"
        how = self.interpolation if self.interpolation == "nearest" else f"{self.interpolation}, antialiased"
        mean, std = (" ".join(f"{v:g}" for v in values) for values in (self.mean, self.std))
        return (
            f"{what} ({how}, uint8), centre crop {self.shape[1]}x{self.shape[0]}, {self.channels}, "
            f"minus ({mean}) over ({std})"
        )


def from_torchvision(preset: Any) -> Preprocess:
    """The transforms of a torchvision weight entry, as a Preprocess.

    Raises SettingsError where they are not those of an image classifier.
    """
    from torchvision.transforms._presets import ImageClassification

    if not isinstance(preset, ImageClassification):
        raise SettingsError(
            f"its transforms are {type(preset).__name__}, not ImageClassification: "
            "this version studies image classifiers only"
        )
    return Preprocess(
        size=preset.crop_size[0],
        resize_to=preset.resize_size[0],
        interpolation=_interpolation(preset.interpolation.value),
        mean=_scaled(preset.mean),
        std=_scaled(preset.std),
    )


def from_timm(config: dict[str, Any]) -> Preprocess:
    """A resolved timm data config (``timm.data.resolve_model_data_config``), as a Preprocess.

    timm rounds size / crop_pct down (``transforms_imagenet_eval``), so the resized side is given in px.
    """
    _, height, width = config["input_size"]
    mode = config.get("crop_mode") or "center"
    if mode not in ("center", "squash") or height != width:
        raise SettingsError(
            f"its timm data config has crop_mode {mode!r} for {width}x{height} px, which is not supported; "
            "give the network through package.module:factory with a Preprocess of your own"
        )
    return Preprocess(
        size=height,
        resize_to=int(height / config["crop_pct"]),
        interpolation=_interpolation(config["interpolation"]),
        mean=_scaled(config["mean"]),
        std=_scaled(config["std"]),
        resize="stretch" if mode == "squash" else "shorter side",
    )


def _three(name: str, values: Sequence[float]) -> tuple[float, ...]:
    try:
        numbers = tuple(float(v) for v in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise SettingsError(
            f"{name}: expected three numbers in the range 0..255 of the pixels, got {values!r}"
        )
    return numbers


def _scaled(values: Sequence[float]) -> tuple[float, float, float]:
    """From the range 0..1, in which torchvision and timm state them, to 0..255."""
    red, green, blue = (255.0 * v for v in values)
    return (red, green, blue)


def _interpolation(name: str) -> Interpolation:
    """Checked by Preprocess, which names the choices."""
    return name  # type: ignore[return-value]


def _middle(height: int, width: int) -> list[int]:
    """Height and width of the middle of a very long frame: beyond it nothing reaches the centre crop.

    An even number of pixels goes on each side, so that the centre stays where it is, halves rounded alike.
    """
    long, short = max(height, width), min(height, width)
    kept = _LONGEST * short + (long - _LONGEST * short) % 4
    return [kept, width] if height > width else [height, kept]
