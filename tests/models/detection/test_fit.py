"""Where frames lie in a detector's input, and the way back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.detection.fit import BoxPreprocess


def prepared(**changes: object) -> BoxPreprocess:
    given = {
        "size": (96, 128),
        "resize": "letterbox",
        "mean": (0.0,) * 3,
        "std": (1.0,) * 3,
        "channels": "RGB",
    }
    return BoxPreprocess(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("place", ["top left", "centre"])
@pytest.mark.parametrize(("height", "width"), [(60, 80), (77, 301), (301, 77), (96, 128), (1, 500)])
def test_a_frame_comes_back_whole(resize: str, place: str, height: int, width: int) -> None:
    how = prepared(resize=resize, place=place)
    fit = how.fit(height, width)
    tall, wide = how.sides(height, width)
    left, top = fit.offset
    back = fit.undo(np.array([[left, top, left + wide, top + tall]]))
    np.testing.assert_allclose(back, [[0, 0, width, height]], atol=1e-9)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("antialias", [False, True])
def test_a_bright_patch_is_found_again(resize: str, antialias: bool) -> None:
    """The centroid of a white rectangle in the input, taken back, is its centroid in the frame."""
    frame = torch.zeros(1, 3, 240, 500, dtype=torch.uint8)
    frame[:, :, 60:140, 100:260] = 255
    how = prepared(resize=resize, place="centre", antialias=antialias, pad=0)
    picture = how(frame)[0, 0].double().numpy()
    y, x = np.indices(picture.shape) + 0.5
    centre = [(picture * x).sum() / picture.sum(), (picture * y).sum() / picture.sum()]
    found = how.fit(240, 500).undo(np.array([[*centre, *centre]]))[0, :2]
    np.testing.assert_allclose(found, [180, 100], atol=0.5 if antialias else 2)  # edges fall between samples


def test_padding_order_and_range() -> None:
    frame = torch.zeros(2, 3, 64, 128, dtype=torch.uint8)
    frame[:, 0] = 200
    made = prepared(channels="BGR", mean=(10.0, 20.0, 30.0), std=(2.0, 2.0, 2.0))(frame)
    assert made.shape == (2, 3, 96, 128)
    # top left, and the red channel is the last one; rows from 64 on are padding
    assert made[0, :, 5, 5].tolist() == [-5.0, -10.0, 85.0]
    assert made[0, :, 80, 5].tolist() == [52.0, 47.0, 42.0]


def test_resizes_as_opencv_does() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    made = prepared(resize="stretch")(torch.from_numpy(frame).permute(2, 0, 1)[None])
    expected = cv2.resize(frame, (128, 96), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(made[0].permute(1, 2, 0).numpy(), expected)


def test_whole_sides() -> None:
    """768 x 432 into 416 is 416 x 234; 854 x 480 is 416 x 233.8, which the families round apart."""
    for whole, expected in (("down", 233), ("nearest", 234)):
        how = prepared(size=(416, 416), whole=whole)
        assert how.sides(432, 768) == (234, 416)
        assert how.sides(480, 854) == (expected, 416)


def test_refuses_what_it_does_not_know() -> None:
    with pytest.raises(SettingsError, match="resize: expected 'letterbox' or 'stretch', got 'crop'"):
        prepared(resize="crop")
    with pytest.raises(SettingsError, match='channels: expected "RGB" or "BGR"'):
        prepared(channels="rgb")
