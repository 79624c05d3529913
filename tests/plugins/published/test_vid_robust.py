"""ImageNet-Vid-Robust: the real metadata, against the figures of the paper and of its files."""

import json
import shutil

import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.formats import read_labels

FOLDER = "imagenet-vid-robust_metadata"


@pytest.fixture(scope="module")
def labels(corpus):
    return read_labels(corpus / "annotations" / FOLDER)


def test_anchors_frames_and_sets_of_labels(labels):
    # Shankar et al. 2019: 1,109 anchors; the files have 22,179 frames, 21,070 of them neighbours
    assert labels.format == "imagenet-vid-robust"
    frames = labels.rows.groupby(["item", "frame"]).size()
    assert (len(frames), int((frames > 1).sum())) == (22179, 1514)
    sizes = labels.sets.groupby(["item", "anchor"]).size() - 1
    assert (len(sizes), sizes.sum(), (sizes == 20).sum(), sizes.min()) == (1109, 21070, 889, 0)
    assert labels.sets["offset"].abs().max() == 10
    assert (labels.sets["offset"] == 0).sum() == 1109
    assert labels.problems == ()
    assert labels.judged_by == "own"
    first = labels.sets.iloc[0]
    assert first["file"] == f"val/{first['item']}/{first['frame']:06d}.JPEG"


def test_the_names_of_the_classes_are_those_of_the_class_map(labels):
    # ImageNet: 33-37 turtles, 404 airliner, 340 zebra, 817 sports car, 345 ox, 387 lesser panda
    names = {k: labels.classes[labels.class_map.of_model[k]] for k in (33, 404, 340, 817, 345, 387)}
    assert list(names.values()) == ["turtle", "airplane", "zebra", "car", "cattle", "red_panda"]
    assert len(labels.class_map.of_model) == 288
    assert labels.class_map.unmapped == ()


def test_a_row_by_hand(labels):
    row = labels.rows[labels.rows["file"] == "val/ILSVRC2015_val_00000000/000432.JPEG"].iloc[0]
    of = ["item", "frame", "label", "label_name"]
    assert row[of].tolist() == ["ILSVRC2015_val_00000000", 432, 26, "turtle"]


def test_faults_are_listed_by_key(annotations, tmp_path):
    folder = tmp_path / "set"
    shutil.copytree(annotations / FOLDER, folder)
    (folder / "labels.json").chmod(0o644)
    (folder / "pmsets.json").chmod(0o644)
    video = "val/ILSVRC2015_val_00000000"
    content = {f"{video}/000001.JPEG": [26], f"{video}/000002.JPEG": [30], "odd": [1]}
    (folder / "labels.json").write_text(json.dumps(content))
    sets = {f"{video}/000001.JPEG": [f"{video}/000009.JPEG"], f"{video}/000002.JPEG": []}
    (folder / "pmsets.json").write_text(json.dumps(sets))
    labels = read_labels(folder / "pmsets.json")
    assert len(labels.rows) == 1
    assert len(labels.sets) == 0
    unknown = "'{}/{}.JPEG' is no frame of labels.json"
    assert [(p.path.name, p.column, p.what) for p in labels.problems] == [
        ("labels.json", f"{video}/000002.JPEG", "expected class numbers 0 to 29, got [30]"),
        ("labels.json", "odd", "expected a key as val/VIDEO/000000.JPEG"),
        ("pmsets.json", f"{video}/000001.JPEG", unknown.format(video, "000009")),
        ("pmsets.json", f"{video}/000002.JPEG", unknown.format(video, "000002")),
    ]
    (folder / "labels.json").write_text('{\n "a": [1\n}')
    said = r"labels\.json, line 3, column 1: Expecting ',' delimiter"
    with pytest.raises(InputError, match=said):
        read_labels(folder)
