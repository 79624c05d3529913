"""Frames by PyAV: the default reader, and the reference for the others."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av.error
import numpy as np
import torch
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidrobust.errors import InputError
from vidrobust.text.printable import printable
from vidrobust.video.checks import file_checks
from vidrobust.video.color import SEVERAL_VIEWS, ColorMode, Converter, has_several_views
from vidrobust.video.container import open_container, opened_video, video_stream
from vidrobust.video.decoding import (
    EACH_SHOWN,
    BestEffortClock,
    CheckedPass,
    Opened,
    PassReport,
)
from vidrobust.video.description import FrameTable, describe, promised, refreshes
from vidrobust.video.stream import Decoded

# Frames before the wanted one at which a seek is tried, in turn, before decoding from the start
LOOK_BACK = (0, 1, 12, 60, 250)
# a stretch of more frames than this is not decoded to count them; its packets are counted
LONG_WAY = 1000

Painter = Callable[[VideoFrame], "np.ndarray | torch.Tensor"]


class _Begun(NamedTuple):
    opened: tuple[InputContainer, VideoStream]
    first: VideoFrame
    frames: Generator[tuple[VideoFrame, bool]]
    checked: CheckedPass


class PyAVReader:
    """One video; every pass has its own container.

    ``painter`` returns, for each pass, a function from a frame to (H, W, 3) RGB; ``hwaccel`` what PyAV needs
    to decode on a device, whose frames are marked by another reader (``marked.py``). After a whole pass
    ``frame_counts`` has several numbers if others may count differently: those here, and of packets.
    """

    def __init__(
        self,
        path: Path,
        *,
        item: str,
        color: ColorMode,
        device: str = "cpu",
        painter: Callable[[], Painter] | None = None,
        hwaccel: Callable[[], HWAccel] | None = None,
    ) -> None:
        self.path = path
        self.device = device
        self._found: dict[str, str] = {}
        # Containers that random access left open.
        self._idle: list[tuple[InputContainer, VideoStream]] = []
        # not a method: a pass that was begun must not hold its reader, or only the garbage collector ends it
        self._hwaccel, self._opened = hwaccel, partial(opened_video, path, hwaccel)
        self.frame_counts: tuple[int, ...] = ()
        self._painter = painter or (lambda: Converter(color))
        self._table = FrameTable()
        self._refreshes: bool | None = None
        self._begun: list[_Begun] = []
        begun = self._begin()
        try:
            container, stream = begun.opened
            self.info = describe(
                container, stream, begun.first, item=item, backend="pyav", device=device
            )
            if has_several_views(begun.first):
                self._found["views"] = SEVERAL_VIEWS
            self._tick = Fraction(stream.time_base or 1)
            # time counts from the first frame: a stream may begin at any time stamp
            self._first = BestEffortClock()(begun.first) or 0
            self.first_s = float(self._first * self._tick)
            self._promise = promised(container, stream)
        except BaseException:
            begun.frames.close()
            raise
        if hwaccel is None:
            self._begun.append(begun)
        else:
            begun.frames.close()  # a device decoder belongs to the thread that opened it

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._found.values())

    def close(self) -> None:
        while self._begun:
            self._begun.pop().frames.close()
        while self._idle:
            self._idle.pop()[0].close()

    def frames(self, first: int = 0) -> Generator[Decoded]:
        """Yield frames from number ``first``; each can be painted until the next is asked for."""
        known = self._table
        if first > 0 and known.rising and known:
            if first - len(known) >= LONG_WAY:
                known = self._count_packets()
            nearest = min(first, len(known) - 1)
            for back in LOOK_BACK:
                if nearest - back <= 0:
                    break
                reached = False
                for frame in self._from_seek(known, nearest - back, first):
                    reached = True
                    yield frame
                if reached:
                    return
        for frame in self._pass(None, FrameTable(), 0):
            if frame.index >= first:
                yield frame

    def start_before(self, index: int) -> int:
        """Return where ``frames(index)`` is likely to begin decoding: 0, or a key frame."""
        return self._table.key_before(index)

    def index_before(self, time_s: float) -> int:
        """Return a frame number not after the first frame at ``time_s``, as late as known."""
        stamp = int(time_s / self._tick) - 1 + self._first
        table = self._table
        if not table or table.stamps[-1] < stamp:
            if time_s * self.info.frame_rate < LONG_WAY:
                return 0
            table = self._count_packets()
        return max(bisect_left(table.stamps, stamp) - 1, 0) if table.rising else 0

    def _has_keyframes(self) -> bool:
        if self._refreshes is None:
            with self._opened() as (container, stream):
                self._refreshes = refreshes(container, stream)
        return self._refreshes

    def _count_packets(self) -> FrameTable:
        with self._opened() as (container, stream):
            counted = FrameTable.from_packets(container, stream)
        if counted and len(counted) > len(self._table) and counted.begins_like(self._table):
            self._table = counted
        return self._table

    def _from_seek(self, known: FrameTable, start: int, first: int) -> Iterator[Decoded]:
        """Yield frames from ``first`` after a seek to ``start``; none if it missed."""
        landed: int | None = None
        for frame in self._pass(known.stamps[start], known.copy(), None):
            landed = frame.index if landed is None else landed
            other = frame.index < len(known) and known.stamps[frame.index] != frame.stamp
            if landed > first or (frame.index <= first and (frame.corrupt or other)):
                return
            if frame.index >= first:
                yield frame

    def _pass(self, seek: int | None, table: FrameTable, number: int | None) -> Iterator[Decoded]:
        """Decode from the start, or from the key frame that a seek to time stamp ``seek`` finds."""
        clock, paint = BestEffortClock(), self._painter()
        now, step = 0.0, float(1 / self.info.frame_rate)
        checked, frames = self._decoding(seek)
        report = checked.report
        try:
            for frame, damaged in frames:
                stamp = clock(frame)
                if number is None:
                    if not frame.key_frame:
                        continue
                    number = table.index_of(stamp)
                    if number is None:
                        return
                if stamp is not None:
                    now = float((stamp - self._first) * self._tick)
                elif report.frames:
                    now += step
                report.see_frame(damaged, now + self.first_s)
                table.see(number, stamp, frame.key_frame)
                yield Decoded(
                    index=number,
                    time_s=now,
                    corrupt=damaged,
                    keyframe=frame.key_frame and self._has_keyframes(),
                    stamp=stamp,
                    rgb=partial(paint, frame),
                )
                number += 1
            report.complete = True
        finally:
            frames.close()
            self._learn(table, checked, from_start=seek is None)

    def _checked(
        self, seek: int | None, notes: list[tuple[InputContainer, VideoStream]]
    ) -> CheckedPass:
        opened = self._opened
        if seek is not None:
            opened = partial(_sought, self.path, self._hwaccel, self._idle, seek)
        return CheckedPass(
            partial(_noted, opened, notes),
            PassReport(),
            partial(file_checks, self.path),
            in_middle=seek is not None,
        )

    def _begin(self) -> _Begun:
        opened: list[tuple[InputContainer, VideoStream]] = []
        checked = self._checked(None, opened)
        frames = checked.frames()
        first = next(frames, None)
        if first is None or checked.report.encrypted:
            frames.close()
            raise InputError(f"{printable(self.path)}: {checked.report.no_frame()}")
        return _Begun(opened[-1], first[0], frames, checked)

    def _decoding(self, seek: int | None) -> tuple[CheckedPass, Generator[tuple[VideoFrame, bool]]]:
        if seek is None:
            try:
                begun = self._begun.pop()
            except IndexError:  # there was none, or another thread has taken it
                pass
            else:
                return begun.checked, begun.frames
        checked = self._checked(seek, [])
        frames = checked.frames()
        next(frames, None)  # the first one comes again
        return checked, frames

    def _learn(self, table: FrameTable, checked: CheckedPass, *, from_start: bool) -> None:
        report, old = checked.report, self._table
        if len(table) > len(old) or not table.begins_like(old) or (from_start and report.complete):
            self._table = table
        if not from_start:
            return
        wrong = report.problems(self._promise, each_shown=self.info.codec in EACH_SHOWN)
        if report.complete:
            differs = (report.hidden or report.headless) and report.packets != report.frames
            self.frame_counts = (report.frames, report.packets) if differs else ()
        self._found = {name: what for name, what in self._found.items() if name == "views"} | wrong


@contextmanager
def _noted(
    opened: Callable[[], Opened], notes: list[tuple[InputContainer, VideoStream]]
) -> Iterator[tuple[InputContainer, VideoStream]]:
    with opened() as pair:
        notes.append(pair)
        yield pair


@contextmanager
def _sought(
    path: Path,
    hwaccel: Callable[[], HWAccel] | None,
    idle: list[tuple[InputContainer, VideoStream]],
    seek: int,
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Seek in a container that an earlier seek left open, or in a new one."""
    try:
        container, stream = idle.pop()
    except IndexError:
        container = open_container(path, hwaccel=hwaccel and hwaccel())
        stream = video_stream(container, path)
    try:
        with suppress(av.error.FFmpegError, OSError):
            container.seek(seek, stream=stream)
        yield container, stream
    finally:
        if hwaccel is None:
            idle.append((container, stream))
        else:  # a device decoder belongs to the thread that opened it
            container.close()
