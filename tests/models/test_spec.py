"""Taking a model spec apart; the kinds of models, and one that an installed package brings."""

import subprocess
import sys

import numpy as np
import pytest

from vidrobust.errors import InputError, SettingsError
from vidrobust.models.load import load_model
from vidrobust.models.spec import available, known, parse_spec


@pytest.mark.parametrize(
    ("text", "kind", "target", "options"),
    [
        ("efficientnet-lite1", "efficientnet-lite", "efficientnet-lite1", {}),
        ("torchvision:resnet50", "torchvision", "resnet50", {}),
        (
            "timm:resnet10t.c3_in1k,weights=w,1.pth",
            "timm",
            "resnet10t.c3_in1k",
            {"weights": "w,1.pth"},
        ),
        ("onnx:C:\\nets\\a.onnx", "onnx", "C:\\nets\\a.onnx", {}),
        ("onnx:a.onnx,threads=1,sidecar=b", "onnx", "a.onnx", {"threads": "1", "sidecar": "b"}),
        ("pt2:nets/a.pt2", "pt2", "nets/a.pt2", {}),
        ("my.models:make", "factory", "my.models:make", {}),
        ("  models:make ", "factory", "models:make", {}),
    ],
)
def test_forms(text, kind, target, options):
    spec = parse_spec(text)
    assert (spec.kind, spec.target, spec.options, spec.text) == (kind, target, options, text)


@pytest.mark.parametrize(
    "text", ["", "resnet50", "torchvision:", "onnx:", ":x", "a-b:c", "hub:net/x", "a.b:c.d"]
)
def test_no_spec_is_refused(text):
    with pytest.raises(SettingsError, match=f"Unknown model {text!r}"):
        parse_spec(text)


def test_the_bare_name_of_a_network_gets_its_spec_first():
    with pytest.raises(SettingsError, match=r"torchvision:resnet50 or "):
        parse_spec("resnet50")


def test_files_and_folders_of_a_known_kind_need_no_scheme(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    names = {"nets/a.onnx": "onnx", "a.torchscript": "torchscript", str(tmp_path): "hf"}
    for name, kind in names.items():
        spec = parse_spec(f"{name},classes=x.txt" if kind != "hf" else name)
        assert (spec.kind, spec.target) == (kind, name)
    with pytest.raises(SettingsError, match="unknown option 'size'; onnx takes"):
        parse_spec("nets/a.onnx,size=3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("efficientnet-lite0,weights=a", "'weights'; efficientnet-lite takes output, threshold"),
        ("timm:x,weight=a", "unknown option 'weight'; timm takes weights, num_classes, classes"),
        # ",c=" looks like an option
        (
            "torchvision:resnet18,weights=/data/a b,c=1/x.pth",
            "'c'; torchvision takes weights, preset",
        ),
        ("timm:x,weights=", "option weights has no value"),
    ],
)
def test_wrong_options(text, message):
    with pytest.raises(SettingsError, match=message):
        parse_spec(text)


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_numbers(number):
    with pytest.raises(SettingsError, match="num_classes: expected a whole number from 1"):
        parse_spec(f"timm:x,num_classes={number}").number("num_classes")
    assert parse_spec("timm:x,num_classes=12").number("num_classes") == 12
    assert parse_spec("timm:x").number("num_classes") is None


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
def site(tmp_path_factory):
    """A package written to a folder and installed by pip into another one, without a network."""
    source, target = tmp_path_factory.mktemp("toy"), tmp_path_factory.mktemp("site")
    (source / "pyproject.toml").write_text(PYPROJECT)
    (source / "toy_models.py").write_text(CODE)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def toy(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "toy_models", raising=False)


@pytest.mark.usefixtures("toy")
def test_a_kind_from_an_installed_package(noise):
    model = load_model("toy:mean,gain=0.5")
    expected = noise.numpy().reshape(len(noise), -1).mean(axis=1) / 255 / 2
    assert model.name == "mean"
    assert np.allclose(model(noise).probabilities[:, 1], expected, atol=1e-5)
    row = next(row for row in available() if row["spec"] == "toy:NAME")
    assert (row["ready"], row["example"]) == ("yes, toy-models 1.2", "toy:mean")
    with pytest.raises(SettingsError, match="unknown option 'gian'; toy takes gain"):
        parse_spec("toy:mean,gian=2")
    assert parse_spec("a.toy").kind == "toy"
    with pytest.raises(SettingsError, match="toy:mean"):  # named, as it is like it
        parse_spec("toy-mean")


@pytest.mark.usefixtures("toy")
def test_broken_kinds_are_named_and_harm_no_other():
    assert set(known().broken) == {"absent", "number", "onnx"}
    with pytest.raises(InputError, match=r"absent:x: .*toy_models:GONE"):
        parse_spec("absent:x")
    with pytest.raises(InputError, match=r"number:x: .*toy_models:NUMBER"):
        parse_spec("number:x")
    assert parse_spec("onnx:a.onnx").kind == "onnx"
    ready = {row["spec"]: row["ready"] for row in available()}
    assert "there is a ModelKind 'onnx' already" in ready["onnx:"]


def test_without_it_the_spec_is_read_as_your_own_code():
    with pytest.raises(SettingsError, match="no module toy"):
        load_model("toy:mean")


def test_every_kind_has_an_example_that_it_reads():
    for scheme, kind in known().kinds.items():
        assert kind.forms
        for form in kind.forms:
            assert parse_spec(form.example).kind == scheme


@pytest.mark.parametrize(
    ("spec", "way"),
    [
        ("tensorrt:net.engine", "yolo export format=onnx"),
        ("net.tflite", "detections:FILE"),
        ("net.keras", "tf2onnx"),
        ("net_openvino/net.xml", "ONNX"),
        ("net.safetensors", r"timm:NAME,weights=FILE"),
    ],
)
def test_files_that_are_not_read_name_the_way_out(spec, way):
    with pytest.raises(SettingsError, match=way):
        parse_spec(spec)
