"""A run with known boxes: recall, errors and thresholds by hand, from the command line, in tables and report."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.pipeline.conftest import run
from vidrobust.metrics.box_differences import KINDS
from vidrobust.metrics.tracks.measures import without_absent
from vidrobust.stages.answer.text import MOST_LINES
from vidrobust.stages.stability.statements import flickers
from vidrobust.stages.stability.with_labels import boxes_on_known, judged_steps, judged_tracks

rendering = pytest.importorskip("vidrobust.plugins.line.render", reason="renders its footage")

FRAMES = 40
MISSED, WRONG = (10, 11, 25), (30,)


def square(frame):
    """A bolt that goes 2 px a frame."""
    return [20.0 + 2 * frame, 60.0, 60.0 + 2 * frame, 120.0]


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """Forty pictures, their known boxes, and what a detector recorded: three frames missed, one misnamed."""
    folder = tmp_path_factory.mktemp("known")
    rng = np.random.default_rng(0)
    ground = rng.integers(60, 120, (180, 240, 3), dtype=np.uint8)
    (folder / "belt").mkdir()
    truth, rows = [], []
    for frame in range(FRAMES):
        x1, y1, x2, y2 = (int(side) for side in square(frame))
        picture = ground.copy()
        picture[y1:y2, x1:x2] = (200, 190, 40)
        cv2.imwrite(str(folder / "belt" / f"{frame:03d}.png"), picture)
        truth.append(known_bolt(frame, square(frame)))
        if frame not in MISSED:
            off = np.array([4.0, 0, 4, 0]) * (frame % 2)  # a tenth of the width, to and fro
            named = (1, "cap") if frame in WRONG else (0, "bolt")
            rows.append((frame, 5 if frame < 20 else 6, *named, *(np.array(square(frame)) + off)))
    write_boxes(folder, truth, rows)
    return folder


def known_bolt(frame, box):
    of = {"item": "belt", "frame": frame, "box_labels": ["bolt"], "box_parts": ["part 1"]}
    return {**of, "boxes": [box]}


def write_boxes(folder, truth, rows):
    """The known boxes, and the recorded ones, all of the same score."""
    (folder / "boxes.json").write_text(json.dumps(rendering.boxes_as_coco(truth)))
    names = ["frame", "track", "label", "label_name", "x1", "y1", "x2", "y2"]
    found = pd.DataFrame(rows, columns=names).assign(score=0.9)
    found.to_csv(folder / "recorded.csv", index=False)


def study(line, out, labels="boxes.json", *more):
    given = (str(line / "belt"), f"--labels={line / labels}", f"--out={out}", *more, "-q")
    return run("stability", *given, f"--model=detections:{line / 'recorded.csv'}")


@pytest.fixture(scope="module")
def ran(line):
    assert study(line, line / "run") == 0
    return line / "run"


def test_recall_and_errors_are_those_counted_by_hand(ran):
    summary = json.loads((ran / "metrics.json").read_text())["models"]["recorded"]
    assert summary["recall"]["value"] == pytest.approx(36 / 40)
    assert summary["recall"]["low"] < 0.9 < summary["recall"]["high"]
    # found - missed - found - missed - found - wrong - found: six changes in 39 steps
    assert summary["fragment_error"]["value"] == pytest.approx(6 / 39)
    even = sum(f % 2 == 0 for f in range(FRAMES) if f not in (*MISSED, *WRONG))
    share = even / 36
    assert summary["center_error"]["value"] == pytest.approx(0.1 * np.sqrt(share * (1 - share)))
    assert summary["scale_error"]["value"] == pytest.approx(0.0, abs=1e-9)
    found = pd.read_parquet(ran / "known_boxes.parquet")
    assert found.loc[found["found"] == 0, "frame"].tolist() == [10, 11, 25, 30]
    assert set(found["size"]) == {"medium"}
    assert found.loc[found["error"] == "missed", "frame"].tolist() == [10, 11, 25]
    assert found.loc[found["error"] == "class", "frame"].tolist() == [30]
    assert summary["wrong_missed"]["value"] == pytest.approx(3 / 40)
    of_boxes = {name: summary[f"wrong_{name}"]["value"] for name in KINDS if name != "missed"}
    zeros = dict.fromkeys(("location", "both", "duplicate", "background"), 0.0)
    assert of_boxes == pytest.approx({"class": 1 / 37, **zeros})
    # 9-10, 11-12, 24-25, 25-26 and 29-30, 30-31
    assert flickers(found) == ({"missed": 4, "location": 0, "class": 2}, 39)
    curve = pd.read_parquet(ran / "truth_curve.parquet").set_index("threshold")
    assert curve.loc[0.5, "precision"] == pytest.approx(36 / 37)
    assert curve.loc[0.95, "recall"] == 0


def test_numbers_are_judged_as_identities(ran):
    summary = json.loads((ran / "metrics.json").read_text())["models"]["recorded"]
    # of 36 matched boxes 18 have the first number and 18 the second; 40 are known, 37 are found, one of them a cap
    assert summary["idf1"]["value"] == pytest.approx(2 * 18 / (40 + 37))
    assert summary["identity_switches"]["value"] == 1
    # up to .80 all are matched; above, with an IoU of 36 / 44 in odd frames, nine and nine in even ones
    association = (16 * 18 / 40 + 3 * 9 / (40 + 18 - 9)) / 19
    assert summary["association_accuracy"]["value"] == pytest.approx(association)


def test_gaps_of_known_objects_stand_apart(ran, printed):
    summary = json.loads((ran / "metrics.json").read_text())["models"]["recorded"]
    assert summary["true_uncovered_rate"]["value"] == pytest.approx(3 / 40)
    assert summary["false_alarm_rate"]["value"] == 0
    assert summary["false_alarm_rate"]["n"] == 1
    assert len(printed(0, "show", str(ran)).out.splitlines()) <= MOST_LINES
    found = json.loads(printed(0, "show", str(ran), "--json").out)["statements"]
    assert next(each["question"] for each in found if each["model"] == "recorded") == "with labels"
    values = [each["value"] for each in found if each["question"] == "with labels"]
    assert pytest.approx(0.9) in values
    assert pytest.approx(3 / 40) in values


def boxes_at(frames, left, track):
    table = pd.DataFrame({"frame": frames, "item": "belt", "track": track, "x1": left, "y1": 0.0})
    table["object"] = f"part {track}"
    return table.assign(x2=left + 10, y2=10.0)


def test_an_object_is_false_where_half_of_its_boxes_lie_on_nothing():
    known = boxes_at([0, 1, 2, 3], 0.0, 0)
    frames = known[["item", "frame"]]
    places = (([0, 1, 3], 2.0, 0), ([0, 1], 60.0, 1), ([2], 0.0, 1), ([9], 0.0, 2))
    detections = pd.concat([boxes_at(*place) for place in places])
    tracks = pd.DataFrame({"item": "belt", "track": [0, 1, 2]})
    boxes = boxes_on_known(detections, known, frames)
    found = judged_tracks(boxes, tracks)
    counted = found[["track", "judged", "on_known", "false_alarm"]].to_numpy().tolist()
    assert counted == [[0, 3, 3, 0], [1, 3, 1, 1]]
    steps = pd.DataFrame({"item": "belt", "frame": [0, 1, 2, 3, 9], "track": [0, 0, 0, 0, 2]})
    steps = steps.assign(state="covered", evidence="box", x1=0.0, y1=0.0, x2=10.0, y2=10.0)
    of_known = judged_steps(steps, found, boxes, known, frames)
    assert of_known["frame"].tolist() == [0, 1, 2, 3]
    assert of_known["false_alarm"].tolist() == [0] * 4


@pytest.mark.parametrize("named", [True, False])
def test_what_the_labels_say_is_absent_is_not_missed(named):
    """Known in 13 of 15 frames, of which the detector misses one: 1 of 13, and not 3 of 15."""
    known = boxes_at([frame for frame in range(15) if frame not in (6, 7)], 0.0, 0)
    other = boxes_at([6, 7], 300.0, 1)  # another object, by which these frames are judged
    known = pd.concat([known, other], ignore_index=True)
    if not named:
        known["object"] = ""
    frames = known[["item", "frame"]].drop_duplicates()
    seen = [frame for frame in range(15) if frame not in (3, 6, 7)]
    boxes = boxes_on_known(boxes_at(seen, 1.0, 0).drop(columns="object"), known, frames)
    judged = judged_tracks(boxes, pd.DataFrame({"item": ["belt"], "track": [0]}))
    state = np.where(np.isin(np.arange(15), seen), "covered", "missed")
    steps = boxes_at(list(range(15)), 1.0, 0).drop(columns="object")
    steps = steps.assign(state=state, evidence="between")
    found = judged_steps(steps, judged, boxes, known, frames)
    assert (found["uncovered"].sum(), found["uncovered"].notna().sum()) == (1, 13)
    assert sorted(found.loc[found["uncovered"].isna(), "frame"]) == [6, 7]
    of_model = steps.assign(model="m", uncovered=(state == "missed") * 1.0, missed=0.0)
    shown = without_absent(of_model, found.assign(model="m"))
    assert (shown["uncovered"].sum(), shown["uncovered"].notna().sum()) == (1, 13)


def test_boxes_in_shares_of_the_frame_say_the_same(line, ran, tmp_path):
    """The same boxes as YouTube-BoundingBoxes writes them, of a class that it has."""
    rows = []
    for frame in range(FRAMES):
        x1, y1, x2, y2 = square(frame)
        sides = f"{x1 / 240:.8f},{x2 / 240:.8f},{y1 / 180:.8f},{y2 / 180:.8f}"
        rows.append(f"belt,{40 * frame},0,person,1,present,{sides}")
    head = "youtube_id,timestamp_ms,class_id,class_name,object_id,object_presence,"
    (tmp_path / "ytbb.csv").write_text("\n".join([f"{head}xmin,xmax,ymin,ymax", *rows]) + "\n")
    recorded = (line / "recorded.csv").read_text()
    (tmp_path / "recorded.csv").write_text(recorded.replace("bolt", "person"))
    (tmp_path / "belt").symlink_to(line / "belt")
    out = tmp_path / "run"
    assert study(tmp_path, out, "ytbb.csv") == 0
    files = (folder / "metrics.json" for folder in (out, ran))
    mine, theirs = (json.loads(file.read_text())["models"]["recorded"] for file in files)
    for name in ("recall", "fragment_error", "center_error", "average_precision_50"):
        assert mine[name]["value"] == pytest.approx(theirs[name]["value"], abs=1e-6)
    boxes = [pd.read_parquet(folder / "known_boxes.parquet")[["x1", "y2"]] for folder in (out, ran)]
    np.testing.assert_allclose(boxes[0], boxes[1], atol=1e-4)


def test_known_boxes_judge_no_detector_of_a_part_of_the_frame(line, tmp_path, capsys):
    out = tmp_path / "run"
    assert study(line, out, "boxes.json", "--roi=0,0,200,180") == 0
    assert "cut out of the frames" in capsys.readouterr().err
    assert "recall" not in json.loads((out / "metrics.json").read_text())["models"]["recorded"]


def test_average_precision_comes_through_the_stage(ran):
    summary = json.loads((ran / "metrics.json").read_text())["models"]["recorded"]
    # bolts alone are known; 36 of 40 are found and nothing else is called a bolt: precision 1 up to a recall of .9
    assert summary["average_precision_50"]["value"] == pytest.approx(91 / 101)
    ends = ("worst_neighbour", "anchors")
    worst, anchors = (summary[f"average_precision_{name}"]["value"] for name in ends)
    assert worst < anchors
    assert summary["average_precision_best_neighbour"]["value"] == pytest.approx(1.0)
    assert run("gate", str(ran), "--fail-if", "average_precision_50 < 0.95") == 1


def test_the_report_tells_it(ran):
    assert run("report", str(ran), "-q") == 0
    page = (ran / "details.html").read_text()
    assert "known boxes found" in page
    assert "recorded: 40 of 40 frames have labels, 2 anchors." in page
    assert "Errors of the detectors against known boxes over thresholds" in page


def test_known_boxes_are_clipped_to_the_frame_as_detections_are(tmp_path):
    """A part leaves to the right: found exactly where it is to be seen, so recall and AP are 1."""
    (tmp_path / "belt").mkdir()
    rng = np.random.default_rng(0)
    truth, rows = [], []
    for frame in range(12):
        picture = rng.integers(0, 255, (180, 240, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "belt" / f"{frame:03d}.png"), picture)
        left = 150.0 + 8 * frame  # the right side passes the edge, at 240 px, after frame 3
        box = [left, 60.0, left + 60, 120.0]
        truth.append(known_bolt(frame, box))
        rows.append((frame, 1, 0, "bolt", *box))
    write_boxes(tmp_path, truth, rows)
    assert study(tmp_path, tmp_path / "run") == 0
    ((_, found),) = json.loads((tmp_path / "run" / "metrics.json").read_text())["models"].items()
    assert found["recall"]["value"] == 1
    assert found["average_precision"]["value"] == pytest.approx(1)
    assert found["hota"]["value"] == pytest.approx(1)
