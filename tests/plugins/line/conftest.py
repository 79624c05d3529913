"""Clips of the simulated line, staged but not coded, one a set of dials."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from vidrobust.plugins.line.dials import station_settings
from vidrobust.plugins.line.render import ClipPlan, stage


@dataclass(frozen=True)
class Shot:
    """frames (N, 480, 640, 3) uint8, and the truth, one row a frame."""

    frames: np.ndarray
    truth: pd.DataFrame


def shoot(*dials, part=2, frames=30, seed=3, step=1):
    """Each step-th frame of a part's first clip (2 is a defective cap) under dials as the command line takes them."""
    settings = station_settings(dials, 1)[0]
    at = {"part": part, "pass_": 1, "station": 1, "frames": frames, "seed": seed}
    clip = stage(ClipPlan(**at, settings=settings))
    rows = range(0, frames, step)
    pictures = np.stack([clip.camera.frame(row) for row in rows])
    return Shot(frames=pictures, truth=pd.DataFrame(clip.truth()).iloc[list(rows)])


@pytest.fixture(scope="session")
def still():
    """All dials at rest."""
    return shoot(frames=6)


@pytest.fixture(scope="session")
def shot():
    """``shoot`` itself."""
    return shoot
