"""A folder that grows: each complete recording becomes one run of the history, once, whatever happens between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.conftest import run
from vidrobust.errors import SettingsError
from vidrobust.plugins.gauge.history import watch
from vidrobust.plugins.gauge.history.watch import Watched, Watcher
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings

MODEL = "tests.fuzz.tiny:model"


class Line:
    """A folder, a clock that only waiting moves on, and what happens while the command waits."""

    def __init__(self, base: Path) -> None:
        self.folder, self.out, self.history = base / "line", base / "out", base / "h.parquet"
        self.folder.mkdir()
        self.now = 0.0
        self.lines: list[str] = []
        self.then: list[Callable[[], None]] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.then:
            self.then.pop(0)()

    def watch(self, model: str = MODEL, **how: object) -> Watcher:
        settings = Settings(model=(model,))
        watched = Watched(
            folder=self.folder,
            out=self.out,
            history=self.history,
            settings=settings,
            every_s=2,
            settle_s=5,
        )
        watcher = Watcher(watched, say=self.lines.append, clock=lambda: self.now, sleep=self.sleep)
        watcher.run(**how)  # type: ignore[arg-type]
        return watcher

    def add(self, clip: Path, name: str, *, age_s: float = 100.0, part: float = 1.0) -> Path:
        path = self.folder / name
        data = clip.read_bytes()
        path.write_bytes(data[: int(len(data) * part)])
        then = time.time() - age_s
        os.utime(path, (then, then))
        return path

    @property
    def runs(self) -> list[str]:
        return (
            list(dict.fromkeys(pd.read_parquet(self.history)["run"]))
            if self.history.exists()
            else []
        )


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_recordings_are_studied_as_they_come_and_once(line: Line, public_clips: Path) -> None:
    clip = public_clips / "hevc.mp4"
    line.add(clip, "first.mp4")
    line.then = [lambda: None, lambda: line.add(public_clips / "av1.mkv", "second.mkv") and None]
    assert line.watch(for_s=7.0).done == 2
    assert line.now == pytest.approx(7.0)
    assert line.runs == ["first.mp4", "second.mkv"]
    assert [each.split("  ")[1] for each in line.lines] == ["first.mp4", "second.mkv"]
    assert "bright: flip rate 0 %" in line.lines[0]
    assert len(RunFolder(line.out / "second.mkv").table("frames")) == 125
    assert line.watch(once=True).done == 0
    assert len(line.lines) == 2
    history = pd.read_parquet(line.history)
    assert not history.duplicated(["run", "model", "metric", "item"]).any()


def test_of_a_detector_the_line_says_what_is_not_covered(line: Line, public_clips: Path) -> None:
    """One box at rest in all ten frames but 4 and 5."""
    line.add(public_clips / "hevc.mp4", "first.mp4")
    rows = [f"{f},0.9,0,20,20,60,60" for f in range(10) if f not in (4, 5)]
    boxes = line.folder.parent / "boxes.csv"
    boxes.write_text("frame,score,label,x1,y1,x2,y2\n" + "\n".join(rows))
    assert line.watch(f"detections:{boxes}", once=True).done == 1
    assert "boxes: uncovered rate " in line.lines[0]
    assert ", vanished rate " in line.lines[0]
    history = pd.read_parquet(line.history)
    of = history[(history["metric"] == "uncovered_rate") & (history["item"] == "")]
    assert of["value"].iloc[0] == pytest.approx(0.2)


def test_a_recording_that_still_grows_is_left_until_it_holds_still(
    line: Line, public_clips: Path
) -> None:
    clip = public_clips / "hevc.mp4"
    line.add(clip, "a.mp4", age_s=0, part=0.3)  # cannot be opened yet
    line.then = [
        lambda: line.add(clip, "a.mp4", age_s=-1, part=0.6) and None,
        lambda: line.add(clip, "a.mp4", age_s=-2) and None,
    ]
    watcher = line.watch(once=True)
    assert (watcher.done, watcher.failed) == (1, 0)
    assert len(line.lines) == 1
    assert line.now >= 5.0


def test_what_fails_is_reported_once_and_tried_again_only_when_it_has_changed(
    line: Line, public_clips: Path
) -> None:
    clip = public_clips / "hevc.mp4"
    line.add(clip, "a.mp4", part=0.5)
    (line.folder / "notes.txt").write_text("no footage")
    assert line.watch(once=True).failed == 1
    assert "failed: " in line.lines[0]
    assert "a.mp4: cannot be read as video" in line.lines[0]
    assert line.watch(once=True).failed == 0
    assert len(line.lines) == 1
    line.add(clip, "a.mp4", age_s=50)
    assert line.watch(once=True).done == 1
    assert line.runs == ["a.mp4"]


def test_a_name_that_comes_again_is_another_run(line: Line, public_clips: Path) -> None:
    """A recorder that writes over its old files: the history keeps what it knew of them."""
    line.add(public_clips / "hevc.mp4", "cam.mp4")
    line.watch(once=True)
    line.add(public_clips / "dog.mp4", "cam.mp4", age_s=50)
    (line.folder / "day 2").mkdir()
    line.add(public_clips / "hevc.mp4", "day 2/<b>.mp4", age_s=40)
    line.watch(once=True)
    assert line.runs[:2] == ["cam.mp4", "cam.mp4-2"]
    assert line.runs[2].startswith("day_2_b_.mp4-")
    history = pd.read_parquet(line.history)
    frames = history[(history["metric"] == "flip_rate") & (history["item"] == "")].set_index("run")[
        "n"
    ]
    assert frames["cam.mp4"] == 9
    assert frames["cam.mp4-2"] == 99


def _second(dies: Callable[..., None]) -> Callable[..., None]:
    """The first call is done as it should be, and then it dies."""
    real, calls = watch.write_text, iter((True,))

    def write(path: Path, text: str) -> None:
        real(path, text) if next(calls, False) else dies()

    return write


def test_a_command_that_was_killed_goes_on(
    line: Line, public_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed behind the study, before the history or before its note: the rows are there once."""
    line.add(public_clips / "hevc.mp4", "a.mp4", age_s=90)
    line.add(public_clips / "av1.mkv", "b.mkv", age_s=80)
    for name in ("write_text", "write_history"):

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(watch, name, dies if name == "write_history" else _second(dies))
            with pytest.raises(KeyboardInterrupt):
                line.watch(once=True)
        assert not line.lines
    assert line.watch(once=True).done == 2
    assert line.runs == ["a.mp4", "b.mkv"]
    assert sorted(path.name for path in line.out.iterdir() if path.is_dir()) == ["a.mp4", "b.mkv"]


def test_it_ends_cleanly_at_a_signal_and_goes_on(line: Line, public_clips: Path) -> None:
    line.add(public_clips / "hevc.mp4", "a.mp4")
    command = [
        *(
            sys.executable,
            "-c",
            "from vidrobust.cli.app import main; main()",
            "watch",
            str(line.folder),
        ),
        *(f"--model={MODEL}", f"--history={line.history}", f"--out={line.out}", "--interval-s=0.2"),
    ]
    root = Path(__file__).resolve().parents[4]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    )
    assert process.stdout is not None
    assert "a.mp4  bright" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert said.strip() == "stopped after 1 recording; the same command goes on from there"
    assert line.runs == ["a.mp4"]
    shutil.copy(public_clips / "av1.mkv", line.folder / "b.mkv")
    assert run(*command[3:], "--once", "--settle-s=0") == 0
    assert line.runs == ["a.mp4", "b.mkv"]


def test_what_it_refuses(line: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError, match="is not a folder"):
        Watcher(
            Watched(
                folder=tmp_path / "no", out=line.out, history=line.history, settings=Settings()
            ),
            print,
        ).run(once=True)
    given = ("watch", str(line.folder), f"--out={line.out}", "--once")
    assert run(*given, f"--history={line.history}") == 2
    assert "no model given" in capsys.readouterr().err
    assert run(*given, f"--model={MODEL}") == 2
    assert "Missing option '--history'" in capsys.readouterr().err
    (tmp_path / "bad.parquet").write_text("no table")
    assert run(*given, f"--model={MODEL}", f"--history={tmp_path / 'bad.parquet'}") == 3
    assert "cannot be read as a history" in capsys.readouterr().err
    assert run(*given, f"--model={MODEL}", f"--history={line.history}", "--stage=nothing") == 2
    assert "expected one of" in capsys.readouterr().err
