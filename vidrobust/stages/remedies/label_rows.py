"""Decision rules of one classifier, each against doing nothing: from tables alone."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import JOINED
from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.class_differences import revert_flips
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.stages.remedies import truth
from vidrobust.stages.remedies.answers import ItemAnswers, Played, most_frequent, play
from vidrobust.stages.remedies.catalogue import (
    LABEL_RULES,
    ON_PROBABILITIES,
    bounded,
    kind_of,
    label_rule,
    needs_rest,
    window_of,
)
from vidrobust.stages.remedies.delay import delays, joined, lasting_changes, sure_delay
from vidrobust.stages.remedies.row import NAN, Costs, Kind, frame_ms, row
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.levels import FEWEST_EVENTS, FEWEST_TESTED
from vidrobust.statistics.ratios import PairedRatio, paired_ratio

FLIPS, REVERTS, JITTER = "flip_rate", "revert_flip_rate", "jitter"
OWN_POINTS = (
    "not measured: the model answers by operating points, this rule takes the most probable class"
)
PARTIAL = "not measured: only some of the classes of this model are known"
LEADING = "not measured: of so many classes only the leading ten are kept"


@dataclass(frozen=True)
class MetricRows:
    """Rows ``at`` (M, k) of the frames that values are made of, and the run's own values ``before`` (M,)."""

    at: np.ndarray
    before: np.ndarray
    clusters: Clusters

    def ratio(self, after: np.ndarray, *, events: bool = True) -> PairedRatio:
        """Return the values ``after`` (M,) against those before."""
        return paired_ratio(self.before, after, self.clusters, events=events)


def flips_after(rows: MetricRows, labels: np.ndarray) -> np.ndarray:
    """(M,) 1 where the two frames have other labels now; labels (N,) of all frames."""
    return (labels[rows.at[:, 0]] != labels[rows.at[:, 1]]).astype(np.float64)


def reverts_after(
    rows: MetricRows, labels: Sequence[np.ndarray], answers: Sequence[ItemAnswers]
) -> np.ndarray:
    """(M,) 1 where a label now leaves that is back soon; labels: of each input."""
    flags = [
        revert_flips(item, np.isin(of.reason.astype(str), JOINED))
        for item, of in zip(labels, answers, strict=True)
    ]
    return np.concatenate(flags).astype(np.float64)[rows.at[:, 0]]


def jitter_after(rows: MetricRows, means: Sequence[dict[int, float]]) -> np.ndarray:
    """(M,) second difference of the distributions, class -> probability, of all frames."""
    jitter = np.empty(len(rows.at))
    for number, at in enumerate(rows.at[:, 0].tolist()):
        a, b, c = means[at - 1], means[at], means[at + 1]
        every = {**a, **b, **c}
        jitter[number] = 0.25 * sum(
            abs(a.get(k, 0.0) - 2.0 * b.get(k, 0.0) + c.get(k, 0.0)) for k in every
        )
    return jitter


@dataclass(frozen=True, kw_only=True)
class LabelStudy:
    """All that the rows of one classifier are made of.

    ``right`` has of each input the (N,) sets of right classes, empty where unknown; none without labels.
    """

    answers: Sequence[ItemAnswers]
    pairs: pd.DataFrame
    triples: pd.DataFrame
    parts: Mapping[str, str] = field(default_factory=dict)
    right: Sequence[truth.Right] = ()

    @property
    def model(self) -> str:
        return self.answers[0].model

    @functools.cached_property
    def place(self) -> pd.Series:
        """(input, number of the frame) -> its row among all."""
        index = pd.MultiIndex.from_tuples(
            [(item.item, int(frame)) for item in self.answers for frame in item.frame],
            names=["item", "frame"],
        )
        return pd.Series(np.arange(len(index)), index=index)

    @functools.cached_property
    def flips(self) -> MetricRows:
        """Of the run's usable neighbours."""
        return self._counted(FLIPS, self.pairs, "label_flip", "frame_a", "frame_b")

    @functools.cached_property
    def reverts(self) -> MetricRows:
        """Of the frames that count for revert flips."""
        return self._counted(REVERTS, self.triples, "revert_flip", "frame")

    @functools.cached_property
    def jitters(self) -> MetricRows:
        """Of the frames that count for jitter."""
        return self._counted(JITTER, self.triples, "jitter", "frame")

    def _counted(self, name: str, table: pd.DataFrame, column: str, *frames: str) -> MetricRows:
        """The rows that count for a metric; ``frames`` are the columns with the frames that a value is made of."""
        metric = find_metric(name, CLASSIFICATION.name)
        assert metric is not None, name
        rows = metric.values(table)
        item = rows["item"].astype(str)
        at = [
            self.place.loc[pd.MultiIndex.from_arrays([item, rows[frame]])].to_numpy(np.int64)
            for frame in frames
        ]
        part = rows["item"].map(dict(self.parts)).fillna("") if self.parts else None
        clusters = independent_clusters(
            rows["item"], rows["time_s"], part=part, fewest=FEWEST_TESTED
        )
        return MetricRows(np.column_stack(at), rows[column].to_numpy(np.float64), clusters)

    @functools.cached_property
    def rest(self) -> int:
        """The label of the line at rest: the most frequent answer."""
        return most_frequent(self.answers)

    @functools.cached_property
    def frame_ms(self) -> float:
        """A frame's time."""
        return frame_ms(item.time_s for item in self.answers)

    @functools.cached_property
    def played(self) -> dict[str, list[Played]]:
        """What each rule makes of each input."""
        return {name: self.play(name) for name in LABEL_RULES if not self.reason_against(name)}

    def play(self, name: str) -> list[Played]:
        """One rule over all inputs."""
        return [play(label_rule(name, self.rest), item) for item in self.answers]

    def reason_against(self, name: str) -> str:
        """Why a rule cannot be played here, or ""."""
        if kind_of(name) not in ON_PROBABILITIES:
            return ""
        return self.against_probabilities

    @functools.cached_property
    def against_probabilities(self) -> str:
        """Why rules on probabilities cannot be played here, or ""."""
        if not all(item.by_probability for item in self.answers):
            return OWN_POINTS
        partial = (
            bool(len(self.triples))
            and bool(self.triples["jitter"].isna().all())
            and len(self.jitters.at) == 0
        )
        return PARTIAL if partial and bool((self.pairs["total_variation"].isna()).all()) else ""


def rule_rows(study: LabelStudy) -> Iterator[dict[str, Any]]:
    """A row a rule and metric, in the order of the catalogue."""
    for name in LABEL_RULES:
        if against := study.reason_against(name):
            yield row("rule", name, study.model, FLIPS, None, Costs(), against)
        else:
            yield from _played_rows(study, name)


def _played_rows(study: LabelStudy, name: str) -> Iterator[dict[str, Any]]:
    played, costs = study.played[name], costs_of(study, name)
    notes = []
    if needs_rest(name):
        rest = study.answers[0].names.get(study.rest, study.rest)
        notes.append(f"resting label: {rest}, the most frequent answer")
    if np.isnan(costs.delay_frames):
        sure = sure_delay(label_rule(name, study.rest))
        notes.append(
            f"a change from one sure answer to another is reported after {sure} frames; for unsure answers the "
            f"delay has no bound, and {costs.changes} lasting changes are too few to measure it"
        )
    note, labels = "; ".join(notes), [item.labels for item in played]
    yield from rows_against_own(study, "rule", name, labels, costs, note)
    if kind_of(name) == "mean" and not all(item.complete for item in study.answers):
        yield row("rule", name, study.model, JITTER, None, costs, LEADING)
    elif kind_of(name) == "mean":
        means = [mean for item in played for mean in item.mean or ()]
        ratio = study.jitters.ratio(jitter_after(study.jitters, means), events=False)
        yield row("rule", name, study.model, JITTER, ratio, costs, note)


def rows_against_own(
    study: LabelStudy,
    kind: Kind,
    name: str,
    labels: Sequence[np.ndarray],
    costs: Costs,
    note: str,
) -> Iterator[dict[str, Any]]:
    """Flips and reverts of other labels of the same frames, against the model's own."""
    flips = study.flips.ratio(flips_after(study.flips, np.concatenate(labels)))
    yield row(kind, name, study.model, FLIPS, flips, costs, note)
    reverts = study.reverts.ratio(reverts_after(study.reverts, labels, study.answers))
    yield row(kind, name, study.model, REVERTS, reverts, costs, note)


def costs_of(study: LabelStudy, name: str) -> Costs:
    """What a rule costs on all inputs together."""
    rule = label_rule(name, study.rest)
    nominal = sure_delay(rule, study.rest if needs_rest(name) else -1)
    labels = [item.labels for item in study.played[name]]
    # Over the lasting changes of the model's own answers; with labels over those of the truth.
    costs = []
    for number, (answers, summary) in enumerate(zip(study.answers, labels, strict=True)):
        changes = lasting_changes(answers.label, answers.begins, answers.time_s)
        if study.right:
            changes = truth.reported_changes(answers, study.right[number])
        costs.append(delays(changes, summary, answers.time_s))
    measured = joined(costs)
    frames, time_ms = float(nominal), nominal * study.frame_ms
    if not bounded(name):
        enough = measured.changes >= FEWEST_EVENTS
        frames, time_ms = (
            (max(frames, measured.longest), max(time_ms, measured.longest_ms))
            if enough
            else (NAN, NAN)
        )
    return Costs(
        delay_frames=frames,
        delay_ms=time_ms,
        longest_delay_frames=measured.longest,
        longest_delay_ms=measured.longest_ms,
        mean_delay_frames=float(np.mean(measured.frames)) if measured.frames else NAN,
        mean_delay_ms=1000.0 * float(np.mean(measured.seconds)) if measured.seconds else NAN,
        changes=measured.changes,
        unreported=measured.unreported,
        agreement=agreement_of(study, labels),
        **truth.costs(study.answers, study.right, labels, window_of(rule)),
    )


def agreement_of(study: LabelStudy, labels: Sequence[np.ndarray]) -> float:
    """Share of the frames that keep their label."""
    same = np.concatenate(
        [a.label == summary for a, summary in zip(study.answers, labels, strict=True)]
    )
    return float(same.mean()) if len(same) else NAN
