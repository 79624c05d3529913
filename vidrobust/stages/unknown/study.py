"""One classifier: its scores on known footage and on the footage, and what follows from them. No footage here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from vidrobust.models.inside.looked import Looked, rows_of
from vidrobust.stages.unknown.asked import Asked
from vidrobust.stages.unknown.held_out import Calibrated, calibrated, folds_of, held_out_scores
from vidrobust.stages.unknown.link import Link, links
from vidrobust.stages.unknown.names import ROTATION
from vidrobust.stages.unknown.outside import Outside, outside
from vidrobust.stages.unknown.scores import SCORES, Score
from vidrobust.stages.unknown.turns import Turns
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import clustered_mean
from vidrobust.text.numbers import percent_with_interval

CHANCE = 0.25
LEAST_TOLD = 0.5
"""A probe that tells fewer of the turns of held-out known frames knows nothing of them worth doubting."""


@dataclass(frozen=True)
class ScoreStudied:
    """A score of N frames of the footage; without values where it cannot be had, and ``why`` says why not."""

    score: Score
    why: str = ""
    values: np.ndarray | None = None
    known: Calibrated | None = None
    outside: Outside | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Events:
    """margin (N,) of the footage's frames, and by name what happens at them, as ``link.links`` takes it."""

    margin: np.ndarray
    happens: Mapping[str, np.ndarray]


def study(
    known: Asked, footage: Asked, model: str, lacks: Mapping[str, str], events: Events, rate: float
) -> list[ScoreStudied]:
    """Every score of a classifier, in their fixed order; ``rate``: of false alarms that are allowed."""
    return [_studied(score, known, footage, model, lacks, events, rate) for score in SCORES]


def leading(found: list[ScoreStudied]) -> ScoreStudied | None:
    """The score that speaks for the classifier: the first that can be had."""
    return next((each for each in found if each.values is not None), None)


def _studied(
    score: Score,
    known: Asked,
    footage: Asked,
    model: str,
    lacks: Mapping[str, str],
    events: Events,
    rate: float,
) -> ScoreStudied:
    of_known, of_footage = known.looked[model], footage.looked[model]
    why = _lack(score, of_known, lacks) or _refused(score, of_known, known)
    if why:
        return ScoreStudied(score, why)
    clusters = known.clusters

    def scored(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return score.fitted(rows_of(of_known, fit), of_known.answer[fit])(rows_of(of_known, rows))

    held_out = held_out_scores(scored, clusters, *_places(known))
    level = calibrated(held_out, clusters, rate)
    values = score.fitted(of_known, of_known.answer)(of_footage)
    own = footage.clusters
    return ScoreStudied(
        score,
        "",
        values,
        level,
        outside(values, level, own),
        tuple(links(values, events.margin, dict(events.happens), own)),
    )


def _lack(score: Score, looked: Looked, lacks: Mapping[str, str]) -> str:
    if getattr(looked, score.needs) is not None:
        return ""
    return lacks.get(score.reason, "the network does not give what it needs")


def _refused(score: Score, looked: Looked, known: Asked) -> str:
    """Why the probe of turns is not to be believed, or nothing."""
    if score.name != ROTATION or looked.turned is None:
        return ""
    turned = looked.turned

    def right(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return Turns.fitted(turned[fit]).right(turned[rows])

    clusters: Clusters = known.clusters
    if int(folds_of(clusters).max(initial=0)) < 1:
        return "known footage is too little to try the probe on frames that it was not fitted on"
    told = clustered_mean(held_out_scores(right, clusters, *_places(known)), clusters, bounds=(0.0, 1.0))
    if told.value >= LEAST_TOLD and told.low > CHANCE:
        return ""
    share = percent_with_interval(told.value, told.low, told.high)
    return f"the probe tells {share} of the turns of held-out known frames, by chance it would be a quarter"


def _places(known: Asked) -> Iterator[np.ndarray]:
    yield known.rows["item"].to_numpy(object).astype(str)
    yield known.rows["time_s"].to_numpy(np.float64)
