"""Detectors measured on footage: objects without a box, changed classes, missed boxes, average precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.accuracy.average_precision import BOX, FramesOfBoxes, precisions
from vidrobust.errors import InputError
from vidrobust.frame_pairs.transitions import FrameTransitions, reasons_of
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.box_meter import BoxMeter
from vidrobust.metrics.metric import AlongTime
from vidrobust.metrics.tracks.against_truth import Truth, matched
from vidrobust.metrics.tracks.follow import follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes, joined
from vidrobust.metrics.tracks.measures import measure
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.boxes.network import (
    NONE,
    SMALLEST_PX,
    BoxSamples,
    KnownBoxes,
    TrainableDetector,
    of_rows,
    self_boxes,
)
from vidrobust.plugins.finetune.gather import AnsweredFootage, FrameSelection, decoded
from vidrobust.plugins.finetune.judge import NOTHING, BenchFigures, CountedRows, clusters_of
from vidrobust.predictions import Detections
from vidrobust.stages.stability.with_labels import judged_frames, known_in_frames
from vidrobust.statistics.clusters import Clusters
from vidrobust.statistics.standard_errors import influence

COLUMNS = ("row", "label", "score", *BOX, "shift_x", "shift_y")


@dataclass
class BoxBench:
    """Frames (1, 3, H, W) uint8 on which detectors are measured, as the footage has them."""

    network: TrainableDetector
    frames: pd.DataFrame
    pixels: Sequence[torch.Tensor]
    right: Sequence[KnownBoxes | None]
    along: Mapping[str, AlongTime]

    def with_jury(self, modules: Iterable[nn.Module]) -> BoxBench:
        """The same: objects that were followed count, whoever finds them."""
        return self

    def measured(self, module: nn.Module) -> BenchFigures:
        boxes = self._followed(self.network.answers(module, self.pixels))
        along = self._along(boxes)
        rows = along["row"].to_numpy(np.int64)
        flips, renamed = (
            self._rows(along[name].to_numpy(np.float64), rows) for name in ("uncovered", "flip")
        )
        pairs = zip(self._before, self._by_frame(boxes), strict=True)
        gone = np.array([self.network.change(then, now, "lost") for then, now in pairs])
        judged = np.flatnonzero([truth is not None for truth in self.right])
        errors = at_rest = NOTHING
        if len(judged):
            missed = [
                self._missed(self._known(row), one) for row, one in enumerate(self._by_frame(boxes))
            ]
            every = np.repeat(np.arange(len(self.frames)), [len(part) for part in missed])
            errors = self._rows(np.concatenate(missed), every)
            at_rest = self._precision_lost(boxes, judged)
        return BenchFigures(
            flips=flips,
            disagreement=renamed,
            errors=errors,
            errors_at_rest=at_rest,
            other=dataclasses.replace(self._rows(gone, np.arange(len(gone))), events=False),
            what=self._clusters.what,
        )

    @cached_property
    def _before(self) -> list[Detections]:
        module = self.network.module
        return self._by_frame(self._followed(self.network.answers(module, self.pixels)))

    @cached_property
    def _clusters(self) -> Clusters:
        return clusters_of(self.frames)

    def _rows(self, values: np.ndarray, rows: np.ndarray) -> CountedRows:
        known = np.isfinite(values)
        return CountedRows(values[known], self._clusters.label[rows[known]])

    def _known(self, row: int) -> KnownBoxes:
        right = self.right[row]
        return NONE if right is None else right

    def _missed(self, known: KnownBoxes, boxes: Detections) -> np.ndarray:
        """(K,) 1 for a known box that is not found, NaN for one that left the frame."""
        inside = (known.boxes[:, 2:] - known.boxes[:, :2] >= SMALLEST_PX).all(axis=1)
        of = matched(_one_frame(boxes), _truth(known), self.network.settings.track_start_score)
        return np.where(inside, (of < 0).astype(np.float64), np.nan)

    def _precision_lost(self, seen: pd.DataFrame, judged: np.ndarray) -> CountedRows:
        """1 less the average precision of all judged frames plus how far each cluster pulls it."""
        known = [
            pd.DataFrame(truth.boxes, columns=BOX).assign(label=truth.labels, frame=row)
            for row, truth in ((int(row), self._known(int(row))) for row in judged)
        ]
        inside = seen[seen["row"].isin(judged)]
        boxes = FramesOfBoxes(pd.concat(known), inside.rename(columns={"row": "frame"}))
        units, code = np.unique(self._clusters.label[judged], return_inverse=True)
        whole, without = precisions(boxes, judged, code, len(units))
        if len(units) < 2 or not np.isfinite(without[:, 0]).all():
            return CountedRows(1 - whole[:1], units[:1], events=False)  # one row has no interval
        return CountedRows(1 - whole[0] - influence(without[:, 0]), units, events=False)

    def _by_frame(self, seen: pd.DataFrame) -> list[Detections]:
        bounds = np.searchsorted(seen["row"].to_numpy(), np.arange(len(self.frames) + 1))
        boxes = seen[list(BOX)].to_numpy(np.float32)
        scores, labels = seen["score"].to_numpy(np.float32), seen["label"].to_numpy(np.int64)
        rows = [slice(bounds[k], bounds[k + 1]) for k in range(len(self.frames))]
        names = self.network.class_names
        return [
            Detections(
                boxes[r], scores[r], labels[r], np.zeros(r.stop - r.start, np.int64), 1, names
            )
            for r in rows
        ]

    @property
    def stretches(self) -> list[np.ndarray]:
        """Rows of frames that follow each other in an item."""
        item, place = self.frames["item"].to_numpy(object), self.frames["place"].to_numpy(np.int64)
        begins = np.ones(len(item), bool)
        begins[1:] = (item[1:] != item[:-1]) | (place[1:] != place[:-1] + 1)
        return np.split(np.arange(len(item)), np.flatnonzero(begins)[1:])

    def _reasons(self, rows: np.ndarray) -> np.ndarray:
        reason = self.frames["reason"].to_numpy(object)[rows].copy()
        reason[0] = "first"
        return reason

    def _followed(self, clean: Sequence[Detections]) -> pd.DataFrame:
        parts = []
        for rows in self.stretches:
            item = str(self.frames["item"].iloc[rows[0]])
            meter = BoxMeter(item, "", self.along[item])
            for row, reason in zip(rows.tolist(), self._reasons(rows), strict=True):
                batch = FrameBatch(
                    pixels=self.pixels[row],
                    time_s=self.frames["time_s"].to_numpy(np.float64)[row : row + 1],
                    index=self.frames["frame"].to_numpy(np.int64)[row : row + 1],
                    corrupt=np.zeros(1, np.bool_),
                    item=item,
                )
                nothing = np.full(1, np.nan)
                between = FrameTransitions(
                    reason=np.array([reason], object),
                    pixel_change=nothing,
                    shift=np.full((1, 2), np.nan),
                    keyframe=np.zeros(1, np.bool_),
                )
                meter.feed(batch, between, clean[row])
            boxes = meter.finish()["detections"]
            place = pd.Series(rows, index=self.frames["frame"].to_numpy(np.int64)[rows])
            parts.append(boxes.assign(row=place.loc[boxes["frame"]].to_numpy()))
        every = pd.concat(parts, ignore_index=True).sort_values(
            "row", kind="stable", ignore_index=True
        )
        return every[list(COLUMNS)]

    def _along(self, boxes: pd.DataFrame) -> pd.DataFrame:
        """Objects frame by frame, over all stretches."""
        parts = []
        for rows in self.stretches:
            along = self.along[str(self.frames["item"].iloc[rows[0]])]
            mine = boxes[(boxes["row"] >= rows[0]) & (boxes["row"] <= rows[-1])]
            height, width = self.pixels[rows[0]].shape[-2:]
            of = ItemBoxes(
                frame=mine["row"].to_numpy(np.int64) - rows[0],
                boxes=mine[list(BOX)].to_numpy(np.float64),
                scores=mine["score"].to_numpy(np.float64),
                labels=mine["label"].to_numpy(np.int64),
                shift=mine[["shift_x", "shift_y"]].to_numpy(np.float64),
                num_frames=len(rows),
                joined=joined(self._reasons(rows)),
                size=(int(height), int(width)),
            )
            tracks = along.tracks.of_classes(dict(enumerate(self.network.class_names)))
            objects = follow(of, tracks)
            made = measure(of, objects, tracks, frame_rate=along.frame_rate)
            parts.append(made.along.assign(row=made.along["row"] + rows[0]))
        return pd.concat(parts, ignore_index=True)


def _one_frame(boxes: Detections) -> ItemBoxes:
    return ItemBoxes(
        frame=np.zeros(len(boxes.scores), np.int64),
        boxes=boxes.boxes.astype(np.float64),
        scores=boxes.scores.astype(np.float64),
        labels=boxes.labels,
        shift=np.zeros((len(boxes.scores), 2)),
        num_frames=1,
        joined=np.ones(1, bool),
        size=(1, 1),
    )


def _truth(known: KnownBoxes) -> Truth:
    count = len(known.boxes)
    return Truth(
        frame=np.zeros(count, np.int64),
        boxes=known.boxes.astype(np.float64),
        labels=known.labels,
        trajectory=np.arange(count),
    )


@dataclass(frozen=True)
class BoxFootage(AnsweredFootage):
    """The footage of one run as a detector answers it."""

    right: Sequence[KnownBoxes | None]
    own: Sequence[KnownBoxes]


def seen_of(run: OpenRun, model: str, classes: Sequence[str]) -> BoxFootage:
    """From the tables of the stage stability."""
    tables = {name: run.table(name) for name in ("box_counts", "detections", "object_frames")}
    counts, shown, steps = (table[table["model"] == model] for table in tables.values())
    if not len(counts):
        raise InputError(f"adapt: {model} answered no frame of {run.path}")
    items = run.table("items")
    parts = {str(i): str(p) for i, p in zip(items["item"], items["part"], strict=True) if p}
    known = known_in_frames(run)
    judged = judged_frames(counts, shown, known, tuple(classes)) if len(known) else None
    of_frame = (
        {} if judged is None else dict(list(judged.known.groupby(["item", "frame"], sort=False)))
    )
    are_judged = (
        set()
        if judged is None
        else set(zip(judged.frames["item"], judged.frames["frame"], strict=True))
    )
    of_item = dict(list(run.table("transitions").groupby("item", sort=False)))
    rows: list[pd.DataFrame] = []
    right: list[KnownBoxes | None] = []
    own: list[KnownBoxes] = []
    for item, seen in counts.groupby("item", sort=False):
        seen = seen.sort_values("frame", kind="stable")
        number = seen["frame"].to_numpy(np.int64)
        rows.append(
            pd.DataFrame(
                {
                    "item": str(item),
                    "part": parts.get(str(item), ""),
                    "frame": number,
                    "place": np.arange(len(number)),
                    "time_s": seen["time_s"].to_numpy(np.float64),
                    "reason": reasons_of(number, of_item[item]),
                }
            )
        )
        boxes, along = (table[table["item"] == item] for table in (shown, steps))
        objects = self_boxes(boxes, along, run.settings.track_start_score)
        own += [objects.get(frame, NONE) for frame in number.tolist()]
        for frame in number.tolist():
            at = of_frame.get((item, frame))
            there = of_rows(at) if at is not None else NONE
            right.append(there if (item, frame) in are_judged else None)
    frames = pd.concat(rows, ignore_index=True)
    return BoxFootage(
        run=run,
        frames=frames,
        begins=(begins := (frames["reason"].astype(str) != "").to_numpy(bool)),
        stretch=begins.cumsum(),
        kinds={str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)},
        known=np.array([truth is not None for truth in right], bool),
        right=right,
        own=own,
    )


def samples_of(network: TrainableDetector, chosen: FrameSelection[BoxFootage]) -> BoxSamples:
    """The frames to train with and their boxes."""
    trains, rows = chosen.trains, chosen.training.tolist()
    targets = [(trains.right[row] or NONE) if chosen.by_labels else trains.own[row] for row in rows]
    if not any(len(target.boxes) for target in targets):
        what = "known boxes" if chosen.by_labels else "objects that the detector follows"
        raise InputError(
            f"adapt: the {len(rows)} frames to train with hold no {what}; give known boxes (--targets labels) or "
            "footage on which the detector finds something"
        )
    frames = [frame for _, frame in decoded(trains, chosen.training)]
    return BoxSamples(network, frames, targets, (np.arange(len(frames)),))


def with_footage(samples: BoxSamples, chosen: FrameSelection[BoxFootage]) -> BoxSamples:
    """The samples and unlabelled footage, with the boxes of followed objects."""
    first = len(samples.frames)
    return dataclasses.replace(
        samples,
        frames=[*samples.frames, *(frame for _, frame in decoded(chosen.judges, chosen.line))],
        targets=[*samples.targets, *(chosen.judges.own[row] for row in chosen.line.tolist())],
        pools=(*samples.pools, first + np.arange(len(chosen.line))),
    )


def bench_of(network: TrainableDetector, seen: BoxFootage, rows: np.ndarray) -> BoxBench:
    """The rows of some footage on which detectors are measured."""
    frames = seen.frames.iloc[rows].reset_index(drop=True)
    return BoxBench(
        network=network,
        frames=frames,
        pixels=[frame for _, frame in decoded(seen, rows)],
        right=[seen.right[int(row)] for row in rows],
        along={str(item): _along(seen, str(item)) for item in frames["item"].unique()},
    )


def _along(judges: BoxFootage, item: str) -> AlongTime:
    settings = judges.run.settings
    time_s = judges.frames.loc[judges.frames["item"] == item, "time_s"].to_numpy(np.float64)
    rate = 1 / max(float(np.median(np.diff(time_s))), 1e-6) if len(time_s) > 1 else 25.0
    return dataclasses.replace(settings, every=1, fps=None).along_time(rate)
