"""Exports for trackers and viewers, read back by their own libraries."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.finished_runs.test_exports import FRAMES, two_clips
from vidrobust.errors import SettingsError
from vidrobust.finished_runs.exports.catalogue import export_run
from vidrobust.plugins.fiftyone_export import labels_of
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_clip import flips_of


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return two_clips(tmp_path_factory.mktemp("run") / "line 3")


def test_fiftyone_gets_every_frame_counted_from_one(run: RunFolder) -> None:
    labels = labels_of(RunTables(run.path))
    flips = flips_of(RunTables(run.path))
    for item, frames in labels.items():
        assert sorted(frames) == list(range(1, FRAMES + 1))
        kept = run.table("frames").query("item == @item").set_index(["model", "frame"])
        for number, fields in frames.items():
            row = kept.loc[("net-b", number - 1)]
            assert (fields["net_b"]["label"], fields["net_b"]["confidence"]) == (
                row["label_name"],
                row["probability"],
            )
        tagged = sum(
            "flip" in each["tags"] for fields in frames.values() for each in fields.values()
        )
        assert tagged == (flips["item"] == item).sum()


@pytest.mark.nightly
def test_fiftyone_reads_its_dataset_back(run: RunFolder, tmp_path: Path) -> None:
    fo = pytest.importorskip("fiftyone", reason="FiftyOne is not installed: pip install fiftyone")
    written, _ = export_run(run.path, "fiftyone", tmp_path)
    assert "left out" in written.notes[0]
    dataset = fo.Dataset.from_dir(str(tmp_path), dataset_type=fo.types.FiftyOneDataset)
    assert dataset.count("frames") == FRAMES
    flips = flips_of(RunTables(run.path)).query("model == 'net-b'")
    flips = flips[flips["item"].isin(dataset.values("item"))]
    assert dataset.load_saved_view("flips net_b").count("frames") == flips["frame_b"].nunique() > 0


@pytest.mark.nightly
def test_wandb_writes_an_offline_run_a_model(run: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="Weights & Biases is not installed: pip install wandb")
    export_run(run.path, "wandb", tmp_path)
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 2


def test_a_library_that_is_not_there_is_named_with_its_install_command(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(SettingsError, match=r"pip install 'tensorboard"):
        export_run(run.path, "tensorboard", tmp_path)


def test_mlflow_finds_a_run_a_model(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_tensorboard_gets_every_frame_at_its_number(run: RunFolder, tmp_path: Path) -> None:
    pytest.importorskip(
        "tensorboard", reason="TensorBoard is not installed: pip install tensorboard"
    )
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # a second export replaces the first
        export_run(run.path, "tensorboard", tmp_path)
    read = EventAccumulator(str(tmp_path / "net-b"), size_guidance={"scalars": 0}).Reload()
    frames = run.table("frames").query("model == 'net-b'")
    tops = [tag for tag in read.Tags()["scalars"] if tag.endswith("/top probability")]
    assert len(tops) == frames["item"].nunique()
    for tag, (_, of) in zip(sorted(tops), frames.groupby("item"), strict=True):
        assert [each.step for each in read.Scalars(tag)] == of["frame"].tolist()
        np.testing.assert_allclose(
            [e.value for e in read.Scalars(tag)], of["probability"], rtol=1e-6
        )
        np.testing.assert_allclose([e.wall_time for e in read.Scalars(tag)], of["time_s"])
    (rate,) = read.Scalars("metrics/flip_rate")
    metrics = json.loads((run.path / "metrics.json").read_text())["models"]["net-b"]
    assert rate.value == pytest.approx(metrics["flip_rate"]["value"], rel=1e-6)
