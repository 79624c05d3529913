"""Readers whose decoders report no damage: their frames take the marks of PyAV on the CPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch

from vidrobust.errors import InputError, first_line
from vidrobust.text.printable import printable
from vidrobust.video.container import opened_video
from vidrobust.video.decoding import is_before
from vidrobust.video.description import FrameTable, may_hold
from vidrobust.video.pyav import PyAVReader
from vidrobust.video.stream import Decoded, prefetched

CHUNK = 8  # frames asked for at once
MARKS_AHEAD = 64  # frames of which PyAV knows more than was asked for
SAME_TIME_S = 2e-3  # decord keeps times in single precision, Matroska in milliseconds
ANY_THREADS = 0  # as many as the library likes

Picture = tuple["np.ndarray | torch.Tensor", float]


class FrameMark(NamedTuple):
    """What PyAV says of a frame."""

    time_s: float
    stamp: int | None
    corrupt: bool
    keyframe: bool


def marks(judge: PyAVReader, first: int) -> Generator[FrameMark]:
    """Yield the marks of the frames from number ``first``; they are decoded on a thread of its own."""

    def made() -> Generator[FrameMark]:
        frames = judge.frames(first)
        try:
            for frame in frames:
                yield FrameMark(frame.time_s, frame.stamp, frame.corrupt, frame.keyframe)
        finally:
            frames.close()

    return prefetched(made, MARKS_AHEAD)


class IndexedDecoder(Protocol):
    from_first: bool  # whether its times count from the first frame, or are those of the file

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[Picture]:
        """Yield (H, W, 3) uint8 RGB and time in s of frames ``start`` to ``stop``."""
        ...


class IndexedReader:
    """A file read by a library that numbers the frames itself; opened anew for each pass.

    These libraries do not report damage, and some lose or repeat frames of edit lists and MPEG-TS. So their
    frames are compared with the packets and the frames of PyAV; differences are problems. ``open_decoder``
    takes the number of threads: one from the first damage on.
    """

    def __init__(
        self,
        path: Path,
        item: str,
        backend: str,
        device: str,
        open_decoder: Callable[[int], IndexedDecoder],
    ) -> None:
        self.device = device
        self.path, self._backend, self._open = path, backend, open_decoder
        self._failures: dict[str, str] = {}
        self.frame_counts: tuple[int, ...] = ()
        self._judge = PyAVReader(path, item=item, color="fast")
        self.info = replace(self._judge.info, backend=backend, device=device)
        with opened_video(path) as (container, stream):
            if not may_hold(container, stream):  # these libraries make room for each of them
                raise InputError(
                    f"{printable(path)}: the header promises {stream.frames} frames, more than the file has bytes; "
                    "use --backend pyav"
                )
            self._packets = FrameTable.from_packets(container, stream)
        self.mismatch = self._compare(self._opened())

    @property
    def problems(self) -> tuple[str, ...]:
        mismatch = (self.mismatch,) if self.mismatch else ()
        return (*mismatch, *self._judge.problems, *self._failures.values())

    @property
    def other_time(self) -> str | None:
        """Return at which frame, of those given so far, the time was not that of the file."""
        return self._failures.get("time")

    def frames(self, first: int = 0) -> Generator[Decoded]:
        decoder, one_thread = self._opened(), False
        judged = marks(self._judge, first)
        try:
            for start in range(first, len(decoder), CHUNK):
                stop = min(start + CHUNK, len(decoder))
                chunk: list[FrameMark | None] = list(islice(judged, stop - start))
                chunk += [None] * (stop - start - len(chunk))
                if not one_thread and any(mark is None or mark.corrupt for mark in chunk):
                    decoder, one_thread = self._opened(1), True
                pictures = self._read(decoder, start, stop)
                begin_s = 0.0 if decoder.from_first else self._judge.first_s
                for index, mark, (picture, time_s) in zip(
                    range(start, stop), chunk, pictures, strict=False
                ):
                    if picture.ndim != 3 or picture.shape[2] != 3:
                        self._failures["shape"] = (
                            f"{self._backend} stopped at frame {index}: pictures of shape {tuple(picture.shape)}"
                        )
                        return
                    yield self._decoded(index, picture, time_s - begin_s, mark)
                if len(pictures) < stop - start:
                    return
            rest = len(deque(judged))
            if first == 0:
                others = len(decoder) + rest
                self.frame_counts = (len(decoder), others) if rest else self._judge.frame_counts
        finally:
            judged.close()

    def close(self) -> None:
        self._judge.close()

    def start_before(self, index: int) -> int:
        return index

    def index_before(self, time_s: float) -> int:
        return self._judge.index_before(time_s) if self.mismatch is None else 0

    def _opened(self, threads: int = ANY_THREADS) -> IndexedDecoder:
        try:
            return self._open(threads)
        except Exception as error:  # these libraries raise whatever they like
            raise InputError(
                f"{printable(self.path)}: {self._backend} cannot read it ({first_line(error)})"
            ) from error

    def _compare(self, decoder: IndexedDecoder) -> str | None:
        if self._packets is None:
            return f"the frames of {self._backend} cannot be checked: the packets have no usable time stamps"
        if len(self._packets) != len(decoder):
            return f"{self._backend} gives {len(decoder)} frames, the file holds {len(self._packets)} packets"
        return None

    def _read(self, decoder: IndexedDecoder, start: int, stop: int) -> list[Picture]:
        """Return pictures ``start`` to ``stop``, or those before one that cannot be decoded."""
        try:
            return list(decoder.read(start, stop))
        except Exception as error:  # these libraries raise whatever they like
            if stop - start > 1:
                half = (start + stop) // 2
                first = self._read(decoder, start, half)
                whole = len(first) == half - start
                return [*first, *self._read(decoder, half, stop)] if whole else first
            self._failures["stopped"] = (
                f"{self._backend} stopped at frame {start} of {len(decoder)} ({first_line(error)}); "
                "use --backend pyav"
            )
            return []

    def _decoded(
        self, index: int, picture: np.ndarray | torch.Tensor, time_s: float, mark: FrameMark | None
    ) -> Decoded:
        agrees = mark is not None and abs(time_s - mark.time_s) <= SAME_TIME_S
        if mark is not None and not agrees and "time" not in self._failures:
            self._failures["time"] = (
                f"{self._backend} puts frame {index} at {time_s:.3f} s, the file at {mark.time_s:.3f} s"
            )
        # where both count the same frames, another time is another clock
        is_same = mark is not None and (agrees or self.mismatch is None)
        return Decoded(
            index=index,
            time_s=time_s,
            corrupt=mark is None or mark.corrupt or not is_same,
            keyframe=mark is not None and mark.keyframe and self.mismatch is None,
            stamp=mark.stamp if mark is not None and is_same else None,
            rgb=lambda: picture,
        )


class DeviceReader:
    """Frames of PyAV on a device: its decoder conceals what lies within a picture."""

    def __init__(self, reader: PyAVReader, judge: PyAVReader) -> None:
        self._reader, self._judge = reader, judge
        self.path, self.device, self.info = reader.path, reader.device, reader.info
        self._failures: dict[str, str] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        return (*self._judge.problems, *self._failures.values())

    @property
    def frame_counts(self) -> tuple[int, ...]:
        return self._judge.frame_counts

    def frames(self, first: int = 0) -> Generator[Decoded]:
        judged, given = marks(self._judge, first), self._reader.frames(first)
        lost = more = 0
        try:
            mark = next(judged, None)
            for frame in given:
                while mark is not None and is_before(mark.stamp, frame.stamp):
                    lost, mark = lost + 1, next(judged, None)
                if mark is None or mark.stamp != frame.stamp:
                    more += 1
                    yield replace(frame, corrupt=True)
                    continue
                yield replace(frame, corrupt=mark.corrupt)
                mark = next(judged, None)
            lost += (mark is not None) + len(deque(judged))
        finally:
            given.close()
            judged.close()
            if lost or more:
                self._failures["counts"] = (
                    f"{lost} frames are missing and {more} too many on {self.device}"
                )

    def close(self) -> None:
        self._reader.close()
        self._judge.close()

    def start_before(self, index: int) -> int:
        return self._reader.start_before(index)

    def index_before(self, time_s: float) -> int:
        return self._reader.index_before(time_s)
