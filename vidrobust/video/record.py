"""A stream from the network or a pipe is recorded by copying packets.

    rtsp://...  ─┐
    tcp://...   ─┼─▶ packets of the best video stream, from the first key frame on ─▶ NAME.mkv
    - (stdin)   ─┘

After a broken connection a new file begins, so that frames across the break are no neighbours.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.names import readable_name
from vidrobust.text.printable import printable, without_secrets
from vidrobust.video.container import footage_formats, video_stream

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "tcp", "udp", "rtp", "srt")
PIPES = ("-", "pipe:", "pipe:0")
# What a stream may open further: never a file of this machine
PROTOCOLS = ",".join((*SCHEMES, "tls", "crypto"))
# How often a connection that breaks is opened again, in a row, without a picture in between
TRIES = 3
FIRST_PAUSE_S = 0.5  # before the first of them; each pause is twice as long as the one before
RATE_UNKNOWN = Fraction(25)


@dataclass(frozen=True, kw_only=True)
class Recording:
    source: str  # where from, without user, password and token
    files: tuple[Path, ...]  # one, and one more for each time that the connection broke
    seconds: float  # of footage in them together
    packets: int
    ended: str  # why it ended before the time that was asked for
    notes: tuple[str, ...]  # what was odd, a sentence each


def is_stream(source: str) -> bool:
    """Return whether a source is an address or a pipe, which must be recorded first."""
    return source in PIPES or ("://" in source and source.split("://")[0].lower() != "file")


def name_of(source: str) -> str:
    if source in PIPES:
        return "pipe"
    parts = urlsplit(without_secrets(source))
    text = f"{parts.hostname or ''}{parts.path}"
    return readable_name(text, "stream")


def record(
    source: str,
    folder: Path,
    for_s: float,
    *,
    timeout_s: float = 10.0,
    say: Callable[[str], None] = lambda _text: None,
) -> Recording:
    """Record so many seconds of an address or standard input; SettingsError, InputError.

    ``timeout_s`` without data counts as a break. A broken stream is kept as far as it came.
    """
    check_source(source)
    state = _State(source, folder, for_s, timeout_s)
    while True:
        try:
            state.connect_and_copy()
            break
        except _BrokenError as error:
            state.ended = str(error)
            if source in PIPES or state.in_vain >= TRIES or state.left_s <= 0:
                break
            state.notes.append(
                f"the connection broke at {state.seconds:.1f} s ({error}) and was opened again"
            )
            say(f"{state.shown}: {error}; trying again")
            time.sleep(min(FIRST_PAUSE_S * 2.0**state.in_vain, timeout_s / 2))
            state.in_vain += 1
    if not state.files:
        raise InputError(f"{state.shown}: {state.ended or 'no picture came'}; nothing was recorded")
    files = tuple(state.files)
    return Recording(
        source=state.shown,
        files=files,
        seconds=round(state.seconds, 3),
        packets=state.packets,
        ended=state.ended if state.left_s > 0 else "",
        notes=tuple(state.notes),
    )


def check_source(source: str) -> None:
    if source in PIPES:
        if sys.stdin is None or sys.stdin.isatty():
            raise SettingsError(f"{source}: standard input is a terminal; pipe a video into it")
        return
    scheme = source.split("://")[0].lower()
    if scheme not in SCHEMES:
        raise SettingsError(
            f"{printable(without_secrets(source))}: {scheme}:// is no address that can be recorded; known are "
            f"{', '.join(SCHEMES)}, and - for standard input"
        )


class _BrokenError(Exception):
    """The stream broke off and has to be connected to again."""


@dataclass
class _State:
    source: str
    folder: Path
    for_s: float
    timeout_s: float
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    packets: int = 0
    in_vain: int = 0
    ended: str = ""

    @property
    def shown(self) -> str:
        return "standard input" if self.source in PIPES else printable(without_secrets(self.source))

    @property
    def left_s(self) -> float:
        return self.for_s - self.seconds

    def connect_and_copy(self) -> None:
        try:
            container = _open(self.source, self.timeout_s)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise _BrokenError(f"cannot be opened ({_reason(error, self.timeout_s)})") from None
        with container:
            stream = video_stream(container, self.shown)
            number = f"-{len(self.files) + 1}" if self.files else ""
            path = self.folder / f"{name_of(self.source)}{number}.mkv"
            self._copy(container, stream, path)

    def _copy(self, container: InputContainer, stream: VideoStream, path: Path) -> None:
        part = path.with_name(path.name + ".part")
        before, copied = self.seconds, 0
        broken: _BrokenError | None = None
        with av.open(str(part), "w", format="matroska") as out:
            copier = _Copier(out, stream)
            try:
                for packet in _packets(container, stream, self.timeout_s):
                    length = copier.length_with(packet)
                    if length is None:
                        continue
                    if length > self.for_s - before:
                        break
                    copier.write(packet)
                    copied += 1
                    self.in_vain = 0
                    self.seconds = before + length
                else:
                    broken = _BrokenError(
                        f"it ended after {self.seconds:.1f} s of {self.for_s:g} s"
                    )
            except _BrokenError as error:
                broken = error
        if copied:
            os.replace(part, path)
            self.files.append(path)
            self.packets += copied
            self.notes += copier.notes()
            self.seconds = before + copier.covered_s
        else:
            part.unlink(missing_ok=True)
            broken = broken or _BrokenError("no key frame came")
        if broken is not None:
            raise broken


class _Copier:
    """Copies packets of one stream, from the first key frame on, with rising time stamps from 0."""

    def __init__(self, out: OutputContainer, stream: VideoStream) -> None:
        self._out, self._tick = out, Fraction(stream.time_base or Fraction(1, 90000))
        self._stream = out.add_stream_from_template(stream, opaque=True)
        self._stream.time_base = self._tick
        rate = stream.average_rate or stream.guessed_rate or RATE_UNKNOWN
        self._step = max(1, round(1 / (Fraction(rate) * self._tick)))
        self._first: int | None = None
        self._last: int | None = None
        self._mended = 0

    @property
    def covered_s(self) -> float:
        return 0.0 if self._last is None else float((self._last + self._step) * self._tick)

    def length_with(self, packet: Packet[VideoStream]) -> float | None:
        if not packet.size or (self._first is None and not packet.is_keyframe):
            return None
        stamp = packet.dts if packet.dts is not None else packet.pts
        if self._first is None:
            self._first = stamp or 0
        follows = 0 if self._last is None else self._last + self._step
        at = follows if stamp is None else stamp - self._first
        return float((at + self._step) * self._tick)

    def write(self, packet: Packet[VideoStream]) -> None:
        assert self._first is not None
        follows = 0 if self._last is None else self._last + self._step
        known = packet.dts if packet.dts is not None else packet.pts
        dts = follows if known is None else known - self._first
        pts = dts if packet.pts is None else packet.pts - self._first
        if self._last is not None and dts <= self._last:
            dts, self._mended = self._last + 1, self._mended + 1
        packet.dts, packet.pts = dts, max(pts, dts)
        packet.time_base = self._tick
        packet.stream = self._stream
        self._out.mux(packet)
        self._last = dts

    def notes(self) -> list[str]:
        return [f"{self._mended} time stamps went back and were moved on"] if self._mended else []


def _packets(
    container: InputContainer, stream: VideoStream, timeout_s: float
) -> Iterator[Packet[VideoStream]]:
    try:
        yield from container.demux(stream)
    except (av.error.FFmpegError, OSError) as error:
        raise _BrokenError(f"reading failed ({_reason(error, timeout_s)})") from None


def _open(source: str, timeout_s: float) -> InputContainer:
    av.logging.set_level(None)  # a callback into Python from the decoder's threads can deadlock
    formats = {"format_whitelist": f"{footage_formats()},rtsp,rtp,hls,applehttp"}
    if source in PIPES:
        piped: Any = _Pipe(sys.stdin.fileno(), timeout_s)
        return av.open(piped, container_options={**formats, "protocol_whitelist": "none"})
    options = {**formats, "protocol_whitelist": PROTOCOLS}
    if source.lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    return av.open(source, container_options=options, timeout=(timeout_s, timeout_s))


class _Pipe:
    """A pipe as PyAV reads it, with a timeout in seconds."""

    name = "standard input"

    def __init__(self, number: int, timeout_s: float) -> None:
        self._number, self._timeout_s = number, timeout_s

    def read(self, size: int) -> bytes:
        # Windows cannot wait for a pipe
        if (
            sys.platform != "win32"
            and not select.select([self._number], [], [], self._timeout_s)[0]
        ):
            raise TimeoutError(f"nothing came for {self._timeout_s:g} s")
        return os.read(self._number, size)


def _reason(error: BaseException, timeout_s: float) -> str:
    if isinstance(error, av.error.ExitError | av.error.TimeoutError | TimeoutError):
        return f"nothing came for {timeout_s:g} s"
    return getattr(error, "strerror", None) or type(error).__name__
