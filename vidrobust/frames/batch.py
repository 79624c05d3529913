"""VideoInfo and FrameBatch, the only picture format between the stages, and hashes of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import xxhash

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """A source as it will be delivered; sizes in px after rotation.

    ``num_frames`` is what the header claims, or None.
    """

    name: str
    width: int
    height: int
    frame_rate: Fraction
    num_frames: int | None
    codec: str
    pixel_format: str
    color_space: str = "unknown"
    color_range: str = "unknown"
    rotation: int = 0
    backend: str
    device: str  # where it is decoded
    reason: str  # why this backend and device were taken, in one sentence
    # what is odd but harmless: interlaced, alpha dropped, variable frame rate
    notes: tuple[str, ...] = ()
    uploaded_to: str = ""  # the device that batches decoded on the CPU are copied to

    @property
    def delivered_on(self) -> str:
        """The device on which models get frames."""
        return self.uploaded_to or self.device


NO_PTS = -(2**63)  # the time stamp of a frame that has none
# What a batch holds of each frame besides its pixels, and the type
VECTORS = {
    "time_s": np.float64,
    "index": np.int64,
    "corrupt": np.bool_,
    "keyframe": np.bool_,
    "pts": np.int64,
}


@dataclass(frozen=True, kw_only=True)
class FrameBatch:
    """Consecutively delivered frames of one source, all of one size."""

    # (N, 3, H, W) uint8 RGB, any device; may be a strided view of (N, H, W, 3) memory; on the device "meta",
    # without memory, where answers came without pictures
    pixels: torch.Tensor
    # (N,) float64, seconds from the first frame of the file, by the presentation time stamps
    time_s: np.ndarray
    index: np.ndarray  # (N,) int64, the frame's number in decoding order, from 0
    corrupt: np.ndarray  # (N,) bool, True where the decoder met damaged data
    item: str  # the name of the source in every result table
    # (N,) bool, True where decoding can begin in a stream that also has other frames, so that the coding is
    # refreshed there; all False where that is not known, or every frame is coded alone
    keyframe: np.ndarray = field(default_factory=lambda: np.zeros(0, np.bool_))
    # (N,) int64, presentation time stamp in ticks of the stream; NO_PTS where there is none
    pts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    # (N, H, W, 3) uint8, the same pictures in main memory where they were before they were copied to a device
    host: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.pixels.shape)
        if str(self.pixels.dtype) != "torch.uint8" or len(shape) != 4 or shape[1] != 3:
            raise ValueError(
                f"FrameBatch.pixels: expected uint8 of shape (N, 3, H, W), got {self.pixels.dtype} {shape}"
            )
        if not len(self.keyframe):
            object.__setattr__(self, "keyframe", np.zeros(shape[0], np.bool_))
        if not len(self.pts):
            object.__setattr__(self, "pts", np.full(shape[0], NO_PTS, np.int64))
        for name, dtype in VECTORS.items():
            value = getattr(self, name)
            if value.shape != (shape[0],) or value.dtype != dtype:
                raise ValueError(
                    f"FrameBatch.{name}: expected {np.dtype(dtype)} of shape ({shape[0]},), "
                    f"got {value.dtype} {value.shape}"
                )

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    @cached_property
    def pictures(self) -> np.ndarray:
        """(N, H, W, 3) uint8 in main memory, not to be written to; a device is asked for it once."""
        if self.host is not None:
            return self.host
        rows = self.pixels.permute(0, 2, 3, 1)
        if rows.is_meta:
            return np.broadcast_to(np.uint8(0), tuple(rows.shape))
        if rows.device.type == "cpu":
            return rows.contiguous().numpy()
        import torch

        memory = torch.empty(rows.shape, dtype=torch.uint8, pin_memory=True)
        memory.copy_(rows, non_blocking=True)
        torch.cuda.current_stream(rows.device).synchronize()
        return memory.numpy()

    @property
    def has_pictures(self) -> bool:
        """Whether ``pictures`` costs no copy from a device."""
        return self.host is not None or "pictures" in self.__dict__

    def rows(self, keep: np.ndarray) -> FrameBatch:
        """Some of the frames, in order; keep (N,) bool."""
        vectors = {name: getattr(self, name)[keep] for name in VECTORS}
        host = self.pictures[keep] if self.has_pictures else None
        pixels = self.pixels[np.flatnonzero(keep)]
        return FrameBatch(pixels=pixels, item=self.item, host=host, **vectors)


def frame_hashes(pictures: np.ndarray) -> np.ndarray:
    """Return (N,) str, XXH3 (64 bits) of the RGB bytes of (N, H, W, 3) frames; .45 ms a frame of 1080p."""
    return np.array([xxhash.xxh3_64_hexdigest(memoryview(picture)) for picture in pictures], object)


class DecodedHash:
    """XXH3 (128 bits) of the sizes and RGB bytes of all frames fed, in order.

    Independent of batches, names, containers and time stamps: a remuxed or losslessly recoded file has the
    same.
    """

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_128()
        self.frames = 0

    def feed(self, batch: FrameBatch) -> None:
        for picture in batch.pictures:
            self._hash.update(f"{picture.shape[1]}x{picture.shape[0]}\n".encode())
            self._hash.update(memoryview(picture))
        self.frames += len(batch)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
