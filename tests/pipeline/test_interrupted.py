"""A run that is killed, shut out or out of room goes on with the same command, to the same tables."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.faults.injector import KilledError
from tests.pipeline.conftest import BOLTS, Line, assert_equal, run, units
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of
from vidrobust.stages.report.page import write_summary

TABLES = ("transitions", "frames", "pairs", "triples", "probabilities", "stability")

HOLD = """
import sys, time
from pathlib import Path
from vidrobust.run_folder.folder import RunFolder

with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def whole(corpus, models, tmp_path_factory):
    """The tables of stability, made without an interruption."""
    line = _line(corpus, models, tmp_path_factory.mktemp("whole"))
    assert run(*line.command("stability", "-q")) == 0
    return line.folder


def _line(corpus, models, base):
    line = Line.of(base, corpus, models, BOLTS)
    before = time.time() - 60  # the hash of a file that has just changed is not kept
    os.utime(line.sources / BOLTS, (before, before))
    return line


def start(*arguments, program="from vidrobust.cli.app import main; main()"):
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish_as(whole, line):
    """The same command goes on to the same tables, and leaves nothing half-written."""
    assert run(*line.command("stability", "-q")) == 0
    assert not list(line.run.rglob("*.part"))
    for name in TABLES:
        assert_equal(line.folder.table(name), whole.table(name))


@pytest.mark.nightly
@pytest.mark.parametrize("moment", ["cache/transitions/*.zip", "frames.parquet"])
def test_killed_at_any_moment(whole, corpus, models, tmp_path, moment):
    """The command dies as soon as such a file is there; at every operation: tests/faults, nightly."""
    line = _line(corpus, models, tmp_path)
    with start(*line.command("policy", "-q")) as process:
        deadline = time.monotonic() + 120
        while not list(line.run.glob(moment)) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    finish_as(whole, line)


def test_a_second_process_is_refused_by_name(again, printed):
    with start(str(again.run), program=HOLD) as process:
        assert process.stdout.readline() == "held\n"
        others = (["report", str(again.run)], ["clean", str(again.run)])
        for command in (again.command("variation"), *others):
            summary = printed(2, *command).err
            assert "another vidrobust is at work in this run folder" in summary
            assert f"(process {process.pid} on " in summary
        process.kill()
        process.wait()
    assert run(*again.command("variation")) == 0  # the lock died with its process


def test_a_full_disk_is_one_sentence_and_the_run_goes_on(whole, corpus, models, tmp_path, said):
    """No file may become longer than 12 kB: small parts fit, those with many rows do not."""
    line = _line(corpus, models, tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, limits[1]))
    try:
        assert run(*line.command("stability", "-q")) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    summary = said()
    way_out = "make room, and the same command"
    assert summary.startswith(f"error: the disk is full or its quota is used up; {way_out}")
    assert len(summary.splitlines()) == 1
    finish_as(whole, line)


@pytest.mark.nightly
def test_a_small_file_system_is_no_traceback(whole, corpus, models, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a file system of its own cannot be mounted here")
    try:
        line = dataclasses.replace(_line(corpus, models, tmp_path), run=disk / "run")
        with start(*line.command("stability", "-q")) as process:
            _, summary = process.communicate(timeout=120)
        assert process.returncode == 3
        assert "the disk is full" in summary
        assert "Traceback" not in summary
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        finish_as(whole, line)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_killed_after_its_first_page_a_study_has_a_report_and_goes_on_to_the_same_numbers(
    studied, tmp_path, monkeypatch, without_figures
):
    line, page = dataclasses.replace(studied, run=tmp_path / "run"), tmp_path / "run/report.html"

    def killed(folder):
        write_summary(folder)
        raise KilledError

    monkeypatch.setattr("vidrobust.stages.report.page.write_summary", killed)
    with pytest.raises(KilledError):
        run(*line.command("study", "-q"))
    monkeypatch.undo()
    incomplete, answer = page.read_text(), answer_of(RunTables(line.run))
    assert incomplete.rstrip().endswith("</html>")
    assert "details.html" not in incomplete
    assert "causes" in answer.to_come
    assert all(stage in incomplete for stage in answer.to_come)
    kinds = {each.kind for each in answer.statements}
    assert "rate" in kinds
    assert not [kind for kind in kinds if kind.startswith("why")]
    done = units(line.run)
    assert run(*line.command("study", "-q")) == 0
    assert answer_of(RunTables(line.run)).to_come == ()
    assert "details.html" in page.read_text()
    assert done.items() <= units(line.run).items()  # their times too: nothing was made twice
    for name in (*TABLES, "changes", "variation", "sensitivity", "causes", "remedies"):
        assert_equal(line.folder.table(name), studied.folder.table(name))
