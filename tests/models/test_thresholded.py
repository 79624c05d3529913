"""Operating points by the spec: over a real network, and over a user's own classifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.info import identity
from vidrobust.models.load import load_model, thresholded
from vidrobust.models.predict import predict
from vidrobust.models.reading import Declared
from vidrobust.predictions import Classifications

TEDDY = "teddy"


class Levels:
    name = "levels"
    class_names = ("dark", "bright")
    task = "classification"
    version = "1"

    def __call__(self, pixels: torch.Tensor) -> Classifications:
        bright = pixels.float().mean(dim=(1, 2, 3)).numpy() / 255
        return Classifications(np.stack([1 - bright, bright], axis=1), self.class_names)


def test_a_real_network_with_an_operating_point(models: Path, teddy: torch.Tensor) -> None:
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


def test_over_a_classifier_of_your_own_in_batches(noise: torch.Tensor) -> None:
    model = thresholded(Levels(), Declared(threshold={"bright": 0.6}), "own")
    bright = noise.float().mean(dim=(1, 2, 3)).numpy() / 255
    for batch in (1, 2, "auto"):
        found = predict(model, noise, batch)
        assert found.labels.tolist() == (bright >= 0.6).astype(int).tolist()
    first, other = identity(model), identity(Levels())
    assert first is not None
    assert other is not None
    assert {key for key in first if first[key] != other[key]} == {"reading"}


def test_a_classifier_says_its_own_output() -> None:
    plain = Levels()
    assert thresholded(plain, Declared(), "own") is plain
    for declared in (Declared(output="logits"), Declared(threshold={"dark": 0.5}, scale=2)):
        with pytest.raises(SettingsError, match="output, scale and one_vs_rest are said of networks"):
            thresholded(plain, declared, "own")
    with pytest.raises(SettingsError, match="there is no one class 'red'; classes are dark, bright"):
        thresholded(plain, Declared(threshold={"red": 0.5}), "own")
