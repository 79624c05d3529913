"""A user's own module: what it may return, and what is said when it goes wrong."""

import sys

import numpy as np
import pytest
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.info import model_info
from vidrobust.models.load import load_model
from vidrobust.models.preprocess import Preprocess

CODE = """
import numpy as np
import torch
from tests.fuzz.tiny import Bright
from vidrobust.models.preprocess import Preprocess
from vidrobust.predictions import Classifications

PREPROCESS = Preprocess(size=8, mean=(127, 127, 127), std=(64, 64, 64))
NAMES = ("dark", "bright")


class Brightness(Bright):
    name = "brightness"


def linear(classes=3):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(192, classes))


ready = Brightness()

def pair(device):
    assert isinstance(device, torch.device)
    return linear(), PREPROCESS

def triple(): return linear(2), PREPROCESS, NAMES
def softmaxed(): return torch.nn.Sequential(linear(), torch.nn.Softmax(1)), PREPROCESS
def bare(): return linear()
def wrong_second(): return linear(), {"size": 8}
def nothing(): return None
def fails(): raise RuntimeError("no licence file")
def wrong_names(): return linear(), PREPROCESS, ("a", "b")

class Detector(Brightness):
    task = "detection"

class Fails(Brightness):
    def __call__(self, pixels): raise RuntimeError("shape mismatch")

class Lists(Brightness):
    def __call__(self, pixels): return [0.5, 0.5]

class Random(Brightness):
    generator = np.random.default_rng(0)
    def __call__(self, pixels):
        return Classifications(self.generator.dirichlet((1, 1), len(pixels)), self.class_names)

number = 3
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """load_model of a name in a module that lies in the current directory."""
    (tmp_path / "own_models_here.py").write_text(CODE)
    (tmp_path / "own_models_broken.py").write_text("import a_module_that_is_not_there")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda name: load_model(name if ":" in name else f"own_models_here:{name}")
    for module in ("own_models_here", "own_models_broken"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize("name", ["Brightness", "ready"])
def test_a_classifier_class_or_instance(load, noise, name):
    model = load(name)
    expected = noise.numpy().reshape(len(noise), -1).mean(axis=1) / 255
    assert np.allclose(model(noise).probabilities[:, 1], expected, atol=1e-5)
    info = model_info(model)
    assert (model.name, info.weights_sha256) == ("brightness", "")
    assert info.engine == "own_models_here.Brightness"


@pytest.mark.parametrize("name", ["pair", "triple", "softmaxed"])
def test_a_module_with_its_preprocess(load, noise, name):
    """Dropout is off: the expected rows come from the linear layer alone."""
    model = load(name)
    torch.manual_seed(0)
    layer = torch.nn.Linear(192, 2 if name == "triple" else 3)
    inputs = Preprocess(size=8, mean=(127,) * 3, std=(64,) * 3)(noise)
    with torch.inference_mode():
        expected = layer(inputs.contiguous().flatten(1)).softmax(1).numpy()
    assert np.abs(model(noise).probabilities - expected).max() < 1e-5
    numbered = ("class 0", "class 1", "class 2")
    assert model.class_names == (("dark", "bright") if name == "triple" else numbered)
    info = model_info(model)
    assert (model.name, len(info.weights_sha256)) == (name, 64)
    assert info.preprocessing.startswith("shorter side to 8 px")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("bare", r"without saying how frames go in; return \(module, Preprocess"),
        ("wrong_second", "the second of the pair is dict; expected a vidrobust.models.preprocess"),
        ("nothing", "returned NoneType; expected a Classifier or a Detector"),
        ("Detector", "3 frames went in, expected Detections, got Classifications"),
        ("Lists", "3 frames went in, expected Classifications with as many rows, got list"),
        ("wrong_names", "the network has 3 outputs, but 2 class names are given"),
        ("number", "number is int, not a function"),
        ("absent", r"own_models_here\.py has no 'absent'"),
        ("own_models_absent:make", "no module own_models_absent .looked in "),
        ("own_models_here.deeper:make", r"no module own_models_here\.deeper"),
    ],
)
def test_wrong_factories(load, name, message):
    with pytest.raises(SettingsError, match=message):
        load(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", "the factory failed: RuntimeError: no licence file"),
        ("Fails", "brightness: failed on a first batch of frames: RuntimeError: shape mismatch"),
        ("Random", "probabilities change by .* on a second pass"),
        (
            "own_models_broken:make",
            "own_models_broken failed: ModuleNotFoundError: .*a_module_that",
        ),
    ],
)
def test_failing_factories(load, name, message):
    with pytest.raises(InputError, match=message):
        load(name)
