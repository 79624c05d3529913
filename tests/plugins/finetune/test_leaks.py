"""Perturbations that an augmentation comes near, on a network whose features are the mean of each channel."""

import numpy as np
import pytest
import torch

from tests.plugins.finetune.small import network as small
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.finetune.leaks import leaks_of
from vidrobust.plugins.finetune.network import TrainableClassifier
from vidrobust.plugins.finetune.recipes import Recipe, of_policy
from vidrobust.plugins.finetune.steps import AugmentationStep
from vidrobust.plugins.finetune.train import ClassSamples


@pytest.fixture(scope="module")
def samples():
    module, preprocess, names = small()
    network = TrainableClassifier(module.eval(), preprocess, names, False, torch.device("cpu"))
    rng = np.random.default_rng(0)
    frames = [
        torch.from_numpy(rng.integers(60, 160, (1, 3, 24, 24)).astype(np.uint8)) for _ in range(8)
    ]
    cut = torch.cat([network.cut(frame) for frame in frames])
    rows = np.arange(8)
    return ClassSamples(network, frames, cut, torch.eye(2)[rows % 2], (rows,), rows)


def test_a_recipe_that_is_the_judge_is_at_distance_0(samples):
    """White balance at its middle strength, drawn as the judge draws it."""
    entry = find("white_balance")
    strength = entry.strengths[len(entry.strengths) // 2]

    def judge(picture):
        seed = int(torch.randint(3, ()))
        return entry.apply(picture[None], strength, from_seed(seed))[0]

    recipe = Recipe(name="judge", sentence="", transform=judge)
    rows = {row["perturbation"]: row for row in leaks_of(samples, recipe)}
    assert rows["white_balance"]["distance"] == pytest.approx(0, abs=1e-6)
    assert rows["white_balance"]["leak"]
    assert rows["brightness"]["distance"] > 0.5  # all channels alike: another way
    assert not rows["brightness"]["leak"]


def test_no_augmentation_is_a_whole_effect_away_from_everything(samples):
    rows = leaks_of(samples, Recipe(name="same", sentence="", transform=lambda picture: picture))
    assert len(rows) > 10
    assert [row["distance"] for row in rows] == pytest.approx([1.0] * len(rows))
    assert not any(row["leak"] for row in rows)


def test_the_family_of_a_policy_step_is_kept_apart_whatever_its_distance(samples):
    (recipe, _) = of_policy([AugmentationStep(key="brightness", low=-0.01, high=0.01)], boxes=False)
    rows = leaks_of(samples, recipe)
    light = [row for row in rows if row["family"] == find("brightness").family]
    assert len(light) > 1
    assert all(row["leak"] for row in light)
