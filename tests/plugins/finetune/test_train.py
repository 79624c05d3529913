"""The loop on a small network: reproducible, leaves the original alone, learns what it is shown."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from vidrobust.errors import SettingsError
from vidrobust.models.load import load_as_it_is
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.rebuilt.blur import BlurPool, blurred
from vidrobust.plugins.finetune.arms import ARMS
from vidrobust.plugins.finetune.network import TrainableClassifier, trainable
from vidrobust.plugins.finetune.steps import Mixture, Step
from vidrobust.plugins.finetune.study import save_weights, spec_with
from vidrobust.plugins.finetune.train import ClassSamples, RotationHead, Schedule, fit, jensen_shannon, turned

ELSEWHERE = ("literature", "self-labels", "blur-pool", "blur-pool-untrained")
SCHEDULE = Schedule(steps=20, batch=8, rate=0.05)


@pytest.fixture(scope="module")
def network() -> TrainableClassifier:
    """Two classes by the colour of a picture of 12 px; with batch normalisation."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = nn.Sequential(
            nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(100, 2)
        )
    preprocess = Preprocess(size=12, mean=(127.0,) * 3, std=(64.0,) * 3)
    return TrainableClassifier(module.eval(), preprocess, ("red", "blue"), False, torch.device("cpu"))


@pytest.fixture(scope="module")
def samples(network: TrainableClassifier) -> ClassSamples:
    rng = np.random.default_rng(2)
    colours = np.array([[170, 110, 80], [80, 110, 170]])[np.repeat([0, 1], 20)]
    noise = rng.integers(-10, 10, (40, 3, 24, 24))
    pictures = torch.from_numpy((colours[:, :, None, None] + noise).astype(np.uint8))
    targets = torch.eye(2)[torch.from_numpy(np.repeat([0, 1], 20))]
    frames = list(pictures[:, None])
    return ClassSamples(
        network, frames, torch.cat([network.cut(frame) for frame in frames]), targets, targets.flip(1)
    )


def trained(network: TrainableClassifier, samples: ClassSamples, arm: str, seed: int = 0) -> np.ndarray:
    mixture = Mixture(steps=(Step(key="brightness", low=-0.3, high=0.3, probability=0.5),))
    shares = ARMS[arm].mix or ARMS[arm].steps
    module = fit(samples, ARMS[arm], mixture if shares else None, SCHEDULE, seed, lambda: None)
    return network.answers(module, samples.cut)


@pytest.mark.parametrize(
    "arm",
    [name for name in ARMS if name not in ELSEWHERE],
)
def test_every_arm_learns_the_two_classes(
    network: TrainableClassifier, samples: ClassSamples, arm: str
) -> None:
    before = network.answers(network.module, samples.cut)
    found = trained(network, samples, arm)
    assert (found.argmax(axis=1) == np.repeat([0, 1], 20)).mean() >= 0.9
    assert np.array_equal(network.answers(network.module, samples.cut), before)  # the original is as it was


def test_self_labels_learn_the_networks_own_answers(
    network: TrainableClassifier, samples: ClassSamples
) -> None:
    assert (trained(network, samples, "self-labels").argmax(axis=1) == np.repeat([1, 0], 20)).mean() >= 0.9


def test_the_same_arm_and_seed_gives_the_same_network_whatever_was_drawn_before(
    network: TrainableClassifier, samples: ClassSamples
) -> None:
    first = trained(network, samples, "policy")
    torch.rand(17)
    state = torch.random.get_rng_state()
    assert np.array_equal(trained(network, samples, "policy"), first)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not np.array_equal(trained(network, samples, "policy", seed=1), first)
    assert not np.array_equal(trained(network, samples, "none-again"), trained(network, samples, "none"))


def test_statistics_of_normalisation_stay(network: TrainableClassifier, samples: ClassSamples) -> None:
    module = fit(samples, ARMS["none"], None, SCHEDULE, 0, lambda: None)
    before, after = network.module[1], module.get_submodule("1")  # type: ignore[index]
    assert torch.equal(before.running_mean, after.running_mean)  # type: ignore[arg-type]
    assert not torch.equal(before.weight, after.weight)  # type: ignore[arg-type]


def test_the_divergence_of_two_views_by_hand() -> None:
    sure, other = torch.tensor([[1.0, 1e-7]]).log(), torch.tensor([[1e-7, 1.0]]).log()
    assert float(jensen_shannon([sure, other])) == pytest.approx(math.log(2), abs=1e-4)
    assert float(jensen_shannon([sure, sure, sure])) == pytest.approx(0, abs=1e-5)
    a, b = torch.tensor([[0.75, 0.25]]), torch.tensor([[0.25, 0.75]])
    hand = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(jensen_shannon([a.log(), b.log()])) == pytest.approx(hand, abs=1e-6)


class Opaque:
    """A classifier that takes frames itself, as an ONNX file's does in the end: no module."""

    name, task, class_names = "mine", "classification", ("a", "b")


def test_what_cannot_be_trained_says_why() -> None:
    with pytest.raises(
        SettingsError, match=r"mine: there is no torch module to train \(an ONNX file.*factory"
    ):
        trainable(Opaque(), "mine")  # type: ignore[arg-type]


def test_weights_of_the_line_are_loaded_again(tmp_path: Path) -> None:
    before = load_as_it_is("line-classifier", device="cpu")
    network = trainable(before, "line-classifier")
    module = network.fresh()
    with torch.no_grad():
        module.get_submodule("kind").bias.add_(torch.tensor([9.0, 0, 0, 0, 0]))  # type: ignore[operator]
    save_weights(module, tmp_path / "best.pt")
    spec = spec_with("line-classifier", tmp_path / "best.pt", len(network.class_names))
    again = load_as_it_is(spec, device="cpu")
    pixels = torch.full((1, 3, 480, 640), 90, dtype=torch.uint8)
    assert again(pixels).labels[0] == 0
    assert again.name == "line-classifier@best"


def test_specs_take_weights_where_their_kind_can(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    assert spec_with("torchvision:resnet18,weights=IMAGENET1K_V1", path, 7) == (
        f"torchvision:resnet18,weights={path},preset=IMAGENET1K_V1,num_classes=7"
    )
    assert spec_with("timm:resnet10t,engine=torch", path, 5) == f"timm:resnet10t,weights={path},num_classes=5"
    assert spec_with("efficientnet-lite0", path, 1000) == ""


def test_the_rotation_head_is_half_a_loss_beside_and_no_part_of_the_network(
    network: TrainableClassifier, samples: ClassSamples
) -> None:
    module = network.fresh()
    turning = RotationHead(network, module)
    pictures, target = samples.cut[[0, 30]], samples.targets[[0, 30]]
    found = turning.loss(pictures, target)
    body, last = module[:4], module[4]
    loss = torch.zeros(())
    for k in range(4):
        inputs = network.preprocess.normalise(torch.from_numpy(np.rot90(pictures.numpy(), k, (2, 3)).copy()))
        features = body(inputs)
        loss += 0.5 * functional.cross_entropy(turning.head(features), torch.full((2,), k)) / 4
        loss += functional.cross_entropy(last(features), target) if k == 0 else 0
    assert found.item() == pytest.approx(loss.item(), abs=1e-5)
    found.backward()
    assert turning.head.weight.grad is not None
    assert last.weight.grad is not None
    state = fit(samples, ARMS["rotation-head"], None, SCHEDULE, 0, lambda: None).state_dict()
    assert state.keys() == network.module.state_dict().keys()


def test_a_picture_that_is_no_square_is_turned_and_stretched() -> None:
    picture = torch.zeros(1, 3, 4, 8, dtype=torch.uint8)
    picture[..., :4] = 200  # its left half
    assert torch.equal(turned(picture, 0), picture)
    assert torch.equal(turned(picture, 2), picture.flip(3))
    quarter = turned(picture, 1).float()
    assert quarter.shape == picture.shape
    assert quarter[0, 0, 0].min() < 30  # counter-clockwise: the left half lies below
    assert quarter[0, 0, 3].min() > 170


def test_a_network_without_a_last_layer_cannot_tell_rotations() -> None:
    bare = TrainableClassifier(
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        Preprocess(size=12, mean=(127.0,) * 3, std=(64.0,) * 3),
        ("a", "b", "c"),
        False,
        torch.device("cpu"),
    )
    with pytest.raises(SettingsError, match="no last layer is found"):
        RotationHead(bare, bare.module)


def test_blur_pool_is_put_in_and_trained_or_left_as_it_is(
    samples: ClassSamples, network: TrainableClassifier
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = nn.Sequential(
            nn.Conv2d(3, 4, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(144, 2),
        ).eval()
    strided = dataclasses.replace(network, module=module)
    mine = dataclasses.replace(samples, network=strided)
    untrained = fit(mine, ARMS["blur-pool-untrained"], None, SCHEDULE, 0, lambda: None)
    assert np.array_equal(
        strided.answers(untrained, mine.cut), strided.answers(blurred(module).module, mine.cut)
    )
    assert not np.array_equal(strided.answers(untrained, mine.cut), strided.answers(module, mine.cut))
    trained_ = fit(mine, ARMS["blur-pool"], None, SCHEDULE, 0, lambda: None)
    found = strided.answers(trained_, mine.cut)
    assert (found.argmax(axis=1) == np.repeat([0, 1], 20)).mean() >= 0.9
    assert any(isinstance(part, BlurPool) for part in trained_.modules())


def test_a_network_without_strides_after_the_first_is_refused(samples: ClassSamples) -> None:
    with pytest.raises(SettingsError, match="arm blur-pool: no convolution or max pool after the first one"):
        fit(samples, ARMS["blur-pool"], None, SCHEDULE, 0, lambda: None)
