"""A detector on the judging footage, unchanged and under each condition."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.accuracy.average_precision import BOX, FramesOfBoxes, precisions
from vidrobust.errors import InputError
from vidrobust.files.atomic import write_arrays
from vidrobust.frame_pairs.transitions import FrameTransitions, reasons_of
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.box_meter import BoxMeter
from vidrobust.metrics.metric import AlongTime
from vidrobust.metrics.tracks.against_truth import Truth, matched
from vidrobust.metrics.tracks.follow import follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes, joined
from vidrobust.metrics.tracks.measures import Measures, measure
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
from vidrobust.plugins.finetune.gather import AnsweredFootage, FrameSelection, decoded, rows_of
from vidrobust.plugins.finetune.judge import (
    BOX_CHANGE,
    CENTRE,
    DROPOUTS,
    FALSE_BOXES,
    FOOTAGE,
    LOST,
    MISSED,
    NAN,
    PRECISION_LOST,
    RENAMED,
    UNCOVERED,
    clusters_of,
)
from vidrobust.plugins.finetune.network import MetricValues
from vidrobust.plugins.finetune.steps import Condition, shown_with_boxes
from vidrobust.predictions import Detections
from vidrobust.stages.stability.unit import along_time
from vidrobust.stages.stability.with_labels import judged_frames, known_in_frames
from vidrobust.statistics.standard_errors import influence

# Metric -> its column along tracks.
ALONG = {UNCOVERED: "uncovered", DROPOUTS: "missed", RENAMED: "flip", CENTRE: "center_jitter"}
COLUMNS = ("row", "label", "score", *BOX, "shift_x", "shift_y")


@dataclass(frozen=True)
class BoxAnswers:
    """Boxes of the footage, and change and missed known boxes under each condition."""

    boxes: pd.DataFrame
    change: np.ndarray
    missed: np.ndarray

    def save(self, path: Path) -> None:
        columns = {name: self.boxes[name].to_numpy() for name in COLUMNS}
        write_arrays(path, change=self.change, missed=self.missed, **columns)

    @classmethod
    def load(cls, path: Path) -> BoxAnswers:
        with np.load(path) as found:
            boxes = pd.DataFrame({name: found[name] for name in COLUMNS})
            return cls(boxes, found["change"], found["missed"])


@dataclass(frozen=True)
class BoxBench:
    """Frames that judge, as the footage has them."""

    network: TrainableDetector
    frames: pd.DataFrame
    pixels: Sequence[torch.Tensor]
    content: Sequence[str]
    right: Sequence[KnownBoxes | None]
    conditions: tuple[Condition, ...]
    shown: np.ndarray
    along: dict[str, AlongTime]

    def answered(self, module: nn.Module) -> BoxAnswers:
        clean = self.network.answers(module, self.pixels)
        count = sum(len(self._known(int(row)).boxes) for row in self.shown)
        change = np.empty((len(self.conditions), len(self.shown)))
        missed = np.empty((len(self.conditions), count))
        for number, at in enumerate(self.conditions):
            of_known = []
            for place, row in enumerate(self.shown.tolist()):
                frame, before, known = self._under(at, row, clean[row])
                (now,) = self.network.answers(module, [frame])
                change[number, place] = self.network.change(before, now)
                of_known.append(self._missed(known, now))
            missed[number] = np.concatenate(of_known)
        return BoxAnswers(self._followed(clean), change, missed)

    def load(self, path: Path) -> BoxAnswers:
        return BoxAnswers.load(path)

    def values(self, found: BoxAnswers, before: BoxAnswers) -> Iterator[MetricValues]:
        """Every metric of one network; lower is steadier, or righter."""
        units = clusters_of(self.frames)

        def footage(
            metric: str, values: np.ndarray, rows: np.ndarray, *, events: bool = True
        ) -> MetricValues:
            known = np.isfinite(values)
            unit = units.label[rows[known]]
            return MetricValues(
                FOOTAGE, "", 0.0, NAN, metric, values[known], unit, units.what, events
            )

        along = self._along(found)
        for metric, column in ALONG.items():
            values = along[column].to_numpy(np.float64)
            yield footage(metric, values, along["row"].to_numpy(np.int64), events=metric != CENTRE)
        every = np.arange(len(self.frames))
        pairs = zip(self._by_frame(before), self._by_frame(found), strict=True)
        lost = np.array([self.network.change(then, now, "lost") for then, now in pairs])
        yield footage(LOST, lost, every, events=False)
        judged = np.flatnonzero([each is not None for each in self.right])
        if len(judged):
            missed = [
                self._missed(self._known(row), one) for row, one in enumerate(self._by_frame(found))
            ]
            rows = np.repeat(every, [len(each) for each in missed])
            yield footage(MISSED, np.concatenate(missed), rows)
            yield footage(FALSE_BOXES, self._false(found)[judged], judged, events=False)
            unit, lost = self._precision_lost(found, judged, units.label[judged])
            yield MetricValues(
                FOOTAGE, "", 0.0, NAN, PRECISION_LOST, lost, unit, units.what, events=False
            )
        of_known = np.repeat(self.shown, [len(self._known(int(row)).boxes) for row in self.shown])
        for row, at in enumerate(self.conditions):
            said = (at.key, at.family, at.times, at.size)
            for metric, values, rows in (
                (BOX_CHANGE, found.change[row], self.shown),
                (MISSED, found.missed[row], of_known),
            ):
                known = np.isfinite(values)
                if metric == BOX_CHANGE or len(judged):
                    unit = units.label[rows[known]]
                    yield MetricValues(
                        *said, metric, values[known], unit, units.what, metric == MISSED
                    )

    def seconds(self) -> float:
        begin, few = time.perf_counter(), self.pixels[:4]
        self.network.answers(self.network.module, few)
        each = (time.perf_counter() - begin) / len(few)
        return each * (len(self.pixels) + len(self.conditions) * len(self.shown))

    def _known(self, row: int) -> KnownBoxes:
        right = self.right[row]
        return NONE if right is None else right

    def _under(
        self, at: Condition, row: int, clean: Detections
    ) -> tuple[torch.Tensor, Detections, KnownBoxes]:
        known, count = self._known(row), len(clean.boxes)
        both = np.concatenate([clean.boxes, known.boxes])
        number = int(self.frames["frame"].iloc[row])
        frame, moved = shown_with_boxes(self.pixels[row], both, at, self.content[row], number)
        inside = np.flatnonzero((moved[:count, 2:] > moved[:count, :2]).all(axis=1))
        before = dataclasses.replace(clean, boxes=moved[:count]).take(inside)
        return frame, before, KnownBoxes(moved[count:], known.labels)

    def _missed(self, known: KnownBoxes, found: Detections) -> np.ndarray:
        """(K,) 1 for a known box that is not found, NaN for one that left the frame."""
        inside = (known.boxes[:, 2:] - known.boxes[:, :2] >= SMALLEST_PX).all(axis=1)
        of = matched(_one_frame(found), _truth(known), self.network.settings.track_start_score)
        return np.where(inside, (of < 0).astype(np.float64), np.nan)

    def _false(self, found: BoxAnswers) -> np.ndarray:
        """(N,) of each frame the boxes that lie on no known one."""
        start, counts = self.network.settings.track_start_score, []
        for row, one in enumerate(self._by_frame(found)):
            of = matched(_one_frame(one), _truth(self._known(row)), start)
            counts.append((one.scores >= start).sum() - (of >= 0).sum())
        return np.array(counts, np.float64)

    def _precision_lost(
        self, found: BoxAnswers, judged: np.ndarray, unit: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Units (G,), and 1 less the average precision of all judged frames plus how far each unit pulls it."""
        known = [
            pd.DataFrame(each.boxes, columns=BOX).assign(label=each.labels, frame=row)
            for row, each in ((int(row), self._known(int(row))) for row in judged)
        ]
        inside = found.boxes[found.boxes["row"].isin(judged)]
        boxes = FramesOfBoxes(pd.concat(known), inside.rename(columns={"row": "frame"}))
        units, code = np.unique(unit, return_inverse=True)
        whole, without = precisions(boxes, judged, code, len(units))
        if len(units) < 2 or not np.isfinite(without[:, 0]).all():
            return units[:1], 1 - whole[:1]  # one row has no interval
        return units, 1 - whole[0] - influence(without[:, 0])

    def _by_frame(self, found: BoxAnswers) -> list[Detections]:
        bounds = np.searchsorted(found.boxes["row"].to_numpy(), np.arange(len(self.frames) + 1))
        boxes = found.boxes[list(BOX)].to_numpy(np.float32)
        scores, labels = (
            found.boxes["score"].to_numpy(np.float32),
            found.boxes["label"].to_numpy(np.int64),
        )
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
            found = meter.finish()["detections"]
            place = pd.Series(rows, index=self.frames["frame"].to_numpy(np.int64)[rows])
            parts.append(found.assign(row=place.loc[found["frame"]].to_numpy()))
        every = pd.concat(parts, ignore_index=True).sort_values(
            "row", kind="stable", ignore_index=True
        )
        return every[list(COLUMNS)]

    def objects(self, module: nn.Module) -> tuple[list[KnownBoxes], np.ndarray]:
        """Of each frame the boxes of followed objects, and their least score."""
        found = BoxAnswers(
            self._followed(self.network.answers(module, self.pixels)), *[np.empty(0)] * 2
        )
        boxes, sure = [NONE] * len(self.frames), np.zeros(len(self.frames))
        for rows, mine, track, made in self._measured(found):
            seen = mine.assign(track=track, frame=mine["row"] - rows[0])
            steps = made.along.rename(columns={"row": "frame"})
            of_frame, scores = self_boxes(seen, steps, self.network.settings.track_start_score)
            for frame, one in of_frame.items():
                boxes[rows[frame]], sure[rows[frame]] = one, scores[frame]
        return boxes, sure

    def _along(self, found: BoxAnswers) -> pd.DataFrame:
        parts = [
            made.along.assign(row=made.along["row"] + rows[0])
            for rows, _, _, made in self._measured(found)
        ]
        return pd.concat(parts, ignore_index=True)

    def _measured(
        self, found: BoxAnswers
    ) -> Iterator[tuple[np.ndarray, pd.DataFrame, np.ndarray, Measures]]:
        """Of each stretch rows, boxes, objects and measures."""
        boxes = found.boxes
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
            made = measure(
                of, objects, tracks, revert_within=along.revert_within, frame_rate=along.frame_rate
            )
            yield rows, mine, objects.track, made


def _one_frame(found: Detections) -> ItemBoxes:
    return ItemBoxes(
        frame=np.zeros(len(found.scores), np.int64),
        boxes=found.boxes.astype(np.float64),
        scores=found.scores.astype(np.float64),
        labels=found.labels,
        shift=np.zeros((len(found.scores), 2)),
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
    counts, found, steps = (table[table["model"] == model] for table in tables.values())
    if not len(counts):
        raise InputError(f"adapt: {model} answered no frame of {run.path}")
    items = run.table("items")
    parts = {str(i): str(p) for i, p in zip(items["item"], items["part"], strict=True) if p}
    known = known_in_frames(run)
    judged = judged_frames(counts, found, known, tuple(classes)) if len(known) else None
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
        boxes, along = (table[table["item"] == item] for table in (found, steps))
        objects, _ = self_boxes(boxes, along, run.settings.track_start_score)
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
        known=np.array([each is not None for each in right], bool),
        right=right,
        own=own,
    )


def samples_of(network: TrainableDetector, chosen: FrameSelection[BoxFootage]) -> BoxSamples:
    trains, rows = chosen.trains, chosen.training.tolist()
    frames, first, line = rows_of(chosen)
    targets = [(trains.right[row] or NONE) if chosen.by_labels else trains.own[row] for row in rows]
    if not any(len(each.boxes) for each in targets):
        what = "known boxes" if chosen.by_labels else "objects that the detector follows"
        raise InputError(
            f"adapt: the {len(rows)} frames to train with hold no {what}; give known boxes (--targets labels) or "
            "footage on which the detector finds something"
        )
    targets += [NONE] * (len(frames) - len(targets))
    if line is None:
        return BoxSamples(network, frames, targets, (first,))
    bench = _bench(network, chosen.judges, chosen.line, [frames[row] for row in line.rows.tolist()])
    return BoxSamples(network, frames, targets, (first,), line.rows, bench.objects)


def bench_of(
    network: TrainableDetector,
    judges: BoxFootage,
    rows: np.ndarray,
    shown: np.ndarray,
    conditions: tuple[Condition, ...],
) -> BoxBench:
    bench = _bench(network, judges, rows, [frame for _, frame in decoded(judges, rows)])
    return dataclasses.replace(
        bench, conditions=conditions, shown=np.flatnonzero(np.isin(rows, shown))
    )


def _bench(
    network: TrainableDetector, judges: BoxFootage, rows: np.ndarray, pixels: Sequence[torch.Tensor]
) -> BoxBench:
    frames = judges.frames.iloc[rows].reset_index(drop=True)
    return BoxBench(
        network=network,
        frames=frames,
        pixels=pixels,
        content=[judges.content.get(str(item), "") for item in frames["item"]],
        right=[judges.right[int(row)] for row in rows],
        conditions=(),
        shown=np.empty(0, np.int64),
        along={str(item): _along(judges, str(item)) for item in frames["item"].unique()},
    )


def _along(judges: BoxFootage, item: str) -> AlongTime:
    settings = judges.run.settings
    time_s = judges.frames.loc[judges.frames["item"] == item, "time_s"].to_numpy(np.float64)
    rate = 1 / max(float(np.median(np.diff(time_s))), 1e-6) if len(time_s) > 1 else 25.0
    return along_time(dataclasses.replace(settings, every=1, fps=None), rate)
