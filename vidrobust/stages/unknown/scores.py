"""SCORES: how unknown a frame is, in six ways; each a number a frame, higher where it is less known.

A score is fitted on known frames and then asked of others; three of them need no fit. What a network cannot say
(features, logits, gradients) leaves scores out, and the reason is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from vidrobust.models.inside.looked import Looked
from vidrobust.stages.unknown.distances import Mahalanobis, Neighbours
from vidrobust.stages.unknown.names import ENERGY, MAHALANOBIS, NEIGHBOURS, ODIN, ROTATION, SURE, TITLES
from vidrobust.stages.unknown.turns import Turns

Scored = Callable[[Looked], np.ndarray]
"""Frames -> (N,) float64."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One way to say how unknown a frame is.

    name      in tables and files
    title     in sentences
    needs     the field of Looked without which it cannot be had
    reason    which of the reasons in ``Look.lacks`` then holds
    fitted    (known frames, the answers (N,) int) -> the score
    """

    name: str
    title: str
    needs: str
    reason: str
    fitted: Callable[[Looked, np.ndarray], Scored]


def _surest(looked: Looked) -> np.ndarray:
    return 1.0 - looked.surest


def _energy(looked: Looked) -> np.ndarray:
    """Minus the logarithm of the sum of the exponentials of the logits."""
    assert looked.logits is not None
    return np.asarray(-special.logsumexp(looked.logits, axis=1))


def _odin(looked: Looked) -> np.ndarray:
    assert looked.odin is not None
    return 1.0 - looked.odin


def _neighbours(known: Looked, answer: np.ndarray) -> Scored:
    assert known.features is not None
    found = Neighbours.fitted(known.features)
    return lambda looked: found(_there(looked.features))


def _mahalanobis(known: Looked, answer: np.ndarray) -> Scored:
    assert known.features is not None
    found = Mahalanobis.fitted(known.features, answer)
    return lambda looked: found(_there(looked.features))


def _turns(known: Looked, answer: np.ndarray) -> Scored:
    assert known.turned is not None
    found = Turns.fitted(known.turned)
    return lambda looked: found(_there(looked.turned))


def _there(values: np.ndarray | None) -> np.ndarray:
    assert values is not None, "a network gives features of all frames, or of none"
    return values


_WAYS: dict[str, tuple[str, str, Callable[[Looked, np.ndarray], Scored]]] = {
    NEIGHBOURS: ("features", "features", _neighbours),
    MAHALANOBIS: ("features", "features", _mahalanobis),
    ENERGY: ("logits", "logits", lambda known, answer: _energy),
    SURE: ("surest", "", lambda known, answer: _surest),
    ODIN: ("odin", "odin", lambda known, answer: _odin),
    ROTATION: ("turned", "features", _turns),
}
SCORES = tuple(
    Score(name=name, title=title, needs=_WAYS[name][0], reason=_WAYS[name][1], fitted=_WAYS[name][2])
    for name, title in TITLES.items()
)
"""In the order of ``names.TITLES``."""
