"""The run folder: whole files or none, nothing of an earlier run left, clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vidrobust import tables
from vidrobust.errors import InputError, SettingsError
from vidrobust.run.folder import RunFolder
from vidrobust.run.settings import Settings


def test_results_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", Settings(seed=3))
    folder.write_table("frames", tables.empty("frames"))
    assert folder.has("frames")
    assert folder.settings.seed == 3
    again = RunFolder.create(tmp_path / "run", Settings())
    assert not again.has("frames")
    assert again.settings.seed == 0


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"not empty and not a run folder"):
        RunFolder.create(tmp_path, Settings())
    assert (tmp_path / "thesis.json").exists()


def test_json_is_strict_and_plain(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "run", Settings())
    folder.write_json("metrics.json", {"a": np.float32("nan"), "b": np.int64(3), "c": (1.5, float("inf"))})
    assert json.loads((folder.path / "metrics.json").read_text()) == {"a": None, "b": 3, "c": [1.5, None]}
    assert not list(folder.path.glob("*.part"))


def test_missing_pieces_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a run folder.*vidrobust study"):
        RunFolder.existing(tmp_path)
    folder = RunFolder.create(tmp_path / "run", Settings())
    with pytest.raises(InputError, match="there is no pairs table in this run folder; run that stage first"):
        folder.table("pairs")
