"""The table of formats: what is recognised, what is refused, and formats of other packages."""

import os
import subprocess
import sys

import pytest

from tests.apart import install
from tests.test_additions import LABEL_FORMAT
from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.labels.formats import known, provided, read_labels


def test_each_format_recognises_its_own_files_alone(annotations):
    expected = {
        "ytbb/ytbb_subset.csv": "ytbb-detection",
        "ytbb/yt_bb_classification_SYNTHETIC_FORM.csv": "ytbb-classification",
        "imagenet-vid-robust_metadata": "imagenet-vid-robust",
        "ytbb-robust_metadata": "ytbb-robust",
        "imagenet_vid": "imagenet-vid",
        "mot/mot_seq": "mot",
        "cvat/for_video/annotations.xml": "cvat-video",
        "mmtracking/demo_tao_data/ann.json": "coco-video",
        "cvat/for_images/export_project/images": "class-folders",
        "cvat/for_images/export_task/train.xml": "cvat-images",
    }
    for name, format in expected.items():
        sniffed = [each.name for each in known().values() if each.sniff(annotations / name)]
        assert sniffed == [format]


def test_what_is_no_annotation_is_recognised_by_none(annotations, corpus):
    names = ["ytbb/idx_human.csv", "vott_json/dataset/train-export.json"]
    for path in (*(annotations / name for name in names), corpus / "factory", corpus / "README.md"):
        assert [each.name for each in known().values() if each.sniff(path)] == []


def test_a_folder_per_class(annotations):
    labels = read_labels(annotations / "cvat/for_images/export_project/images")
    assert labels.classes == {0: "Test", 1: "Train", 2: "Validation"}
    assert labels.rows["label"].tolist() == [0, 0, 1, 1, 2, 2]
    assert labels.rows["item"].tolist()[:2] == ["Test/img0.jpg", "Test/img1.jpg"]
    assert (labels.rows["frame"] == -1).all()


def test_a_manifest_with_labels(corpus, tmp_path):
    clip = corpus / "factory" / "intel_bottle-detection.mp4"
    (tmp_path / "m.csv").write_text(f"path,label\n{clip},bottle\n{clip},\nnone.mp4,x\n")
    labels = read_labels(tmp_path / "m.csv")
    rows = labels.rows[["item", "label_name"]].to_numpy().tolist()
    assert rows == [["intel_bottle-detection", "bottle"]]
    assert labels.notes == ("1 of 2 inputs have no label",)
    assert len(labels.problems) == 1


def test_unknown_formats_and_missing_files(tmp_path):
    with pytest.raises(SettingsError, match="label format: expected one of mot, cvat"):
        read_labels(tmp_path, "pascal")
    with pytest.raises(InputError, match=r"none\.csv: there is no such file or folder"):
        read_labels(tmp_path / "none.csv")
    (tmp_path / "x.xyz").write_text("?")
    with pytest.raises(InputError, match=r"fiftyone convert .* datum convert"):
        read_labels(tmp_path / "x.xyz")


def test_a_pipe_is_no_file_of_labels(tmp_path):
    """Opening it would wait for ever."""
    os.mkfifo(tmp_path / "labels.json")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        read_labels(tmp_path / "labels.json")


def test_a_file_that_may_not_be_read_is_not_called_unknown(tmp_path, monkeypatch):
    """The superuser may read everything, so the system's answer is replaced."""
    (tmp_path / "labels.json").write_text("{}")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(InputError, match="no permission"):
        read_labels(tmp_path / "labels.json")


def test_another_package_brings_a_format(tmp_path):
    (tmp_path / "plain_labels.py").write_text(LABEL_FORMAT.new["plain.py"] + "NONE = 3\n")
    points = "plain = plain_labels:FORMAT\nnone = plain_labels:NONE\ngone = gone:FORMAT\n"
    install(tmp_path, "plain-labels", f"[vidrobust.formats]\n{points}")
    (tmp_path / "a.plain").write_text("clip 7\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from vidrobust.footage.labels.formats import provided, read_labels\n"
        f"print(read_labels({str(tmp_path / 'a.plain')!r}).rows['label'].tolist(), sorted(provided().broken))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[7] ['gone', 'none']\n"
    assert provided().broken == {}
