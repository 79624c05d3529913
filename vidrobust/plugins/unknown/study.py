"""One classifier: its scores on known footage and on the footage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from vidrobust.plugins.unknown import settings as names
from vidrobust.plugins.unknown.footage import FrameReadouts, Neighbours, independent
from vidrobust.plugins.unknown.inside import Readout, rows_of
from vidrobust.plugins.unknown.outside import (
    CANNOT_TELL,
    LINK,
    MARGIN,
    MORE,
    NO_LINK,
    NO_MORE,
    REVERSED,
    Calibration,
    Link,
    OutsideShare,
    calibrated,
    folds_of,
    held_out_scores,
    links,
    outside,
)
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.intervals import Interval, clustered_mean
from vidrobust.text.numbers import percent, percent_with_interval, with_interval

# Which way up is this picture? A linear probe on frozen features, and how little it knows of a frame.
#
# After GeoTrans (Golan & El-Yaniv, NeurIPS 2018, 1805.10917), which trains a network to tell transforms apart and
# takes its doubt as a sign of the unknown, and Hendrycks et al. (NeurIPS 2019, 1906.12340), who do it with
# the four
# quarter turns. Here the network stays as it is, and only a linear layer on its features is fitted.

# Weight of the squared length of the probe's weights, on standardised features.
DECAY = 1e-2
STEPS = 60


@dataclass(frozen=True)
class RotationProbe:
    """A linear probe of the quarter turns: mean and scale (D,) of the features, weights (D + 1, 4)."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    @classmethod
    def fitted(cls, turned: np.ndarray) -> RotationProbe:
        """From features (N, 4, D) of known frames in their four quarter turns."""
        n, turns, d = turned.shape
        x = np.asarray(turned, np.float64).reshape(n * turns, d)
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 1e-9 * max(float(scale.max()), 1e-300), scale, 1.0)
        y = np.tile(np.arange(turns), n)
        return cls(mean, scale, softmax_regression((x - mean) / scale, y, turns))

    def log_probabilities(self, turned: np.ndarray) -> np.ndarray:
        """(M, 4): of each turn the logarithm of the probability that the probe gives to the right one."""
        m, turns, d = turned.shape
        x = (np.asarray(turned, np.float64).reshape(m * turns, d) - self.mean) / self.scale
        found = special.log_softmax(x @ self.weights[:-1] + self.weights[-1], axis=1)
        return np.asarray(found.reshape(m, turns, turns)[:, np.arange(turns), np.arange(turns)])

    def __call__(self, turned: np.ndarray) -> np.ndarray:
        """(M,) float64 mean negative log probability of the right turn."""
        return np.asarray(-self.log_probabilities(turned).mean(axis=1))

    def right(self, turned: np.ndarray) -> np.ndarray:
        """(M,) float64: the share of the four turns that the probe tells."""
        m, turns, d = turned.shape
        x = (np.asarray(turned, np.float64).reshape(m * turns, d) - self.mean) / self.scale
        found = (x @ self.weights[:-1] + self.weights[-1]).argmax(axis=1).reshape(m, turns)
        return np.asarray((found == np.arange(turns)).mean(axis=1))


def softmax_regression(x: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """(D + 1, classes): the weights of least mean cross entropy plus decay, the constants free of decay."""
    n, d = x.shape
    one_hot = np.eye(classes)[y]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(d + 1, classes)
        log_p = special.log_softmax(x @ w[:-1] + w[-1], axis=1)
        off = (np.exp(log_p) - one_hot) / n
        value = -float((log_p * one_hot).sum()) / n + DECAY / 2 * float(np.square(w[:-1]).sum())
        return value, np.vstack([x.T @ off + DECAY * w[:-1], off.sum(axis=0)]).ravel()

    start = np.zeros((d + 1) * classes)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(found.x.reshape(d + 1, classes))


# SCORES: how unknown a frame is, in four ways; each a number a frame, higher where it is less known.
#
# A score is fitted on known frames and then asked of others; two of them need no fit. What a network cannot say
# (features, logits) leaves scores out, and the reason is kept.

# Frames -> (N,) float64.
Scored = Callable[[Readout], np.ndarray]


@dataclass(frozen=True)
class Score:
    """One way to say how unknown a frame is: what it needs, and its fit on known frames."""

    name: str
    title: str
    needs: str
    reason: str
    fitted: Callable[[Readout, np.ndarray], Scored]


def _score(
    name: str,
    needs: str,
    reason: str,
    fit: Callable[[np.ndarray, np.ndarray], Callable[[Any], np.ndarray]],
) -> Score:
    def fitted(known: Readout, answer: np.ndarray) -> Scored:
        found = fit(getattr(known, needs), answer)
        return lambda looked: found(getattr(looked, needs))

    return Score(name, names.TITLES[name], needs, reason, fitted)


# In the order of ``names.TITLES``.
SCORES = (
    _score(
        names.NEIGHBOURS, "features", "features", lambda known, answer: Neighbours.fitted(known)
    ),
    _score(
        names.ENERGY,
        "logits",
        "logits",
        lambda *_: lambda logits: -special.logsumexp(logits, axis=1),
    ),
    _score(names.SURE, "surest", "", lambda *_: lambda surest: 1.0 - surest),
    _score(names.ROTATION, "turned", "features", lambda known, answer: RotationProbe.fitted(known)),
)


CHANCE = 0.25
LEAST_NAMED = 0.5  # A probe that tells fewer turns of held-out known frames is refused


@dataclass(frozen=True)
class ScoreResult:
    """A score of N frames of the footage."""

    score: Score
    why: str = ""
    values: np.ndarray | None = None
    known: Calibration | None = None
    outside: OutsideShare | None = None
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class FrameEvents:
    """Margins (N,) of the frames, and by name what happens at them."""

    margin: np.ndarray
    happens: Mapping[str, np.ndarray]


def study(
    known: FrameReadouts,
    footage: FrameReadouts,
    model: str,
    lacks: Mapping[str, str],
    events: FrameEvents,
    rate: float,
) -> list[ScoreResult]:
    """Every score of a classifier, in their fixed order."""
    return [_studied(score, known, footage, model, lacks, events, rate) for score in SCORES]


def leading(found: list[ScoreResult]) -> ScoreResult | None:
    """The score that speaks for the classifier."""
    return next((each for each in found if each.values is not None), None)


def _studied(
    score: Score,
    known: FrameReadouts,
    footage: FrameReadouts,
    model: str,
    lacks: Mapping[str, str],
    events: FrameEvents,
    rate: float,
) -> ScoreResult:
    of_known, of_footage = known.looked[model], footage.looked[model]
    item, clusters = independent(known, of_known)
    places = item, known.rows["time_s"].to_numpy(np.float64)
    why = _lack(score, of_known, lacks) or _refused(score, of_known, clusters, *places)
    if why:
        return ScoreResult(score, why)

    def scored(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return score.fitted(rows_of(of_known, fit), of_known.answer[fit])(rows_of(of_known, rows))

    held_out = held_out_scores(scored, clusters, *places)
    level = calibrated(held_out, clusters, rate)
    values = score.fitted(of_known, of_known.answer)(of_footage)
    own = footage.clusters
    return ScoreResult(
        score,
        "",
        values,
        level,
        outside(values, level, own),
        tuple(links(values, events.margin, dict(events.happens), own)),
    )


def _lack(score: Score, looked: Readout, lacks: Mapping[str, str]) -> str:
    if getattr(looked, score.needs) is not None:
        return ""
    return lacks.get(score.reason, "the network does not give what it needs")


def _refused(
    score: Score, looked: Readout, clusters: Clusters, item: np.ndarray, time_s: np.ndarray
) -> str:
    if score.name != names.ROTATION or looked.turned is None:
        return ""
    turned = looked.turned

    def right(fit: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return RotationProbe.fitted(turned[fit]).right(turned[rows])

    if int(folds_of(clusters).max(initial=0)) < 1:
        return "known footage is too little to try the probe on frames that it was not fitted on"
    named = clustered_mean(
        held_out_scores(right, clusters, item, time_s), clusters, bounds=(0.0, 1.0)
    )
    if named.value >= LEAST_NAMED and named.low > CHANCE:
        return ""
    share = percent_with_interval(named.value, named.low, named.high)
    return f"the probe names {share} of the turns of held-out known frames, by chance it would be a quarter"


def sentence(leading: ScoreResult | None, allowed: float) -> str:
    """What the leading score says of the footage, and of instability where something lies outside."""
    if leading is None or leading.outside is None or leading.known is None:
        return "whether the footage lies outside what it was trained for cannot be determined: no score can be had"
    found, alarms = leading.outside, leading.known.false_alarms
    share, known = _share(found.share), _share(alarms)
    by = f"by {leading.score.title}"
    held_out = f"{known} of held-out known frames would be called so, {percent(allowed)} allowed"
    if found.verdict == NO_MORE:
        known_too = (
            "no more of the footage lies outside what it was trained for than of known footage"
        )
        return f"{known_too}: {share}, {by} ({held_out})"
    if found.verdict != MORE:
        seen = f"; {share} is seen outside, {by} ({held_out})" if found.share.n else ""
        return f"whether the footage lies outside what it was trained for cannot be determined: {found.why}{seen}"
    there = "; ".join(link_sentence(leading.links, event) for event in events_of(leading.links))
    return (
        f"{share} of the footage lies outside what it was trained for, {by} ({held_out}); {there}"
    )


def events_of(links: Sequence[Link]) -> list[str]:
    return list(dict.fromkeys(link.event for link in links))


def link_sentence(links: Sequence[Link], event: str) -> str:
    """Whether the event is more frequent where frames are less known."""
    alone = next(link for link in links if link.event == event and not link.given)
    given = next(link for link in links if link.event == event and link.given == MARGIN)
    what = names.EVENTS[event]
    if alone.verdict in (NO_LINK, REVERSED):
        how = "no more often" if alone.verdict == NO_LINK else "less often"
        return f"a frame that is less known {what} {how} (AUROC {_auroc(alone)})"
    if alone.verdict != LINK:
        open_ = f"whether a frame that is less known {what} more often cannot be determined"
        return f"{open_}: {alone.why}{_seen(alone)}"
    return f"the less known a frame, the more often it {what} (AUROC {_auroc(alone)}), {_at_equal_margin(given)}"


def _at_equal_margin(given: Link) -> str:
    among = "among frames of equal margin"
    if given.verdict == LINK:
        return f"also {among} ({_auroc(given)})"
    if given.verdict == CANNOT_TELL:
        return f"which cannot be determined {among} ({_auroc(given)})"
    return f"but not {among} ({_auroc(given)})"


def _auroc(link: Link) -> str:
    return with_interval(link.auroc.value, link.auroc.low, link.auroc.high)


def _seen(link: Link) -> str:
    return f" (AUROC {_auroc(link)})" if link.auroc.value == link.auroc.value else ""


def _share(found: Interval) -> str:
    return percent_with_interval(found.value, found.low, found.high)
