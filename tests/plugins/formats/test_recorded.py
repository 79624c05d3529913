"""Boxes as other programs record them: the same two frames from each."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from vidrobust.errors import InputError
from vidrobust.models.spec import ModelSpec, split_options
from vidrobust.plugins.formats.recorded_boxes import recorded_detector

CORNERS = [[10.0, 20.0, 40.0, 60.0], [11.0, 20.0, 41.0, 60.0]]
SIZE = (100, 200)
MISSING = "Ultralytics is not installed: pip install ultralytics"


def load(path, options=""):
    target, given = split_options(f"{path}{options}")
    spec = ModelSpec(f"detections:{path}", "detections", target, given)
    return recorded_detector(spec, torch.device("cpu"))


def names_for_labels(desk):
    rows = [(k, 0.75, "cat", *box) for k, box in enumerate(CORNERS)]
    table = pd.DataFrame(rows, columns=["frame", "score", "label", "x1", "y1", "x2", "y2"])
    table.to_csv(desk / "named.csv", index=False)
    return str(desk / "named.csv")


def test_names_for_labels_stand_for_classes(tmp_path):
    model = load(Path(names_for_labels(tmp_path)))
    found = model.predict_frames("clip", np.arange(2), SIZE)
    np.testing.assert_allclose(found.boxes, CORNERS, atol=1e-4)
    assert found.scores.tolist() == [0.75, 0.75]
    assert found.frame.tolist() == [0, 1]
    assert [found.class_names[k] for k in found.labels] == ["cat", "cat"]
    assert found.tracks is None


@pytest.mark.parametrize("tracks", [("inf", "2"), ("1e300", "7"), ("left", "right"), ("1.5", "1")])
def test_tracks_that_are_no_whole_numbers_are_names(tmp_path, tracks):
    table = pd.read_csv(names_for_labels(tmp_path)).assign(track=tracks)
    table.to_csv(tmp_path / "tracked.csv", index=False)
    found = load(tmp_path / "tracked.csv").predict_frames("clip", np.arange(2))
    assert found.tracks.tolist() == [0, 1]


def test_names_go_by_the_names_given(tmp_path):
    model = load(Path(names_for_labels(tmp_path)), f",classes={written(tmp_path, 'dog', 'cat')}")
    assert model.predict_frames("clip", np.arange(2)).labels.tolist() == [1, 1]


def written(desk, *names):
    (desk / "names.txt").write_text("\n".join(names))
    return desk / "names.txt"


def test_the_sinks_of_supervision(tmp_path):
    """Written by the library; without a number of the frame the way out is named."""
    sv = pytest.importorskip("supervision")
    for sink, name in ((sv.CSVSink, "a.csv"), (sv.JSONSink, "a.json")):
        for custom, path in (({"frame": 0}, tmp_path / name), (None, tmp_path / f"bare-{name}")):
            with sink(str(path)) as out:
                for k, box in enumerate(CORNERS):
                    found = sv.Detections(
                        xyxy=np.array([box]),
                        confidence=np.array([0.75]),
                        class_id=np.array([3]),
                        tracker_id=np.array([7]),
                        data={"class_name": np.array(["cat"])},
                    )
                    out.append(found, custom_data={"frame": k} if custom else {})
        model = load(tmp_path / name)
        found = model.predict_frames("clip", np.arange(2))
        assert found.boxes.tolist() == CORNERS
        assert (found.labels.tolist(), model.class_names[3]) == ([3, 3], "cat")
        assert found.tracks.tolist() == [7, 7]
        with pytest.raises(InputError, match="lacks the column frame"):
            load(tmp_path / f"bare-{name}")


@pytest.fixture(scope="module")
def results():
    """Ultralytics' own results with planted boxes, the last frame empty."""
    results = pytest.importorskip("ultralytics.engine.results", reason=MISSING)
    frame = np.zeros((*SIZE, 3), np.uint8)
    boxes = [torch.tensor([[*box, 0.75, 1.0]]) for box in CORNERS] + [torch.zeros(0, 6)]
    names = {0: "dog", 1: "cat"}
    return [results.Results(frame, path="x", names=names, boxes=box) for box in boxes]


@pytest.mark.nightly
def test_results_of_ultralytics(results, tmp_path):
    every = [json.loads(each.to_json()) for each in results]
    (tmp_path / "list.json").write_text(json.dumps(every))
    (tmp_path / "lines.jsonl").write_text("\n".join(map(json.dumps, every)))
    numbered = [(k, each) for k, each in enumerate(results) if len(each)]
    tables = [each.to_df().to_pandas().assign(frame=k) for k, each in numbered]
    pd.concat(tables).to_csv(tmp_path / "frames.csv", index=False)
    pd.concat(tables).to_parquet(tmp_path / "frames.parquet", index=False)
    (tmp_path / "labels").mkdir()
    for k, each in enumerate(results, 1):
        (tmp_path / "labels" / f"clip_{k}.txt").write_text("")
        each.save_txt(tmp_path / "labels" / f"clip_{k}.txt", save_conf=True)
    for name in ("list.json", "lines.jsonl", "frames.csv", "frames.parquet", "labels"):
        model = load(tmp_path / name)
        found = model.predict_frames("clip", np.arange(3), SIZE)
        np.testing.assert_allclose(found.boxes, CORNERS, atol=1e-2)
        np.testing.assert_allclose(found.scores, 0.75)
        assert found.labels.tolist() == [1, 1]
        if name != "labels":  # files of labels hold numbers alone
            assert model.class_names[1] == "cat"
    assert set(load(tmp_path / "list.json").file.looked) == {("", 2)}
