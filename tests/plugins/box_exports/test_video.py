"""The clip with its boxes drawn, and tracks as files, of a detector whose gap, new name and end are planted."""

import json

import av
import numpy as np
import pandas as pd
import pytest

from tests.made_frames import texture
from tests.pipeline.conftest import run
from vidrobust.api.study import write_frames
from vidrobust.footage.labels.formats import read_labels
from vidrobust.plugins.box_exports.video import HEAD, frame_marks
from vidrobust.plugins.formats.box_files import read_boxes
from vidrobust.stages.boxes.drawn_frame import (
    EXPECTED,
    HIDDEN,
    OTHER,
    BoxMark,
    draw,
    label_place,
    label_size,
)

FRAMES, HEIGHT, WIDTH = 30, 120, 160
MISSED, RENAMED_AT, VANISHED_AFTER = (8, 9), 15, 24
SIDE = 40


def left_of(frame):
    return 20.0 + 2 * frame


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of recorded boxes: a square misses two frames, is renamed, and vanishes in mid-picture."""
    desk = tmp_path_factory.mktemp("drawn")
    still = texture(4, HEIGHT, WIDTH + 2 * FRAMES)
    places = [2 * (FRAMES - frame) for frame in range(FRAMES)]
    frames = np.stack([still[:, left : left + WIDTH] for left in places])
    write_frames(frames, desk, "plate", 25).rename(desk / "plate.mkv")
    frame = np.array([f for f in range(VANISHED_AFTER + 1) if f not in MISSED])
    label, left = (frame >= RENAMED_AT).astype(int), np.array([left_of(f) for f in frame])
    names = np.where(label, "vase", "cup")
    rows = {"frame": frame, "label": label, "label_name": names, "score": 0.8}
    rows |= {"x1": left, "y1": 40.0, "x2": left + SIDE, "y2": 40.0 + SIDE}
    pd.DataFrame(rows).to_csv(desk / "boxes.csv", index=False)
    spec = f"detections:{desk / 'boxes.csv'},first=0"
    assert run("stability", str(desk / "plate.mkv"), "-m", spec, "-o", str(desk / "run"), "-q") == 0
    return desk / "run"


def tables_of(made):
    names = ("object_frames", "detections", "box_counts")
    steps, detections, counts = (pd.read_parquet(made / f"{name}.parquet") for name in names)
    return frame_marks(steps, detections, counts, 0.3)


def test_each_frame_says_what_became_of_the_object(made):
    marks = tables_of(made)
    states = [marks.by_frame[f][0].state if f in marks.by_frame else "" for f in range(FRAMES)]
    assert [f for f in range(FRAMES) if states[f] == "missed"] == list(MISSED)
    assert states[RENAMED_AT] == "renamed"
    assert marks.by_frame[RENAMED_AT][0].text == "#0 vase .80, was cup"
    assert states[VANISHED_AFTER + 1] == "lost"
    assert marks.uncovered.sum() == len(MISSED) + states.count("lost")
    # the way of the object in the second before: its centres, without the frames in which it is missed
    trail = marks.by_frame[12][0].trail
    centres = [left_of(f) + SIDE / 2 for f in range(13) if f not in MISSED]
    assert [x for x, _ in trail] == pytest.approx(centres, abs=0.01)


def test_the_clip_is_drawn_in_its_own_time(made, tmp_path, capsys):
    out = tmp_path / "out.mp4"
    part = ("--from-s", "0.2", "--to-s", "0.8", "-q")
    assert run("boxes", str(made), "--video", str(out), *part) == 0
    said = capsys.readouterr().err
    assert "15 frames of plate, boxes" in said
    with av.open(str(out)) as container:
        decoded = list(container.decode(video=0))
        pictures = [(float(f.time or 0), f.to_ndarray(format="rgb24")) for f in decoded]
    assert [time for time, _ in pictures] == pytest.approx(np.arange(15) / 25, abs=1e-3)
    scale = 640 / WIDTH
    assert pictures[0][1].shape == (HEAD + HEIGHT * scale, 640, 3)
    # the lost place is dashed in orange in the frames in which it is missed, and in no other
    for number, (_, picture) in enumerate(pictures):
        frame = number + 5
        x1, x2 = (int(scale * x) for x in (left_of(frame) + 4, left_of(frame) + SIDE - 4))
        y2 = int(scale * (40 + SIDE)) + HEAD
        edge = picture[y2 - 3 : y2 + 4, x1:x2].astype(int)
        orange = np.abs(edge - np.array(EXPECTED)).max(axis=2) < 60
        assert (orange.mean() > 0.1) == (frame in MISSED)


def test_what_is_drawn_must_be_there(made, tmp_path, capsys, printed):
    out = str(tmp_path / "out.mp4")
    assert run("boxes", str(made), "--video", out, "--clip", "other", "-q") == 2
    assert "--clip other: the run has boxes of plate" in capsys.readouterr().err
    assert run("boxes", str(made), "--video", out, "--from-s", "9", "-q") == 2
    assert "from 0.00 s to 1.16 s" in capsys.readouterr().err
    assert "without --video OUT.mp4" in printed(2, "boxes", str(made), "--from-s", "1", "-q").err
    assert not list(tmp_path.iterdir())


def test_labels_do_not_lie_over_each_other():
    picture = np.zeros((200, 300, 3), np.uint8)
    marks = [BoxMark((100 + k, 80, 160, 140), k, "found", f"#{k} cup .80") for k in range(6)]
    taken = []
    for mark in marks:
        place = label_place(mark, (200, 300), taken)
        width, height = label_size(mark.text)
        assert (place[2] - place[0], place[3] - place[1]) == (width, height)
        assert 0 <= place[0] < place[2] <= 300
        assert 0 <= place[1] < place[3] <= 200
        for other in taken:
            beside = place[0] >= other[2] or place[2] <= other[0]
            assert beside or place[1] >= other[3] or place[3] <= other[1]
        taken.append(place)
    other = BoxMark((100, 80, 160, 140), -1, "other", "")
    hidden = BoxMark((10, 10, 60, 60), 1, "hidden", "")
    draw(picture, [other, hidden])
    assert tuple(picture[110, 160]) == OTHER
    assert tuple(picture[10, 12]) == HIDDEN


def test_tracks_come_back_from_the_files(made, tmp_path):
    files = (f"--mot={tmp_path / 'mot'}", f"--coco={tmp_path / 'c.json'}")
    assert run("boxes", str(made), *files, "-q") == 0
    table = pd.read_parquet(made / "detections.parquet")
    mot = read_boxes(tmp_path / "mot" / "boxes" / "data" / "plate.txt")
    assert mot.first == 1
    assert (mot.boxes["frame"] - 1).tolist() == table["frame"].tolist()
    assert (mot.boxes["track"] - 1).tolist() == table["track"].tolist()
    assert mot.boxes["label"].tolist() == table["label"].tolist()
    corners = ["x1", "y1", "x2", "y2"]
    assert mot.boxes[corners].to_numpy() == pytest.approx(table[corners].to_numpy(), abs=0.011)
    assert (tmp_path / "mot" / "boxes" / "classes.txt").read_text().split() == ["cup", "vase"]
    coco = read_boxes(tmp_path / "c.json")
    assert coco.names == {0: "cup", 1: "vase"}
    assert coco.boxes["item"].unique().tolist() == ["plate"]
    assert coco.boxes[corners].to_numpy() == pytest.approx(table[corners].to_numpy(), abs=0.011)
    assert {frame for _, frame in coco.looked} == set(range(FRAMES)) - set(table["frame"])
    labels = read_labels(tmp_path / "c.json", "coco-video")
    assert not labels.problems
    assert labels.rows["frame"].tolist() == table["frame"].tolist()
    assert labels.rows["track"].tolist() == table["track"].astype(str).tolist()
    assert len(json.loads((tmp_path / "c.json").read_text())["images"]) == FRAMES
