"""The leak meter: nothing lies between training and judge where they are the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import from_seed
from vidrobust.protocols.sample_distance import Change, changes, leak, minimal_sample_distance


def test_the_papers_distance_is_that_of_the_mean_to_the_nearest_draw() -> None:
    judged = np.array([[2.0, 0.0], [4.0, 0.0]])  # their mean is (3, 0)
    trained = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, -2.0]])
    assert minimal_sample_distance(trained, judged) == 2.0


def test_by_hand() -> None:
    judged, again = np.array([[10.0], [-10.0]]), np.array([[9.0], [-9.0]])  # a judge that goes both ways
    rest = np.array([0.0])
    half = leak(np.array([[4.0], [-6.0]]), judged, again, rest)
    assert (half.unchanged, half.own, half.trained) == (10.0, 1.0, 5.0)  # |10 - 4| = 6 and |-10 + 6| = 4
    assert half.covered == pytest.approx(5 / 9)
    assert half.verdict == "leak"
    same = leak(judged, judged, again, rest)
    assert (same.trained, same.covered) == (0.0, 1.0)
    wrong_way = leak(np.array([[4.0], [8.0]]), judged, again, rest)  # brighter alone: darker is not covered
    assert wrong_way.trained == (2.0 + 10.0) / 2
    far = leak(np.array([[0.0], [0.1]]), judged, again, rest)
    assert far.verdict == "apart"
    assert math.isnan(leak(np.array([[5.0]]), np.zeros((2, 1)), np.zeros((2, 1)), rest).covered)


def colour(pictures: torch.Tensor) -> np.ndarray:
    """The mean of each channel, and how much neighbouring pixels differ: (N, 4)."""
    values = pictures.to(torch.float64)
    rough = (values[..., 1:] - values[..., :-1]).abs().mean(dim=(1, 2, 3))
    return torch.cat([values.mean(dim=(2, 3)), 10 * rough[:, None]], dim=1).numpy()


def by(name: str, strength: float, first: int = 0) -> Change:
    """The same three pictures under a perturbation, all by one draw."""
    coarse = torch.randint(60, 190, (3, 3, 6, 6), generator=torch.Generator().manual_seed(0)).float()
    pictures = torch.nn.functional.interpolate(coarse, 48, mode="bilinear").to(torch.uint8)
    entry = find(name)
    return lambda draw: entry.apply(pictures, strength, [from_seed(first + draw) for _ in range(3)])


JUDGES = {"brightness": 0.2, "gaussian_noise": 16.0, "hue": 20.0, "saturation": 0.5}


@pytest.mark.parametrize("name", JUDGES)
def test_a_training_with_the_judge_is_a_leak_and_one_with_anything_else_is_none(name: str) -> None:
    judged, again = changes(colour, by(name, JUDGES[name]), 8), changes(colour, by(name, JUDGES[name], 8), 16)
    rest = changes(colour, by(name, 0.0), 1)[0]
    same = leak(changes(colour, by(name, JUDGES[name], 100), 16), judged, again, rest)
    assert same.covered > 0.95
    if name in ("brightness", "hue", "saturation"):  # without chance but for the way they go: the very same
        assert same.trained == same.own == 0.0
    for other in ("translation", *(o for o in JUDGES if o != name)):
        strength = JUDGES.get(other, 4.0)
        found = leak(changes(colour, by(other, strength), 16), judged, again, rest)
        assert found.verdict == "apart", f"{other} against {name}: {found}"
