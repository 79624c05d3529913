"""No library below Python asks the network, and none reports to its maker; Python itself: tests/apart.py."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.conftest import NETS
from tests.shrunk import shrink
from tests.skips import need

SOCKET = re.compile(r"(?:connect|sendto|sendmsg)\(.*AF_INET")
"""Lines of strace that connect to a host or send it a datagram: a look-up asks a name server that way."""


@pytest.mark.nightly
def test_no_library_below_python_connects(public_clips, models, tmp_path):
    """ONNX Runtime among them, which looks its maker's host up unless it is told not to before its import."""
    need(shutil.which("strace"), "strace is not installed")
    log = tmp_path / "calls.txt"
    clip = shrink(public_clips / "line-flour-bags.gif", tmp_path)
    traced = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log)]
    program = [sys.executable, "-m", "vidrobust", "stability", str(clip), "--end-s=0.4"]
    ended = subprocess.run(
        [*traced, *program, f"-monnx:{models / NETS[0]}", f"-o{tmp_path / 'run'}"],
        env={**os.environ, "VIDROBUST_ENGINE": "auto"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    if ended.returncode == 1 and "ptrace" in ended.stderr:
        pytest.skip("processes cannot be traced here")
    assert ended.returncode == 0, ended.stderr
    assert [line for line in log.read_text().splitlines() if SOCKET.search(line)] == []


def test_telemetry_is_off_before_an_engine_is_imported():
    """ONNX Runtime reads a variable at its import, OpenVINO imports a package."""
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
from vidrobust.models.engines import _openvino
_openvino().Core()
from openvino import convert_model
print(convert_model.__name__, "openvino_telemetry" in sys.modules)
"""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    command, told = [sys.executable, "-c", program], {"capture_output": True, "text": True}
    ended = subprocess.run(command, env=environment, **told)
    assert ended.stdout.split() == ["1", "convert_model", "False"], ended.stderr
    package = Path(__file__).parents[2] / "vidrobust"
    direct = re.compile(r"^ *(?:import|from) onnxruntime\b", re.M)
    importing = {path for path in package.rglob("*.py") if direct.search(path.read_text())}
    # those that quantise and round ask for it first
    assert {path.name for path in importing} == {"onnx_runtime.py", "exported.py", "chain.py"}
