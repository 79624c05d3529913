"""ImageNet-C-bar against pictures that the authors' code made.

``c_bar_authors.npz`` holds a clean picture of 32 px, and for each corruption at its severity 4 the parameters that
facebookresearch/augmentation-corruption drew (in the order of their names) and the picture that it made of them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from vidrobust.perturb.catalogue import PERTURBATIONS, suite
from vidrobust.perturb.draws import from_seed
from vidrobust.plugins.published.perturbations import c_bar as shapes
from vidrobust.plugins.published.perturbations import c_bar as waves
from vidrobust.plugins.published.perturbations.c_bar import PARAMETERS
from vidrobust.plugins.published.perturbations.imagenet_c import cut_array

SIDE = 32
SIZE = (SIDE, SIDE)
Made = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def authors() -> Made:
    with np.load(Path(__file__).with_name("c_bar_authors.npz")) as stored:
        return dict(stored)


def legacy(seed: float) -> np.random.RandomState:
    """The authors' random numbers."""
    return np.random.RandomState(int(seed))


def blue_noise(made: Made, p: np.ndarray) -> np.ndarray:
    return made["clean"] * (waves.coloured(SIZE, 1, legacy(p[0])) > p[1])[..., None]


def brownish(made: Made, p: np.ndarray) -> np.ndarray:
    own = legacy(p[1])
    planes = [waves.coloured(SIZE, -2, own) for _ in range(3)]
    return made["clean"] + p[0] * np.stack(planes, axis=2)


def water(made: Made, p: np.ndarray) -> np.ndarray:
    return shapes.refracted(made["clean"], shapes.caustics(SIZE, p[5], p[3]), p[1], p[2])


def board(made: Made, p: np.ndarray) -> np.ndarray:
    count = int(4 * SIDE // p[2])
    chosen = legacy(p[4]).uniform(size=(count, count)) < p[1]
    return shapes.checkerboard(made["clean"], p[0], p[2], chosen)


def rings(made: Made, p: np.ndarray) -> np.ndarray:
    return waves.rings(made["clean"], (p[5], p[6]), p[1], p[0], p[7], p[2])


def star_on_white(made: Made, p: np.ndarray) -> np.ndarray:
    lengths = p[6] * (1 + p[7] / 100 * legacy(p[9]).randn(int(p[8])))
    star = shapes.star(SIZE, (p[1], p[2]), lengths, (100 - p[0]) / 50)
    return shapes.whitened(made["clean"], 1 - star)


def clouds(made: Made, p: np.ndarray) -> np.ndarray:
    perlin = waves.Perlin(np.random.default_rng(0))
    perlin.order, perlin.gradient = np.tile(made["order"], 2), made["gradient"]
    return waves.clouds(made["clean"], perlin, SIDE / 7, p[0])


def plasma(made: Made, p: np.ndarray) -> np.ndarray:
    return waves.plasma(made["clean"], p[4], int(p[1]), p[3], p[2], p[0])


def wave(made: Made, p: np.ndarray) -> np.ndarray:
    return waves.single_frequency(made["clean"], (p[0], p[1]), p[3], p[2])


def stars(made: Made, p: np.ndarray) -> np.ndarray:
    own, out = legacy(p[29]), made["clean"].astype(np.float64)
    for k in range(5):
        radius = p[23 + k]
        lengths = np.maximum(1, radius * (1 + p[28] / 100 * own.randn(int(p[18 + k]))))
        out = shapes.whitened(out, shapes.star(SIZE, (p[5 + 2 * k], p[6 + 2 * k]), lengths, 1.0))
    return out


CORES: dict[str, Callable[[Made, np.ndarray], np.ndarray]] = {
    "blue_noise_sample": blue_noise,
    "brownish_noise": brownish,
    "caustic_refraction": water,
    "checkerboard_cutout": board,
    "cocentric_sine_waves": rings,
    "inverse_sparkles": star_on_white,
    "perlin_noise": clouds,
    "plasma_noise": plasma,
    "single_frequency_greyscale": wave,
    "sparkles": stars,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_with_the_authors_numbers_the_picture_is_theirs(name: str, authors: Made) -> None:
    found = cut_array(CORES[name](authors, authors[f"{name}.params"])).astype(int)
    theirs = authors[name].astype(int)
    assert np.abs(theirs - authors["clean"]).mean() > 5  # there is something to be equal to
    assert np.abs(found - theirs).max() <= 1  # the last bit of a float may turn a level
    assert (found != theirs).mean() < 0.002


@pytest.mark.nightly
@pytest.mark.parametrize("name", PARAMETERS)
def test_damage_of_our_draws_is_of_the_authors_size(name: str, authors: Made) -> None:
    """Mean change of a hundred draws at severity 4 against the authors' one draw: within a factor of 2.5."""
    clean = torch.from_numpy(authors["clean"]).permute(2, 0, 1)
    pixels = clean[None].repeat(100, 1, 1, 1)
    changed = PERTURBATIONS[f"imagenet-c-bar:{name}"].apply(pixels, 4.0, from_seed(3))
    each = (changed.float() - pixels.float()).abs().mean(dim=(1, 2, 3))
    theirs = float(np.abs(authors[name].astype(int) - authors["clean"]).mean())
    assert theirs / 2.5 < float(each.mean()) < 2.5 * theirs
    assert len({change.numpy().tobytes() for change in changed}) > 90  # every draw is another


def test_the_suite_has_the_ten_of_the_paper() -> None:
    assert [entry.name for entry in suite("imagenet-c-bar")] == sorted(PARAMETERS)
    assert len(PARAMETERS) == 10


def test_noise_has_its_spectrum() -> None:
    """Amplitude proportional to the frequency: power at twice the frequency is four times as large."""
    own = np.random.default_rng(0)
    drawn = (np.fft.fft2(waves.coloured((64, 64), 1, own)) for _ in range(400))
    power = np.mean([np.abs(each) ** 2 for each in drawn], axis=0)
    ring = [power[0, k] for k in (8, 16)]
    assert ring[1] / ring[0] == pytest.approx(4, rel=0.35)
    assert waves.coloured((7, 9), -2, own).std() == pytest.approx(1)
