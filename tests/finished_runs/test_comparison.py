"""Which comparison is used: that of a plugin, and an error with the way out where there is none."""

import pytest

import vidrobust
from vidrobust.errors import SettingsError
from vidrobust.extensions import Extensions
from vidrobust.finished_runs import comparison
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings


def test_without_a_plugin_nothing_is_compared(monkeypatch, tmp_path):
    assert comparison.comparison().name == "comparison"
    monkeypatch.setattr(comparison, "provided", lambda: Extensions(()))
    run = RunFolder.create(tmp_path / "run", Settings()).path
    with pytest.raises(SettingsError, match="no plugin is installed that compares"):
        vidrobust.compare(run, run)
