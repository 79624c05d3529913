"""Light and colour, and light that is uneven over the picture.

All act on encoded levels 0..255, not on linear light. A strength s means a factor (1 + s) for +s and 1 / (1 +
s) for -s, so that both are equally far. Uneven light is a gain exp(s f(x, y)), or 1 - s f for a shadow; f has
mean 0 and standard deviation 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch

from vidrobust.frames.pixels import (
    LUMA,
    bands,
    channel_means,
    each_frame,
    field_of,
    lattice_side,
    map_levels,
    rounded,
    to_array,
)
from vidrobust.perturb.draws import angle, integer, normal, uniform
from vidrobust.perturb.perturbation import (
    Core,
    Perturbation,
    either_sign,
    frame_by_frame,
    given_sign,
    own_entry,
    without_chance,
)

LEVELS = np.arange(256, dtype=np.float64)
PATCHES = 4  # Knots of the random field are this share of the longer side apart
LARGEST = 4.0  # A field's largest distance from its mean, standard deviations


def factors(signed: Sequence[float]) -> np.ndarray:
    """Return factors (N,): 1 + s for a positive strength, 1 / (1 + |s|) for a negative one."""
    s = np.asarray(signed, dtype=np.float64)
    return np.asarray((1 + np.abs(s)) ** np.sign(s))


def _brightness(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    return map_levels(pixels, factors(signed)[:, None, None] * LEVELS)


def _exposure_offset(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    return map_levels(pixels, np.asarray(signed)[:, None, None] + LEVELS)


def _contrast(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    mean = np.asarray(channel_means(pixels) @ LUMA)[:, None, None]  # Rec. 601 luma
    return map_levels(pixels, mean + factors(signed)[:, None, None] * (LEVELS - mean))


def _gamma(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    return map_levels(pixels, 255 * (LEVELS / 255) ** factors(signed)[:, None, None])


def _white_balance(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    root = np.sqrt(factors(signed))
    gains = np.stack([root, np.ones_like(root), 1 / root], axis=1)
    return map_levels(pixels, gains[:, :, None] * LEVELS)


def _quantization(pixels: torch.Tensor, lost_bits: Sequence[float]) -> torch.Tensor:
    steps = np.rint(2.0 ** (8 - np.asarray(lost_bits)))[:, None, None] - 1
    return map_levels(pixels, np.rint(np.rint(LEVELS / 255 * steps) / steps * 255))


def _saturation(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    gray = np.tile(LUMA, (3, 1))
    matrices = [f * np.eye(3) + (1 - f) * gray for f in factors(signed)]
    if pixels.device.type == "cpu":
        return each_frame(pixels, lambda frame, row: cv2.transform(frame, matrices[row]))
    matrix = torch.tensor(np.stack(matrices), dtype=torch.float32, device=pixels.device)
    return rounded(torch.einsum("ncd,ndhw->nchw", matrix, pixels.float()))


def _hue(pixels: torch.Tensor, degrees: Sequence[float]) -> torch.Tensor:
    if pixels.device.type != "cpu":
        hsv = rgb_to_hsv(pixels.float() / 255)
        turn = torch.tensor(degrees, dtype=torch.float32, device=pixels.device).view(-1, 1, 1) / 360
        hsv[:, 0] = torch.remainder(hsv[:, 0] + turn, 1.0)
        return rounded(hsv_to_rgb(hsv) * 255)
    return each_frame(pixels, lambda frame, row: _turn_hue(frame, degrees[row]))


def _turn_hue(frame: np.ndarray, degrees: float) -> np.ndarray:
    made = np.empty_like(frame)
    for band in bands(frame):
        hsv = cv2.cvtColor(frame[band].astype(np.float32), cv2.COLOR_RGB2HSV)
        hsv[..., 0] += degrees % 360  # OpenCV takes whole turns off, but not from negative hues
        cv2.convertScaleAbs(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dst=made[band])
    return made


def rgb_to_hsv(rgb: torch.Tensor) -> torch.Tensor:
    """Return hue in turns, saturation and value in [0, 1] of RGB in [0, 1]; hue 0 where there is no colour."""
    value, most = rgb.max(dim=1)
    spread = value - rgb.amin(dim=1)
    safe = torch.where(spread == 0, torch.ones_like(spread), spread)
    red, green, blue = rgb.unbind(dim=1)
    hue = torch.where(
        most == 0,
        (green - blue) / safe,
        torch.where(most == 1, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    saturation = spread / torch.where(value == 0, torch.ones_like(value), value)
    return torch.stack([torch.remainder(hue / 6, 1.0), saturation, value], dim=1)


def hsv_to_rgb(hsv: torch.Tensor) -> torch.Tensor:
    """Invert ``rgb_to_hsv``: channel = v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6."""
    hue, saturation, value = hsv.unbind(dim=1)
    channels = []
    for offset in (5, 3, 1):
        k = torch.remainder(offset + 6 * hue, 6.0)
        channels.append(value - value * saturation * torch.minimum(k, 4 - k).clamp_(0, 1))
    return torch.stack(channels, dim=1)


def _illumination(frame: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    shape = frame.shape[1:]
    spacing = max(shape) / PATCHES
    knots = normal(own, [lattice_side(side, spacing) for side in shape]).numpy().astype(np.float64)
    return _lit(frame, strength, field_of(knots, shape, spacing))


def _light_gradient(frame: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    kind, turn, width = integer(own, 0, 3), angle(own), uniform(own, 0.3, 0.8)
    middle = uniform(own, 0.0, 1.0), uniform(own, 0.0, 1.0)
    way = 1 - 2 * integer(own, 0, 2)
    y, x = _places(frame)
    if kind == 0:
        field = _sum(np.sin(turn) * y, np.cos(turn) * x)
    elif kind == 1:
        field = np.asarray(cv2.sqrt(_sum((y - round(middle[1])) ** 2, (x - round(middle[0])) ** 2)))
    else:
        down, across = (
            np.exp(-((at - m) ** 2) / (2 * width**2)) for at, m in ((y, middle[1]), (x, middle[0]))
        )
        field = np.multiply(down, across, dtype=np.float32)
    return _lit(frame, way * strength, field)


def _soft_shadow(frame: torch.Tensor, strength: float, own: torch.Generator) -> torch.Tensor:
    turn, size, long = angle(own), uniform(own, 0.15, 0.4), uniform(own, 1.0, 2.5)
    middle = uniform(own, 0.0, 1.0), uniform(own, 0.0, 1.0)
    soft = uniform(own, 0.1, 0.5)
    y, x = _places(frame)
    height, width = frame.shape[1:]
    across, down = (x - middle[0]) * width, (y - middle[1]) * height
    c, s = np.cos(turn), np.sin(turn)
    radius = size * min(height, width)

    def gain(band: slice) -> np.ndarray:
        along = _sum((s * down / (radius * long))[band], c * across / (radius * long))
        away = cv2.magnitude(along, _sum((c * down / radius)[band], -s * across / radius))
        return np.asarray(1 - strength / (1 + cv2.exp(np.minimum((away - 1) * (2 / soft), 50))))

    return _times(frame, gain)


def _sum(column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(H, 1) + (1, W) -> (H, W) float32."""
    return np.asarray(column.astype(np.float32) + row.astype(np.float32))


def _places(frame: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    height, width = frame.shape[1:]
    return (np.arange(height)[:, None] + 0.5) / height, (np.arange(width)[None] + 0.5) / width


def _lit(frame: torch.Tensor, strength: float, field: np.ndarray) -> torch.Tensor:
    """Light a frame by exp(strength x f); f is a field (H, W) float32 of any mean and spread."""
    mean, spread = (float(each[0, 0]) for each in cv2.meanStdDev(field))
    scale, most = strength / spread if spread > 1e-6 else 0.0, LARGEST * abs(strength)
    return _times(frame, lambda band: np.exp(np.clip((field[band] - mean) * scale, -most, most)))


def _times(frame: torch.Tensor, gain: Callable[[slice], np.ndarray]) -> torch.Tensor:
    """Multiply a frame by a gain float32, which is made for a band of rows at a time."""
    if frame.device.type != "cpu":
        return rounded(frame.float() * torch.from_numpy(gain(slice(None))).to(frame.device))
    array = to_array(frame)
    made = np.empty_like(array)
    for band in bands(array):
        cv2.multiply(array[band], cv2.merge([gain(band)] * 3), dst=made[band], dtype=cv2.CV_8U)
    return torch.from_numpy(made).permute(2, 0, 1)


def _signed(core: Core) -> Perturbation:
    return own_entry(either_sign(core), signed={core.__name__.removeprefix("_"): given_sign(core)})


PERTURBATIONS: tuple[Perturbation, ...] = (
    *map(
        _signed,
        (_brightness, _exposure_offset, _contrast, _gamma, _saturation, _hue, _white_balance),
    ),
    own_entry(without_chance(_quantization)),
    *map(own_entry, map(frame_by_frame, (_illumination, _light_gradient, _soft_shadow))),
)
