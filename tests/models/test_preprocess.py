"""Preprocessing against torchvision, timm, Pillow, OpenCV and YOLOX; boxes find their way back."""

import cv2
import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform

from vidrobust.errors import SettingsError
from vidrobust.models.detection.heads import HEADS
from vidrobust.models.preprocess import BoxPreprocess, Preprocess
from vidrobust.plugins.library_models import from_timm, from_torchvision

KERNELS = {name: Image.Resampling[name.upper()] for name in ("bilinear", "bicubic", "nearest")}


def with_pillow(frame, shape, kernel, shorter):
    """(3, H, W) uint8 -> (*shape, 3) uint8, by Pillow; the shorter side's length is a hand count."""
    image = Image.fromarray(frame.permute(1, 2, 0).numpy())
    w, h = image.size
    sides = (shorter, shorter * h // w) if w <= h else (shorter * w // h, shorter)
    image = image.resize(sides, kernel)
    height, width = shape
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return np.asarray(image.crop((left, top, left + width, top + height)))


def picture(height, width):
    """(1, 3, H, W) uint8, a view of (N, H, W, 3): coarse colours and fine noise, so that aliasing shows."""
    generator = torch.Generator().manual_seed(height * 10007 + width)
    coarse = torch.rand(1, 3, 3, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    fine = torch.rand(1, 3, height, width, generator=generator)
    pixels = ((0.6 * smooth + 0.4 * fine) * 255).to(torch.uint8)
    return pixels.contiguous(memory_format=torch.channels_last)


# size, crop -> shorter side by hand: 224/.875 = 256, 128/.875 = 146.3, 160/.875 = 182.9, 227/.875 = 259.4
@pytest.mark.parametrize(
    ("size", "crop", "shorter"),
    [(224, 0.875, 256), (128, 0.875, 146), (160, 0.875, 183), (227, 0.875, 259), (64, 1.0, 64)],
)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("frame", [(272, 640), (301, 167), (100, 100), (37, 53), (5, 3)], ids=str)
def test_agrees_with_pillow(size, crop, shorter, interpolation, frame):
    p = Preprocess(size=size, crop=crop, interpolation=interpolation, mean=(0, 0, 0), std=(1, 1, 1))
    pixels = picture(*frame)
    ours = p.cut(pixels)[0].permute(1, 2, 0).numpy()
    theirs = with_pillow(pixels[0], p.shape, KERNELS[interpolation], shorter)
    error = np.abs(ours.astype(int) - theirs)
    assert ours.shape == (size, size, 3)
    # both are in fixed point; in a pixel of a thousand they round differently
    assert error.max() <= 2
    assert error.mean() < 0.02


@pytest.mark.parametrize(
    "frame", [(1, 1), (1, 7), (9, 1), (2, 3), (1, 4000), (4000, 1), (17, 300), (300, 17)]
)
def test_any_frame_size_gives_the_declared_shape(frame):
    p = Preprocess(size=64, crop=0.875, interpolation="bicubic", mean=(127,) * 3, std=(128,) * 3)
    result = p(picture(*frame))
    assert result.shape == (1, 3, 64, 64)
    assert torch.isfinite(result).all()


@pytest.mark.parametrize(
    ("frame", "size", "interpolation"),
    [
        ((90, 90), 30, "nearest"),
        *((long, 20, "bilinear") for long in ((20, 330), (20, 331), (331, 20))),
    ],
    ids=str,
)
def test_nearest_pixels_and_the_middle_of_very_long_frames_are_those_of_pillow(
    frame, size, interpolation
):
    """The crop of a 16.5:1 frame by Pillow from the whole frame, which the cut must not move or change."""
    p = Preprocess(size=size, crop=1.0, interpolation=interpolation, mean=(0, 0, 0), std=(1, 1, 1))
    pixels = picture(*frame)
    expected = with_pillow(pixels[0], (size, size), KERNELS[interpolation], size)
    assert np.array_equal(p.cut(pixels)[0].permute(1, 2, 0).numpy(), expected)


def test_memory_layout_batch_and_neighbours_change_no_bit():
    p = Preprocess(size=56, crop=0.875, interpolation="bicubic", mean=(127,) * 3, std=(128,) * 3)
    strided = torch.cat([picture(70 + 0 * i, 90) + i for i in range(4)])
    together = p(strided)
    assert together.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(together, p(strided.contiguous()))
    assert torch.equal(together, torch.cat([p(strided[i : i + 1]) for i in range(4)]))
    padded = torch.zeros(4, 70, 96, 3, dtype=torch.uint8)
    padded[:, :, :90] = strided.permute(0, 2, 3, 1)
    assert torch.equal(together, p(padded[:, :, :90].permute(0, 3, 1, 2)))


def test_the_frames_stay_as_they_were():
    pixels = picture(8, 8)  # no resize, no crop: the result must still be other memory
    before = pixels.clone()
    result = Preprocess(size=8, mean=(0, 0, 0), std=(1, 1, 1), channels="BGR")(pixels)
    result.zero_()
    assert torch.equal(pixels, before)


def test_channel_order_and_normalisation_by_hand():
    """One red-ish pixel (10, 20, 30): BGR is (30, 20, 10), minus (1, 2, 3), over (1, 2, 4)."""
    pixels = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1)
    p = Preprocess(size=1, mean=(1, 2, 3), std=(1, 2, 4), channels="BGR")
    assert p(pixels).flatten().tolist() == [29.0, 9.0, 1.75]
    plain = Preprocess(size=1, mean=(1, 2, 3), std=(1, 2, 4))(pixels)
    assert plain.flatten().tolist() == [9.0, 9.0, 6.75]


def test_px_of_a_frame_that_a_px_of_the_input_averages():
    how = {"size": 224, "crop": 0.875, "mean": (0.0,) * 3, "std": (1.0,) * 3}
    assert Preprocess(**how).frame_px(720, 1280) == 720 / 256
    assert Preprocess(**how).frame_px(200, 300) == 1.0
    assert Preprocess(**how, resize="stretch").frame_px(720, 1280) == 720 / 256
    assert Preprocess(**how, interpolation="nearest").frame_px(720, 1280) == 1.0


def test_stretch_ignores_the_aspect_ratio():
    """Left half black, right half white, 10x40 to 16x8: still halves, at 8 wide 4 and 4."""
    pixels = torch.zeros(1, 3, 10, 40, dtype=torch.uint8)
    pixels[..., 20:] = 255
    how = {"resize": "stretch", "interpolation": "nearest"}
    p = Preprocess(size=(16, 8), mean=(0, 0, 0), std=(1, 1, 1), **how)
    result = p(pixels)
    assert result.shape == (1, 3, 16, 8)
    assert result[0, 0, 0].tolist() == [0, 0, 0, 0, 255, 255, 255, 255]


def assert_near(ours, theirs, std):
    """Two levels at most, as above, and 0.02 in the mean."""
    difference = (ours - theirs).abs()
    assert difference.max() <= 2.01 / 255 / min(std)
    assert difference.mean() < 0.0004


@pytest.mark.parametrize(
    "name", ["resnet18", "efficientnet_b0", "vit_b_16", "inception_v3", "swin_t"]
)
def test_equals_torchvisions_own_transforms(name):
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    for frame in ((123, 231), (400, 300)):
        pixels = picture(*frame)
        own = preset(Image.fromarray(pixels[0].permute(1, 2, 0).numpy()))
        assert_near(from_torchvision(preset)(pixels)[0], own, preset.std)


@pytest.mark.parametrize(
    "name", ["resnet10t", "mobilenetv3_small_100", "tf_efficientnet_lite1", "test_vit"]
)
def test_equals_timms_own_transforms(name):
    config = resolve_model_data_config(timm.create_model(name, pretrained=False))
    pixels = picture(350, 500)
    own = create_transform(**config)(Image.fromarray(pixels[0].permute(1, 2, 0).numpy()))
    assert_near(from_timm(config)(pixels)[0], own, config["std"])


def test_timm_rounds_down_and_squashes():
    """224 / 0.9 = 248.9 is 248 in timm, where round would say 249."""
    config = {
        "input_size": (3, 224, 224), "crop_pct": 0.9, "interpolation": "bicubic",
        "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_mode": "center",
    }  # fmt: skip
    assert from_timm(config).resized == (248,)
    assert from_timm({**config, "crop_mode": "squash"}).resized == (248, 248)
    assert from_timm({**config, "crop_pct": 1.0}).resized == (224,)
    with pytest.raises(SettingsError, match=r"crop_mode 'border'.*package\.module:factory"):
        from_timm({**config, "crop_mode": "border"})


def test_other_torchvision_transforms_are_refused():
    video = torchvision.models.get_model_weights("r3d_18").DEFAULT.transforms()
    with pytest.raises(SettingsError, match=r"VideoClassification.*image classifiers only"):
        from_torchvision(video)


def test_describe_says_everything():
    p = Preprocess(size=227, crop=0.875, mean=(104, 117, 123), std=(1, 1, 1), channels="BGR")
    assert p.describe() == (
        "shorter side to 259 px (bilinear, antialiased, uint8), centre crop 227x227, BGR, "
        "minus (104 117 123) over (1 1 1)"
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 0}, "size: expected px"),
        ({"size": (1, 2, 3)}, "size: expected px"),
        ({"size": (20, 30)}, "not square"),
        ({"size": "224"}, "size: expected px"),
        ({"crop": 0.0}, r"crop: expected a part in \(0, 1\]"),
        ({"crop": 87.5}, "crop: expected a part"),
        ({"crop": "0.9"}, "crop: expected a part"),
        (
            {"interpolation": "bilinaer"},
            "interpolation: expected one of 'bilinear', 'bicubic', 'near",
        ),
        ({"channels": "rgb"}, "channels: expected one of 'RGB', 'BGR'"),
        ({"resize": "fit"}, "resize: expected one of 'shorter side', 'stretch', 'letterbox'"),
        ({"resizer": "opencv"}, "resizer: expected one of 'torch', 'pil', 'opencv-linear'"),
        ({"antialias": 1}, "antialias: expected true or false"),
        ({"crop_rounding": "floor"}, "crop_rounding: expected one of 'even', 'down', 'up'"),
        ({"crop_offset": 0.5}, "crop_offset and the padding: expected whole numbers"),
        ({"pad": 300}, "padding: expected a grey level"),
        ({"mean": (0.5, 0.5)}, "mean: expected three numbers"),
        ({"mean": 0.5}, "mean: expected three numbers"),
        ({"std": (1, 0, 1)}, "std: expected three numbers above 0"),
        ({"mean": (float("nan"),) * 3}, "mean: expected three numbers"),
        ({"resize_to": 0}, "resize_to: expected px"),
    ],
    ids=str,
)
def test_wrong_settings_are_refused_by_name(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Preprocess(**{"size": 224, "mean": (0, 0, 0), "std": (1, 1, 1), **wrong})


ORACLES = {
    "pil": lambda frame, w, h: np.asarray(
        Image.fromarray(frame).resize((w, h), Image.Resampling.BILINEAR)
    ),
    "opencv-linear": lambda frame, w, h: cv2.resize(frame, (w, h), interpolation=cv2.INTER_LINEAR),
    "opencv-area": lambda frame, w, h: cv2.resize(frame, (w, h), interpolation=cv2.INTER_AREA),
}


@pytest.mark.parametrize("resizer", ORACLES)
def test_a_resize_gives_the_bytes_of_the_library_that_is_named(resizer):
    """301 x 167 px: the shorter side becomes 64, the longer one 64 * 301 / 167 = 115.35; the crop is a hand count."""
    pixels = picture(301, 167)
    how = Preprocess(size=64, mean=(0, 0, 0), std=(1, 1, 1), resizer=resizer)
    theirs = ORACLES[resizer](pixels[0].permute(1, 2, 0).numpy(), 64, 115)
    np.testing.assert_array_equal(how.cut(pixels)[0].permute(1, 2, 0), theirs[26:90])


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_torch_without_antialiasing_is_torchvisions(interpolation):
    pixels = picture(301, 167)
    given = {"size": (60, 80), "resize": "stretch", "interpolation": interpolation}
    how = Preprocess(**given, mean=(0, 0, 0), std=(1, 1, 1), antialias=False)
    mode = torchvision.transforms.InterpolationMode(interpolation)
    theirs = torchvision.transforms.v2.functional.resize(pixels, [60, 80], mode, antialias=False)
    assert torch.equal(how.cut(pixels), theirs)
    assert not torch.equal(Preprocess(**given, mean=(0, 0, 0), std=(1, 1, 1)).cut(pixels), theirs)


# Margins of 5 and 8 px: torchvision begins at round(2.5) = 2, a loop's // 2 at 2, rounding up at 3; of 7: 4, 3, 4
@pytest.mark.parametrize(
    ("margin", "rounding", "offset", "top"),
    [
        *((5, "even", 0, 2), (5, "down", 0, 2), (5, "up", 0, 3)),
        *((7, "even", 0, 4), (7, "down", 0, 3), (7, "up", 0, 4)),
        *((7, "down", -1, 2), (7, "up", 2, 6), (5, "even", 9, 5), (5, "even", -9, 0)),
    ],
)
def test_a_crop_begins_where_the_program_begins_it(margin, rounding, offset, top):
    rows = torch.arange(20 + margin, dtype=torch.uint8)[:, None].expand(-1, 20 + margin)
    where = {"crop_rounding": rounding, "crop_offset": offset, "resize_to": 20 + margin}
    how = Preprocess(size=20, mean=(0, 0, 0), std=(1, 1, 1), **where)
    assert how.cut(rows.expand(1, 3, -1, -1))[0, 0, :, 0].tolist() == [*range(top, top + 20)]


def test_a_letterbox_of_a_classifier_by_hand():
    """40 x 80 px into 64 x 64: a ratio of .8 gives 32 x 64, 16 rows of padding above and below."""
    frame = torch.full((1, 3, 40, 80), 200, dtype=torch.uint8)
    how = Preprocess(size=64, resize="letterbox", pad=7, mean=(0, 0, 0), std=(1, 1, 1))
    made = how.cut(frame)[0, 0]
    assert (made[:16] == 7).all()
    assert (made[48:] == 7).all()
    assert (made[16:48] == 200).all()
    assert how.frame_px(400, 800) == 12.5
    assert how.describe().startswith(
        "letterboxed to 64x64 px, padded with 7 (bilinear, antialiased"
    )


@pytest.mark.parametrize("resizer", ["pil", "opencv-area"])
def test_a_detectors_resize_is_the_library_that_is_named(resizer):
    frame = np.random.default_rng(1).integers(0, 256, (301, 167, 3), dtype=np.uint8)
    how = prepared(resize="stretch", resizer=resizer)
    given = how(torch.from_numpy(frame).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(given, ORACLES[resizer](frame, 128, 96))


def prepared(**changes):
    given = {"size": (96, 128), "resize": "letterbox", "mean": (0.0,) * 3, "std": (1.0,) * 3}
    given |= {"channels": "RGB"}
    return BoxPreprocess(**{**given, **changes})


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("place", ["top left", "centre"])
@pytest.mark.parametrize(("height", "width"), [(60, 80), (77, 301), (301, 77), (96, 128), (1, 500)])
def test_a_frame_comes_back_whole(resize, place, height, width):
    how = prepared(resize=resize, place=place)
    fit = how.fit(height, width)
    tall, wide = how.sides(height, width)
    left, top = fit.offset
    back = fit.undo(np.array([[left, top, left + wide, top + tall]]))
    np.testing.assert_allclose(back, [[0, 0, width, height]], atol=1e-9)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("antialias", [False, True])
def test_a_bright_patch_is_found_again(resize, antialias):
    """The centroid of a white rectangle in the input, taken back, is its centroid in the frame."""
    frame = torch.zeros(1, 3, 240, 500, dtype=torch.uint8)
    frame[:, :, 60:140, 100:260] = 255
    how = prepared(resize=resize, place="centre", antialias=antialias, pad=0)
    picture = how(frame)[0, 0].double().numpy()
    y, x = np.indices(picture.shape) + 0.5
    centre = [(picture * x).sum() / picture.sum(), (picture * y).sum() / picture.sum()]
    found = how.fit(240, 500).undo(np.array([[*centre, *centre]]))[0, :2]
    # edges fall between samples
    np.testing.assert_allclose(found, [180, 100], atol=0.5 if antialias else 2)


def test_padding_order_and_range():
    frame = torch.zeros(2, 3, 64, 128, dtype=torch.uint8)
    frame[:, 0] = 200
    made = prepared(channels="BGR", mean=(10.0, 20.0, 30.0), std=(2.0, 2.0, 2.0))(frame)
    assert made.shape == (2, 3, 96, 128)
    # top left, and the red channel is the last one; rows from 64 on are padding
    assert made[0, :, 5, 5].tolist() == [-5.0, -10.0, 85.0]
    assert made[0, :, 80, 5].tolist() == [52.0, 47.0, 42.0]


def test_resizes_as_opencv_does():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (50, 70, 3), dtype=np.uint8)
    made = prepared(resize="stretch")(torch.from_numpy(frame).permute(2, 0, 1)[None])
    expected = cv2.resize(frame, (128, 96), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(made[0].permute(1, 2, 0).numpy(), expected)


def yolox_preproc(img, input_size):
    """Megvii-BaseDetection/YOLOX, yolox/data/data_augment.py, ``preproc``, word by word but for the last axis."""
    padded_img = np.ones((input_size[0], input_size[1], 3), dtype=np.uint8) * 114
    r = min(input_size[0] / img.shape[0], input_size[1] / img.shape[1])
    sides = (int(img.shape[1] * r), int(img.shape[0] * r))
    resized_img = cv2.resize(img, sides, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    padded_img[: int(img.shape[0] * r), : int(img.shape[1] * r)] = resized_img
    return np.ascontiguousarray(padded_img.transpose(2, 0, 1), dtype=np.float32), r


@pytest.mark.parametrize(
    ("height", "width"),
    [(432, 768), (360, 640), (480, 854), (1080, 1920), (301, 77), (416, 416), (333, 1001)],
)
def test_letterbox_of_yolox(height, width):
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


def test_head_of_yolox_has_its_letterbox():
    head = HEADS["yolox"]
    assert (head.place, head.antialias) == ("top left", False)
    assert head.round_down
    assert head.one_scale


def test_nearest_sides():
    """854 x 480 px in 416 are 416 x 233.8."""
    assert prepared(size=(416, 416)).sides(480, 854) == (234, 416)


def test_refuses_what_it_does_not_know():
    with pytest.raises(SettingsError, match="resize"):
        prepared(resize="crop")
    with pytest.raises(SettingsError, match="channels"):
        prepared(channels="rgb")
