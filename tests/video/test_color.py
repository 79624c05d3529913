"""Colour: against the ffmpeg program in the fast mode, against exact arithmetic in the accurate one."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from tests.video.conftest import pictures_of
from vidrobust.plugins.tools.inspect import inspect_paths
from vidrobust.video.choice import SurfaceConverter
from vidrobust.video.color import (
    Converter,
    orientation_filters,
    semi_planar_to_rgb,
    upright,
    yuv_to_rgb_matrix,
)
from vidrobust.video.source import open_video

X264 = ("-c:v", "libx264", "-preset", "ultrafast")
EIGHT = ("-frames:v", "8")
SAME_BYTES = {
    "bt709.mp4": (*X264, *EIGHT, "-colorspace", "bt709", "-color_range", "tv"),
    "bt2020.mp4": (*X264, *EIGHT, "-colorspace", "bt2020nc", "-color_range", "tv"),
    "smpte240m.mp4": (*X264, *EIGHT, "-colorspace", "smpte240m", "-color_range", "tv"),
    "full.mp4": (*X264, *EIGHT, "-vf", "scale=out_range=pc", "-color_range", "pc"),
    "c422.mp4": (*X264, *EIGHT, "-pix_fmt", "yuv422p"),
    "c444.mp4": (*X264, *EIGHT, "-pix_fmt", "yuv444p"),
    "gray.mkv": ("-c:v", "ffv1", *EIGHT, "-pix_fmt", "gray"),
    "rgb48.mkv": ("-c:v", "ffv1", *EIGHT, "-pix_fmt", "rgb48le"),
    "alpha.mkv": ("-c:v", "ffv1", *EIGHT, "-pix_fmt", "yuva420p"),
    "bgr24.avi": ("-c:v", "rawvideo", *EIGHT, "-pix_fmt", "bgr24"),
    "interlaced.mpg": (
        *("-c:v", "mpeg2video", *EIGHT, "-r", "25", "-flags", "+ilme+ildct"),
        *("-vf", "scale=176:144,setfield=tff"),
    ),
    "small.gif": (*EIGHT, "-vf", "scale=60:-1"),
    "frames.apng": ("-c:v", "apng", *EIGHT, "-vf", "scale=60:-1"),
    "packed.nut": ("-c:v", "rawvideo", *EIGHT, "-pix_fmt", "uyvy422"),
}
# These go through swscale's general path, which is not the same in every release of FFmpeg.
NEARLY = {
    "odd.mkv": ("-c:v", "ffv1", *EIGHT, "-vf", "scale=161:121", "-pix_fmt", "yuv420p"),
    "ten_bit.mp4": (*X264, *EIGHT, "-pix_fmt", "yuv420p10le", "-colorspace", "bt2020nc"),
    "ten_bit_422.mkv": ("-c:v", "ffv1", *EIGHT, "-pix_fmt", "yuv422p10le"),
    "c411.mkv": ("-c:v", "ffv1", *EIGHT, "-pix_fmt", "yuv411p"),
}
TURNS = {
    "turn90.mp4": ("-display_rotation", "90"),
    "turn180.mp4": ("-display_rotation", "180"),
    "turn270.mp4": ("-display_rotation", "270"),
    "hflip.mp4": ("-display_hflip",),
    "vflip.mp4": ("-display_vflip",),
    "turn90_hflip.mp4": ("-display_rotation", "90", "-display_hflip"),
    "turn270_vflip.mp4": ("-display_rotation", "270", "-display_vflip"),
    "turn45.mp4": ("-display_rotation", "45"),
}


@pytest.mark.parametrize("name", SAME_BYTES)
def test_fast_colour_is_ffmpegs(name, make, framemd5):
    path = make(name, *SAME_BYTES[name])
    (entry,) = inspect_paths([str(path)], frame_md5=True)
    assert entry["frame_md5"] == framemd5(path)
    assert entry["frames"] == 8


@pytest.mark.parametrize("name", TURNS)
def test_turned_pictures_are_ffmpegs(name, make, framemd5):
    plain = make("plain.mp4", *X264, *EIGHT)
    path = make(name, "-c", "copy", before=TURNS[name], source=plain)
    (entry,) = inspect_paths([str(path)], frame_md5=True)
    assert entry["frame_md5"] == framemd5(path)
    upright = (180, 240) if "90" in name or "270" in name else (240, 180)
    assert (entry["width"], entry["height"]) == upright


@pytest.mark.parametrize("name", NEARLY)
def test_the_general_path_is_near_ffmpegs(name, make, rgb_frames):
    path = make(name, *NEARLY[name])
    with open_video(path, color="fast") as video:
        given = pictures_of(video)
    difference = np.abs(given.astype(int) - rgb_frames(path, *given.shape[1:3]))
    assert difference.mean() < 1
    assert difference.max() <= 32


def exact_rgb(frame, red, blue, full_range):
    """RGB of a 4:4:4 frame by the textbook, in float64, not rounded: an independent formulation.

    E'Y = (Y - 16) / 219, E'Cb = (Cb - 128) / 224, E'Cr alike, or / 255 in full range; then
    R = Y + 2 (1 - Kr) Cr, B = Y + 2 (1 - Kb) Cb and Y = Kr R + Kg G + Kb B.
    """
    y, cb, cr = (p.astype(float) for p in frame.to_ndarray(format="yuv444p"))
    y, cb, cr = (y / 255, (cb - 128) / 255, (cr - 128) / 255) if full_range else (
        (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224,
    )  # fmt: skip
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], axis=-1) * 255, 0, 255)


@pytest.mark.parametrize(
    ("space", "full_range", "red", "blue"),
    [
        (1, False, 0.2126, 0.0722),
        (1, True, 0.2126, 0.0722),
        (5, False, 0.299, 0.114),
        (9, False, 0.2627, 0.0593),
    ],
)
def test_accurate_colour_is_exact_to_its_rounding(space, full_range, red, blue):
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 256, (3, 64, 96), np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
    frame.colorspace, frame.color_range = space, 2 if full_range else 1
    given = Converter("accurate")(frame)
    error = given - exact_rgb(frame, red, blue, full_range)
    assert np.abs(error).max() <= 0.65  # OpenCV rounds the products as well as the sum
    assert abs(error.mean()) < 0.05


def test_accurate_colour_has_no_bias_and_fast_has(make, rgb_frames):
    path = make("plain.mp4", *X264, *EIGHT)
    flags = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    exact = rgb_frames(path, 180, 240, "-vf", f"scale={flags}").astype(float)
    bias = {}
    for mode in ("fast", "accurate"):
        with open_video(path, color=mode) as video:
            bias[mode] = float((pictures_of(video) - exact).mean())
    assert abs(bias["accurate"]) < 0.2
    assert bias["fast"] < -0.8


def test_accurate_colour_of_ten_bits_and_of_turned_pictures(make):
    plain = make("plain.mp4", *X264, *EIGHT)
    for name, path in {
        "ten bits": make("ten_bit.mp4", *NEARLY["ten_bit.mp4"]),
        "flipped": make("vflip.mp4", "-c", "copy", before=TURNS["vflip.mp4"], source=plain),
        "turned": make("turn90.mp4", "-c", "copy", before=TURNS["turn90.mp4"], source=plain),
        "odd": make("odd.mkv", *NEARLY["odd.mkv"]),
    }.items():
        with open_video(path, color="fast") as fast, open_video(path, color="accurate") as accurate:
            difference = np.abs(pictures_of(accurate).astype(int) - pictures_of(fast))
        assert difference.mean() < 2, name
        assert difference.mean() > 0.05, name  # another way was taken


def test_matrix_maps_the_corner_points():
    """Black, white and grey of limited and full range, 8 and 10 bits, by hand."""
    for bits in (8, 10):
        step = 2 ** (bits - 8)
        limited = yuv_to_rgb_matrix(1, full_range=False, bits=bits)
        full = yuv_to_rgb_matrix(1, full_range=True, bits=bits)
        grey = 128 * step
        np.testing.assert_allclose(limited @ [16 * step, grey, grey, 1], [0, 0, 0], atol=1e-9)
        white = limited @ [235 * step, grey, grey, 1]
        np.testing.assert_allclose(white, [255, 255, 255], atol=1e-9)
        np.testing.assert_allclose(full @ [0, grey, grey, 1], [0, 0, 0], atol=1e-9)
        np.testing.assert_allclose(full @ [2**bits - 1, grey, grey, 1], [255, 255, 255], atol=1e-9)


@pytest.mark.parametrize(("layout", "source"), [("nv12", "yuv420p"), ("p010le", "yuv420p10le")])
@pytest.mark.parametrize("space", [1, 5, 9])
@pytest.mark.parametrize("color_range", [1, 2])
def test_surfaces_become_rgb_as_planes_do(layout, source, space, color_range):
    """The device path on planes in host memory: padded rows, both depths, against the numpy path."""
    rng = np.random.default_rng(space)
    small = rng.integers(60, 200, (9, 13, 3), np.uint8).repeat(8, 0).repeat(10, 1)
    picture = av.VideoFrame.from_ndarray(small, format="rgb24")
    planar = picture.reformat(format=source, dst_color_range=color_range)
    ranges = {"src_color_range": color_range, "dst_color_range": color_range}
    surface = planar.reformat(format=layout, **ranges)
    for frame in (planar, surface):
        frame.colorspace, frame.color_range = space, color_range
    given = SurfaceConverter()(surface)
    # rows are padded
    assert surface.planes[0].line_size != surface.width * (1 if layout == "nv12" else 2)
    assert given.shape == (72, 130, 3)
    expected = Converter("accurate")(planar).astype(int)
    difference = np.abs(given.numpy() - expected)
    assert difference.max() <= 2  # the numpy path rounds chroma to whole levels before the matrix
    assert abs((given.numpy() - expected).mean()) < 0.2


def test_semi_planar_takes_pitched_planes_and_odd_sizes():
    rng = np.random.default_rng(3)
    luma = torch.from_numpy(rng.integers(16, 236, (21, 64), np.uint8))[:, :33]
    chroma = torch.from_numpy(rng.integers(16, 241, (10, 32, 2), np.uint8))[:, :16]
    given = semi_planar_to_rgb(luma, chroma, 1, full_range=False, bits=8)
    same = semi_planar_to_rgb(luma.contiguous(), chroma.contiguous(), 1, full_range=False, bits=8)
    assert given.shape == (21, 33, 3)
    assert torch.equal(given, same)
    grey = semi_planar_to_rgb(luma, torch.full_like(chroma, 128), 1, full_range=False, bits=8)
    by_hand = ((luma.double() - 16) * 255 / 219).round().clamp(0, 255).to(torch.uint8)
    assert torch.equal(grey, by_hand[..., None].expand(-1, -1, 3))


@pytest.mark.parametrize("name", [n for n in TURNS if n != "turn45.mp4"])
def test_torch_turns_as_the_filters_do(name, make):
    plain = make("plain.mp4", *X264, *EIGHT)
    path = make(name, "-c", "copy", before=TURNS[name], source=plain)
    with av.open(str(path)) as container, av.open(str(plain)) as stored:
        frame, as_stored = next(container.decode(video=0)), next(stored.decode(video=0))
        filters = orientation_filters(bytes(frame.side_data["DISPLAYMATRIX"]))
        by_filters = Converter("fast")(frame).copy()
        by_torch = upright(torch.from_numpy(Converter("fast")(as_stored).copy()), filters)
    assert orientation_filters(None) == orientation_filters(bytes(36)) == ()
    assert filters
    assert torch.equal(by_torch, torch.from_numpy(by_filters))


def test_frames_without_a_time_base_are_converted():
    frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 7, np.uint8), format="rgb24")
    frame.time_base = Fraction(0)
    assert (Converter("fast")(frame) == 7).all()
