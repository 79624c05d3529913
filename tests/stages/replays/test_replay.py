"""Pictures shown again: another resize before the network's own, softened ones, and the notes on them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from vidrobust.frames.pixels import to_array, to_tensor
from vidrobust.models.modules import from_module
from vidrobust.models.network import as_classifier
from vidrobust.models.preprocess import Preprocess
from vidrobust.stages.replays.arms import _joined
from vidrobust.stages.replays.footage import WanderingSteps, another_resize, resizes_of, softened

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


def steps(count: int, camera_px: float = 0.0) -> WanderingSteps:
    return WanderingSteps(np.full((count, 2), camera_px), np.zeros(count), np.arange(count) == 0)


def test_a_blur_is_scaled_to_the_frame_and_a_median_is_that_of_its_neighbourhood() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (72, 96, 3)).astype(np.uint8)
    (blurred,) = softened(
        "blur-1.5", lambda: iter([cv2.resize(frame, (960, 720))]), steps(1)
    ).frames()  # type: ignore[misc]
    wide = cv2.resize(frame, (960, 720)).astype(np.float64)
    by_hand = np.stack(
        [ndimage.gaussian_filter(wide[..., k], 3.0, mode="mirror") for k in range(3)], axis=-1
    )
    assert np.abs(blurred - by_hand).max() < 2
    (middle,) = softened("median-filter-5", lambda: iter([frame]), steps(1)).frames()  # type: ignore[misc]
    for k in range(3):
        assert (middle[2:-2, 2:-2, k] == ndimage.median_filter(frame[..., k], 5)[2:-2, 2:-2]).all()


def test_the_mean_at_rest_takes_noise_away_and_leaves_what_moves() -> None:
    rng = np.random.default_rng(0)
    base = cv2.GaussianBlur(rng.integers(0, 255, (90, 160, 3)).astype(np.uint8), (0, 0), 2)
    frames = [
        np.clip(base + rng.normal(0, 8, base.shape), 0, 255).astype(np.uint8) for _ in range(12)
    ]
    for at, frame in enumerate(frames):
        frame[20:40, 10 + 8 * at : 30 + 8 * at] = (200, 30, 30)
    found = softened("still-mean-5", lambda: iter(frames), steps(12))
    assert found.frames is not None
    shown = list(found.frames())
    before, after = (
        float(np.std(each[60:].astype(float) - base[60:])) for each in (frames[-1], shown[-1])
    )
    assert after < 0.7 * before
    for at, picture in enumerate(shown):
        assert (
            np.abs(picture[22:38, 14 + 8 * at : 26 + 8 * at] - np.array([200, 30, 30])).max() <= 2
        )
    assert softened("still-mean-5", lambda: iter(frames), steps(12, camera_px=1.0)).frames is None


def test_notes_tell_what_was_done_from_what_could_not_be() -> None:
    done = {"note": "the light flickers by 18 %, which is taken away", "shown": True, "same": False}
    none = {"note": "not possible: no light", "shown": False, "same": False}
    assert _joined([done]) == done["note"]
    both = _joined([none, done, none])
    assert both.index("in 1 of 3 inputs: the light") < both.index("in 2 of 3 inputs: not possible")
