"""YTBB-Robust: the real metadata, with the labels that are swapped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.labels import Labels

FOLDER = "ytbb-robust_metadata"
CSV = "ytbb_robustness_test_anchors_full.csv"


@pytest.fixture(scope="module")
def labels(corpus: Path) -> Labels:
    return read_labels(corpus / "annotations" / FOLDER)


def test_candidates_and_review(labels: Labels) -> None:
    # counted in the files: 2,529 rows, 489 of them "person"; 2,467 reviewed, 2,170 good
    anchors = labels.rows.drop_duplicates(["item", "time_s"])
    assert len(anchors) == 2529
    assert (anchors["label"] == 0).sum() == 489
    assert anchors["review"].value_counts().to_dict() == {"good": 2170, "bad": 291, "": 66, "unsure": 2}
    assert (anchors["frame"] < 0).sum() == 62
    assert labels.notes[0] == "2529 candidates, 2467 reviewed, 2170 of them good"


def test_22_of_the_csv_is_a_car_and_none_is_no_anchor(labels: Labels) -> None:
    row = labels.rows[(labels.rows["item"] == "1-V-1rH5Bp8") & (labels.rows["time_s"] == 345.066)].iloc[0]
    assert (row["label"], row["label_name"]) == (23, "car")  # 1-V-1rH5Bp8,345066,22
    first = labels.rows.drop_duplicates(["item", "time_s"])
    assert (first["label"] == 23).sum() == 87
    assert "none" not in set(first["label_name"])


def test_what_reviewers_saw_besides_makes_a_set(labels: Labels) -> None:
    # "WypmJptPzX8_68666/frame-2058.jpg": labels 0 (good) and 3 (person)
    rows = labels.rows[(labels.rows["item"] == "WypmJptPzX8") & (labels.rows["time_s"] == 68.666)]
    assert rows["frame"].unique().tolist() == [2058]
    assert "person" in set(rows["label_name"])


def test_classes_without_a_class_of_imagenet(labels: Labels) -> None:
    assert labels.class_map is not None
    names = [labels.classes[k] for k in labels.class_map.unmapped]
    assert names == ["cow", "giraffe", "skateboard", "toilet", "none"]


def test_the_csv_alone_and_its_faults(annotations: Path, tmp_path: Path) -> None:
    alone = tmp_path / "anchors.csv"
    shutil.copyfile(annotations / FOLDER / CSV, alone)
    labels = read_labels(alone)
    assert labels.format == "ytbb-robust"
    assert len(labels.rows) == 2529
    assert (labels.rows["frame"] == -1).all()
    assert labels.class_map is None
    alone.write_text("ytid,time_ms,label\n04rVDII50JU,66600,24\n06V473j0Jys,,4\n07zMfnGizTM,409333,4\n")
    labels = read_labels(alone)
    assert [str(p).removeprefix(f"{alone}, ") for p in labels.problems] == [
        "line 2, column label: expected a class number 0 to 23, got 24",
        "line 3, column time_ms: is empty",
    ]
    assert len(labels.rows) == 1
