"""Decode a file again in a process of its own, to say which frames can be trusted.

Most decoders conceal damage silently: they copy from the frame before, or go on with what the bits happen to
mean. FFmpeg's log says more, and decodes with different numbers of threads differ where stale memory was
shown:

    packets ─┬─▶ one thread, with the log ─┬─▶ groups of pictures ─▶ (time stamp, damaged) a frame
             └─▶ several threads ──────────┘

What FFmpeg does not read is checked besides: the CRC-32 of Matroska's clusters, the MD5 of HEVC's pictures, and
what libjpeg says of Motion JPEG.

The log is read in its own process since FFmpeg calls back into Python from the threads of every decoder, and
one closed while its threads wait for Python never ends.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar

import av
import av.error
import numpy as np
import xxhash
from av.codec.codec import Capabilities
from av.codec.context import Flags
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidrobust.errors import InputError
from vidrobust.video import container as containers
from vidrobust.video.decoding import BOTH, PACKETS, Ending, PassReport, decoded_packets, is_before

LAG = 64  # packets a decoder may still hold: its threads, and the 16 frames that H.264 and HEVC may reorder
# A group of more pictures is judged in pieces, so that the reader does not wait for all of it
LONGEST_GROUP = 512
MISMATCH = "a checksum in the file does not match"


class SecondDecode:
    """The verdicts on the frames of one file, read as far as asked for."""

    def __init__(self, key: tuple[str, int, int, int]) -> None:
        self._key = key
        self._helper: _Helper | None = None
        self._stamps: dict[int, int | None] = {}
        self._damaged: set[int] = set()
        self._of_packets: dict[int | None, bool] = {None: False}
        self._lock = threading.Lock()
        self._ending: Ending | None = None
        try:
            self._helper = _Helper.taken()
            self._helper.ask({"path": key[0], "depth": key[-1]})
        except OSError as error:
            self._fail(f"no second process could be started ({error.strerror})")

    def is_damaged(self, number: int, stamp: int | None) -> bool:
        """Whether frame ``number`` with this pts is damaged, or another there; waits for the verdict."""
        with self._lock:
            if self._key[-1] == PACKETS:
                while stamp not in self._of_packets and self._ending is None:
                    self._read()
                return self._of_packets.get(stamp, False)
            while number not in self._stamps and self._ending is None:
                self._read()
            if number not in self._stamps:
                return not self.has_failed
            return number in self._damaged or self._stamps[number] != stamp

    def ending(self) -> Ending:
        """What was found in all; waits for the end of the file."""
        with self._lock:
            while self._ending is None:
                self._read()
            return self._ending

    @property
    def has_failed(self) -> bool:
        return self._ending is not None and bool(self._ending.failure)

    def close(self) -> None:
        """Stop the helper if it is still at work."""
        # while another thread waits for a verdict, only the end of the process wakes it
        self._end(gently=self._lock.acquire(blocking=False))

    def __del__(self) -> None:
        self._end(gently=False)

    def _end(self, *, gently: bool) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            (helper.stop if gently else helper.end)()
            self._fail("it was not finished")
        if gently:
            self._lock.release()

    def _read(self) -> None:
        assert self._helper is not None
        answer = self._helper.answer()
        if answer is None:
            self._helper.end()
            self._fail("the second process ended early")
        elif "frames" in answer:
            for number, stamp, damaged in answer["frames"]:
                if number is None:
                    self._of_packets[stamp] = bool(damaged)
                    continue
                self._stamps[number] = stamp
                if damaged:
                    self._damaged.add(number)
        else:
            self._helper.give_back()
            self._helper = None
            self._ending = Ending(counts=tuple(answer["counts"]), said=answer["said"])
            while len(_finished) >= MOST_KEPT:
                _finished.pop(next(iter(_finished)), None)
            _finished[self._key] = self

    def _fail(self, why: str) -> None:
        self._helper = None
        self._ending = self._ending or Ending(failure=why)


# Files that were decoded a second time from beginning to end, by path, size, time of change and depth
_finished: dict[tuple[str, int, int, int], SecondDecode] = {}
MOST_KEPT = 64
COMMAND = ("-m", "vidrobust.video.second_decode")
THREADED = Capabilities.frame_threads | Capabilities.slice_threads


def forget(*, end: bool = True) -> None:
    """Forget what was found, and end the waiting process."""
    _finished.clear()
    if end:
        _Helper.end_idle()


def second_decode(path: Path, depth: int) -> SecondDecode:
    """Start a second decode of a file, or return the earlier one if the file is unchanged.

    ``depth`` is ``decoding.PACKETS``, ``ONE_THREAD`` or ``BOTH``.
    """
    status = os.stat(path)
    key = (os.path.abspath(path), status.st_size, status.st_mtime_ns, depth)
    return _finished.get(key) or SecondDecode(key)


class _Helper:
    _idle: ClassVar[list[_Helper]] = []
    _guard = threading.Lock()

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, *COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        )

    @classmethod
    def taken(cls) -> _Helper:
        with cls._guard:
            while cls._idle:
                helper = cls._idle.pop()
                # a forked child shares the pipes of its parent, and must not read from them
                if helper._owner == os.getpid() and helper._process.poll() is None:
                    return helper
        return cls()

    def ask(self, what: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return found

    def give_back(self) -> None:
        with self._guard:
            if not self._idle:
                self._idle.append(self)
                return
        self.end()

    def stop(self) -> None:
        with suppress(OSError, ValueError):
            assert self._process.stdin is not None
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
            while (answer := self.answer()) is not None:
                if "frames" not in answer:
                    self.give_back()
                    return
        self.end()

    def end(self) -> None:
        if self._owner != os.getpid():
            return
        with suppress(OSError):
            self._process.kill()
        self._process.communicate()

    @classmethod
    def end_idle(cls) -> None:
        while cls._idle:
            cls._idle.pop().end()


atexit.register(_Helper.end_idle)


# What runs in the other process.


@dataclass(eq=False)
class _Packet:
    stamp: int | None
    key: bool
    bad: bool = False
    shown: int | None = None
    hash: str = ""
    damaged: bool = False


@dataclass
class _Judge:
    """Finds the damaged packets of each group of pictures, in decoding order."""

    open: deque[_Packet] = field(default_factory=deque)
    # Of frames of the other decode, by time stamp
    other_hash: dict[int, str] = field(default_factory=dict)
    _bad: bool = False
    _leads: bool = False
    _key_stamp: int | None = None

    def pieces(self, *, ended: bool) -> Iterator[list[_Packet]]:
        while self.open:
            size = next((i for i, p in enumerate(self.open) if i and p.key), len(self.open))
            if not ended and len(self.open) - size < LAG and len(self.open) < LONGEST_GROUP + LAG:
                return
            piece = [self.open.popleft() for _ in range(min(size, LONGEST_GROUP))]
            if piece[0].key:
                self._leads, self._bad, self._key_stamp = self._bad, False, piece[0].stamp
            differs = [self._differs(packet) and not self._leans_back(packet) for packet in piece]
            silent = any(differs) and not self._bad and not any(packet.bad for packet in piece)
            for packet in piece:
                leans_back = self._leans_back(packet)
                self._bad = (
                    self._bad or silent or (packet.bad and not leans_back)
                )  # nothing later leans on it
                packet.damaged = self._bad or leans_back
            yield piece

    def _differs(self, packet: _Packet) -> bool:
        other = None if packet.stamp is None else self.other_hash.pop(packet.stamp, None)
        return other is not None and other != packet.hash

    def _leans_back(self, packet: _Packet) -> bool:
        return self._leads and is_before(packet.stamp, self._key_stamp)


class _Clusters:
    """The clusters of a Matroska file that packets come from, in turn."""

    def __init__(self, path: Path, container: InputContainer) -> None:
        matroska = container.format.name.startswith("matroska")
        self._every = containers.checked_clusters(path) if matroska else iter(())
        self._now = (0, 0, True)

    def are_damaged_at(self, place: int | None) -> bool:
        while place is not None and place >= self._now[1]:
            self._now = next(self._every, (sys.maxsize, sys.maxsize, True))
        return place is not None and place >= self._now[0] and not self._now[2]


class _Libjpeg:
    """The warnings of libjpeg, which it writes to the standard error of the process."""

    # a few bytes too many are what some cameras write
    DAMAGE = re.compile(rb"premature end|bad Huffman code|found marker|\d{3,} extraneous bytes")

    def __init__(self) -> None:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)

    def warns_of(self, picture: bytes) -> bool:
        import cv2

        os.ftruncate(2, 0)
        os.lseek(2, 0, os.SEEK_SET)
        cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_REDUCED_GRAYSCALE_8)
        return self.DAMAGE.search(os.pread(2, 2**12, 0)) is not None


def _serve() -> None:
    containers.LOG_LEVEL = av.logging.ERROR
    av.logging.set_skip_repeated(False)  # or the second of two damaged packets would seem sound
    asked: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while line := asked.get():
        if line.strip():
            with av.logging.Capture(local=False):  # what other threads say belongs to no packet
                for answer in _answers(**json.loads(line), is_stopped=lambda: not asked.empty()):
                    print(json.dumps(answer), flush=True)


def _listen(asked: SimpleQueue[str]) -> None:
    """Pass on what is asked for: a file; an empty line stops the one before; "" ends."""
    for line in sys.stdin:
        asked.put(line)
    asked.put("")


def _answers(path: str, depth: int, is_stopped: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    said: list[str] = []
    counts: list[int] = []
    try:
        yield from _verdicts(Path(path), depth, said, counts, is_stopped)
    except (InputError, av.error.FFmpegError, OSError, MemoryError) as error:
        said.append(str(error))
    yield {"counts": counts, "said": said[0] if said else ""}


def _verdicts(
    path: Path, depth: int, said: list[str], counts: list[int], is_stopped: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    judge, report, other = _Judge(), PassReport(), PassReport()
    compares, shown = depth == BOTH, [0, 0]

    def tag(packet: Packet[VideoStream]) -> None:
        fails = clusters.are_damaged_at(packet.pos)
        if fails and MISMATCH not in said:
            said.append(MISMATCH)
        judge.open.append(
            _Packet(packet.pts, bool(packet.is_keyframe), bool(packet.is_corrupt) or fails)
        )
        packet.opaque = judge.open[-1]

    with av.logging.Capture() as log, ExitStack() as files:
        one = _opened(path, 1, files)
        clusters = _Clusters(path, one[0])
        jpeg = (
            _Libjpeg() if one[1].codec_context.codec.canonical_name == "mjpeg" and depth else None
        )
        if depth != PACKETS:
            # of one thread alone: with several, the tag of a packet is freed by Python on any of them
            one[1].codec_context.flags |= Flags.copy_opaque
        several = _opened(path, 0, files) if compares else None
        # FFmpeg decodes a little to learn what a stream is; what its decoder says then is not of the container
        said += [text for name, text in _messages(log) if name != one[1].codec_context.codec.name]
        steps = decoded_packets(*one, report, tag, decodes=depth != PACKETS)
        other_steps = iter(()) if several is None else decoded_packets(*several, other)
        errors, ended = 0, False
        while not ended:
            if is_stopped():
                if several is not None and several[1].codec_context.codec.capabilities & THREADED:
                    os._exit(0)  # closed while its threads wait for Python, it would never end
                return
            step = next(steps, None)
            ended = step is None
            packet = None if step is None else step[0]
            if (
                jpeg is not None
                and packet is not None
                and packet.size
                and jpeg.warns_of(bytes(packet))
            ):
                judge.open[-1].bad = True
                said.append("libjpeg finds its data corrupt")
            if judge.open and (log or report.undecodable > errors):
                judge.open[-1].bad = True
            # what comes before the first key frame is missing, and the decoder says so in many words
            said += [text for _, text in _messages(log) if shown[0] or not report.headless]
            errors = report.undecodable
            for frame in () if step is None else step[1]:
                own: _Packet = frame.opaque or judge.open[-1]  # type: ignore[assignment]
                own.shown, own.hash = shown[0], planes_hash(frame) if compares else ""
                own.bad = own.bad or frame.is_corrupt
                shown[0] += 1
            for frame in next(other_steps, (None, ()))[1]:
                shown[1] += 1
                if frame.pts is not None:
                    judge.other_hash[frame.pts] = planes_hash(frame)
            log.clear()
            pieces = [packet for piece in judge.pieces(ended=ended) for packet in piece]
            verdicts = [
                (p.shown, p.stamp, int(p.damaged))
                for p in pieces
                if p.shown is not None or not depth
            ]
            if verdicts:
                yield {"frames": verdicts}
        said += [each.said for each in (report, other) if each.said]
    if depth != PACKETS:
        counts[:] = shown[:1] if other.undecodable or not compares else shown


def _opened(path: Path, threads: int, files: ExitStack) -> tuple[InputContainer, VideoStream]:
    container = files.enter_context(containers.open_container(path))
    stream = containers.video_stream(container, path)
    stream.codec_context.thread_count = threads
    if stream.codec_context.codec.canonical_name == "hevc":
        stream.codec_context.options |= {"err_detect": "crccheck"}
    return container, stream


def _messages(log: list[Any]) -> list[tuple[str, str]]:
    found = [(str(name), str(message).strip()) for _, name, message in log]
    log.clear()
    return found


def planes_hash(frame: VideoFrame) -> str:
    """Return the hash of a decoded frame, without line padding."""
    digest = xxhash.xxh3_64()
    several = len(frame.planes) > 1
    bits = max(component.bits for component in frame.format.components)
    packed = frame.format.padded_bits_per_pixel
    for plane in frame.planes:
        if plane.line_size <= 0:  # stored from the bottom up
            return xxhash.xxh3_64_hexdigest(frame.to_ndarray(format="rgb24").tobytes())
        bits_wide = plane.width * 8 * ((bits + 7) // 8) if several else frame.width * packed
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        digest.update(rows[:, : (bits_wide + 7) // 8].tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    _serve()
