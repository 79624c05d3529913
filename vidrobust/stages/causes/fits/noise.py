"""Noise of the energy of what lies between aligned frames: of the sensor, of JPEG, and of H.264.

Pictures alone do not tell what a codec left that predicts from frame to frame: its grain is that of JPEG as often
as its own, and coding a clip once more takes any noise away, whoever made it. The stream does tell. In one whose
codec predicts between frames JPEG is not asked for; in one whose codec does not, H.264 is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from vidrobust.frames.pixels import to_array, to_levels, to_tensor
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed

LEAST_LEVELS = 0.1
"""No noise is fitted to less, rms."""
RATE_STEPS = 3
"""Steps in which the bit rate is searched."""
FIRST_RATIO = 100.0
"""Raw bits over coded bits at which the search begins."""
RISE = 0.5
"""The error's size rises about as the root of that ratio."""
SEARCHED_PX = 640
"""Side of the middle of a picture on which the bit rate is searched."""
NEAR_ENERGY = 1.5
"""An error is made as large as the footage's by no more than this."""


@dataclass(frozen=True, kw_only=True)
class FittedNoise:
    """A kind of noise on the mean of an exchanged pair.

    minus, plus       (H, W, 3) uint8, the noise reversed, and as it is
    strength          in the catalogue's unit
    grain, grain_seen correlation of neighbouring pixels of the noise, and of what lies between the frames
    """

    perturbation: str
    minus: np.ndarray
    plus: np.ndarray
    strength: float
    grain: float
    grain_seen: float


def predicts(codec: str) -> bool | None:
    """Whether a codec, by FFmpeg's name, loses something and predicts from frame to frame; None if not known."""
    import av

    try:
        known = av.codec.Codec(codec, "r")
    except (ValueError, av.error.FFmpegError):
        return None
    return bool(known.lossy and not known.intra_only)


def fit_noises(plus: np.ndarray, minus: np.ndarray, codec: str = "") -> Iterator[FittedNoise]:
    """The mean of an exchanged pair (H, W, 3) uint8 with noise of the same energy on it.

    codec  of the stream, by FFmpeg's name; "" where it is not known
    """
    first, second = (x.astype(np.float32) for x in (plus, minus))
    mean, half = (first + second) / 2, (first - second) / 2
    del first, second
    sigma = float(np.sqrt(np.square(half).mean()))
    if sigma < LEAST_LEVELS:
        return
    seen, rng = grain_of(half), np.random.default_rng(mean.shape[0])
    del half
    white = rng.standard_normal(mean.shape).astype(np.float32)
    shot = white * np.sqrt(np.maximum(mean, 1.0))
    inter = predicts(codec) if codec else None
    for name, noise, strength in (
        ("gaussian_noise", white * sigma, math.sqrt(2) * sigma),
        ("shot_noise", shot * (sigma / max(float(np.sqrt(np.square(shot).mean())), 1e-6)), 2 * sigma),
        *(_jpeg_of(mean, sigma) if not inter else ()),
        *(_h264_of(mean, sigma) if inter is not False else ()),
    ):
        yield FittedNoise(
            perturbation=name,
            minus=to_levels(mean - noise),
            plus=to_levels(mean + noise),
            strength=strength,
            grain=grain_of(noise),
            grain_seen=seen,
        )


def _jpeg_of(mean: np.ndarray, sigma: float) -> Iterator[tuple[str, np.ndarray, float]]:
    """What JPEG does to a picture at the quality whose error has about this energy, and its strength."""
    picture = to_levels(mean)

    def coded(quality: int) -> tuple[np.ndarray, float]:
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
        error = decoded[..., ::-1].astype(np.float32) - picture
        return error, max(float(np.sqrt(np.square(error).mean())), 1e-3)

    worse, better = 5, 100
    while better - worse > 1:
        middle = (worse + better) // 2
        worse, better = (middle, better) if coded(middle)[1] > sigma else (worse, middle)
    ends = [(coded(quality), quality) for quality in (worse, better)]
    (error, size), quality = min(ends, key=lambda end: abs(math.log(end[0][1] / sigma)))
    yield "jpeg", error * (sigma / size), 100.0 - quality


def _h264_of(mean: np.ndarray, sigma: float) -> Iterator[tuple[str, np.ndarray, float]]:
    """What H.264 does to a picture at the bit rate whose error has about this energy, and its ratio to raw bits.

    The rate is searched on the middle of a large picture. Nothing where no rate comes near: it loses more even
    at the highest, or less even at the lowest.
    """
    picture, (least, most) = to_levels(mean), PERTURBATIONS["h264"].range
    height, width = (max(0, (side - SEARCHED_PX) // 2) for side in picture.shape[:2])
    middle = np.ascontiguousarray(picture[height : height + SEARCHED_PX, width : width + SEARCHED_PX])
    low, high = math.log(least), math.log(most)
    rate, rise, tried = math.log(FIRST_RATIO), RISE, []
    for _ in range(RATE_STEPS):
        tried.append((rate, math.log(_size(_lost(middle, rate)) / sigma)))
        if len(tried) > 1 and tried[-1][0] != tried[-2][0]:
            (x0, y0), (x1, y1) = tried[-2:]
            rise = max((y1 - y0) / (x1 - x0), RISE / 4)
        rate = min(max(rate - tried[-1][1] / rise, low), high)
    error = _lost(picture, rate)
    if max(_size(error) / sigma, sigma / _size(error)) <= NEAR_ENERGY:
        yield "h264", error * (sigma / _size(error)), math.exp(rate)


def _lost(picture: np.ndarray, log_ratio: float) -> np.ndarray:
    """(H, W, 3) float32: what H.264 changes in a picture at exp(log_ratio) raw bits over coded bits."""
    coded = PERTURBATIONS["h264"].apply(to_tensor([picture]), math.exp(log_ratio), from_seed(0))[0]
    return np.asarray(to_array(coded).astype(np.float32) - picture)


def _size(error: np.ndarray) -> float:
    return max(float(np.sqrt(np.square(error).mean())), 1e-3)


def grain_of(difference: np.ndarray) -> float:
    """Correlation of neighbouring pixels of a difference of pictures, (H, W, 3) float32, along both axes."""
    flat = difference - difference.mean(axis=(0, 1))
    power = float(np.square(flat).mean())
    if power <= 0:
        return 0.0
    across = float((flat[:, 1:] * flat[:, :-1]).mean())
    down = float((flat[1:] * flat[:-1]).mean())
    return (across + down) / (2 * power)
