"""Ctrl-C in a process of its own: signals to a process that hundreds of tests have left threads in are no test."""

import subprocess
import sys
from pathlib import Path


def test_signals_in_a_process_of_its_own():
    file = Path(__file__).with_name("interrupts_apart.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "6 passed" in done.stdout
