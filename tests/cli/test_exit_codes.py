"""How commands end: never with 0 and without a result, and with one sentence instead of a traceback."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.pipeline.conftest import run
from tests.shrunk import shrink
from vidrobust.footage.content import ContentKeys
from vidrobust.footage.item import Item
from vidrobust.report.pages import written
from vidrobust.video.source import open_video

MODEL = """
import sys
import numpy as np
from vidrobust.predictions import Classifications

class Bands:
    name, task, version, class_names = "bands", "classification", "1", ("dark", "light")
    calls = 0

    def __call__(self, pixels):
        Bands.calls += 1
        {call}
        light = np.asarray(pixels, np.float32).mean(axis=(1, 2, 3)) / 255
        return Classifications(np.stack([1 - light, light], axis=1), self.class_names)

def model():
    {load}
    return Bands()
"""


@pytest.fixture
def clip(public_clips, tmp_path_factory):
    return str(shrink(public_clips / "line-flour-bags.gif", tmp_path_factory.mktemp("clip")))


@pytest.fixture
def bands(tmp_path, monkeypatch):
    """bands(name, call=code, load=code): the option of such a model in the folder, where commands run."""
    monkeypatch.chdir(tmp_path)

    def model(name, *, call="pass", load="pass"):
        (tmp_path / f"{name}.py").write_text(MODEL.format(call=call, load=load))
        return f"-m{name}:model"

    return model


def stability(clip, model, out, *more):
    return run("stability", clip, model, "--end-s=0.4", f"-o{out}", "-q", *more)


@pytest.mark.parametrize(
    ("name", "call", "load"),
    [
        ("ends_when_loaded", "pass", "sys.exit(0)"),
        ("ends_when_asked", "sys.exit(0)", "pass"),
        ("ends_when_asked_again", "Bands.calls > 2 and sys.exit(0)", "pass"),
    ],
)
def test_a_model_that_exits_has_failed(clip, tmp_path, bands, capsys, name, call, load):
    model = bands(name, call=call, load=load)
    assert stability(clip, model, tmp_path / "run", "--fail-if=flip_rate > 2") == 3
    assert name.split("_")[0] not in capsys.readouterr().out
    assert not (tmp_path / "run" / "metrics.json").is_file()


@pytest.mark.parametrize(
    "call",
    ["import os; os._exit(0)", pytest.param("raise GeneratorExit", marks=pytest.mark.nightly)],
)
def test_a_process_that_code_of_a_model_ends_has_not_succeeded(clip, tmp_path, bands, call):
    """Nor does it end with the 1 of a gate."""
    model = bands("abrupt", call=call)
    command = [sys.executable, "-m", "vidrobust", "stability", clip, model, f"-o{tmp_path / 'run'}"]
    command += ["--fail-if=flip_rate > 2"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 3
    assert ended.stderr.strip()
    assert not (tmp_path / "run" / "metrics.json").is_file()


def test_a_command_of_a_plugin_that_exits_has_not_succeeded(monkeypatch, printed):
    monkeypatch.setattr("vidrobust.plugins.tools.doctor.diagnose", lambda: sys.exit(0))
    assert printed(3, "doctor").err.count("\n") == 1


def test_what_a_model_raises_does_not_reach_the_terminal_as_it_is(clip, tmp_path, bands, capsys):
    model = bands("colourful", call='raise ValueError("\\x1b[2J\\x1b]0;title\\x07red")')
    assert stability(clip, model, tmp_path / "run") == 3
    printed = capsys.readouterr()
    assert "red" in printed.err
    assert not {"\x1b", "\x07"} & set(printed.err + printed.out)


def test_names_of_a_model_do_not_reach_the_terminal_as_they_are(clip, tmp_path, bands, capsys):
    model = bands("tinted")
    path = tmp_path / "tinted.py"
    path.write_text(path.read_text().replace('"bands"', '"b\x1b[31m"'))
    assert stability(clip, model, tmp_path / "run") == 0
    assert run("show", str(tmp_path / "run")) == 0
    printed = capsys.readouterr()
    assert "b\\x1b[31m" in printed.out
    assert "\x1b" not in printed.err + printed.out


def test_a_gate_whose_output_nobody_reads_ends_with_its_own_code(clip, tmp_path, bands):
    # at least ten pairs, from which a gate can be judged
    model = bands("steady_bands")
    given = ("stability", clip, model, f"-o{tmp_path / 'run'}", "--end-s=1.5", "-q")
    assert run(*given) == 0
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-m", "vidrobust", "gate", "run", "--fail-if", "flip_rate >= 0"]
    ended = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, env={**os.environ})
    os.close(writes)
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_said():
    """Python itself ends with 120."""
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "vidrobust", "perturbations"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env={**os.environ})
    assert ended.returncode == 3
    assert ended.stderr.startswith(b"error: standard output cannot be written to")
    assert len(ended.stderr.splitlines()) == 1


def test_quiet_prints_no_answer(clip, tmp_path, bands, capsys, printed):
    assert stability(clip, bands("quiet_bands"), tmp_path / "run") == 0
    assert capsys.readouterr().out == ""
    assert printed(0, "report", str(tmp_path / "run"), "-q", "--json").out != ""


@pytest.mark.parametrize("source", ["rtsp://me:hush@127.0.0.1:9/live", "-"])
def test_streams_are_refused_with_the_command_that_records_them(clip, tmp_path, printed, source):
    out = tmp_path / "run"
    error = printed(2, "stability", clip, source, "-mtests.fuzz.tiny:model", f"-o{out}").err
    assert "ffmpeg -i ADDRESS -t 60 -c copy clip.mkv" in error
    assert "hush" not in error
    assert not out.exists()


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_pipes_and_devices_are_refused_before_they_are_opened(tmp_path, bands, kind):
    source = tmp_path / "endless.mp4"
    if kind == "pipe":
        os.mkfifo(source)
    else:
        source.symlink_to("/dev/zero")
    assert stability(str(source), bands("patient_bands"), tmp_path / "run") == 3
    with pytest.raises(OSError, match="not a file"):
        ContentKeys(None).of(Item(name="a", path=source))


@pytest.mark.parametrize("value", ["90 %", "high", "1e999"])
def test_probabilities_that_are_none_are_named(clip, tmp_path, capsys, value):
    table = tmp_path / "answers.csv"
    table.write_text(f"frame,label,probability\n0,a,0.5\n1,b,{value}\n")
    assert run("stability", clip, f"-mpredictions:{table}", f"-o{tmp_path / 'run'}", "-q") in (2, 3)
    said = capsys.readouterr().err
    assert str(table) in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["stability", "report"])
def test_a_run_folder_that_cannot_be_written_is_said(clip, tmp_path, bands, monkeypatch, command):
    assert stability(clip, bands("readable_bands"), tmp_path / "run") == 0

    def refuse(self, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.lock_file)

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert run(command, str(tmp_path / "run"), "-q") == 3


def test_an_export_that_cannot_be_written_is_said(clip, tmp_path, bands, capsys):
    assert stability(clip, bands("exported_bands"), tmp_path / "run") == 0
    (tmp_path / "taken").write_text("a file where the folder would be")
    capsys.readouterr()
    out = f"--out={tmp_path / 'taken' / 'x'}"
    assert run("export", str(tmp_path / "run"), "--to=junit", out) in (2, 3)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("what", ["labels", "class_map", "run"])
def test_json_that_is_nested_too_deeply_is_no_crash(clip, tmp_path, bands, what):
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 200_000)
    model = bands("shallow_bands")
    options = {"labels": ["--labels=deep.json"], "class_map": ["--class-map=deep.json"]}
    if what in options:
        assert stability(clip, model, tmp_path / "run", *options[what]) in (2, 3)
    else:
        (tmp_path / "run").mkdir()
        deep.rename(tmp_path / "run" / "run.json")
        assert run("show", str(tmp_path / "run")) == 3


def test_other_content_of_the_same_size_and_time_has_another_key(tmp_path):
    file, keys = tmp_path / "a.bin", ContentKeys(tmp_path / "hashes.json")
    file.write_bytes(b"a" * 400_000)
    os.utime(file, (1_000_000, 1_000_000))
    first = keys.of(Item(name="a", path=file))
    keys.save()
    assert json.loads((tmp_path / "hashes.json").read_text())
    # between the blocks that are looked at
    file.write_bytes(b"a" * 250_000 + b"b" + b"a" * 149_999)
    os.utime(file, (1_000_000, 1_000_000))
    assert ContentKeys(tmp_path / "hashes.json").of(Item(name="a", path=file)) != first


def test_the_answer_counts_only_what_was_evaluated(clip, public_clips, tmp_path, bands, printed):
    """A model that fails on two of three clips: they are in no denominator, and are not said to be unreadable."""
    others = [str(public_clips / name) for name in ("hevc.mp4", "cars.mp4")]
    sizes = []
    for path in others:
        with open_video(path) as video:
            sizes.append((video.info.height, video.info.width))
    model = bands("picky", call=f"assert tuple(pixels.shape[2:]) not in {sizes}")
    command = ("stability", clip, *others, model, f"-o{tmp_path / 'run'}", "--end-s=4")
    ended = printed(3, *command)
    answer = " ".join(ended.out.split())
    assert "1 of 3 clips" in answer
    assert "failed on 2" in answer
    assert "could not be read" not in ended.err


def test_a_page_holds_no_control_characters(tmp_path):
    page = written(tmp_path / "a.html", "<b>\x1b[2Jred\x07</b>\n\tx")
    assert page.read_text() == "<b>\\x1b[2Jred\\x07</b>\n\tx"


def test_a_report_of_rules_that_cannot_be_written_is_refused_before_the_study(
    clip, bands, tmp_path, printed
):
    model, out = bands("ruled", call="raise AssertionError('asked')"), tmp_path / "run"
    command = ("stability", clip, model, "--end-s=0.4", f"-o{out}")
    rule = "--fail-if=flip_rate > 1"
    ended = printed(2, *command, rule, f"--junit={tmp_path / 'none' / 'junit.xml'}")
    assert "there is no folder" in ended.err


def test_a_report_of_no_rules_is_warned_of(clip, bands, tmp_path, printed):
    command = ("stability", clip, bands("unruled"), "--end-s=0.4", f"-o{tmp_path / 'run'}")
    ended = printed(0, *command, f"--junit={tmp_path / 'junit.xml'}")
    assert "is not written, as no --fail-if asks for a rule" in ended.err
    assert not (tmp_path / "junit.xml").exists()
