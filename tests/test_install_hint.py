"""Hints to install name packages that an index has, from a checkout and from a wheel alike."""

import re
from importlib import metadata
from pathlib import Path

from vidrobust import install_hint
from vidrobust.install_hint import pip_install, requirements

PACKAGE = Path(install_hint.__file__).parent


def test_the_requirements_of_an_extra_are_named():
    assert pip_install("timm") == "pip install 'timm>=1.0'"
    assert pip_install("onnx") == "pip install 'onnxruntime>=1.18' 'onnx>=1.16'"


def test_extras_that_an_extra_names_are_unfolded():
    every = requirements("engines")
    assert set(requirements("onnx")) | set(requirements("openvino")) < set(every)
    assert not any("vidrobust" in each for each in requirements("dev"))


def test_the_same_from_the_metadata_of_a_wheel(monkeypatch, tmp_path):
    of_checkout = {extra: requirements(extra) for extra in ("onnx", "engines", "demo")}
    lines = ["numpy>=1.26", 'onnxruntime>=1.18; extra == "onnx"', 'onnx>=1.16; extra == "onnx"']
    lines += ['openvino>=2024.4; extra == "openvino"']
    lines += ['vidrobust[onnx,openvino]; extra == "engines"', 'onnxscript>=0.5; extra == "engines"']
    monkeypatch.setattr(install_hint, "__file__", str(tmp_path / "vidrobust" / "install_hint.py"))
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    for extra in ("onnx", "engines"):
        assert requirements(extra) == of_checkout[extra]


def test_no_message_names_what_no_index_has():
    said = [
        (path.name, line)
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"pip install.*vidrobust\[", line)
    ]
    assert said == []
