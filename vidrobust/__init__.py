"""Video-based robustness analysis. Names are loaded on first use, so that importing costs nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vidrobust.version import VERSION

if TYPE_CHECKING:
    from vidrobust.api.run import Run as Run
    from vidrobust.api.run import load_run as load_run
    from vidrobust.api.stability import assert_stable as assert_stable
    from vidrobust.api.stability_metric import Stability as Stability
    from vidrobust.api.study import Progress as Progress
    from vidrobust.api.study import compare as compare
    from vidrobust.api.study import flip_rate as flip_rate
    from vidrobust.api.study import study as study
    from vidrobust.errors import InputError as InputError
    from vidrobust.errors import SettingsError as SettingsError
    from vidrobust.frames.batch import FrameBatch as FrameBatch
    from vidrobust.frames.batch import VideoInfo as VideoInfo
    from vidrobust.models.load import load_model as load_model
    from vidrobust.perturb.catalogue import PERTURBATIONS as PERTURBATIONS
    from vidrobust.perturb.catalogue import suite as suite
    from vidrobust.predictions import Classifications as Classifications
    from vidrobust.predictions import Detections as Detections
    from vidrobust.run_folder.settings import Settings as Settings
    from vidrobust.video.source import open_video as open_video

_NAMES = {
    "study": "vidrobust.api.study",
    "flip_rate": "vidrobust.api.study",
    "compare": "vidrobust.api.study",
    "Stability": "vidrobust.api.stability_metric",
    "assert_stable": "vidrobust.api.stability",
    "load_run": "vidrobust.api.run",
    "Run": "vidrobust.api.run",
    "Progress": "vidrobust.api.study",
    "Settings": "vidrobust.run_folder.settings",
    "open_video": "vidrobust.video.source",
    "load_model": "vidrobust.models.load",
    "PERTURBATIONS": "vidrobust.perturb.catalogue",
    "suite": "vidrobust.perturb.catalogue",
    "Classifications": "vidrobust.predictions",
    "Detections": "vidrobust.predictions",
    "FrameBatch": "vidrobust.frames.batch",
    "VideoInfo": "vidrobust.frames.batch",
    "SettingsError": "vidrobust.errors",
    "InputError": "vidrobust.errors",
}
"""Where each name is defined; a type checker reads the same above, and a test compares the two."""

__version__ = VERSION
__all__ = ["__version__", *_NAMES]  # built from the table above, so that the two cannot differ


def __getattr__(name: str) -> object:
    if name not in _NAMES:
        raise AttributeError(f"module 'vidrobust' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
