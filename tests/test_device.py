"""Devices by name, and deterministic algorithms."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from vidrobust.device import resolve_device, resolve_or_cpu
from vidrobust.errors import SettingsError


def test_names() -> None:
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto") == torch.device(expected)
    assert resolve_or_cpu("auto") == (expected, "")
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_or_cpu("cuda:99")[0] == "cpu"
    with pytest.raises(SettingsError, match=r"cuda:99 was asked for, but torch .* sees . CUDA GPUs"):
        resolve_device("cuda:99")
    for wrong in ("gpu", "cuda:x", "cuda:", ""):
        with pytest.raises(SettingsError, match="expected auto, cpu, cuda or cuda:N"):
            resolve_or_cpu(wrong)


def test_deterministic_is_for_a_whole_process() -> None:
    """An operation that has no such algorithm raises afterwards; in a process of its own, since it stays so."""
    code = (
        "import torch\nfrom vidrobust.device import make_deterministic\nmake_deterministic()\n"
        "assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark\n"
        "assert torch.get_num_threads() == 1\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
