"""What goes wrong in a first hour, and what is said then: typos, another model, a dry run, recorded answers."""

import json

import numpy as np
import pandas as pd
import pytest

import vidrobust
from tests.made_frames import texture
from tests.pipeline.conftest import run
from vidrobust.api.study import write_frames
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.statement import NEEDS_MODEL, Question

pytestmark = pytest.mark.usefixtures("without_figures")
FEW = ("--frames=5", "--pairs=1", "--resamples=100", "--perturbation=brightness")
FACTORY = """
import torch
from vidrobust.predictions import Classifications


class Brightness:
    name, class_names, task, version = "NAME", ("dark", "bright"), "classification", "1"

    def __call__(self, pixels):
        mean = pixels.float().mean(dim=(1, 2, 3)).cpu()
        return Classifications.from_logits(torch.stack([LEVEL - mean, mean - LEVEL], dim=1), self.class_names)


def make():
    return Brightness()
"""


def times(folder):
    """When each file but those of JSON was written."""
    files = (path for path in folder.rglob("*") if path.suffix != ".json")
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with coffee.mkv and two models of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    rng = np.random.default_rng(0)
    still = texture(4, 120, 160).astype(np.float64)
    frames = [np.clip(still * g, 0, 255).astype(np.uint8) for g in 1 + rng.normal(0, 0.03, 14)]
    write_frames(np.stack(frames), tmp_path, "coffee", 25).rename(tmp_path / "coffee.mkv")
    level = float(np.mean(frames))
    for name, at in (("first_net", level), ("second_net", level + 3)):
        code = FACTORY.replace("NAME", name).replace("LEVEL", f"{at:.3f}")
        (tmp_path / f"{name}.py").write_text(code)
    return tmp_path


def test_a_typo_makes_no_folder(desk, printed):
    assert "cofee.mkv" in printed(3, "stability", "cofee.mkv", "-mfirst_net:make", "-oout").err
    assert not (desk / "out").exists()
    assert run("stability", "coffee.mkv", "-mfirst_nte:make", "-oout") == 2
    assert run("stability", "coffee.mkv", "-mfirst_net:make", "-oout") == 0


def test_a_folder_in_which_nothing_was_computed_is_not_locked(desk):
    begun = RunFolder.create(desk / "out", vidrobust.Settings(sources=("cofee.mkv",)))
    assert begun.run["stages"] == {}
    assert run("stability", "coffee.mkv", "-mfirst_net:make", "-oout") == 0
    assert run("stability", str(desk / "second_net.py"), "-mfirst_net:make", "-oout") != 0
    assert RunFolder(desk / "out").run["stages"]


def test_another_model_on_the_same_folder_is_said(desk, capsys, printed):
    assert "replaced" not in printed(0, "stability", "coffee.mkv", "-mfirst_net:make", "-oout").err
    said = " ".join(printed(0, "stability", "coffee.mkv", "-msecond_net:make", "-oout").err.split())
    assert "the results of first_net:make are replaced by those of second_net:make; give" in said
    assert run("stability", "coffee.mkv", "-msecond_net:make", "-mfirst_net:make", "-oout") == 0
    assert "replaced" not in capsys.readouterr().err
    models = RunFolder(desk / "out").settings.model
    # the name of a model of the run is no model
    assert "Unknown model 'first_net'" in printed(2, "sensitivity", "out", "-mfirst_net").err
    assert RunFolder(desk / "out").settings.model == models


def test_a_dry_run_says_what_the_real_one_would_do(desk, printed):
    command = ("study", "coffee.mkv", "-mfirst_net:make", "-oout", *FEW)
    before = json.loads(printed(0, *command, "--dry-run", "--json").out)
    assert before["seconds"] > 0
    assert before["items"] == 1
    assert before["stages"]["stability"] == "1 of 1 units to be made"
    assert before["stages"]["report"] == "to be made"
    assert not (desk / "out").exists()
    assert run(*command) == 0
    written = times(desk / "out")
    after = json.loads(printed(0, *command, "--dry-run", "--json").out)
    assert set(after["stages"].values()) == {"up to date"}
    assert (after["seconds"], after["items"]) == (0, 0)
    more = (*command[:-1], "--perturbation=contrast")
    stages = json.loads(printed(0, *more, "--dry-run", "--json").out)["stages"]
    assert stages["stability"] == "up to date"
    assert stages["sensitivity"] == "1 of 1 units to be made"
    assert stages["policy"].startswith("to be made anew: sensitivity is made anew")
    assert times(desk / "out") == written


def test_a_dry_run_ends_where_the_real_one_would(desk, capsys):
    assert run("stability", "coffee.mkv", "-mfirst_net:make", "-oout") == 0
    (desk / "other.mkv").write_bytes((desk / "coffee.mkv").read_bytes())
    (desk / "full").mkdir()
    (desk / "full" / "letter.txt").write_text("mine")
    for command in (
        ("study", "other.mkv", "-mfirst_net:make", "-oout"),
        ("study", "coffee.mkv", "-mfirst_net:make", "-ofull"),
        ("study", "coffee.mkv", "-oout2"),
    ):
        capsys.readouterr()
        codes = [run(*command, *extra) for extra in (("--dry-run",), ())]
        assert codes == [2, 2], command
        lines = capsys.readouterr().err.splitlines()
        dry, real = (line for line in lines if line.startswith("error"))
        assert dry == real
    assert run("study", "cofee.mkv", "-mfirst_net:make", "-oout3", "--dry-run") == 3


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("efficientnetlite0", "efficientnet-lite0"),
        ("resnet50", "torchvision:resnet50"),
        ("ResNet-50", "torchvision:resnet50"),
    ],
)
def test_a_spec_that_is_nearly_right_gets_a_suggestion(desk, capsys, spec, meant):
    assert run("stability", "coffee.mkv", f"-m{spec}", "-oout") == 2
    assert f"Did you mean {meant}" in " ".join(capsys.readouterr().err.split())
    assert not (desk / "out").exists()


def test_a_misspelt_key_of_the_settings_gets_a_suggestion(desk, capsys):
    (desk / "study.toml").write_text("strenghts = 2\n")
    command = ("stability", "coffee.mkv", "-mfirst_net:make", "-oout")
    assert run(*command, "--config", "study.toml") == 2
    assert "unknown setting strenghts; did you mean strengths?" in capsys.readouterr().err


def test_recorded_answers_are_judged_by_labels_and_not_asked_what_they_cannot_tell(desk, printed):
    """By hand: of 14 frames of a clip of good parts the recorded answers are right in 9, which is 64 %."""
    said = pd.DataFrame({"frame": range(14), "label": ["good"] * 9 + ["bad"] * 5})
    said.assign(probability=0.8).to_csv("said.csv", index=False)
    (desk / "manifest.csv").write_text("path,label\ncoffee.mkv,good\n")
    command = ("study", "manifest.csv", "-mpredictions:said.csv", "-oout", *FEW)
    first = printed(0, *command)
    assert "answers from a file can be used for stability only" in first.err
    details, page = ((desk / "out" / f"{n}.html").read_text() for n in ("details", "report"))
    for stage in ("sensitivity", "causes", "policy"):
        assert f"vidrobust {stage} " not in details
    assert NEEDS_MODEL in details
    states = json.loads(printed(0, "status", "out", "--json").out)
    assert [row for row in states if row["state"] == "stale"] == []
    shown = printed(0, "show", "out").out
    answer = answer_of(RunTables(desk / "out")).of("said")
    labelled = [each for each in answer if each.question == Question.LABELS]
    assert (labelled[0].value, labelled[0].n) == (pytest.approx(9 / 14), 14)
    accuracy, _, _ = labelled[0].text.partition(" [")
    assert "64 %" in accuracy
    for text in (first.out, shown, page):
        assert accuracy in text.replace("\u00a0", " ")
    assert run(*command) == 0  # it goes on
