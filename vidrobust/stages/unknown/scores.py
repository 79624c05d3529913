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
from vidrobust.stages.unknown.turns import Turns

Scored = Callable[[Looked], np.ndarray]
"""Frames -> (N,) float64."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One way to say how unknown a frame is.

    name      in tables and files
    title     in sentences
    source    the paper
    needs     the field of Looked without which it cannot be had
    reason    which of the reasons in ``Look.lacks`` then holds
    fitted    (known frames, the answers (N,) int) -> the score
    """

    name: str
    title: str
    source: str
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


NEIGHBOURS, SURE, ENERGY = "neighbours", "max_softmax", "energy"
ROTATION = "rotation"
SCORES = (
    Score(
        name=NEIGHBOURS,
        title="distance to the nearest known frames",
        source="Sun et al. 2022",
        needs="features",
        reason="features",
        fitted=_neighbours,
    ),
    Score(
        name="mahalanobis",
        title="Mahalanobis distance",
        source="Lee et al. 2018",
        needs="features",
        reason="features",
        fitted=_mahalanobis,
    ),
    Score(
        name=ENERGY,
        title="energy",
        source="Liu et al. 2020",
        needs="logits",
        reason="logits",
        fitted=lambda known, answer: _energy,
    ),
    Score(
        name=SURE,
        title="largest probability",
        source="Hendrycks & Gimpel 2017",
        needs="surest",
        reason="",
        fitted=lambda known, answer: _surest,
    ),
    Score(
        name="odin",
        title="ODIN",
        source="Liang et al. 2018",
        needs="odin",
        reason="odin",
        fitted=lambda known, answer: _odin,
    ),
    Score(
        name=ROTATION,
        title="which way up",
        source="Golan & El-Yaniv 2018, Hendrycks et al. 2019",
        needs="turned",
        reason="features",
        fitted=_turns,
    ),
)
"""In the order in which one is taken to speak for all: the first that can be had. It is fixed before any footage
is looked at, so that no score is chosen by its result."""
TITLES = {score.name: score.title for score in SCORES}
