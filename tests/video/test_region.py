"""Pictures cut to a region of interest are those of the whole frame, cut by hand."""

import numpy as np
import pytest
import torch

from tests.made_frames import texture
from tests.video.conftest import pictures_of
from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import ObjectBoxes
from vidrobust.video.region import ObjectCut, Region, resized
from vidrobust.video.source import open_video


def test_a_region_is_cut_from_every_frame(make):
    path = make("region.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-frames:v", "12")
    with open_video(path, device="cpu") as video:
        whole = pictures_of(video)
    with open_video(path, device="cpu", cut=Region((31, 10, 77, 41), path)) as video:
        part = pictures_of(video)
        assert (video.info.width, video.info.height) == (77, 41)
        assert "cut to 77x41 px at x 31, y 10 of a frame of 240x180 px" in video.info.notes
        at = video.at([7]).pixels.permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(part, whole[:, 10:51, 31:108])
    np.testing.assert_array_equal(at[0], part[7])


def test_a_region_of_a_still(corpus):
    still = next((corpus / "annotations" / "vott_csv" / "dataset").glob("*.jpg"))
    with open_video(still, device="cpu") as video:
        whole = pictures_of(video)
    assert len(whole) == 1
    height, width = whole.shape[1:3]
    with open_video(still, device="cpu", cut=Region((0, 1, width, height - 1), still)) as video:
        np.testing.assert_array_equal(pictures_of(video), whole[:, 1:])


def test_a_region_outside_the_frame_is_refused_when_it_is_opened(make):
    path = make("region.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-frames:v", "12")
    said = "x 200, y 0, 41x10 px reaches out of the frame, which is 240x180 px"
    with pytest.raises(InputError, match=said):
        open_video(path, device="cpu", cut=Region((200, 0, 41, 10), path))
    said = "roi: expected a width and a height of 1 px or more, got 0,0,0,5"
    with pytest.raises(SettingsError, match=said):
        Region((0, 0, 0, 5), path)


def test_an_object_is_cut_out_along_its_track(make):
    path = make("region.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-frames:v", "12")
    with open_video(path, device="cpu") as video:
        whole = pictures_of(video)
        times = np.concatenate([b.time_s for b in video.batches(8)])
    boxes = ObjectBoxes(places=(2, 8), boxes=((40, 40, 80, 60), (100, 40, 140, 60)), counted=True)
    with open_video(path, device="cpu", cut=ObjectCut(boxes=boxes, margin=0.1, size=48)) as video:
        assert (video.info.width, video.info.height, video.info.num_frames) == (48, 48, 7)
        batches = list(video.batches(3))
        one = video.at([5])
        with pytest.raises(InputError, match="frame 9: the object is not to be seen in it"):
            video.at([9])
    assert np.concatenate([b.index for b in batches]).tolist() == [2, 3, 4, 5, 6, 7, 8]
    given = np.concatenate([b.pixels.permute(0, 2, 3, 1).numpy() for b in batches])
    # 10 px a frame; 48 px are 40 and a tenth of it on both sides
    for place, frame in enumerate(range(2, 9)):
        left = 40 + 10 * (frame - 2) - 4
        np.testing.assert_array_equal(given[place], whole[frame, 26:74, left : left + 48])
    np.testing.assert_array_equal(one.pixels[0].permute(1, 2, 0).numpy(), given[3])
    by_time = ObjectBoxes(
        places=(times[2], times[8]), boxes=((1 / 6, 2 / 9, 1 / 3, 1 / 3), (5 / 12, 2 / 9, 7 / 12, 1 / 3)),
        counted=False, unit="share",
    )  # fmt: skip
    with open_video(path, device="cpu", cut=ObjectCut(boxes=by_time, size=48)) as video:
        np.testing.assert_array_equal(pictures_of(video), given)


@pytest.mark.parametrize("size", [16, 100])
def test_the_crop_is_resized_alike_in_numpy_and_in_torch(size):
    picture = texture(3, 60, 64)[:, :60]
    by_numpy = np.asarray(resized(picture, size))
    by_torch = np.asarray(resized(torch.from_numpy(picture), size))
    assert by_numpy.shape == (size, size, 3)
    assert np.abs(by_numpy.astype(int) - by_torch).max() <= 1


def test_a_window_about_an_object_has_a_margin_from_0():
    boxes = ObjectBoxes(places=(2,), boxes=((40, 40, 80, 60),), counted=True)
    said = "crop: expected a margin >= 0 and a size >= 1 px, got -1 and 256"
    with pytest.raises(SettingsError, match=said):
        ObjectCut(boxes=boxes, margin=-1)
