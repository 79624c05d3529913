"""The protocol of all frame sources, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from vidrobust.frames import FrameBatch, VideoInfo
from vidrobust.video.expand import Expanded, Item, LeftOut, expand_sources

__all__ = ["Expanded", "Item", "LeftOut", "VideoSource", "expand_sources", "open_video"]


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


def open_video(
    path: str | PathLike[str],
    *,
    item: str | None = None,
    backend: str = "auto",
    device: str = "auto",
    strict_device: bool = False,
    color: str = "fast",
    every: int = 1,
    fps: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    prefetch: int = 2,
    allow_network: bool = False,
) -> VideoSource:
    """The frames of one video, animation or folder of frames; raises InputError naming the path."""
    from vidrobust.video.color import check_color
    from vidrobust.video.pyav import PyAVReader
    from vidrobust.video.stream import FrameStream, Selection

    path = Path(path)
    reader = PyAVReader(
        path, item=item or path.stem, color=check_color(color), reason="PyAV on the CPU is the default"
    )
    selection = Selection(every=every, fps=fps, start_s=start_s, end_s=end_s)
    return FrameStream(reader, selection, prefetch=prefetch)
