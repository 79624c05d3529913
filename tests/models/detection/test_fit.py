"""Where frames lie in a detector's input, and the way back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.preprocess import BoxPreprocess


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


def yolox_preproc(img: np.ndarray, input_size: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Megvii-BaseDetection/YOLOX, yolox/data/data_augment.py, ``preproc``, word by word but for the last axis."""
    padded_img = np.ones((input_size[0], input_size[1], 3), dtype=np.uint8) * 114
    r = min(input_size[0] / img.shape[0], input_size[1] / img.shape[1])
    resized_img = cv2.resize(
        img, (int(img.shape[1] * r), int(img.shape[0] * r)), interpolation=cv2.INTER_LINEAR
    ).astype(np.uint8)
    padded_img[: int(img.shape[0] * r), : int(img.shape[1] * r)] = resized_img
    return np.ascontiguousarray(padded_img.transpose(2, 0, 1), dtype=np.float32), r


@pytest.mark.parametrize(
    ("height", "width"),
    [(432, 768), (360, 640), (480, 854), (1080, 1920), (301, 77), (416, 416), (333, 1001)],
)
def test_letterbox_of_yolox(height: int, width: int) -> None:
    """Pixels equal; boxes are divided by the ratio, as its demos do. 768 x 432 px make 233 rows of 416."""
    frame = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    how = prepared(size=(416, 416), round_down=True, one_scale=True, channels="BGR")
    expected, ratio = yolox_preproc(frame[..., ::-1], (416, 416))
    made = how(torch.from_numpy(frame).permute(2, 0, 1)[None])[0]
    np.testing.assert_array_equal(made.numpy(), expected)
    boxes = np.array([[10.0, 20.0, 300.0, 200.0]])
    np.testing.assert_allclose(how.fit(height, width).undo(boxes), boxes / ratio, rtol=1e-12)
    if (height, width) == (432, 768):
        assert how.sides(height, width) == (233, 416)


def test_head_of_yolox_has_its_letterbox() -> None:
    head = HEADS["yolox"]
    assert (head.place, head.round_down, head.one_scale, head.antialias) == ("top left", True, True, False)


def test_nearest_sides() -> None:
    """854 x 480 px in 416 are 416 x 233.8."""
    assert prepared(size=(416, 416)).sides(480, 854) == (234, 416)


def test_refuses_what_it_does_not_know() -> None:
    with pytest.raises(SettingsError, match="resize"):
        prepared(resize="crop")
    with pytest.raises(SettingsError, match="channels"):
        prepared(channels="rgb")
