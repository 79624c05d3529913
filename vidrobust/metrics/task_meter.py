"""The meter of a task that a plugin brings: it holds three frames and compares neighbours.

A task subclasses ``TaskMeter``; metrics with a ``difference`` are computed of each pair by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.frame_pairs.transitions import JOINED, FrameTransitions
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.catalogue import task_of
from vidrobust.metrics.metric import AlongTime, Metric, Tables, differences
from vidrobust.predictions import TaskPredictions
from vidrobust.tables import schema as tables

TABLES = ("task_frames", "task_pairs", "task_parts")
# rows of metrics of pairs, see ``Metric.rows``
NEIGHBOURS: Mapping[str, object] = {"kind": "adjacent"}


@dataclass(frozen=True)
class SeenFrame:
    """One frame with the model's answer to it."""

    number: int
    time_s: float
    picture: np.ndarray  # (H, W, 3) uint8
    answer: Any


class TaskMeter:
    """Compares the predictions of one model on one item, frame by frame."""

    def __init__(
        self, item: str, model: str, settings: AlongTime, metrics: Sequence[Metric]
    ) -> None:
        self.item, self.model, self.settings, self.metrics = item, model, settings, metrics
        describe = task_of(metrics[0].task).said
        assert describe is not None, f"the task {metrics[0].task} has no ``said``"
        self._said = describe
        self._held: list[SeenFrame] = []
        self._rows: dict[str, list[dict[str, object]]] = {name: [] for name in TABLES}

    def pair(self, a: SeenFrame, b: SeenFrame) -> Mapping[str, float]:
        """Return what is measured of two neighbours, by column of ``task_pairs``."""
        return {
            name: float(value[0])
            for name, value in differences(self.metrics, a.answer, b.answer).items()
        }

    def triple(self, a: SeenFrame, b: SeenFrame, c: SeenFrame) -> Mapping[str, float]:
        """Return what is measured about the middle of three frames, by column of ``task_frames``."""
        return {}

    def parts(self, held: Sequence[SeenFrame]) -> Iterable[Mapping[str, object]]:
        """Yield rows of ``task_parts`` of the last frame; ``held``: it and up to two joined ones before."""
        return ()

    def feed(
        self, batch: FrameBatch, transitions: FrameTransitions, predictions: TaskPredictions
    ) -> None:
        """Take the next frames, their transitions and their predictions."""
        answers, sure = self._said(predictions)
        for row in range(len(batch)):
            now = SeenFrame(
                int(batch.index[row]),
                float(batch.time_s[row]),
                batch.pictures[row],
                predictions.select([row]),
            )
            reason = str(transitions.reason[row])
            of = {"item": self.item, "frame": now.number, "time_s": now.time_s, "model": self.model}
            before = self._held[-1] if self._held else None
            if reason not in JOINED:
                self._held = []
            if before is not None:
                self._pair(before, now, reason, float(transitions.pixel_change[row]))
            joined = [*self._held, now]
            if len(joined) == 3:
                self._rows["task_frames"][-1].update(self.triple(*joined))
            self._rows["task_frames"].append(
                {**of, "answer": answers[row], "sure": float(sure[row])}
            )
            self._rows["task_parts"] += [{**of, "track": 0, **part} for part in self.parts(joined)]
            self._held = joined[-2:]

    def _pair(self, a: SeenFrame, b: SeenFrame, reason: str, pixel_change: float) -> None:
        values = self.pair(a, b) if self._held else {}
        self._rows["task_pairs"].append(
            {
                "item": self.item,
                "frame_a": a.number,
                "frame_b": b.number,
                "delta_ms": 1000.0 * (b.time_s - a.time_s),
                "model": self.model,
                "kind": "adjacent",
                "excluded": reason,
                "pixel_change": pixel_change,
                "time_s": a.time_s,
                "delta_frames": 1,
                **values,
            }
        )

    def finish(self) -> dict[str, pd.DataFrame]:
        """Return the three tables; a metric without a value has a column of NaN."""
        complete = {}
        for name, rows in self._rows.items():
            columns = dict.fromkeys((m.column for m in self.metrics if m.table == name), np.nan)
            table = (
                pd.DataFrame([{**columns, **row} for row in rows]) if rows else tables.empty(name)
            )
            complete[name] = table
        return complete


def whole(
    tables: Tables, transitions: pd.DataFrame, size: tuple[int, int], along: AlongTime
) -> dict[str, pd.DataFrame]:
    """Return the tables of an input from those of its segments: nothing reaches further than three frames."""
    keys = {name: "frame_a" if name == "task_pairs" else "frame" for name in TABLES}
    return {
        **tables,
        **{name: tables[name].sort_values(key, kind="stable") for name, key in keys.items()},
    }
