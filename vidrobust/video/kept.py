"""A source that keeps frames for later stages, within bounds of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from vidrobust.errors import InputError
from vidrobust.frames.batch import VECTORS, FrameBatch, VideoInfo
from vidrobust.video.source import VideoSource

KEPT_BYTES = 256 * 2**20  # frames are kept up to so many bytes
# Of those that are decoded beforehand, so many at once: while they are put together they are there twice
PASS_BYTES = 64 * 2**20


class KeptFrames(VideoSource):
    """A source whose kept frames need no second decoding.

    Frames of ``batches`` are kept if all fit, by the header. Else ``keep`` names those that will be asked for, about
    in their order: they are decoded ahead, as many as there is room for, and those before what is asked for go.
    Kept frames are never written to.
    """

    def __init__(self, source: VideoSource, limit_bytes: int = KEPT_BYTES) -> None:
        self._source, self._left = source, limit_bytes
        self._kept: dict[int, tuple[FrameBatch, int]] = {}  # batch and row of each frame
        # what will be asked for, in order; empty where all of it is kept
        self._coming: list[int] = []
        self._blocks: list[FrameBatch] = []  # what was decoded ahead

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

    def keep(self, indices: Iterable[int], later: Iterable[int] = ()) -> None:
        """Keep the frames that will be asked for next, and those that later work needs if all fit."""
        now = {int(index) for index in indices}
        both = now | {int(index) for index in later}
        if len(both - set(self._kept)) <= self._room():
            self._coming = []
            while missing := sorted(both - set(self._kept)):
                if not self._decode(missing):
                    return
        else:
            self._coming = sorted(now)

    def at(self, indices: Sequence[int]) -> FrameBatch:
        """Return these frames in the order asked for; kept ones are copied."""
        wanted = [int(index) for index in indices]
        if self._coming and wanted:
            self._look_ahead(wanted)
        known = [self._kept[index] for index in wanted if index in self._kept]
        if len(known) < len(wanted) or not known:
            return self._source.at(indices)
        pictures = [batch.pixels[row] for batch, row in known]
        if len({picture.shape for picture in pictures}) > 1:
            return self._source.at(indices)  # says what is wrong
        host = None
        if pictures[0].device.type != "cpu" and all(batch.has_pictures for batch, _ in known):
            host = np.stack([batch.pictures[row] for batch, row in known])
        return FrameBatch(
            pixels=torch.stack(pictures),
            host=host,
            item=known[0][0].item,
            **{
                name: np.array([getattr(batch, name)[row] for batch, row in known])
                for name in VECTORS
            },
        )

    def close(self) -> None:
        self._kept.clear()
        self._blocks.clear()
        self._source.close()

    def _look_ahead(self, wanted: Sequence[int]) -> None:
        """Decode the frames from the first wanted one that is not kept, in place of those before."""
        if not (missing := sorted(set(wanted) - set(self._kept))):
            return
        coming = {index for index in self._coming if index >= missing[0]}
        block = sorted(coming.union(missing))[: self._block_frames()]
        if missing[-1] > block[-1]:  # far apart
            return
        back = bool(self._blocks) and missing[0] < self._blocks[-1].index[0]
        for old in list(self._blocks):
            if back or old.index[-1] < min(wanted):
                self._drop(old)
        self._decode(block)

    def _decode(self, indices: Sequence[int]) -> bool:
        """Keep the first of these frames; whether there was room and all could be read."""
        few = min(self._block_frames(), self._room())
        try:
            block = self._source.at(indices[:few]) if few else None
        except InputError:  # of several sizes, say: reported where they are asked for
            return False
        if block is None or not self._hold(block):
            return False
        self._blocks.append(block)
        return True

    def _block_frames(self) -> int:
        return max(1, PASS_BYTES // self._frame_bytes())

    def _drop(self, block: FrameBatch) -> None:
        self._blocks = [other for other in self._blocks if other is not block]
        self._left += block.pixels.numel()
        for index in block.index.tolist():
            self._kept.pop(index, None)

    def _room(self) -> int:
        return max(0, self._left // self._frame_bytes())

    def _frame_bytes(self) -> int:
        return 3 * self.info.width * self.info.height

    def _hold(self, batch: FrameBatch) -> bool:
        size = batch.pixels.numel()
        if size > self._left:
            return False
        self._left -= size
        self._kept |= {int(index): (batch, row) for row, index in enumerate(batch.index)}
        return True
