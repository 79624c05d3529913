"""Training on a small network: reproducible, pauses, leaves the original alone, learns what it is shown."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.models.load import load_as_it_is
from vidrobust.models.preprocess import Preprocess
from vidrobust.models.rotation import inputs_of, rotated
from vidrobust.plugins.finetune.losses import (
    Batch,
    augmix_jsd,
    head_of,
    jensen_shannon,
    rotation,
    stability,
    with_rotation_head,
)
from vidrobust.plugins.finetune.network import TrainableClassifier, fresh_copy, trainable
from vidrobust.plugins.finetune.recipes import PLAIN, by_request, of_policy, usual
from vidrobust.plugins.finetune.steps import AugmentationStep
from vidrobust.plugins.finetune.study import save_weights, spec_with
from vidrobust.plugins.finetune.train import ClassSamples, Schedule, Training, mixed

SCHEDULE = Schedule(steps=20, batch=8, rate=0.05)
STEP = AugmentationStep(key="brightness", low=-0.3, high=0.3)
POLICY, HOLDS_NEXT = of_policy([STEP], boxes=False)
NAMED = {recipe.name: recipe for recipe in by_request(boxes=False)}


@pytest.fixture(scope="module")
def network():
    """Two classes by the colour of a picture of 12 px; with batch normalisation."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        convolution = (nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU())
        module = nn.Sequential(*convolution, nn.Flatten(), nn.Linear(100, 2))
    preprocess = Preprocess(size=12, mean=(127.0,) * 3, std=(64.0,) * 3)
    place = torch.device("cpu")
    return TrainableClassifier(module.eval(), preprocess, ("red", "blue"), False, place)


@pytest.fixture(scope="module")
def samples(network):
    rng = np.random.default_rng(2)
    colours = np.array([[170, 110, 80], [80, 110, 170]])[np.repeat([0, 1], 20)]
    noise = rng.integers(-10, 10, (40, 3, 24, 24))
    pictures = torch.from_numpy((colours[:, :, None, None] + noise).astype(np.uint8))
    targets = torch.eye(2)[torch.from_numpy(np.repeat([0, 1], 20))]
    frames = list(pictures[:, None])
    cut = torch.cat([network.cut(frame) for frame in frames])
    after = np.minimum(np.arange(40) + 1, np.repeat([19, 39], 20))
    return ClassSamples(network, frames, cut, targets, (np.arange(40),), after)


def trained(samples, recipe, seed=0, *pauses):
    training = Training(samples, recipe, SCHEDULE, seed)
    for step in (*pauses, SCHEDULE.steps):
        training.until(step)
    return samples.network.answers(training.module, samples.cut)


@pytest.mark.parametrize(
    "recipe",
    [*usual(), POLICY, HOLDS_NEXT, *(one for one in NAMED.values() if "blur" not in one.name)],
    ids=lambda each: each.name,
)
def test_every_recipe_learns_the_two_classes(samples, recipe):
    network = samples.network
    before = network.answers(network.module, samples.cut)
    found = trained(samples, recipe)
    assert (found.argmax(axis=1) == np.repeat([0, 1], 20)).mean() >= 0.8
    assert np.array_equal(network.answers(network.module, samples.cut), before)


@pytest.mark.parametrize("recipe", [usual()[1], POLICY], ids=lambda each: each.name)
def test_a_training_that_pauses_is_the_one_that_does_not_whatever_was_drawn_before(samples, recipe):
    whole = trained(samples, recipe)
    torch.rand(17)
    state = torch.random.get_rng_state()
    assert np.array_equal(trained(samples, recipe, 0, 7, 13), whole)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not np.array_equal(trained(samples, recipe, 1), whole)


def test_each_pool_gives_half_of_a_batch(samples):
    two = dataclasses.replace(samples, pools=(np.arange(3), np.arange(20, 40)))
    rows = Training(two, PLAIN, SCHEDULE, 0)._drawn()
    assert (rows[:4] < 3).all()
    assert (rows[4:] >= 20).all()


def test_the_rate_rises_stays_and_falls():
    schedule = Schedule(steps=20, batch=8, rate=1.0)
    rates = [schedule.at(step) for step in range(20)]
    assert rates[:3] == [0.5, 1.0, 1.0]  # a tenth of the steps
    assert rates[12:] == pytest.approx([1 - k / 8 for k in range(8)])  # the last four tenths


def test_weights_lie_between_old_and_new(samples):
    training = Training(samples, PLAIN, SCHEDULE, 0)
    training.until(4)
    old, new = samples.network.module, training.module
    weights = [module.get_submodule("4").weight for module in (old, new, mixed(old, new, 0.25))]
    torch.testing.assert_close(weights[2], weights[0] + 0.25 * (weights[1] - weights[0]))
    same = mixed(old, new, 0.0).state_dict()
    assert all(torch.equal(same[name], value) for name, value in old.state_dict().items())


def test_statistics_of_normalisation_stay(samples):
    training = Training(samples, PLAIN, SCHEDULE, 0)
    training.until(3)
    before, after = samples.network.module[1], training.module.get_submodule("1")
    assert torch.equal(before.running_mean, after.running_mean)
    assert not torch.equal(before.weight, after.weight)


def test_the_divergence_of_two_answers_by_hand():
    sure, other = torch.tensor([[1.0, 1e-7]]).log(), torch.tensor([[1e-7, 1.0]]).log()
    assert float(jensen_shannon(sure, other)) == pytest.approx(math.log(2), abs=1e-4)
    assert float(jensen_shannon(sure, sure)) == pytest.approx(0, abs=1e-5)
    a, b = torch.tensor([[0.75, 0.25]]), torch.tensor([[0.25, 0.75]])
    hand = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(jensen_shannon(a.log(), b.log())) == pytest.approx(hand, abs=1e-6)


class Opaque:
    """A classifier that takes frames itself, as an ONNX file's does in the end: no module."""

    name, task, class_names = "mine", "classification", ("a", "b")


def test_what_cannot_be_trained_says_why():
    said = r"mine: there is no torch module to train \(an ONNX file.*factory"
    with pytest.raises(SettingsError, match=said):
        trainable(Opaque(), "mine")


def test_weights_of_the_line_are_loaded_again(tmp_path):
    before = load_as_it_is("line-classifier", device="cpu")
    network = trainable(before, "line-classifier")
    module = fresh_copy(network.module)
    with torch.no_grad():
        module.get_submodule("kind").bias.add_(torch.tensor([9.0, 0, 0, 0, 0]))
    save_weights(module, tmp_path / "chosen.pt")
    spec = spec_with("line-classifier", tmp_path / "chosen.pt", len(network.class_names))
    again = load_as_it_is(spec, device="cpu")
    pixels = torch.full((1, 3, 480, 640), 90, dtype=torch.uint8)
    assert again(pixels).labels[0] == 0
    assert again.name == "line-classifier@chosen"


def test_specs_take_weights_where_their_kind_can(tmp_path):
    path = tmp_path / "chosen.pt"
    assert spec_with("torchvision:resnet18,weights=IMAGENET1K_V1", path, 7) == (
        f"torchvision:resnet18,weights={path},preset=IMAGENET1K_V1,num_classes=7"
    )
    expected = f"timm:resnet10t,weights={path},num_classes=5"
    assert spec_with("timm:resnet10t,engine=torch", path, 5) == expected
    assert spec_with("efficientnet-lite0", path, 1000) == ""


def test_cross_entropy_and_divergence_of_a_noisy_copy_by_hand():
    """A network whose logits are the mean red level over 100, and 0: one picture, noise that is known."""
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    with torch.no_grad():
        module[2].weight.copy_(torch.tensor([[0.01, 0, 0], [0, 0, 0]]))
        module[2].bias.zero_()
    preprocess = Preprocess(size=2, mean=(0.0,) * 3, std=(1.0,) * 3)
    net = TrainableClassifier(module, preprocess, ("a", "b"), False, torch.device("cpu"))
    picture = torch.full((1, 3, 2, 2), 100, dtype=torch.uint8)
    logs = net.logits(module, picture).log_softmax(dim=1)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        noise = torch.randn(1, 3, 2, 2)
        torch.manual_seed(3)
        batch = Batch(network=net, module=module, pictures=picture, following=picture, logs=logs)
        loss = float(stability(batch).detach())
    p = 1 / (1 + math.exp(-1.0))
    q = 1 / (1 + math.exp(-(100 + 10 * float(noise[0, 0].mean())) / 100))
    hand = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert loss == pytest.approx(hand, rel=1e-2)


def test_three_pictures_that_are_the_same_do_not_diverge(samples):
    network, grey = samples.network, torch.full((2, 3, 12, 12), 128, dtype=torch.uint8)
    logs = network.logits(network.module, grey).log_softmax(dim=1)
    same = Batch(network=network, module=network.module, pictures=grey, following=grey, logs=logs)
    assert abs(float(augmix_jsd(same).detach())) < 1.0  # of 12 ln 3; grey moves little under AugMix
    a, b, c = (torch.eye(3)[k : k + 1].clamp_min(1e-7).log() for k in range(3))
    assert float(jensen_shannon(a, b, c)) == pytest.approx(math.log(3), abs=1e-4)


def test_the_second_head_learns_how_pictures_are_turned(network):
    """Pictures that are bright above: their rotations can be told, and the classes stay as they are."""
    rng = np.random.default_rng(4)
    light = np.where(np.arange(12)[:, None] < 6, 200, 60) + rng.integers(-10, 10, (40, 3, 12, 12))
    pictures = torch.from_numpy(light.astype(np.uint8))
    samples = ClassSamples(
        network,
        list(pictures[:, None]),
        pictures,
        torch.eye(2)[torch.zeros(40, dtype=torch.long)],
        (np.arange(40),),
        np.arange(40),
    )
    training = Training(samples, NAMED["rotation"], Schedule(steps=60, batch=16, rate=0.02), 0)
    training.until(60)
    head, module = head_of(training.module), training.module.eval()
    assert head.layer == "4"
    assert (tuple(head.weight.shape), tuple(head.bias.shape)) == ((4, 100), (4,))
    for turns in range(4):
        with inputs_of(module, head.layer) as features, torch.inference_mode():
            network.logits(module, rotated(pictures, turns))
        assert (head.scores(features[0]).argmax(dim=1) == turns).float().mean() > 0.9
    assert head_of(network.module) is None
    assert float(rotation_loss(network, with_rotation_head(network), pictures)) == pytest.approx(
        0.5 * math.log(4), abs=1e-5
    )  # of a head that knows nothing


def rotation_loss(network, module, pictures):
    logs = network.logits(module, pictures).log_softmax(dim=1)
    batch = Batch(network=network, module=module, pictures=pictures, following=pictures, logs=logs)
    return rotation(batch).detach()


def test_mixup_cutmix_and_smoothed_targets_are_shares_of_classes():
    pictures = torch.stack([torch.zeros(3, 8, 8), torch.full((3, 8, 8), 200.0)])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name in ("mixup", "cutmix"):
            mixed_pictures, targets = NAMED[name].batch(pictures.clone(), torch.eye(2))
            share = mixed_pictures.mean(dim=(1, 2, 3)) / 200  # of the bright picture
            torch.testing.assert_close(targets[:, 1], share, atol=1e-4, rtol=0)
    _, smooth = NAMED["label-smoothing"].batch(pictures, torch.eye(2))
    torch.testing.assert_close(smooth, torch.tensor([[0.95, 0.05], [0.05, 0.95]]))
