"""The table of kinds: the package's own files, and a kind that an installed package brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.known import available, known, parse_spec
from vidrobust.models.load import load_model

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "toy-models"
version = "1.2"
[tool.setuptools]
py-modules = ["toy_models"]
[project.entry-points."vidrobust.models"]
toy = "toy_models:KIND"
absent = "toy_models:GONE"
number = "toy_models:NUMBER"
onnx = "toy_models:ONNX"
"""

CODE = """
import dataclasses
import numpy as np
from vidrobust.models.spec import Form, ModelKind
from vidrobust.predictions import Classifications

class Brightness:
    class_names = ("dark", "bright")
    task = "classification"

    def __init__(self, name, gain):
        self.name, self.gain = name, gain

    def __call__(self, pixels):
        bright = np.clip(pixels.float().mean(dim=(1, 2, 3)).numpy() * self.gain / 255, 0, 1)
        return Classifications(np.stack([1 - bright, bright], axis=1), self.class_names)

def load(spec, device):
    return Brightness(spec.target, float(spec.options.get("gain", "1")))

KIND = ModelKind(
    scheme="toy", load=load, options=("gain",), endings=(".toy",),
    forms=(Form(spec="toy:NAME", what="brightness", example="toy:mean", needs=("toy-models",)),),
)
ONNX = dataclasses.replace(KIND, scheme="onnx")
NUMBER = 3
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package written to a folder and installed by pip into another one, without a network."""
    source, target = tmp_path_factory.mktemp("toy"), tmp_path_factory.mktemp("site")
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "toy_models.py").write_text(CODE)
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
    ]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def toy(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "toy_models", raising=False)


@pytest.mark.usefixtures("toy")
def test_a_kind_from_an_installed_package(noise: torch.Tensor) -> None:
    model = load_model("toy:mean,gain=0.5")
    expected = noise.numpy().reshape(len(noise), -1).mean(axis=1) / 255 / 2
    assert model.name == "mean"
    assert np.allclose(model(noise).probabilities[:, 1], expected, atol=1e-5)
    row = next(row for row in available() if row["spec"] == "toy:NAME")
    assert (row["ready"], row["example"]) == ("yes, toy-models 1.2", "toy:mean")
    with pytest.raises(SettingsError, match="unknown option 'gian'; toy takes gain"):
        parse_spec("toy:mean,gian=2")
    with pytest.raises(SettingsError, match=r"say which kind of file it is: toy:a\.toy"):
        parse_spec("a.toy")
    with pytest.raises(SettingsError, match=r"expected one of: .*efficientnet-lite0, .*toy:NAME"):
        parse_spec("a.b")


@pytest.mark.usefixtures("toy")
def test_broken_kinds_are_named_and_harm_no_other() -> None:
    assert set(known().broken) == {"absent", "number", "onnx"}
    with pytest.raises(InputError, match=r"absent:x: .*toy_models:GONE"):
        parse_spec("absent:x")
    with pytest.raises(InputError, match=r"number:x: .*toy_models:NUMBER"):
        parse_spec("number:x")
    assert parse_spec("onnx:a.onnx").kind == "onnx"
    ready = {row["spec"]: row["ready"] for row in available()}
    assert "there is a ModelKind 'onnx' already" in ready["onnx:"]


def test_without_it_the_spec_is_read_as_your_own_code() -> None:
    with pytest.raises(SettingsError, match="no module toy"):
        load_model("toy:mean")


def test_every_file_in_kinds_is_a_kind_with_an_example_that_it_reads() -> None:
    for scheme, kind in known().kinds.items():
        assert kind.forms
        for form in kind.forms:
            assert parse_spec(form.example).kind == scheme
