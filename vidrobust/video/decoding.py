"""One pass of FFmpeg over a stream: all frames, their times, and which are damaged.

Most decoders conceal damage: they copy from the frame before, or go on with what the bits happen to mean.
FFmpeg's log says more. Every pass decodes on one thread, on which each message belongs to the packet at hand,
and damaged streams give the same pictures in every run:

    packet ──▶ decoder and its log ──▶ group of pictures ──▶ (frame, damaged)

What FFmpeg does not read is checked besides (``checks.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

import av.error
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidrobust.video.container import logged

Opened = AbstractContextManager[tuple[InputContainer, VideoStream]]
# What else may be wrong with a packet and its frames, in a few words; "" for nothing
Check = Callable[["Packet[VideoStream]", Sequence[VideoFrame]], str]

# Codecs whose every packet becomes a frame
EACH_SHOWN = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "vp9", "av1", "rawvideo"})
# how much earlier than promised a video may end: sound and the last frame last longer
SHORT_S = 0.5


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
    refusal: str = ""
    said: str = ""  # the first message of the log or of a check
    empty: int = 0  # packets without data, where the container knows no repeated frames
    hidden: int = 0  # packets that an edit list hides
    headless: int = 0  # packets before the first key frame
    # Frames that are not shown later than the one before, and the number of the first.
    late: int = 0
    first_late: int | None = None
    last_dts: int | None = None
    last_s: float = 0.0  # when the last frame is shown
    ended_by: str | None = None  # what stopped the reading of the file before its end
    encrypted: bool = False
    complete: bool = False
    _has_key: bool = field(default=False, repr=False)

    def see_packet(self, packet: Packet[VideoStream]) -> None:
        self.packets += 1
        self.last_dts = packet.dts if packet.dts is not None else self.last_dts
        self.encrypted = self.encrypted or packet.has_sidedata("encryption_info")
        self.hidden += packet.is_discard
        self._has_key = self._has_key or packet.is_keyframe
        self.headless += not self._has_key

    def see_error(self, error: Exception) -> None:
        """Note a packet that could not be decoded."""
        self.undecodable += 1
        self.refusal = self.refusal or _words(error)

    def see_frame(self, damaged: bool, time_s: float) -> None:
        if damaged:
            self.corrupt += 1
            self.first_corrupt = self.frames if self.first_corrupt is None else self.first_corrupt
        if self.frames and time_s <= self.last_s:
            self.late += 1
            self.first_late = self.frames - 1 if self.first_late is None else self.first_late
        self.last_s = time_s
        self.frames += 1

    def no_frame(self) -> str:
        if self.encrypted:
            return "is encrypted, and cannot be decoded without its key"
        refusal = f", {self.refusal}" if self.refusal else ""
        return f"no frame could be decoded from {self.packets} packets{refusal}"

    def problems(self, promise: Promise, *, each_shown: bool) -> dict[str, str]:
        """Return what was wrong, a sentence each, by kind.

        ``each_shown``: each packet of this codec becomes a frame.
        """
        wrong = {}
        message = self.said or self.refusal
        if self.encrypted:
            wrong["encrypted"] = "the video is encrypted"
        if self.corrupt:
            why = f" (the decoder: {message})" if message else ""
            count = f"{self.corrupt} of {self.frames} frames are damaged"
            wrong["corrupt"] = f"{count}, the first is number {self.first_corrupt}{why}"
        elif message:
            wrong["said"] = (
                f"the file is damaged, {self.frames} frames could be read (the decoder: {message})"
            )
        if self.undecodable:
            wrong["undecodable"] = (
                f"{self.undecodable} packets could not be decoded ({self.refusal})"
            )
        if self.empty:
            wrong["empty"] = f"{self.empty} packets hold no data"
        if self.headless:
            wrong["headless"] = (
                f"the file begins with {self.headless} packets before its first key frame"
            )
        if self.ended_by:
            wrong["ended"] = f"reading stopped before the end of the file ({self.ended_by})"
        if self.late:
            wrong["late"] = (
                f"time does not advance after {self.late} frames, the first is number {self.first_late}"
            )
        held = self.packets
        if promise.in_ticks and self.last_dts is not None:
            held = max(held, self.last_dts + 1)
        shown = self.frames + self.hidden + self.headless + self.undecodable + self.empty
        if self.complete and held < promise.packets:
            wrong["short"] = f"the header promises {promise.packets} frames, the file holds {held}"
        elif self.complete and each_shown and not promise.in_ticks and shown < promise.packets:
            wrong["short"] = f"the header promises {promise.packets} frames, {self.frames} come out"
        elif self.complete and self.last_s < promise.end_s - SHORT_S:
            wrong["short"] = (
                f"the header promises {promise.end_s:.2f} s, the last frame is shown at {self.last_s:.2f} s"
            )
        return wrong


class Promise(NamedTuple):
    """What the header says of the whole file; 0 where it says nothing."""

    packets: int = 0
    end_s: float = 0.0
    in_ticks: bool = False  # packets are counted with the gaps between them


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


@dataclass(eq=False)
class _PacketGroup:
    """The packets from a key frame to the next, in decoding order."""

    stamp: int | None  # of the key frame
    before: _PacketGroup | bool  # the group before, or whether it is damaged
    first_bad: int | None = None  # number of its first damaged packet

    @property
    def leads(self) -> bool:
        """Whether frames that are shown before the key frame lean on a damaged group."""
        return self.before if isinstance(self.before, bool) else self.before.first_bad is not None


@dataclass(eq=False)
class _Sent:
    """A packet that was given to the decoder."""

    group: _PacketGroup
    number: int
    stamp: int | None

    @property
    def leans_back(self) -> bool:
        return self.group.leads and is_before(self.stamp, self.group.stamp)

    @property
    def is_damaged(self) -> bool:
        first = self.group.first_bad
        return self.leans_back or (first is not None and first <= self.number)

    def see_damage(self) -> None:
        first = self.group.first_bad
        # nothing later leans on a frame that leans back
        if not self.leans_back and (first is None or self.number < first):
            self.group.first_bad = self.number


@dataclass
class CheckedPass:
    """Every frame of a stream, and whether it is damaged or depends on one that is."""

    open_stream: Callable[[], Opened]  # opens the stream where the pass begins
    report: PassReport  # filled on the way
    checks: Callable[[InputContainer, VideoStream], list[Check]] = lambda container, stream: []
    in_middle: bool = False  # the pass begins behind a seek, so leading frames cannot be trusted
    _sent: int = 0
    _group: _PacketGroup = field(init=False, repr=False)
    _last: _Sent = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._group = _PacketGroup(None, before=False, first_bad=0 if self.in_middle else None)
        self._last = _Sent(self._group, 0, None)

    def frames(self) -> Generator[tuple[VideoFrame, bool]]:
        """Yield the first frame before any check, to describe the stream by; then all."""
        with ExitStack() as files:
            with logged() as log:
                container, stream = files.enter_context(self.open_stream())
            context = stream.codec_context
            # FFmpeg decodes a little to learn what a stream is; what its decoder says then comes again
            self._hear([message for name, message in log if name != context.codec.name])
            context.flags |= Flags.copy_opaque
            checks = self.checks(container, stream)
            held: deque[tuple[VideoFrame, _Sent]] = deque()
            begun = False
            for step in decoded_packets(container, stream, self.report, self._tag):
                self._judge(step, checks, begun)
                for frame in step.frames:
                    sent = frame.opaque if isinstance(frame.opaque, _Sent) else self._last
                    if frame.is_corrupt:
                        sent.see_damage()
                    if not begun:
                        begun = True
                        yield frame, False
                    held.append((frame, sent))
                # a frame that is shown before the one that it leans on waits for that one
                while len(held) > (0 if step.is_last else context.reorder_depth):
                    frame, sent = held.popleft()
                    yield frame, sent.is_damaged

    def _tag(self, packet: Packet[VideoStream]) -> None:
        if packet.is_keyframe:
            self._group.before = self._group.leads
            self._group = _PacketGroup(packet.pts, before=self._group)
        self._sent += 1
        packet.opaque = self._last = _Sent(self._group, self._sent, packet.pts)

    def _judge(self, step: PacketFrames, checks: list[Check], begun: bool) -> None:
        findings = []
        if step.packet is not None:
            findings = [text for check in checks if (text := check(step.packet, step.frames))]
        if step.is_lost and step.packet is None and not step.is_last:  # an empty packet
            _Sent(self._group, self._sent + 1, None).see_damage()
        elif step.is_lost or step.said or findings or (step.packet and step.packet.is_corrupt):
            self._last.see_damage()
        # what comes before the first key frame is missing, and the decoder says so in many words
        before_key = not begun and self.report.headless > 0
        self._hear([*findings, *([] if before_key else step.said)])

    def _hear(self, messages: list[str]) -> None:
        self.report.said = self.report.said or next(iter(messages), "")


class PacketFrames(NamedTuple):
    """What one packet gave; the last one drains the decoder, and has none."""

    packet: Packet[VideoStream] | None
    frames: list[VideoFrame]
    said: list[str]  # messages of FFmpeg's log
    is_lost: bool  # whether the packet could not be decoded, or is empty
    is_last: bool = False


def decode(
    container: InputContainer, stream: VideoStream, report: PassReport
) -> Iterator[VideoFrame]:
    """Yield the frames from here to the end; pass over what cannot be decoded."""
    for step in decoded_packets(container, stream, report):
        yield from step.frames


def decoded_packets(
    container: InputContainer,
    stream: VideoStream,
    report: PassReport,
    tag: Callable[[Packet[VideoStream]], None] = lambda packet: None,
) -> Iterator[PacketFrames]:
    """Yield what each packet gives; ``tag`` is called with it before it is decoded."""
    packets = container.demux(stream)
    packet: Packet[VideoStream] | None
    ended = False
    while not ended:
        with logged() as log:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:
                report.ended_by = _words(error)
                packet = None
            except IndexError:  # PyAV at the end of a file in which streams turned up on the way
                packet = None
            ended = packet is None
            frames, is_lost = _decoded(stream, packet, report, tag)
        logs = [message for _, message in log]
        yield PacketFrames(packet if packet and packet.size else None, frames, logs, is_lost, ended)


def _decoded(
    stream: VideoStream,
    packet: Packet[VideoStream] | None,
    report: PassReport,
    tag: Callable[[Packet[VideoStream]], None],
) -> tuple[list[VideoFrame], bool]:
    """Return the frames that a packet gives, and whether it is lost."""
    if packet is not None and not packet.size:
        # an empty packet drains the decoder for good; PyAV's own at the end has no time
        is_lost = packet.dts is not None
        report.empty += is_lost
        return [], is_lost
    if packet is not None:
        report.see_packet(packet)
        tag(packet)
    try:
        return stream.decode(packet), False
    except (av.error.FFmpegError, OSError) as error:
        report.see_error(error)
        return [], True
