"""A study asks no network: no name is looked up and no host connected, by Python or by a library below it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.test_faults import MODEL
from tests.pipeline.conftest import NETS
from tests.shrunk import shrink
from tests.skips import need

DENIED = """
import socket, sys

def refuse(*args, **more):
    sys.stderr.write(f"look-up: {args}\\n")
    raise OSError("the network is denied")

socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
connect = socket.socket.connect
socket.socket.connect = lambda self, where: (
    connect(self, where) if self.family == socket.AF_UNIX else refuse(where)
)
from vidrobust.cli.app import main
main(sys.argv[1:])
"""
SOCKET = re.compile(r"(?:connect|sendto|sendmsg)\(.*AF_INET")
"""Lines of strace that connect to a host or send it a datagram: a look-up asks a name server that way."""


def arguments(clip: Path, model: str, out: Path) -> list[str]:
    few = ("--end-s=0.4", "--perturbation=brightness", "--frames=1", "--pairs=1", "--resamples=19")
    return ["study", str(clip), f"-m{model}", f"-o{out}", *few]


def start(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "VIDROBUST_ENGINE": "torch", **more}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280
    )


def test_a_study_without_a_network_looks_nothing_up(public_clips: Path, tmp_path: Path) -> None:
    (tmp_path / "halving.py").write_text(MODEL)
    clip = shrink(public_clips / "line-flour-bags.gif", tmp_path)
    given = arguments(clip, "halving:halves", tmp_path / "run")
    ended = start([sys.executable, "-c", DENIED, *given], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "look-up" not in ended.stderr
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.nightly
def test_no_library_below_python_connects(public_clips: Path, models: Path, tmp_path: Path) -> None:
    """ONNX Runtime among them, which looks its maker's host up unless it is told not to before its import."""
    need(shutil.which("strace"), "strace is not installed")
    log = tmp_path / "calls.txt"
    clip = shrink(public_clips / "line-flour-bags.gif", tmp_path)
    given = arguments(clip, f"onnx:{models / NETS[0]}", tmp_path / "run")
    given = ["stability", *given[1:5]]
    traced = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log)]
    ended = start(
        [*traced, sys.executable, "-m", "vidrobust", *given], tmp_path, VIDROBUST_ENGINE="auto"
    )
    if ended.returncode == 1 and "ptrace" in ended.stderr:
        pytest.skip("processes cannot be traced here")
    assert ended.returncode == 0, ended.stderr
    assert [line for line in log.read_text().splitlines() if SOCKET.search(line)] == []


def test_telemetry_is_off_before_onnx_runtime_is_imported() -> None:
    """Whoever imports it, the variable that it reads at its import is set by then."""
    program = """
import importlib.abc, os, sys

class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
        return None

sys.meta_path.insert(0, Watch())
from vidrobust.models.onnx_runtime import onnxruntime
onnxruntime()
"""
    pytest.importorskip("onnxruntime")
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert ended.stdout.split() == ["1"], ended.stderr
    package = Path(__file__).parents[2] / "vidrobust"
    direct = re.compile(r"^ *(?:import|from) onnxruntime\b", re.M)
    importing = {path for path in package.rglob("*.py") if direct.search(path.read_text())}
    # the quantisation module asks for it first
    assert {path.name for path in importing} == {"onnx_runtime.py", "engines.py"}
