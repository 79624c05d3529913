"""CVAT XML for video: the real export, by hand."""

import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.formats import read_labels

NAME = "cvat/for_video/annotations.xml"


def test_boxes_of_tracks_and_what_is_outside(annotations):
    labels = read_labels(annotations / NAME)
    rows = labels.rows
    assert labels.format == "cvat-video"
    assert rows["frame"].tolist() == [10, 13, 16]
    assert rows["presence"].tolist() == ["present", "absent", "absent"]
    assert rows.loc[0, ["x1", "y1", "x2", "y2"]].tolist() == [3.0, 4.0, 10.0, 5.0]
    assert rows[["item", "track", "label", "label_name"]].iloc[0].tolist() == ["t", "0", 2, "II"]
    assert labels.classes == {0: "klhg", 1: "z U k", 2: "II"}
    said = "shapes that are no boxes and no polygons are left out: 2 points, 2 polyline"
    assert labels.notes == (said,)


def test_attributes_are_kept_and_faults_have_their_line(changed):
    path = changed(
        NAME,
        (
            'ybr="5.00" z_order="0">\n',
            'ybr="5.00" z_order="0"><attribute name="side">left</attribute>\n',
        ),
        (
            'frame="13" outside="1" occluded="0" keyframe="1" xtl="7.00"',
            'frame="13.5" outside="1" xtl="7.00"',
        ),
        ('xbr="14.0" ybr="17.00"', 'xbr="4.0" ybr="17.00"'),
    )
    labels = read_labels(path)
    assert labels.rows["side"].tolist() == ["left"]
    assert [str(p).removeprefix(f"{path}, ") for p in labels.problems] == [
        "line 73, column frame: expected a frame number, got 13.5",
        "line 75, column xtl, ytl, xbr, ybr: turned round: 8.0 7.0 4.0 17.0",
    ]


def test_a_polygon_is_the_box_about_it_and_its_shape(changed):
    start, of = '<points frame="10"', 'outside="0" occluded="0" frame="4"'
    path = changed(NAME, (start, f'<polygon points="1,2;9,2;5,8.5" {of}/>{start}'))
    row = read_labels(path).rows.query("frame == 4").iloc[0]
    assert row[["x1", "y1", "x2", "y2"]].tolist() == [1.0, 2.0, 9.0, 8.5]
    assert row["shape"] == "polygon 1 2 9 2 5 8.5"
    path = changed(NAME, (start, f'<polygon points="1,2;9,2" outside="0" frame="4"/>{start}'))
    assert "expected three corners or more, got '1,2;9,2'" in str(read_labels(path).problems[0])


def test_an_export_of_images_names_its_images(annotations, tmp_path):
    labels = read_labels(annotations / "cvat/for_images/export_task/train.xml")
    assert labels.format == "cvat-images"
    assert set(labels.rows["file"]) <= {f"img{k}.jpg" for k in range(2)}
    assert labels.rows["x1"].notna().any()
    (tmp_path / "none.xml").write_text("<annotations></annotations>")
    with pytest.raises(InputError, match="no track and no image"):
        read_labels(tmp_path / "none.xml")
