"""vidrobust doctor: what it says is checked against this very machine."""

import shutil

import av
import pytest
import torch

from vidrobust.install_hint import installed, pip_install
from vidrobust.plugins.tools.doctor import diagnose


@pytest.fixture(scope="module")
def rows():
    return {row["what"]: row for row in diagnose()}


def test_rows_have_one_form(rows):
    assert all(list(row) == ["what", "status", "detail"] for row in rows.values())
    assert {row["status"] for row in rows.values()} <= {"ok", "missing", "broken"}
    assert all(row["detail"] for row in rows.values())


def test_versions_are_those_in_use(rows):
    assert rows["torch"]["detail"] == torch.__version__
    assert rows["av"]["detail"] == av.__version__
    version = f"{av.__version__} FFmpeg {av.ffmpeg_version_info}"
    assert rows["decoder pyav"]["detail"].startswith(version)
    assert rows["decoder pyav"]["status"] == "ok"


def test_devices_and_programs(rows):
    cuda = [row for what, row in rows.items() if what.startswith("device cuda")]
    assert all((row["status"] == "ok") == torch.cuda.is_available() for row in cuda)
    assert (rows["program ffmpeg"]["status"] == "ok") == (shutil.which("ffmpeg") is not None)


def test_missing_extras_say_how_to_get_them(rows):
    extras = {what: row for what, row in rows.items() if what.startswith("extra ")}
    known = ("demo", "onnx", "timm", "decord", "torchcodec")
    assert {f"extra {name}" for name in known} <= set(extras)
    for what, row in extras.items():
        if row["status"] == "missing":
            assert pip_install(what.split()[1]) in row["detail"]
        else:
            assert all(installed(package) for package in row["detail"].split(", "))


def test_installed():
    assert installed("av") == av.__version__
    assert installed("a-distribution-that-is-not-there") is None
