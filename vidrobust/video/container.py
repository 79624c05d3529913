"""A path becomes an open container with a video stream."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import av
import av.error
from av.codec.context import Flags
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.stream import VideoStream

from vidrobust.errors import InputError
from vidrobust.text.printable import printable

# the largest picture decoded, 134 million pixels: a damaged header can claim any size
MAX_PIXELS = 2**27

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


_guard = Lock()
_listeners = 0


@contextmanager
def logged() -> Iterator[list[tuple[str, str]]]:
    """Collect the errors that FFmpeg logs on this thread: the part's name and its message.

    Outside, the log is off: FFmpeg calls back into Python from every thread of a decoder, and one with
    several that is closed while they wait for Python never ends. Decoders here have one.
    """
    global _listeners
    messages: list[tuple[str, str]] = []
    with _guard:
        _listeners += 1
        if _listeners == 1:
            # or the second of two damaged packets would seem sound
            av.logging.set_skip_repeated(False)
            av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as log:
            yield messages
    finally:
        messages += [(str(name), str(message).strip()) for _, name, message in log]
        with _guard:
            _listeners -= 1
            if not _listeners:
                av.logging.set_level(None)


def open_container(path: Path, *, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a local file, never an address; InputError. The caller closes it."""
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
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{printable(path)}: cannot be read as video ({why})") from error
    try:
        video_stream(container, path)
    except BaseException:
        container.close()
        raise
    return container


@contextmanager
def opened_video(
    path: Path, hwaccel: Callable[[], HWAccel] | None = None
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a local file and its video stream; InputError."""
    accel = None if hwaccel is None else hwaccel()
    with open_container(path, hwaccel=accel) as container:
        yield container, video_stream(container, path)


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
    options = {"max_pixels": str(MAX_PIXELS)}
    # FFmpeg 8 drops damaged frames of HEVC by itself, the ffmpeg program 7.1 gives them; of H.264 neither gives
    # the frames before the first key frame
    if stream.codec_context.codec.canonical_name == "hevc":
        stream.codec_context.flags |= Flags.output_corrupt
        options["err_detect"] = "crccheck"  # the MD5 of pictures, where the file has them
    stream.codec_context.options = options
    # several threads give other pictures of damaged streams in each run, and their log belongs to no packet;
    # NVDEC needs surfaces for each
    stream.codec_context.thread_count = 1
    return stream


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


@cache
def footage_formats() -> str:
    """Every demuxer but those of NOT_FOOTAGE, as FFmpeg's format_whitelist wants them."""
    names = {name for entry in av.formats_available for name in entry.split(",")}
    return ",".join(sorted(names - NOT_FOOTAGE))
