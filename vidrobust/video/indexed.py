"""Readers that number the frames themselves (torchcodec, decord), held against what the packets say."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from vidrobust.errors import InputError
from vidrobust.text.printable import printable
from vidrobust.video.container import open_container, video_stream
from vidrobust.video.description import describe, first_frame
from vidrobust.video.frame_table import FrameTable, refreshes
from vidrobust.video.side_data import SEVERAL_VIEWS, has_several_views
from vidrobust.video.stream import Decoded

CHUNK = 8  # frames asked for at once
SAME_TIME_S = 2e-3  # decord keeps times in single precision, Matroska in milliseconds

Picture = tuple["np.ndarray | torch.Tensor", float]


class IndexedDecoder(Protocol):
    """An open decoder of one file."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[Picture]:
        """(H, W, 3) uint8 RGB and time in seconds of frames ``start`` to ``stop``."""
        ...


class IndexedReader:
    """A file read by a decoder that is not ours; opened anew for each pass.

    These decoders say nothing of damage, and some lose or repeat frames of edit lists and MPEG-TS. So the
    number and the times of their frames are compared with the packets of the file, and what differs is a
    problem: ``mismatch`` says what is known of it when the file is opened, or is None; the times are compared
    as the frames are delivered.
    """

    def __init__(
        self,
        path: Path,
        *,
        item: str,
        backend: str,
        device: str,
        reason: str,
        open_decoder: Callable[[], IndexedDecoder],
    ) -> None:
        self.device = device
        self.path, self._backend, self._open = path, backend, open_decoder
        self._failures: dict[str, str] = {}
        with open_container(path) as container:
            stream = video_stream(container, path)
            frame = first_frame(path, container, stream)
            self.info, _ = describe(
                container, stream, frame, item=item, backend=backend, device=device, reason=reason
            )
            if has_several_views(frame):
                self._failures["views"] = SEVERAL_VIEWS
            self._tick = float(stream.time_base or 1)
        with open_container(path) as container:
            self._table = FrameTable.from_packets(container, video_stream(container, path))
        with open_container(path) as container:
            self._refreshes = refreshes(container, video_stream(container, path))
        self.mismatch = self._compare(self._opened())

    @property
    def problems(self) -> tuple[str, ...]:
        return (*((self.mismatch,) if self.mismatch else ()), *self._failures.values())

    def frames(self, first: int = 0) -> Generator[Decoded]:
        """Every frame from number ``first``."""
        decoder = self._opened()
        for start in range(first, len(decoder), CHUNK):
            stop = min(start + CHUNK, len(decoder))
            try:
                pictures = list(decoder.read(start, stop))
            except Exception as error:  # these libraries raise whatever they like
                self._failures["stopped"] = (
                    f"{self._backend} stopped at frame {start} of {len(decoder)} ({_line(error)})"
                )
                return
            for index, (picture, time_s) in enumerate(pictures, start):
                self._check_time(index, time_s)
                if picture.ndim != 3 or picture.shape[2] != 3:
                    self._failures["shape"] = (
                        f"{self._backend} stopped at frame {index}: pictures of shape {tuple(picture.shape)}"
                    )
                    return
                yield Decoded(
                    index=index,
                    time_s=time_s,
                    corrupt=False,
                    keyframe=self._is_keyframe(index),
                    rgb=partial(_same, picture),
                )

    def close(self) -> None:
        """Nothing is held between passes."""

    def start_before(self, index: int) -> int:
        return index

    def index_before(self, time_s: float) -> int:
        if self._table is None or self.mismatch is not None:
            return 0
        return max(self._table.index_after(int(time_s / self._tick) - 1) - 1, 0)

    def _opened(self) -> IndexedDecoder:
        try:
            return self._open()
        except Exception as error:  # these libraries raise whatever they like
            raise InputError(
                f"{printable(self.path)}: {self._backend} cannot read it ({_line(error)})"
            ) from error

    def _compare(self, decoder: IndexedDecoder) -> str | None:
        if self._table is None:
            return f"the frames of {self._backend} cannot be checked: the packets have no usable time stamps"
        if len(self._table) != len(decoder):
            return f"{self._backend} gives {len(decoder)} frames, the file holds {len(self._table)} packets"
        return None

    def _is_keyframe(self, index: int) -> bool:
        """By the packets; False where they cannot be matched with what the decoder gives."""
        known = self._table is not None and self.mismatch is None and self._refreshes
        return known and self._table is not None and self._table.key_before(index) == index

    def _check_time(self, index: int, time_s: float) -> None:
        """Note the first frame that is not shown when the file says."""
        if self._table is None or index >= len(self._table) or "time" in self._failures:
            return
        stated = self._table.stamps[index] * self._tick
        if abs(time_s - stated) > SAME_TIME_S:
            self._failures["time"] = (
                f"{self._backend} puts frame {index} at {time_s:.3f} s, the file at {stated:.3f} s"
            )


def _same(picture: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    return picture


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
