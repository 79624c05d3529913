"""Labels onto items, frames and pixels."""

from pathlib import Path

import numpy as np
import pytest

from tests.video.conftest import make  # noqa: F401 the fixture
from vidrobust.footage.item import Item
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import rows_of, sets_of
from vidrobust.footage.labels.matching import at_frames, in_pixels, on_items, sets_on_items
from vidrobust.video.source import open_video

SAME = {"label_name": "", "source": "made"}


def rows(*of):
    made = (
        label_row(item, frame=f, time_s=t, label=k, **SAME) for k, (item, f, t) in enumerate(of)
    )
    return rows_of(list(made))


def test_names_fit_by_name_file_and_the_end_of_the_path():
    items = [
        Item(name="left", path=Path("/data/a/clip.mp4")),
        Item(name="right", path=Path("/data/b/clip.mp4")),
        Item(name="clip 0-2 s", path=Path("/data/c/long.mp4"), end_s=2.0),
        Item(name="clip 2- s", path=Path("/data/c/long.mp4"), start_s=2.0),
        Item(name="bare", path=Path("/data/c/bare.mp4")),
    ]
    frames = {"b/clip.mp4": -1, "train/x/a/clip": -1, "long": 3, "none": -1}
    matched = on_items(rows(*((name, frame, np.nan) for name, frame in frames.items())), items)
    assert matched.rows["item"].tolist() == ["right", "left", "clip 0-2 s", "clip 2- s"]
    assert matched.rows["label"].tolist() == [0, 1, 2, 2]
    assert matched.without == ("none",)
    assert matched.unlabelled == ("bare",)


def test_times_go_to_the_nearest_frame_by_its_time_stamp():
    times = np.array([10.0, 10.04, 10.2, 10.24])  # a frame was dropped after the second
    given = [(-1, 10.05), (-1, 10.13), (-1, 9.0), (3, np.nan), (4, np.nan), (-1, np.nan)]
    found = at_frames(rows(*(("a", *each) for each in given)), times)
    assert found[["label", "frame"]].to_numpy().tolist() == [[0, 1], [3, 3], [5, -1]]
    assert found["time_s"].tolist()[:2] == [10.05, 10.24]


def test_on_a_real_clip_of_variable_rate(make):  # noqa: F811
    some = "select='not(mod(n,3))+not(mod(n,7))'"
    path = make("variable.mp4", "-c:v", "libx264", "-vf", some, "-fps_mode", "vfr")
    with open_video(path, device="cpu") as video:
        times = np.concatenate([batch.time_s for batch in video.batches(16)])
    given = rows(*(("a", -1, t) for t in times))
    assert at_frames(given, times)["frame"].tolist() == list(range(len(times)))


def test_shares_become_pixels():
    row = label_row("a", label=0, label_name="", source="made", box=(0.25, 0.5, 0.75, 1.0))
    (found,) = in_pixels(rows_of([row]), "share", 640, 360)[["x1", "y1", "x2", "y2"]].to_numpy()
    assert found == pytest.approx([160, 180, 480, 360])
    assert in_pixels(rows_of([row]), "px", 640, 360)["x2"].tolist() == [0.75]


def folder_of(place, names):
    place.mkdir(parents=True)
    for name in names:
        (place / name).touch()
    return place


def named(*of):
    made = (label_row(i, frame=f, label=0, more={"file": file}, **SAME) for i, f, file in of)
    return rows_of(list(made))


def test_an_image_says_which_frame_of_its_folder_it_is(tmp_path):
    """A folder with some frames of a video: the fifth file is not frame 5, and a file that lacks is no frame."""
    names = [f"{number:06d}.JPEG" for number in (10, 12, 13, 9)]
    folder = folder_of(tmp_path / "val" / "v1", names)
    items = [Item(name="v1", path=folder), Item(name="clip", path=tmp_path / "clip.mp4")]
    given = named(
        ("v1", 12, "val/v1/000012.JPEG"),
        ("v1", 11, "val/v1/000011.JPEG"),
        ("v1", 13, "val/v1/000013.jpg"),  # another suffix
        ("clip", 7, "val/clip/000007.JPEG"),  # a video: frames are counted
        ("other", 1, "val/other/000001.JPEG"),
    )
    matched = on_items(given, items)
    assert matched.rows["item"].tolist() == ["v1", "v1", "clip"]
    assert matched.rows["frame"].tolist() == [2, 3, 7]
    assert (matched.missing, matched.without, matched.unlabelled) == (1, ("other",), ())


def test_folders_of_one_name_are_distinguished_by_the_longer_path(tmp_path):
    left, right = (folder_of(tmp_path / side / "frames", ["1.jpg", "2.jpg"]) for side in ("a", "b"))
    items = [Item(name="left", path=left), Item(name="right", path=right)]
    matched = on_items(named(("x", 0, "b/frames/2.jpg")), items)
    assert matched.rows[["item", "frame"]].to_numpy().tolist() == [["right", 1]]
    both = on_items(named(("x", 0, "frames/1.jpg")), items).rows
    assert both[["item", "frame"]].to_numpy().tolist() == [["left", 0], ["right", 0]]


def test_sets_keep_their_offsets_where_the_folder_lacks_frames(tmp_path):
    folder = folder_of(tmp_path / "v1", ["000010.JPEG", "000012.JPEG", "000013.JPEG"])
    sets = sets_of(
        [("v1", 12, n, f"val/v1/{n:06d}.JPEG") for n in (12, 10, 11, 13)]
        + [("v2", 5, n, f"val/v2/{n:06d}.JPEG") for n in (5, 6)]
    )
    found, lost = sets_on_items(sets, [Item(name="v1", path=folder)])
    assert (set(found["item"]), set(found["anchor"])) == ({"v1"}, {1})
    assert found[["frame", "offset"]].to_numpy().tolist() == [[1, 0], [0, -2], [2, 1]]
    assert lost == 1  # frame 11; v2 is not there at all
    whole, lost = sets_on_items(sets, [Item(name="v1", path=tmp_path / "v1.mp4")])
    assert set(whole["anchor"]) == {12}
    assert whole["frame"].tolist() == [12, 10, 11, 13]
    assert lost == 0
