"""What identifies a model: everything that can change its answers, and nothing else."""

import sys

import pytest

from tests.models.made_sidecar import sidecar
from vidrobust.models.info import identity
from vidrobust.models.load import load_model

NET = "mobilenet_v1_0.25_128.onnx"
CODE = """
import numpy as np
import torch
from vidrobust.models.preprocess import Preprocess
from vidrobust.predictions import Classifications

class Half:
    name, class_names, task = "half", ("a", "b"), "classification"
    def __call__(self, pixels):
        return Classifications(np.full((len(pixels), 2), 0.5), self.class_names)

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(192, 3)
        with torch.no_grad():
            self.layer.weight.fill_(0.5); self.layer.bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
    def forward(self, x):
        return self.layer(x.flatten(1)){suffix}

def net():
    return Net(), Preprocess(size=8, mean=(127,) * 3, std=(64,) * 3)
"""


@pytest.fixture
def onnx(models, tmp_path):
    """Identity of a real network under a sidecar of its own and options."""
    (tmp_path / NET).symlink_to(models / NET)

    def made(*, crop=0.875, more="", options=""):
        text = sidecar(128, crop, [127.5] * 3, [127.5] * 3, more=more)
        (tmp_path / f"{NET}.toml").write_text(text)
        found = identity(load_model(f"onnx:{tmp_path / NET}{options}"))
        assert found is not None
        return found

    return made


def test_the_same_network_under_another_name_or_threads_is_the_same(onnx):
    first = onnx()
    assert first == onnx(more='name = "line 4"', options=",threads=1")
    assert len(first["weights"]) == 64


def test_preprocessing_and_classes_are_part_of_it(onnx):
    first = onnx()
    other = onnx(crop=0.9)
    assert {key for key in first if first[key] != other[key]} == {"preprocessing"}
    named = onnx(more=f"classes = {[f'part {k}' for k in range(1000)]}")
    assert {key for key in first if first[key] != named[key]} == {"classes"}


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def made(name, suffix=""):
        sys.modules.pop("identified_here", None)
        (tmp_path / "identified_here.py").write_text(CODE.replace("{suffix}", suffix))
        return load_model(f"identified_here:{name}")

    yield made
    sys.modules.pop("identified_here", None)


def test_a_callable_needs_a_version(load):
    assert identity(load("Half")) is None
    first, second = identity(load("Half,version=1")), identity(load("Half,version=2"))
    assert {key for key in first if first[key] != second[key]} == {"version"}
    assert first == identity(load("Half,version=1"))


def test_a_changed_forward_is_another_model(load):
    first, same, other = identity(load("net")), identity(load("net")), identity(load("net", " * 2"))
    assert first == same
    assert {key for key in first if first[key] != other[key]} == {"code"}


def test_lite0_is_known_by_file_and_code(lite0):
    found = identity(lite0)
    assert found["weights"].startswith("57934424")
    assert len(found["code"]) == 64
    assert found["reading"] == "logits, softmax"
