"""YouTube-BoundingBoxes: the real rows, with and without header, against counts by grep."""

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from vidrobust.footage.expand import expand_sources
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.labels import read_class_map
from vidrobust.footage.labels.matching import on_items
from vidrobust.footage.records import columns_of
from vidrobust.plugins.published.ytbb import CLASSIFICATION, read_columns, read_each

SUBSET = "ytbb/ytbb_subset.csv"


def test_the_real_subset(annotations):
    labels = read_labels(annotations / SUBSET)
    assert (labels.format, labels.box_unit) == ("ytbb-detection", "share")
    assert (len(labels.rows), labels.problems) == (322, ())
    presence = labels.rows["presence"].value_counts().to_dict()
    assert presence == {"present": 276, "absent": 40, "uncertain": 6}
    assert labels.rows["label_name"].value_counts()[["bicycle", "person"]].tolist() == [135, 74]
    assert labels.classes[23] == "car"
    first, absent = labels.rows.iloc[0], labels.rows[labels.rows["presence"] != "present"]
    # FcmfoPqPxB8,0,0,person,0,present,0.21,0.686,0.0,1.0: xmin, xmax, ymin, ymax
    assert first[["x1", "y1", "x2", "y2"]].tolist() == [0.21, 0.0, 0.686, 1.0]
    assert first[["item", "time_s", "track", "frame"]].tolist() == ["FcmfoPqPxB8", 0.0, "0/0", -1]
    assert absent[["x1", "y1", "x2", "y2"]].isna().all(axis=None)
    assert labels.rows.groupby(["item", "track"]).ngroups == 17  # cut -d, -f1,3,5 | sort -u


def test_without_header_it_says_the_same(annotations, tmp_path):
    lines = (annotations / SUBSET).read_text().splitlines(keepends=True)
    bare = tmp_path / "bare.csv"
    bare.write_text("".join(lines[1:]))
    a, b = read_labels(annotations / SUBSET), read_labels(bare)
    assert b.format == "ytbb-detection"
    assert a.rows.equals(b.rows)
    head = read_labels(annotations / "ytbb/yt_bb_detection_head.csv")
    assert head.rows["time_s"].tolist() == [238.0, 239.0, 240.0, 241.0]


def test_the_classification_form_has_no_boxes(annotations):
    labels = read_labels(annotations / "ytbb/yt_bb_classification_SYNTHETIC_FORM.csv")
    assert labels.format == "ytbb-classification"
    assert labels.rows["presence"].tolist() == ["present", "absent"]
    assert labels.rows["track"].tolist() == ["0", "0"]
    assert np.isnan(labels.rows["x1"]).all()


def test_bad_rows_are_listed_and_unknown_columns_kept(changed):
    path = changed(
        SUBSET,
        ("xmin,xmax,ymin,ymax\n", "xmin,xmax,ymin,ymax,rater\n"),
        (
            "FcmfoPqPxB8,0,0,person,0,present,0.21,0.686,0.0,1.0\n",
            "FcmfoPqPxB8,0,0,person,0,present,0.21,0.686,0.0,1.0,Kim\n",
        ),
        (
            "FcmfoPqPxB8,1000,0,person,0,present,0.205,0.63,0.0,1.0\n",
            "FcmfoPqPxB8,1000,0,person,0,there,0.205,0.63,0.0,1.0,\n",
        ),
        (
            "FcmfoPqPxB8,2000,0,person,0,present,0.327,0.722,0.10166667,1.0\n",
            "FcmfoPqPxB8,2000,0,person,0,present,0.722,0.327,0.10166667,1.0,\nFcmfoPqPxB8,soon,0,person,0,absent,-1,-1,-1,-1,\n",
        ),
    )
    labels = read_labels(path)
    assert labels.rows["rater"].tolist() == ["Kim"]
    assert [str(p).removeprefix(f"{path}, ") for p in labels.problems[:3]] == [
        "line 3, column object_presence: expected one of present, absent, uncertain, got 'there'",
        "line 4, column xmax: expected 0 <= min < max <= 1, got 0.722 and 0.327",
        "line 5, column timestamp_ms: expected a number, got 'soon'",
    ]
    assert len(labels.problems) == 322  # all others lack the new column
    assert labels.problems[3].what == "expected 11 values, got 10"


def test_other_tables_are_not_taken_for_it(annotations):
    from vidrobust.errors import InputError

    with pytest.raises(InputError, match="label format not recognised"):
        read_labels(annotations / "ytbb/idx_human.csv")
    assert read_labels(annotations / "vott_csv/dataset/train-export.csv").format == "table"


@pytest.mark.parametrize("name", [SUBSET, "ytbb/yt_bb_classification_SYNTHETIC_FORM.csv"])
def test_by_columns_and_row_by_row_it_is_the_same(name, annotations):
    path = annotations / name
    first = columns_of(path)
    has_header = "youtube_id" in first
    columns = first if has_header else CLASSIFICATION
    fast = read_columns(path, columns, has_header=has_header)
    slow, problems = read_each(path, columns, has_header=has_header)
    assert not problems
    assert_frame_equal(fast, slow[fast.columns.tolist()], check_dtype=False)


def test_a_file_with_one_bad_row_is_looked_at_row_by_row(changed):
    row = "0,person,0,present,0.21,0.686,0.0,1.0"
    path = changed(SUBSET, (row, row[:-1] + "1"))
    assert read_columns(path, columns_of(path), has_header=True) is None
    labels = read_labels(path)
    assert len(labels.rows) == 321
    assert [str(p).removeprefix(f"{path}, ") for p in labels.problems] == [
        "line 2, column ymax: expected 0 <= min < max <= 1, got 0.0 and 1.1"
    ]


CLEAN = "v,1000,1,bird,0,present,0.1,0.5,0.2,0.6\n"


OTHERWISE = "contradicts line 1, which says otherwise of the same object at the same time"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("v,2000,99,unicorn,0,present,0.1,0.5,0.2,0.6", "class_id: expected a class number 0 to 23, got 99"),
        ("v,2000,1,person,0,present,0.1,0.5,0.2,0.6", "class_name: class 1 is bird, got 'person'"),
        ("v,-40,1,bird,0,present,0.1,0.5,0.2,0.6", "timestamp_ms: expected 0 or more, got -40"),
        ("v,2000,1,bird,0,present,0.3,0.3,0.2,0.6", "xmax: expected 0 <= min < max <= 1, got 0.3 and 0.3"),
        ("v,2000,1,bird,0,present,0.1,0.5,0.6,0.6", "ymax: expected 0 <= min < max <= 1, got 0.6 and 0.6"),
        ("v,1000,1,bird,0,absent,-1,-1,-1,-1", OTHERWISE),
        ("v,1000,1,bird,0,present,0.1,0.5,0.2,0.7", OTHERWISE),
    ],
)  # fmt: skip
def test_what_cannot_be_is_listed(row, says, tmp_path):
    path = tmp_path / "yt_bb.csv"
    path.write_text(CLEAN + row + "\n")
    labels = read_labels(path)
    assert len(labels.rows) == 1
    (problem,) = labels.problems
    assert problem.line == 2
    assert str(problem).endswith(says)


def test_what_is_said_twice_counts_once(tmp_path):
    path = tmp_path / "yt_bb.csv"
    path.write_text(CLEAN + CLEAN + "v,2000,9,potted_plant,0,absent,-1,-1,-1,-1\n")
    labels = read_labels(path)
    assert labels.rows["label_name"].tolist() == ["bird", "potted plant"]
    assert not labels.problems
    assert labels.notes[-1] == "1 row say the same as an earlier one, and are left out"


def test_the_map_of_imagenet_comes_with_it(annotations):
    """Equal to the published one, which is at hand as a file."""
    labels = read_labels(annotations / SUBSET)
    published = read_class_map(annotations / "ytbb-robust_metadata" / "class_idx_map.json", 24)
    assert labels.class_map == published


def test_clips_cut_out_find_their_labels_by_their_names(tmp_path):
    (tmp_path / "videos").mkdir()
    for name in ("a_b+238.mp4", "a_b+300.5.mp4", "c.mp4"):
        (tmp_path / "videos" / name).touch()
    path = tmp_path / "yt_bb.csv"
    seen = (("a_b", 240000), ("c", 5000))
    path.write_text("".join(f"{v},{t},1,bird,0,absent,-1,-1,-1,-1\n" for v, t in seen))
    items = expand_sources([path]).items
    matched = on_items(read_labels(path).rows, items)
    found = matched.rows[["item", "time_s"]].to_numpy().tolist()
    assert found == [["a_b+238", 2.0], ["a_b+300.5", -60.5], ["c", 5.0]]
