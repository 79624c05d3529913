"""A whole study on real line footage with real networks: every file of the contract, and its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.conftest import NETS, Line, Ran, assert_equal, run
from vidrobust.metrics.class_differences import PAIR_COLUMNS
from vidrobust.perturb.catalogue import suite
from vidrobust.stages.answer.text import MOST_LINES
from vidrobust.tables import schema as tables

FRAMES = {"intel_preview_bolt-multi-size-detection": 37, "flour_bag_conveyor_output": 30}


def test_other_inputs_go_on_and_the_code_says_that_some_failed(ran: Ran) -> None:
    assert ran.code == 3
    content = ran.folder.run
    assert {entry["item"]: entry["frames"] for entry in content["inputs"]} == FRAMES
    failed = {entry["path"].split("/")[-1]: entry["error"] for entry in content["failed"]}
    assert set(failed) == {
        "moviepy_result.webm",
        "git_lfs_pointer.mp4",
        "torchcodec_sine_mono_s16.wav",
        "absent.mp4",
    }
    assert all("\n" not in error for error in failed.values())
    assert [entry["path"].split("/")[-1] for entry in content["left_out"]] == ["notes.txt"]


def test_every_file_of_the_contract_is_there(ran: Ran) -> None:
    for name in (
        "frames",
        "pairs",
        "stability",
        "sensitivity",
        "variation",
        "causes",
        "correlation",
    ):
        table = ran.folder.table(name)
        assert list(table.columns[: len(tables.TABLES[name])]) == list(tables.TABLES[name])
        assert len(table)
    for name in ("metrics.json", "policy.json", "run.json", "moments.json"):
        assert ran.folder.read_json(name)
    for name in ("policy_torchvision.py", "report.html"):
        assert (ran.folder.path / name).stat().st_size > 100
    assert not list(ran.folder.path.rglob("*.part"))


def test_headlines_are_those_of_the_tables(ran: Ran) -> None:
    pairs = ran.folder.table("pairs")
    metrics = ran.folder.read_json("metrics.json")["models"]
    assert len(metrics) == len(NETS)
    for model, found in metrics.items():
        mine = pairs[(pairs["model"] == model) & (pairs["kind"] == "adjacent")]
        good = mine[mine["excluded"] == ""]
        assert found["frames"] == sum(FRAMES.values())
        assert found["adjacent_pairs"] == sum(FRAMES.values()) - len(FRAMES) == len(mine)
        assert found["usable_pairs"] + sum(found["excluded"].values()) == len(mine)
        assert found["flips"] == int(good["label_flip"].sum())
        assert found["total_variation"]["value"] == pytest.approx(good["total_variation"].mean())
        assert found["noise_floor"]["total_variation"] < 1e-3


def test_sensitivity_has_every_perturbation_strength_and_metric(ran: Ran) -> None:
    table = ran.folder.table("sensitivity")
    wanted = {(p.key, s) for p in suite("natural") for s in p.strengths}
    assert set(zip(table["perturbation"], table["strength"], strict=True)) == wanted
    shown = table.groupby("item")["frame"].nunique()
    assert set(shown.index) == set(FRAMES)
    assert set(shown) == {1}  # 2 of the run; inputs that turned out to be none have no share
    drawn = table.groupby(["model", "item", "frame", "perturbation", "strength", "metric"]).size()
    assert len(drawn) == len(wanted) * len(PAIR_COLUMNS) * len(NETS) * shown.sum()
    assert table["value"].notna().all()
    # stronger is worse, seen over all that grows: mild against strong
    mean = (
        table[table["metric"] == "total_variation"]
        .groupby(["perturbation", "strength"])["value"]
        .mean()
    )
    grown = [
        mean[p.key].iloc[-1] > mean[p.key].iloc[0] for p in suite("natural") if len(p.strengths) > 1
    ]
    assert np.mean(grown) > 0.9


def test_policy_follows_the_contract(ran: Ran) -> None:
    policy = ran.folder.read_json("policy.json")
    assert policy["schema"] == 2
    known = {p.key for p in suite("natural")}
    assert policy["steps"] == []  # of six pairs; a step needs ten
    assert {each["perturbation"] for each in policy["rejected"]} >= known
    reasons = {each["why"]: each["reason"] for each in policy["rejected"]}
    assert set(reasons) == {"few_pairs", "not_measurable"}
    assert all(reasons.values())
    assert isinstance(policy["evaluation_only"], list)


def test_moments_have_their_pictures(ran: Ran) -> None:
    moments = ran.folder.read_json("moments.json")["moments"]
    assert moments
    for moment in moments:
        for side in ("a", "b"):
            assert (ran.folder.path / moment[f"picture_{side}"]).stat().st_size > 500
        assert moment["flip"] == (moment["label_a"] != moment["label_b"])


def test_a_stage_run_again_gives_the_same_numbers(ran: Ran) -> None:
    before = {
        name: ran.folder.table(name) for name in ("sensitivity", "causes", "correlation", "pairs")
    }
    for stage in ("causes", "correlate"):  # and what they need
        assert run(stage, str(ran.folder.path), "--quiet") == 3  # the same inputs fail again
    for name, table in before.items():
        assert_equal(table, ran.folder.table(name), atol=1e-6)


def test_the_torchvision_policy_runs_on_its_own(ran: Ran) -> None:
    code = (
        "import torch, policy_torchvision as p; t = p.train_transform(); "
        "x = torch.zeros(3, 64, 96, dtype=torch.uint8); assert t(x).shape == x.shape"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ran.folder.path, check=True)


def test_the_answer_on_two_models_takes_fourteen_lines(
    ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show", str(ran.folder.path)) == 0
    assert 2 < len(capsys.readouterr().out.splitlines()) <= MOST_LINES == 14


def test_json_goes_to_standard_output_alone(
    again: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    run("report", str(again.run), "--json")
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"report": str(again.run / "report.html")}
    assert "report" in printed.err


def test_nothing_readable_is_exit_code_3(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(
        "study", f"{tmp_path}/none.mp4", f"--model=onnx:{models}/{NETS[0]}", f"--out={tmp_path}/run"
    )
    assert code == 3
    said = capsys.readouterr().err
    assert said.count("error: ") == said.count(f"No such file: {tmp_path}/none.mp4") == 1
    assert not (tmp_path / "run").exists()  # a typo leaves nothing behind
