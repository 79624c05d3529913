"""Damage that FFmpeg's decoders pass over: found by checksums of Matroska, by libjpeg and by libvpx."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
import av.error
import numpy as np
import simplejpeg
from av.codec.codec import UnknownCodecError
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidrobust.video.color import samples
from vidrobust.video.decoding import Check

# Of Matroska (RFC 9559); a CRC-32 is an element of four bytes
SEGMENT, CLUSTER, CRC_HEAD = 0x18538067, 0x1F43B675, b"\xbf\x84"
MISMATCH = "a checksum in the file does not match"
# What libjpeg warns of; a few bytes too many are what some cameras write
JPEG_DAMAGE = re.compile("premature end|bad Huffman code|found marker|[0-9]{3,} extraneous bytes")
LIBVPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
SMALLEST = 8  # libjpeg decodes to an eighth of the size at least


def file_checks(path: Path, container: InputContainer, stream: VideoStream) -> list[Check]:
    """Return what a file's packets are checked by besides FFmpeg."""
    checks: list[Check] = []
    if container.format.name.startswith("matroska"):
        checks.append(ClusterCheck(path))
    codec = stream.codec_context.codec.canonical_name
    if codec == "mjpeg":
        checks.append(jpeg_check)
    if codec in LIBVPX and not stream.codec_context.is_hwaccel:
        checks.append(LibvpxCheck(codec))
    return checks


def jpeg_check(packet: Any, frames: Sequence[VideoFrame]) -> str:
    """Return what libjpeg finds wrong in a picture of Motion JPEG: FFmpeg decodes zeros in a scan without a word."""
    try:
        simplejpeg.decode_jpeg(
            bytes(packet), "GRAY", fastdct=True, min_height=1, min_width=1, min_factor=SMALLEST
        )
    except ValueError as error:
        if JPEG_DAMAGE.search(str(error)):
            return f"libjpeg: {error}"
    return ""


class LibvpxCheck:
    """Whether libvpx decodes the packets of VP8 and VP9, too.

    FFmpeg's own decoders go on through most flipped bits without a word. libvpx refuses what it cannot read
    of VP9. Of VP8 it gives other pictures; of sound streams both give the same bytes.
    """

    def __init__(self, codec: str) -> None:
        self._compares = codec == "vp8"  # FFmpeg does not scale VP9's references to the bit
        self._context: Any = None
        try:
            self._context = av.CodecContext.create(LIBVPX[codec], "r")
            self._context.thread_count = 1
        except UnknownCodecError:  # an FFmpeg without libvpx
            return

    def __call__(self, packet: Any, frames: Sequence[VideoFrame]) -> str:
        if self._context is None:
            return ""
        try:
            others = self._context.decode(packet)
        except (av.error.FFmpegError, OSError):
            return "libvpx cannot decode it"
        if self._compares and not _are_equal(frames, others):
            return "libvpx decodes another picture"
        return ""


def _are_equal(frames: Sequence[VideoFrame], others: Sequence[VideoFrame]) -> bool:
    pictures = zip(frames, others, strict=False)
    planes = (
        pair for frame, other in pictures for pair in zip(frame.planes, other.planes, strict=False)
    )
    return len(frames) == len(others) and all(
        np.array_equal(samples(plane), samples(other)) for plane, other in planes
    )


class Cluster(NamedTuple):
    start: int
    end: int
    crc: int | None  # its CRC-32, where it has one


class ClusterCheck:
    """Whether the cluster that a packet lies in has the CRC-32 that the file states.

    FFmpeg writes these checksums, and does not read them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clusters = clusters(path)
        self._now = Cluster(0, 0, None)
        self._finding = ""

    def __call__(self, packet: Any, frames: Sequence[VideoFrame]) -> str:
        place = packet.pos
        if place is None or place < self._now.start:
            return ""
        if place >= self._now.end:
            while place >= self._now.end:
                self._now = next(self._clusters, Cluster(place, 2**63, None))
            self._finding = "" if self._is_sound() or place < self._now.start else MISMATCH
        return self._finding

    def _is_sound(self) -> bool:
        start, end, crc = self._now
        if crc is None:
            return True
        checksum, left = 0, end - start - len(CRC_HEAD) - 4
        with open(self._path, "rb") as file:
            file.seek(end - left)
            while left > 0 and (part := file.read(min(left, 2**20))):
                checksum, left = zlib.crc32(part, checksum), left - len(part)
        return checksum == crc


def clusters(path: Path) -> Iterator[Cluster]:
    """Yield the clusters of a Matroska file by their headers."""
    length = path.stat().st_size
    with open(path, "rb") as file:
        while (kind := _ebml_number(file, marked=True)) and (
            size := _ebml_number(file)
        ) is not None:
            if kind == SEGMENT:  # its elements follow
                continue
            start = file.tell()
            if kind == CLUSTER:
                head = file.read(6)
                has_crc = head[:2] == CRC_HEAD
                yield Cluster(
                    start, start + size, int.from_bytes(head[2:], "little") if has_crc else None
                )
            if start + size >= length:  # cut off, or a damaged size
                return
            file.seek(start + size)


def _ebml_number(file: BinaryIO, *, marked: bool = False) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(width - 1), "big")
    return value if marked else value & ((1 << 7 * width) - 1)
