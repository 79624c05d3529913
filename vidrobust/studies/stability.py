"""How stable a model is on footage: frame t against t + d, without labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vidrobust import tables
from vidrobust.differences.classes import METRICS, all_metrics, jitter, revert_flips
from vidrobust.frames import FrameBatch
from vidrobust.predictions import Classifications
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate
from vidrobust.studies.pairs import Links, between

BOUNDS = {"top5_distance": (0.0, 15.0)}
"""Where a mean lies; (0, 1) unless named here."""
RATES = ("label_flip", "revert_flip")


@dataclass(frozen=True)
class StabilitySettings:
    """What the stability stage compares.

    anchor_deltas    distances of anchor pairs in delivered frames, both before and after the anchor
    anchor_every_s   an anchor about every so many seconds
    revert_within    a label that left is back within so many frames: A B A
    motion_limit     largest global shift, as a share of the frame's width, that still is the same view
    """

    anchor_deltas: tuple[int, ...] = (1, 2, 5, 10)
    anchor_every_s: float = 1.0
    revert_within: int = 3
    motion_limit: float | None = 0.1


@dataclass(frozen=True)
class StabilityTables:
    """The raw tables of one item: ``frames`` and ``pairs`` by contract, ``triples`` for jitter and reverts.

    triples: item, frame, time_s, model, jitter (NaN at ends and cuts), revert_flip, usable
    """

    frames: pd.DataFrame
    pairs: pd.DataFrame
    triples: pd.DataFrame


@dataclass
class _ModelState:
    tail: np.ndarray | None = None
    frames: list[pd.DataFrame] = field(default_factory=list)
    pairs: list[pd.DataFrame] = field(default_factory=list)
    jitter: list[np.ndarray] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)


class StabilityMeter:
    """Compares the predictions of one item, batch by batch; memory holds one batch and the last few frames."""

    def __init__(self, item: str, frame_rate: float, settings: StabilitySettings) -> None:
        self.item = item
        self.settings = settings
        self._anchor_step = max(1, round(settings.anchor_every_s * frame_rate))
        self._reach = max(2, *settings.anchor_deltas)
        self._index = np.empty(0, np.int64)
        self._time = np.empty(0)
        self._reason = np.empty(0, object)
        self._change = np.empty(0)
        self._shift = np.empty((0, 2))
        self._models: dict[str, _ModelState] = {}

    def feed(self, batch: FrameBatch, links: Links, predictions: Mapping[str, Classifications]) -> None:
        """Take the next batch, with one row of predictions per frame and model."""
        first = len(self._index)  # the row, over the whole item, of the first new frame
        self._index = np.concatenate([self._index, batch.index])
        self._time = np.concatenate([self._time, batch.time_s])
        self._reason = np.concatenate([self._reason, links.reason])
        self._change = np.concatenate([self._change, links.pixel_change])
        self._shift = np.concatenate([self._shift, links.shift])
        wanted = [*self._adjacent(first), *self._anchors(first)]
        for name, prediction in predictions.items():
            self._feed_model(name, prediction, first, wanted)

    def finish(self) -> StabilityTables:
        """The tables of the item, after its last batch."""
        frames, pairs, triples = [], [], []
        usable = np.array([reason in ("", "duplicate") for reason in self._reason], dtype=bool)
        for name, state in self._models.items():
            frames += state.frames
            pairs += state.pairs
            labels = np.concatenate(state.labels)
            second = np.concatenate(state.jitter)
            # the second difference of row t spans the links t and t + 1
            valid = usable & np.append(usable[1:], False)
            triples.append(
                pd.DataFrame(
                    {
                        "item": self.item,
                        "frame": self._index,
                        "time_s": self._time,
                        "model": name,
                        "jitter": np.where(valid, np.append(second[1:], np.nan), np.nan),
                        "revert_flip": revert_flips(labels, usable, self.settings.revert_within),
                        "usable": self._reason == "",
                    }
                )
            )
        return StabilityTables(
            pd.concat(frames, ignore_index=True) if frames else tables.empty("frames"),
            pd.concat(pairs, ignore_index=True) if pairs else tables.empty("pairs"),
            pd.concat(triples, ignore_index=True) if triples else pd.DataFrame(),
        )

    def _adjacent(self, first: int) -> list[tuple[int, int, str, str]]:
        rows = range(max(first, 1), len(self._index))
        return [(row - 1, row, "adjacent", self._reason[row]) for row in rows]

    def _anchors(self, first: int) -> list[tuple[int, int, str, str]]:
        """The anchor pairs that the new frames complete: (a, a + d) when a + d comes, (a, a - d) with a."""
        found = []
        for row in range(first, len(self._index)):
            for delta in self.settings.anchor_deltas:
                if row - delta < 0:
                    continue
                reason = between(self._reason, self._shift, row - delta, row, self.settings.motion_limit)
                if (row - delta) % self._anchor_step == 0:
                    found.append((row - delta, row, "anchor", reason))
                if row % self._anchor_step == 0:
                    found.append((row, row - delta, "anchor", reason))
        return found

    def _feed_model(
        self,
        name: str,
        prediction: Classifications,
        first: int,
        wanted: Sequence[tuple[int, int, str, str]],
    ) -> None:
        state = self._models.setdefault(name, _ModelState())
        new = prediction.probabilities
        known = new if state.tail is None else np.concatenate([state.tail, new])
        offset = first - (len(known) - len(new))  # row, over the item, of known[0]
        state.frames.append(self._frame_rows(name, prediction, first))
        state.labels.append(prediction.labels)
        state.jitter.append(_second_differences(known, len(new)))
        if wanted:
            state.pairs.append(self._pair_rows(name, known, offset, wanted))
        state.tail = known[-self._reach :]

    def _frame_rows(self, name: str, prediction: Classifications, first: int) -> pd.DataFrame:
        p = prediction.probabilities.astype(np.float64)
        rows = np.arange(len(p))
        label = prediction.labels
        others = p.copy()
        others[rows, label] = -1.0
        second = others.argmax(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = -np.where(p > 0, p * np.log2(p), 0.0).sum(axis=1)
        return pd.DataFrame(
            {
                "item": self.item,
                "frame": self._index[first:],
                "time_s": self._time[first:],
                "model": name,
                "label": label,
                "label_name": [prediction.class_names[k] for k in label],
                "probability": p[rows, label],
                "second_label": second,
                "margin": p[rows, label] - p[rows, second],
                "entropy": entropy,
            }
        )

    def _pair_rows(
        self, name: str, known: np.ndarray, offset: int, wanted: Sequence[tuple[int, int, str, str]]
    ) -> pd.DataFrame:
        a = np.array([w[0] for w in wanted])
        b = np.array([w[1] for w in wanted])
        metrics = all_metrics(known[a - offset], known[b - offset])
        near = np.abs(b - a) == 1
        return pd.DataFrame(
            {
                "item": self.item,
                "frame_a": self._index[a],
                "frame_b": self._index[b],
                "delta_ms": 1000.0 * (self._time[b] - self._time[a]),
                "model": name,
                "kind": [w[2] for w in wanted],
                "excluded": [w[3] for w in wanted],
                **{metric: metrics[metric] for metric in METRICS},
                "pixel_change": np.where(near, self._change[np.maximum(a, b)], np.nan),
                "delta_frames": b - a,
            }
        )


def _second_differences(known: np.ndarray, count: int) -> np.ndarray:
    """For each of the last ``count`` rows t: the jitter of (t - 2, t - 1, t), NaN where there is no t - 2."""
    out = np.full(len(known), np.nan)
    if len(known) > 2:
        out[2:] = jitter(known[:-2], known[1:-1], known[2:])
    return out[-count:]


def summarise(pairs: pd.DataFrame, triples: pd.DataFrame, times: pd.DataFrame) -> pd.DataFrame:
    """The ``stability`` table: every metric per model and item, and over all items (item "").

    pairs    the pairs table; triples as in StabilityTables
    times    columns item, frame, time_s: which second a frame belongs to
    Excluded pairs do not count. Clusters are the seconds of each item; over all items they are the items where
    there are five or more, else still the seconds, and then the interval speaks of these clips alone.
    """
    rows: list[dict[str, object]] = []
    seconds = times.assign(second=np.floor(times["time_s"]).astype(np.int64))[["item", "frame", "second"]]
    seconds = seconds.drop_duplicates(["item", "frame"])
    good = pairs[pairs["excluded"] == ""].merge(
        seconds, left_on=["item", "frame_a"], right_on=["item", "frame"], how="left"
    )
    triples = triples.merge(seconds, on=["item", "frame"], how="left")
    for model, of_model in good.groupby("model", sort=False):
        series = _series(of_model, triples[triples["model"] == model])
        for metric, (table, column) in series.items():
            for item in [*table["item"].drop_duplicates(), ""]:
                part = table if item == "" else table[table["item"] == item]
                rows.append({"model": model, "item": item, "metric": metric, **_interval(part, column)})
    table = pd.DataFrame(rows) if rows else tables.empty("stability")
    return tables.check("stability", table)


def _series(pairs: pd.DataFrame, triples: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, str]]:
    """Name of each metric -> the rows it is the mean of, and their column."""
    adjacent = pairs[pairs["kind"] == "adjacent"]
    series = {metric: (adjacent, metric) for metric in METRICS}
    series["jitter"] = (triples[triples["jitter"].notna()], "jitter")
    series["revert_flip"] = (triples[triples["usable"]], "revert_flip")
    anchors = pairs[pairs["kind"] == "anchor"]
    for delta in sorted(anchors["delta_frames"].abs().unique()):
        of_delta = anchors[anchors["delta_frames"].abs() == delta]
        for metric in ("label_flip", "total_variation"):
            series[f"anchor_{metric}_{delta}"] = (of_delta, metric)
    return series


def _interval(part: pd.DataFrame, column: str) -> dict[str, object]:
    by_item = part["item"].nunique() >= 5
    clusters = (
        part["item"].to_numpy() if by_item else part["item"].astype(str) + ":" + part["second"].astype(str)
    )
    values = part[column].to_numpy(np.float64)
    found: Interval
    if column in RATES:
        found = clustered_rate(values > 0, np.asarray(clusters))
    else:
        found = clustered_mean(values, np.asarray(clusters), bounds=BOUNDS.get(column, (0.0, 1.0)))
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "cluster": "item" if by_item else "second",
        "clusters": found.clusters,
    }
