"""Pixel paths: pictures one pixel apart.

Azulay & Weiss (arXiv 1805.12177, JMLR 20(184)): a square cut from the frame, shifted *before* the model
resizes it; or the whole frame made small on a black or inpainted canvas. Zhang (arXiv 1904.11486): two 224 px
crops of the frame at 256 px, and a circular shift, which loses nothing at the border.

What must meet the network without another resizing is laid in the middle of a frame that the model's own
preprocessing (``View``: resize the shorter side, cut the centre) leaves as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.pixels import center_crop, each_alone, resize, to_array
from vidrobust.perturb.draws import Generators, integer, one_per_frame
from vidrobust.perturb.perturbation import Perturbation, Scale, entry

# All one-pixel steps, (rows down, columns right)
DIRECTIONS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
Background = Literal["black", "inpainted"]

CROP_SHARE = 7 / 8  # Side of the square of the first protocol over the frame's shorter side
EMBEDDED = 100  # Shorter side of the embedded frame, px on a canvas of 224 px


@dataclass(frozen=True, kw_only=True)
class View:
    """What a classifier looks at: the shorter side made ``resized`` px long, then ``cut`` px from the centre."""

    resized: int = 256
    cut: int = 224

    def __post_init__(self) -> None:
        if not 8 <= self.cut <= self.resized:
            raise SettingsError(
                f"View: expected 8 <= cut <= resized, got cut {self.cut}, resized {self.resized}"
            )

    def around(self, picture: torch.Tensor) -> torch.Tensor:
        """Return (3, resized, resized) whose centre crop it is."""
        before = round((self.resized - self.cut) / 2)
        out = picture.new_zeros((3, self.resized, self.resized))
        out[:, before : before + self.cut, before : before + self.cut] = picture
        return out


def square_side(size: tuple[int, int]) -> int:
    """Return the side of the square of the crop protocol in a frame of that (H, W)."""
    return max(1, int(min(size) * CROP_SHARE))


def cut_square(frame: torch.Tensor, top: int, left: int) -> torch.Tensor:
    """Return the square of the crop protocol from (top, left)."""
    side = square_side((frame.shape[1], frame.shape[2]))
    return _window(frame, top, left, (side, side))


def square_places(size: tuple[int, int], reach: int, gen: torch.Generator) -> tuple[int, int]:
    """Return a random (top, left) from which ``reach`` steps in any direction stay inside, if possible."""
    side = square_side(size)
    top, left = (_place(length - side, reach, gen) for length in size)
    return top, left


def embed(
    frame: torch.Tensor,
    canvas: tuple[int, int],
    top: int,
    left: int,
    *,
    shorter: int,
    background: Background = "black",
) -> torch.Tensor:
    """Put the frame with its shorter side ``shorter`` px long on a canvas (H, W), first pixel at (top, left)."""
    h, w = embedded_size(frame, canvas, shorter)
    small = resize(frame, (h, w))
    out = frame.new_zeros((3, *canvas))
    rows = slice(max(top, 0), min(top + h, canvas[0]))
    columns = slice(max(left, 0), min(left + w, canvas[1]))
    out[:, rows, columns] = small[
        :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
    if background == "black":
        return out
    mask = np.full(canvas, 255, np.uint8)
    mask[rows, columns] = 0
    return _inpainted(out, mask)


def embedded_size(frame: torch.Tensor, canvas: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Return (H, W) of the embedded frame."""
    h, w = frame.shape[1:]
    scale = min(shorter / min(h, w), canvas[0] / h, canvas[1] / w)
    return max(1, round(h * scale)), max(1, round(w * scale))


def place_on_canvas(
    frame: torch.Tensor, canvas: tuple[int, int], shorter: int, reach: int, gen: torch.Generator
) -> tuple[int, int]:
    """Return a random (top, left) from which ``reach`` steps in any direction stay on the canvas."""
    h, w = embedded_size(frame, canvas, shorter)
    return _place(canvas[0] - h, reach, gen), _place(canvas[1] - w, reach, gen)


def _inpainted(picture: torch.Tensor, mask: np.ndarray) -> torch.Tensor:
    """Every masked pixel the weighted mean of its known neighbourhood, from the rim outwards (Telea 2004)."""
    filled = cv2.inpaint(np.ascontiguousarray(to_array(picture)), mask, 3, cv2.INPAINT_TELEA)
    return torch.from_numpy(np.asarray(filled)).permute(2, 0, 1).contiguous().to(picture.device)


def _place(room: int, reach: int, gen: torch.Generator) -> int:
    return integer(gen, reach, room - reach + 1) if room >= 2 * reach else max(0, room) // 2


def _window(frame: torch.Tensor, top: int, left: int, size: tuple[int, int]) -> torch.Tensor:
    rows = _mirrored(torch.arange(top, top + size[0]), frame.shape[1])
    columns = _mirrored(torch.arange(left, left + size[1]), frame.shape[2])
    return frame[:, rows.to(frame.device)][:, :, columns.to(frame.device)]


def _mirrored(at: torch.Tensor, length: int) -> torch.Tensor:
    if length == 1:
        return torch.zeros_like(at)
    at = torch.remainder(at, 2 * (length - 1))
    return torch.where(at < length, at, 2 * (length - 1) - at)


def zhang_pictures(
    frame: torch.Tensor, view: View, offsets: Sequence[tuple[int, int]]
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return Zhang's crops at (top, left) offsets, and the centre crop rolled by the same offsets."""
    h, w = frame.shape[1:]
    scale = view.resized / min(h, w)
    large = resize(
        frame, (max(view.resized, round(h * scale)), max(view.resized, round(w * scale)))
    )
    square = center_crop(large, (view.resized, view.resized))
    centre = center_crop(square, (view.cut, view.cut))
    crops = [square[:, top : top + view.cut, left : left + view.cut] for top, left in offsets]
    return crops, [torch.roll(centre, (-top, -left), dims=(1, 2)) for top, left in offsets]


# (frame (3, H, W), strength, generator, direction) -> the shifted picture, as large as the frame
Partner = Callable[[torch.Tensor, float, torch.Generator, tuple[int, int]], torch.Tensor]


def _scaled(frame: torch.Tensor) -> int:
    return max(1, round(min(frame.shape[1:]) * EMBEDDED / 224))


def _crop_partner(
    frame: torch.Tensor, px: float, gen: torch.Generator, way: tuple[int, int]
) -> torch.Tensor:
    h, w = frame.shape[1:]
    size = (max(1, int(h * CROP_SHARE)), max(1, int(w * CROP_SHARE)))
    top, left = (_place(whole - part, 1, gen) for whole, part in zip((h, w), size, strict=True))
    cut = _window(frame, top + way[0] * round(px), left + way[1] * round(px), size)
    return resize(cut, (h, w))


def _embedding_partner(background: Background) -> Partner:
    def partner(
        frame: torch.Tensor, px: float, gen: torch.Generator, way: tuple[int, int]
    ) -> torch.Tensor:
        canvas, shorter = (frame.shape[1], frame.shape[2]), _scaled(frame)
        top, left = place_on_canvas(frame, canvas, shorter, 1, gen)
        top, left = top + way[0] * round(px), left + way[1] * round(px)
        return embed(frame, canvas, top, left, shorter=shorter, background=background)

    return partner


def _scale_partner(
    frame: torch.Tensor, px: float, gen: torch.Generator, way: tuple[int, int]
) -> torch.Tensor:
    canvas, shorter = (frame.shape[1], frame.shape[2]), _scaled(frame)
    top, left = place_on_canvas(frame, canvas, shorter, 2, gen)
    return embed(frame, canvas, top, left, shorter=shorter + round(px))


def _crop_shift_partner(
    frame: torch.Tensor, px: float, gen: torch.Generator, way: tuple[int, int]
) -> torch.Tensor:
    return _window(frame, way[0] * round(px), way[1] * round(px), (frame.shape[1], frame.shape[2]))


def _circular_partner(
    frame: torch.Tensor, px: float, gen: torch.Generator, way: tuple[int, int]
) -> torch.Tensor:
    return torch.roll(frame, (-way[0] * round(px), -way[1] * round(px)), dims=(1, 2))


def _entry(name: str, strengths: tuple[float, ...], partner: Partner, doc: str) -> Perturbation:
    def apply(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
        owns = one_per_frame(generator, len(pixels))
        ways = [DIRECTIONS[integer(rng, 0, len(DIRECTIONS))] for rng in owns]
        made = zip(each_alone(pixels), owns, ways, strict=True)
        return torch.stack([partner(frame[0], strength, rng, way) for frame, rng, way in made])

    still = "The model is to give the same answer at every pixel of the path; a step is no damage."
    scale = Scale("geometry", "px", strengths, 1024.0, low=1.0)
    return entry(apply, scale, doc, name=name, suite="shift", not_monotone=still)


PERTURBATIONS: tuple[Perturbation, ...] = (
    _entry(
        "crop",
        (1.0,),
        _crop_partner,
        "A window of the frame, moved before it is resized (protocol 1).",
    ),
    _entry(
        "embedding_black",
        (1.0,),
        _embedding_partner("black"),
        "The frame made small on a black canvas, moved (protocol 2).",
    ),
    _entry(
        "embedding_inpainted",
        (1.0,),
        _embedding_partner("inpainted"),
        "The frame made small on a canvas filled from its rim, moved (protocol 3).",
    ),
    _entry(
        "scale_embedding_black",
        (1.0,),
        _scale_partner,
        "The frame made small on a black canvas, its shorter side 1 px of 100 larger (protocol 4).",
    ),
    _entry(
        "crop_shift",
        (1.0, 8.0, 31.0),
        _crop_shift_partner,
        "Zhang's shift of a crop: other pixels come into view.",
    ),
    _entry(
        "circular_shift",
        (1.0, 8.0, 31.0),
        _circular_partner,
        "The frame rolled around: no pixel is lost.",
    ),
)
