"""A process that inspects and studies one file after another, under limits that hold for each of them.

It reads a path and an output folder a line, as JSON, and answers with one line: how the two commands ended. The
driver kills it where it takes too long or too much memory; a signal ends it by itself.
"""

import contextlib
import io
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path

DATA_LIMIT = 3 * 2**30
"""Bytes of private memory that the process may ask for; beyond it a MemoryError comes."""
LOOK = ("--model=tests.fuzz.tiny:model", "--quiet", "--end-s=1", "--budget=12s")
STUDY = ("--model=tests.fuzz.tiny:model", *("--pairs=1", "--quiet", "--end-s=1", "--batch=8"))


def main():
    """Serve until standard input ends."""
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_LIMIT, DATA_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    from vidrobust.cli.app import main as command

    print(json.dumps({"ready": os.getpid()}), file=answers, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        _forget_peak()
        started = time.process_time()
        found = {
            "inspect": _ended(command, ["inspect", job["path"]]),
            "study": _ended(command, ["causes", job["path"], f"--out={job['out']}", *STUDY]),
        }
        if found["study"]["code"] == 0:
            found["study"] = _ended(command, ["stability", job["out"], "--quiet"])
        if job["look"]:
            look = ["look", job["path"], f"--out={job['out']}.look", *LOOK]
            found["look"] = _ended(command, look)
        used = round(time.process_time() - started, 2)
        print(json.dumps({**found, "peak": _peak(), "cpu_s": used}), file=answers, flush=True)


def _ended(command, arguments):
    """Exit code, None for an exception that nobody caught, and what was said last."""
    said = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            command(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
        except BaseException:
            code = None
            said.write(traceback.format_exc())
    return {"code": code, "said": said.getvalue()[-1500:]}


def _forget_peak():
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak():
    """Bytes of main memory at most since it was forgotten."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
