"""Selection, batches and random access on top of a reader, whatever decodes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import torch

from vidrobust.errors import InputError
from vidrobust.frames import FrameBatch, VideoInfo


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """One decoded frame, not yet RGB: the colour conversion is paid only for frames that are wanted."""

    index: int
    time_s: float
    corrupt: bool
    rgb: Callable[[], np.ndarray]
    """() -> (H, W, 3) uint8, valid until the next frame is decoded."""


class Reader(Protocol):
    """What a backend supplies: every frame in order, from the first."""

    info: VideoInfo
    problems: list[str]

    def frames(self) -> Iterator[Decoded]: ...


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which frames of a video are wanted: every k-th, or so many a second, in a range of time."""

    every: int = 1
    fps: float | None = None
    start_s: float | None = None
    end_s: float | None = None

    def __call__(self, frames: Iterator[Decoded]) -> Iterator[Decoded]:
        count, due = 0, None
        for frame in frames:
            if self.start_s is not None and frame.time_s < self.start_s:
                continue
            if self.end_s is not None and frame.time_s >= self.end_s:
                break
            if self.fps is not None:
                if due is None:
                    due = frame.time_s
                if frame.time_s < due - 1e-6:
                    continue
                due += (np.floor((frame.time_s + 1e-6 - due) * self.fps) + 1) / self.fps
            count += 1
            if (count - 1) % self.every == 0:
                yield frame


class FrameStream:
    """A reader and a selection as a VideoSource."""

    def __init__(self, reader: Reader, selection: Selection, *, prefetch: int) -> None:
        self._reader, self._selection, self._prefetch = reader, selection, prefetch

    @property
    def info(self) -> VideoInfo:
        return self._reader.info

    @property
    def problems(self) -> Sequence[str]:
        return tuple(self._reader.problems)

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """All selected frames in order, ``size`` at a time."""
        pixels: np.ndarray | None = None
        kept: list[Decoded] = []
        for frame in self._selection(self._reader.frames()):
            picture = frame.rgb()
            if pixels is not None and pixels.shape[1:] != picture.shape:
                if kept:
                    yield self._batch(pixels, kept)
                pixels, kept = None, []
            if pixels is None:
                pixels = np.empty((size, *picture.shape), np.uint8)
            pixels[len(kept)] = picture
            kept.append(frame)
            if len(kept) == size:
                yield self._batch(pixels, kept)
                pixels, kept = None, []
        if pixels is not None and kept:
            yield self._batch(pixels, kept)

    def at(self, indices: Sequence[int]) -> FrameBatch:
        """Exactly these frames (decoding order, from 0), in the order asked for."""
        wanted, found = set(indices), {}
        for frame in self._reader.frames():
            if frame.index in wanted:
                found[frame.index] = (np.ascontiguousarray(frame.rgb()).copy(), frame)
            if len(found) == len(wanted):
                break
        missing = sorted(wanted - set(found))
        if missing:
            raise InputError(f"{self.info.name}: has no frame {missing[0]}")
        return self._batch(np.stack([found[i][0] for i in indices]), [found[i][1] for i in indices])

    def _batch(self, pixels: np.ndarray, frames: list[Decoded]) -> FrameBatch:
        return FrameBatch(
            pixels=torch.from_numpy(pixels[: len(frames)]).permute(0, 3, 1, 2),
            time_s=np.array([f.time_s for f in frames], np.float64),
            index=np.array([f.index for f in frames], np.int64),
            corrupt=np.array([f.corrupt for f in frames], np.bool_),
            item=self.info.name,
        )

    def close(self) -> None:
        """Nothing is held between passes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
