"""Video-based robustness analysis. Names are loaded on first use, so that importing costs nothing."""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "study": "vidrobust.api",
    "flip_rate": "vidrobust.api",
    "load_run": "vidrobust.api",
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

__version__ = "0.1.0"
__all__ = ["__version__", *_NAMES]  # built from the table above, so that the two cannot differ


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'vidrobust' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
