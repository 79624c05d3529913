"""BlurPool: a small blur before a feature map is sampled more coarsely (Zhang 2019, arXiv 1904.11486)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

TRIANGLE = (1.0, 2.0, 1.0)
"""Tri-3 of the paper: odd, so that a blurred value lies where the sampled one lay."""


def kernel() -> np.ndarray:
    """(3, 3) float32, the outer product of the triangle with itself, summing to 1."""
    one = np.array(TRIANGLE) / sum(TRIANGLE)
    return np.outer(one, one).astype(np.float32)


class BlurPool(nn.Module):
    """(N, C, H, W) -> every ``stride``-th value of the map blurred channel by channel; edges are mirrored.

    As published (adobe/antialiased-cnns, blurpool.py), with filter size 3. The size is that of a map that is
    sampled from its first value on: ceil(H / stride).
    """

    def __init__(self, stride: tuple[int, int]) -> None:
        super().__init__()
        self.stride = stride
        self.register_buffer("kernel", torch.from_numpy(kernel()), persistent=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        mirrored = min(maps.shape[-2:]) > 1
        padded = functional.pad(maps, (1, 1, 1, 1), mode="reflect" if mirrored else "replicate")
        channels = maps.shape[1]
        weight = self.get_buffer("kernel").to(maps.dtype).expand(channels, 1, 3, 3)
        return functional.conv2d(padded, weight, stride=self.stride, groups=channels)


class BlurredMaxPool(nn.Module):
    """A max pool of a stride: the largest values at every place, then BlurPool; the size is that of the pool."""

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.pool = pool
        self.blur = BlurPool(pair(pool.stride))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        dense = functional.max_pool2d(
            self._reaching(maps), self.pool.kernel_size, 1, self.pool.padding, self.pool.dilation
        )
        blurred: torch.Tensor = self.blur(dense)
        return blurred

    def _reaching(self, maps: torch.Tensor) -> torch.Tensor:
        """Filled up where the pool rounds its size up, so that as many windows begin."""
        if not self.pool.ceil_mode:
            return maps
        size = self.pool(maps).shape[-2:]
        missing = [
            max(
                (size[axis] - 1) * stride + dilation * (width - 1) + 1 - maps.shape[axis - 2] - 2 * padding, 0
            )
            for axis, (stride, dilation, width, padding) in enumerate(
                zip(
                    pair(self.pool.stride),
                    pair(self.pool.dilation),
                    pair(self.pool.kernel_size),
                    pair(self.pool.padding),
                    strict=True,
                )
            )
        ]
        return functional.pad(maps, (0, missing[1], 0, missing[0]), value=float("-inf"))


def pair(size: int | tuple[int, ...]) -> tuple[int, int]:
    """A size along y and x."""
    return (size, size) if isinstance(size, int) else (size[0], size[-1])
