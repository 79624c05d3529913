"""Labels and objects in a run: a real clip of a cat, its boxes taken by eye from three frames."""

import pytest

from tests.pipeline.conftest import NETS, stability
from vidrobust.errors import SettingsError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings

BOXES = "1,1,38,132,212,294,1,1,1\n31,1,5,110,270,306,1,1,1\n61,1,37,82,273,364,1,1,1\n"
CATS = (281, 282, 283, 284, 285)  # clip_labels.csv of the corpus


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels") / "cotracker_cat"
    (folder / "gt").mkdir(parents=True)
    (folder / "gt" / "gt.txt").write_text(BOXES)
    (folder / "gt" / "labels.txt").write_text("cat\n")
    return folder


@pytest.fixture
def cat(corpus, models):
    """The clip and a network."""
    return corpus / "objects" / "cotracker_cat.mp4", f"onnx:{models / NETS[1]}"


def test_each_object_is_an_item_along_its_track(cat, boxes, tmp_path):
    assert stability(*cat, tmp_path, f"--labels={boxes}", "--crop=boxes:0.1:200") == 0
    folder = RunFolder(tmp_path)
    frames = folder.table("frames")
    assert set(frames["item"]) == {"cotracker_cat/1"}
    assert frames["frame"].tolist() == list(range(61))
    assert frames["label"].isin(CATS).mean() > 0.5  # a network of half a million weights
    items = folder.table("items")[["item", "label"]].to_numpy().tolist()
    assert items == [["cotracker_cat/1", "cat"]]
    assert folder.table("labels")["frame"].tolist() == [0, 30, 60]
    assert (folder.run["inputs"][0]["width"], folder.run["inputs"][0]["height"]) == (200, 200)


def test_another_margin_is_another_result(cat, boxes, tmp_path):
    confidence = []
    for margin in ("0", "0.3"):
        options = (f"--labels={boxes}", f"--crop=boxes:{margin}", "--every=15")
        assert stability(*cat, tmp_path, *options) == 0
        confidence.append(RunFolder(tmp_path).table("frames")["probability"].tolist())
    assert len(confidence[0]) == len(confidence[1]) == 5
    assert confidence[0] != confidence[1]


def test_labels_of_a_manifest_and_its_windows(cat, tmp_path):
    clip, model = cat
    manifest = tmp_path / "manifest.csv"
    rows = f"{clip},a,P1,cat,0,0.5\n{clip},b,P1,,1,1.5\n"
    manifest.write_text(f"path,item,part,label,start_s,end_s\n{rows}")
    assert stability(manifest, model, tmp_path / "run") == 0
    folder = RunFolder(tmp_path / "run")
    times = folder.table("frames").groupby("item")["time_s"].agg(["min", "max"])
    assert times.loc["a", "max"] < 0.5
    assert 1 <= times.loc["b", "min"] < times.loc["b", "max"] < 1.5
    assert folder.table("items")["part"].tolist() == ["P1", "P1"]
    assert folder.table("labels")[["item", "label_name"]].to_numpy().tolist() == [["a", "cat"]]


def test_what_cannot_be_is_said(cat, boxes, tmp_path, capsys):
    assert stability(*cat, tmp_path / "a", "--crop=boxes") == 2
    assert "crop: boxes needs the file that has them; give --labels FILE" in capsys.readouterr().err
    other = tmp_path / "other.csv"
    other.write_text("path,label\n.,x\n")
    assert stability(*cat, tmp_path / "b", f"--labels={other}") == 3
    assert "labels none of the sources" in capsys.readouterr().err
    with pytest.raises(SettingsError, match="masks"):
        Settings(crop="masks")
    with pytest.raises(SettingsError, match="boxes:-1"):
        Settings(crop="boxes:-1")
