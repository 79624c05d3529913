"""Light and colour, and light that is uneven over the picture.

All act on encoded levels 0..255, not on linear light. A strength s means a factor (1 + s) for +s and 1 / (1 +
s) for -s, so that both are equally far. Uneven light is a gain exp(s f(x, y)), or 1 - s f for a shadow; f has
mean 0 and standard deviation 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from vidrobust.frames.pixels import (
    LUMA,
    bands,
    channel_means,
    each_frame,
    lattice_side,
    map_levels,
    rounded,
    spline_basis,
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

GREY_LEVELS = np.arange(256, dtype=np.float64)
PATCHES = 4  # Knots of the random field are this share of the longer side apart
LARGEST = 4.0  # A field's largest distance from its mean, standard deviations
GRID = 64  # Places along a side at which a field's mean and spread are taken
STEPS = 2**16  # Of a table of gains: neighbours are less than .1 levels apart
DARKEST = 16.0  # Where the logistic edge of a shadow ends: 1e-7 of it is left
MIXING_BITS = 10  # after the point, of the weights with which OpenCV mixes the channels of bytes
# Levels added before turned hues are rounded: a turn by whole degrees leaves many at exactly one half, which rounding
# errors of 2e-4 would send either way
TIE = 1e-3


def factors(signed: Sequence[float]) -> np.ndarray:
    """Return factors (N,): 1 + s for a positive strength, 1 / (1 + |s|) for a negative one."""
    s = np.asarray(signed, dtype=np.float64)
    return np.asarray((1 + np.abs(s)) ** np.sign(s))


def _brightness(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    return map_levels(pixels, factors(signed)[:, None, None] * GREY_LEVELS)


def _exposure_offset(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    return map_levels(pixels, np.asarray(signed)[:, None, None] + GREY_LEVELS)


def _contrast(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    mean = np.asarray(channel_means(pixels) @ LUMA)[:, None, None]  # Rec. 601 luma
    return map_levels(pixels, mean + factors(signed)[:, None, None] * (GREY_LEVELS - mean))


def _gamma(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    return map_levels(pixels, 255 * (GREY_LEVELS / 255) ** factors(signed)[:, None, None])


def _white_balance(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    root = np.sqrt(factors(signed))
    gains = np.stack([root, np.ones_like(root), 1 / root], axis=1)
    return map_levels(pixels, gains[:, :, None] * GREY_LEVELS)


def _quantization(pixels: torch.Tensor, lost_bits: Sequence[float]) -> torch.Tensor:
    steps = np.rint(2.0 ** (8 - np.asarray(lost_bits)))[:, None, None] - 1
    return map_levels(pixels, np.rint(np.rint(GREY_LEVELS / 255 * steps) / steps * 255))


def _saturation(pixels: torch.Tensor, signed: Sequence[float]) -> torch.Tensor:
    gray = np.tile(LUMA, (3, 1))
    matrices = [f * np.eye(3) + (1 - f) * gray for f in factors(signed)]
    if pixels.device.type == "cpu":
        return each_frame(pixels, lambda frame, row: cv2.transform(frame, matrices[row]))
    # as OpenCV mixes bytes: in steps of 2^-10, rounded half up; float32 holds such sums exactly
    steps = np.rint(np.stack(matrices) * 2**MIXING_BITS) / 2**MIXING_BITS
    weights = torch.from_numpy(steps).float().to(pixels.device)[..., None, None]
    made = torch.zeros(pixels.shape, device=pixels.device)
    for row, column in np.ndindex(3, 3):
        made[:, row] += weights[:, row, column] * pixels[:, column]
    return made.add_(0.5).floor_().clamp_(0, 255).to(torch.uint8)


def _hue(pixels: torch.Tensor, degrees: Sequence[float]) -> torch.Tensor:
    if pixels.device.type != "cpu":
        frames = zip(pixels, degrees, strict=True)
        return torch.stack([_turn_hue_on_device(frame.float(), turn) for frame, turn in frames])
    return each_frame(pixels, lambda frame, row: _turn_hue(frame, degrees[row]))


def _turn_hue(frame: np.ndarray, degrees: float) -> np.ndarray:
    made = np.empty_like(frame)
    for band in bands(frame):
        hsv = cv2.cvtColor(frame[band].astype(np.float32), cv2.COLOR_RGB2HSV)
        hsv[..., 0] += degrees % 360  # OpenCV takes whole turns off, but not from negative hues
        turned = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
        cv2.convertScaleAbs(turned, dst=made[band], beta=TIE)
    return made


def _turn_hue_on_device(rgb: torch.Tensor, degrees: float) -> torch.Tensor:
    """Turn (3, H, W) float32: channel = v - spread max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6."""
    value, most = rgb.max(dim=0)
    spread = value - rgb.amin(dim=0)
    red, green, blue = rgb / torch.where(spread == 0, torch.ones_like(spread), spread)
    sixth = torch.where(
        most == 0, green - blue, torch.where(most == 1, 2 + blue - red, 4 + red - green)
    )
    channels = []
    for offset in (5, 3, 1):
        k = torch.remainder(offset + sixth + degrees / 60, 6.0)
        channels.append(value - spread * torch.minimum(k, 4 - k).clamp_(0, 1))
    return rounded(torch.stack(channels).add_(TIE))


@dataclass(frozen=True)
class _Field:
    """A field over a frame, the sum of products of ``columns`` (H, K) and ``rows`` (K, W), or the root of it."""

    columns: np.ndarray
    rows: np.ndarray
    root: bool = False

    def values(self, device: torch.device) -> Callable[[slice], torch.Tensor]:
        """Return what gives (h, W) float32 of a band of rows; term by term, so that devices round alike."""
        columns = torch.from_numpy(self.columns.astype(np.float32)).to(device)
        rows = torch.from_numpy(self.rows.astype(np.float32)).to(device)

        def of(band: slice) -> torch.Tensor:
            made = columns[band, :1] * rows[:1]
            for term in range(1, len(rows)):
                made += columns[band, term, None] * rows[term]
            return made.clamp_(min=0).sqrt_() if self.root else made

        return of

    def mean_and_spread(self) -> tuple[float, float]:
        """Mean and standard deviation over a grid of places."""
        sides = (len(self.columns), self.rows.shape[1])
        y, x = (np.unique(np.linspace(0, n - 1, GRID).round().astype(int)) for n in sides)
        some = _Field(self.columns[y], self.rows[:, x], self.root)
        at = some.values(torch.device("cpu"))(slice(None)).double().numpy()
        return float(at.mean()), float(at.std())


def _illumination(frame: torch.Tensor, strength: float, gen: torch.Generator) -> torch.Tensor:
    shape = frame.shape[1:]
    spacing = max(shape) / PATCHES
    knots = normal(gen, [lattice_side(side, spacing) for side in shape]).double().numpy()
    down, across = (
        spline_basis(side, 1.0, spacing, count)
        for side, count in zip(shape, knots.shape, strict=True)
    )
    return _lit(frame, strength, _Field(down @ knots, across.T))


def _light_gradient(frame: torch.Tensor, strength: float, gen: torch.Generator) -> torch.Tensor:
    kind, turn, width = integer(gen, 0, 3), angle(gen), uniform(gen, 0.3, 0.8)
    middle = uniform(gen, 0.0, 1.0), uniform(gen, 0.0, 1.0)
    way = 1 - 2 * integer(gen, 0, 2)
    y, x = _places(frame)
    if kind == 0:
        field = _sum(np.sin(turn) * y, np.cos(turn) * x)
    elif kind == 1:
        field = replace(_sum((y - round(middle[1])) ** 2, (x - round(middle[0])) ** 2), root=True)
    else:
        down, across = (
            np.exp(-((at - m) ** 2) / (2 * width**2)) for at, m in ((y, middle[1]), (x, middle[0]))
        )
        field = _Field(down, across)
    return _lit(frame, way * strength, field)


def _soft_shadow(frame: torch.Tensor, strength: float, gen: torch.Generator) -> torch.Tensor:
    turn, size, long = angle(gen), uniform(gen, 0.15, 0.4), uniform(gen, 1.0, 2.5)
    middle = uniform(gen, 0.0, 1.0), uniform(gen, 0.0, 1.0)
    soft = uniform(gen, 0.1, 0.5)
    y, x = _places(frame)
    height, width = frame.shape[1:]
    across, down = (x - middle[0]) * width, (y - middle[1]) * height
    c, s = np.cos(turn), np.sin(turn)
    a, b = size * min(height, width) * long, size * min(height, width)
    # the distance from the middle in half axes of the ellipse: its square is a form in both coordinates
    both = 2 * c * s * (1 / a**2 - 1 / b**2)
    away = _Field(
        np.hstack([((s / a) ** 2 + (c / b) ** 2) * down**2, both * down, np.ones_like(down)]),
        np.vstack([np.ones_like(across), across, ((c / a) ** 2 + (s / b) ** 2) * across**2]),
        root=True,
    )
    gains = 1 - strength / (1 + np.exp(np.linspace(-DARKEST, DARKEST, STEPS)))
    return _times(frame, away, gains, (-1, 2 / soft, DARKEST))


def _sum(column: np.ndarray, row: np.ndarray) -> _Field:
    """The field of (H, 1) + (1, W)."""
    return _Field(np.hstack([column, np.ones_like(column)]), np.vstack([np.ones_like(row), row]))


def _places(frame: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    height, width = frame.shape[1:]
    return (np.arange(height)[:, None] + 0.5) / height, (np.arange(width)[None] + 0.5) / width


def _lit(frame: torch.Tensor, strength: float, field: _Field) -> torch.Tensor:
    """Light a frame by exp(strength x f); f is a field of any mean and spread."""
    mean, spread = field.mean_and_spread()
    scale, most = strength / spread if spread > 1e-6 else 0.0, LARGEST * abs(strength)
    return _times(frame, field, np.exp(np.linspace(-most, most, STEPS)), (-mean, scale, most))


def _times(
    frame: torch.Tensor, field: _Field, gains: np.ndarray, place: tuple[float, float, float]
) -> torch.Tensor:
    """Multiply a frame by gains that a table gives: ``place`` is (shift, scale, most) ::

        gain = gains at (field + shift) x scale, between -most and most

    The table, not an exponential of each device, makes all devices agree.
    """
    shift, scale, most = place
    table, to_steps = gains.astype(np.float32), (STEPS - 1) / (2 * most)
    values = field.values(frame.device)

    def steps(band: slice) -> torch.Tensor:
        at = values(band).add_(shift).mul_(scale * to_steps).add_((STEPS - 1) / 2)
        return at.round_().clamp_(0, STEPS - 1)

    if frame.device.type != "cpu":
        gain = torch.from_numpy(table).to(frame.device)[steps(slice(None)).long()]
        return rounded(frame * gain)
    array = to_array(frame)
    made = np.empty_like(array)
    for band in bands(array):
        gain = cv2.LUT(steps(band).numpy().astype(np.uint16), table[None])
        cv2.multiply(array[band], cv2.merge([gain] * 3), dst=made[band], dtype=cv2.CV_8U)
    return torch.from_numpy(made).permute(2, 0, 1)


def _signed(core: Core) -> Perturbation:
    return own_entry(either_sign(core), signed={core.__name__.removeprefix("_"): given_sign(core)})


PERTURBATIONS: tuple[Perturbation, ...] = (
    *map(_signed, (_brightness, _exposure_offset, _contrast, _gamma)),
    *map(_signed, (_saturation, _hue, _white_balance)),
    own_entry(without_chance(_quantization)),
    *map(own_entry, map(frame_by_frame, (_illumination, _light_gradient, _soft_shadow))),
)
