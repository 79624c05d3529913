"""Which frames of a video are wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from vidrobust.errors import SettingsError

# Times that differ by no more are the same
SAME_TIME_S = 1e-6


class Timed(Protocol):
    """A frame with its number in decoding order and its time."""

    @property
    def index(self) -> int: ...

    @property
    def time_s(self) -> float: ...


TimedFrame = TypeVar("TimedFrame", bound=Timed)


@dataclass(frozen=True)
class Origin:
    """The frame from which a selection is counted."""

    index: int
    time_s: float


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which frames of a video are wanted.

    ``start_s <= time < end_s``; of those every ``every``-th, or the first frame of each interval of ``1 /
    fps`` seconds counted from the first frame of the range, or from ``origin`` before it.
    """

    every: int = 1
    fps: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    origin: Origin | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise SettingsError(f"every: expected 1 or more, got {self.every}")
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise SettingsError(
                f"fps: expected a positive number of frames a second, got {self.fps}"
            )
        if self.fps is not None and self.every != 1:
            raise SettingsError("every and fps exclude each other: give one of them")
        for name, time_s in (("start_s", self.start_s), ("end_s", self.end_s)):
            if time_s is not None and not math.isfinite(time_s):
                raise SettingsError(f"{name}: expected a time in seconds, got {time_s:g}")
        if self.start_s is not None and self.end_s is not None and self.start_s >= self.end_s:
            raise SettingsError(
                f"start_s, end_s: the range {self.start_s} to {self.end_s} s is empty"
            )

    def within(self, start_s: float | None, end_s: float | None) -> Selection:
        """Return the same, of a part of the video."""
        starts = [time_s for time_s in (self.start_s, start_s) if time_s is not None]
        ends = [time_s for time_s in (self.end_s, end_s) if time_s is not None]
        return replace(self, start_s=max(starts, default=None), end_s=min(ends, default=None))

    @property
    def is_every(self) -> bool:
        """Whether no frame of the range is left out."""
        return self.every == 1 and self.fps is None

    def step_s(self, frame_rate: float) -> float:
        """Return the time between two frames, s, of a video of this frame rate."""
        return self.every / frame_rate if self.fps is None else 1 / self.fps

    def every_of(self, frame_rate: float) -> int:
        """Return every how many-th frame of a video of this frame rate is wanted."""
        return self.every if self.fps is None else max(round(frame_rate / self.fps), 1)

    def rate(self, frame_rate: float) -> float:
        """Return frames a second of a video of this frame rate."""
        return frame_rate / self.every if self.fps is None else self.fps

    def count(self, frames: int, seconds: float = math.inf) -> int:
        """Return how many of so many frames are wanted, which last so long."""
        most = -(-frames // self.every)
        if self.fps is None or seconds == math.inf:
            return most
        return min(most, math.ceil(seconds * self.fps))

    def row_of(self, index: int, time_s: float, origin: Origin) -> int:
        """Return the place of a frame among the wanted ones, counted from the origin."""
        if self.fps is None:
            return (index - origin.index) // self.every
        return int((time_s - origin.time_s + SAME_TIME_S) * self.fps)

    def __call__(self, frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        origin, count, taken = self.origin, 0, -1
        for frame in frames:
            early = self.start_s is not None and frame.time_s < self.start_s
            if early and origin is None:
                continue
            if self.end_s is not None and frame.time_s >= self.end_s:
                return
            origin = origin or Origin(frame.index, frame.time_s)
            if self.fps is not None:
                interval = self.row_of(frame.index, frame.time_s, origin)
                wanted, taken = interval > taken, max(interval, taken)
            else:
                number = count if self.origin is None else frame.index - origin.index
                wanted, count = number % self.every == 0, count + 1
            if wanted and not early:
                yield frame
