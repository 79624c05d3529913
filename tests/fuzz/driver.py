"""Damaged files through ``inspect`` and a short study, each under limits of time and memory; results as lines."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.fuzz.mutations import KINDS, mutated

CPU_LIMIT_S, WALL_LIMIT_S = 60.0, 900.0
"""Time of the processor, and by the clock, for the two commands on one file; a sound file takes about a second."""
MEMORY_LIMIT = 2 * 2**30
"""Bytes of main memory for the same; the process itself has 400 MB."""
WORKER = (sys.executable, "-m", "tests.fuzz.worker")
LOOKS = 5
"""One file of so many is given to ``look`` as well, which takes longer than both others."""
ALLOWED = (0, 3)
"""Exit codes of a command that has coped: done, or an input that could not be read, said in one line."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One damaged file: which file, which damage, and the number that makes it."""

    seed: str
    kind: str
    number: int

    @property
    def name(self):
        return f"{self.number:05d} {self.kind} {self.seed}"


def cases(files, *, seed, per_kind):
    """So many of each kind, the files in turn, in an order that the seed shuffles."""
    rng = np.random.default_rng(seed)
    found = []
    for kind in KINDS:
        order = []
        while len(order) < per_kind:
            order += rng.permutation(len(files)).tolist()
        found += [Case(seed=files[i].name, kind=kind, number=0) for i in order[:per_kind]]
    shuffled = [found[i] for i in rng.permutation(len(found))]
    return [Case(seed=case.seed, kind=case.kind, number=n) for n, case in enumerate(shuffled)]


def damaged(case, files, seed):
    """The bytes of a case; the same for the same seed."""
    rng = np.random.default_rng(
        [seed, case.number, zlib.crc32(f"{case.kind} {case.seed}".encode())]
    )
    own = next(each for each in files if each.name == case.seed)
    return mutated(own, case.kind, files, rng)


class Pool:
    """One process at a time, made anew where it was killed or has ended."""

    def __init__(self, command=WORKER):
        self._command = command
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def ask(self, path, out, *, look=False):
        """How the commands on a file ended; with ``fault`` where the process did not survive it."""
        process = self._running()
        asked = {"path": str(path), "out": str(out), "look": look}
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        return self._answer(process)

    def _running(self):
        if self._process is None:
            environment = {
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "VIDROBUST_ENGINE": "torch",
                "PYTHONFAULTHANDLER": "1",
                "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            }
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self._answer(self._process)
        return self._process

    def _answer(self, process):
        started, used = time.monotonic(), _cpu_s(process.pid)
        line = b""
        while not line.endswith(b"\n"):
            if select.select([process.stdout], [], [], 0.05)[0]:
                read = os.read(process.stdout.fileno(), 2**16)
                if not read:
                    return self._lost(f"ended by {_how(process.wait())}")
                line += read
            elif _memory(process.pid) > MEMORY_LIMIT:
                return self._lost("took more memory than allowed")
            elif (
                _cpu_s(process.pid) - used > CPU_LIMIT_S
                or time.monotonic() - started > WALL_LIMIT_S
            ):
                return self._lost("took more time than allowed")
        return json.loads(line)

    def _lost(self, fault):
        self._end()
        return {"fault": fault}

    def _end(self):
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def run(files, todo, seed, keep=None):
    """A record a case, in order; ``keep``: the folder for files that were not coped with."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as base, Pool() as pool:
        for case in todo:
            path = Path(base) / f"{case.number:05d}-{case.seed}"
            out = Path(base) / "run"
            path.write_bytes(damaged(case, files, seed))
            found = judged(pool.ask(path, out, look=case.number % LOOKS == 0))
            if found["fault"] and keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, keep / path.name)
            path.unlink()
            for folder in (out, out.with_suffix(".look")):
                shutil.rmtree(folder, ignore_errors=True)
            yield {"number": case.number, "kind": case.kind, "file": case.seed, **found}


def judged(answer):
    """An answer with its ``fault``, "" where both commands have coped, and its ``outcome``."""
    if "fault" in answer:
        return {**answer, "outcome": "fault"}
    fault = ""
    for command in ("inspect", "study", *(["look"] if "look" in answer else [])):
        code, said = answer[command]["code"], answer[command]["said"]
        if code not in ALLOWED:
            how = "an exception" if code is None else f"code {code}"
            fault = fault or f"{command} ended with {how}: {said}"
        elif "Traceback (most recent call last)" in said:
            fault = fault or f"{command} printed a traceback: {said}"
        elif code == 3 and ("! " if command == "inspect" else "error: ") not in said:
            fault = fault or f"{command} did not say what is wrong: {said}"
    codes = {answer[command]["code"] for command in ("inspect", "study")}
    outcome = "fault" if fault else "refused" if answer["study"]["code"] == 3 else "studied"
    return {
        "fault": fault,
        "outcome": outcome,
        "codes": sorted(map(str, codes)),
        **{k: answer[k] for k in ("peak", "cpu_s")},
    }


def summary(records):
    """Counts of the outcomes, by kind and in all, the largest memory and the longest time."""
    kinds = {kind: [r["outcome"] for r in records if r["kind"] == kind] for kind in KINDS}
    by_kind = {kind: dict(Counter(outcomes)) for kind, outcomes in kinds.items()}
    return {
        "mutations": len(records),
        "files": len({r["file"] for r in records}),
        "by_kind": by_kind,
        "outcomes": dict(Counter(r["outcome"] for r in records)),
        "peak_mb": round(max((r.get("peak", 0) for r in records), default=0) / 2**20),
        "longest_cpu_s": max((r.get("cpu_s", CPU_LIMIT_S) for r in records), default=0.0),
        "faults": [r for r in records if r["fault"]],
    }


def _how(code):
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _cpu_s(pid):
    """Seconds of the processor that a process and its threads have used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def _memory(pid):
    """Resident bytes of a process."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
