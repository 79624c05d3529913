"""The wheel holds every file of the package that git knows, and the citation is of this version."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import vidrobust

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the tree, by the builder that is installed."""
    base = tmp_path_factory.mktemp("wheel")
    tree, ignored = base / "tree", shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "vidrobust", tree / "vidrobust", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-q"]
    command += ["-w", str(base)]
    subprocess.run(command, cwd=base / "tree", check=True, capture_output=True, timeout=200)
    (made,) = base.glob("*.whl")
    return made


def test_the_wheel_holds_every_file_of_the_package(wheel):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("vidrobust/")}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "vidrobust").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(wanted) > 400
    assert wanted - inside == set()
    assert inside - wanted == set()


def test_the_citation_is_of_this_version():
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert said["version"] == vidrobust.__version__
    assert said["license"] == "Apache-2.0"
