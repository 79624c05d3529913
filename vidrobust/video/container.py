"""A path becomes an open container with a video stream."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

import av
import av.error
from av.codec.context import Flags
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.stream import VideoStream

from vidrobust.errors import InputError
from vidrobust.text.printable import printable

# FFmpeg's log is off: its callback into Python from the decoder's threads can deadlock
LOG_LEVEL: int | None = None
MAX_PIXELS = (
    2**27
)  # the largest picture decoded, 134 million pixels: a damaged header can claim any size

SEGMENT, CLUSTER, CRC_HEAD = (
    0x18538067,
    0x1F43B675,
    b"\xbf\x84",
)  # of Matroska (RFC 9559); an element of 4 bytes
WEBP_ANIMATION = 2  # the flag in the extended header of a WebP with several frames

# fmt: off
NOT_FOOTAGE = frozenset({
    # they open other files or addresses
    "concat", "concatf", "dash", "hls", "applehttp", "imf", "sdp", "rtp", "rtsp", "sap", "webm_dash_manifest",
    # devices and generators
    "alsa", "fbdev", "fifo", "jack", "kmsgrab", "lavfi", "oss", "pulse", "v4l2", "video4linux2", "x11grab",
    # they turn any text or bytes into pictures
    "adf", "bin", "idf", "tty", "xbin", "data", "rawvideo", "bitpacked", "v210", "v210x",
})
# fmt: on

_HEADS = (
    (
        b"version https://git-lfs",
        "is a Git LFS pointer, not the video itself; fetch it with `git lfs pull`",
    ),
    (b"#EXTM3U", "is a playlist that points to other files; name those files instead"),
    (b"ffconcat", "is a playlist that points to other files; name those files instead"),
)


def open_container(path: Path, *, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a local file, never an address; InputError. The caller closes it."""
    av.logging.set_level(LOG_LEVEL)
    _check_file(path)
    allowed = {"protocol_whitelist": "file", "format_whitelist": footage_formats()}
    try:
        container = av.open(
            f"file:{path}",
            container_options={"pattern_type": "none", **allowed},
            metadata_errors="replace",
            hwaccel=hwaccel,
        )
    except (av.error.FFmpegError, OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{printable(path)}: cannot be read as video ({_reason(error)})"
        ) from error
    try:
        video_stream(container, path)
    except BaseException:
        container.close()
        raise
    return container


def video_stream(container: InputContainer, path: Path | str) -> VideoStream:
    """Return the best video stream by FFmpeg; a cover picture is none."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        kinds = sorted({s.type for s in container.streams})
        raise InputError(
            f"{printable(path)}: has no video stream"
            + (f", only {', '.join(kinds)}" if kinds else "")
        )
    if stream.disposition & av.stream.Disposition.attached_pic:
        raise InputError(f"{printable(path)}: has no video stream, only sound with a cover picture")
    if stream.codec_context is None:  # PyAV's way of saying that there is no decoder
        raise InputError(f"{printable(path)}: is coded in a way that FFmpeg has no decoder for")
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    # FFmpeg 8 drops damaged frames of HEVC by itself, the ffmpeg program 7.1 gives them; of H.264 neither gives
    # the frames before the first key frame
    if stream.codec_context.codec.canonical_name == "hevc":
        stream.codec_context.flags |= Flags.output_corrupt
    stream.thread_type = "AUTO"
    return stream


def checked_clusters(path: Path) -> Iterator[tuple[int, int, bool]]:
    """Yield first and last byte of each cluster of a Matroska file with a CRC-32, and whether it matches.

    FFmpeg writes these checksums, and does not read them.
    """
    with open(path, "rb") as file:
        while (kind := _ebml_number(file, marked=True)) and (
            size := _ebml_number(file)
        ) is not None:
            if kind == SEGMENT:  # its elements follow
                continue
            start = file.tell()
            if kind == CLUSTER and (head := file.read(6))[:2] == CRC_HEAD:
                found, left = 0, size - len(head)
                while left > 0 and (part := file.read(min(left, 2**20))):
                    found, left = zlib.crc32(part, found), left - len(part)
                yield start, start + size, found == int.from_bytes(head[2:], "little")
            file.seek(start + size)


def _ebml_number(file: BinaryIO, *, marked: bool = False) -> int | None:
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(first + file.read(width - 1), "big")
    return value if marked else value & ((1 << 7 * width) - 1)


def _check_file(path: Path) -> None:
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{printable(path)}: is a folder, not a video")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{printable(path)}: is not a regular file")
        with open(path, "rb") as file:
            head = file.read(64)
            several = _has_more_pages(file, head)
    except FileNotFoundError as error:
        raise InputError(f"{printable(path)}: there is no such file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{printable(path)}: cannot be opened ({reason})") from error
    if not head:
        raise InputError(f"{printable(path)}: is empty (0 bytes)")
    if several:
        raise InputError(
            f"{printable(path)}: is a TIFF of several pages, of which one would be read; save each page as a file"
        )
    if head[8:16] == b"WEBPVP8X" and head[20] & WEBP_ANIMATION:
        raise InputError(
            f"{printable(path)}: is an animated WebP, which FFmpeg does not read; save it as GIF, APNG or a video"
        )
    for start, what in _HEADS:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(start):
            raise InputError(f"{printable(path)}: {what}")


def _has_more_pages(file: BinaryIO, head: bytes) -> bool:
    """Whether a TIFF's first directory names another (TIFF 6.0, section 2; not BigTIFF)."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None or len(head) < 8:
        return False
    file.seek(struct.unpack(f"{order}I", head[4:8])[0])
    count = file.read(2)
    if len(count) < 2:
        return False
    file.seek(12 * struct.unpack(f"{order}H", count)[0], os.SEEK_CUR)
    return file.read(4) not in (b"", bytes(4))


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@cache
def footage_formats() -> str:
    """Every demuxer but those of NOT_FOOTAGE, as FFmpeg's format_whitelist wants them."""
    names = {name for entry in av.formats_available for name in entry.split(",")}
    return ",".join(sorted(names - NOT_FOOTAGE))
