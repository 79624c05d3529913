"""Decision rules of one detector, each against doing nothing: from the table of its boxes alone.

What is shown is followed anew by the run's own rules, so that a rate means the same before and after.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import assign, ious
from vidrobust.metrics.tracks.follow import ItemBoxes, TrackSettings, follow
from vidrobust.metrics.tracks.measures import Measures, measure
from vidrobust.stages.remedies.box_catalogue import BOX_RULES, box_rule, late_frames
from vidrobust.stages.remedies.box_rules import BoxRule
from vidrobust.stages.remedies.row import NAN, Costs, row
from vidrobust.statistics.clusters import independent_clusters
from vidrobust.statistics.paired_ratio import PairedRatio, ratio_in_clusters

METRICS = {
    "dropout_rate": ("along", "missed", True),
    "flip_rate": ("along", "flip", True),
    "revert_flip_rate": ("along", "revert_flip", True),
    "score_jitter": ("along", "score_jitter", False),
    "center_jitter": ("along", "center_jitter", False),
    "size_jitter": ("along", "size_jitter", False),
    "count_jitter": ("counts", "count_jitter", False),
}
"""Metric -> which rows of the measures, their column, and whether they are events."""
SAME = 0.5
"""A shown box is the detector's where it overlaps it so much and has its class."""


@dataclass(frozen=True)
class Seen:
    """The boxes of one input, and the time of each frame, s."""

    item: str
    part: str
    boxes: ItemBoxes
    time_s: np.ndarray


@dataclass(frozen=True)
class BoxStudy:
    """All that the rows of one detector are made of."""

    model: str
    seen: Sequence[Seen]
    settings: TrackSettings
    window: int
    parts: Mapping[str, str] = field(default_factory=dict)

    def measured(self, shown: Sequence[ItemBoxes], settings: TrackSettings) -> list[Measures]:
        """What the tracks of these boxes show, input by input."""
        return [
            measure(boxes, follow(boxes, settings), settings, revert_within=self.window) for boxes in shown
        ]

    @property
    def frame_ms(self) -> float:
        """A frame's time, of the input with the slowest ones."""
        steps = [1000.0 * float(np.median(np.diff(s.time_s))) for s in self.seen if len(s.time_s) > 1]
        return max(steps, default=NAN)


def play_boxes(rule: BoxRule, boxes: ItemBoxes) -> ItemBoxes:
    """What the rule shows of the boxes of one input, begun anew where no track goes on."""
    bounds = np.searchsorted(boxes.frame, np.arange(boxes.num_frames + 1))
    rows = np.column_stack([boxes.boxes, boxes.scores])
    shown: list[tuple[Any, ...]] = []
    rule.reset()
    for frame in range(boxes.num_frames):
        if not boxes.joined[frame]:
            rule.reset()
        given = [
            (*rows[at].tolist(), int(boxes.labels[at]), at) for at in range(bounds[frame], bounds[frame + 1])
        ]
        shown += [(frame, *box) for box in rule.update(given)]
    at = np.array([box[7] for box in shown], np.int64)
    frame = np.array([box[0] for box in shown], np.int64)
    # the pixels' motion was measured from the box of this frame; of one that is shown on it is not known
    fresh = boxes.frame[at] == frame if len(at) else np.zeros(0, bool)
    return dataclasses.replace(
        boxes,
        frame=frame,
        boxes=np.array([box[1:5] for box in shown], np.float64).reshape(-1, 4),
        scores=np.array([box[5] for box in shown], np.float64),
        labels=np.array([box[6] for box in shown], np.int64),
        shift=np.where(fresh[:, None], boxes.shift[at].reshape(-1, 2), np.nan),
    )


def box_rows(study: BoxStudy) -> Iterator[dict[str, Any]]:
    """A row a rule and metric, in the order of the catalogue."""
    raw = [each.boxes for each in study.seen]
    before = study.measured(raw, study.settings)
    given = _tracked(raw, study.settings)
    for name in BOX_RULES:
        costs = Costs(delay_frames=late_frames(name), delay_ms=late_frames(name) * study.frame_ms)
        if name == "two-thresholds":
            one = dataclasses.replace(study.settings, keep=study.settings.birth)
            costs = dataclasses.replace(costs, agreement=agreement(_tracked(raw, one), given))
            told = f"before: one threshold, {one.birth:g}; after: {study.settings.keep:g} goes on with a track"
            yield from _rows(study, name, study.measured(raw, one), before, costs, told)
            continue
        shown = [play_boxes(box_rule(name, study.settings), boxes) for boxes in raw]
        costs = dataclasses.replace(costs, agreement=agreement(given, shown))
        yield from _rows(study, name, before, study.measured(shown, study.settings), costs, "")


def _tracked(raw: Sequence[ItemBoxes], settings: TrackSettings) -> list[ItemBoxes]:
    """The boxes that belong to tracks: what a detector shows with nothing done."""
    return [boxes.rows(follow(boxes, settings) >= 0) for boxes in raw]


def _rows(
    study: BoxStudy, name: str, before: Sequence[Measures], after: Sequence[Measures], costs: Costs, note: str
) -> Iterator[dict[str, Any]]:
    for metric in METRICS:
        found = compared(study, metric, before, after)
        yield row("boxes", name, study.model, metric, found, costs, note)


def compared(
    study: BoxStudy, metric: str, before: Sequence[Measures], after: Sequence[Measures]
) -> PairedRatio:
    """One metric of the tracks before and after, with the run's independent units."""
    which, column, events = METRICS[metric]
    every = [_values(study, getattr(m, which), s, column) for side in (before, after) for m, s in zip(side, study.seen, strict=True)]
    table = pd.concat(every, ignore_index=True)
    first = sum(map(len, every[: len(study.seen)]))
    clusters = independent_clusters(
        table["item"], table["time_s"], part=table["part"] if study.parts else None
    )
    values = table["value"].to_numpy(np.float64)
    return ratio_in_clusters(values[:first], values[first:], clusters, events=events)


def _values(study: BoxStudy, rows: pd.DataFrame, seen: Seen, column: str) -> pd.DataFrame:
    rows = rows[rows[column].notna()]
    time_s = seen.time_s[rows["row"].to_numpy(np.int64)]
    value = rows[column].to_numpy(np.float64)
    return pd.DataFrame({"item": seen.item, "part": seen.part, "time_s": time_s, "value": value})


def agreement(given: Sequence[ItemBoxes], shown: Sequence[ItemBoxes]) -> float:
    """Boxes that both have, of one class and overlapping by half or more, over their mean number (F1)."""
    both = of = 0
    for a, b in zip(given, shown, strict=True):
        of += len(a.frame) + len(b.frame)
        first, second = (np.searchsorted(x.frame, np.arange(a.num_frames + 1)) for x in (a, b))
        for frame in range(a.num_frames):
            mine, other = (slice(at[frame], at[frame + 1]) for at in (first, second))
            i, j, iou = ious(a.boxes[mine], b.boxes[other])
            near = (iou >= SAME) & (a.labels[mine][i] == b.labels[other][j])
            both += len(assign(i[near], j[near], iou[near]))
    return 2 * both / of if of else NAN
