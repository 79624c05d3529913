"""MOTChallenge: the real files, by hand and by grep."""

import pytest

from vidrobust.errors import InputError
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.matching import on_items
from vidrobust.plugins.formats.box_files import read_boxes

CAMPUS = "mmtracking/demo_MOT15_data/train/TUD-Campus"


def test_a_sequence_of_mot15(annotations):
    labels = read_labels(annotations / CAMPUS)
    rows = labels.rows
    assert (labels.format, len(rows), labels.problems) == ("mot", 359, ())
    assert set(rows["item"]) == {"TUD-Campus"}
    assert (rows["frame"].min(), rows["frame"].max()) == (0, 70)  # 1 to 71 in the file
    assert rows["track"].nunique() == 8  # cut -d, -f2 | sort -u
    assert rows.loc[0, ["x1", "y1", "x2", "y2"]].tolist() == [398, 181, 398 + 121, 181 + 229]
    assert set(zip(rows["label"], rows["label_name"], strict=True)) == {(1, "pedestrian")}
    assert "times are not known" in labels.notes[-1]


def test_classes_and_the_frame_rate_stand_beside_it(annotations):
    row = read_labels(annotations / "mot/mot_seq_with_seqinfo/gt/gt.txt").rows.iloc[0]
    assert (row["label"], row["label_name"], row["track"], row["time_s"]) == (3, "label_2", "", 0.0)
    assert row["item"] == "mot_seq_with_seqinfo"


def test_faults_and_rows_that_are_not_scored(changed):
    path = changed(
        f"{CAMPUS}/gt/gt.txt",
        ("1,1,399,182,121,229,1,", "0,1,399,182,121,229,1,"),
        ("1,2,282,201,92,184,1,", "1,2,282,201,0,184,1,"),
        ("1,3,63,153,82,288,1,", "1,3,63,153,82,288,0,"),
    )
    labels = read_labels(path)
    assert [str(p).removeprefix(f"{path}, ") for p in labels.problems] == [
        "line 1, column frame: expected 1 or more, got 0",
        "line 2, column w, h: expected more than 0, got 0.0 and 184.0",
    ]
    assert labels.rows["presence"].value_counts().to_dict() == {"present": 356, "uncertain": 1}
    path.write_text("1,2,3\n")
    with pytest.raises(InputError, match=r"gt\.txt, line 1: expected 7, 9 or 10 values, got 3"):
        read_labels(path)


def test_labels_and_detections_of_the_same_lines_have_the_same_boxes(tmp_path):
    """By hand: pixel 1 of the file is pixel 0."""
    line = "1,1,11,21,30,40,1,1,1\n2,1,12,22,30,40,1,1,1\n"
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "gt.txt").write_text(line)
    (tmp_path / "det.txt").write_text(line)
    labels = read_labels(tmp_path).rows[["x1", "y1", "x2", "y2"]].to_numpy().tolist()
    boxes = read_boxes(tmp_path / "det.txt").boxes[["x1", "y1", "x2", "y2"]].to_numpy().tolist()
    assert labels == boxes == [[10, 20, 40, 60], [11, 21, 41, 61]]


def test_mot17_as_downloaded(tmp_path):
    """A replica of the official layout: class 1 is scored, class 8 has confidence 0."""
    for name in ("MOT17-02-FRCNN", "MOT17-04-FRCNN"):
        folder = tmp_path / "train" / name
        for part in ("img1", "gt", "det"):
            (folder / part).mkdir(parents=True)
        for number in (1, 2):
            (folder / "img1" / f"{number:06d}.jpg").write_bytes(b"")
        rows = "1,1,5,5,9,9,1,1,1\n2,1,5,5,9,9,1,-1,1\n1,2,5,5,9,9,0,8,1\n"
        (folder / "gt" / "gt.txt").write_text(rows)
        (folder / "det" / "det.txt").write_text("1,-1,5,5,9,9,0.9\n")
        info = f"[Sequence]\nname={name}\nimDir=img1\nframeRate=30\nseqLength=2\n"
        (folder / "seqinfo.ini").write_text(info)
    labels = read_labels(tmp_path / "train")
    assert (labels.format, labels.problems, len(labels.rows)) == ("mot", (), 6)
    assert labels.rows["label_name"].value_counts().to_dict() == {"pedestrian": 4, "distractor": 2}
    assert labels.rows["presence"].value_counts().to_dict() == {"present": 4, "uncertain": 2}
    items = expand_sources([str(tmp_path / "train")]).items
    assert len(items) == 2
    matched = on_items(labels.rows, items)
    assert (len(matched.rows), matched.without, matched.unlabelled) == (6, (), ())


def test_a_class_below_one_is_refused_and_minus_one_is_none(tmp_path):
    rows = "1,1,5,5,9,9,1,-1,1\n2,1,5,5,9,9,1,-5,1\n3,1,5,5,9,9,1,0,1\n"
    folder = tmp_path / "seq" / "gt"
    folder.mkdir(parents=True)
    (folder / "gt.txt").write_text(rows)
    labels = read_labels(folder / "gt.txt")
    assert labels.rows["label_name"].tolist() == ["pedestrian"]
    assert [(problem.line, problem.column) for problem in labels.problems] == [
        (2, "class"),
        (3, "class"),
    ]
