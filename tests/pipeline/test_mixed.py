"""A classifier and a detector in one run, by the command line, on a real line."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.conftest import FEW, NETS, run
from tests.shrunk import recode
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.answer.text import MOST_LINES
from vidrobust.statement import Question

DETECTOR = "yolox_nano"
CLASSIFIER = Path(NETS[0]).stem


@pytest.fixture(scope="module")
def mixed(public_clips, models, tmp_path_factory, without_figures):
    """Eleven frames of bottles on a belt, every stage."""
    base = tmp_path_factory.mktemp("mixed")
    clip = recode(public_clips / "line-bottles.mp4", base / "bottles.mp4", 11)
    both = [f"--model=onnx:{models / name}" for name in (f"{DETECTOR}.onnx", NETS[0])]
    assert run("study", str(clip), *both, f"--out={base / 'run'}", "-q", *FEW, "--pairs=1") == 0
    return base / "run"


def test_each_model_has_its_numbers_in_the_order_they_were_given(mixed):
    summary = json.loads((mixed / "metrics.json").read_text())["models"]
    assert list(summary) == [DETECTOR, CLASSIFIER]
    assert "dropout_rate" in summary[DETECTOR]
    assert "dropout_rate" not in summary[CLASSIFIER]
    assert "total_variation" in summary[CLASSIFIER]
    tables = [RunFolder(mixed).table(name) for name in ("frames", "box_counts")]
    assert [len(table) for table in tables] == [11, 11]


def test_both_have_an_answer_and_a_policy(mixed):
    found = answer_of(RunTables(mixed))
    assert found.models == (CLASSIFIER, DETECTOR)
    for model in found.models:
        asked = {each.question for each in found.of(model)}
        assert {Question.STABLE, Question.WHY, Question.TRAIN} <= asked
    kept = {mixed: DETECTOR, mixed / "policies" / CLASSIFIER: CLASSIFIER}
    for folder, model in kept.items():
        assert json.loads((folder / "policy.json").read_text())["model"] == model


def test_a_gate_is_about_the_models_that_have_its_metric(mixed, capsys):
    rules = ("--fail-if", "dropout_rate > 1", "--fail-if", "total_variation > 1")
    assert run("gate", str(mixed), *rules) == 0
    summary = capsys.readouterr().out.splitlines()
    assert [line.split(" is ")[0] for line in summary] == [
        f"passed: dropout_rate of {DETECTOR}",
        f"passed: total_variation of {CLASSIFIER}",
    ]
    assert run("gate", str(mixed), "--fail-if", "flip_rate > 1") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2  # both have labels that flip
    assert run("gate", str(mixed), "--fail-if", "top1 < 0.5") == 2  # no labels
    assert run("gate", str(mixed), "--fail-if", "nonsense > 1") == 2


def test_like_is_compared_with_like(mixed, capsys, printed):
    assert run("compare", str(mixed), str(mixed)) == 2
    assert f"choose with --model-a: {DETECTOR}, {CLASSIFIER}" in capsys.readouterr().err
    pair = ("compare", str(mixed), str(mixed), f"--model-a={DETECTOR}")
    assert run(*pair, f"--model-b={CLASSIFIER}") == 2
    said = "a detection model and a classification model cannot be compared"
    assert said in capsys.readouterr().err
    found = json.loads(printed(0, *pair, f"--model-b={DETECTOR}", "--json").out)["metrics"]
    assert {metric["verdict"] for metric in found.values()} == {"same"}


def test_the_report_says_of_which_model_it_speaks(mixed):
    page = (mixed / "details.html").read_text()
    sensitive = page[page.index('<section id="sensitive">') :].split("</section>")[0]
    assert f"<h3>{CLASSIFIER}</h3>" in sensitive
    assert '<a href="#detectors">' in sensitive  # where perturbed boxes are
    both = page + (mixed / "report.html").read_text()
    assert f"</b> in bottles, {CLASSIFIER}:" in both  # the worst moments


def test_the_answer_is_short_and_nothing_is_stale_or_missing(mixed, capsys, printed):
    assert run("show", str(mixed)) == 0
    assert 2 < len(capsys.readouterr().out.splitlines()) <= MOST_LINES == 14  # on two models
    summary = printed(0, "status", str(mixed)).out
    assert "stale" not in summary
    assert "missing" not in summary


def test_the_shares_of_a_detector_add_up(mixed):
    """Scores and places each have an account of their own."""
    for prefix in ("", "place_"):
        account = pd.read_parquet(mixed / f"{prefix}account.parquet")
        whole = account[(account["model"] == DETECTOR) & (account["item"] == "")]
        assert whole["n"].max() == 1
        assert whole.groupby("level")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    causes = pd.read_parquet(mixed / "causes.parquet").query("model == @DETECTOR")
    assert (causes.groupby("frame_a")["squared_change"].nunique() == 1).all()
    assert causes["squared_change"].max() > 0
    moved = pd.read_parquet(mixed / "place_causes.parquet")
    assert len(moved) == len(causes)
    assert not moved["flip"].any()


def test_the_sensitivity_and_the_curve_of_a_detector(mixed):
    table = pd.read_parquet(mixed / "sensitivity.parquet").query("model == @DETECTOR")
    kinds = ("missed", "class", "location", "both", "duplicate", "background")
    own = {"lost", "new", "renamed", "moved", "box_change"}
    assert set(table["metric"]) == own | {f"tide_{kind}" for kind in kinds}
    assert table["value"].dropna().between(0, 20).all()
    page = (mixed / "details.html").read_text()
    assert "Stability of the detectors over thresholds" in page
    curve = pd.read_parquet(mixed / "box_curve.parquet").set_index("threshold")
    rate = curve.loc[0.5, "missed"] / curve.loc[0.5, "frames"]
    figures = json.loads((mixed / "metrics.json").read_text())["models"][DETECTOR]
    assert rate == pytest.approx(figures["dropout_rate"]["value"])
