"""A hash of what an item shows, whatever container it came in, to find copies."""

from __future__ import annotations

import hashlib

import numpy as np

from vidrobust.frames import FrameBatch


class DecodedHash:
    """BLAKE2b over the decoded pictures of an item, whatever container they came in."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def feed(self, batch: FrameBatch) -> None:
        pixels = batch.pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        self._hash.update(np.array(pixels.shape[1:], np.int64).tobytes())
        self._hash.update(pixels.data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
