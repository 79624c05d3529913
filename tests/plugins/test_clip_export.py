"""A clip to send, of a made run: what it shows, how long it is, and that it can be read."""

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.stages.report import made_run
from vidrobust.plugins import clip_export
from vidrobust.plugins.clip_export import BAND, FRAME_RATE, RIBBON, SLOWER, WIDTH, Shown
from vidrobust.report.drawing import COLOURS
from vidrobust.run_folder.reader import RunTables


def moment(labels):
    answers = pd.DataFrame(
        {
            "frame": range(len(labels)),
            "time_s": np.arange(len(labels)) / 30,
            "label": list(labels),
            "said": list(labels),
        }
    )
    return Shown("clip", "a becomes b", np.arange(len(labels)), answers, None)


def test_moments_of_a_run_fill_six_to_ten_seconds(tmp_path):
    of = {"frames": 200, "studied": 6, "perturbations": ("brightness",), "conclude": False}
    made = made_run.make(tmp_path / "line", **of)
    moments = clip_export.shown_moments(RunTables(made.path), "net-a")
    shown_s = sum(len(each.frames) for each in moments) / made_run.RATE * SLOWER
    assert len(moments) == clip_export.MOMENTS
    assert 6 <= shown_s <= 10 or shown_s == pytest.approx(8, abs=2.5)  # less at the rim of a clip


def test_a_frame_has_its_words_and_the_ribbon_with_a_cursor():
    shown = moment("aaabbbbb")
    ribbon = clip_export._ribbon(shown)
    of_a, of_b = (clip_export._rgb(COLOURS[place]) for place in (1, 0))  # b is more frequent
    assert tuple(ribbon[0, 0]) == of_a
    assert tuple(ribbon[0, -1]) == of_b
    assert (ribbon[0] == of_a).all(axis=1).sum() == WIDTH * 3 // 8
    picture = clip_export._drawn(np.zeros((100, 200, 3), np.uint8), 2, shown, ribbon)
    assert picture.shape == (WIDTH // 2 + BAND + RIBBON, WIDTH, 3)
    assert tuple(picture[-1, round(2.5 / 8 * WIDTH)]) == clip_export.INK


def test_boxes_are_drawn_in_the_colours_of_the_page():
    pytest.importorskip("supervision")
    boxes = pd.DataFrame({"x1": [50.0], "y1": [40.0], "x2": [90.0], "y2": [80.0]})
    boxes = boxes.assign(track=1, score=0.9, label_name="person")
    picture = clip_export._with_boxes(np.zeros((200, 300, 3), np.uint8), boxes, 2.0)
    assert tuple(picture[120, 100]) == clip_export._rgb(COLOURS[1])


def test_both_files_hold_the_frames(tmp_path):
    pictures = [np.full((120, WIDTH, 3), level, np.uint8) for level in range(0, 200, 10)]
    with av.open(str(clip_export._as_mp4(pictures, tmp_path / "a.mp4"))) as container:
        assert container.streams.video[0].average_rate == FRAME_RATE
        assert sum(1 for _ in container.decode(video=0)) == len(pictures)
    with Image.open(clip_export._as_gif(pictures, tmp_path / "a.gif")) as gif:
        assert (gif.n_frames, gif.width) == (len(pictures) // 2, clip_export.GIF_WIDTH)
