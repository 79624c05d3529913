"""Exports for trackers and viewers, read back by their own libraries."""

import json
import sys

import pytest

from tests.finished_runs.test_exports import two_clips
from vidrobust.errors import SettingsError
from vidrobust.finished_runs.exports.catalogue import export_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return two_clips(tmp_path_factory.mktemp("run") / "line 3")


@pytest.mark.nightly
def test_wandb_writes_an_offline_run_a_model(run, tmp_path):
    pytest.importorskip("wandb", reason="Weights & Biases is not installed: pip install wandb")
    export_run(run.path, "wandb", tmp_path)
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2


def test_a_library_that_is_not_there_is_named_with_its_install_command(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SettingsError, match=r"pip install 'mlflow"):
        export_run(run.path, "mlflow", tmp_path)


def test_mlflow_finds_a_run_a_model(run, tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="MLflow is not installed: pip install mlflow-skinny")
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for _ in range(2):  # a second export replaces the first
        export_run(run.path, "mlflow", tmp_path)
    client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    runs = client.search_runs([client.get_experiment_by_name("vidrobust").experiment_id])
    metrics = json.loads((run.path / "metrics.json").read_text())["models"]
    assert sorted(each.data.params["model"] for each in runs) == ["net-a", "net-b"]
    for each in runs:
        known = metrics[each.data.params["model"]]["flip_rate"]
        assert each.data.metrics["flip_rate"] == known["value"]
        assert each.data.metrics["flip_rate.high"] == known["high"]
        assert each.data.metrics["flip_rate.n"] == known["n"]
