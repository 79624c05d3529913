"""Exports of a run: read back by another reader, or by the format's own definition."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.stages.report import made_run
from vidrobust.cli.app import main
from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.exports.catalogue import export_run, format_of
from vidrobust.finished_runs.exports.formats import NAMES
from vidrobust.finished_runs.exports.formats.fiftyone import labels_of
from vidrobust.finished_runs.exports.formats.markdown import escaped
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_clip import flips_of

FRAMES = 24


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Two clips and two classifiers; of the first clip there is a file."""
    path = tmp_path_factory.mktemp("run") / "line 3"
    folder = made_run.make(
        path, models=("net-a", "net-b"), frames=FRAMES, studied=1, perturbations=("brightness",),
        conclude=False, player=False,
    )  # fmt: skip
    clip = path.parent / "clip.mp4"
    clip.write_bytes(b"of a clip only the path is exported")
    folder.update(
        inputs=[{**entry, "path": str(clip)} for entry in folder.run["inputs"][:1]] + folder.run["inputs"][1:]
    )
    return folder


def test_the_help_names_every_format_and_each_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    main(["export", "--help"])
    shown = capsys.readouterr().out
    for name in NAMES:
        assert name in shown
        assert format_of(name).what
        assert format_of(name).opened_by


def test_csv_holds_what_the_tables_hold(run: RunFolder, tmp_path: Path) -> None:
    written, _ = export_run(run.path, "csv", tmp_path)
    metrics = pd.read_csv(tmp_path / "metrics.csv", keep_default_na=False, na_values=[""])
    kept = run.table("stability")
    np.testing.assert_allclose(metrics["value"], kept["value"])
    assert len(pd.read_csv(tmp_path / "flips.csv")) == len(flips_of(RunTables(run.path))) > 0
    assert any("boxes" in note for note in written.notes)


def test_coco_is_read_by_another_reader(run: RunFolder, tmp_path: Path) -> None:
    coco = pytest.importorskip("faster_coco_eval").COCO
    export_run(run.path, "coco", tmp_path)
    read = coco(str(tmp_path / "net-a.json"))
    frames = run.table("frames").query("model == 'net-a'")
    assert len(read.imgs) == len(read.anns) == len(frames) == 2 * FRAMES
    row = frames.iloc[FRAMES + 3]
    image = next(i for i in read.imgs.values() if (i["item"], i["frame"]) == (row["item"], row["frame"]))
    found = read.imgToAnns[image["id"]][0]
    assert read.cats[found["category_id"]]["name"] == row["label_name"]
    assert (found["score"], found["bbox"]) == (row["probability"], [0, 0, 640, 360])


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
        tagged = sum("flip" in each["tags"] for fields in frames.values() for each in fields.values())
        assert tagged == (flips["item"] == item).sum()


def test_fiftyone_reads_its_dataset_back(run: RunFolder, tmp_path: Path) -> None:
    fo = pytest.importorskip("fiftyone", reason="FiftyOne is not installed: pip install fiftyone")
    written, _ = export_run(run.path, "fiftyone", tmp_path)
    assert "left out" in written.notes[0]
    dataset = fo.Dataset.from_dir(str(tmp_path), dataset_type=fo.types.FiftyOneDataset)
    assert dataset.count("frames") == FRAMES
    flips = flips_of(RunTables(run.path)).query("model == 'net-b'")
    flips = flips[flips["item"].isin(dataset.values("item"))]
    assert dataset.load_saved_view("flips net_b").count("frames") == flips["frame_b"].nunique() > 0


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


def test_mlflow_finds_a_run_a_model(run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # a second export replaces the first
        export_run(run.path, "tensorboard", tmp_path)
    read = EventAccumulator(str(tmp_path / "net-b"), size_guidance={"scalars": 0}).Reload()
    frames = run.table("frames").query("model == 'net-b'")
    tops = [tag for tag in read.Tags()["scalars"] if tag.endswith("/top probability")]
    assert len(tops) == frames["item"].nunique()
    for tag, (_, of) in zip(sorted(tops), frames.groupby("item"), strict=True):
        assert [each.step for each in read.Scalars(tag)] == of["frame"].tolist()
        np.testing.assert_allclose([e.value for e in read.Scalars(tag)], of["probability"], rtol=1e-6)
        np.testing.assert_allclose([e.wall_time for e in read.Scalars(tag)], of["time_s"])
    (rate,) = read.Scalars("metrics/flip_rate")
    metrics = json.loads((run.path / "metrics.json").read_text())["models"]["net-b"]
    assert rate.value == pytest.approx(metrics["flip_rate"]["value"], rel=1e-6)


def test_markdown_says_the_answer_and_shows_no_marks(run: RunFolder, tmp_path: Path) -> None:
    export_run(run.path, "markdown", tmp_path)
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "### net-b" in text
    assert "| net-a | label flips |" in text
    assert escaped('bolt <M6>\n* "|"') == 'bolt \\<M6\\> \\* "\\|"'


def test_a_gate_adds_to_the_summary_of_a_build(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "step.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    with pytest.raises(SystemExit) as ended:
        main(["gate", str(run.path), "--fail-if", "flip_rate > 2", "--fail-if", "flip_rate.high >= 0"])
    assert ended.value.code == 1
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n## vidrobust gate, line 3: 2 of 4 rules not passed")
    assert text.count("✅ passed") == text.count("❌ failed") == 2
    with pytest.raises(SystemExit) as ended:
        main(
            ["gate", str(run.path), "--fail-if", "flip_rate > 2", "--summary", str(tmp_path / "no" / "s.md")]
        )
    assert ended.value.code == 3


def test_what_cannot_be_exported_is_said(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--to pdf: expected one of coco, csv"):
        export_run(run.path, "pdf", tmp_path)
    with pytest.raises(InputError, match="is not a run folder"):
        export_run(tmp_path, "csv")
    with pytest.raises(SettingsError, match="holds no boxes"):
        export_run(run.path, "mot", tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SettingsError, match="is a file"):
        export_run(run.path, "csv", file)
