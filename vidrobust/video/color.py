"""Decoded pictures become upright 8-bit RGB, by the matrix of the standard, or exactly as by the ffmpeg program.

``accurate``  linear chroma interpolation and the matrix of the standard in floating point, on the CPU and on a GPU.
``fast``      the filters that the ffmpeg program inserts for ``-pix_fmt rgb24``, so the bytes are the same. Its
              arithmetic is biased, by about -1.2 levels for 4:2:0. It takes .35 ms less for a frame of 640x360 and
              4 ms less for one of 1080p. Pictures of JPEG files (4:2:0) differ by .86 levels from Pillow's, accurate
              ones by .19.

Chroma is taken to lie in the middle of its pixels, as ffmpeg does when resizing it.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, cast

import av
import cv2
import numpy as np
import torch
from av.buffer import Buffer
from av.filter import Graph

from vidrobust.errors import InputError, SettingsError
from vidrobust.frames.pixels import LUMA

# Side data of a frame, also where PyAV does not know every kind of it.

VIEW_ID = 29  # AV_FRAME_DATA_VIEW_ID of libavutil/frame.h
MOST_KINDS = 64
SEVERAL_VIEWS = (
    "holds several views a frame (multiview HEVC); the base layer is read, as ffmpeg reads it"
)


def display_matrix(frame: av.VideoFrame) -> bytes | None:
    """Return the frame's display matrix, or None. Ask rarely: PyAV ties it to its side data in a cycle."""
    known, _ = readable(frame)
    data = known.side_data.get("DISPLAYMATRIX")
    return None if data is None else bytes(cast(Buffer, data))


def has_several_views(frame: av.VideoFrame) -> bool:
    return VIEW_ID in readable(frame)[1]


def readable(frame: av.VideoFrame) -> tuple[av.VideoFrame, tuple[int, ...]]:
    """Return a frame whose side data PyAV can list, and the kinds removed for that.

    PyAV fails at kinds outside its enumeration, such as multiview HEVC or EXIF in a JPEG.
    """
    unknown: list[int] = []
    while len(unknown) < MOST_KINDS:
        try:
            frame.side_data.get("DISPLAYMATRIX")
        except ValueError as error:
            number = re.match(r"(\d+) is not a valid", str(error))
            if number is None:
                raise
            unknown.append(int(number[1]))
            frame = _without(frame, unknown[-1])
        else:
            break
    return frame, tuple(unknown)


def _without(frame: av.VideoFrame, kind: int) -> av.VideoFrame:
    if frame.sw_format is not None:
        raise InputError(f"side data of kind {kind} cannot be read of a frame on a device")
    return _Filters(frame, (("sidedata", f"mode=delete:type={kind}"),))(frame)


ColorMode = Literal["fast", "accurate"]

SWSCALE_EXACT = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
FULL_RANGE = 2  # AVCOL_RANGE_JPEG
RANGES = {1: "limited", 2: "full"}
SPACES = {
    0: "rgb", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c",
}  # fmt: skip
# Luma weights of red and blue by AVColorSpace (ITU-T H.273, table 4); all others are BT.601, as in ffmpeg
WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
BT601 = (float(LUMA[0]), float(LUMA[2]))
_ANY_TIME_BASE = Fraction(1, 1000)  # pixels do not depend on it, but a graph must have one

# Bits a sample of the layouts the accurate mode converts itself
PLANAR = {
    f"yuv{layout}p{depth}": 8 if not depth else int(depth[:-2])
    for layout in ("420", "422", "444")
    for depth in ("", "9le", "10le", "12le", "14le", "16le")
} | {f"yuvj{layout}p": 8 for layout in ("420", "422", "444")}


def check_color(color: str) -> ColorMode:
    if color not in ("fast", "accurate"):
        raise SettingsError(f"color: expected 'fast' or 'accurate', got {color!r}")
    return cast(ColorMode, color)


def is_full_range(frame: av.VideoFrame) -> bool:
    return frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")


def yuv_to_rgb_matrix(space: int, *, full_range: bool, bits: int) -> np.ndarray:
    """Return the affine map (3, 4) float64 from (Y, U, V) codes of ``bits`` bits to RGB in 0-255.

    ITU-T H.273, equations 8-25 to 8-31 and 38-40, solved for RGB.
    """
    red, blue = WEIGHTS.get(space, BT601)
    green = 1 - red - blue
    step = 2 ** (bits - 8)
    top = 2**bits - 1
    luma, chroma = (
        (255 / top, 255 / top) if full_range else (255 / (219 * step), 255 / (224 * step))
    )
    matrix = np.array(
        [
            [luma, 0.0, 2 * (1 - red) * chroma],
            [luma, -2 * (1 - blue) * blue / green * chroma, -2 * (1 - red) * red / green * chroma],
            [luma, 2 * (1 - blue) * chroma, 0.0],
        ]
    )
    black = np.array([0 if full_range else 16 * step, 128 * step, 128 * step], np.float64)
    return np.hstack([matrix, -(matrix @ black)[:, None]])


def semi_planar_to_rgb(
    luma: torch.Tensor, chroma: torch.Tensor, space: int, *, full_range: bool, bits: int
) -> torch.Tensor:
    """Convert NV12 or P010 planes to (H, W, 3) uint8 RGB on their device, with linear chroma.

    luma    (H, W) uint8, or uint16 with the ``bits`` in the high end (P010)
    chroma  (H/2, W/2, 2) likewise, U and V; for odd sizes the last row or column may be missing
    """
    height, width = luma.shape
    shift = 1.0 if luma.dtype == torch.uint8 else 2.0 ** (bits - 16)
    planes = torch.stack(
        (luma.to(torch.float32), *_upsampled(chroma.to(torch.float32), height, width)), dim=-1
    ).mul_(shift)
    table = torch.as_tensor(
        yuv_to_rgb_matrix(space, full_range=full_range, bits=bits),
        dtype=torch.float32,
        device=luma.device,
    )
    rgb = torch.addmm(table[:, 3], planes.view(-1, 3), table[:, :3].T)
    return rgb.round_().clamp_(0, 255).to(torch.uint8).view(height, width, 3)


def _upsampled(chroma: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize (h, w, 2) float32 to (2, height, width), linear, centres aligned; short planes are continued."""
    grown = torch.nn.functional.interpolate(
        chroma.permute(2, 0, 1)[None], scale_factor=2, mode="bilinear", align_corners=False
    )[:, :, :height, :width]
    missing = (0, width - grown.shape[3], 0, height - grown.shape[2])
    return (
        torch.nn.functional.pad(grown, missing, mode="replicate")[0] if any(missing) else grown[0]
    )


def upright(picture: torch.Tensor, filters: tuple[tuple[str, str], ...]) -> torch.Tensor:
    """(H, W, C) turned in torch as ``orientation_filters`` turn it; a view."""
    for name, argument in filters:
        match name, argument:
            case "transpose", "clock":
                picture = picture.rot90(-1, (0, 1))
            case "transpose", "cclock":
                picture = picture.rot90(1, (0, 1))
            case "transpose", "cclock_flip":
                picture = picture.transpose(0, 1)
            case "transpose", "clock_flip":
                picture = picture.transpose(0, 1).flip(0, 1)
            case "hflip", _:
                picture = picture.flip(1)
            case "vflip", _:
                picture = picture.flip(0)
            case _:
                raise InputError(f"a turn by {argument} is not done on a device")
    return picture


def orientation_filters(matrix: bytes | None) -> tuple[tuple[str, str], ...]:
    """Return the filters that set a picture upright, as ffmpeg's ``autorotate`` does.

    ``matrix`` is the display matrix: nine native int32, 16.16 fixed point.
    """
    if matrix is None or len(matrix) < 36:
        return ()
    m = struct.unpack("=9i", matrix[:36])
    angle = _clockwise_angle(m)
    if abs(angle - 90) < 1:
        return (("transpose", "cclock_flip" if m[3] > 0 else "clock"),)
    if abs(angle - 180) < 1:
        return (("hflip", ""),) * (m[0] < 0) + (("vflip", ""),) * (m[4] < 0)
    if abs(angle - 270) < 1:
        return (("transpose", "clock_flip" if m[3] < 0 else "cclock"),)
    if abs(angle) > 1:
        return (("rotate", f"{angle:f}*PI/180"),)
    return (("vflip", ""),) * (m[4] < 0)


def _clockwise_angle(m: tuple[int, ...]) -> float:
    first, second = math.hypot(m[0], m[3]), math.hypot(m[1], m[4])
    if not first or not second:
        return 0.0
    angle = float(round(math.degrees(math.atan2(m[1] / second, m[0] / first))))
    return angle - 360 * math.floor(angle / 360 + 0.9 / 360)


class Orientation:
    """The filters that set frames upright, read again only where rotation or size changes."""

    def __init__(self) -> None:
        self._kind: tuple[int, int, int] | None = None
        self._filters: tuple[tuple[str, str], ...] = ()

    def __call__(self, frame: av.VideoFrame) -> tuple[tuple[str, str], ...]:
        kind = (frame.width, frame.height, frame.rotation)
        if kind != self._kind:
            self._kind, self._filters = kind, orientation_filters(display_matrix(frame))
        return self._filters


class Converter:
    """Converts frames of one pass to RGB; keeps the filter graph while their kind stays the same."""

    def __init__(self, color: ColorMode) -> None:
        self._color = color
        self._orientation = Orientation()
        self._kind: tuple[object, ...] | None = None
        self._convert: Callable[[av.VideoFrame], np.ndarray] = _packed

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8, upright; valid until the next call."""
        turns = self._orientation(frame)
        kind = (
            frame.format.name,
            frame.width,
            frame.height,
            frame.colorspace,
            frame.color_range,
            turns,
        )
        flipped = frame.planes[0].line_size < 0
        if (kind, flipped) != self._kind:
            self._convert = self._build(frame, turns)
            self._kind = (kind, flipped)
        return self._convert(frame)

    def _build(
        self, frame: av.VideoFrame, turns: tuple[tuple[str, str], ...]
    ) -> Callable[[av.VideoFrame], np.ndarray]:
        if ("vflip", "") in turns or frame.planes[0].line_size < 0:
            # flipped by a negative stride, which numpy cannot take over
            turns = (*turns, ("copy", ""))
        if self._color == "accurate" and frame.format.name in PLANAR:
            turn = _Filters(frame, turns) if turns else None
            exact = _ExactYUV(turn(frame) if turn else frame)
            return lambda picture: exact(turn(picture) if turn else picture)
        flags = "bicubic" if self._color == "fast" else SWSCALE_EXACT
        filters = _Filters(frame, (*turns, ("scale", f"flags={flags}"), ("format", "rgb24")))
        return lambda picture: _packed(filters(picture))


class _Filters:
    def __init__(self, frame: av.VideoFrame, filters: tuple[tuple[str, str], ...]) -> None:
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or _ANY_TIME_BASE,
        )
        nodes = [self._graph.add(name, arguments or None) for name, arguments in filters]
        self._graph.link_nodes(source, *nodes, self._graph.add("buffersink")).configure()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        self._graph.vpush(frame)
        return self._graph.vpull()


class _ExactYUV:
    def __init__(self, frame: av.VideoFrame) -> None:
        self._bits = PLANAR[frame.format.name]
        matrix = yuv_to_rgb_matrix(
            frame.colorspace, full_range=is_full_range(frame), bits=self._bits
        )
        self._matrix = matrix.astype(np.float32)
        kind = np.uint8 if self._bits == 8 else np.uint16
        luma, chroma = frame.planes[0], frame.planes[1]
        tall, wide = 1 + (chroma.height < luma.height), 1 + (chroma.width < luma.width)
        self._grown = np.empty((2, chroma.height * tall, chroma.width * wide), kind)
        self._merged = np.empty((luma.height, luma.width, 3), kind)
        self._rgb = np.empty_like(self._merged)

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        luma, *chroma = (samples(plane, self._bits) for plane in frame.planes)
        height, width = luma.shape
        if chroma[0].shape != luma.shape:
            chroma = [
                cv2.resize(plane, grown.shape[::-1], dst=grown, interpolation=cv2.INTER_LINEAR)[
                    :height, :width
                ]
                for plane, grown in zip(chroma, self._grown, strict=True)
            ]
        cv2.merge([luma, *chroma], dst=self._merged)
        rgb = cv2.transform(self._merged, self._matrix, dst=self._rgb)
        return rgb if self._bits == 8 else cv2.convertScaleAbs(rgb)


def samples(plane: av.video.plane.VideoPlane, bits: int = 8) -> np.ndarray:
    """Return the samples of a plane, without the padding of its lines."""
    rows = np.frombuffer(memoryview(plane), np.uint8 if bits == 8 else np.uint16)
    return rows.reshape(plane.height, -1)[:, : plane.width]


def _packed(frame: av.VideoFrame) -> np.ndarray:
    rows = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(frame.height, -1)
    return rows[:, : frame.width * 3].reshape(frame.height, frame.width, 3)
