"""One pass of libav over a stream: every frame ffmpeg would give, what was damaged, and when each is shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Opened = AbstractContextManager[tuple[InputContainer, VideoStream]]
TAIL = 64  # packets a decoder may still hold when the file ends: its threads and the frames it reorders


NEVER_REDONE = frozenset(
    {"libdav1d"}
)  # its threads hide no errors, and it gives more on one thread than ffmpeg
SHORT_S = 0.5  # how much earlier than promised a video may end: sound and the last frame last longer


@dataclass
class PassReport:
    """What one pass over a file met."""

    packets: int = 0
    frames: int = 0
    corrupt: int = 0
    first_corrupt: int | None = None
    undecodable: int = 0
    """Packets that the decoder gave up."""
    said: str = ""
    """What it said of the first of them."""
    last_s: float = 0.0
    """When the last frame is shown."""
    ended_by: str | None = None
    """What stopped the reading of the file before its end."""
    encrypted: bool = False
    complete: bool = False
    _suspect: bool = field(default=False, repr=False)

    def see_error(self, error: Exception) -> None:
        """Note a packet that could not be decoded: what follows may lean on a frame that is missing."""
        self.undecodable += 1
        self.said = self.said or _words(error)
        self._suspect = True

    def see_frame(self, frame: VideoFrame) -> bool:
        """Count a frame; True if it is damaged, or may be since a packet before it was lost."""
        self._suspect = self._suspect and not (frame.key_frame and not frame.is_corrupt)
        corrupt = bool(frame.is_corrupt) or self._suspect
        if corrupt:
            self.corrupt += 1
            self.first_corrupt = self.frames if self.first_corrupt is None else self.first_corrupt
        self.frames += 1
        return corrupt

    def no_frame(self) -> str:
        """Why nothing can be shown, as the end of a sentence."""
        if self.encrypted:
            return "is encrypted, and cannot be decoded without its key"
        said = f", {self.said}" if self.said else ""
        return f"no frame could be decoded from {self.packets} packets{said}"

    def problems(self, promised: int, promised_s: float) -> dict[str, str]:
        """What was wrong, a sentence each, by kind.

        The header promises so many frames and an end at ``promised_s`` (0: it does not say).
        """
        found = {}
        if self.encrypted:
            found["encrypted"] = "the video is encrypted"
        if self.corrupt:
            found["corrupt"] = (
                f"{self.corrupt} of {self.frames} frames are damaged, the first is number {self.first_corrupt}"
            )
        if self.undecodable:
            found["undecodable"] = f"{self.undecodable} packets could not be decoded ({self.said})"
        if self.ended_by:
            found["ended"] = f"reading stopped before the end of the file ({self.ended_by})"
        if self.complete and self.packets < promised:
            found["short"] = f"the header promises {promised} frames, the file holds {self.packets}"
        elif self.complete and self.last_s < promised_s - SHORT_S:
            found["short"] = (
                f"the header promises {promised_s:.2f} s, the last frame is shown at {self.last_s:.2f} s"
            )
        return found


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class BestEffortClock:
    """The time stamp of each frame in stream ticks: pts, or dts where pts are the worse of the two.

    The rule of ffmpeg (guess_correct_pts in libavcodec/decode.c); None where neither exists.
    """

    def __init__(self) -> None:
        self._faults = {"pts": 0, "dts": 0}
        self._last: dict[str, int] = {}

    def __call__(self, frame: VideoFrame) -> int | None:
        pts, dts = frame.pts, frame.dts
        if dts is not None:
            self._see("dts", dts)
        elif pts is not None:
            self._last["dts"] = pts
        if pts is not None:
            self._see("pts", pts)
        elif dts is not None:
            self._last["pts"] = dts
        pts_is_better = dts is None or self._faults["pts"] <= self._faults["dts"]
        return pts if pts is not None and pts_is_better else dts

    def _see(self, kind: str, stamp: int) -> None:
        if kind in self._last and stamp <= self._last[kind]:
            self._faults[kind] += 1
        self._last[kind] = stamp


def decode(container: InputContainer, stream: VideoStream, report: PassReport) -> Iterator[VideoFrame]:
    """Frames from where the container stands to its end; what cannot be decoded is noted and passed over.

    PyAV stops draining the decoder at the first damaged packet that its threads still held, and so loses the
    frames behind it. ``decode_to_end`` gets them back.
    """
    for _, frames in _decoded_packets(container, stream, report):
        yield from frames


def decode_to_end(open_again: Callable[[], Opened], report: PassReport) -> Generator[VideoFrame]:
    """Every frame of the stream from its start, as many as ffmpeg gives.

    Where packets among the last gave no frame, the end is decoded once more on one thread, which holds
    nothing back, and the frames not yet seen are added.
    """
    sent: deque[int | None] = deque(maxlen=TAIL)
    shown: deque[int | None] = deque(maxlen=2 * TAIL)
    last_key: int | None = None
    count = 0
    with open_again() as (container, stream):
        holds_back = stream.codec_context.codec.name not in NEVER_REDONE
        for packet, frames in _decoded_packets(container, stream, report):
            if packet is not None and packet.size and not packet.is_discard:
                sent.append(packet.pts)
            for frame in frames:
                shown.append(frame.pts)
                last_key = frame.pts if frame.key_frame else last_key
                count += 1
                yield frame
    stamped = None not in sent and None not in shown
    if holds_back and (set(sent) - set(shown) if stamped else report.packets > count):
        yield from _rest(open_again, count, shown[-1] if stamped and shown else None, last_key)


def _rest(
    open_again: Callable[[], Opened], count: int, last: int | None, key: int | None
) -> Iterator[VideoFrame]:
    """The frames behind the first ``count``, the last of which has pts ``last``, decoded on one thread."""
    for start in (key, None) if key is not None and last is not None else (None,):
        found = False
        with open_again() as (container, stream):
            stream.codec_context.thread_count = 1
            if start is not None:
                with suppress(av.error.FFmpegError, OSError):
                    container.seek(start, stream=stream)
            for number, frame in enumerate(decode(container, stream, PassReport())):
                if found or (last is None and number >= count):
                    yield frame
                found = found or (last is not None and frame.pts == last)
        if found:
            return


def _decoded_packets(
    container: InputContainer, stream: VideoStream, report: PassReport
) -> Iterator[tuple[Packet[VideoStream] | None, list[VideoFrame]]]:
    """Each packet with the frames that came out of the decoder when it went in; the last one drains it."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            report.ended_by = _words(error)
            packet = None
        if packet is None and report.ended_by is None:
            return
        if packet is not None and packet.size:
            report.packets += 1
            report.encrypted = report.encrypted or packet.has_sidedata("encryption_info")
        yield packet, _decoded(stream, packet, report)
        if packet is None:
            return


def _decoded(stream: VideoStream, packet: Packet[VideoStream] | None, report: PassReport) -> list[VideoFrame]:
    try:
        return stream.decode(packet)
    except (av.error.FFmpegError, OSError) as error:
        report.see_error(error)
        return []
