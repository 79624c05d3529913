"""The leak meter: nothing lies between training and judge where they are the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.finetune.leaks import Change, changes, leak, minimal_sample_distance


def alike(draws: np.ndarray, pictures: int = 4) -> np.ndarray:
    """(draws, D) -> (draws, pictures, D): the same of every picture."""
    return np.repeat(draws[:, None], pictures, axis=1)


def test_the_papers_distance_is_that_of_the_mean_to_the_nearest_draw() -> None:
    judged = np.array([[2.0, 0.0], [4.0, 0.0]])  # their mean is (3, 0)
    trained = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, -2.0]])
    assert minimal_sample_distance(alike(trained), alike(judged)) == 2.0


def test_by_hand() -> None:
    # a judge that goes both ways
    judged, again = alike(np.array([[10.0], [-10.0]])), alike(np.array([[9.0], [-9.0]]))
    rest = np.zeros((4, 1))
    half = leak(alike(np.array([[4.0], [-6.0]])), judged, again, rest)
    assert (half.unchanged, half.own, half.trained) == (
        10.0,
        1.0,
        5.0,
    )  # |10 - 4| = 6 and |-10 + 6| = 4
    assert (half.covered, half.low, half.high) == pytest.approx(
        (5 / 9,) * 3
    )  # all pictures say the same
    assert half.verdict == "leak"
    same = leak(judged, judged, again, rest)
    assert (same.trained, same.covered, same.verdict) == (0.0, 1.0, "leak")
    wrong_way = leak(
        alike(np.array([[4.0], [8.0]])), judged, again, rest
    )  # brighter alone: not darker
    assert wrong_way.trained == (2.0 + 10.0) / 2
    far = leak(alike(np.array([[0.0], [0.1]])), judged, again, rest)
    assert far.verdict == "apart"
    still = leak(alike(np.array([[5.0]])), np.zeros((2, 4, 1)), np.zeros((2, 4, 1)), rest)
    assert math.isnan(still.covered)
    assert still.verdict == "cannot tell"


def test_the_interval_is_the_jackknife_over_pictures_and_two_of_them_say_nothing() -> None:
    """Shares of .8, .6, .4 and .6 of equal ways: their mean, and Student's t with 3 degrees of freedom."""
    shares = np.array([0.8, 0.6, 0.4, 0.6])
    judged = np.full((1, 4, 1), 10.0)
    found = leak(10 * shares[None, :, None], judged, judged, np.zeros((4, 1)))
    half = 3.1824463 * shares.std(ddof=1) / 2
    assert (found.covered, found.low, found.high) == pytest.approx((0.6, 0.6 - half, 0.6 + half))
    assert found.verdict == "cannot tell"
    two = leak(10 * shares[None, :2, None], judged[:, :2], judged[:, :2], np.zeros((2, 1)))
    assert two.covered == pytest.approx(0.7)
    assert two.verdict == "cannot tell"


def test_what_lies_amidst_scattered_draws_is_no_leak() -> None:
    """An occluder anywhere: in 400 dimensions its draws are further from each other than from their middle."""
    drawn = np.random.default_rng(0)
    middle = np.zeros(400)
    middle[0] = 1.0
    judged, again = (alike(middle + drawn.normal(0, 0.04, (n, 400))) for n in (8, 16))
    found = leak(alike(middle[None]), judged, again, np.zeros((4, 400)))
    assert found.trained < found.own < found.unchanged  # more than the whole way, as it were
    assert found.verdict == "cannot tell"


def test_where_all_goes_one_way_nothing_is_a_leak_and_where_others_go_elsewhere_it_is() -> None:
    judged = alike(np.array([[10.0, 0.0]]))
    trained, rest = alike(np.array([[8.0, 0.0]])), np.zeros((4, 2))
    along = leak(trained, judged, judged, rest, alike(np.array([[1.0, 0.1], [0.0, 5.0]])))
    assert along.covered == pytest.approx(0.8)
    assert along.chance == pytest.approx(
        1 - np.sin(np.arctan(0.1))
    )  # the foot of the judge on the nearest ray
    assert along.verdict == "cannot tell"
    aside = leak(
        trained, judged, judged, rest, alike(np.array([[-1.0, 0.1], [0.0, 0.0], [0.0, 5.0]]))
    )
    assert aside.chance == 0
    assert aside.verdict == "leak"


def colour(pictures: torch.Tensor) -> np.ndarray:
    """The mean of each channel, and how much neighbouring pixels differ: (N, 4)."""
    values = pictures.to(torch.float64)
    rough = (values[..., 1:] - values[..., :-1]).abs().mean(dim=(1, 2, 3))
    return torch.cat([values.mean(dim=(2, 3)), 10 * rough[:, None]], dim=1).numpy()


def by(name: str, strength: float, first: int = 0) -> Change:
    """The same three pictures under a perturbation, all by one draw."""
    coarse = torch.randint(
        60, 190, (3, 3, 6, 6), generator=torch.Generator().manual_seed(0)
    ).float()
    pictures = torch.nn.functional.interpolate(coarse, 48, mode="bilinear").to(torch.uint8)
    entry = find(name)
    return lambda draw: entry.apply(pictures, strength, [from_seed(first + draw) for _ in range(3)])


JUDGES = {"brightness": 0.2, "gaussian_noise": 16.0, "hue": 20.0, "saturation": 0.5}


@pytest.mark.parametrize("name", JUDGES)
def test_a_training_with_the_judge_is_a_leak_and_one_with_anything_else_is_none(name: str) -> None:
    judged, again = (
        changes(colour, by(name, JUDGES[name]), 8),
        changes(colour, by(name, JUDGES[name], 8), 16),
    )
    rest = changes(colour, by(name, 0.0), 1)[0]
    elsewhere = {o: changes(colour, by(o, JUDGES[o], 300), 8) for o in JUDGES if o != name}
    others = np.concatenate(list(elsewhere.values()))
    same = leak(changes(colour, by(name, JUDGES[name], 100), 16), judged, again, rest, others)
    assert same.covered > 0.95
    assert same.verdict == "leak"
    if name in (
        "brightness",
        "hue",
        "saturation",
    ):  # without chance but for the way they go: the very same
        assert same.trained == same.own == 0.0
    for other in ("translation", *(o for o in JUDGES if o != name)):
        strength = JUDGES.get(other, 4.0)
        found = leak(changes(colour, by(other, strength), 16), judged, again, rest)
        assert found.verdict == "apart", f"{other} against {name}: {found}"
