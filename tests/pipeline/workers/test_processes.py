"""Units done by several processes: the same tables to the last bit, whatever happens to a worker."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.conftest import few, run
from tests.shrunk import shrink

MODELS = '''
import os, signal, sys, time
from pathlib import Path
import numpy as np
from vidrobust.predictions import Classifications

HERE = Path(__file__).parent


class Plain:
    """Five bands of brightness."""

    name = "plain"
    class_names = tuple("abcde")
    task = "classification"
    version = "1"

    def __init__(self):
        (HERE / "pids" / str(os.getpid())).touch()

    def __call__(self, pixels):
        share = pixels.float().mean(dim=(1, 2, 3)).numpy()[:, None] / 255
        score = np.exp(-((share * 8 - np.arange(5)) ** 2) * 4)
        return Classifications((score / score.sum(axis=1, keepdims=True)).astype(np.float32), self.class_names)


class Dying(Plain):
    """Its process is killed, once in each of these files of the package."""

    name = "dying"

    def __call__(self, pixels):
        in_worker = pixels.shape[-1] > 128 and str(os.getpid()) != os.environ["ASKS"]
        if in_worker and "SLOW" in os.environ:
            (HERE / "pids" / f"{os.getpid()} works").touch()
        time.sleep(float(os.environ.get("SLOW", "0")))
        if in_worker:
            for name in os.environ.get("ONCE_IN", "").split():
                mark = HERE / f"died in {name.replace('/', ' ')}"
                if name in _files() and not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(pixels)


def _files():
    frame, found = sys._getframe(), []
    while frame:
        found.append("/".join(Path(frame.f_code.co_filename).parts[-2:]))
        frame = frame.f_back
    return found


def plain():
    return Plain()


def dying():
    return Dying()
'''
START = """
import os, signal
os.environ["ASKS"] = str(os.getpid())
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore it
from vidrobust.cli.app import main; main()
"""
"""Without a guard against being run again: workers do not run the script that started them."""
ROOT = Path(__file__).resolve().parents[3]


class Place:
    """A folder with two short clips, a file that is none, and models of which one dies."""

    def __init__(self, base, clips):
        self.base = base
        (base / "line").mkdir()
        (base / "pids").mkdir()
        shrink(clips / "line-bolt.gif", base / "line")
        (base / "line" / "hevc.mp4").write_bytes((clips / "hevc.mp4").read_bytes())
        (base / "line" / "broken.mp4").write_bytes(b"\0" * 999)
        (base / "modelled.py").write_text(MODELS)

    def command(self, out):
        models = ("-mmodelled:plain", "-mmodelled:dying")
        sources = (str(self.base / "line"), *models, f"-o{self.base / out}")
        return ["correlate", *sources, *few("correlate")]

    def start(self, out, *more, **env):
        for left in (self.base / "pids").iterdir():
            left.unlink()  # the system may give its number to another process by now
        return subprocess.Popen(
            [sys.executable, "-c", START, *self.command(out), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.base,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}{os.pathsep}{self.base}",
                "OMP_NUM_THREADS": "1",
                **env,
            },
            start_new_session=True,
        )

    def run(self, out, *more, **env):
        """Exit code, and what was said."""
        with self.start(out, *more, **env) as process:
            _, summary = process.communicate(timeout=280)
        return process.returncode, summary

    def json(self, out):
        return json.loads((self.base / out / "run.json").read_text())

    def alive(self):
        """Processes that opened the models and are still there."""
        opened = [int(path.name) for path in (self.base / "pids").glob("*[0-9]")]
        return [pid for pid in opened if _is_alive(pid)]

    def at_work(self):
        """Workers that were given frames since the start, if SLOW is set."""
        return [int(path.name.split()[0]) for path in (self.base / "pids").glob("* works")]


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def same(a, b):
    """Every table of two run folders is the same to the last bit."""
    names = {path.name for path in a.glob("*.parquet")}
    assert names == {path.name for path in b.glob("*.parquet")}
    assert "sensitivity.parquet" in names
    for name in names:
        one, other = (pd.read_parquet(folder / name) for folder in (a, b))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def until(there, seconds=120):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def place(public_clips, tmp_path_factory):
    """With the run ``alone``, done by this process."""
    place = Place(tmp_path_factory.mktemp("workers"), public_clips)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(place.base)
        patch.setenv("ASKS", str(os.getpid()))
        assert run(*place.command("alone")) == 3
        yield place


def test_a_killed_worker_changes_nothing(place):
    """It dies while single frames are seen, when all frames have been; on Ray: test_cluster.py."""
    code, summary = place.run("killed", "--workers=2", ONCE_IN="sensitivity/unit.py")
    assert code == 3, summary
    assert len(list(place.base.glob("died in *"))) == 1
    assert summary.count("a worker was lost (") == summary.count("SIGKILL") == 1
    same(place.base / "alone", place.base / "killed")
    assert place.json("killed")["failed"] == place.json("alone")["failed"]
    assert len(place.json("killed")["failed"]) == 1
    assert not place.alive()


@pytest.mark.nightly
def test_ctrl_c_ends_the_workers_and_the_same_command_goes_on(place):
    """One, to all of them, as a terminal sends it: while they are started, and while they work."""
    moments = {
        "starting": lambda: list((place.base / "pids").glob("*[0-9]")),
        "working": lambda: list((place.base / "working").glob("cache/transitions/*.zip")),
    }
    for out, came in moments.items():
        with place.start(out, "--workers=2", SLOW="2") as process:
            until(came)
            os.killpg(process.pid, signal.SIGINT)
            _, summary = process.communicate(timeout=120)
        assert process.returncode == 130, summary
        assert summary.endswith("stopped\n")
        assert "Traceback" not in summary
        assert not place.alive()
    assert moments["working"]()
    assert run(*place.command("working")) == 3
    same(place.base / "alone", place.base / "working")
    assert not list((place.base / "working").rglob("*.part"))


@pytest.mark.nightly
def test_workers_do_not_outlive_the_one_that_asked(place):
    # none is done before all are there
    with place.start("orphans", "--workers=2", SLOW="2") as process:
        until(lambda: len(place.alive()) == 3)
        process.kill()
        process.communicate()
    until(lambda: not place.alive(), 30)
