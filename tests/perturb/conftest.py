"""A picture with edges, colours and texture, made from numbers, so that tests need no file."""

import cv2
import numpy as np
import pytest
import torch


def make_picture(h, w, seed=0):
    """(3, h, w) uint8: coloured blots of several sizes, a bright disk and a dark bar."""
    rng = np.random.default_rng(seed)
    field = np.zeros((h, w, 3), np.float32)
    for cells, weight in ((3, 70), (9, 30), (40, 12)):
        coarse = rng.standard_normal((cells, cells, 3)).astype(np.float32)
        field += weight * cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC).reshape(h, w, 3)
    array = np.clip(field + 120, 0, 255).astype(np.uint8)
    cv2.circle(array, (w // 3, h // 3), max(1, min(h, w) // 5), (250, 220, 40), -1)
    cv2.rectangle(array, (w // 2, h // 2), (w * 7 // 8, h * 5 // 8), (15, 25, 60), -1)
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()


@pytest.fixture(scope="session")
def pictures():
    """(3, 3, 61, 83) uint8, three different pictures."""
    return torch.stack([make_picture(61, 83, seed) for seed in range(3)])
