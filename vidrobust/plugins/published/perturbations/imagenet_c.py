"""ImageNet-C: fifteen corruptions and four for validation, severities 1 to 5, at any size.

Parameters (for 224 px) and rounding follow the authors' code in ``imagecorruptions``.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from vidrobust.errors import InputError, SettingsError
from vidrobust.frames.pixels import channel_means, each_frame, map_levels, to_array
from vidrobust.perturb.blur import gaussian
from vidrobust.perturb.draws import (
    Generators,
    SixteenBits,
    integer,
    normal,
    one_per_frame,
    uniform,
)
from vidrobust.perturb.light import GREY_LEVELS
from vidrobust.perturb.noise import impulse, shot
from vidrobust.perturb.perturbation import Apply, Family, Perturbation, frame_by_frame
from vidrobust.plugins.published.authors import stated
from vidrobust.plugins.published.perturbations import weather


def of_severities(
    suite: str, name: str, family: Family, apply: Apply, doc: str, not_monotone: str = ""
) -> Perturbation:
    """Return a corruption whose strength is the severity, a whole number from 1 to 5."""
    return Perturbation(
        name=name,
        suite=suite,
        family=family,
        unit="severity",
        strengths=(1.0, 2.0, 3.0, 4.0, 5.0),
        range=(1.0, 5.0),
        apply=apply,
        not_monotone=not_monotone,
        doc=doc,
    )


# Glass blur of ImageNet-C: every pixel replaced by a random neighbour, one after the other in raster order.
#
# The paper speaks of swaps, but the authors' code exchanges two views of one array, by which the first pixel takes
# the value of the second and the second keeps its own; so do the files of ImageNet-C, the reference package, and
# this. The order matters, since a replaced pixel may be taken further. Two steps interfere only if their centres
# are at most d apart (d: the largest step). With K = d + 1, all steps of one iteration with the same time
#
#     t = K (rows above the last) + (columns left of the last)
#
# are more than d columns apart, and whatever interferes with one of them earlier in raster order has a smaller t.
# The next iteration follows d K + K steps later. So t counts the rounds, and each round works in all frames at
# once: the result is that of the loop in raster order, exactly.
#
#          w ->  . . . . . . . .        d = 1, K = 2: numbers are t
#       h        8 7 6 5 4 3 2 1 0      (last row)
#       above    . 9 8 7 6 5 4 3 2


@functools.lru_cache(maxsize=4)
def _schedule(
    h: int, w: int, step: int, iterations: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All steps in order of time: pixels of the centres, raster numbers, where each time starts."""
    rows, columns = np.arange(h - step, step, -1), np.arange(w - step, step, -1)
    k = step + 1
    once = (k * np.arange(rows.size)[:, None] + np.arange(columns.size)[None]).reshape(-1)
    times = np.concatenate([once + i * (step * k + k) for i in range(iterations)])
    pixel = np.tile((rows[:, None] * w + columns[None]).reshape(-1), iterations)
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order], prepend=-1))
    return pixel[order], order, np.append(starts, order.size)


def num_steps(h: int, w: int, step: int, iterations: int) -> int:
    """How many steps there are, each by some rows and columns."""
    return iterations * max(0, h - 2 * step) * max(0, w - 2 * step)


def draw_steps(generator: torch.Generator, count: int, step: int) -> np.ndarray:
    """(count, 2) int64: row and column steps in [-step, step)."""
    drawn = torch.randint(-step, step, (count, 2), generator=generator, device=generator.device)
    return np.asarray(drawn.cpu().numpy())


def shuffle(frames: np.ndarray, steps: np.ndarray, step: int, iterations: int) -> np.ndarray:
    """Replace pixels of frames (N, H, W, 3) by their own steps (N, S, 2), the last pixel first."""
    n, h, w, _ = frames.shape
    pixel, order, starts = _schedule(h, w, step, iterations)
    packed = np.zeros((n, h * w, 4), np.uint8)
    packed[:, :, :3] = frames.reshape(n, h * w, 3)
    flat = packed.view(np.uint32).reshape(-1)
    offset = (np.arange(n) * (h * w))[None]
    here = pixel[:, None] + offset
    moved = steps[:, order, 0] * w + steps[:, order, 1]
    there = here + moved.T
    for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        flat[here[start:stop]] = flat[there[start:stop]]
    return np.ascontiguousarray(flat.view(np.uint8).reshape(n, h, w, 4)[..., :3])


Choice = Sequence[Any]

SIZES: Mapping[str, Choice] = MappingProxyType(stated("imagenet-c"))


def cut(values: torch.Tensor) -> torch.Tensor:
    """Float levels -> uint8, clipped and cut (not rounded) as the reference does; overwrites its argument."""
    return values.clamp_(0, 255).to(torch.uint8)


def cut_array(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, 0, 255).astype(np.uint8))


def gaussian_noise(frame: torch.Tensor, sigma: float, gen: torch.Generator) -> torch.Tensor:
    return cut(normal(gen, frame.shape, frame.device).mul_(255 * sigma).add_(frame))


def speckle_noise(frame: torch.Tensor, sigma: float, gen: torch.Generator) -> torch.Tensor:
    return cut(normal(gen, frame.shape, frame.device).mul_(sigma).add_(1).mul_(frame))


def shot_noise(frame: torch.Tensor, photons: float, gen: torch.Generator) -> torch.Tensor:
    return shot(frame, photons, SixteenBits(gen).next(frame.shape, frame.device), truncated=True)


def impulse_noise(frame: torch.Tensor, amount: float, gen: torch.Generator) -> torch.Tensor:
    return impulse(frame, amount, SixteenBits(gen).next(frame.shape, frame.device))


def gaussian_blur(frame: np.ndarray, sigma: float, gen: torch.Generator) -> np.ndarray:
    return cut_array(
        gaussian(frame.astype(np.float32), sigma, cv2.BORDER_REPLICATE) + np.float32(1e-3)
    )


def disk(radius: float, alias_sigma: float) -> np.ndarray:
    """The reference's disk kernel."""
    half, side = (8, 3) if radius <= 8 else (int(radius), 5)
    at = np.arange(-half, half + 1)
    inside = (at[:, None] ** 2 + at[None] ** 2 <= radius**2).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside / inside.sum(), (side, side), alias_sigma))


def defocus_blur(frame: np.ndarray, c: tuple[float, float], gen: torch.Generator) -> np.ndarray:
    kernel = disk(*c)
    rim = max(0, kernel.shape[0] // 2 - int(c[0]) - 2)  # beyond it the disk is 0
    kernel = kernel[rim : kernel.shape[0] - rim, rim : kernel.shape[1] - rim]
    blurred = cv2.filter2D(frame.astype(np.float32), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return cut_array(blurred + np.float32(1e-3))


def motion_blur(frame: np.ndarray, c: tuple[int, float], gen: torch.Generator) -> np.ndarray:
    return cut_array(
        weather.trail(frame.astype(np.float32), *c, uniform(gen, -45, 45)) + np.float32(1e-3)
    )


def zoom_blur(frame: np.ndarray, c: tuple[float, float], gen: torch.Generator) -> np.ndarray:
    """Mean of the picture and of its enlargements, the first of which is by 1."""
    clean = frame.astype(np.float32)
    total = 2 * clean
    factors = np.arange(1, *c)
    for factor in factors[1:]:
        cv2.accumulate(
            weather.zoom_about_centre(clean, float(factor), (clean.shape[0], clean.shape[1])), total
        )
    return cut_array(total * np.float32(1 / (len(factors) + 1)) + np.float32(1e-3))


def snow(frame: np.ndarray, c: tuple, gen: torch.Generator) -> np.ndarray:
    noise = (
        normal(gen, weather.snow_noise_size((frame.shape[0], frame.shape[1]), c[2])).cpu().numpy()
    )
    return cut_array(weather.snow(as_unit(frame), noise, uniform(gen, -135, -45), c))


def frost(frame: np.ndarray, c: tuple[float, float], gen: torch.Generator) -> np.ndarray:
    h, w = frame.shape[:2]
    picture = weather.frost_picture(integer(gen, 0, weather.FROST_PICTURES), (h, w))
    top, left = integer(gen, 0, picture.shape[0] - h), integer(gen, 0, picture.shape[1] - w)
    return cut_array(weather.frost(as_unit(frame), picture[top : top + h, left : left + w], c))


def fog(frame: np.ndarray, c: tuple[float, float], gen: torch.Generator) -> np.ndarray:
    side = weather.fog_side((frame.shape[0], frame.shape[1]))
    drawn = torch.rand((side, side), generator=gen, device=gen.device).mul_(2).sub_(1)
    return cut_array(weather.fog(as_unit(frame), drawn.cpu().numpy(), c))


def spatter(frame: np.ndarray, c: tuple, gen: torch.Generator) -> np.ndarray:
    noise = normal(gen, frame.shape[:2]).cpu().numpy()
    return cut_array(weather.spatter(as_unit(frame), noise, c))


def elastic_transform(frame: np.ndarray, alpha: float, gen: torch.Generator) -> np.ndarray:
    drawn = torch.rand((2, *frame.shape[:2]), generator=gen, device=gen.device).mul_(2).sub_(1)
    return elastic(frame, drawn.cpu().numpy(), alpha)


def elastic(frame: np.ndarray, uniforms: np.ndarray, alpha: float) -> np.ndarray:
    """Take each pixel from a place displaced by smoothed noise (2, H, W) in [-1, 1), for x and y."""
    h, w = frame.shape[:2]
    sides = [2 * int(3 * 0.01 * n + 0.5) + 1 for n in (w, h)]
    moves = [
        cv2.GaussianBlur(u, sides, 0.01 * w, sigmaY=0.01 * h, borderType=cv2.BORDER_REFLECT)
        for u in uniforms
    ]
    reach = np.float32(alpha * 0.005 * h)
    x = np.arange(w, dtype=np.float32)[None] + reach * moves[0]
    y = np.arange(h, dtype=np.float32)[:, None] + reach * moves[1]
    taken = cv2.remap(
        frame.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return cut_array(taken + np.float32(1e-3))


def pixelate(
    frame: np.ndarray,
    scale: float,
    gen: torch.Generator,
    enlarged_by: Image.Resampling = Image.Resampling.NEAREST,
) -> np.ndarray:
    h, w = frame.shape[:2]
    small = (max(1, int(w * scale)), max(1, int(h * scale)))
    coarse = Image.fromarray(frame).resize(small, Image.Resampling.BOX)
    return np.asarray(coarse.resize((w, h), enlarged_by))


def jpeg_compression(frame: np.ndarray, quality: int, gen: torch.Generator) -> np.ndarray:
    """Pillow's JPEG, 4:2:0, as in the original."""
    coded = io.BytesIO()
    Image.fromarray(frame).save(coded, "JPEG", quality=quality)
    return np.asarray(Image.open(coded))


def as_unit(frame: np.ndarray) -> np.ndarray:
    return frame.astype(np.float32) / np.float32(255)


def brightness(pixels: torch.Tensor, added: float, generator: Generators) -> torch.Tensor:
    """HSV value plus ``added``: with hue and saturation kept, all three channels times new over old value."""
    rgb = pixels.float()
    value = rgb.amax(dim=1, keepdim=True)
    new = (value + 255 * added).clamp_(0, 255)
    out = torch.where(value > 0, rgb * (new / value.clamp(min=1)), new)
    return cut(out.add_(1e-3))


def saturate(pixels: torch.Tensor, c: tuple[float, float], generator: Generators) -> torch.Tensor:
    """HSV saturation times a plus b; grey has hue 0, so added saturation makes it red, as in the original."""
    rgb = pixels.float()
    value, least = rgb.amax(dim=1, keepdim=True), rgb.amin(dim=1, keepdim=True)
    spread = value - least
    new = (spread / value.clamp(min=1) * c[0] + c[1]).clamp_(0, 1) * value
    out = value - (value - rgb) * (new / spread.clamp(min=1))
    red = torch.cat([value, value - new, value - new], dim=1)
    return cut(torch.where(spread > 0, out, red).add_(1e-3))


def contrast(pixels: torch.Tensor, factor: float, generator: Generators) -> torch.Tensor:
    means = channel_means(pixels)[:, :, None]
    return map_levels(pixels, np.floor(np.clip((GREY_LEVELS - means) * factor + means, 0, 255)))


def glass_blur(
    pixels: torch.Tensor, c: tuple[float, int, int], generator: Generators
) -> torch.Tensor:
    sigma, step, iterations = c
    h, w = pixels.shape[2:]
    owns = one_per_frame(generator, len(pixels))
    soft = np.stack([gaussian_blur(to_array(frame), sigma, owns[0]) for frame in pixels])
    steps = np.stack([draw_steps(rng, num_steps(h, w, step, iterations), step) for rng in owns])
    shuffled = shuffle(soft, steps, step, iterations)
    return each_frame(pixels, lambda frame, row: gaussian_blur(shuffled[row], sigma, owns[row]))


def _level(choices: Choice, severity: float) -> object:
    if severity != round(severity):
        raise SettingsError(f"severity {severity:g} is not one of 1, 2, 3, 4, 5")
    return choices[int(severity) - 1]


def by_batch(function: Callable[..., torch.Tensor], choices: Choice) -> Apply:
    def apply(pixels: torch.Tensor, severity: float, generator: Generators) -> torch.Tensor:
        return function(pixels, _level(choices, severity), generator)

    return apply


def by_tensor(function: Callable[..., torch.Tensor], choices: Choice) -> Apply:
    return frame_by_frame(
        lambda frame, severity, own: function(frame, _level(choices, severity), own)
    )


def by_array(function: Callable[..., np.ndarray], choices: Choice) -> Apply:
    def apply(pixels: torch.Tensor, severity: float, generator: Generators) -> torch.Tensor:
        if max(pixels.shape[2:]) > 32766:
            raise InputError(
                "imagenet-c: a side of the frames is above 32766 px; cut or shrink the frames"
            )
        owns = one_per_frame(generator, len(pixels))
        return each_frame(
            pixels, lambda frame, row: function(frame, _level(choices, severity), owns[row])
        )

    return apply


# Name, family and function, in the order of the paper; the last four are for validation.
CORRUPTIONS: tuple[tuple[str, Family, Callable[..., Apply], Callable[..., object]], ...] = (
    ("gaussian_noise", "noise", by_tensor, gaussian_noise),
    ("shot_noise", "noise", by_tensor, shot_noise),
    ("impulse_noise", "noise", by_tensor, impulse_noise),
    ("defocus_blur", "blur", by_array, defocus_blur),
    ("glass_blur", "blur", by_batch, glass_blur),
    ("motion_blur", "blur", by_array, motion_blur),
    ("zoom_blur", "blur", by_array, zoom_blur),
    ("snow", "weather", by_array, snow),
    ("frost", "weather", by_array, frost),
    ("fog", "weather", by_array, fog),
    ("brightness", "weather", by_batch, brightness),
    ("contrast", "light", by_batch, contrast),
    ("elastic_transform", "geometry", by_array, elastic_transform),
    ("pixelate", "compression", by_array, pixelate),
    ("jpeg_compression", "compression", by_array, jpeg_compression),
    ("speckle_noise", "noise", by_tensor, speckle_noise),
    ("gaussian_blur", "blur", by_array, gaussian_blur),
    ("spatter", "weather", by_array, spatter),
    ("saturate", "colour", by_batch, saturate),
)


def entries(
    suite: str,
    sizes: Mapping[str, Choice],
    docs: Mapping[str, str],
    not_monotone: Mapping[str, str],
    own: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
) -> tuple[Perturbation, ...]:
    """Return the corruptions of a suite."""
    return tuple(
        of_severities(
            suite,
            name,
            family,
            apply(own.get(name, function), sizes[name]),
            docs[name].format(first=sizes[name][0], last=sizes[name][-1]),
            not_monotone.get(name, ""),
        )
        for name, family, apply, function in CORRUPTIONS
    )


PERTURBATIONS = entries(
    "imagenet-c", SIZES, stated("docs")["imagenet-c"], stated("not_monotone")["imagenet-c"]
)

# The fifteen that count for the mean corruption error.
TEST = tuple(entry.name for entry in PERTURBATIONS[:15])
VALIDATION = tuple(entry.name for entry in PERTURBATIONS[15:])  # The four extra ones, for tuning
