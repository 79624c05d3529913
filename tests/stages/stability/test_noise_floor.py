"""The noise floor: of models whose noise is known by construction, and of a real network in another engine."""

import numpy as np
import torch

from vidrobust.models.load import load_model
from vidrobust.predictions import Classifications
from vidrobust.stages.stability.unit import measure

PIXELS = (torch.arange(6, dtype=torch.uint8) * 50).view(6, 1, 1, 1).expand(6, 3, 4, 4)


class Leaky:
    """Every row is moved by ``leak`` times its place in the batch."""

    name = "leaky"
    class_names = ("a", "b")
    task: str = "classification"

    def __init__(self, leak):
        self.leak = leak

    def __call__(self, pixels):
        share = pixels[:, 0, 0, 0].numpy() / 255 * 0.5 + self.leak * np.arange(len(pixels))
        return Classifications(np.stack([share, 1 - share], axis=1), self.class_names)


def test_a_model_that_looks_at_nothing_else_has_none():
    floor = measure(Leaky(0.0), PIXELS)
    assert (floor.total_variation, floor.flips) == (0.0, 0)
    assert floor.n == 6 * len(floor.by_way)


def test_company_that_leaks_into_a_row_is_the_floor():
    """By hand: alone every frame is in place 0, so the last of six moves by 5 x .02; reversed, both ends do.

    Shares are .098 i + .02 i together: only the sixth, .59, is above a half; alone it is .49: one flip. Reversed
    it is in place 0 too: another one.
    """
    floor = measure(Leaky(0.02), PIXELS)
    assert np.isclose(floor.by_way["batch size"][0], 0.1, atol=1e-6)
    assert np.isclose(floor.by_way["batch position"][0], 0.1, atol=1e-6)
    assert (floor.by_way["batch size"][1], floor.by_way["batch position"][1]) == (1, 1)
    assert floor.flips >= 2


def test_another_engine_and_number_format_are_in_the_floor(models, tmp_path, monkeypatch):
    monkeypatch.setenv("VIDROBUST_CACHE", str(tmp_path))
    spec = f"onnx:{models / 'mobilenet_v1_0.25_128.onnx'},threads=1"
    drawn = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (4, 3, 64, 80), generator=drawn).to(torch.uint8)
    engine = measure(load_model(spec, engine="openvino"), pixels)
    assert "engine" in engine.by_way
    assert 0 < engine.by_way["engine"][0] < 1e-4
    how = {"engine": "onnxruntime", "precision": "int8", "sample": pixels}
    rounded = measure(load_model(spec, **how), pixels)
    assert "precision" in rounded.by_way
    assert rounded.by_way["precision"][0] > 1e-3
