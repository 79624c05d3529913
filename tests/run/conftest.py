"""One real study, run once by the command line, for all tests that look at what it left behind."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from vidrobust.cli import main
from vidrobust.run.folder import RunFolder

NETS = ("mobilenet_v1_0.25_128.onnx", "mobilenet_v1_0.5_160.onnx")


@dataclass(frozen=True)
class Ran:
    """A finished command: where its run folder is, and how it ended."""

    folder: RunFolder
    code: int


def run(*arguments: str) -> int:
    """The exit code of the command line."""
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="session")
def ran(corpus: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Two line clips, two networks, every stage; beside them four inputs that cannot be read."""
    base = tmp_path_factory.mktemp("study")
    sources = base / "line"
    sources.mkdir()
    for name in ("intel_preview_bolt-multi-size-detection.gif", "flour_bag_conveyor_output.gif"):
        shutil.copy(corpus / "factory" / name, sources / name)
    (sources / "notes.txt").write_text("shift 2, camera cleaned\n")
    bad = [
        corpus / "faults" / n
        for n in ("moviepy_result.webm", "git_lfs_pointer.mp4", "torchcodec_sine_mono_s16.wav")
    ]
    code = run(
        "study",
        str(sources),
        *map(str, bad),
        str(base / "absent.mp4"),
        *(f"--model=onnx:{models / net}" for net in NETS),
        f"--out={base / 'run'}",
        "--frames=4",
        "--pairs=4",
        "--resamples=200",
        "--quiet",
    )
    return Ran(RunFolder(base / "run"), code)
