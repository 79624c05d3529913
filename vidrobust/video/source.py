"""The protocol of all frame sources, and the choice among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from vidrobust.errors import InputError, SettingsError
from vidrobust.extensions import Extensions, extensions
from vidrobust.footage.item import ObjectBoxes, Roi
from vidrobust.frames.batch import FrameBatch, VideoInfo

if TYPE_CHECKING:
    from vidrobust.video.stream import Reader

GROUP = "vidrobust.formats"  # group of entry points in which a package names a VideoFormat


@runtime_checkable
class VideoSource(Protocol):
    """A video, an animation or a folder of frames, as a stream of FrameBatch. A context manager."""

    @property
    def info(self) -> VideoInfo: ...

    @property
    def problems(self) -> Sequence[str]:
        """Problems found so far, a sentence each; complete after the last batch."""
        ...

    def batches(self, size: int) -> Iterator[FrameBatch]:
        """Yield all selected frames in order, ``size`` at a time; may be called again."""
        ...

    def at(self, indices: Sequence[int]) -> FrameBatch:
        """These frames (decoding order, from 0), in the order asked for."""
        ...

    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """Files whose pictures a plugin reads."""

    name: str
    suffixes: tuple[str, ...]  # in small letters, with the dot
    open: Callable[[Path, str], Reader]  # (path, name of the input) -> its pictures, on the CPU


@cache
def brought() -> Extensions[VideoFormat]:
    return extensions(GROUP, VideoFormat, lambda each: each.name)


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
    roi: Roi | None = None,
    boxes: ObjectBoxes | None = None,
    crop_margin: float = 0.1,
    crop_size: int = 256,
    prefetch: int = 2,
    origin: tuple[int, float] | None = None,
) -> VideoSource:
    """Open the frames of one video, animation or folder of frames.

    item           the name in every result table; by default the stem of the file
    backend        auto (PyAV on the CPU; on a GPU what works of torchcodec, PyAV), pyav, torchcodec, decord
    device         where the pictures are delivered: auto (a GPU if there is one), cpu, cuda:N
    strict_device  decode there or fail; else ``info.reason`` states a fallback
    color          fast (the bytes of the ffmpeg program) or accurate (no bias)
    every, fps     every so many-th frame, or the first frame of each 1/fps seconds
    start_s, end_s only frames with start_s <= time < end_s, in seconds by the file's time stamps
    roi            x, y, width, height in px of the upright frame, to which pictures are cut
    boxes          where an object is: frames that have it are cut to the window about it, with ``crop_margin`` of
                   its longer side on each side, and resized to ``crop_size`` px square
    prefetch       batches decoded ahead on a thread; 0 decodes on the caller's
    origin         number and time of the frame from which every and fps count; by default the first of the range

    >>> with open_video("line.mp4", every=5) as video:
    ...     for batch in video.batches(16):
    ...         model(batch.pixels)

    Raises InputError with the path for unreadable input, SettingsError for the rest.
    """
    from vidrobust.video.choice import VideoRequest, check_backend, choose, resolve_target, routes
    from vidrobust.video.color import check_color
    from vidrobust.video.images import ImageFolderReader
    from vidrobust.video.region import Cut, ObjectCut, Region
    from vidrobust.video.selection import Origin, Selection
    from vidrobust.video.stream import FrameStream

    where = Path(path)
    name = item or where.stem or str(path)
    mode = check_color(color)
    check_backend(backend)
    if roi is not None and boxes is not None:
        raise SettingsError("roi and boxes: give one of the two")
    cut: Cut | None = Region(roi, where) if roi is not None else None
    if boxes is not None:
        cut = ObjectCut(boxes=boxes, margin=crop_margin, size=crop_size)
    counted = None if origin is None else Origin(*origin)
    selection = Selection(every=every, fps=fps, start_s=start_s, end_s=end_s, origin=counted)
    target, swapped = resolve_target(device, strict=strict_device)
    if os.path.isdir(where):
        reason = "images are decoded on the CPU by PyAV"
        images = ImageFolderReader(where, item=item or where.name, color=mode, reason=reason)
        upload = None if target == "cpu" else target
        return FrameStream(images, selection, prefetch=prefetch, upload=upload, cut=cut)
    for form in brought().records:
        if where.suffix.lower() in form.suffixes:
            upload = None if target == "cpu" else target
            return FrameStream(
                form.open(where, name), selection, prefetch=prefetch, upload=upload, cut=cut
            )
    asked = VideoRequest(path=where, item=name, color=mode)
    tried = routes(asked, backend=backend, device=target)
    chosen = choose(tried, strict=strict_device, swapped=swapped)
    try:
        return FrameStream(
            chosen.reader, selection, prefetch=prefetch, upload=chosen.upload, cut=cut
        )
    except BaseException:
        chosen.reader.close()
        raise


def first_batch(source: VideoSource, size: int) -> FrameBatch:
    """Return the first ``size`` selected frames; InputError if the range holds none."""
    batches = source.batches(size)
    batch = next(batches, None)
    if batch is None:
        raise InputError(f"{source.info.name}: {'; '.join(source.problems)}")
    return batch
