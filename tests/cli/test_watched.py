"""The process that watches a command ends as the command did, and stops it when it is stopped."""

import os
import signal
import subprocess
import sys
import time

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("needs Linux: elsewhere nobody watches", allow_module_level=True)

WATCHED = """
import os, signal, sys, time, vidrobust.cli.watched as watched
def command():
    {body}
watched.command = command
watched.main()
"""


class Started:
    def __init__(self, body, folder, *, first="pass", passing=None):
        self.begun, self.errors = folder / "begun", folder / "errors"
        program = WATCHED.format(body=f"{first}; open({str(self.begun)!r}, 'w'); {body}")
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program],
                stderr=errors,
                pass_fds=[passing] if passing is not None else [],
            )
        until = time.monotonic() + 60
        while not self.begun.exists():
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.parametrize(
    ("body", "code", "lines"),
    [
        ("pass", 0, 0),
        ("sys.exit(1)", 1, 0),
        ("os._exit(0)", 3, 1),
        ("os._exit(1)", 3, 1),
        ("os._exit(130)", 130, 0),  # Ctrl-C ends like this
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, 0),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, 0),
        # a process that is left behind is not waited for
        ("os.fork() or (time.sleep(5), os._exit(0))", 0, 0),
    ],
)
def test_it_ends_as_its_command_did(tmp_path, body, code, lines):
    started = Started(body, tmp_path)
    assert started.process.wait(4) == code
    assert started.errors.read_text().count("\n") == lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_it_reaches_the_command(tmp_path, number):
    handler = f"signal.signal({int(number)}, lambda *_: sys.exit(7))"
    # in short steps: of a signal just before a sleep Python takes no notice until its end
    started = Started("[time.sleep(0.01) for _ in range(3000)]", tmp_path, first=handler)
    started.process.send_signal(number)
    assert started.process.wait(20) == 7


def test_nothing_goes_on_when_it_is_killed(tmp_path):
    reading, writing = os.pipe()
    late = f"time.sleep(1); os.write({writing}, b'late'); os._exit(0)"
    started = Started(late, tmp_path, passing=writing)
    os.close(writing)
    started.process.kill()
    with open(reading, "rb") as pipe:  # ends when nobody is left who could write
        assert pipe.read() == b""
    started.process.wait(20)
