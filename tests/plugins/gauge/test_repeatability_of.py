"""Repeatability in one command: a rendered line, a real network, from the manifest to the studies."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.conftest import NETS, run
from vidrobust.errors import InputError
from vidrobust.plugins.gauge.repeatability_of import levels_of
from vidrobust.plugins.line.render import RenderSettings, render
from vidrobust.run_folder.folder import RunFolder


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    """Two parts, two passes, two stations, a third of a second each."""
    folder = tmp_path_factory.mktemp("line")
    render(RenderSettings(parts=2, passes=2, stations=2, seconds=0.35, dials=("speed=8",)), folder)
    return folder


def test_one_command_from_the_manifest_to_the_studies(line, models, tmp_path, capsys, printed):
    out = tmp_path / "run"
    command = ("repeatability", str(line / "manifest.csv"), f"--model=onnx:{models / NETS[0]}")
    found = json.loads(printed(0, *command, f"--out={out}", "--json", "--quiet").out)
    frames = pd.read_parquet(out / "frames.parquet")
    summary = {row["item"]: row["value"] for row in found["per_part"]}
    counts = frames.groupby("item")["label_name"].agg(lambda v: set(v.mode()))
    assert set(summary) == set(counts.index)
    assert all(summary[item] in most for item, most in counts.items())
    assert list(found["levels"]) == ["dynamic"]
    assert found["attribute"]["operators"] == ["station-1", "station-2"]
    assert found["attribute"]["against_reference"] is None
    assert any("none of its classes (" in note for note in found["notes"])
    saved = json.loads((out / "repeatability.json").read_text())
    assert saved["per_part"] == found["per_part"]
    split = {each["part"] for each in found["attribute"]["grey_zone"]["parts"]}
    assert {each["part"] for each in found["grey_zone"]} == split
    for each in found["grey_zone"]:
        assert all((out / shot["picture"]).is_file() for shot in each["shots"])
    # the same again as a run folder, with a score: the mean over frames of the summed probability
    defect = str(frames["label_name"].mode()[0])
    by_score = ("repeatability", str(out), "--defect", defect, "--quiet")
    again = json.loads(printed(0, *by_score, "--no-pictures", "--json").out)
    kept = pd.read_parquet(out / "probabilities.parquet").query("label_name == @defect")
    sums = kept.groupby("item")["probability"].sum() / frames.groupby("item").size()
    for row in again["per_part"]:
        assert row["score"] == pytest.approx(sums.fillna(0.0)[row["item"]], abs=1e-6)
    assert [again["gauge"][name] for name in ("parts", "operators", "trials")] == [2, 2, 2]
    # pictures go and come with their option
    assert not (out / "grey_zone").exists()
    assert b"data:image/jpeg" not in (out / "details.html").read_bytes()
    # gates on figures of the study and on metrics of the run, together and later
    percent = again["gauge"]["percent_grr"]
    rules = ["--fail-if", f"percent_grr > {percent - 1}", "--fail-if", "flip_rate > 1"]
    assert run(*by_score, "--pictures", *rules) == 1
    assert (out / "grey_zone").exists()
    assert b"data:image/jpeg" in (out / "details.html").read_bytes()
    assert "failed: percent_grr of the gauge" in capsys.readouterr().err
    assert run("gate", str(out), "--fail-if", f"percent_grr > {percent + 1}", *rules[2:]) == 0
    # no score without --defect
    assert run("repeatability", str(out), "-q", "--fail-if", "percent_grr > 99") == 2
    assert "no gauge study of the scores: name the class" in capsys.readouterr().err
    folder = RunFolder.existing(out)
    older = {**folder.read_json("repeatability.json"), "of": "other answers"}
    folder.write_json("repeatability.json", older)
    assert run("gate", str(out), "--fail-if", "fleiss_kappa < 0") == 2
    assert "is older than the run's answers" in capsys.readouterr().out


@pytest.mark.nightly  # verdicts of boxes by hand: test_box_verdicts.py
def test_a_detector_judges_parts_beside_people(line, tmp_path, printed):
    out, people = tmp_path / "run", tmp_path / "people.csv"
    manifest = pd.read_csv(line / "manifest.csv").query("station == 'station-1'")
    manifest["path"] = str(line) + "/" + manifest["path"]
    manifest.to_csv(tmp_path / "manifest.csv", index=False)
    parts = manifest.drop_duplicates("part")
    rows = [(row.part, "Ann", trial, row.label) for row in parts.itertuples() for trial in (1, 2)]
    rows[0] = (rows[0][0], "Ann", 1, "defect" if rows[0][3] == "bolt" else "bolt")
    pd.DataFrame(rows, columns=["part", "operator", "trial", "value"]).to_csv(people, index=False)
    defects = ["defect", *(label for label in parts["label"] if label.endswith("-defect"))]
    command = [str(tmp_path / "manifest.csv"), "--model=line-detector", f"--out={out}"]
    command += [f"--defect={','.join(defects)}", "--pass-fail", f"--attribute={people}"]
    command += ["--tolerance-high=0.5"]
    found = json.loads(printed(0, "repeatability", *command, "--json", "--quiet").out)
    boxes = pd.read_parquet(out / "detections.parquet").query("label_name == 'defect'")
    count = pd.read_parquet(out / "box_counts.parquet").groupby("item").size()
    best = boxes.groupby(["item", "frame"])["score"].max().groupby("item").sum()
    mean = (best.reindex(count.index).fillna(0.0) / count).to_dict()
    assert {row["item"]: row["score"] for row in found["per_part"]} == pytest.approx(mean)
    assert found["attribute"]["operators"] == ["Ann", "line-detector"]
    assert found["attribute"]["classes"] == ["defect", "good"]
    together = found["people"]["together"]
    assert found["people"]["operators"] == ["Ann"]
    assert together["both"] + together["only_people"] == 1
    ann = found["attribute"]["against_reference"]["operators"]["Ann"]
    assert ann["effectiveness"]["count"] == 1
    page = (out / "details.html").read_text()
    assert "judged by the model and by Ann" in page


def test_a_level_of_the_manifest_is_taken_and_a_wrong_one_refused():
    items = pd.DataFrame({"item": ["a", "b"], "level": ["dynamic", ""]})
    assert levels_of(items) == {"a": "dynamic"}
    said = "b: there is no level 'fast'; there are static, semi-dynamic, dynamic"
    with pytest.raises(InputError, match=said):
        levels_of(items.assign(level=["dynamic", "fast"]))


def test_exit_codes(line, models, tmp_path, capsys):
    model = f"--model=onnx:{models / NETS[0]}"
    assert run("repeatability", str(tmp_path / "none.csv"), model) == 3
    assert "is not a run folder, and there is no footage either" in capsys.readouterr().err
    assert run("repeatability", str(line / "manifest.csv"), model, "--rule", "worst") == 2
    # no model
    assert run("repeatability", str(line / "manifest.csv"), f"--out={tmp_path / 'a'}") == 2
    manifest = pd.read_csv(line / "manifest.csv").head(2)
    manifest["path"] = [str(tmp_path / "gone.mp4"), str(line / manifest["path"][1])]
    manifest.to_csv(tmp_path / "m.csv", index=False)
    out = f"--out={tmp_path / 'b'}"
    assert run("repeatability", str(tmp_path / "m.csv"), model, out, "--quiet") == 3
    assert "1 verdict" in capsys.readouterr().out


@pytest.mark.nightly
def test_a_planted_unstable_station_is_named():
    # the lamp of station 2 sways by 80 %, the other stands still; the model knows nothing of light
    path = Path(__file__).parents[3] / "benchmarks" / "unstable_station.py"
    spec = importlib.util.spec_from_file_location("unstable_station", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.study("light=0.8", 4, 3, 0.3, 0, stations=2)
    good, bad = found["by_operator"]
    assert (good["operator"], bad["operator"]) == ("station-1", "station-2")
    assert good["high"] < bad["low"]
    within = found["attribute"]["within_operator"]
    right = found["attribute"]["against_reference"]["operators"]
    for of, key in ((within, "agreement"), (right, "effectiveness")):
        assert of["station-2"][key]["count"] < of["station-1"][key]["count"]
    assert within["station-1"]["agreement"]["count"] == 4
