"""ImageNet VID XML: the real file, by hand."""

import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.formats import read_labels

NAME = "imagenet_vid/ILSVRC2015_val_00030000_000000.xml"
BOX = ["x1", "y1", "x2", "y2"]


def test_the_corners_are_taken_by_name(annotations):
    labels = read_labels(annotations / NAME)
    assert labels.format == "imagenet-vid"
    assert labels.rows[BOX].to_numpy().tolist() == [[449, 304, 855, 682], [172, 307, 931, 590]]
    assert labels.rows["track"].tolist() == ["0", "1"]
    assert labels.rows["label_name"].tolist() == ["giant_panda"] * 2
    places = labels.rows[["item", "frame"]].drop_duplicates().to_numpy().tolist()
    assert places == [["ILSVRC2015_val_00030000", 0]]
    assert labels.rows["occluded"].tolist() == ["1", "1"]


def test_a_folder_is_a_video(changed, annotations):
    first = changed(NAME)
    second = first.with_name("000010.xml")
    second.write_text(first.read_text().replace("<filename>000000<", "<filename>000010<"))
    empty = first.with_name("000011.xml")
    empty.write_text("<annotation><folder>v</folder><filename>000011</filename></annotation>")
    first.with_name("000012.xml").write_text("<annotation>")
    labels = read_labels(first.parent)
    # in the order of the numbers in the names of the files
    assert labels.rows["frame"].tolist() == [10, 10, 0, 0]
    assert labels.notes == ("1 of 4 frames hold no object",)
    assert [p.what.split(": ")[-1] for p in labels.problems] == ["no element found"]


def test_faults_have_their_line(changed):
    wide = ("<xmax>855</xmax>", "<xmax>wide</xmax>")
    path = changed(NAME, wide, ("<xmin>172</xmin>", "<xmin>1172</xmin>"))
    labels = read_labels(path)
    assert len(labels.rows) == 0
    assert [str(p).removeprefix(f"{path}, ") for p in labels.problems] == [
        "line 15, column xmax: expected a number, got 'wide'",
        "line 26, column bndbox: expected min <= max, got 1172.0 307.0 931.0 590.0",
    ]


def test_a_file_that_defines_entities_is_refused(tmp_path):
    path = tmp_path / "a.xml"
    entity = '<!DOCTYPE a [<!ENTITY b "c">]>'
    path.write_text(f"{entity}\n<annotation><trackid>&b;</trackid></annotation>")
    with pytest.raises(InputError, match=r"a\.xml: defines an entity \(b\)"):
        read_labels(path, "imagenet-vid")


def test_pascal_boxes_without_tracks_are_not_taken_for_it(annotations):
    path = annotations / "labelme_web/Annotations/subset1/img1.xml"
    with pytest.raises(InputError, match=r"img1\.xml"):
        read_labels(path)
    assert not len(read_labels(path, "imagenet-vid").rows)
