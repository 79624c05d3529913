"""The run folder: whole files or none, one process at a time, clear errors."""

import json

import numpy as np
import pandas as pd
import pytest

from vidrobust.errors import InputError, SettingsError
from vidrobust.run_folder.folder import RunFolder, remove_results
from vidrobust.run_folder.settings import Settings
from vidrobust.tables import schema as tables


def test_results_of_an_earlier_run_are_removed(tmp_path):
    folder = RunFolder.create(tmp_path / "run", Settings(seed=3))
    columns = tables.TABLES["frames"].columns
    frames = pd.DataFrame({c.name: pd.Series([{"string": "a"}.get(c.kind, 0)]) for c in columns})
    folder.write_table("frames", frames)
    for name in ("cache/stability", "policies/net", "moments"):
        (folder.path / name).mkdir(parents=True)
    assert folder.has("frames")
    assert folder.settings.seed == 3
    with folder.locked():
        remove_results(folder.path)
        assert (folder.path / ".running.json").is_file()  # whoever comes now is told who holds it
        again = RunFolder.create(tmp_path / "run", Settings())
    assert not again.has("frames")
    assert again.settings.seed == 0
    names = {path.name for path in folder.path.iterdir()}
    assert names - {".lock"} == {"run.json"}


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.json").write_text("{}")
    with pytest.raises(SettingsError, match=r"not empty and not a run folder"):
        RunFolder.create(tmp_path, Settings())
    assert (tmp_path / "thesis.json").exists()


def test_json_is_strict_and_plain(tmp_path):
    folder = RunFolder.create(tmp_path / "run", Settings())
    content = {"a": np.float32("nan"), "b": np.int64(3), "c": (1.5, float("inf"))}
    folder.write_json("metrics.json", content)
    found = json.loads((folder.path / "metrics.json").read_text())
    assert found == {"a": None, "b": 3, "c": [1.5, None]}
    assert not list(folder.path.glob("*.part"))


def test_missing_pieces_are_named(tmp_path):
    with pytest.raises(InputError, match=r"is not a run folder.*vidrobust study"):
        RunFolder.existing(tmp_path)


def test_a_folder_of_another_version_is_named(tmp_path):
    older = {"schema": 1, "versions": {"vidrobust": "0.1.0"}}
    (tmp_path / "run.json").write_text(json.dumps(older))
    said = r"made by vidrobust 0\.1\.0 and cannot be continued.*another --out, or --overwrite"
    with pytest.raises(InputError, match=said):
        RunFolder.existing(tmp_path)


def test_one_at_a_time(tmp_path):
    folder = RunFolder.create(tmp_path / "run", Settings())
    with folder.locked():
        said = r"another vidrobust is at work in this run folder \(process"
        with pytest.raises(SettingsError, match=said), RunFolder(folder.path).locked():
            pass
        assert (folder.path / ".running.json").is_file()
    with folder.locked():
        pass


def test_a_stage_is_noted_and_taken_back(tmp_path):
    folder = RunFolder.create(tmp_path / "run", Settings())
    folder.note_stage("variation", {"seconds": 1.5})
    assert folder.run["stages"] == {"variation": {"seconds": 1.5}}
    folder.note_stage("variation", None)
    assert folder.run["stages"] == {}
