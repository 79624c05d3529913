"""Real frames with something to detect, decoded by PyAV alone."""

import av
import numpy as np
import pytest
import torch


def frames(path, numbers):
    """These frames of a clip, (N, 3, H, W) uint8 RGB, a view of (N, H, W, 3)."""
    found = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in numbers:
                found.append(frame.to_ndarray(format="rgb24"))
            if number >= max(numbers):
                break
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)


@pytest.fixture(scope="session")
def bottles(corpus):
    return frames(corpus / "factory" / "intel_bottle-detection.mp4", (0, 350, 666, 700))


@pytest.fixture(scope="session")
def cars(corpus):
    return frames(corpus / "objects" / "intel_car-detection.mp4", (75, 210, 225, 345))
