"""Sensor noise, fresh in every frame and channel; patches; JPEG and H.264.

Noise cores take the random numbers as an argument, for comparison with other implementations. Codecs work on
the CPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
import torch

from vidrobust.errors import InputError
from vidrobust.frames.pixels import bands, each_alone, each_frame, rounded, to_array, to_tensor
from vidrobust.perturb.draws import Generators, SixteenBits, integer, uniform
from vidrobust.perturb.perturbation import (
    FrameChange,
    Perturbation,
    frame_by_frame,
    own_entry,
    without_chance,
)

# Poisson counts come from tables of 2^14 equally likely values a level: exact quantiles, tails cut at 4 sigma
POISSON_BITS = 14
# Side over the frame's shorter side: the paper draws up to 250 px on ImageNet at 224 px
LARGEST_NOISY_PATCH = 250 / 224
LARGEST_JPEG_SIDE = 65500  # Limit of libjpeg
LARGEST_H264_SIDE, SMALLEST_H264_SIDE = 16384, 16  # Limits of x264: level 6.2, and one macroblock
STILL_RATE = 25  # Frames per second taken for a single frame, which has no rate of its own


@functools.lru_cache(maxsize=8)
def poisson_levels(photons_at_white: float) -> torch.Tensor:
    """Return (256, 2^14) float32: equally likely noisy levels of each clean level, of 255 and not clipped."""
    from scipy.special import pdtr, pdtrik  # here, so that a study need not wait for SciPy to begin

    at = (np.arange(2**POISSON_BITS) + 0.5) / 2**POISSON_BITS
    means = photons_at_white * np.arange(256) / 255
    ends = np.ceil(pdtrik(at[[0, -1], None], means))
    below = np.maximum(ends - 1, 0)  # as scipy.stats, which takes half a second to import
    low, high = np.where(pdtr(below, means) >= at[[0, -1], None], below, ends).astype(np.int64)
    # counts that a level has; all levels in one row, since SciPy is slow to begin
    sizes = high - low + 1
    begins = np.cumsum(sizes) - sizes
    values = np.arange(sizes.sum()) - np.repeat(begins - low, sizes)
    until = np.searchsorted(at, pdtr(values, np.repeat(means, sizes)), side="right")
    until[begins + sizes - 1] = at.size
    times = np.diff(until + np.repeat(np.arange(256), sizes) * at.size, prepend=0)
    counts = np.repeat(values, times).reshape(256, -1).astype(np.float32)
    return torch.from_numpy(counts * np.float32(255 / photons_at_white))


@functools.lru_cache(maxsize=16)
def _poisson_table(photons_at_white: float, truncated: bool, device: torch.device) -> torch.Tensor:
    levels = poisson_levels(photons_at_white).clamp(0, 255)
    whole = levels.add_(1e-4).floor_() if truncated else levels.round_()
    return whole.to(torch.uint8).reshape(-1).to(device)


def shot(
    frame: torch.Tensor, photons_at_white: float, bits: torch.Tensor, *, truncated: bool = False
) -> torch.Tensor:
    """Return levels uint8 of any shape with Poisson noise of pixels that collect so many photons at 255.

    ``bits`` of the same shape are uniform in 0..65535. ``truncated`` rounds levels down.
    """
    table = _poisson_table(photons_at_white, truncated, frame.device)
    index = frame.to(torch.int32).bitwise_left_shift_(POISSON_BITS)
    index |= bits.to(torch.int32).bitwise_right_shift_(16 - POISSON_BITS)
    return table.index_select(0, index.reshape(-1)).view(frame.shape)


def impulse(frame: torch.Tensor, share: float, bits: torch.Tensor) -> torch.Tensor:
    """Set a share of all values to 0 or 255, each with the same chance; arguments as of ``shot``."""
    return _added(frame, _impulses(round(share * 32768), frame.device), bits)


@functools.lru_cache(maxsize=16)
def _impulses(half: int, device: torch.device) -> torch.Tensor:
    offsets = torch.zeros(2**16, dtype=torch.int16)
    offsets[:half], offsets[2**16 - half :] = -255, 255
    return offsets.to(device)


@functools.lru_cache(maxsize=16)
def normal_quantiles(sigma: float, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return 2^16 equally likely normal values, exact quantiles cut at 4.3 sigma: int16, and float32 about 1."""
    from scipy.special import ndtri

    values = torch.from_numpy(sigma * ndtri((np.arange(2**16) + 0.5) / 2**16))
    return values.round().to(torch.int16).to(device), (1 + values).float().to(device)


def _added(frame: torch.Tensor, offsets: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """Add to every level the one of 2^16 equally likely offsets int16 that its bits draw."""
    if frame.device.type != "cpu":
        return (frame + offsets[bits]).clamp_(0, 255).to(torch.uint8)
    # OpenCV counts no channels
    flat, drawn = (values.reshape(len(values), -1).numpy() for values in (frame, bits))
    made = cv2.add(flat, cv2.LUT(drawn, offsets.numpy()[None]), dtype=cv2.CV_8U)
    return torch.from_numpy(made).view(frame.shape)


def gaussian_noise(levels: torch.Tensor, sigma: float, bits: torch.Tensor) -> torch.Tensor:
    return _added(levels, normal_quantiles(sigma, levels.device)[0], bits)


def speckle_noise(levels: torch.Tensor, sigma: float, bits: torch.Tensor) -> torch.Tensor:
    _, gains = normal_quantiles(sigma, levels.device)
    if levels.device.type != "cpu":
        return rounded(levels * gains[bits])
    drawn = cv2.LUT(bits.numpy(), gains.numpy()[None])
    return torch.from_numpy(cv2.multiply(levels.numpy(), drawn, dtype=cv2.CV_8U))


def shot_noise(levels: torch.Tensor, sigma_at_white: float, bits: torch.Tensor) -> torch.Tensor:
    return shot(levels, (255 / sigma_at_white) ** 2, bits)


def _drawn(noise: Callable[[torch.Tensor, float, torch.Tensor], torch.Tensor]) -> FrameChange:
    """Noise of levels (H, W, 3), with 16 random bits for each of them."""

    @functools.wraps(noise)
    def change(frame: torch.Tensor, strength: float, gen: torch.Generator) -> torch.Tensor:
        on_cpu, bits = frame.device.type == "cpu", SixteenBits(gen)
        levels = torch.from_numpy(to_array(frame)) if on_cpu else frame.permute(1, 2, 0)
        made = torch.empty_like(levels)
        for band in bands(levels):
            some = levels[band]
            made[band] = noise(some, strength, bits.next(some.shape, some.device))
        return made.permute(2, 0, 1)

    return change


def _occlusion(frame: torch.Tensor, strength: float, gen: torch.Generator) -> torch.Tensor:
    h, w = frame.shape[1:]
    side = max(1, round(strength * min(h, w)))
    top, left = int(uniform(gen) * (h - side + 1)), int(uniform(gen) * (w - side + 1))
    colour = [integer(gen, 0, 256) for _ in range(3)]
    out = frame.clone()
    out[:, top : top + side, left : left + side] = frame.new_tensor(colour).view(3, 1, 1)
    return out


def _patch_gaussian(frame: torch.Tensor, sigma: float, gen: torch.Generator) -> torch.Tensor:
    h, w = frame.shape[1:]
    half = max(1, round(uniform(gen, 0, LARGEST_NOISY_PATCH) * min(h, w))) / 2
    y, x = uniform(gen, 0, h), uniform(gen, 0, w)
    rows = slice(max(0, round(y - half)), max(1, round(y + half)))
    columns = slice(max(0, round(x - half)), max(1, round(x + half)))
    out = frame.clone()
    out[:, rows, columns] = _drawn(gaussian_noise)(out[:, rows, columns], sigma, gen)
    return out


def _jpeg(pixels: torch.Tensor, quality_lost: Sequence[float]) -> torch.Tensor:
    _refuse_large(pixels, "jpeg", LARGEST_JPEG_SIDE)
    return each_frame(pixels, lambda frame, row: jpeg(frame, round(100 - quality_lost[row])))


def jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    """Return (H, W, 3) after a baseline JPEG with 4:2:0 chroma."""
    how = [cv2.IMWRITE_JPEG_QUALITY, quality]
    how += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), how)
    return np.asarray(cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))


def _h264_clip(
    pixels: torch.Tensor, times_s: np.ndarray, ratio: float, generator: torch.Generator
) -> torch.Tensor:
    _refuse_large(pixels, "h264", LARGEST_H264_SIDE)
    steps = np.diff(times_s)
    rate = round(1 / float(np.median(steps))) if steps.size and np.median(steps) > 0 else STILL_RATE
    h, w = pixels.shape[2:]
    bit_rate = max(1000, round(w * h * 24 * rate / ratio))
    padding = [max(n + n % 2, SMALLEST_H264_SIDE) - n for n in (h, w)]
    padded = [
        cv2.copyMakeBorder(to_array(f), 0, padding[0], 0, padding[1], cv2.BORDER_REPLICATE)
        for f in pixels.cpu()
    ]
    decoded = _decode(_encode(padded, bit_rate, max(rate, 1)))
    if len(decoded) != len(padded):
        raise InputError(f"h264: {len(padded)} frames were encoded and {len(decoded)} came back")
    return to_tensor([frame[:h, :w] for frame in decoded], pixels.device)


def _encode(frames: list[np.ndarray], bit_rate: int, rate: int) -> list[bytes]:
    coder = av.CodecContext.create("libx264", "w")
    coder.height, coder.width = frames[0].shape[:2]
    coder.pix_fmt, coder.bit_rate = "yuv420p", bit_rate
    coder.framerate, coder.time_base, coder.thread_count = Fraction(rate), Fraction(1, rate), 1
    limits = {"maxrate": str(bit_rate), "bufsize": str(bit_rate)}
    coder.options = {"preset": "veryfast", **limits}
    packets = []
    for number, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
        picture.pts = number
        packets += coder.encode(picture.reformat(format="yuv420p"))
    return [bytes(packet) for packet in [*packets, *coder.encode(None)]]


def _decode(packets: list[bytes]) -> list[np.ndarray]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded = []
    for data in packets:
        decoded += decoder.decode(av.Packet(data))
    return [frame.to_ndarray(format="rgb24") for frame in [*decoded, *decoder.decode(None)]]


def _h264(pixels: torch.Tensor, ratio: float, generator: Generators) -> torch.Tensor:
    nothing = torch.Generator()
    coded = [_h264_clip(f, np.zeros(1), ratio, nothing) for f in each_alone(pixels.cpu())]
    return torch.cat([f.permute(0, 2, 3, 1) for f in coded]).to(pixels.device).permute(0, 3, 1, 2)


def _refuse_large(pixels: torch.Tensor, name: str, limit: int) -> None:
    if max(pixels.shape[2:]) > limit:
        raise InputError(
            f"{name}: frames of {pixels.shape[3]}x{pixels.shape[2]} px do not fit the codec, "
            f"whose sides have at most {limit} px; cut or shrink the frames"
        )


PERTURBATIONS: tuple[Perturbation, ...] = (
    *(own_entry(frame_by_frame(_drawn(change))) for change in (gaussian_noise, shot_noise)),
    own_entry(frame_by_frame(_drawn(impulse)), name="impulse_noise"),
    own_entry(frame_by_frame(_drawn(speckle_noise))),
    own_entry(without_chance(_jpeg), on_cpu=True),
    own_entry(_h264, apply_clip=_h264_clip, whole_clip=True, on_cpu=True),
    *map(own_entry, map(frame_by_frame, (_occlusion, _patch_gaussian))),
)
