"""A source that keeps frames for later stages, within bounds of memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from vidrobust.errors import InputError
from vidrobust.frames.batch import VECTORS, FrameBatch, VideoInfo
from vidrobust.video.source import VideoSource

KEPT_BYTES = 256 * 2**20  # frames are kept up to so many bytes
# Of those that are decoded beforehand, so many at once: while they are put together they are there twice
PASS_BYTES = 128 * 2**20


@dataclass(frozen=True)
class _BatchRow:
    batch: FrameBatch
    row: int


class KeptFrames(VideoSource):
    """A source whose kept frames need no second decoding.

    Frames of ``batches`` are kept if all fit, by the header; else ``keep`` decodes those that will be asked
    for. Kept frames are never written to.
    """

    def __init__(self, source: VideoSource, limit_bytes: int = KEPT_BYTES) -> None:
        self._source, self._left = source, limit_bytes
        self._kept: dict[int, _BatchRow] = {}

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def problems(self) -> Sequence[str]:
        return self._source.problems

    @property
    def frame_counts(self) -> tuple[int, ...]:
        return getattr(self._source, "frame_counts", ())

    def batches(self, size: int) -> Iterator[FrameBatch]:
        count = self.info.num_frames
        fits = count is not None and count * self._frame_bytes() <= self._left
        for batch in self._source.batches(size):
            if fits:
                fits = self._hold(batch)
            yield batch

    def keep(self, indices: Sequence[int]) -> None:
        """Decode these frames in one pass, as far as there is room."""
        missing = sorted({int(index) for index in indices} - set(self._kept))
        room = max(0, self._left // self._frame_bytes())
        few = max(1, PASS_BYTES // self._frame_bytes())
        for start in range(0, min(room, len(missing)), few):
            try:
                found = self._source.at(missing[start : min(start + few, room)])
            except InputError:  # of several sizes, say: reported where they are asked for
                return
            self._hold(found)

    def at(self, indices: Sequence[int]) -> FrameBatch:
        """Return these frames in the order asked for; kept ones are copied."""
        places = [self._kept.get(int(index)) for index in indices]
        known = [place for place in places if place is not None]
        if len(known) < len(places) or not known:
            return self._source.at(indices)
        pictures = [place.batch.pixels[place.row] for place in known]
        if len({picture.shape for picture in pictures}) > 1:
            return self._source.at(indices)  # says what is wrong
        host = None
        if pictures[0].device.type != "cpu" and all(place.batch.has_pictures for place in known):
            host = np.stack([place.batch.pictures[place.row] for place in known])
        return FrameBatch(
            pixels=torch.stack(pictures),
            host=host,
            item=known[0].batch.item,
            **{
                name: np.array([getattr(place.batch, name)[place.row] for place in known])
                for name in VECTORS
            },
        )

    def close(self) -> None:
        self._kept.clear()
        self._source.close()

    def _frame_bytes(self) -> int:
        return 3 * self.info.width * self.info.height

    def _hold(self, batch: FrameBatch) -> bool:
        size = batch.pixels.numel()
        if size > self._left:
            return False
        self._left -= size
        self._kept.update(
            {int(index): _BatchRow(batch, row) for row, index in enumerate(batch.index)}
        )
        return True
