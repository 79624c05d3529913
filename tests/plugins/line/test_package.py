"""The weights are part of the wheel, and load where there is no network."""

import socket
import tomllib
from pathlib import Path

import pytest
from setuptools import find_packages

from vidrobust.models.load import load_model
from vidrobust.plugins.line.model_kind import CLASSIFIER, DETECTOR, SCORES

ROOT = Path(__file__).resolve().parents[3]


def test_a_wheel_holds_the_weights():
    """By the packages and patterns of pyproject.toml, as setuptools finds them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    summary = project["tool"]["setuptools"]
    packages = find_packages(str(ROOT), include=summary["packages"]["find"]["include"])
    assert "vidrobust.plugins.line" in packages
    patterns = summary["package-data"]["vidrobust"]
    held = {path for pattern in patterns for path in (ROOT / "vidrobust").glob(pattern)}
    for path in (CLASSIFIER, DETECTOR, SCORES):
        assert path.stat().st_size > 0
        assert path.resolve() in held
    assert sum(path.stat().st_size for path in (CLASSIFIER, DETECTOR)) < 2_000_000


@pytest.mark.parametrize("name", ["line-classifier", "line-detector"])
def test_the_models_load_without_network(name, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert load_model(name, device="cpu").class_names
