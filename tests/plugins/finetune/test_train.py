"""The loop on a small network: reproducible, leaves the original alone, learns what it is shown."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.models.load import load_as_it_is
from vidrobust.models.preprocess import Preprocess
from vidrobust.plugins.finetune.arms import ARMS
from vidrobust.plugins.finetune.network import TrainableClassifier, fresh_copy, trainable
from vidrobust.plugins.finetune.steps import Mixture, Step
from vidrobust.plugins.finetune.study import save_weights, spec_with
from vidrobust.plugins.finetune.train import (
    ClassSamples,
    LineFrames,
    Schedule,
    distilled,
    fit,
    heal,
    jensen_shannon,
    mixed,
)

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
    return TrainableClassifier(
        module.eval(), preprocess, ("red", "blue"), False, torch.device("cpu")
    )


@pytest.fixture(scope="module")
def samples(network: TrainableClassifier) -> ClassSamples:
    rng = np.random.default_rng(2)
    colours = np.array([[170, 110, 80], [80, 110, 170]])[np.repeat([0, 1], 20)]
    noise = rng.integers(-10, 10, (40, 3, 24, 24))
    pictures = torch.from_numpy((colours[:, :, None, None] + noise).astype(np.uint8))
    targets = torch.eye(2)[torch.from_numpy(np.repeat([0, 1], 20))]
    frames = list(pictures[:, None])
    cut = torch.cat([network.cut(frame) for frame in frames])
    return ClassSamples(network, frames, cut, targets, (np.arange(40),))


def trained(
    network: TrainableClassifier, samples: ClassSamples, arm: str, seed: int = 0
) -> np.ndarray:
    mixture = Mixture(steps=(Step(key="brightness", low=-0.3, high=0.3, probability=0.5),))
    module = fit(
        samples,
        network.module,
        ARMS[arm],
        mixture if ARMS[arm].mix else None,
        SCHEDULE,
        seed,
        lambda: None,
    )
    return network.answers(module, samples.cut)


@pytest.mark.parametrize("arm", [name for name in ARMS if name != "literature"])
def test_every_arm_learns_the_two_classes(
    network: TrainableClassifier, samples: ClassSamples, arm: str
) -> None:
    before = network.answers(network.module, samples.cut)
    found = trained(network, samples, arm)
    assert (found.argmax(axis=1) == np.repeat([0, 1], 20)).mean() >= 0.9
    assert np.array_equal(
        network.answers(network.module, samples.cut), before
    )  # the original is as it was


def line_of(samples: ClassSamples) -> ClassSamples:
    """The last ten of either class without labels, as parts of five frames; one shows the other class twice."""
    rows = np.r_[10:20, 30:40]
    cut = samples.cut.clone()
    cut[13:15] = samples.cut[30:32]
    line = LineFrames(
        rows=rows,
        stretch=np.repeat(np.arange(4), 5),
        time_s=np.arange(20.0),
        whole=np.ones(20, bool),
    )
    targets = samples.targets.clone()
    targets[rows] = 0.5
    return ClassSamples(samples.network, samples.frames, cut, targets, (np.r_[0:10, 20:30],), line)


def test_the_second_stage_learns_the_consensus_of_the_better_network(
    network: TrainableClassifier, samples: ClassSamples
) -> None:
    mine = line_of(samples)
    module = fit(mine, network.module, ARMS["none"], None, SCHEDULE, 0, lambda: None)
    renewed, left_out = mine.renewed(module)
    answers = network.answers(module, mine.cut)
    part = answers[10:15]
    sure = part[part.max(axis=1) >= np.median(part.max(axis=1))].mean(axis=0)
    assert renewed.targets[10:15].numpy() == pytest.approx(np.tile(sure, (5, 1)), abs=1e-6)
    assert renewed.targets[:10].equal(samples.targets[:10])
    labelled, line = renewed.pools
    assert labelled.tolist() == [*range(10), *range(20, 30)]
    certainty = renewed.targets.numpy().max(axis=1)[mine.line.rows].reshape(4, 5)[:, 0]  # type: ignore[union-attr]
    worst = int(certainty.argmin())
    assert left_out == 5
    assert (
        line.tolist()
        == np.delete(np.r_[10:20, 30:40].reshape(4, 5), worst, axis=0).ravel().tolist()
    )


def test_weights_lie_between_old_and_new_where_validation_is_best(
    network: TrainableClassifier, samples: ClassSamples
) -> None:
    def score(module: nn.Module) -> float:
        scored.append(module.get_submodule("4").weight.detach().clone())  # type: ignore[union-attr, operator]
        return [0.4, 0.2, 0.2, 0.5][len(scored) - 1]

    scored: list[torch.Tensor] = []
    few = Schedule(steps=4, batch=8, rate=0.01)
    found = heal(line_of(samples), score, ARMS["none"], None, few, 0, lambda: None)
    assert (found.weight, found.left_out) == (0.5, 5)  # of two that are as good the smaller change
    old, new = network.module.get_submodule("4").weight, scored[3]
    for share, weight in zip((0.25, 0.5, 0.75), scored, strict=False):
        assert torch.allclose(weight, old + share * (new - old), atol=1e-6)  # type: ignore[operator]
    assert torch.equal(found.module.get_submodule("4").weight, scored[1])  # type: ignore[arg-type]
    half = mixed(network.module, found.module, 0.0)
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            half.state_dict().values(), network.module.state_dict().values(), strict=True
        )
    )


def test_distillation_counts_where_the_old_network_was_right_by_hand() -> None:
    new, old = torch.tensor([[0.5, 0.5]] * 2).log(), torch.tensor([[0.8, 0.2], [0.3, 0.7]]).log()
    target = torch.tensor([[1.0, 0.0], [1.0, 0.0]])  # the old network is right of the first alone
    hand = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5)
    assert float(distilled(new, old, target)) == pytest.approx(hand / 2, abs=1e-6)


def test_the_temporal_arm_compares_with_the_next_frame_of_the_stretch(
    samples: ClassSamples,
) -> None:
    mine = line_of(samples)
    learner = mine.learner(mine.network.module, ARMS["policy-temporal"], None, torch.Generator())
    assert learner.after[[0, 9, 10, 13, 14, 15, 19, 30, 39]].tolist() == [
        0,
        9,
        11,
        14,
        14,
        16,
        19,
        31,
        39,
    ]


def test_the_same_arm_and_seed_gives_the_same_network_whatever_was_drawn_before(
    network: TrainableClassifier, samples: ClassSamples
) -> None:
    first = trained(network, samples, "policy")
    torch.rand(17)
    state = torch.random.get_rng_state()
    assert np.array_equal(trained(network, samples, "policy"), first)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not np.array_equal(trained(network, samples, "policy", seed=1), first)
    assert not np.array_equal(
        trained(network, samples, "none-again"), trained(network, samples, "none")
    )


def test_statistics_of_normalisation_stay(
    network: TrainableClassifier, samples: ClassSamples
) -> None:
    module = fit(samples, network.module, ARMS["none"], None, SCHEDULE, 0, lambda: None)
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
    module = fresh_copy(network.module)
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
    assert (
        spec_with("timm:resnet10t,engine=torch", path, 5)
        == f"timm:resnet10t,weights={path},num_classes=5"
    )
    assert spec_with("efficientnet-lite0", path, 1000) == ""
