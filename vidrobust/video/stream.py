"""Batches and random access on top of any reader."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Generic, NamedTuple, Protocol, Self, TypeVar
from weakref import WeakSet

import numpy as np
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.frames.batch import NO_PTS, FrameBatch, VideoInfo
from vidrobust.text.printable import printable
from vidrobust.video.region import Cut, covered
from vidrobust.video.selection import Selection

# Batches made ahead on a thread.

T = TypeVar("T")


def prefetched(make: Callable[[], Generator[T]], depth: int) -> Generator[T]:
    """Yield what ``make()`` yields, made on its own thread, at most ``depth`` items ahead.

    The generator is started, run and closed on that thread; its exception reaches the caller in order.
    Closing this generator stops the thread and waits for it.
    """
    worker = _PrefetchThread(make, depth)
    worker.start()
    try:
        while (made := worker.queue.get()) is not None:
            if isinstance(made, BaseException):
                raise made
            worker.slots.release()
            yield made
            del made  # or the caller's item would be held while it waits for the next one
    finally:
        worker.stop()


class _PrefetchThread(Thread, Generic[T]):
    def __init__(self, make: Callable[[], Generator[T]], depth: int) -> None:
        super().__init__(name="vidrobust-prefetch", daemon=True)
        self.queue: SimpleQueue[T | BaseException | None] = SimpleQueue()
        self.slots = Semaphore(depth)
        self._make = make
        self._stopped = Event()

    def run(self) -> None:
        try:
            items = self._make()
            try:
                while self.slots.acquire() and not self._stopped.is_set():
                    item = next(items, None)
                    self.queue.put(item)
                    if item is None:
                        return
                    del item
            finally:
                items.close()
        except BaseException as error:
            self.queue.put(error)

    def stop(self) -> None:
        self._stopped.set()
        self.slots.release()
        self.join()


# Memory of batches, used again once nobody holds a view of it.


class Memory:
    def __init__(self, pictures: np.ndarray | torch.Tensor, upload: str | None = None) -> None:
        self._pictures, self._upload = pictures, upload
        self.shape = tuple(pictures.shape)

    def put(self, place: int, picture: np.ndarray | torch.Tensor) -> None:
        if isinstance(self._pictures, np.ndarray):
            self._pictures[place] = picture
        else:
            self._pictures[place].copy_(torch.as_tensor(picture))

    def pixels(self, count: int) -> tuple[torch.Tensor, np.ndarray | None]:
        """Return (count, 3, H, W), a view of the memory, or its copy on the upload device and the memory."""
        part = self._pictures[:count]
        if not isinstance(part, np.ndarray):
            return part.permute(0, 3, 1, 2), None
        tensor = torch.from_numpy(part)
        if self._upload is None:
            return tensor.permute(0, 3, 1, 2), None
        return tensor.to(self._upload, non_blocking=True).permute(0, 3, 1, 2), part


class BatchMemory:
    """Memory of batches, reused once no view of it is held: fresh pages cost more than the copy."""

    def __init__(self) -> None:
        self._owned: list[np.ndarray] = []

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return unshared memory with undefined contents."""
        self._owned = [memory for memory in self._owned if memory.shape == shape]
        for memory in self._owned:
            if sys.getrefcount(memory) == _UNSEEN:
                return memory.view()
        self._owned.append(np.empty(shape, np.uint8))
        return self._owned[-1].view()


def _count_references() -> int:
    for memory in [np.empty(0)]:
        return sys.getrefcount(memory)
    return 0


_UNSEEN = _count_references()


LATEST_S = 1e9  # no video is longer; time stamps of later times are no 64-bit numbers
# Batches are made ahead up to this many bytes, and one always
AHEAD_BYTES = 100 * 2**20


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """One decoded frame, not yet RGB: only wanted frames are converted."""

    index: int
    time_s: float
    corrupt: bool
    # () -> (H, W, 3) uint8 on the reader's device, valid until the next frame is decoded
    rgb: Callable[[], np.ndarray | torch.Tensor]
    # whether the coding is refreshed here, in a stream that also has other frames
    keyframe: bool = False
    stamp: int | None = None  # the time stamp in ticks of the stream, where the reader has one


class Reader(Protocol):
    """What a backend supplies; ``frames`` may be called again, from several threads at once."""

    info: VideoInfo
    device: str

    @property
    def path(self) -> Path: ...

    @property
    def problems(self) -> Sequence[str]: ...

    def frames(self, first: int = 0) -> Generator[Decoded]: ...

    def start_before(self, index: int) -> int:
        """The frame, at or before ``index``, from which ``frames(index)`` has to decode."""
        ...

    def index_before(self, time_s: float) -> int:
        """A frame number not after the first frame at ``time_s``; 0 is always right."""
        ...

    def close(self) -> None: ...


class FrameStream:
    """A reader and a selection as a VideoSource; batches decoded on the CPU are copied to ``upload``."""

    def __init__(
        self,
        reader: Reader,
        selection: Selection,
        *,
        prefetch: int,
        upload: str | None = None,
        cut: Cut | None = None,
    ) -> None:
        if prefetch < 0:
            raise SettingsError(f"prefetch: expected 0 or more batches, got {prefetch}")
        self._reader, self._selection = reader, selection
        self._prefetch, self._upload = prefetch, upload
        self._cut = cut or Cut()
        self._info = replace(self._cut.described(reader.info), uploaded_to=upload or "")
        self._found: dict[str, str] = {}
        self._open: WeakSet[Generator[FrameBatch]] = WeakSet()
        self._paused: list[tuple[Generator[Decoded], int]] = []  # where ``at`` left off

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def problems(self) -> Sequence[str]:
        return (*self._reader.problems, *self._found.values())

    @property
    def frame_counts(self) -> tuple[int, ...]:
        """Frame counts of the file by different decoders, the one here first; () if they agree."""
        return getattr(self._reader, "frame_counts", ())

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """Yield all selected frames in order, ``size`` at a time; a new frame size ends a batch early."""
        if size < 1:
            raise SettingsError(f"batch size: expected 1 or more, got {size}")
        depth = min(
            self._prefetch, max(AHEAD_BYTES // (size * self.info.width * self.info.height * 3), 1)
        )
        made = prefetched(lambda: self._made(size), depth) if depth else self._made(size)
        self._open.add(made)
        return made

    def at(self, indices: Sequence[int]) -> FrameBatch:
        """Return these frames (decoding order, from 0), in the order asked for.

        Decodes through the sorted numbers, and seeks if a key frame lies between two. InputError for a
        missing number, or if frames differ in size.
        """
        wanted = sorted(set(indices))
        if not wanted or wanted[0] < 0:
            raise InputError(
                f"{printable(self._reader.path)}: frames {list(indices)} cannot be read; numbers start at 0"
            )
        decoded: dict[int, tuple[np.ndarray | torch.Tensor, _Row]] = {}
        frames, position = self._left_off(wanted[0])
        try:
            for index in wanted:
                if frames is None or self._reader.start_before(index) > position + 1:
                    if frames is not None:
                        frames.close()
                    frames = self._reader.frames(index)
                for frame in frames:
                    position = frame.index
                    if position == index:
                        decoded[index] = (copied(self._cut(frame.rgb(), frame)), _row(frame))
                    if position >= index:
                        break
                if index not in decoded:
                    raise InputError(f"{printable(self._reader.path)}: has no frame {index}")
        except BaseException:
            if frames is not None:
                frames.close()
            raise
        self._leave(frames, position)
        shapes = {tuple(picture.shape) for picture, _ in decoded.values()}
        if len(shapes) > 1:
            raise InputError(
                f"{printable(self._reader.path)}: frames {list(indices)} are not all of one size"
            )
        memory = self._memory(len(indices), shapes.pop())
        for place, index in enumerate(indices):
            memory.put(place, decoded[index][0])
        return self._batch(memory, [decoded[index][1] for index in indices])

    def _left_off(self, first: int) -> tuple[Generator[Decoded] | None, int]:
        """Return the decoding that ``at`` left off, and its frame, if it leads to frame ``first``."""
        while self._paused:
            frames, position = self._paused.pop()
            if position < first:
                return frames, position
            frames.close()
        return None, -1

    def _leave(self, frames: Generator[Decoded] | None, position: int) -> None:
        if frames is None:
            return
        if self._reader.device == "cpu" and not self._paused:
            self._paused.append((frames, position))
        else:  # a device decoder belongs to the thread that opened it
            frames.close()

    def close(self) -> None:
        for made in list(self._open):
            made.close()
        while self._paused:
            self._paused.pop()[0].close()
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _made(self, size: int) -> Generator[FrameBatch]:
        start_s = self._selection.start_s
        first = 0 if start_s is None else self._reader.index_before(min(start_s, LATEST_S))
        frames = self._reader.frames(first)
        pool = BatchMemory()
        memory: Memory | None = None
        kept: list[_Row] = []
        delivered = False
        try:
            for frame in self._selection(covered(self._cut, frames)):
                picture = self._cut(frame.rgb(), frame)
                shape = tuple(picture.shape)
                if memory is not None and memory.shape[1:] != shape:
                    old = memory.shape[1:]
                    self._found[f"size {frame.index}"] = (
                        f"the frame size changes from {old[1]}x{old[0]} to {shape[1]}x{shape[0]} "
                        f"at frame {frame.index}"
                    )
                    if kept:
                        yield self._batch(memory, kept)
                    memory, kept = None, []
                if memory is None:
                    memory = self._memory(size, shape, pool)
                memory.put(len(kept), picture)
                kept.append(_row(frame))
                delivered = True
                del picture, frame  # or they would be held while the next one is decoded
                if len(kept) == size:
                    yield self._batch(memory, kept)
                    memory, kept = None, []
            if memory is not None and kept:
                yield self._batch(memory, kept)
            if not delivered:
                if start_s is None and self._selection.end_s is None:
                    raise InputError(
                        f"{printable(self._reader.path)}: gives no frame; {'; '.join(self.problems)}"
                    )
                self._found["range"] = (
                    f"no frame lies in the range of time that was asked for{self._length()}"
                )
        finally:
            frames.close()

    def _length(self) -> str:
        frames, rate = self.info.num_frames, self.info.frame_rate
        return f", of about {float(frames / rate):.4g} s" if frames and rate else ""

    def _memory(self, size: int, shape: tuple[int, ...], pool: BatchMemory | None = None) -> Memory:
        on_cpu = self._reader.device == "cpu"
        if on_cpu and self._upload is None:
            return Memory(pool.take((size, *shape)) if pool else np.empty((size, *shape), np.uint8))
        tensor = torch.empty(
            (size, *shape),
            dtype=torch.uint8,
            device="cpu" if on_cpu else self._reader.device,
            pin_memory=on_cpu,
        )
        return Memory(tensor.numpy() if on_cpu else tensor, self._upload)

    def _batch(self, memory: Memory, frames: Sequence[_Row]) -> FrameBatch:
        pixels, host = memory.pixels(len(frames))
        return FrameBatch(
            pixels=pixels,
            host=host,
            time_s=np.array([f.time_s for f in frames], np.float64),
            index=np.array([f.number for f in frames], np.int64),
            corrupt=np.array([f.corrupt for f in frames], np.bool_),
            item=self.info.name,
            keyframe=np.array([f.keyframe for f in frames], np.bool_),
            pts=np.array([f.pts for f in frames], np.int64),
        )


def copied(picture: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    """Copy one picture, not the batch that it may be a view of, as ``deepcopy`` does."""
    return picture.copy() if isinstance(picture, np.ndarray) else picture.clone()


class _Row(NamedTuple):
    number: int
    time_s: float
    corrupt: bool
    keyframe: bool
    pts: int


def _row(frame: Decoded) -> _Row:
    pts = NO_PTS if frame.stamp is None else frame.stamp
    return _Row(frame.index, frame.time_s, frame.corrupt, frame.keyframe, pts)
