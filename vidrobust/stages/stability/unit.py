"""The unit of the stage stability: one model along one input, and its noise floor."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.errors import ModelError
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.catalogue import is_classifier, metrics_of, task_of
from vidrobust.metrics.class_differences import total_variation
from vidrobust.metrics.metric import differences
from vidrobust.models.info import model_info
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model, needs_pixels, predict, predict_footage
from vidrobust.pipeline.stage import Context, Found
from vidrobust.predictions import Classifications, Classifier
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource

FRAMES = 8


@dataclass(frozen=True)
class NoiseFloor:
    """Differences between predictions of the same frames."""

    total_variation: float  # the largest, in [0, 1]; NaN where only labels are known
    # Label flips among n comparisons.
    flips: int
    n: int
    # The three figures of each that was varied
    by_way: dict[str, tuple[float, int, int]] = field(default_factory=dict)


def facts(model: Model, pixels: torch.Tensor) -> dict[str, Any]:
    """Return the floor of a model as plain values; none for recorded predictions."""
    if not needs_pixels(model):
        return {}
    if is_classifier(model):
        return {"noise_floor": dataclasses.asdict(measure(model, pixels))}
    return {"task_noise_floor": measure_task(model, pixels)}


def measure_task(model: Model, pixels: torch.Tensor) -> dict[str, Any]:
    """Return the noise floor of a task: frames again, each alone and the batch in reverse order.

    The largest differences, by the name of the floor, and the number of comparisons ``n``.
    """
    pixels, floors = pixels[:FRAMES], task_of(model.task).response.floors
    added = {column for columns in floors.values() for column in columns}
    metrics = [metric for metric in metrics_of(model.task) if metric.column in added]
    together, alone = predict(model, pixels), predict(model, pixels, 1)
    turned = predict(model, pixels.flip(0)).select(np.arange(len(pixels))[::-1])
    changed = [differences(metrics, together, other) for other in (alone, turned)]
    values = {
        floor: np.concatenate(
            [np.sum([difference[column] for column in columns], axis=0) for difference in changed]
        )
        for floor, columns in floors.items()
    }
    largest = {floor: float(np.fmax.reduce(of_floor)) for floor, of_floor in values.items()}
    return {**largest, "n": int(np.isfinite(next(iter(values.values()))).sum())}


def measure(classifier: Classifier, pixels: torch.Tensor) -> NoiseFloor:
    """Return the noise floor of a classifier: frames (N, 3, H, W) again, in other batches and by other means.

    The batch is compared with each frame alone, the reverse order, and one thread or the format in which the
    network was loaded.
    """
    pixels = pixels[:FRAMES]
    together = predict(classifier, pixels)
    again = {
        "batch size": predict(classifier, pixels, 1),
        "batch position": predict(classifier, pixels.flip(0)).take(np.arange(len(pixels))[::-1]),
    }
    as_loaded = classifier.as_loaded() if isinstance(classifier, NetworkClassifier) else None
    threads = torch.get_num_threads()
    if as_loaded is not None and isinstance(classifier, NetworkClassifier):
        way = (
            "engine" if classifier.network.precision == as_loaded.network.precision else "precision"
        )
        again[way] = predict(as_loaded, pixels)
    elif pixels.device.type == "cpu" and model_info(classifier).engine.startswith("torch"):
        torch.set_num_threads(1 if threads > 1 else 2)
        try:
            again["thread count"] = predict(classifier, pixels)
        finally:
            torch.set_num_threads(threads)
    by_way = {way: compared(together, other) for way, other in again.items()}
    return NoiseFloor(
        max((largest for largest, _, _ in by_way.values()), default=float("nan")),
        sum(flips for _, flips, _ in by_way.values()),
        sum(n for _, _, n in by_way.values()),
        by_way,
    )


def compared(first: Classifications, second: Classifications) -> tuple[float, int, int]:
    """Return the largest total variation, and numbers of label flips and of comparisons."""
    apart = total_variation(first.probabilities, second.probabilities)
    flips = int((first.labels != second.labels).sum())
    return float("nan") if first.partial else float(apart.max(initial=0.0)), flips, len(first)


def _check_stride(model: str, context: Context, stride: int) -> None:
    if context.settings.selection.every_of(float(context.info.frame_rate)) % stride:
        raise ModelError(
            f"model {model}: its file has boxes in one frame of {stride} of {context.item.name}, regularly, so "
            f"the frames between were not recorded; look at these frames alone with --every {stride}, or, if the "
            "others were looked at and are empty, name them in rows without score and box"
        )


class StabilityUnit:
    def __init__(self, context: Context, model: Model, unit_tables: Sequence[str]) -> None:
        self.unit_tables = unit_tables
        along = context.settings.along_time(float(context.info.frame_rate), context.origin)
        self.context = context
        self.model, self.batch = model, context.settings.batch_size
        self._own: list[np.ndarray] = []
        self._meter = task_of(model.task).meter(
            context.item.name, model.name, along, metrics_of(model.task)
        )
        self._first: list[torch.Tensor] = []
        self._spent_s = 0.0
        # a file of boxes is given the number of frames, by which it finds from which number it counts
        self._about = getattr(model, "about", None)
        if self._about is not None:
            about = self._about(context.item.name, context.info.num_frames)
            _check_stride(model.name, context, int(about.get("stride", 1)))

    def feed(self, batch: FrameBatch, transitions: FrameTransitions) -> None:
        self._own.append(batch.index[self.context.own(batch.time_s)])
        kept = sum(map(len, self._first))
        same = not self._first or self._first[0].shape[1:] == batch.pixels.shape[1:]
        if kept < FRAMES and same and not self.context.number:
            self._first.append(batch.pixels[: FRAMES - kept].clone())
        began = time.perf_counter()
        predictions = predict_footage(self.model, batch, self.batch)
        self._spent_s += time.perf_counter() - began
        self._meter.feed(batch, transitions, predictions)

    def finish(self, source: VideoSource) -> Found:
        every = {name: tables.empty(name) for name in self.unit_tables}
        floor = facts(self.model, torch.cat(self._first)) if self._first else {}
        if self._about is not None:
            floor = {
                **floor,
                "boxes_file": self._about(self.context.item.name, source.info.num_frames),
            }
        frames = sum(map(len, self._own))
        if needs_pixels(self.model) and frames:
            floor = {**floor, "prediction": {"seconds": self._spent_s, "frames": frames}}
        return {**every, **self._of_own_frames(self._meter.finish())}, floor

    def _of_own_frames(self, tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Drop the frames around the segment; a pair belongs to the segment of its later frame."""
        if self.context.pieces == 1:
            return tables
        rows = np.concatenate([*self._own, np.empty(0, np.int64)])
        later = {
            name: table[["frame_a", "frame_b"]].max(axis=1)
            if "frame_a" in table
            else table["frame"]
            for name, table in tables.items()
        }
        return {
            name: table[later[name].isin(rows)].reset_index(drop=True)
            for name, table in tables.items()
        }
