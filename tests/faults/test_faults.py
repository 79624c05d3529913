"""Each file operation of a short study fails once, and the process is killed there once.

Afterwards the same command gives the same tables. The command that met the fault ends with one sentence and exit
code 2 or 3, or with 0 and the same tables: never with 0 and without a result.
"""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from tests.faults.injector import Faults, KilledError, injected
from tests.pipeline.conftest import options_of, run
from tests.shrunk import shrink
from vidrobust.run_folder.folder import RunFolder

MODEL = """
import numpy as np
from vidrobust.predictions import Classifications

class Halves:
    name, task, version, class_names = "halves", "classification", "1", ("left", "right")

    def __call__(self, pixels):
        light = np.asarray(pixels, np.float64).mean(axis=(1, 2))
        middle = light.shape[1] // 2
        left, right = light[:, :middle].mean(axis=1), light[:, middle:].mean(axis=1)
        share = 1 / (1 + np.exp((right - left) / 8))
        return Classifications(np.stack([share, 1 - share], axis=1).astype(np.float32), self.class_names)

halves = Halves()
"""
FEW = ("--end-s=0.5", "--perturbation=brightness", "--frames=1", "--pairs=1", "--resamples=19", "-q")
QUICK = "policy"
"""The command of the quick test: all stages that write tables of footage."""
TABLES = ("transitions", "frames", "pairs", "stability", "changes", "variation", "sensitivity", "causes")
SAMPLED = 5
"""Operations at which a command fails, and is killed; ``make faults`` takes all of them."""


@pytest.fixture(scope="module")
def place(public_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and half a second of a line."""
    base = tmp_path_factory.mktemp("faults")
    (base / "halving.py").write_text(MODEL)
    (base / "clips").mkdir()
    shrink(public_clips / "line-flour-bags.gif", base / "clips")
    return base


def command(place: Path, name: str, out: str) -> list[str]:
    return [name, str(place / "clips"), "-mhalving:halves", f"-o{place / out}", *options_of(name, FEW)]


def counted(place: Path, name: str) -> tuple[int, RunFolder]:
    """How many operations a command takes, and the folder that it leaves."""
    out = f"whole {name}"
    with injected(Faults((place / out, place / "clips"))) as faults:
        assert run(*command(place, name, out)) == 0
    return len(faults.done), RunFolder(place / out)


@pytest.fixture(scope="module")
def whole(place: Path) -> tuple[int, RunFolder]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return counted(place, QUICK)


def same(found: RunFolder, whole: RunFolder) -> None:
    for name in TABLES:
        pd.testing.assert_frame_equal(found.table(name), whole.table(name), check_exact=True, obj=name)
    assert found.read_json("metrics.json") == whole.read_json("metrics.json")
    assert not list(found.path.rglob("*.part"))


def met(
    place: Path, name: str, at: int, kill: bool, whole: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """One fault, and the same command after it."""
    out = f"{name} {at} {kill}"
    capsys.readouterr()
    faults = Faults((place / out, place / "clips"), at, kill)
    code = None
    try:
        with injected(faults):
            code = run(*command(place, name, out))
    except KilledError:
        assert kill
    said = capsys.readouterr().err
    where = f"operation {at}, {faults.done[at] if at < len(faults.done) else 'never met'}"
    if not kill:
        assert code in (0, 2, 3), where
        assert code == 0 or said.strip(), where
        assert "Traceback" not in said, where
        if code == 0:
            same(RunFolder(place / out), whole)
    assert run(*command(place, name, out)) == 0, where
    same(RunFolder(place / out), whole)


def spread(count: int) -> list[int]:
    """Some operations, spread over all of them."""
    return sorted({round(k * (count - 1) / (SAMPLED - 1)) for k in range(SAMPLED)})


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True], ids=["fails", "killed"])
def test_some_operations(
    place: Path,
    whole: tuple[int, RunFolder],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kill: bool,
) -> None:
    monkeypatch.chdir(place)
    count, folder = whole
    assert count > 50
    for at in spread(count):
        met(place, QUICK, at, kill, folder, capsys)


@pytest.mark.slow
@pytest.mark.skipif("FAULTS" not in os.environ, reason="takes half an hour: make faults")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kill", [False, True], ids=["fails", "killed"])
def test_every_operation(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kill: bool
) -> None:
    monkeypatch.chdir(place)
    count, folder = counted(place, QUICK)
    for at in range(count):
        met(place, QUICK, at, kill, folder, capsys)
