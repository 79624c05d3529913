"""``remedies --all`` from sources to rows: both models of the line asked again, once, and nothing twice."""

import json
import shutil

import pandas as pd
import pytest

from vidrobust.cli.app import main
from vidrobust.run_folder.folder import RunFolder

rendering = pytest.importorskip("vidrobust.plugins.line.render", reason="renders its footage")

MODELS = ("line-classifier", "line-detector")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """The manifest of two clips, and beside it one.csv of the first alone."""
    folder = tmp_path_factory.mktemp("clips")
    dials = ("light=0.3", "shake=4")
    settings = rendering.RenderSettings(parts=2, seconds=0.1, seed=3, dials=dials)
    rendering.render(settings, folder)
    manifest = folder / "manifest.csv"
    pd.read_csv(manifest, dtype=str).head(1).to_csv(folder / "one.csv", index=False)
    return manifest


@pytest.fixture(scope="module")
def run_folder(clips, tmp_path_factory):
    run = tmp_path_factory.mktemp("replays") / "run"
    specs = [word for model in MODELS for word in ("--model", model)]
    options = ["--out", str(run), "--all", "--engine=torch", "-q"]
    main(["remedies", str(clips.with_name("one.csv")), *specs, *options])
    return run


def rows(run, model):
    table = pd.read_parquet(run / "remedies.parquet")
    return table[(table["model"] == model) & ~table["kind"].isin(["rule", "boxes"])]


def test_every_replay_has_a_row_and_a_note(run_folder):
    classifier, detector = (rows(run_folder, model) for model in MODELS)
    assert set(classifier["remedy"]) == {
        *("steady-camera", "level-light", "no-flicker", "less-noise"),
        *("sharper-focus", "higher-resolution", "no-keyframe-pulse"),
    }
    assert set(detector["remedy"]) == set(classifier["remedy"])
    assert (classifier["note"] != "").all()
    assert (detector["note"] != "").all()
    known = classifier[(classifier["metric"] == "flip_rate") & classifier["before"].notna()]
    assert known["before"].nunique() == 1  # what the run has, whatever it is held against
    assert known["accuracy_before"].notna().all()


def test_the_second_call_asks_no_model_and_a_lost_table_comes_from_the_cache(run_folder, capsys):
    units = {path: path.read_bytes() for path in (run_folder / "cache" / "replays").iterdir()}
    assert len(units) == 5 + 5
    main(["remedies", str(run_folder), "--all"])
    said = capsys.readouterr().err
    assert "replays: up to date" in said
    assert "remedies: up to date" in said
    (run_folder / "replayed_boxes.parquet").unlink()
    main(["remedies", str(run_folder), "--all"])
    lines = capsys.readouterr().err.splitlines()
    assert not [k for k in lines if k.startswith("replays, ") and "line-detector" in k]
    assert {path: path.read_bytes() for path in units} == units


def test_a_study_leaves_them_out_and_status_says_them_once_made(run_folder):
    from vidrobust.pipeline.keys import status
    from vidrobust.stages.catalogue import STAGES

    assert "replays" in STAGES.names
    assert "replays" not in STAGES.studied
    states = {row["stage"]: row["state"] for row in status(RunFolder.existing(run_folder), STAGES)}
    assert states["replays"] == "done"
    assert states["policy"] == "missing"


def test_replays_of_an_earlier_version_are_left_out(run_folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(run_folder, run, ignore=shutil.ignore_patterns("cache"))
    arm = {"model": "line-classifier", "remedy": "steady-camera", "note": "", "cost_ms": 0}
    old = {"made_of": {}, "arms": [arm]}
    (run / "replays.json").write_text(json.dumps(old))
    record = json.loads((run / "run.json").read_text())
    del record["stages"]["replays"]
    (run / "run.json").write_text(json.dumps(record))
    main(["remedies", str(run), "-q"])
    assert not rows(run, "line-classifier").size
