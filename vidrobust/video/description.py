"""What a video is, from its header and its first frame."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidrobust.errors import InputError
from vidrobust.frames.batch import VideoInfo
from vidrobust.text.printable import printable
from vidrobust.video.color import RANGES, SPACES, display_matrix, is_full_range, orientation_filters
from vidrobust.video.decoding import PassReport, Promise, decode

# Frames by number: their time stamps, and where decoding can begin.
#
#       0   1   2   3   4   5   6   7      number, in order of presentation
# pts   0  40  80 120 160 200 240 280      in ticks of the stream, strictly rising, or it is of no use
# key   *               *                  decoding can begin here

NO_STAMP = -(2**63)


def refreshes(container: InputContainer, stream: VideoStream) -> bool:
    """Return whether the coding is lossy and refreshed at keyframes. Moves the container.

    False for intra-only codecs (MJPEG, ProRes), lossless ones (GIF, FFV1), and files of keyframes only.
    """
    codec = stream.codec_context.codec
    if codec.intra_only or (codec.lossless and not codec.lossy):
        return False
    with suppress(av.error.FFmpegError, OSError):
        return any(packet.size and not packet.is_keyframe for packet in container.demux(stream))
    return False


class FrameTable:
    """Known time stamps of frames 0, 1, 2 ...; eight bytes a frame."""

    def __init__(self, stamps: array[int] | None = None, keys: array[int] | None = None) -> None:
        self.stamps = array("q") if stamps is None else stamps
        self.keys = array("q") if keys is None else keys
        self.rising = True

    def __len__(self) -> int:
        return len(self.stamps)

    def copy(self) -> FrameTable:
        other = FrameTable(self.stamps[:], self.keys[:])
        other.rising = self.rising
        return other

    def see(self, index: int, stamp: int | None, key: bool) -> None:
        if index != len(self.stamps):
            return
        value = NO_STAMP if stamp is None else stamp
        self.rising = self.rising and value > (self.stamps[-1] if self.stamps else NO_STAMP)
        self.stamps.append(value)
        if key:
            self.keys.append(index)

    def begins_like(self, other: FrameTable) -> bool:
        both = min(len(self), len(other))
        return self.stamps[:both] == other.stamps[:both]

    def index_of(self, stamp: int | None) -> int | None:
        if stamp is None or not self.rising:
            return None
        place = bisect_left(self.stamps, stamp)
        return place if place < len(self.stamps) and self.stamps[place] == stamp else None

    def key_before(self, index: int) -> int:
        """The last frame at or before ``index`` at which decoding can begin."""
        place = bisect_right(self.keys, index)
        return self.keys[place - 1] if place and self.rising else 0

    @classmethod
    def from_packets(cls, container: InputContainer, stream: VideoStream) -> Self | None:
        """Return the table by the packets, without decoding; None if they cannot be trusted.

        Damaged packets may give fewer frames than counted.
        """
        stamps: list[tuple[int, bool]] = []
        try:
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                if packet.pts is None or packet.is_corrupt:
                    return None
                stamps.append((packet.pts, packet.is_keyframe))
        except (av.error.FFmpegError, OSError):
            return None
        stamps.sort()
        table = cls()
        for index, (stamp, key) in enumerate(stamps):
            table.see(index, stamp, key)
        return table if table.rising else None


RATE_UNKNOWN = Fraction(25)  # what FFmpeg assumes of a stream that does not say
# relative difference of the two rates of a header that makes the rate variable
UNEVEN = Fraction(1, 100)


def describe(
    container: InputContainer,
    stream: VideoStream,
    frame: VideoFrame,
    *,
    item: str,
    backend: str,
    device: str,
    reason: str = "",
) -> VideoInfo:
    filters = orientation_filters(display_matrix(frame))
    turned = any(name == "transpose" for name, _ in filters)
    return VideoInfo(
        name=item,
        width=frame.height if turned else frame.width,
        height=frame.width if turned else frame.height,
        frame_rate=_rate(stream),
        num_frames=(stream.frames or None) if may_hold(container, stream) else None,
        codec=stream.codec_context.codec.canonical_name,
        pixel_format=(frame.sw_format or frame.format).name,
        color_space=SPACES.get(frame.colorspace, "unknown"),
        color_range="full" if is_full_range(frame) else RANGES.get(frame.color_range, "unknown"),
        rotation=frame.rotation % 360,
        backend=backend,
        device=device,
        reason=reason,
        notes=tuple(_notes(container, stream, frame, bool(filters))),
    )


def may_hold(container: InputContainer, stream: VideoStream) -> bool:
    """Return whether a file may hold the frames that its header promises: each takes a byte at least."""
    return bool(stream.frames <= container.size)


def _rate(stream: VideoStream) -> Fraction:
    return next((r for r in (stream.average_rate, stream.guessed_rate) if r), RATE_UNKNOWN)


def first_frame(path: Path, container: InputContainer, stream: VideoStream) -> VideoFrame:
    report = PassReport()
    frame = next(decode(container, stream, report), None)
    if frame is None or report.encrypted:
        raise InputError(f"{printable(path)}: {report.no_frame()}")
    return frame


def promised(container: InputContainer, stream: VideoStream) -> Promise:
    """Return what the header says of the whole file.

    Matroska has no count of frames, but a duration of each stream or of all. AVI counts ticks, of which some
    may have no packet; the index at its end counts packets.
    """
    if "avi" in container.format.name.split(","):
        entries = [(entry.timestamp, entry.size) for entry in stream.index_entries]
        if entries and entries[-1][0] + 1 >= stream.frames:
            return Promise(sum(size > 0 for _, size in entries))
        return Promise(stream.frames, in_ticks=True)  # its end, with the index, is missing
    if "matroska" not in container.format.name:
        return Promise(stream.frames)
    stated = re.fullmatch(r"([0-9]+):([0-9]+):([0-9.]{1,12})", stream.metadata.get("DURATION", ""))
    if stated and stated[3].count(".") < 2:
        end_s = int(stated[1]) * 3600.0 + int(stated[2]) * 60.0 + float(stated[3])
        return Promise(stream.frames, end_s)
    duration = container.duration if len(container.streams) == 1 else None
    return Promise(stream.frames, (duration or 0) / 1_000_000)


def _is_transparent(frame: VideoFrame) -> bool:
    if frame.sw_format is not None or not any(c.is_alpha for c in frame.format.components):
        return False
    return bool((frame.to_ndarray(format="rgba")[..., 3] < 255).any())


def _notes(
    container: InputContainer, stream: VideoStream, frame: VideoFrame, turned: bool
) -> list[str]:
    notes = []
    others = len(container.streams.video) - 1
    if others:
        notes.append(f"the best of {others + 1} video streams is read, stream {stream.index}")
    if turned:
        notes.append(
            f"set upright as the file asks (display matrix, {frame.rotation % 360} degrees)"
        )
    if frame.interlaced_frame:
        notes.append("interlaced: every picture holds two moments, and is not deinterlaced")
    if stream.metadata.get("alpha_mode") == "1" or _is_transparent(frame):
        notes.append("transparency is dropped")
    bits = max(c.bits for c in (frame.sw_format or frame.format).components)
    if bits > 8:
        notes.append(f"{bits} bits a sample are reduced to 8")
    average, base = stream.average_rate, stream.base_rate
    even = frame.pts is None or frame.interlaced_frame  # the rates then say nothing of the frames
    if average and base and not even and abs(average / base - 1) > UNEVEN:
        notes.append(f"variable frame rate, {float(average):.3f} a second on average")
    if frame.pts is None:
        notes.append(f"no time stamps: {float(_rate(stream)):g} frames a second are assumed")
    elif frame.time:
        notes.append(f"the first frame is shown at {frame.time:.3f} s; times count from it")
    return notes
