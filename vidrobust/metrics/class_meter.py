"""The meter of a classifier: neighbouring and anchor pairs, jitter, labels that come back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import JOINED, FrameTransitions, between, reasons_of
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.class_differences import jitter, revert_flips
from vidrobust.metrics.metric import AlongTime, Metric, Tables, differences
from vidrobust.predictions import Classifications
from vidrobust.tables import schema as tables

# Up to so many classes a frame keeps all its probabilities; else the leading TOP and the sum of the rest.
ALL_CLASSES = 32
TOP = 10
# Frames compared at once: large ones come a few at a time, and a short table costs as much as a long one.
TOGETHER = 32
REST = -1  # the label of the row that holds the rest

# A pair to compare: rows a and b over the whole item, kind, why it is excluded.
Wanted = tuple[int, int, str, str]


class ClassMeter:
    """Compares the predictions of one model on one item."""

    def __init__(
        self, item: str, model: str, settings: AlongTime, metrics: Sequence[Metric]
    ) -> None:
        self.item, self.model, self.settings, self.metrics = item, model, settings, metrics
        self._anchor_step = max(1, round(settings.anchor_every_s * settings.frame_rate))
        self._reach = max(2, *settings.anchor_deltas)
        self._row = 0
        self._index = np.empty(0, np.int64)
        self._time = np.empty(0)
        self._keyframe = np.empty(0, bool)
        self._pts, self._content = np.empty(0, np.int64), np.empty(0, object)
        self._reason = np.empty(0, object)
        self._change = np.empty(0)
        self._shift = np.empty((0, 2))
        self._tail: Classifications | None = None
        self._waiting: list[tuple[np.ndarray, np.ndarray, FrameTransitions, Classifications]] = []
        self._parts: dict[str, list[pd.DataFrame]] = {
            "frames": [],
            "pairs": [],
            "probabilities": [],
        }
        self._jitter: list[np.ndarray] = []
        self._labels: list[np.ndarray] = []

    def feed(
        self, batch: FrameBatch, transitions: FrameTransitions, predictions: Classifications
    ) -> None:
        """Take the next batch, with one row of predictions per frame."""
        self._waiting.append((batch.index, batch.time_s, transitions, predictions))
        if sum(len(index) for index, *_ in self._waiting) >= TOGETHER:
            self._compare()

    def _compare(self) -> None:
        if not self._waiting:
            return
        index, time_s = (np.concatenate([part[k] for part in self._waiting]) for k in (0, 1))
        transitions = FrameTransitions.joined([part[2] for part in self._waiting])
        predictions = Classifications.join([part[3] for part in self._waiting])
        self._waiting = []
        first = len(self._index)  # the row, of all that was fed, of the first new frame
        if not first and len(index):
            self._row = self.settings.row_of(int(index[0]), float(time_s[0]))
        self._index = np.concatenate([self._index, index])
        self._time = np.concatenate([self._time, time_s])
        self._keyframe = np.concatenate([self._keyframe, transitions.keyframe])
        self._pts = np.concatenate([self._pts, transitions.pts])
        self._content = np.concatenate([self._content, transitions.content])
        self._reason = np.concatenate([self._reason, transitions.reason])
        self._change = np.concatenate([self._change, transitions.pixel_change])
        self._shift = np.concatenate([self._shift, transitions.shift])
        earlier = [] if self._tail is None else [self._tail]
        known = Classifications.join([*earlier, predictions])
        offset = first - (len(known) - len(predictions))  # row, over the item, of known's first
        self._parts["frames"].append(self._frame_rows(predictions, first))
        self._parts["probabilities"].append(self._probability_rows(predictions, first))
        self._labels.append(predictions.labels)
        p = known.probabilities
        second = np.full(len(p), np.nan)
        if len(p) > 2:
            second[2:] = jitter(p[:-2], p[1:-1], p[2:])
        second = second[-len(predictions) :]
        self._jitter.append(np.full(len(second), np.nan) if predictions.partial else second)
        rows = range(max(first, 1), len(self._index))
        wanted = [
            *[(row - 1, row, "adjacent", self._reason[row]) for row in rows],
            *self._anchors(first),
        ]
        if wanted:
            self._parts["pairs"].append(self._pair_rows(known, offset, wanted))
        self._tail = known.take(np.arange(max(0, len(known) - self._reach), len(known)))

    def finish(self) -> dict[str, pd.DataFrame]:
        """Return the tables ``frames``, ``pairs``, ``triples`` and ``probabilities``."""
        self._compare()
        joined = {
            name: pd.concat(parts, ignore_index=True) if parts else tables.empty(name)
            for name, parts in self._parts.items()
        }
        return {**joined, "triples": self._triples()}

    def _triples(self) -> pd.DataFrame:
        """A row per frame; ``jitter`` is NaN at ends and cuts, ``revert_flip`` where no pair ends."""
        if not len(self._index):
            return tables.empty("triples")
        usable = np.isin(self._reason.astype(str), JOINED)
        # the second difference of row t spans the transitions t and t + 1
        valid = usable & np.append(usable[1:], False)
        second = np.append(np.concatenate(self._jitter)[1:], np.nan)
        labels = np.concatenate(self._labels)
        return pd.DataFrame(
            {
                "item": self.item,
                "frame": self._index,
                "time_s": self._time,
                "model": self.model,
                "track": 0,
                "jitter": np.where(valid, second, np.nan),
                "revert_flip": _reverts(labels, self._reason),
            }
        )

    def _anchors(self, first: int) -> list[Wanted]:
        """The anchor pairs that the new frames complete: (a, a + d) and (a, a - d)."""
        pairs: list[Wanted] = []
        for row in range(first, len(self._index)):
            for delta in self.settings.anchor_deltas:
                ahead, behind = (
                    (self._row + r) % self._anchor_step == 0 for r in (row - delta, row)
                )
                if row < delta or not (ahead or behind):
                    continue
                reason = between(
                    self._reason, self._shift, row - delta, row, self.settings.motion_limit
                )
                pairs += [(row - delta, row, "anchor", reason)] if ahead else []
                pairs += [(row, row - delta, "anchor", reason)] if behind else []
        return pairs

    def _frame_rows(self, prediction: Classifications, first: int) -> pd.DataFrame:
        p = prediction.probabilities.astype(np.float64)
        rows = np.arange(len(p))
        label = prediction.labels
        others = p.copy()
        others[rows, label] = -1.0
        second = others.argmax(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = -np.where(p > 0, p * np.log2(p), 0.0).sum(axis=1)
        if prediction.partial:
            entropy = np.full(len(p), np.nan)
        return pd.DataFrame(
            {
                "item": self.item,
                "frame": self._index[first:],
                "time_s": self._time[first:],
                "model": self.model,
                "label": label,
                "label_name": [prediction.class_names[k] for k in label],
                "probability": p[rows, label],
                "second_label": second,
                "margin": prediction.margins,
                "entropy": entropy,
                "track": 0,
                "keyframe": self._keyframe[first:],
                "pts": self._pts[first:],
                "content": self._content[first:],
            }
        )

    def _probability_rows(self, prediction: Classifications, first: int) -> pd.DataFrame:
        """All classes up to ALL_CLASSES; else the leading ones and the sum of the rest."""
        p = prediction.probabilities.astype(np.float64)
        count = p.shape[1]
        kept = count if count <= ALL_CLASSES else TOP
        label = np.argsort(-p, axis=1, kind="stable")[:, :kept]
        value = np.take_along_axis(p, label, axis=1)
        if kept < count:
            label = np.pad(label, ((0, 0), (0, 1)), constant_values=REST)
            value = np.concatenate(
                [value, np.maximum(1 - value.sum(axis=1, keepdims=True), 0)], axis=1
            )
        names = np.array([*prediction.class_names, "rest"], dtype=object)  # label -1 is the last
        return pd.DataFrame(
            {
                "item": self.item,
                "frame": np.repeat(self._index[first:], label.shape[1]),
                "model": self.model,
                "track": 0,
                "label": label.ravel(),
                "label_name": names[label.ravel()],
                "probability": value.ravel(),
            }
        )

    def _pair_rows(
        self, known: Classifications, offset: int, wanted: Sequence[Wanted]
    ) -> pd.DataFrame:
        a, b = (np.array([pair[side] for pair in wanted]) for side in (0, 1))
        values = differences(self.metrics, known.take(a - offset), known.take(b - offset))
        near = np.abs(b - a) == 1
        return pd.DataFrame(
            {
                "item": self.item,
                "frame_a": self._index[a],
                "frame_b": self._index[b],
                "delta_ms": 1000.0 * (self._time[b] - self._time[a]),
                "model": self.model,
                "kind": [w[2] for w in wanted],
                "excluded": [w[3] for w in wanted],
                **values,
                "pixel_change": np.where(near, self._change[np.maximum(a, b)], np.nan),
                "track": 0,
                "time_s": self._time[a],
                "delta_frames": b - a,
            }
        )


def whole(
    tables: Tables, transitions: pd.DataFrame, size: tuple[int, int], along: AlongTime
) -> dict[str, pd.DataFrame]:
    """Return the tables of an input from those of its segments: reverts depend on all labels before."""
    frames, triples = (
        tables[name].sort_values("frame", kind="stable") for name in ("frames", "triples")
    )
    reason = reasons_of(frames["frame"].to_numpy(np.int64), transitions)
    reverts = _reverts(frames["label"].to_numpy(np.int64), reason)
    return {**tables, "frames": frames, "triples": triples.assign(revert_flip=reverts)}


def _reverts(labels: np.ndarray, reason: np.ndarray) -> np.ndarray:
    reverts = revert_flips(labels, np.isin(reason.astype(str), JOINED))
    return np.where(reason == "", reverts.astype(np.float64), np.nan)
