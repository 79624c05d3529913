"""The protocol of all frame sources, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from vidrobust.frames import FrameBatch, VideoInfo


@runtime_checkable
class VideoSource(Protocol):
    """A video, an animation or a folder of frames, as a stream of FrameBatch. A context manager."""

    @property
    def info(self) -> VideoInfo: ...

    @property
    def problems(self) -> Sequence[str]:
        """What was found wrong so far, a sentence each; complete after the last batch."""
        ...

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """All selected frames in order, ``size`` at a time; may be called again to start over."""
        ...

    def at(self, indices: Sequence[int]) -> FrameBatch:
        """Exactly these frames (decoding order, from 0), in the order asked for."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
