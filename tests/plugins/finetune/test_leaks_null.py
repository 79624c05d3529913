"""The leak meter on networks of random weights and real footage: families that do not resemble are no leak."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import shufflenet_v2_x0_5

from vidrobust.models.preprocess import Preprocess
from vidrobust.plugins.finetune import leaks
from vidrobust.plugins.finetune.arms import ARMS
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.steps import Mixture, Step, conditions
from vidrobust.video.source import open_video

BRIGHTNESS = Step(key="brightness", low=-0.3, high=0.3, probability=0.5)
MIXTURE = Mixture(steps=(BRIGHTNESS,))
NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def frames(public_clips: Path) -> list[torch.Tensor]:
    """Eight pictures of four clips."""
    found = []
    for name in ("cars", "cups", "dog", "nasa"):
        with open_video(public_clips / f"{name}.mp4") as source:
            found += [
                picture[None, :, ::4, ::4].contiguous()
                for picture in source.at([0, 20]).pixels.cpu()
            ]
    return found


def convolutions() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(before, after, 3, stride=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, len(NAMES)))


def shufflenet() -> nn.Module:
    """Normalised as it was made, so that its features move along few directions, however they are changed."""
    return shufflenet_v2_x0_5(num_classes=len(NAMES))


@pytest.mark.parametrize("made", [convolutions, shufflenet])
@pytest.mark.parametrize("seed", range(3))
def test_a_policy_of_brightness_is_no_training_for_other_families(
    made: Callable[[], nn.Module], seed: int, frames: list[torch.Tensor], tmp_path: Path
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = made().eval()
    size = Preprocess(size=32, mean=(127.0,) * 3, std=(64.0,) * 3)
    net = TrainableClassifier(module, size, NAMES, False, torch.device("cpu"))
    arms = {"policy": (ARMS["policy"], MIXTURE)}
    judges = conditions(MIXTURE.steps, (1.0,))
    found = leaks.table_of(
        "network", net, arms, {"policy": ("light",)}, frames, judges, tmp_path, "key"
    )
    unlike = found[~found["trained"]]
    assert len(unlike) == 6
    assert "leak" not in set(unlike["verdict"]), unlike[["judged", "covered", "low", "chance"]]
    if made is convolutions:  # of the family itself it says so
        assert found.set_index("judged").loc["brightness", "verdict"] == "leak"
    assert not any("no test of the unseen" in line for line in leaks.sentences(found))
