"""The unit of the stage stability: one model along one input, and its noise floor on the first frames."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch

from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.metric import AlongTime
from vidrobust.models.predict import Model, needs_pixels, predict_footage
from vidrobust.pipeline.stage import Context, Found
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.stability import noise_floor
from vidrobust.stages.stability.tables import UNIT_TABLES
from vidrobust.tables import schema as tables
from vidrobust.video.source import VideoSource
from vidrobust.video.stream import SAME_TIME_S


class StabilityUnit:
    """One model along one item, and its noise floor on the first frames."""

    def __init__(self, context: Context, model: Model) -> None:
        along = along_time(context.settings, float(context.info.frame_rate), context.origin)
        self.context = context
        self.model, self.batch = model, context.settings.batch_size
        self._own: list[np.ndarray] = []
        self._meter = task_of(model.task).meter(context.item.name, model.name, along, metrics_of(model.task))
        self._first: list[torch.Tensor] = []
        self._spent_s = 0.0
        # a file of boxes is given the number of frames, by which it finds from which number it counts
        self._about = getattr(model, "about", None)
        if self._about is not None:
            self._about(context.item.name, context.info.num_frames)

    def feed(self, batch: FrameBatch, transitions: FrameTransitions) -> None:
        self._own.append(batch.index[self.context.own(batch.time_s)])
        kept = sum(map(len, self._first))
        same = not self._first or self._first[0].shape[1:] == batch.pixels.shape[1:]
        if kept < noise_floor.FRAMES and same and not self.context.number:
            self._first.append(batch.pixels[: noise_floor.FRAMES - kept].clone())
        began = time.perf_counter()
        predictions = predict_footage(self.model, batch, self.batch)
        self._spent_s += time.perf_counter() - began
        self._meter.feed(batch, transitions, predictions)

    def finish(self, source: VideoSource) -> Found:
        every = {name: tables.empty(name) for name in UNIT_TABLES}
        floor = noise_floor.facts(self.model, torch.cat(self._first)) if self._first else {}
        if self._about is not None:
            floor = {**floor, "boxes_file": self._about(self.context.item.name, source.info.num_frames)}
        frames = sum(map(len, self._own))
        if needs_pixels(self.model) and frames:
            floor = {**floor, "prediction": {"seconds": self._spent_s, "frames": frames}}
        return {**every, **self._of_own_frames(self._meter.finish())}, floor

    def _of_own_frames(self, found: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Without the rows of frames about the segment; a pair belongs to the segment of its later frame."""
        if self.context.pieces == 1:
            return found
        own = np.concatenate([*self._own, np.empty(0, np.int64)])
        later = {
            name: table[["frame_a", "frame_b"]].max(axis=1) if "frame_a" in table else table["frame"]
            for name, table in found.items()
        }
        return {name: table[later[name].isin(own)].reset_index(drop=True) for name, table in found.items()}


def along_time(settings: Settings, rate: float, origin: tuple[int, float] | None = None) -> AlongTime:
    """What is compared along time at ``rate`` frames a second; ``origin``: where rows are counted from."""
    delivered = rate / settings.every if settings.fps is None else settings.fps

    def row_of(index: int, time_s: float) -> int:
        if origin is None:
            return 0
        if settings.fps is None:
            return (index - origin[0]) // settings.every
        return int((time_s - origin[1] + SAME_TIME_S) * settings.fps)

    return AlongTime(
        frame_rate=delivered,
        revert_within=settings.revert_within,
        tracks=settings.tracks_at(delivered),
        row_of=row_of,
    )
