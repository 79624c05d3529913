"""Stability: a study's metrics in any loop, in the manner of torchmetrics; and a test of them."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from vidrobust.api.run import Run
from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.gate import gates_on
from vidrobust.frame_pairs.transitions import REASONS, FrameTransitions, PairWatcher
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.metric import ANCHOR_DELTAS, Meter, Metric
from vidrobust.models.classes import imagenet, numbered
from vidrobust.models.foreign import classifications_of, detections_of, plain, task_of_answers
from vidrobust.models.reading import are_probabilities, as_rows, check_finite
from vidrobust.predictions import Classifications, Detections, TaskPredictions
from vidrobust.run_folder.gates import parse_gate, pass_gates
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.stability.rates import summarise
from vidrobust.text.phrases import listing, plural

MODEL = "model"  # Its name in the tables
NEEDS_PIXELS = (
    "which pairs to leave out: scene cuts, repeated or damaged frames, large motion",
    "the motion of boxes between frames, where objects are followed",
    "causes, sensitivity, augmentations and remedies: the model itself must answer",
)
OPPOSITE = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}


class StabilityMeter:
    """What ``Stability`` measures, without torchmetrics; see there for the parameters."""

    def __init__(
        self,
        *,
        task: str = "classification",
        frame_rate: float = 25.0,
        class_names: Sequence[str] | None = None,
        frame_size: tuple[int, int] | None = None,
        settings: Settings | Mapping[str, Any] | None = None,
    ) -> None:
        task_of(task)  # refuses an unknown one
        self.task, self.frame_rate, self.frame_size = task, frame_rate, frame_size
        self.class_names = None if class_names is None else tuple(map(str, class_names))
        self.settings = Settings.of(settings)
        self._clips: dict[str, _Clip] = {}
        self._probabilities: bool | None = None
        self.with_frames: bool | None = None

    def update(
        self,
        predictions: Any,
        frames: Any = None,
        clip: str | Sequence[str] = "clip",
        *,
        time_s: np.ndarray | None = None,
        frame_rate: float | None = None,
    ) -> None:
        """Take the next frames of a clip, or of several.

        Parameters
        ----------
        predictions
            Scores (N, K), or (K,) of one frame, ``Classifications``, ``Detections``, or a list with an answer a frame:
            supervision's Detections, Ultralytics' Results, dicts of boxes, scores and labels, arrays (M, 6).
        frames
            uint8 RGB (N, H, W, 3) or (N, 3, H, W), PIL images, or a ``FrameBatch``. Without them no pair is left out.
        clip
            Name of the clip, or one for each frame, as the default collate of a ``DataLoader`` gives them;
            clips may alternate.
        time_s, frame_rate
            (N,) seconds, by default by frame number; the rate of this clip.
        """
        answers = self._predictions(predictions)
        count = answers.num_frames
        if self.with_frames not in (None, frames is not None):
            raise SettingsError("update: give frames always or never")
        self.with_frames = frames is not None
        names = [clip] * count if isinstance(clip, str) else list(map(str, clip))
        if len(names) != count:
            raise SettingsError(
                f"update: clip: expected a name, or {count} names, got {len(names)}"
            )
        starts = [k for k in range(count) if k == 0 or names[k] != names[k - 1]] or [0]
        if len(starts) > 1 and isinstance(frames, FrameBatch):
            raise SettingsError("update: a FrameBatch is of one clip; give its frames as an array")
        for start, stop in itertools.pairwise([*starts, count]):
            name = names[start] if names else str(clip)
            if name not in self._clips:
                self._clips[name] = _Clip(self, name, frame_rate or self.frame_rate)
            whole = start == 0 and stop == count
            rows = slice(start, stop)
            shown = frames if whole or frames is None else frames[rows]
            times = None if time_s is None else time_s[rows]
            part = answers if whole else _frames(answers, start, stop)
            self._clips[name].feed(part, self._batch(shown, stop - start, name, times))

    def compute(self) -> dict[str, torch.Tensor]:
        """Return ``NAME``, ``NAME_low`` and ``NAME_high`` of each metric, float64; NaN if none.

        ``missing`` says why a metric is NaN.
        """
        rows = self.figures()
        rows = rows[rows["item"] == ""].set_index("metric")
        names = [metric.name for metric in metrics_of(self.task) if _is_promised(metric)]
        rows = rows.reindex(list(dict.fromkeys([*names, *rows.index])))
        return {
            f"{name}{end}": torch.tensor(row[column], dtype=torch.float64)
            for name, row in rows.iterrows()
            for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
        }

    def figures(self) -> pd.DataFrame:
        """Return the table ``stability`` of a run: item ("" for all), metric, value, low, high, n, clusters."""
        if not self._clips:
            raise InputError("stability: no frame was given; call update first")
        raw: dict[str, list[pd.DataFrame]] = {}
        for clip in self._clips.values():
            for name, table in clip.meter.finish().items():
                raw.setdefault(name, []).append(table)
        tables = {name: pd.concat(parts, ignore_index=True) for name, parts in raw.items()}
        return summarise(tables, metrics_of(self.task, ANCHOR_DELTAS))

    @property
    def missing(self) -> tuple[str, ...]:
        """What these figures lack, because it needs pixels, or the model."""
        return (*self._not_comparable(), *(NEEDS_PIXELS[2:] if self.with_frames else NEEDS_PIXELS))

    def _not_comparable(self) -> tuple[str, ...]:
        """Why metrics of neighbouring frames are NaN, where no pair may be compared."""
        excluded = sum((clip.excluded for clip in self._clips.values()), Counter[str]())
        if not excluded or any(clip.usable for clip in self._clips.values()):
            return ()
        measured = set(self.figures()["metric"])
        promised = [metric for metric in metrics_of(self.task) if _is_promised(metric)]
        absent = [metric.title for metric in promised if metric.name not in measured]
        why = ", ".join(f"{count} because {REASONS[name]}" for name, count in excluded.items())
        pairs = plural(excluded.total(), "pair")
        return (f"{listing(absent)}: none of {pairs} of frames may be compared ({why})",) * bool(
            absent
        )

    def reset(self) -> None:
        """Forget all clips."""
        self._clips, self._probabilities, self.with_frames = {}, None, None

    def forward(self, *given: Any, **how: Any) -> dict[str, torch.Tensor]:
        """Update, and return the metrics of all frames so far: pairs reach across batches."""
        self.update(*given, **how)
        return self.compute()

    def _predictions(self, given: Any) -> TaskPredictions:
        if isinstance(given, TaskPredictions):
            return given
        if hasattr(given, "xyxy") or hasattr(given, "orig_shape"):
            given = [given]
        answers = [plain(answer) for answer in given] if isinstance(given, list | tuple) else None
        if task_of(self.task).finds_boxes:
            if answers is None or task_of_answers(answers, len(answers)) != "detection":
                raise SettingsError(
                    "update: expected Detections, or a list with the boxes of each frame; got "
                    f"{type(given).__name__}"
                )
            return detections_of(answers, self.class_names)
        if answers is not None and task_of_answers(answers, len(answers)) == "classification":
            return classifications_of(answers, self.class_names)
        if answers is None and getattr(given, "ndim", 2) == 1:
            given = given[None]
        rows = as_rows(
            given if answers is None else np.stack([np.asarray(a) for a in answers]), "predictions"
        )
        check_finite(rows, "predictions")
        names = self.class_names or (
            imagenet() if rows.shape[1] == len(imagenet()) else numbered(rows.shape[1])
        )
        if self._probabilities is None:
            self._probabilities = are_probabilities(rows)
        if self._probabilities:
            return Classifications(rows, names)
        return Classifications.from_logits(rows, names)

    def _batch(self, frames: Any, count: int, clip: str, time_s: np.ndarray | None) -> FrameBatch:
        if isinstance(frames, FrameBatch):
            return frames
        if frames is None:
            if task_of(self.task).finds_boxes and self.frame_size is None:
                raise SettingsError(
                    "update: detection needs frames, or Stability(frame_size=(HEIGHT, WIDTH))"
                )
            size = (count, 3, *(self.frame_size or (1, 1)))
            pixels = torch.empty(size, dtype=torch.uint8, device="meta")
        else:
            many = isinstance(frames, list | tuple)
            stacked = np.stack([_array(each) for each in frames]) if many else _array(frames)
            pixels = torch.as_tensor(stacked)
            pixels = pixels[None] if pixels.ndim == 3 else pixels
            pixels = pixels.movedim(-1, 1) if pixels.ndim == 4 and pixels.shape[1] != 3 else pixels
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[:2] != (count, 3):
            raise SettingsError(
                f"update: expected {count} uint8 RGB frames, (N, H, W, 3) or (N, 3, H, W), got {pixels.dtype} "
                f"{tuple(pixels.shape)}"
            )
        index = np.arange(count, dtype=np.int64) + self._clips[clip].count
        times = index / self._clips[clip].rate if time_s is None else np.asarray(time_s, np.float64)
        return FrameBatch(
            pixels=pixels, time_s=times, index=index, corrupt=np.zeros(count, bool), item=clip
        )


def _array(frame: Any) -> Any:
    """Return a PIL image as an array (H, W, 3) uint8, and anything else as it is."""
    return np.asarray(frame.convert("RGB")) if hasattr(frame, "convert") else frame


def _frames(answers: TaskPredictions, start: int, stop: int) -> TaskPredictions:
    """The predictions of some frames; boxes keep their track numbers."""
    if not isinstance(answers, Detections):
        return answers.select(np.arange(start, stop))
    boxes = answers.take((answers.frame >= start) & (answers.frame < stop))
    return replace(boxes, frame=boxes.frame - start, num_frames=stop - start)


class _Clip:
    def __init__(self, of: StabilityMeter, name: str, rate: float) -> None:
        along = of.settings.along_time(rate)
        self.rate, self.count, self.with_frames = along.frame_rate, 0, of.with_frames
        # pairs of neighbouring frames that may be compared, and why the others may not
        self.usable, self.excluded = 0, Counter[str]()
        self.watcher = PairWatcher(motion_limit=along.motion_limit)
        self.meter: Meter = task_of(of.task).meter(name, MODEL, along, metrics_of(of.task))

    def feed(self, answers: TaskPredictions, batch: FrameBatch) -> None:
        transitions = self.watcher.feed(batch) if self.with_frames else self._unseen(len(batch))
        self.meter.feed(batch, transitions, answers)
        self.usable += int((transitions.reason == "").sum())
        self.excluded += Counter(reason for reason in transitions.reason if reason in REASONS)
        self.count += len(batch)

    def _unseen(self, count: int) -> FrameTransitions:
        reason = np.full(count, "", object)
        reason[: int(not self.count)] = "first"
        unknown = np.full((count, 2), np.nan)
        return FrameTransitions(
            reason=reason, pixel_change=unknown[:, 0], shift=unknown, keyframe=np.zeros(count, bool)
        )


def _is_promised(metric: Metric) -> bool:
    return metric.headline and not metric.of_labels


def assert_stable(run: Run | StabilityMeter | str | os.PathLike[str], *rules: str) -> None:
    """Raise AssertionError unless all rules hold of all models, such as ``"flip_rate <= 0.02"``.

    A side of the interval can be named: ``"jitter.high < 0.1"``. The message has a line per broken rule, with
    value and interval. A number that could not be computed fails.
    """
    gates = [parse_gate(rule) for rule in rules]
    # a gate fails where it holds
    gates = [
        replace(gate, comparison=OPPOSITE[gate.comparison], expected=gate.text) for gate in gates
    ]
    if isinstance(run, StabilityMeter):
        rows = run.figures()
        rows = rows[rows["item"] == ""].set_index("metric")
        passages = pass_gates(
            gates, {MODEL: {str(name): row for name, row in rows.to_dict("index").items()}}
        )
    else:
        passages = gates_on((run if isinstance(run, Run) else Run(run)).folder, gates)
    if wrong := [passage.sentence for passage in passages if passage.outcome != "passed"]:
        raise AssertionError("\n".join(wrong))
