"""Files whose frames carry what PyAV has no name for are read as ffmpeg reads them."""

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.video.conftest import beside, pictures_of
from tests.video.made_multiview import with_second_view
from vidrobust.video.color import VIEW_ID, readable
from vidrobust.video.source import open_video

X265 = ("-c:v", "libx265", "-x265-params", "log-level=none", "-frames:v", "20")


@pytest.fixture(scope="module")
def multiview(make):
    base = make("base_layer.hevc", *X265)
    return beside(base, "multiview.hevc", with_second_view(base.read_bytes(), 240, 180))


def test_of_several_views_the_base_layer_is_read_and_said(multiview, framemd5):
    from vidrobust.plugins.tools.inspect import inspect_paths

    with av.open(str(multiview)) as container:
        frame = next(container.decode(video=0))
        with pytest.raises(ValueError, match="29 is not a valid Type"):
            frame.side_data.get("DISPLAYMATRIX")
        assert readable(frame)[1] == (VIEW_ID,)
    (entry,) = inspect_paths([str(multiview)], frame_md5=True)
    assert entry["frame_md5"] == framemd5(multiview)
    assert entry["frames"] == 20
    said = "holds several views a frame (multiview HEVC)"
    assert entry["problems"] == [f"{said}; the base layer is read, as ffmpeg reads it"]


def test_an_ordinary_stream_does_not_say_so(make):
    with open_video(make("base_layer.hevc", *X265), device="cpu") as video:
        assert len(pictures_of(video)) == 20
        assert video.problems == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_with_exif_is_read_and_set_upright(orientation, tmp_path):
    blocks = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    exif[0x0112] = orientation
    path = tmp_path / "photograph.jpg"
    Image.fromarray(blocks.repeat(16, axis=0).repeat(16, axis=1)).save(path, quality=95, exif=exif)
    with Image.open(path) as stored:
        upright = np.asarray(ImageOps.exif_transpose(stored))
    with open_video(path, device="cpu") as video:
        assert (video.info.width, video.info.height) == upright.shape[1::-1]
        (given,) = pictures_of(video)
    # at the edges of blocks the two decoders interpolate chroma differently
    middles = np.s_[8::16, 8::16]
    assert np.abs(given[middles].astype(int) - upright[middles]).max() <= 4
