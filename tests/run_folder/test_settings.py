"""Settings: the same names from options and TOML, and errors that name what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidrobust.errors import SettingsError
from vidrobust.run_folder.settings import Settings, read_toml


def test_toml_values_take_the_types_of_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('sources = ["a.mp4", "b"]\nmodel = "efficientnet-lite0"\nwiden = 2\nbatch = 8\nfps = 5\n')
    settings = Settings().changed(read_toml(path), str(path))
    assert settings.sources == ("a.mp4", "b")
    assert settings.model == ("efficientnet-lite0",)
    assert (settings.widen, settings.batch_size, settings.fps) == (2.0, 8, 5.0)


def test_settings_survive_the_run_folder() -> None:
    settings = Settings(sources=("x",), model=("m",), anchor_deltas=(1, 4), fps=2.5, trained_with=("hue",))
    assert Settings().changed(settings.as_dict(), "run.json") == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": "fast"}, "study.toml: unknown setting.*colour.*known are"),
        ({"frames": "many"}, "frames: expected int, got 'many'"),
        ({"frames": 0}, "frames: expected a whole number from 1, got 0"),
        ({"seed": True}, "seed: expected int, got True"),
        ({"batch": "0"}, "batch: expected auto or a whole number"),
        ({"fps": -1.0}, "fps: expected a positive number"),
        ({"fps": 2.0, "every": 3}, "exclude each other"),
        ({"widen": 0.5}, "widen: expected a factor of 1 or more"),
        ({"across": ["rooms"]}, "across: expected frames, clips, models; got rooms"),
        ({"anchor_deltas": [0]}, "anchor_deltas: expected whole numbers from 1"),
        ({"motion_limit": 0.0}, "motion_limit: expected a positive share"),
        ({"sources": None}, "study.toml: sources: expected a list of str, got None"),
        ({"roi": {"x": 1}}, "study.toml: roi: expected a list of int, got {'x': 1}"),
        ({"model": ["a", 1.5]}, "study.toml: model: expected str, got 1.5"),
        ({"every": None}, "study.toml: every: expected int, got None"),
        ({"fps": "fast"}, "study.toml: fps: expected float, got 'fast'"),
        ({"deterministic": 1}, "study.toml: deterministic: expected bool, got 1"),
    ],
)
def test_wrong_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings().changed(values, "study.toml")


def test_unreadable_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_toml(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(SettingsError, match="not valid TOML"):
        read_toml(tmp_path / "bad.toml")
