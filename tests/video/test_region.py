"""Pictures cut to a region of interest are those of the whole frame, cut by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.video.conftest import Make, pictures_of
from vidrobust.errors import InputError, SettingsError
from vidrobust.video.source import open_video


def test_a_region_is_cut_from_every_frame(make: Make) -> None:
    path = make("region.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-frames:v", "12")
    with open_video(path, device="cpu") as video:
        whole = pictures_of(video)
    with open_video(path, device="cpu", roi=(31, 10, 77, 41)) as video:
        part = pictures_of(video)
        assert (video.info.width, video.info.height) == (77, 41)
        assert "cut to 77x41 px at x 31, y 10 of a frame of 240x180 px" in video.info.notes
        at = video.at([7]).pixels.permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(part, whole[:, 10:51, 31:108])
    np.testing.assert_array_equal(at[0], part[7])


def test_a_region_of_a_still(corpus: Path) -> None:
    still = next((corpus / "annotations" / "vott_csv" / "dataset").glob("*.jpg"))
    with open_video(still, device="cpu") as video:
        whole = pictures_of(video)
    assert len(whole) == 1
    height, width = whole.shape[1:3]
    with open_video(still, device="cpu", roi=(0, 1, width, height - 1)) as video:
        np.testing.assert_array_equal(pictures_of(video), whole[:, 1:])


def test_a_region_outside_the_frame_is_refused_when_it_is_opened(make: Make) -> None:
    path = make("region.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-frames:v", "12")
    with pytest.raises(
        InputError, match="x 200, y 0, 41x10 px reaches out of the frame, which is 240x180 px"
    ):
        open_video(path, device="cpu", roi=(200, 0, 41, 10))
    with pytest.raises(
        SettingsError, match="roi: expected a width and a height of 1 px or more, got 0,0,0,5"
    ):
        open_video(path, device="cpu", roi=(0, 0, 0, 5))
