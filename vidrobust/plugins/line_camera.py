"""What sits in the camera or over the line all clip long, and what changes with time.

Constants of a clip are drawn from its generator: the same pixels are dead in all frames. Changing states are
computed from the true times of the frames, so that a clip may be split, except for lost frames.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import grid_sample, interpolate

from vidrobust.frames.pixels import each_frame, map_levels, rounded
from vidrobust.perturb.blur import gaussian, unsharp
from vidrobust.perturb.draws import (
    Generators,
    angle,
    draw_seed,
    from_seed,
    integer,
    normal,
    uniform,
)
from vidrobust.perturb.geometric import boxes_by, sheared, warp
from vidrobust.perturb.light import GREY_LEVELS
from vidrobust.perturb.perturbation import (
    Apply,
    ApplyClip,
    Motion,
    Perturbation,
    Scale,
    apply_at_a_random_time,
    entry,
    fresh_copy,
)

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


def _share(pixels: torch.Tensor, per_million: float, gen: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    count = min(h * w, max(1, round(per_million * h * w / 1e6)))
    mask = torch.zeros(h * w, dtype=torch.bool, device=pixels.device)
    where = torch.randint(h * w, (count,), generator=gen, device=gen.device)
    mask[where.to(pixels.device)] = True
    return mask.view(h, w)


def _dead_pixels(pixels: torch.Tensor, per_million: float, gen: torch.Generator) -> torch.Tensor:
    return torch.where(_share(pixels, per_million, gen), torch.zeros_like(pixels), pixels)


def _hot_pixels(pixels: torch.Tensor, per_million: float, gen: torch.Generator) -> torch.Tensor:
    return torch.where(_share(pixels, per_million, gen), torch.full_like(pixels, 255), pixels)


def _stuck_lines(pixels: torch.Tensor, lines: float, gen: torch.Generator) -> torch.Tensor:
    axis = 2 + integer(gen, 0, 2)
    length = pixels.shape[axis]
    out = pixels.clone(memory_format=torch.contiguous_format)
    for _ in range(max(1, round(lines))):
        out.select(axis, integer(gen, 0, length)).fill_(integer(gen, 0, 256))
    return out


def _fixed_pattern_noise(pixels: torch.Tensor, sigma: float, gen: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    noise = normal(gen, (h, w), pixels.device) + normal(gen, (1, w), pixels.device)
    return rounded(pixels + noise * (sigma / math.sqrt(2)))


def _vignetting(pixels: torch.Tensor, lost: float, gen: torch.Generator) -> torch.Tensor:
    y, x = grid(pixels)
    return rounded(pixels * (1 - lost * (x * x + y * y)))


def _uneven_lighting(pixels: torch.Tensor, difference: float, gen: torch.Generator) -> torch.Tensor:
    y, x = grid(pixels)
    towards = angle(gen)
    return rounded(pixels * (1 + difference * (x * math.cos(towards) + y * math.sin(towards))))


def _specular_glare(pixels: torch.Tensor, peak: float, gen: torch.Generator) -> torch.Tensor:
    """A bright ellipse with a wide veil, screened over the picture: x + (255 - x) g."""
    y, x = grid(pixels)
    x, y = x - uniform(gen, -0.5, 0.5), y - uniform(gen, -0.4, 0.4)
    turn, wide, flat = angle(gen), uniform(gen, 0.08, 0.2), uniform(gen, 0.3, 1.0)
    along = (x * math.cos(turn) + y * math.sin(turn)) / wide
    across = (y * math.cos(turn) - x * math.sin(turn)) / (wide * flat)
    distance = along * along + across * across
    glare = peak * (0.8 * torch.exp(-(distance**2)) + 0.2 * torch.exp(-distance / 8))
    return rounded(pixels + (255 - pixels.float()) * glare)


def _lens_dust(pixels: torch.Tensor, opacity: float, gen: torch.Generator) -> torch.Tensor:
    h, w = pixels.shape[2:]
    half = math.hypot(h, w) / 2
    clear = torch.ones((h, w), device=pixels.device)
    for _ in range(SPECKS):
        cx, cy = w / 2 + half * uniform(gen, -0.8, 0.8), h / 2 + half * uniform(gen, -0.6, 0.6)
        radius, flat = half * (0.015 + 0.06 * uniform(gen) ** 2), uniform(gen, 0.6, 1.0)
        rows, columns = _window(cy, 2.2 * radius, h), _window(cx, 2.2 * radius, w)
        y = torch.arange(rows.start, rows.stop, device=pixels.device)[:, None] + 0.5 - cy
        x = torch.arange(columns.start, columns.stop, device=pixels.device)[None] + 0.5 - cx
        distance = (x**2 + (y / flat) ** 2).sqrt() / radius
        clear[rows, columns] *= 1 - opacity * torch.sigmoid((1 - distance) * 6)
    return rounded(pixels * clear)


def _window(centre: float, reach: float, length: int) -> slice:
    start = min(max(0, math.floor(centre - reach)), length)
    return slice(start, max(start, min(length, math.ceil(centre + reach))))


def _lens_smear(pixels: torch.Tensor, strength: float, gen: torch.Generator) -> torch.Tensor:
    mask = (strength * _streaks(pixels, gen)).cpu().numpy()[:, :, None]
    sigma = 0.02 * min(pixels.shape[2:])

    def change(frame: np.ndarray, row: int) -> np.ndarray:
        sharp = frame.astype(np.float32)
        veiled = 0.85 * gaussian(sharp, sigma) + 0.15 * 200
        return np.asarray(np.rint(sharp + (veiled - sharp) * mask).astype(np.uint8))

    return each_frame(pixels, change)


def _streaks(pixels: torch.Tensor, gen: torch.Generator) -> torch.Tensor:
    cells = (3, 9) if integer(gen, 0, 2) else (9, 3)
    coarse = normal(gen, (1, 1, *cells), pixels.device)
    size = (pixels.shape[2], pixels.shape[3])
    return interpolate(coarse, size, mode="bicubic", align_corners=False)[0, 0].mul(2).sigmoid()


def _skew(size: tuple[int, int], px: float, gen: torch.Generator) -> np.ndarray:
    slope = (1 - 2 * integer(gen, 0, 2)) * px / max(size[0] - 1, 1)
    return sheared(slope)


def _rolling_shutter(pixels: torch.Tensor, px: float, gen: torch.Generator) -> torch.Tensor:
    matrix = _skew((pixels.shape[2], pixels.shape[3]), px, gen)
    return warp(pixels, [matrix] * len(pixels))


def in_time(
    clip: ApplyClip, scale: Scale, doc: str, *, apply: Apply | None = None, **more: Any
) -> Perturbation:
    """An entry of ``line-camera``: one state a clip, which follows the true times if it changes."""
    how = {"name": clip.__name__.removeprefix("_"), "suite": "line-camera", "plain": True, **more}
    return entry(apply or apply_at_a_random_time(clip), scale, doc, apply_clip=clip, **how)


def _of_clip(
    field: Fixed, scale: Scale, doc: str, motion: Motion | None = None, **more: Any
) -> Perturbation:
    @functools.wraps(field)
    def clip(p: torch.Tensor, times_s: np.ndarray, s: float, gen: torch.Generator) -> torch.Tensor:
        return field(p, s, gen)

    boxes = None if motion is None else boxes_by(motion)
    return in_time(clip, scale, doc, move_boxes=boxes, motion=motion, **more)


MAINS_HZ = (50.0, 60.0)
# Relative error of mains and frame clock together, at most: what makes a synchronous camera beat slowly
MAINS_ERROR = 0.001
DRIFT_PERIODS_S = (4.0, 20.0)
WAVES = 24  # Plane waves of a field: enough for it to look like no wave
VEIL = 235.0  # Level of white steam in the light of the line
# Shortest and longest wave, as shares of the longer side
STEAM_LENGTHS, HAZE_LENGTHS = (0.15, 1.2), (0.04, 0.15)
DRAUGHT = (0.1, 0.5)  # Longer sides a second
BOIL_S = (0.5, 3.0)  # Seconds in which a wave changes of itself, once round


def _flicker(
    pixels: torch.Tensor, times_s: np.ndarray, depth: float, gen: torch.Generator
) -> torch.Tensor:
    mains = MAINS_HZ[integer(gen, 0, 2)] * (1 + uniform(gen, -MAINS_ERROR, MAINS_ERROR))
    phase = uniform(gen, 0, 2 * math.pi)
    gains = 1 + depth * np.sin(2 * math.pi * 2 * mains * times_s + phase)
    return map_levels(pixels, gains[:, None, None] * GREY_LEVELS)


def _banding(
    pixels: torch.Tensor, times_s: np.ndarray, depth: float, gen: torch.Generator
) -> torch.Tensor:
    bands, phase, speed = uniform(gen, 3, 8), uniform(gen, 0, 2 * math.pi), uniform(gen, -2, 2)
    h = pixels.shape[2]
    y = torch.arange(h, dtype=torch.float64)[None] / h
    moved = torch.from_numpy(times_s)[:, None] * speed
    gain = 1 + depth * torch.sin(2 * math.pi * (bands * y + moved) + phase)
    return rounded(pixels * gain.to(torch.float32)[:, None, :, None].to(pixels.device))


def slow_wave(times_s: np.ndarray, gen: torch.Generator) -> np.ndarray:
    """Return (T,) in [-1, 1]: two sines whose periods are some seconds."""
    wave = np.zeros(len(times_s))
    for _ in range(2):
        period, phase = uniform(gen, *DRIFT_PERIODS_S), uniform(gen, 0, 2 * math.pi)
        wave += np.sin(2 * math.pi * times_s / period + phase) / 2
    return wave


def _exposure_drift(
    pixels: torch.Tensor, times_s: np.ndarray, most: float, gen: torch.Generator
) -> torch.Tensor:
    gains = (1 + most) ** slow_wave(times_s, gen)
    return map_levels(pixels, gains[:, None, None] * GREY_LEVELS)


def _focus_drift(
    pixels: torch.Tensor, times_s: np.ndarray, most_px: float, gen: torch.Generator
) -> torch.Tensor:
    sigmas = most_px * np.abs(slow_wave(times_s, gen))
    # below a sigma of .05 the Gaussian is one pixel wide
    return unsharp(pixels, sigmas.tolist(), [-1.0 if sigma > 0.05 else 0.0 for sigma in sigmas])


def lost(times_s: np.ndarray, share: float, gen: torch.Generator) -> np.ndarray:
    """Frames (T,) bool that do not arrive; each by a chance that its time decides."""
    seed = draw_seed(gen)
    hit = [
        uniform(from_seed(seed ^ (round(t * 1e6) & (2**62 - 1)))) < share for t in times_s.tolist()
    ]
    return np.asarray(hit, dtype=bool)


def _repeated_frames(
    pixels: torch.Tensor, times_s: np.ndarray, share: float, gen: torch.Generator
) -> torch.Tensor:
    missing = lost(times_s, share, gen)
    missing[0] = False
    last = np.maximum.accumulate(np.where(missing, 0, np.arange(len(missing))))
    return pixels[torch.from_numpy(last).to(pixels.device)]


def _dropped_frames(
    pixels: torch.Tensor, times_s: np.ndarray, share: float, gen: torch.Generator
) -> torch.Tensor:
    missing = lost(times_s, share, gen)
    missing[-1] = False
    end = len(missing) - 1
    following = np.minimum.accumulate(np.where(missing, end, np.arange(end + 1))[::-1])[::-1]
    return pixels[torch.from_numpy(following.copy()).to(pixels.device)]


def waves(
    size: tuple[int, int], times_s: np.ndarray, lengths: tuple[float, float], gen: torch.Generator
) -> torch.Tensor:
    """Return a smooth field (T, H, W) float32 that a draught carries along, of mean 0 and variance 1.

    Plane waves between two ``lengths``, shares of the longer side; amplitude is as length (nearly
    Kolmogorov's 5/6).
    """
    h, w = size
    side = float(max(h, w))
    y, x = torch.arange(h, dtype=torch.float64) / side, torch.arange(w, dtype=torch.float64) / side
    towards, speed = angle(gen), uniform(gen, *DRAUGHT)
    field = torch.zeros((len(times_s), h, w), dtype=torch.float32)
    power = 0.0
    for _ in range(WAVES):
        length = math.exp(uniform(gen, *(math.log(end) for end in lengths)))
        turn, phase = angle(gen), uniform(gen, 0, 2 * math.pi)
        boil = 2 * math.pi / uniform(gen, *BOIL_S)
        ky, kx = (2 * math.pi / length * part for part in (math.sin(turn), math.cos(turn)))
        carried = speed * (kx * math.cos(towards) + ky * math.sin(towards)) + boil
        for row, at in enumerate(times_s.tolist()):
            down, across = ky * y + phase - carried * at, kx * x
            # cos(a + b) of a row and a column: two products of vectors
            wave = torch.outer(down.cos(), across.cos()) - torch.outer(down.sin(), across.sin())
            field[row] += (length * wave).float()
        power += length**2 / 2
    return field / math.sqrt(power)


def _steam(
    pixels: torch.Tensor, times_s: np.ndarray, most: float, gen: torch.Generator
) -> torch.Tensor:
    h, w = pixels.shape[2:]
    density = most * (2 * waves((h, w), times_s, STEAM_LENGTHS, gen)).sigmoid()
    return rounded(pixels + density[:, None].to(pixels.device) * (VEIL - pixels.float()))


def _heat_haze(
    pixels: torch.Tensor, times_s: np.ndarray, px: float, gen: torch.Generator
) -> torch.Tensor:
    h, w = pixels.shape[2:]
    right, down = (
        px * waves((h, w), times_s, HAZE_LENGTHS, gen).to(pixels.device) for _ in range(2)
    )
    y = torch.arange(h, device=pixels.device, dtype=torch.float32)[None, :, None] + down
    x = torch.arange(w, device=pixels.device, dtype=torch.float32)[None, None, :] + right
    places = torch.stack([(2 * x + 1) / w - 1, (2 * y + 1) / h - 1], dim=-1)
    seen = grid_sample(
        pixels.float(), places, mode="bilinear", padding_mode="border", align_corners=False
    )
    return rounded(seen)


def _as_they_are(pixels: torch.Tensor, strength: float, generator: Generators) -> torch.Tensor:
    return fresh_copy(pixels)


_CONSTANT = (
    *(_dead_pixels, _hot_pixels, _stuck_lines, _fixed_pattern_noise, _vignetting, _uneven_lighting),
    *(_specular_glare, _lens_dust, _lens_smear, _rolling_shutter),
)
_CHANGING = (
    _flicker,
    _banding,
    _exposure_drift,
    _focus_drift,
    _repeated_frames,
    _dropped_frames,
    _steam,
    _heat_haze,
)
_DECLARED = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def _declared(function: Callable[..., Any]) -> tuple[Scale, str, dict[str, Any]]:
    """Scale, description and further fields of ``line_camera.toml``."""
    more = dict(_DECLARED[function.__name__.removeprefix("_")])
    family, unit, strengths, largest = (
        more.pop(k) for k in ("family", "unit", "strengths", "largest")
    )
    if function is _rolling_shutter:
        more["motion"] = _skew
    if function in (_repeated_frames, _dropped_frames):
        more["apply"] = _as_they_are
    return Scale(family, unit, tuple(strengths), largest), more.pop("doc"), more


PERTURBATIONS: tuple[Perturbation, ...] = (
    *(
        _of_clip(field, scale, doc, **more)
        for field in _CONSTANT
        for scale, doc, more in [_declared(field)]
    ),
    *(
        in_time(clip, scale, doc, **more)
        for clip in _CHANGING
        for scale, doc, more in [_declared(clip)]
    ),
)
