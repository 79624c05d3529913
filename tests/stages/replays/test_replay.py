"""Another resize before the network's own: the network's own then changes nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from vidrobust.frames.pixels import to_array, to_tensor
from vidrobust.models.modules import from_module
from vidrobust.models.network import as_classifier
from vidrobust.models.preprocess import Preprocess
from vidrobust.stages.replays.footage import another_resize, resizes_of

SHORTER = Preprocess(size=24, resize_to=27, mean=(0.0,) * 3, std=(1.0,) * 3)
STRETCH = Preprocess(size=(20, 30), crop=1.0, resize="stretch", mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.mark.parametrize("preprocess", [SHORTER, STRETCH], ids=["shorter side", "stretch"])
@pytest.mark.parametrize("shape", [(48, 83, 3), (83, 48, 3)], ids=["wide", "high"])
def test_the_networks_own_resize_changes_nothing_any_more(
    preprocess: Preprocess, shape: tuple[int, int, int]
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = another_resize(lambda: iter([frame]), preprocess.resized, cv2.INTER_AREA)
    assert found.frames is not None
    (small,) = found.frames()
    cut = to_array(preprocess.cut(to_tensor([small]))[0])
    top, left = ((small.shape[k] - preprocess.shape[k]) // 2 for k in (0, 1))
    near = [
        small[y : y + preprocess.shape[0], x : x + preprocess.shape[1]]
        for y in (top, top + 1)
        for x in (left, left + 1)
    ]
    assert any(np.array_equal(cut, each) for each in near)  # a crop of it, and no other pixels


def test_a_loaded_network_is_replayed_with_both_filters() -> None:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
    network = from_module(
        module, SHORTER, torch.device("cpu"), name="net", weights="drawn", weights_sha256="0"
    )
    model = as_classifier(network, "tests:net")
    frame = np.random.default_rng(1).integers(0, 256, (48, 83, 3)).astype(np.uint8)
    found = resizes_of(lambda: iter([frame]), model)
    assert {name: each.note for name, each in found.items()} == dict.fromkeys(
        ("another-resize-area", "another-resize-plain"), "to 27 px, shorter side"
    )
    area, plain = (next(each.frames()) for each in found.values() if each.frames)
    assert area.shape == plain.shape == (27, 46, 3)
    assert area.std() < plain.std()  # noise is averaged away by the one and not by the other


def test_a_model_of_frames_says_why_not() -> None:
    found = resizes_of(lambda: iter([]), object())  # type: ignore[arg-type]
    assert all(each.frames is None and each.note for each in found.values())
