"""Arms against the network as it was, against no augmentation and against random: rows of the table
``adaptation``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.adapt.arms import BEFORE
from vidrobust.adapt.judge import Answered, Bench
from vidrobust.stages.remedies.truth import correct
from vidrobust.stages.remedies.verdict import FEWEST, verdict
from vidrobust.statistics.associations import benjamini_hochberg
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.crossed import crossed_mean, crossed_ratio
from vidrobust.statistics.paired_ratio import PairedRatio
from vidrobust.tables import schema as tables

FOOTAGE = "footage"
"""What is judged where nothing is changed."""
FLIPS, JITTER, ERRORS = "flip_rate", "jitter", "error_rate"
OTHER, MOVED = "other_answers", "answer_change"
NAN = float("nan")


@dataclasses.dataclass(frozen=True)
class Values:
    """A metric of one network on one thing that is judged: (n,) values of rows in their clusters."""

    judged: str
    family: str
    times: float
    strength: float
    metric: str
    values: np.ndarray
    clusters: Clusters


def values_of(bench: Bench, found: Answered, before: Answered) -> Iterator[Values]:
    """Every metric of one network; lower is steadier, or righter."""
    of_frames = _clusters(bench.frames)

    def footage(metric: str, values: np.ndarray, rows: np.ndarray) -> Values:
        return Values(FOOTAGE, "", 0.0, NAN, metric, values.astype(np.float64), of_frames.of(rows))

    first, second = bench.pairs[:, 0], bench.pairs[:, 1]
    yield footage(FLIPS, found.label[first] != found.label[second], second)
    yield footage(JITTER, found.jitter, bench.triples[:, 1])
    yield footage(OTHER, found.label != before.label, np.arange(len(found.label)))
    wrong = 1 - correct(found.label, bench.right)
    known = np.flatnonzero(np.isfinite(wrong))
    if len(known):
        yield footage(ERRORS, wrong[known], known)
    right = [bench.right[int(row)] for row in bench.shown]
    for row, at in enumerate(bench.conditions):
        clusters = of_frames.of(bench.shown)
        said = (at.key, at.family, at.times, at.size)
        changed = (found.changed[row] != found.label[bench.shown]).astype(np.float64)
        yield Values(*said, MOVED, changed, clusters)
        wrong = 1 - correct(found.changed[row], right)
        known = np.flatnonzero(np.isfinite(wrong))
        if len(known):
            yield Values(*said, ERRORS, wrong[known], clusters.of(known))


def table_of(
    model: str,
    bench: Bench,
    before: Answered,
    arms: Mapping[str, Sequence[Answered]],
    families: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """The table: of each arm and seed the answers, against the network as it was, none and random.

    arms  name -> the same seeds in the same order; families: what each is trained with
    """
    was = _stacked([list(values_of(bench, before, before))])
    of_arm = {
        name: _stacked([list(values_of(bench, each, before)) for each in seeds])
        for name, seeds in arms.items()
    }
    rows: list[dict[str, Any]] = []
    for name, mine in of_arm.items():
        for against in _against(name, arms):
            other = was if against == BEFORE else of_arm[against]
            for now, then in zip(mine, other, strict=True):
                if now.metric == OTHER and against != BEFORE:
                    continue
                rows.append(_row(model, name, against, now, then, now.family in families[name]))
    return _judged(rows)


def _against(name: str, arms: Mapping[str, Any]) -> list[str]:
    return [BEFORE, *(other for other in ("none", "random") if other in arms and other != name)]


def _stacked(seeds: Sequence[Sequence[Values]]) -> list[Values]:
    """Each metric with its values (S, n)."""
    return [
        dataclasses.replace(same[0], values=np.stack([each.values for each in same]))
        for same in zip(*seeds, strict=True)
    ]


def _row(model: str, arm: str, against: str, now: Values, then: Values, trained: bool) -> dict[str, Any]:
    seeds = len(now.values)
    before = np.broadcast_to(then.values, now.values.shape)
    found: PairedRatio = crossed_ratio(before, now.values, now.clusters, events=now.metric != JITTER)
    low, high = NAN, NAN
    if now.metric != JITTER:
        _, low, high = crossed_mean(now.values, now.clusters)
    return {
        "model": model,
        "arm": arm,
        "against": against,
        "judged": now.judged,
        "family": now.family,
        "times": now.times,
        "strength": now.strength,
        "trained": trained,
        "metric": now.metric,
        "after_low": low,
        "after_high": high,
        "seeds": seeds,
        **dataclasses.asdict(found),
    }


def _judged(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """q-values over the rows of the footage, and over those of the conditions; verdicts."""
    if not rows:
        return tables.empty("adaptation")
    table = pd.DataFrame(list(rows))
    table["q"] = NAN
    p = table["p"].where((table["n"] >= FEWEST) & (table["metric"] != OTHER))
    for same in (table["judged"] == FOOTAGE, table["judged"] != FOOTAGE):
        table.loc[same, "q"] = benjamini_hochberg(p[same].to_numpy(np.float64))
    table["verdict"] = [
        verdict(low, high, q, n)
        for low, high, q, n in zip(table["low"], table["high"], table["q"], table["n"], strict=True)
    ]
    return tables.check("adaptation", table)


def _clusters(frames: pd.DataFrame) -> Clusters:
    part = frames["part"] if (frames["part"] != "").any() else None
    return independent_clusters(frames["item"], frames["time_s"], part=part)
