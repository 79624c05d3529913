"""Small made frames with a known answer, for tests that need no real footage."""

import cv2
import numpy as np
import torch

from vidrobust.frames.batch import FrameBatch

RATE = 25.0


def texture(seed, height=90, width=160):
    """A smooth coloured random picture, (height, width, 3) uint8, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 15, width // 16, 3)).astype(np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def batch_of(frames, first=0, corrupt=()):
    """The frames as one batch at 25 frames/s, the first of them number ``first``."""
    count = len(frames)
    index = np.arange(first, first + count)
    return FrameBatch(
        pixels=torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2),
        time_s=index / RATE,
        index=index.astype(np.int64),
        corrupt=np.isin(index, corrupt),
        item="made",
    )
