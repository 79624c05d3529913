"""One input to be shown again: its frames, what was measured along them, and a model's answers as rows."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch

from vidrobust.footage.item import Item
from vidrobust.frames.pixels import to_array, to_tensor
from vidrobust.metrics.box_selection import chosen, within_frame
from vidrobust.models.predict import Model, predict
from vidrobust.pipeline.run import Run
from vidrobust.predictions import Classifications, Detections
from vidrobust.stages.replays.paths import Steps, measured_steps

CHUNK = 16
MOST_KEPT = 512 * 2**20
"""Bytes of frames of one replay that are kept for the next model."""
BOX = ("x1", "y1", "x2", "y2")
Stream = Iterator[np.ndarray]
"""The frames of a clip, (H, W, 3) uint8 RGB in order."""


@dataclass(frozen=True)
class Shown:
    """An input of a run.

    number  (N,) of its frames, in the order of delivery
    begins  (N,) bool: nothing is compared over this place
    rate    frames a second
    """

    run: Run
    item: Item
    number: np.ndarray
    begins: np.ndarray
    rate: float
    _played: dict[str, tuple[list[np.ndarray], float]] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Run, item: Item) -> Shown | None:
        """None where the run has no frame of it."""
        rows = run.table("transitions")
        rows = rows[rows["item"] == item.name]
        if not len(rows):
            return None
        joined = np.isin(rows["reason"].to_numpy(object).astype(str), ("", "duplicate", "motion"))
        step_s = float(np.median(np.diff(rows["time_s"]))) if len(rows) > 1 else 1.0
        return cls(run, item, rows["frame"].to_numpy(np.int64), ~joined, 1.0 / step_s)

    def frames(self) -> Stream:
        """All of them, from the start at each call."""
        with self.run.opened(self.item.name) as source:
            for batch in source.batches(CHUNK):
                for row in range(len(batch)):
                    yield to_array(batch.pixels[row])

    def played(self, name: str, frames: Callable[[], Stream]) -> tuple[Stream, float]:
        """The frames of a replay, and seconds that were spent on them before.

        With several models the frames of the last replay are kept, where memory is given for them.
        """
        if name not in self._played:
            self._played.clear()
            height, width = self.run.folder.record.sizes[self.item.name]
            if len(self.run.models) == 1 or len(self.number) * height * width * 3 > MOST_KEPT:
                return frames(), 0.0
            begin = time.perf_counter()
            self._played[name] = [frame.copy() for frame in frames()], time.perf_counter() - begin
        kept, seconds = self._played[name]
        return iter(kept), seconds

    @functools.cached_property
    def steps(self) -> Steps:
        """How camera and light go from frame to frame."""
        self.run.reporter.say(
            f"replays, {self.item.name}: measuring camera and light over {len(self.number)} frames"
        )
        return measured_steps(self.frames(), self.begins)

    def asked(self, model: Model, pixels: torch.Tensor) -> Classifications | Detections:
        """What a model says of (N, 3, H, W) uint8."""
        return predict(model, pixels, self.run.settings.batch_size)

    def looked_at(self, found: Detections, pixels: torch.Tensor) -> Detections:
        """The boxes that the run looks at, cut off at the edges of the frames."""
        tracks = self.run.settings.tracks
        size = (int(pixels.shape[-2]), int(pixels.shape[-1]))
        return within_frame(chosen(found, tracks.only, tracks.ignored), size)


def chunks(frames: Stream) -> Iterator[torch.Tensor]:
    """(N, 3, H, W) uint8, so many frames of one size together."""
    kept: list[np.ndarray] = []
    for frame in frames:
        if kept and (len(kept) == CHUNK or kept[0].shape != frame.shape):
            yield to_tensor(kept)
            kept = []
        kept.append(frame.copy())
    if kept:
        yield to_tensor(kept)


def rows_of(found: Classifications | Detections, number: np.ndarray) -> pd.DataFrame:
    """frame and label of each answer; of a detector a row a box, with score and corners.

    number  (N,) of the frames that were answered
    """
    if isinstance(found, Classifications):
        return pd.DataFrame({"frame": number, "label": found.labels})
    corners = {name: found.boxes[:, k].astype(np.float64) for k, name in enumerate(BOX)}
    return pd.DataFrame(
        {
            "frame": number[found.frame],
            "label": found.labels,
            "score": found.scores.astype(np.float64),
            **corners,
        }
    )


def answered(
    shown: Shown, frames: Stream, ask: Callable[[torch.Tensor], Classifications | Detections]
) -> pd.DataFrame:
    """The rows of all answers to the frames of an input."""
    found, at = [], 0
    for pixels in chunks(frames):
        said = ask(pixels)
        said = shown.looked_at(said, pixels) if isinstance(said, Detections) else said
        found.append(rows_of(said, shown.number[at : at + len(pixels)]))
        at += len(pixels)
    return pd.concat(found, ignore_index=True)
