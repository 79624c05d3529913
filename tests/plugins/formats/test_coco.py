"""COCO with videos: the three real dialects, by hand."""

import json

import numpy as np
import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.formats import read_labels
from vidrobust.shapes.shape import read_shape


def test_cocovid(annotations):
    labels = read_labels(annotations / "mmtracking/demo_cocovid_data/ann.json")
    assert labels.format == "coco-video"
    assert labels.classes == {1: "car", 2: "person"}
    assert len(labels.rows) == 10
    last = labels.rows[labels.rows["track"] == "5"].iloc[-1]
    right = 66.48412322998047 + 44.840370178222656
    assert last[["x1", "x2"]].tolist() == pytest.approx([66.48412322998047, right])
    assert last["presence"] == "uncertain"  # iscrowd
    assert labels.notes == ("1 of 8 images hold no box",)


def test_youtube_vis_and_tao(annotations):
    vis = read_labels(annotations / "mmtracking/demo_vis_data/ann.json").rows.iloc[0]
    assert vis[["item", "frame", "x2", "y2"]].tolist() == ["0043f083b5", 0, 1278.0, 414.0]
    tao = read_labels(annotations / "mmtracking/demo_tao_data/ann.json")
    assert tao.rows["frame"].tolist() == [390, 420]  # frame_index, where frame_id says 0 and 1
    columns = [f"annotations[{number}].category_id" for number in (1, 3)]
    assert [p.column for p in tao.problems] == columns
    assert tao.problems[0].what == "95 is not in the file"


def test_segmentations_are_kept_as_shapes(annotations, changed):
    vis = read_labels(annotations / "mmtracking/demo_vis_data/ann.json").rows
    first = read_shape(vis["shape"].iloc[0])
    box = vis[["x1", "y1", "x2", "y2"]].iloc[0].tolist()
    assert first.box.tolist() == pytest.approx(box, abs=1)
    content = json.loads((annotations / "mmtracking/demo_vis_data/ann.json").read_text())
    content["annotations"][0]["segmentation"] = {"size": [4, 4], "counts": "!!"}
    path = changed("mmtracking/demo_vis_data/ann.json")
    path.write_text(json.dumps(content))
    assert read_labels(path).problems[0].column == "annotations[0].segmentation"


def test_faults_name_their_place(changed, tmp_path):
    shorter = ("                104,\n", "                -104,\n")
    path = changed("mmtracking/demo_vis_data/ann.json", shorter)
    (problem,) = read_labels(path).problems
    assert str(problem) == (
        f"{path}, column annotations[0].bbox: expected x, y, width, height in px, the last two of 0 or more, "
        "got [1174, 335, -104, 79]"
    )
    path.write_text('{"videos": [], "images": [],\n "annotations": [{"category_id": 1}]')
    with pytest.raises(InputError, match=r"ann\.json, line 2, column 37: Expecting ',' delimiter"):
        read_labels(path)
    path.write_text('{"videos": [], "images": {}, "annotations": [{"category_id": 1}]}')
    with pytest.raises(InputError, match=r"lacks the arrays images, categories"):
        read_labels(path)


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        ("                104,\n", "                NaN,\n", "annotations[0].bbox"),
        ("                104,\n", "                1e999,\n", "annotations[0].bbox"),
        ('"height": 720,', '"height": -5,', "annotations[0], its image"),
        (
            '"width": 1280,\n            "id"',
            '"width": 0,\n            "id"',
            "annotations[0], its image",
        ),
    ],
)
def test_numbers_that_are_none_are_no_good_rows(changed, old, new, column):
    path = changed("mmtracking/demo_vis_data/ann.json", (old, new))
    labels = read_labels(path)
    assert column in {problem.column for problem in labels.problems}
    assert np.isfinite(labels.rows[["x1", "y1", "x2", "y2"]]).all(axis=None)
