"""What several tests need: the folders of real footage and networks, and studies that are made once."""

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from tests.undrawn import undrawn

if "PYTEST_XDIST_WORKER" in os.environ:
    # a process for each processor: threads would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# engines have tests of their own; models load as they are
os.environ.setdefault("VIDROBUST_ENGINE", "torch")
# tests import onnxruntime themselves, to compare with it
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
pytest_plugins = ("tests.skips", "tests.durations")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """made_once(name, make): the folder that ``make(folder)`` filled, by the first worker that asks for it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name, make):
        folder, done = base / name, base / f"{name} is made"
        with FileLock(base / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker that failed half-way
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture
def printed(capsys):
    """printed(code, *arguments): what a command that ends with this exit code prints, as ``out`` and ``err``."""
    from tests.pipeline.conftest import run  # when the variables above are set

    def ended(code, *arguments):
        capsys.readouterr()
        assert run(*map(str, arguments)) == code
        return capsys.readouterr()

    return ended


@pytest.fixture(scope="module")
def without_figures():
    """For modules whose tests read the words of pages alone."""
    with undrawn():
        yield


@pytest.fixture(scope="session")
def public_clips():
    """The folder of footage that comes with the repository (tests/footage_media, with CREDITS.csv)."""
    return Path(__file__).resolve().parent / "footage_media"


@pytest.fixture
def annotations(corpus):
    return corpus / "annotations"


@pytest.fixture
def changed(annotations, tmp_path):
    """changed(name, (old, new), ...): a copy of a real file in which each ``old``, there once, is ``new``."""

    def copy(name, *changes):
        path = tmp_path / Path(name).name
        shutil.copyfile(annotations / name, path)
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
            text = text.replace(old, new)
        path.write_text(text)
        return path

    return copy
