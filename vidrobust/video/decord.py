"""Frames by decord, on the CPU; of the time of FFmpeg 4, so without AV1."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.install_hint import pip_install
from vidrobust.video.color import ColorMode
from vidrobust.video.indexed import IndexedReader, Picture


def open_decord(path: Path, *, item: str, color: ColorMode, reason: str) -> IndexedReader:
    """The file read by decord; raises SettingsError where decord is not to be had."""
    if color != "fast":
        raise SettingsError("color: 'accurate' is offered by the backend pyav alone; use that, or 'fast'")
    try:
        import decord
    except (ImportError, OSError) as error:
        raise SettingsError(
            f"backend decord is not installed; {pip_install('decord')}, or use the backend pyav"
        ) from error
    decord.logging.set_level(decord.logging.QUIET)
    return IndexedReader(
        path,
        item=item,
        backend="decord",
        device="cpu",
        reason=reason,
        open_decoder=lambda: _Decord(decord, path),
    )


class _Decord:
    def __init__(self, decord: Any, path: Path) -> None:
        self._video = decord.VideoReader(str(path.absolute()), ctx=decord.cpu(0))

    def __len__(self) -> int:
        return len(self._video)

    def read(self, start: int, stop: int) -> Iterator[Picture]:
        for index in range(start, stop):
            yield self._video[index].asnumpy(), float(self._video.get_frame_timestamp(index)[0])
