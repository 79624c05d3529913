"""Files of boxes as people have them: other counts, own tracks, nothing found, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from tests.made_frames import batch_of
from tests.plugins.formats.test_recorded import load
from vidrobust.errors import InputError, ModelError, SettingsError
from vidrobust.models.predict import predict_footage
from vidrobust.shapes.mask import packed

HEADER = "frame,score,label,x1,y1,x2,y2"


def rows(frames, more=""):
    return "".join(f"{f},0.9,1,{10 + f},20,{40 + f},60{more}\n" for f in frames)


def written(folder, text, name="boxes.csv"):
    (folder / name).write_text(text)
    return folder / name


def test_frames_from_0(tmp_path):
    model = load(written(tmp_path, f"{HEADER}\n{rows(range(5))}"))
    assert model.about("clip", 5)["counted_from"] == 0
    assert model.predict_frames("clip", np.arange(5)).boxes[:, 0].tolist() == [10, 11, 12, 13, 14]


@pytest.mark.parametrize("num_frames", [6, 20, None])
def test_frames_from_1_are_seen_to_be(num_frames, tmp_path):
    """Boxes of 1 to 6: of 6 frames the last one would be beyond; of 20, or of unknown many, none has 0."""
    model = load(written(tmp_path, f"{HEADER}\n{rows(range(1, 7))}"))
    summary = model.about("clip", num_frames)
    assert (summary["counted_from"], summary["beyond"]) == (1, 0)
    left = model.predict_frames("clip", np.arange(6)).boxes[:, 0]
    assert left.tolist() == [11, 12, 13, 14, 15, 16]


def test_frames_1_to_the_last_but_one_may_count_from_0(tmp_path):
    """Of 7 frames, 1 to 6: the first may be empty, or the last; it is said to be as documented, from 0."""
    path = written(tmp_path, f"{HEADER}\n{rows(range(1, 7))}")
    assert load(path).about("clip", 7)["counted_from"] == 0
    assert load(path, ",first=1").about("clip", 7)["counted_from"] == 1
    with pytest.raises(SettingsError, match="first: expected 0 or 1"):
        load(path, ",first=2")


def test_frames_that_the_item_does_not_have_are_counted(tmp_path):
    model = load(written(tmp_path, f"{HEADER}\n{rows(range(10))}"))
    assert model.about("clip", 7)["beyond"] == 3
    shifted = load(written(tmp_path, f"{HEADER}\n{rows(range(100, 110))}", "late.csv"))
    said = "all 10 boxes of clip are of frames 100 to 109, and the input has 7"
    with pytest.raises(ModelError, match=said):
        shifted.about("clip", 7)


def test_own_tracks(tmp_path):
    model = load(written(tmp_path, f"{HEADER},track\n{rows(range(3), ',7')}"))
    tracks = model.predict_frames("clip", np.arange(3)).tracks
    assert tracks.tolist() == [7, 7, 7]
    named = load(written(tmp_path, f"{HEADER},track\n{rows(range(3), ',car-1')}", "named.csv"))
    assert named.predict_frames("clip", np.arange(3)).tracks.tolist() == [0, 0, 0]
    plain = load(written(tmp_path, f"{HEADER}\n{rows(range(3))}", "plain.csv"))
    assert plain.predict_frames("clip", np.arange(3)).tracks is None


def test_looked_at_and_empty(tmp_path):
    """Item b has a row without score and box: it was looked at. Item c has none, and is refused."""
    of_a = "".join(f"a,{line}\n" for line in rows(range(3)).splitlines())
    text = f"item,{HEADER}\n{of_a}b,,,,,,,\n"
    model = load(written(tmp_path, text))
    assert model.predict_frames("b", np.arange(4)).num_frames == 4
    assert len(model.predict_frames("b", np.arange(4)).scores) == 0
    with pytest.raises(ModelError, match="no boxes of c, but of a, b; if it was looked at"):
        model.predict_frames("c", np.arange(4))
    empty = load(written(tmp_path, HEADER + "\n", "empty.csv"))
    assert len(empty.predict_frames("any", np.arange(4)).scores) == 0


def test_a_file_without_items_is_about_one_video(tmp_path):
    model = load(written(tmp_path, f"{HEADER}\n{rows(range(3))}"))
    model.predict_frames("a", np.arange(3))
    said = "has no column item, so it can be about one video only: a or b"
    with pytest.raises(ModelError, match=said):
        model.predict_frames("b", np.arange(3))


def test_mot_results(tmp_path):
    """Frames and pixels from 1; -1 where the tracker gives no score, class or place in the world."""
    text = "1,3,11,21,30,40,0.8,-1,-1,-1\n2,3,12,21,30,40,0.7,-1,-1,-1\n"
    text += "2,4,101,21,30,40,-1,-1,-1,-1\n"
    model = load(written(tmp_path, text, "MOT17-02.txt"))
    found = model.predict_frames("clip", np.arange(2))
    assert found.boxes.tolist() == [[10, 20, 40, 60], [11, 20, 41, 60], [100, 20, 130, 60]]
    assert found.frame.tolist() == [0, 1, 1]
    assert found.tracks.tolist() == [3, 3, 4]
    np.testing.assert_allclose(found.scores, [0.8, 0.7, 1.0])
    with pytest.raises(InputError, match="expected MOTChallenge results"):
        load(written(tmp_path, "1,2,3\n", "short.txt"))


def test_coco_results_and_their_names(tmp_path):
    results = [{"image_id": 5, "category_id": 44, "bbox": [10, 20, 30, 40], "score": 0.75}]
    (tmp_path / "results.json").write_text(json.dumps(results))
    files = {5: "clip_000003.jpg", 6: "clip_000004.jpg", 7: "other/000000.jpg"}
    images = [{"id": number, "file_name": file} for number, file in files.items()]
    about = {"images": images, "categories": [{"id": 44, "name": "bottle"}]}
    (tmp_path / "about.json").write_text(json.dumps(about))
    model = load(tmp_path / "results.json", f",categories={tmp_path / 'about.json'},first=0")
    found = model.predict_frames("clip", np.arange(6))
    assert found.frame.tolist() == [3]
    assert found.boxes.tolist() == [[10, 20, 40, 60]]
    assert model.class_names[44] == "bottle"
    assert len(model.predict_frames("other", np.arange(1)).scores) == 0
    plain = load(tmp_path / "results.json")
    assert plain.predict_frames("any", np.arange(6)).frame.tolist() == [5]
    (tmp_path / "set.json").write_text(json.dumps({**about, "annotations": results}))
    assert load(tmp_path / "set.json").class_names[44] == "bottle"


def test_a_folder_of_ultralytics(tmp_path):
    folder = tmp_path / "predict" / "labels"
    folder.mkdir(parents=True)
    (folder / "line_1.txt").write_text("2 0.5 0.5 0.2 0.4 0.9 11\n")
    (folder / "line_2.txt").write_text("")
    (folder / "line_3.txt").write_text("2 0.5 0.5 0.2 0.4 0.8 11\n")
    model = load(tmp_path / "predict")
    found = model.predict_frames("line", np.arange(3), (100, 200))
    np.testing.assert_allclose(found.boxes, [[80, 30, 120, 70]] * 2)
    assert found.frame.tolist() == [0, 2]
    assert found.tracks.tolist() == [11, 11]
    (folder / "line_4.txt").write_text("2 0.5 0.5 0.2 0.4\n")
    with pytest.raises(InputError, match="save_conf=True"):
        load(tmp_path / "predict")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1,0.9,1,10,20,x,60", "row 0 holds something that is no number"),
        ("1,9,1,10,20,40,60", "scores in 0..1"),
        ("1,0.9,1,100,20,40,60", "end before they begin, .*x, y, width, height"),
        ("1.5,0.9,1,10,20,40,60", "frame and label: expected whole numbers"),
        ("1,0.9,1e308,10,20,40,60", "column label: expected at most 100000, got 1e.308"),
        ("1,0.9,1,10,20,9223372036854775808,60", "x2, y2: expected at most 16777216"),
        ("1e12,0.9,1,10,20,40,60", "column frame: expected at most 10000000"),
    ],
)
def test_what_is_refused(line, says, tmp_path):
    with pytest.raises(InputError, match=says):
        load(written(tmp_path, f"{HEADER}\n{line}\n"))


def test_the_table_of_a_run_is_read_back(tmp_path):
    columns = [*HEADER.split(","), "item", "model", "track"]
    table = pd.DataFrame([(0, 0.9, 1, 10.0, 20.0, 40.0, 60.0, "a", "m", 5)], columns=columns)
    table.to_parquet(tmp_path / "detections.parquet")
    found = load(tmp_path / "detections.parquet").predict_frames("a", np.arange(1))
    assert len(found.scores) == 1


def test_coco_results_with_masks_and_turned_boxes(tmp_path):
    """Run lengths packed and not, rings, and detectron2's boxes of five numbers, in degrees against the clock."""
    counts = [0, 2, 3, 2, 23]  # of 5 x 6 px: the upper two pixels of the first two columns
    rows = [
        {"bbox": [0, 0, 2, 2], "segmentation": {"size": [5, 6], "counts": counts}},
        {"bbox": [0, 0, 2, 2], "segmentation": {"size": [5, 6], "counts": packed(counts)}},
        {"bbox": [1, 1, 2, 3], "segmentation": [[1, 1, 3, 1, 3, 4, 1, 4]]},
        {"bbox": [40, 30, 20, 10, 90]},
        {"bbox": [0, 0, 2, 2]},
    ]
    about = [{"image_id": 0, "category_id": 1, "score": 0.9, **row} for row in rows]
    model = load(written(tmp_path, json.dumps(about), "results.json"))
    found = model.predict_frames("clip", np.arange(2))
    one, two, three, four, none = found.shapes
    assert (one.area, two.area, one.common(two), one.box.tolist()) == (4, 4, 4, [0, 0, 2, 2])
    assert (three.area, none) == (6, None)
    np.testing.assert_allclose(found.boxes[3], [35, 20, 45, 40])
    np.testing.assert_allclose(four.box, [35, 20, 45, 40], atol=1e-3)
    turned = [{**about[3], "bbox": [40, 30, 20, 10, 30]}]
    model = load(written(tmp_path, json.dumps(turned), "t.json"))
    (tilted,) = model.predict_frames("c", np.arange(1)).shapes
    highest = tilted.corners[tilted.corners[:, 1].argmin()]
    assert highest[0] > 40  # the right end goes up


def test_ultralytics_polygons(tmp_path):
    """A triangle and a turned box with scores; with numbers of tracks behind them; without scores refused."""
    lines = "1 0.5 0.25 0.75 0.25 0.5 0.75 0.9\n0 0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3 0.8\n"
    (tmp_path / "plain").mkdir()
    written(tmp_path / "plain", lines, "line_1.txt")
    found = load(tmp_path / "plain").predict_frames("line", np.arange(1), (40, 80))
    assert found.boxes.tolist() == [[40, 10, 60, 30], [8, 4, 16, 12]]
    # middles on the slope are outside
    assert [round(each.area) for each in found.shapes] == [190, 64]
    np.testing.assert_allclose(found.scores, [0.9, 0.8])
    assert found.tracks is None
    (tmp_path / "tracked").mkdir()
    numbered = lines.replace("0.9\n", "0.9 3\n").replace("0.8\n", "0.8 4\n")
    written(tmp_path / "tracked", numbered, "line_1.txt")
    tracked = load(tmp_path / "tracked").predict_frames("line", np.arange(1), (40, 80))
    assert tracked.tracks.tolist() == [3, 4]
    (tmp_path / "bare").mkdir()
    written(tmp_path / "bare", "1 0.5 0.25 0.75 0.25 0.75 0.75 0.5 0.75\n", "line_1.txt")
    with pytest.raises(InputError, match="save_conf=True"):
        load(tmp_path / "bare")


def test_a_table_with_shapes(tmp_path):
    """The column as the table ``detections`` has it; one that is no shape is told by its row."""
    line = "0,0.9,1,10,20,40,60"
    text = f"{HEADER},shape\n{line},polygon 10 20 40 20 40 60 10 60\n{line},\n"
    found = load(written(tmp_path, text)).predict_frames("clip", np.arange(1))
    assert (found.shapes[0].area, found.shapes[1]) == (1200, None)
    with pytest.raises(InputError, match="row 0: shape: expected rle or polygon, got 'circle'"):
        load(written(tmp_path, f"{HEADER},shape\n{line},circle 3\n", "wrong.csv"))


@pytest.mark.parametrize(("step", "first"), [(2, 0), (3, 0), (2, 1)])
def test_frames_that_are_missing_regularly_are_a_stride(step, first, tmp_path):
    """Every second or third of 60 frames; one of them without a box changes nothing."""
    frames = [f for f in range(first, 60, step) if f != first + 4 * step]
    text = "".join(rows(range(f, f + 1)) for f in frames)
    assert load(written(tmp_path, f"{HEADER}\n{text}")).about("clip", 60)["stride"] == step


def test_frames_missed_irregularly_are_no_stride(tmp_path):
    text = "".join(rows(range(f, f + 1)) for f in range(0, 60, 2) if f != 20) + rows(range(31, 32))
    assert load(written(tmp_path, f"{HEADER}\n{text}")).about("clip", 60)["stride"] == 1
    few = "".join(rows(range(f, f + 1)) for f in (0, 2, 4, 8))
    assert load(written(tmp_path, f"{HEADER}\n{few}", "few.csv")).about("clip", 60)["stride"] == 1


def test_a_file_that_ends_half_way(tmp_path):
    """Frames 0 to 29 of 60, as vid_stride=2 numbers them; 0 to 39 are no whole part."""
    for count, compact in ((30, 2), (40, 1)):
        model = load(written(tmp_path, f"{HEADER}\n{rows(range(count))}", f"{count}.csv"))
        assert model.about("clip", 60)["compact"] == compact


def test_shares_and_boxes_of_larger_frames_are_refused(tmp_path):
    shares = f"{HEADER}\n0,0.9,0,0.1,0.2,0.3,0.4\n1,0.9,0,0.1,0.2,0.3,1.01\n"
    with pytest.raises(InputError):
        load(written(tmp_path, shares))
    model = load(written(tmp_path, f"{HEADER}\n{rows(range(5))}", "b.csv"))  # up to 44, 60 px
    assert len(model.predict_frames("clip", np.arange(5), (50, 60)).scores) == 5
    with pytest.raises(ModelError):
        model.predict_frames("clip", np.arange(5), (20, 20))  # three times the size


def test_a_class_of_minus_1_is_refused(tmp_path):
    with pytest.raises(InputError):
        load(written(tmp_path, f"{HEADER}\n0,0.9,-1,1,2,30,40\n"))


def test_mot_results_that_count_from_0(tmp_path):
    """Frames from 0, so pixels too."""
    text = "0,3,10,20,30,40,0.8,-1,-1,-1\n1,3,11,20,30,40,0.7,-1,-1,-1\n"
    model = load(written(tmp_path, text, "zero.txt"))
    assert model.about("clip", 2)["beyond"] == 0
    found = model.predict_frames("clip", np.arange(2))
    assert found.boxes.tolist() == [[10, 20, 40, 60], [11, 20, 41, 60]]


def test_boxes_by_time(tmp_path):
    """Boxes at 1.00, 1.04 and 1.12 s, nothing at 1.08 s; frames whose numbers begin elsewhere."""
    rows = "1.0,0.9,0,1,1,9,9\n1.04,0.8,0,2,1,9,9\n1.08,,,,,,\n1.12,0.7,0,3,1,9,9\n"
    model = load(written(tmp_path, f"time_s{HEADER.removeprefix('frame')}\n{rows}"))
    pixels = torch.zeros(4, 3, 16, 16, dtype=torch.uint8)
    batch = batch_of(pixels, first=30, item="clip", time_s=[1.002, 1.041, 1.079, 1.12])
    assert model.about("clip", 100)["stride"] == 1
    found = predict_footage(model, batch)
    assert (found.frame.tolist(), found.boxes[:, 0].tolist()) == ([0, 1, 3], [1, 2, 3])
