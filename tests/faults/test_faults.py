"""Each file operation of a short study fails once, and the process is killed there once.

Afterwards the same command gives the same tables. The command that met the fault ends with one sentence and exit
code 2 or 3, or with 0 and the same tables: never with 0 and without a result.
"""

import hashlib
import json
import os
import re
import shutil
import zipfile
from functools import partial
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
FEW = ("--end-s=0.5", "--perturbation=brightness", "--frames=1", "--pairs=1")
FEW = (*FEW, "--resamples=19", "-q")
QUICK = "policy"
"""The command of the quick test: all stages that write tables of footage."""
TABLES = ("transitions", "frames", "pairs", "stability", "changes", "variation")
TABLES = (*TABLES, "sensitivity", "causes")
SAMPLED = 3
"""Operations at which a command fails, and is killed; ``make nightly`` takes all of them."""


@pytest.fixture(scope="module")
def place(public_clips, tmp_path_factory):
    """A folder with a model and half a second of a line."""
    base = tmp_path_factory.mktemp("faults")
    (base / "halving.py").write_text(MODEL)
    (base / "clips").mkdir()
    shrink(public_clips / "line-flour-bags.gif", base / "clips")
    return base


def command(place, name, out):
    given = [str(place / "clips"), "-mhalving:halves", f"-o{place / out}"]
    return [name, *given, *options_of(name, FEW)]


def counted(place, name):
    """How many operations a command takes, and the folder that it leaves."""
    out = f"whole {name}"
    with injected(Faults((place / out, place / "clips"))) as faults:
        assert run(*command(place, name, out)) == 0
    return len(faults.done), RunFolder(place / out)


@pytest.fixture(scope="module")
def whole(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return counted(place, QUICK)


def same(found, whole):
    for name in TABLES:
        one, other = (folder.table(name) for folder in (found, whole))
        pd.testing.assert_frame_equal(one, other, check_exact=True, obj=name)
    assert found.read_json("metrics.json") == whole.read_json("metrics.json")
    assert not list(found.path.rglob("*.part"))


def met(place, name, at, kill, whole, capsys, sound=None):
    """One fault, and the same command after it, but where it is known to go on well from this state."""
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
    left = state(place / out)
    if sound is not None and left in sound:
        return
    assert run(*command(place, name, out)) == 0, where
    same(RunFolder(place / out), whole)
    if sound is not None:
        sound.add(left)


def state(folder):
    """What a run folder holds, but for how many seconds the work took."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        files = {str(path): path.read_bytes() if path.is_file() else b"a folder"}
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as file:
                files = {f"{path}/{name}": file.read(name) for name in file.namelist()}
        for name, data in files.items():
            found.update(name.removeprefix(str(folder)).encode())
            timeless = re.sub(rb'"seconds": ?[\d.e-]+', b"", data)
            found.update(timeless if name.endswith(".json") else data)
    return found.hexdigest()


def spread(count):
    """Some operations, spread over all of them."""
    return sorted({round(k * (count - 1) / (SAMPLED - 1)) for k in range(SAMPLED)})


@pytest.mark.parametrize(
    "kill", [False, pytest.param(True, marks=pytest.mark.nightly)], ids=["fails", "killed"]
)
def test_some_operations(place, whole, monkeypatch, capsys, kill):
    monkeypatch.chdir(place)
    count, folder = whole
    assert count > 50
    for at in spread(count):
        met(place, QUICK, at, kill, folder, capsys)


@pytest.fixture
def kept(tmp_path):
    """A line for each fault that was tried; where FAULTS names a file, the next run goes on behind them."""
    return Path(os.environ.get("FAULTS", tmp_path / "faults.jsonl"))


def tried(kept, kind):
    """What was found so far, by operation or state."""
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    return {line["of"]: line["fault"] for line in lines if line["kind"] == kind}


def note(kept, kind, of, attempt):
    fault = ""
    try:
        attempt()
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    with kept.open("a") as file:
        file.write(json.dumps({"kind": kind, "of": of, "fault": fault}) + "\n")


@pytest.mark.nightly
@pytest.mark.timeout(0)
def test_every_operation_fails(place, kept, monkeypatch, capsys):
    monkeypatch.chdir(place)
    count, folder = counted(place, QUICK)
    sound, done = set[str](), tried(kept, "fails")
    for at in range(count):
        if f"{at} of {count}" not in done:
            attempt = partial(met, place, QUICK, at, False, folder, capsys, sound)
            note(kept, "fails", f"{at} of {count}", attempt)
            shutil.rmtree(place / f"{QUICK} {at} False", ignore_errors=True)
    assert {of: fault for of, fault in tried(kept, "fails").items() if fault} == {}


@pytest.mark.nightly
@pytest.mark.timeout(0)
def test_the_process_is_killed_at_every_operation(place, kept, whole, monkeypatch):
    """A kill leaves the folder as it was before the operation; many operations leave the same."""
    monkeypatch.chdir(place)
    out, states = place / "killed", list[str]()

    def keep():
        states.append(state(out))
        if states.count(states[-1]) == 1 and out.is_dir():
            shutil.copytree(out, place / "states" / states[-1])

    with injected(Faults((out, place / "clips"), look=keep)):
        assert run(*command(place, QUICK, out.name)) == 0
    assert len(states) == pytest.approx(whole[0], abs=30)

    def again(left):
        shutil.rmtree(out)
        if (place / "states" / left).is_dir():
            shutil.copytree(place / "states" / left, out)
        assert run(*command(place, QUICK, out.name)) == 0
        same(RunFolder(out), whole[1])

    done = tried(kept, "killed")
    for number, left in enumerate(dict.fromkeys(states)):
        of = f"state {number} of {len(set(states))}, before {states.count(left)} of {len(states)} operations"
        if of not in done:
            note(kept, "killed", of, partial(again, left))
    assert {of: fault for of, fault in tried(kept, "killed").items() if fault} == {}
