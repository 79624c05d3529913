"""What sits in the camera, on its lens or over the line, and stays where it is for a whole clip.

Every function draws one field from the clip's generator: the same pixels are dead in all frames.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from vidrobust.frames.pixels import each_frame, rounded
from vidrobust.perturb.blur import gaussian
from vidrobust.perturb.draws import angle, integer, normal, uniform
from vidrobust.perturb.geometric import boxes_by, sheared, warp
from vidrobust.perturb.perturbation import Motion, Perturbation, Scale, in_time

# (pixels (T, 3, H, W) of one clip, strength, the clip's generator) -> pixels
Fixed = Callable[[torch.Tensor, float, torch.Generator], torch.Tensor]

SPECKS = 16  # Specks of dust on the lens


def grid(pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows (H, 1) and columns (1, W), measured from the centre, in units of half the diagonal."""
    h, w = pixels.shape[2:]
    half = max(math.hypot(h, w) / 2, 1.0)
    y = (torch.arange(h, device=pixels.device, dtype=torch.float32) - (h - 1) / 2) / half
    x = (torch.arange(w, device=pixels.device, dtype=torch.float32) - (w - 1) / 2) / half
    return y[:, None], x[None, :]


def _share(pixels: torch.Tensor, per_million: float, own: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    count = min(h * w, max(1, round(per_million * h * w / 1e6)))
    mask = torch.zeros(h * w, dtype=torch.bool, device=pixels.device)
    where = torch.randint(h * w, (count,), generator=own, device=own.device)
    mask[where.to(pixels.device)] = True
    return mask.view(h, w)


def _dead_pixels(pixels: torch.Tensor, per_million: float, own: torch.Generator) -> torch.Tensor:
    return torch.where(_share(pixels, per_million, own), torch.zeros_like(pixels), pixels)


def _hot_pixels(pixels: torch.Tensor, per_million: float, own: torch.Generator) -> torch.Tensor:
    return torch.where(_share(pixels, per_million, own), torch.full_like(pixels, 255), pixels)


def _stuck_lines(pixels: torch.Tensor, lines: float, own: torch.Generator) -> torch.Tensor:
    axis = 2 + integer(own, 0, 2)
    length = pixels.shape[axis]
    out = pixels.clone(memory_format=torch.contiguous_format)
    for _ in range(max(1, round(lines))):
        out.select(axis, integer(own, 0, length)).fill_(integer(own, 0, 256))
    return out


def _fixed_pattern_noise(pixels: torch.Tensor, sigma: float, own: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    each = normal(own, (h, w), pixels.device) + normal(own, (1, w), pixels.device)
    return rounded(pixels + each * (sigma / math.sqrt(2)))


def _vignetting(pixels: torch.Tensor, lost: float, own: torch.Generator) -> torch.Tensor:
    y, x = grid(pixels)
    return rounded(pixels * (1 - lost * (x * x + y * y)))


def _uneven_lighting(pixels: torch.Tensor, difference: float, own: torch.Generator) -> torch.Tensor:
    y, x = grid(pixels)
    towards = angle(own)
    return rounded(pixels * (1 + difference * (x * math.cos(towards) + y * math.sin(towards))))


def _specular_glare(pixels: torch.Tensor, peak: float, own: torch.Generator) -> torch.Tensor:
    """A bright ellipse with a wide veil, screened over the picture: x + (255 - x) g."""
    y, x = grid(pixels)
    x, y = x - uniform(own, -0.5, 0.5), y - uniform(own, -0.4, 0.4)
    turn, wide, flat = angle(own), uniform(own, 0.08, 0.2), uniform(own, 0.3, 1.0)
    along = (x * math.cos(turn) + y * math.sin(turn)) / wide
    across = (y * math.cos(turn) - x * math.sin(turn)) / (wide * flat)
    distance = along * along + across * across
    glare = peak * (0.8 * torch.exp(-(distance**2)) + 0.2 * torch.exp(-distance / 8))
    return rounded(pixels + (255 - pixels.float()) * glare)


def _lens_dust(pixels: torch.Tensor, opacity: float, own: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    half = math.hypot(h, w) / 2
    clear = torch.ones((h, w), device=pixels.device)
    for _ in range(SPECKS):
        cx, cy = w / 2 + half * uniform(own, -0.8, 0.8), h / 2 + half * uniform(own, -0.6, 0.6)
        radius, flat = half * (0.015 + 0.06 * uniform(own) ** 2), uniform(own, 0.6, 1.0)
        rows, columns = _window(cy, 2.2 * radius, h), _window(cx, 2.2 * radius, w)
        y = torch.arange(rows.start, rows.stop, device=pixels.device)[:, None] + 0.5 - cy
        x = torch.arange(columns.start, columns.stop, device=pixels.device)[None] + 0.5 - cx
        distance = (x**2 + (y / flat) ** 2).sqrt() / radius
        clear[rows, columns] *= 1 - opacity * torch.sigmoid((1 - distance) * 6)
    return rounded(pixels * clear)


def _window(centre: float, reach: float, length: int) -> slice:
    start = min(max(0, math.floor(centre - reach)), length)
    return slice(start, max(start, min(length, math.ceil(centre + reach))))


def _lens_smear(pixels: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    mask = (strength * _streaks(pixels, own)).cpu().numpy()[:, :, None]
    sigma = 0.02 * min(pixels.shape[2:])

    def change(frame: np.ndarray, row: int) -> np.ndarray:
        sharp = frame.astype(np.float32)
        veiled = 0.85 * gaussian(sharp, sigma) + 0.15 * 200
        return np.asarray(np.rint(sharp + (veiled - sharp) * mask).astype(np.uint8))

    return each_frame(pixels, change)


def _streaks(pixels: torch.Tensor, own: torch.Generator) -> torch.Tensor:
    cells = (3, 9) if integer(own, 0, 2) else (9, 3)
    coarse = normal(own, (1, 1, *cells), pixels.device)
    size = (pixels.shape[2], pixels.shape[3])
    return interpolate(coarse, size, mode="bicubic", align_corners=False)[0, 0].mul(2).sigmoid()


def _skew(px: float, own: torch.Generator, size: tuple[int, int]) -> np.ndarray:
    slope = (1 - 2 * integer(own, 0, 2)) * px / max(size[0] - 1, 1)
    return sheared(slope)


def _rolling_shutter(pixels: torch.Tensor, px: float, own: torch.Generator) -> torch.Tensor:
    matrix = _skew(px, own, (pixels.shape[2], pixels.shape[3]))
    return warp(pixels, [matrix] * len(pixels))


def _shutter_motion(size: tuple[int, int], px: float, own: torch.Generator) -> np.ndarray:
    return _skew(px, own, size)


def _of_clip(field: Fixed, scale: Scale, doc: str, motion: Motion | None = None, **more: Any) -> Perturbation:
    @functools.wraps(field)
    def clip(p: torch.Tensor, times_s: np.ndarray, s: float, own: torch.Generator) -> torch.Tensor:
        return field(p, s, own)

    boxes = None if motion is None else boxes_by(motion)
    return in_time(clip, scale, doc, move_boxes=boxes, motion=motion, **more)


PERTURBATIONS: tuple[Perturbation, ...] = (
    _of_clip(
        _dead_pixels,
        Scale("camera", "pixels of a million", (100.0, 300.0, 1000.0, 3000.0, 10000.0), 1e6),
        "That many pixels stay black, at least one.",
        saying="{s} dead pixels in a million",
    ),
    _of_clip(
        _hot_pixels,
        Scale("camera", "pixels of a million", (100.0, 300.0, 1000.0, 3000.0, 10000.0), 1e6),
        "That many pixels stay white, at least one.",
        saying="{s} hot pixels in a million",
    ),
    _of_clip(
        _stuck_lines,
        Scale("camera", "rows or columns", (1.0, 2.0, 4.0, 8.0, 16.0), 1024.0),
        "That many rows, or columns, each stay at one grey level, at least one.",
        saying="{s} stuck rows or columns",
    ),
    _of_clip(
        _fixed_pattern_noise,
        Scale("camera", "sigma, levels of 255", (1.0, 2.0, 4.0, 8.0, 16.0), 128.0),
        "An offset of each pixel and of each column, half of the variance each, the same in all frames.",
        saying="fixed pattern noise of {s} grey levels",
    ),
    _of_clip(
        _vignetting,
        Scale("camera", "share of light lost in the corner", (0.1, 0.2, 0.4, 0.6, 0.8), 1.0),
        "Light falls with the square of the distance from the centre.",
        saying="vignetting of {p}",
    ),
    _of_clip(
        _uneven_lighting,
        Scale("camera", "relative gain at the corner", (0.1, 0.2, 0.4, 0.6, 0.8), 1.0),
        "A ramp of light across the picture in a random direction, 1 at the centre.",
        saying="lighting uneven by {p}",
    ),
    _of_clip(
        _specular_glare,
        Scale("camera", "share of full scale at its peak", (0.2, 0.4, 0.6, 0.8, 1.0), 1.0),
        "A lamp mirrored in the part: a bright ellipse with a veil around it.",
        saying="a glare of {p}",
    ),
    _of_clip(
        _lens_dust,
        Scale("camera", "opacity", (0.1, 0.2, 0.4, 0.6, 0.9), 1.0),
        f"One field of {SPECKS} soft dark specks.",
        saying="dust of opacity {p}",
    ),
    _of_clip(
        _lens_smear,
        Scale("camera", "share at the thickest place", (0.1, 0.2, 0.4, 0.6, 0.9), 1.0),
        "One field of greasy streaks under which the picture is blurred and veiled.",
        saying="a smear of {p}",
    ),
    _of_clip(
        _rolling_shutter,
        Scale("camera", "px from the first row to the last", (2.0, 4.0, 8.0, 16.0, 32.0), 1024.0),
        "The belt moves on while the rows are read: the picture leans by s pixels, all clip long to one side.",
        motion=_shutter_motion,
        saying="a rolling shutter of {s} px",
    ),
)
