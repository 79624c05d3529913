"""Suites that compare frames of their own, not a perturbed with a clean one: ``shift``, and those of plugins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from vidrobust.extensions import Extensions, extensions

if TYPE_CHECKING:
    import pandas as pd

GROUP = "vidrobust.suite_protocols"
"""Group of entry points in which a package names a SuiteProtocol, or several."""


@dataclass(frozen=True, kw_only=True)
class SuiteProtocol:
    """How one suite is studied, for classifiers alone.

    Attributes
    ----------
    suite
        Name of the suite.
    pictures
        Returns how many pictures each model sees of one frame and draw.
    study
        ``(frames, classifiers, *, content, draws, seed, batch, step)`` gives rows of the table ``sensitivity``.
        ``content`` is the key of the footage and seeds the draws; ``step(n)`` reports n pictures.
    """

    suite: str
    pictures: Callable[[], int]
    study: Callable[..., pd.DataFrame]


def protocols() -> dict[str, SuiteProtocol]:
    """Return the protocols of the core and of plugins, by suite."""
    return {each.suite: each for each in (SHIFT, *brought().records)}


@cache
def brought() -> Extensions[SuiteProtocol]:
    """Return the protocols of installed plugins."""
    return extensions(GROUP, SuiteProtocol, lambda each: each.suite, {SHIFT.suite})


def _pictures_of_shift() -> int:
    from vidrobust.stages.sensitivity.shift import PICTURES_PER_FRAME

    return PICTURES_PER_FRAME


def _study_shift(*frames_and_models: Any, **how: Any) -> pd.DataFrame:
    from vidrobust.stages.sensitivity.shift import study_pixel_shifts

    return study_pixel_shifts(*frames_and_models, **how)


SHIFT = SuiteProtocol(suite="shift", pictures=_pictures_of_shift, study=_study_shift)
