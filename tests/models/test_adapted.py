"""Answers under operating points, and in the classes of a data set: by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.fuzz.tiny import Bright
from vidrobust.errors import SettingsError
from vidrobust.footage.labels.labels import ClassMap
from vidrobust.models.info import ModelInfo, identity
from vidrobust.models.load import classifiers_of, load_model, load_models, merged, thresholded
from vidrobust.models.predict import predict
from vidrobust.models.reading import Declared
from vidrobust.predictions import Classifications

MAP = ClassMap(of_model={0: 1, 3: 1, 2: 0}, classes=3)
NAMES = ("fish", "cat", "cow")


class Fixed:
    """Says the same of every frame."""

    task = "classification"
    info = ModelInfo(
        spec="fixed", engine="", device="", precision="", preprocessing="", version="1"
    )

    def __init__(self, *row, names=0):
        self.row, self.name = row, "fixed"
        self.class_names = tuple(f"c{k}" for k in range(names or len(row)))

    def __call__(self, pixels):
        return Classifications(np.repeat([self.row], len(pixels), axis=0), self.class_names)


def answer(model, of=MAP):
    found = merged(model, of, NAMES, "a set")
    return found(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).probabilities[0]


def test_it_is_the_softmax_of_the_maxima_with_minus_infinity_for_the_rest():
    """Logits -1, -5, -2, -3: cat max(-1, -3), fish -2, cow nothing; the class in no set is out."""
    logits = np.array([-1.0, -5.0, -2.0, -3.0])
    p = np.exp(logits) / np.exp(logits).sum()
    two = np.exp([-2.0, -1.0])
    assert answer(Fixed(*p)) == pytest.approx([*(two / two.sum()), 0], abs=1e-6)
    # two members of .3 lose against one of .35: the maximum counts, not the sum
    assert answer(Fixed(0.3, 0.05, 0.35, 0.3)).argmax() == 0
    # rounded to nothing: none leads
    assert answer(Fixed(0, 1, 0, 0)) == pytest.approx([0.5, 0.5, 0])


def test_a_map_of_imagenet_fits_models_of_imagenet_alone():
    row = np.full(1001, 1e-4)
    row[4] = 1 - 1e-4 * 1000
    background = Fixed(*row)
    background.class_names = ("background", *(f"c{k}" for k in range(1000)))
    assert answer(background).argmax() == 1  # class 3 of ImageNet
    named = Fixed(*row)
    assert merged(named, MAP, NAMES, "a set") is None
    assert merged(Fixed(0.5, 0.5), MAP, NAMES, "a set") is None


def test_other_maps_are_other_models_and_what_it_lacks_is_noted():
    model = Fixed(0.1, 0.2, 0.3, 0.4)
    first = merged(model, MAP, NAMES, "a set")
    second = merged(model, ClassMap(of_model={0: 0, 3: 1, 2: 2}, classes=3), NAMES, "a set")
    assert second is not None
    assert identity(first) != identity(second)
    assert first.info.notes == ("answers in the 3 classes of a set, never cow",)


def test_what_cannot_be_mapped_is_refused():
    class Points(Fixed):
        def __call__(self, pixels):
            return dataclasses.replace(super().__call__(pixels), thresholds=((1, 0.3),))

    with pytest.raises(SettingsError, match="a class map needs the probabilities of all classes"):
        answer(Points(0.1, 0.2, 0.3, 0.4))


def test_a_network_stays_one(models):
    """Its own engine, precision and cut stay known: the noise floor is measured as without a map."""
    spec = f"onnx:{models / 'mobilenet_v1_0.25_128.onnx'}"
    (model,) = classifiers_of(load_models((spec,), device="cpu"))
    pets = ClassMap(of_model={281: 0, 282: 0, 207: 1}, classes=2)
    found = merged(model, pets, ("cat", "dog"), "a set")
    assert type(found) is type(model)
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8, generator=generator)
    shift = len(model.class_names) - 1000
    whole = model(pixels).probabilities
    cat, dog = whole[:, [281 + shift, 282 + shift]].max(axis=1), whole[:, 207 + shift]
    np.testing.assert_allclose(found(pixels).probabilities[:, 0], cat / (cat + dog), rtol=1e-4)
    assert model(pixels).class_names != found(pixels).class_names


TEDDY = "teddy"


def test_a_real_network_with_an_operating_point(models, teddy):
    """The teddy bear wins exactly in the upper half of its own frames, elsewhere the best of the others does."""
    spec = f"onnx:{models / 'mobilenet_v1_0.25_128.onnx'}"
    plain = load_model(spec)
    p, k = plain(teddy).probabilities, plain.class_names.index(TEDDY)
    point = float(np.median(p[:, k]))
    pointed = load_model(f"{spec},threshold={TEDDY}:{point}")
    found = pointed(teddy)
    wins = p[:, k] >= point
    assert np.array_equal(found.probabilities, p)
    assert np.array_equal(found.labels == k, wins)
    assert wins.sum() == len(wins) // 2
    others = p.copy()
    others[:, k] = -1
    assert np.array_equal(found.labels[~wins], others[~wins].argmax(axis=1))
    assert identity(plain) != identity(pointed)


def test_over_a_classifier_of_your_own_in_batches(noise):
    model = thresholded(Bright(), Declared(threshold={"bright": 0.6}), "own")
    bright = noise.float().mean(dim=(1, 2, 3)).numpy() / 255
    for batch in (1, 2, "auto"):
        found = predict(model, noise, batch)
        assert found.labels.tolist() == (bright >= 0.6).astype(int).tolist()
    first, other = identity(model), identity(Bright())
    assert {key for key in first if first[key] != other[key]} == {"reading"}


def test_a_classifier_says_its_own_output():
    plain = Bright()
    assert thresholded(plain, Declared(), "own") is plain
    for declared in (Declared(output="logits"), Declared(threshold={"dark": 0.5}, scale=2)):
        with pytest.raises(SettingsError, match="one_vs_rest"):
            thresholded(plain, declared, "own")
    said = "there is no one class 'red'; classes are dark, bright"
    with pytest.raises(SettingsError, match=said):
        thresholded(plain, Declared(threshold={"red": 0.5}), "own")
