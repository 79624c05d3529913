"""Compression: JPEG and H.264. Codecs work on the CPU; frames of another device go there and back."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np
import torch

from vidrobust.errors import InputError
from vidrobust.frames.pixels import each_alone, each_frame, to_array
from vidrobust.perturb.draws import Generators
from vidrobust.perturb.perturbation import Perturbation, without_chance

LARGEST_JPEG_SIDE = 65500
"""Limit of libjpeg."""
LARGEST_H264_SIDE = 16384
SMALLEST_H264_SIDE = 16
STILL_RATE = 25
"""Frames per second taken for a single frame, which has no rate of its own."""


def _jpeg(pixels: torch.Tensor, quality_lost: Sequence[float]) -> torch.Tensor:
    _refuse_large(pixels, "jpeg", LARGEST_JPEG_SIDE)
    return each_frame(pixels, lambda frame, row: jpeg(frame, round(100 - quality_lost[row])))


def jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    """(H, W, 3) through a baseline JPEG with 4:2:0 chroma and back."""
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
        cv2.copyMakeBorder(to_array(f), 0, padding[0], 0, padding[1], cv2.BORDER_REPLICATE) for f in pixels
    ]
    decoded = _decode(_encode(padded, bit_rate, max(rate, 1)))
    if len(decoded) != len(padded):
        raise InputError(f"h264: {len(padded)} frames were encoded and {len(decoded)} came back")
    return each_frame(pixels, lambda frame, row: decoded[row][:h, :w])


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
    """Each frame as a clip of one: an intra frame."""
    nothing = torch.Generator()
    return torch.cat([_h264_clip(f, np.zeros(1), ratio, nothing) for f in each_alone(pixels)])


def _refuse_large(pixels: torch.Tensor, name: str, limit: int) -> None:
    if max(pixels.shape[2:]) > limit:
        raise InputError(
            f"{name}: frames of {pixels.shape[3]}x{pixels.shape[2]} px do not fit the codec, "
            f"whose sides have at most {limit} px; cut or shrink the frames"
        )


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(
        name="jpeg",
        suite="natural",
        family="compression",
        unit="100 - quality",
        strengths=(10.0, 30.0, 50.0, 70.0, 90.0),
        range=(0.0, 99.0),
        apply=without_chance(_jpeg),
        doc="Through a JPEG of quality 100 - s (libjpeg's scale) with 4:2:0 chroma.",
        noun="JPEG",
        saying="JPEG compression at quality {q}",
        stands_for={"noise_and_coding": 2},
    ),
    Perturbation(
        name="h264",
        suite="natural",
        family="compression",
        unit="raw bits over coded bits",
        strengths=(50.0, 100.0, 200.0, 400.0, 800.0),
        range=(10.0, 20000.0),
        apply=_h264,
        apply_clip=_h264_clip,
        whole_clip=True,
        doc="Through x264 at a bit rate of 24 W H frame rate / s: at 1080p and 30 frames/s, 1494 Mbit/s over s.",
        noun="H.264",
        stands_for={"noise_and_coding": 3},
        saying="H.264 compression {s} to 1",
    ),
)
