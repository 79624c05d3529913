"""A folder of frames, one image file each, as a video."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.footage.expand import images_in
from vidrobust.frames.batch import VideoInfo
from vidrobust.text.printable import printable
from vidrobust.video.color import ColorMode, Converter
from vidrobust.video.container import opened_video
from vidrobust.video.decoding import CheckedPass, PassReport
from vidrobust.video.description import RATE_UNKNOWN, describe, first_frame
from vidrobust.video.stream import Decoded


class ImageFolderReader:
    """The image files of one folder, in the order of the numbers in their names.

    Frame n is put at n / 25 s, as a note says. An unreadable image keeps its number.
    """

    device = "cpu"

    def __init__(self, folder: Path, *, item: str, color: ColorMode, reason: str) -> None:
        self.path, self._color = folder, color
        self._unreadable: dict[int, str] = {}
        try:
            self._files = images_in(folder)
        except OSError as error:
            raise InputError(
                f"{printable(folder)}: the folder cannot be listed ({error.strerror})"
            ) from error
        if not self._files:
            raise InputError(
                f"{printable(folder)}: holds no image; name a folder of frames, or a video"
            )
        self.info = self._describe(item, reason)

    @property
    def problems(self) -> tuple[str, ...]:
        if not self._unreadable:
            return ()
        first = self._unreadable[min(self._unreadable)]
        count = f"{len(self._unreadable)} of {len(self._files)} images cannot be read"
        return (f"{count}, the first: {first}",)

    def frames(self, first: int = 0) -> Generator[Decoded]:
        for index, path in enumerate(self._files[first:], first):
            checked = CheckedPass(partial(opened_video, path), PassReport()).frames()
            try:
                next(checked, None)  # it comes again with the verdict
                frame, damaged = next(checked, (None, False))
            except InputError as error:
                self._unreadable[index] = str(error)
                continue
            finally:
                checked.close()
            if frame is None:
                self._unreadable[index] = f"{printable(path)}: no picture could be decoded"
                continue
            yield Decoded(
                index=index,
                time_s=float(index / RATE_UNKNOWN),
                corrupt=damaged,
                rgb=partial(Converter(self._color), frame),
            )

    def close(self) -> None:
        """Nothing is held between passes."""

    def start_before(self, index: int) -> int:
        return index

    def index_before(self, time_s: float) -> int:
        return max(int(time_s * RATE_UNKNOWN) - 1, 0)

    def _describe(self, item: str, reason: str) -> VideoInfo:
        failure: InputError | None = None
        for path in self._files:
            try:
                with opened_video(path) as (container, stream):
                    frame = first_frame(path, container, stream)
                    info = describe(
                        container,
                        stream,
                        frame,
                        item=item,
                        backend="images",
                        device="cpu",
                        reason=reason,
                    )
            except InputError as error:
                failure = failure or error
                continue
            notes = (*info.notes, f"images have no time: {RATE_UNKNOWN} a second are assumed")
            return replace(info, frame_rate=RATE_UNKNOWN, num_frames=len(self._files), notes=notes)
        raise InputError(
            f"{printable(self.path)}: none of its {len(self._files)} images can be read"
        ) from failure
