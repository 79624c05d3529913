"""MOTChallenge: the real files, by hand and by grep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.formats import read_labels

CAMPUS = "mmtracking/demo_MOT15_data/train/TUD-Campus"


def test_a_sequence_of_mot15(annotations: Path) -> None:
    labels = read_labels(annotations / CAMPUS)
    rows = labels.rows
    assert (labels.format, len(rows), labels.problems) == ("mot", 359, ())
    assert set(rows["item"]) == {"TUD-Campus"}
    assert (rows["frame"].min(), rows["frame"].max()) == (0, 70)  # 1 to 71 in the file
    assert rows["track"].nunique() == 8  # cut -d, -f2 | sort -u
    assert rows.loc[0, ["x1", "y1", "x2", "y2"]].tolist() == [
        398,
        181,
        398 + 121,
        181 + 229,
    ]  # from 1 in the file
    assert (rows["label"] == -1).all()
    assert set(rows["label_name"]) == {"pedestrian"}  # what MOT15 has no column for
    assert len(labels.notes) == 3


def test_classes_and_the_frame_rate_stand_beside_it(annotations: Path) -> None:
    row = read_labels(annotations / "mot/mot_seq_with_seqinfo/gt/gt.txt").rows.iloc[0]
    assert (row["label"], row["label_name"], row["track"], row["time_s"]) == (3, "label_2", "", 0.0)
    assert row["item"] == "mot_seq_with_seqinfo"


def test_faults_and_rows_that_are_not_scored(changed: Callable[..., Path]) -> None:
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
    with pytest.raises(InputError, match=r"gt\.txt, line 1: expected 9 or 10 values, got 3"):
        read_labels(path)
