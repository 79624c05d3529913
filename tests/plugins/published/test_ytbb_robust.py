"""YTBB-Robust: the real metadata, with the labels that are swapped."""

import json
import shutil

import pytest

from vidrobust.footage.labels.formats import read_labels

FOLDER = "ytbb-robust_metadata"
CSV = "ytbb_robustness_test_anchors_full.csv"


@pytest.fixture(scope="module")
def labels(corpus):
    return read_labels(corpus / "annotations" / FOLDER)


def test_candidates_and_review(labels):
    # counted in the files: 2,529 rows, 489 of them "person"; 2,467 reviewed, 2,169 good and not unsure as well
    anchors = labels.rows.drop_duplicates(["item", "time_s"])
    assert len(anchors) == 2529
    assert (anchors["label"] == 0).sum() == 489
    reviews = anchors["review"].value_counts().to_dict()
    assert reviews == {"good": 2169, "bad": 291, "": 66, "unsure": 3}
    assert (anchors["frame"] < 0).sum() == 62
    assert labels.notes[0] == "2529 candidates, 2467 reviewed, 2169 of them good"


def test_22_of_the_csv_is_a_car_and_none_is_no_anchor(labels):
    rows = labels.rows[labels.rows["item"] == "1-V-1rH5Bp8"]
    row = rows[rows["time_s"] == 345.066].iloc[0]
    assert (row["label"], row["label_name"]) == (23, "car")  # 1-V-1rH5Bp8,345066,22
    first = labels.rows.drop_duplicates(["item", "time_s"])
    assert (first["label"] == 23).sum() == 87
    assert "none" not in set(first["label_name"])


def test_what_reviewers_saw_besides_makes_a_set(labels):
    # "WypmJptPzX8_68666/frame-2058.jpg": labels 0 (good) and 3 (person)
    rows = labels.rows[(labels.rows["item"] == "WypmJptPzX8") & (labels.rows["time_s"] == 68.666)]
    assert rows["frame"].unique().tolist() == [2058]
    assert "person" in set(rows["label_name"])


def test_classes_without_a_class_of_imagenet(labels):
    names = [labels.classes[k] for k in labels.class_map.unmapped]
    assert names == ["cow", "giraffe", "skateboard", "toilet", "none"]


def test_the_csv_alone_and_its_faults(annotations, tmp_path):
    alone = tmp_path / "anchors.csv"
    shutil.copyfile(annotations / FOLDER / CSV, alone)
    labels = read_labels(alone)
    assert labels.format == "ytbb-robust"
    assert len(labels.rows) == 2529
    assert (labels.rows["frame"] == -1).all()
    assert labels.class_map is None
    rows = "04rVDII50JU,66600,24\n06V473j0Jys,,4\n07zMfnGizTM,409333,4\n"
    alone.write_text(f"ytid,time_ms,label\n{rows}")
    labels = read_labels(alone)
    assert [str(p).removeprefix(f"{alone}, ") for p in labels.problems] == [
        "line 2, column label: expected a class number 0 to 23, got 24",
        "line 3, column time_ms: is empty",
    ]
    assert len(labels.rows) == 1


def test_without_the_review_of_neighbours_all_within_ten_frames_of_a_good_anchor_count(labels):
    assert labels.judged_by == "anchor"
    anchors = labels.sets[labels.sets["offset"] == 0]
    assert len(anchors) == 2169
    assert labels.sets["offset"].abs().max() == 10
    mine = labels.sets[(labels.sets["item"] == "WypmJptPzX8") & (labels.sets["anchor"] == 2058)]
    assert sorted(mine["offset"]) == list(range(-10, 11))
    assert mine["file"].iloc[0] == "WypmJptPzX8_68666/frame-2058.jpg"
    assert any("pmk_labels.json is not here" in note for note in labels.notes)


def test_the_review_of_neighbours_by_the_rule_of_the_authors(annotations, tmp_path):
    """Similar, and none of what takes a frame out; a bad anchor goes with all its frames; the last word holds.

    The form of the file is that of the authors' ``load_pmk_annotations``; the file itself was not at hand.
    """
    folder = tmp_path / "set"
    shutil.copytree(annotations / FOLDER, folder)
    names = ["similar", "dissimilar", "blur-increase", "bad-anchor", "correct"]
    first, second = "WypmJptPzX8_68666/frame-2058.jpg", "KxDh7a8_AmU_44666/frame-1117.jpg"

    def pair(anchor, frame, *ticked):
        other = anchor.rsplit("-", 1)[0] + f"-{frame}.jpg"
        return {"key": f"imgs/{anchor},imgs/{other}", "notes": "", "labels": list(ticked)}

    said = [
        pair(first, 2057, 0, 4),
        pair(first, 2059, 0, 2),  # similar, and blurred
        pair(first, 2060, 1),
        pair(first, 2061, 1),
        pair(first, 2061, 0),  # looked at again
        pair(second, 1118, 0),
        pair(second, 1119, 3),
        {"key": "odd", "labels": [0]},
        {"key": f"{first},{first}", "labels": [9]},
    ]
    (folder / "pmk_labels.json").write_text(json.dumps({"labels": names, "annotations": said}))
    labels = read_labels(folder / "pmk_labels.json")
    mine = labels.sets[(labels.sets["item"] == "WypmJptPzX8") & (labels.sets["anchor"] == 2058)]
    assert sorted(mine["frame"]) == [2057, 2058, 2061]
    assert not ((labels.sets["item"] == "KxDh7a8_AmU") & (labels.sets["anchor"] == 1117)).any()
    assert (labels.sets["offset"] == 0).sum() == 2168
    assert [p.column for p in labels.problems] == ["annotations[7]", "annotations[8]"]
    assert "scored are 2168 anchors with 2 similar frames about them" in labels.notes
