"""Stills in folders that say which part and pass they show."""

from itertools import product

import pytest

from tests.pipeline.conftest import run
from vidrobust.footage.item import Item
from vidrobust.plugins.gauge.repeatability_of import named_by_folders


def items(base, *names):
    found = []
    for name in names:
        (base / name).mkdir(parents=True)
        found.append(Item(name=name, path=base / name))
    return found


def test_folders_of_parts_and_passes_are_a_manifest(tmp_path):
    found = named_by_folders(items(tmp_path, "cap/1", "cap/2", "lid/1", "lid/2"), tmp_path)
    assert found["part"].tolist() == ["cap", "cap", "lid", "lid"]
    assert found["pass"].tolist() == ["1", "2", "1", "2"]
    assert found["path"].tolist() == ["cap/1", "cap/2", "lid/1", "lid/2"]
    assert found["station"].tolist() == [""] * 4


def test_a_folder_above_them_is_the_station(tmp_path):
    names = ["/".join(each) for each in product("ns", "ab", "12")]
    found = named_by_folders(items(tmp_path, *names), tmp_path)
    assert found["station"].tolist() == ["n"] * 4 + ["s"] * 4


@pytest.mark.parametrize("names", [("a/1", "a/2"), ("day/x", "night/y"), ("a/1", "b/1")])
def test_other_folders_are_none(names, tmp_path):
    assert named_by_folders(items(tmp_path, *names), tmp_path).empty


def test_a_video_among_them_is_none(tmp_path):
    found = items(tmp_path, "a/1", "a/2", "b/1", "b/2")
    assert named_by_folders([*found, Item(name="c", path=tmp_path / "c.mp4")], tmp_path).empty


def test_footage_that_shows_no_parts_is_refused(public_clips, tmp_path, capsys):
    clip = str(public_clips / "line-bottles.mp4")
    assert run("repeatability", clip, "-mtests.fuzz.tiny:model", f"-o{tmp_path / 'run'}") == 3
    assert "no source says which part and pass it shows" in capsys.readouterr().err
