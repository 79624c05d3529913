"""Devices by name, and deterministic algorithms."""

import os
import subprocess
import sys

import pytest
import torch

from vidrobust.errors import SettingsError
from vidrobust.frames.device import resolve_device, resolve_or_cpu


def test_names():
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert resolve_device("auto") == torch.device(expected)
    assert resolve_or_cpu("auto") == (expected, "")
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_or_cpu("cuda:99")[0] == "cpu"
    said = r"cuda:99 was asked for, but torch .* sees . CUDA GPUs"
    with pytest.raises(SettingsError, match=said):
        resolve_device("cuda:99")
    for wrong in ("gpu", "cuda:x", "cuda:", ""):
        with pytest.raises(SettingsError, match="expected auto, cpu, cuda or cuda:N"):
            resolve_or_cpu(wrong)


def test_deterministic_is_for_a_whole_process():
    """An operation that has no such algorithm raises afterwards; in a process of its own, since it stays so."""
    code = (
        "import torch\nfrom vidrobust.frames.device import make_deterministic\nmake_deterministic()\n"
        "assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark\n"
        "assert torch.get_num_threads() == 1\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WAITS = """
import os
{before}
from vidrobust.frames.device import tune_process
tune_process()
print(os.environ.get("GOMP_SPINCOUNT"))
"""


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", "10000"),
        ("os.environ['GOMP_SPINCOUNT'] = '5'", "5"),
        ("os.environ['OMP_WAIT_POLICY'] = 'ACTIVE'", "None"),
    ],
)
def test_threads_soon_sleep_unless_the_user_says_otherwise(before, expected):
    own = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {k: v for k, v in os.environ.items() if k not in own}
    code = WAITS.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


HOLES = """
import numpy as np
from vidrobust.frames.device import trim_heap

def resident_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

pictures = [np.full(100_000, 7, np.uint8) for _ in range(3000)]
pictures = pictures[::60]  # what stays lies between what was freed
before = resident_mb()
trim_heap()
print(before - resident_mb())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux: glibc")
def test_memory_that_is_free_amid_what_stays_is_given_back():
    """300 MB in pieces, of which 5 MB stay."""
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 200
