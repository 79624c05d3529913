"""One pass of FFmpeg over a stream: all frames, their times, and which are damaged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Opened = AbstractContextManager[tuple[InputContainer, VideoStream]]

# Codecs whose decoders flag or refuse what they notice, by trial (docs/reliability.md); others only log it
TELLING = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "vp9", "av1", "rawvideo"})
# Decoders that hide no errors on several threads, and on one give frames that the ffmpeg program does not
NEVER_REPEATED = frozenset({"libdav1d"})
# Depths of a second decode: packets are read, and what FFmpeg's log says of the container is noted; they
# are decoded on one thread, too; on one thread and on several, which are compared
PACKETS, ONE_THREAD, BOTH = range(3)
# Packets at the start among which frames that are shown before the first key frame are looked for
LEADING = 16
PICTURE_MD5 = b"\x50\x01\x84"  # HEVC's message of a decoded picture's hash, H.265 D.2.19
SHORT_S = (
    0.5  # how much earlier than promised a video may end: sound and the last frame last longer
)


@dataclass
class PassReport:
    # How many were read and delivered.
    packets: int = 0
    frames: int = 0
    # Frames that are damaged, and the number of the first.
    corrupt: int = 0
    first_corrupt: int | None = None
    # Packets that the decoder gave up, and what it said of the first.
    undecodable: int = 0
    said: str = ""
    hidden: int = 0  # packets that an edit list hides
    headless: int = 0  # packets before the first key frame
    # Why another decode may say more: edit list, no key frame, leading frames, hashes.
    doubts: set[str] = field(default_factory=set)
    last_s: float = 0.0  # when the last frame is shown
    ended_by: str | None = None  # what stopped the reading of the file before its end
    encrypted: bool = False
    complete: bool = False
    met_damage: bool = False
    _suspect: bool = field(default=False, repr=False)
    _key_stamp: int | None = field(default=None, repr=False)
    _has_key: bool = field(default=False, repr=False)

    def see_packet(self, packet: Packet[VideoStream]) -> None:
        self.packets += 1
        self.encrypted = self.encrypted or packet.has_sidedata("encryption_info")
        self.met_damage = self.met_damage or packet.is_corrupt
        self._suspect = self._suspect or packet.is_corrupt
        if packet.is_discard:
            self.hidden += 1
            self.doubts.add("edit list")
        if packet.is_keyframe and not self._has_key:
            self._has_key, self._key_stamp = True, packet.pts
        elif not self._has_key:
            self.headless += 1
            self.doubts.add("no key frame")
        elif self.packets <= LEADING and is_before(packet.pts, self._key_stamp):
            self.doubts.add("leading frames")
        if (
            self.packets <= LEADING
            and packet.stream.codec_context.name == "hevc"
            and PICTURE_MD5 in bytes(packet)
        ):
            self.doubts.add("hashes")

    def see_error(self, error: Exception) -> None:
        """Note a packet that could not be decoded: later frames may depend on it."""
        self.undecodable += 1
        self.said = self.said or _words(error)
        self._suspect = self.met_damage = True

    def suspects(self, frame: VideoFrame) -> bool:
        """Whether the frame is flagged by the decoder, or may depend on one flagged or lost."""
        if frame.key_frame:
            self._suspect = False
        self._suspect = self._suspect or bool(frame.is_corrupt)
        self.met_damage = self.met_damage or self._suspect
        return self._suspect

    def see_frame(self, damaged: bool) -> None:
        if damaged:
            self.corrupt += 1
            self.first_corrupt = self.frames if self.first_corrupt is None else self.first_corrupt
        self.frames += 1

    def begin_again(self) -> None:
        self.packets = self.undecodable = self.hidden = self.headless = 0
        self.ended_by, self._suspect, self._has_key, self._key_stamp = None, False, False, None

    def no_frame(self) -> str:
        if self.encrypted:
            return "is encrypted, and cannot be decoded without its key"
        said = f", {self.said}" if self.said else ""
        return f"no frame could be decoded from {self.packets} packets{said}"

    def problems(
        self, promised: int, promised_s: float, said: str, *, each_shown: bool
    ) -> dict[str, str]:
        """Return what was wrong, a sentence each, by kind.

        ``promised`` and ``promised_s`` are packets and end by the header (0: unknown), ``said`` is the
        decoder's message, ``each_shown`` whether each packet of this codec becomes a frame.
        """
        found = {}
        if self.encrypted:
            found["encrypted"] = "the video is encrypted"
        if self.corrupt:
            why = f" (the decoder: {said})" if said else ""
            count = f"{self.corrupt} of {self.frames} frames are damaged"
            found["corrupt"] = f"{count}, the first is number {self.first_corrupt}{why}"
        elif said:
            found["said"] = (
                f"the file is damaged, though no frame is known to be (the decoder: {said})"
            )
        if self.undecodable:
            found["undecodable"] = f"{self.undecodable} packets could not be decoded ({self.said})"
        if self.headless:
            found["headless"] = (
                f"the file begins with {self.headless} packets before its first key frame"
            )
        if self.ended_by:
            found["ended"] = f"reading stopped before the end of the file ({self.ended_by})"
        shown = self.frames + self.hidden + self.headless + self.undecodable
        if self.complete and self.packets < promised:
            found["short"] = f"the header promises {promised} frames, the file holds {self.packets}"
        elif self.complete and each_shown and shown < promised:
            found["short"] = f"the header promises {promised} frames, {self.frames} come out"
        elif self.complete and self.last_s < promised_s - SHORT_S:
            found["short"] = (
                f"the header promises {promised_s:.2f} s, the last frame is shown at {self.last_s:.2f} s"
            )
        return found


def is_before(stamp: int | None, other: int | None) -> bool:
    return stamp is not None and other is not None and stamp < other


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class BestEffortClock:
    """The time stamp of each frame in ticks: pts, or dts where pts are worse.

    The rule of ffmpeg (guess_correct_pts in libavcodec/decode.c).
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


@dataclass(frozen=True, kw_only=True)
class Ending:
    # Frames with one thread and, where several were tried and lost none to an error, with several.
    counts: tuple[int, ...] = ()
    said: str = ""  # the first message of the log
    failure: str = ""  # why there is no result, or ""


class Verdicts(Protocol):
    """What a second decode says of the frames, by their number."""

    @property
    def has_failed(self) -> bool: ...

    def is_damaged(self, number: int, stamp: int | None) -> bool: ...

    def ending(self) -> Ending: ...


def decode(
    container: InputContainer, stream: VideoStream, report: PassReport
) -> Iterator[VideoFrame]:
    """Yield the frames from here to the end; pass over what cannot be decoded."""
    for _, frames in decoded_packets(container, stream, report):
        yield from frames


@dataclass
class CheckedPass:
    """Every frame of a stream, and whether it is damaged.

    Decoding uses several threads up to the first sign of damage, then one, whose pictures are the same in
    every run. A second process reads the packets; it decodes if the codec does not report damage, if there is
    reason for doubt (``PassReport.doubts``), and behind the first damage.
    """

    open_again: Callable[[], Opened]  # opens the stream where the pass begins
    report: PassReport  # filled on the way
    # Starts the second decode at a depth: PACKETS, ONE_THREAD or BOTH; None: frames are marked by what this
    # decode alone says of them.
    second: Callable[[int], Verdicts] | None = None
    may_repeat: bool = True  # whether the stream can be read again on one thread
    thorough: bool = (
        False  # decode on one thread from the start, and decode a second time in any case
    )
    verdicts: Verdicts | None = None  # the second decode, once it was started
    _depth: int = -1
    _shown: int = 0
    _begun: bool = False

    def frames(self) -> Generator[tuple[VideoFrame, bool]]:
        """Yield the first frame before any check, to describe the stream by; then all."""
        if not self.thorough:
            sound = yield from self._up_to_damage()
            if sound:
                return
            self.report.begin_again()
        already = self._shown
        with self.open_again() as (container, stream):
            if stream.codec_context.codec.name not in NEVER_REPEATED:
                stream.codec_context.thread_count = 1
            self._ask_second(stream)
            for number, frame in enumerate(decode(container, stream, self.report)):
                suspect = self.report.suspects(frame)
                if not self._begun:
                    self._begun = True
                    yield frame, False
                if number >= already:
                    yield self._next(frame, self._is_damaged(frame, suspect))

    def _up_to_damage(self) -> Generator[tuple[VideoFrame, bool], None, bool]:
        with self.open_again() as (container, stream):
            context = stream.codec_context
            repeats = self.may_repeat and context.codec.name not in NEVER_REPEATED
            held: deque[tuple[VideoFrame, bool]] = deque()
            for packet, frames in decoded_packets(container, stream, self.report):
                if frames and not self._begun:
                    self._begun = True
                    yield frames[0], False
                held.extend((frame, self.report.suspects(frame)) for frame in frames)
                if repeats and self.report.met_damage:
                    return False
                if self._begun:
                    self._ask_second(stream)
                # a frame that is shown before the one that it leans on waits for that one
                depth = (
                    context.reorder_depth if repeats and packet is not None and packet.size else 0
                )
                while len(held) > depth:
                    damaged = self._is_damaged(*held[0])
                    if damaged and repeats:
                        self.report.met_damage = True
                        return False
                    yield self._next(held.popleft()[0], damaged)
            # frames that the threads still hold at the end are lost at the first that is damaged
            lost = (
                repeats and self.verdicts is not None and self._knows_more(self.verdicts.ending())
            )
        return not lost

    def _knows_more(self, ending: Ending) -> bool:
        return bool(ending.said) or max(ending.counts, default=0) > self._shown

    def _next(self, frame: VideoFrame, damaged: bool) -> tuple[VideoFrame, bool]:
        self._shown += 1
        return frame, damaged

    def _ask_second(self, stream: VideoStream) -> None:
        codec = stream.codec_context.codec
        tells = codec.canonical_name in TELLING
        if tells and not (self.thorough or self.report.doubts or self.report.met_damage):
            depth = PACKETS
        else:
            # which frames of damaged HEVC differ between threads is another matter in each run, so codecs that
            # tell are not compared: what they tell is the same each time
            depth = ONE_THREAD if tells or codec.intra_only else BOTH
        if self.second is not None and depth > self._depth:
            self.verdicts, self._depth = self.second(depth), depth

    def _is_damaged(self, frame: VideoFrame, suspect: bool) -> bool:
        if self.verdicts is None:
            return suspect
        told = self.verdicts.is_damaged(self._shown, frame.pts)
        return bool(frame.is_corrupt) or (suspect if self.verdicts.has_failed else told)


def decoded_packets(
    container: InputContainer,
    stream: VideoStream,
    report: PassReport,
    tag: Callable[[Packet[VideoStream]], None] | None = None,
    decodes: bool = True,
) -> Iterator[tuple[Packet[VideoStream] | None, list[VideoFrame]]]:
    """Yield each packet with its frames; the last one drains the decoder.

    ``tag`` is called with each packet before it is decoded; without ``decodes`` none is.
    """
    packets = container.demux(stream)
    drained = False
    while not drained:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as error:
            report.ended_by = _words(error)
            packet = None
        except IndexError:  # PyAV at the end of a file in which streams turned up on the way
            packet = None
        if packet is not None and packet.size:
            report.see_packet(packet)
            if tag is not None:
                tag(packet)
        drained = packet is None or not packet.size
        yield packet, _decoded(stream, packet, report) if decodes else []


def _decoded(
    stream: VideoStream, packet: Packet[VideoStream] | None, report: PassReport
) -> list[VideoFrame]:
    try:
        return stream.decode(packet)
    except (av.error.FFmpegError, OSError) as error:
        report.see_error(error)
        return []
