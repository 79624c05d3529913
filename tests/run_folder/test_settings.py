"""Settings: the same names from options and TOML, and errors that name what is wrong."""

import os
import re

import pytest

from vidrobust.errors import SettingsError
from vidrobust.run_folder.declared import declarations, field_types
from vidrobust.run_folder.settings import GROUPS, Settings, read_toml


def test_toml_values_take_the_types_of_the_fields(tmp_path):
    path = tmp_path / "study.toml"
    given = 'sources = ["a.mp4", "b"]\nmodel = "efficientnet-lite0"\n'
    path.write_text(f"{given}segment_s = 60\nbatch = 8\nfps = 5\n")
    settings = Settings().changed(read_toml(path), str(path))
    assert settings.sources == ("a.mp4", "b")
    assert settings.model == ("efficientnet-lite0",)
    assert (settings.segment_s, settings.batch_size, settings.fps) == (60.0, 8, 5.0)


def test_settings_survive_the_run_folder():
    settings = Settings(sources=("x",), model=("m",), occluder=("1,2,3,4",), fps=2.5, only=("hue",))
    assert Settings().changed(settings.as_dict(), "run.json") == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": "fast"}, "study.toml: unknown setting.*colour.*known are"),
        ({"frames": "many"}, "frames: expected int, got 'many'"),
        ({"frames": 0}, "frames: expected a whole number from 1, got 0"),
        ({"seed": True}, "seed: expected int, got True"),
        ({"batch": "0"}, "batch: expected auto or a whole number"),
        ({"batch": "9" * 22}, "batch: expected auto or a whole number from 1 to 65536, got"),
        ({"fps": -1.0}, "fps: expected a positive number"),
        ({"fps": 1e300}, "fps: expected a positive number up to 1000000, got"),
        ({"fps": 2.0, "every": 3}, "exclude each other"),
        ({"end_s": float("nan")}, "end_s: expected a time in seconds"),
        ({"start_s": float("inf")}, "start_s: expected a time in seconds, got inf"),
        ({"segment_s": 0.5}, "segment_s: expected 1 second or more"),
        ({"segment_s": float("inf")}, "segment_s: expected 1 second or more, got inf"),
        ({"crop": "faces"}, "crop: expected boxes"),
        ({"crop": "boxes:-1"}, "crop: expected boxes"),
        ({"crop": "boxes:0.1:0"}, "crop: expected boxes"),
        ({"crop": ":0.1"}, "crop: expected boxes"),
        ({"sources": None}, "study.toml: sources: expected a list of str, got None"),
        ({"roi": {"x": 1}}, "study.toml: roi: expected a list of int, got {'x': 1}"),
        ({"model": ["a", 1.5]}, "study.toml: model: expected str, got 1.5"),
        ({"every": None}, "study.toml: every: expected int, got None"),
        ({"fps": "fast"}, "study.toml: fps: expected float, got 'fast'"),
        ({"deterministic": 1}, "study.toml: deterministic: expected bool, got 1"),
    ],
)
def test_wrong_values_are_named(values, message):
    with pytest.raises(SettingsError, match=message):
        Settings().changed(values, "study.toml")


def test_unreadable_settings(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_toml(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(SettingsError, match="not valid TOML"):
        read_toml(tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("text", "window"),
    [("", (0.1, 256)), ("boxes", (0.1, 256)), ("boxes:0.3", (0.3, 256)), ("boxes:0:96", (0.0, 96))],
)
def test_the_window_about_a_labelled_object(text, window):
    assert Settings(crop=text).crop_window == window


def test_the_core_has_at_most_45_settings_each_with_a_help_text():
    own = set(field_types(Settings))
    declared = {each.name: each for group in GROUPS for each in declarations(group)}
    assert len(own) <= 45
    assert set(declared) == own - {"sources", "model"}
    assert all(each.help for each in declared.values())


def test_paths_are_kept_as_they_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    places = {"labels": "l.json", "class_map": "none", "cache": "s3://x/y"}
    given = Settings(sources=("a.mp4", "rtsp://b/c"), **places)
    placed = given.placed()
    assert placed.sources == (str(tmp_path / "a.mp4"), "rtsp://b/c")
    assert placed.labels == str(tmp_path / "l.json")
    assert (placed.class_map, placed.cache) == ("none", "s3://x/y")


@pytest.mark.parametrize("endless", [True, False])
def test_a_pipe_or_device_is_no_settings_file(endless, tmp_path):
    path = tmp_path / "study.toml"
    path.symlink_to("/dev/zero") if endless else os.mkfifo(path)
    with pytest.raises(SettingsError, match=re.escape(str(path))):
        read_toml(path)
