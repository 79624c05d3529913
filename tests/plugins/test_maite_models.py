"""MAITE's protocols: structural checks by the package, and the answers that went in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vidrobust
from tests.made_frames import texture
from vidrobust.api.study import write_frames
from vidrobust.errors import SettingsError
from vidrobust.models.load import load_model
from vidrobust.plugins.maite_models import ClipDataset, StabilityMetric, adopt

maite = pytest.importorskip("maite.protocols.image_classification")


class Level:
    """Bright or dark, by the mean; a model of MAITE."""

    def __init__(self) -> None:
        self.metadata = {"id": "level", "index2label": {0: "dark", 1: "bright"}}

    def __call__(self, batch: Any) -> list[np.ndarray]:
        bright = [float(np.asarray(frame).mean()) > 120 for frame in batch]
        return [np.array([0.2, 0.8] if each else [0.8, 0.2]) for each in bright]


@dataclass
class Target:
    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


class Boxes:
    def __init__(self) -> None:
        self.metadata = {"id": "boxes"}

    def __call__(self, batch: Any) -> list[Target]:
        box = np.array([[2.0, 3.0, 20.0, 30.0]])
        return [Target(box, np.array([1]), np.array([[0.1, 0.9]])) for _ in batch]


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    still = texture(3, 48, 64).astype(float)
    return np.stack([np.clip(still * (1 + 0.2 * (k % 3 - 1)), 0, 255) for k in range(24)]).astype(
        np.uint8
    )


def test_a_model_is_studied(frames: np.ndarray) -> None:
    assert isinstance(Level(), maite.Model)
    found = adopt(Level(), torch.device("cpu"))
    assert found is not None
    assert found.class_names == ("dark", "bright")
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    labels = [int(frame.mean() > 120) for frame in frames]
    assert found(pixels).labels.tolist() == labels  # type: ignore[union-attr]
    expected = float((np.diff(labels) != 0).mean())
    assert vidrobust.flip_rate(frames, Level()) == pytest.approx(expected)


def test_a_spec_names_a_factory() -> None:
    found = load_model("maite:tests.plugins.test_maite_models:Level", device="cpu")
    assert (found.name, found.class_names) == ("level", ("dark", "bright"))
    with pytest.raises(SettingsError, match="no model of MAITE"):
        load_model("maite:collections:OrderedDict")


def test_a_detector_of_maite() -> None:
    found = adopt(Boxes(), torch.device("cpu"))
    assert found is not None
    boxes = found(torch.zeros(2, 3, 40, 40, dtype=torch.uint8))
    assert boxes.boxes.tolist() == [[2, 3, 20, 30]] * 2  # type: ignore[union-attr]
    assert boxes.scores.tolist() == pytest.approx([0.9, 0.9])  # type: ignore[union-attr]
    assert adopt(object(), torch.device("cpu")) is None


def test_a_dataset_and_a_metric(frames: np.ndarray, tmp_path: Path) -> None:
    data = ClipDataset(str(write_frames(frames, tmp_path, "clip", 25)))
    metric = StabilityMetric(task="classification", frame_rate=25)
    assert isinstance(data, maite.Dataset)
    assert isinstance(metric, maite.Metric)
    assert len(data) == 24
    np.testing.assert_array_equal(data[5][0].transpose(1, 2, 0), frames[5])
    model = Level()
    for start in range(0, 24, 6):
        parts = [data[k] for k in range(start, start + 6)]
        metric.update(model([p[0] for p in parts]), [p[1] for p in parts], [p[2] for p in parts])
    labels = [int(frame.mean() > 120) for frame in frames]
    assert metric.compute()["flip_rate"] == pytest.approx(float((np.diff(labels) != 0).mean()))
