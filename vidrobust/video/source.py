"""The protocol of all frame sources, and the choice among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from vidrobust.errors import InputError
from vidrobust.extensions import Extensions, extensions
from vidrobust.frames.batch import FrameBatch, VideoInfo
from vidrobust.frames.device import resolve_or_cpu
from vidrobust.video.selection import Selection

if TYPE_CHECKING:
    from vidrobust.video.region import Cut
    from vidrobust.video.stream import Reader

EVERY_FRAME = Selection()
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

    def __exit__(self, *error: object) -> None:
        self.close()


@dataclass(frozen=True, kw_only=True)
class VideoFormat:
    """Files whose pictures a plugin reads."""

    name: str
    suffixes: tuple[str, ...]  # in small letters, with the dot
    open: Callable[[Path, str], Reader]  # (path, name of the input) -> its pictures, on the CPU


@cache
def provided() -> Extensions[VideoFormat]:
    return extensions(GROUP, VideoFormat, lambda form: form.name)


def open_video(
    path: str | PathLike[str],
    *,
    item: str | None = None,
    backend: str = "auto",
    device: str = "auto",
    color: str = "fast",
    selection: Selection = EVERY_FRAME,
    cut: Cut | None = None,
    prefetch: int = 2,
) -> VideoSource:
    """Open the frames of one video, animation or folder of frames.

    item           the name in every result table; by default the stem of the file
    backend        auto (PyAV on the CPU; on a GPU what works of torchcodec, PyAV), pyav, torchcodec, decord
    device         where the pictures are delivered: auto (a GPU if there is one), cpu, cuda:N; ``info.reason``
                   states a fallback
    color          fast (the bytes of ffmpeg, OpenCV and PyAV) or accurate (no bias)
    selection      which frames: a range of time, every so many-th, so many a second
    cut            a ``Region`` of the upright frame, or an ``ObjectCut``: the window about an object
    prefetch       batches decoded ahead on a thread; 0 decodes on the caller's

    >>> with open_video("line.mp4", selection=Selection(every=5)) as video:
    ...     for batch in video.batches(16):
    ...         model(batch.pixels)

    Raises InputError with the path for unreadable input, SettingsError for the rest.
    """
    from vidrobust.video.choice import VideoRequest, check_backend, choose, routes
    from vidrobust.video.color import check_color
    from vidrobust.video.images import ImageFolderReader
    from vidrobust.video.stream import FrameStream

    where = Path(path)
    name = item or where.stem or str(path)
    mode = check_color(color)
    check_backend(backend)
    target, swapped = resolve_or_cpu(device)
    upload = None if target == "cpu" else target
    forms = (form for form in provided().records if where.suffix.lower() in form.suffixes)
    reader: Reader
    if os.path.isdir(where):
        reason = "images are decoded on the CPU by PyAV"
        reader = ImageFolderReader(where, item=item or where.name, color=mode, reason=reason)
    elif form := next(forms, None):
        reader = form.open(where, name)
    else:
        asked = VideoRequest(path=where, item=name, color=mode)
        chosen = choose(routes(asked, backend=backend, device=target), swapped=swapped)
        reader, upload = chosen.reader, chosen.upload
    try:
        return FrameStream(reader, selection, prefetch=prefetch, upload=upload, cut=cut)
    except BaseException:
        reader.close()
        raise


def first_batch(source: VideoSource, size: int) -> FrameBatch:
    """Return the first ``size`` selected frames; InputError if the range holds none."""
    batches = source.batches(size)
    batch = next(batches, None)
    if batch is None:
        raise InputError(f"{source.info.name}: {'; '.join(source.problems)}")
    return batch
