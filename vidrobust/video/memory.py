"""The memory of batches: numpy on the CPU, torch on a device, used again once nobody looks at it."""

from __future__ import annotations

import sys

import numpy as np
import torch


class Memory:
    """The pixels of one batch, (N, H, W, 3) uint8, in numpy on the CPU and in torch on a device."""

    def __init__(self, pictures: np.ndarray | torch.Tensor, upload: str | None = None) -> None:
        self._pictures, self._upload = pictures, upload
        self.shape = tuple(pictures.shape)

    def put(self, place: int, picture: np.ndarray | torch.Tensor) -> None:
        if isinstance(self._pictures, np.ndarray):
            self._pictures[place] = picture
        else:
            self._pictures[place].copy_(torch.as_tensor(picture))

    def pixels(self, count: int) -> torch.Tensor:
        """(count, 3, H, W), a view of the memory, or its copy on the device it is uploaded to."""
        part = self._pictures[:count]
        tensor = torch.from_numpy(part) if isinstance(part, np.ndarray) else part
        if self._upload is not None:
            tensor = tensor.to(self._upload)
        return tensor.permute(0, 3, 1, 2)


class Pool:
    """Memory of batches, used again once nobody holds a view of it: fresh pages cost more than the copy."""

    def __init__(self) -> None:
        self._owned: list[np.ndarray] = []

    def take(self, shape: tuple[int, ...]) -> np.ndarray:
        """A view of memory that nobody else can see; its contents are undefined."""
        self._owned = [memory for memory in self._owned if memory.shape == shape]
        for memory in self._owned:
            if sys.getrefcount(memory) == _UNSEEN:
                return memory.view()
        self._owned.append(np.empty(shape, np.uint8))
        return self._owned[-1].view()


def _count_references() -> int:
    """What sys.getrefcount says inside such a loop of an array that only the list holds."""
    for memory in [np.empty(0)]:
        return sys.getrefcount(memory)
    return 0


_UNSEEN = _count_references()
