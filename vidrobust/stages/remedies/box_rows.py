"""Decision rules of one detector, each against doing nothing: from the table of its boxes alone.

What is shown is followed anew by the run's own rules, so that a rate means the same before and after.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import LEAST_IOU, assign, ious
from vidrobust.metrics.tracks.follow import TrackSettings, follow
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.metrics.tracks.measures import Measures, measure
from vidrobust.metrics.tracks.states import lies_on
from vidrobust.stages.remedies.box_rules import BoxRule
from vidrobust.stages.remedies.catalogue import (
    BOX_RULES,
    box_rule,
    late_frames,
)
from vidrobust.stages.remedies.recommend import Recommended, Values, best_of
from vidrobust.stages.remedies.row import NAN, Costs, Kind, frame_ms, row
from vidrobust.statistics.clusters import Clusters, independent_clusters
from vidrobust.statistics.levels import FEWEST_TESTED
from vidrobust.statistics.ratios import PairedRatio, ratio_in_clusters

# the rule whose before is one threshold; the run's own tracks are its after
ONE_THRESHOLD = "two-thresholds"
HEADLINE = "uncovered_rate"
METRICS = {
    "uncovered_rate": ("along", "uncovered", True),
    "dropout_rate": ("along", "missed", True),
    "flip_rate": ("along", "flip", True),
    "score_jitter": ("along", "score_jitter", False),
    "center_jitter": ("along", "center_jitter", False),
    "mask_jitter": ("along", "mask_jitter", False),
    "count_jitter": ("counts", "count_jitter", False),
}  # Metric -> which rows of the measures, their column, and whether they are events
SMALLEST = "the smallest third of the known boxes"
SAME = 0.5  # IoU from which a shown box of the same class is the detector's


@dataclass(frozen=True)
class TimedBoxes:
    """The boxes of one input, the time of each frame, s, and how they are followed at its frame rate."""

    item: str
    part: str
    boxes: ItemBoxes
    time_s: np.ndarray
    settings: TrackSettings
    # Frames (K,) as rows, and known boxes (K, 4), where there are some
    known: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class BoxStudy:
    """All that the rows of one detector are made of."""

    model: str
    seen: Sequence[TimedBoxes]

    @property
    def settings(self) -> list[TrackSettings]:
        """How the boxes of each input are followed."""
        return [item.settings for item in self.seen]

    @functools.cached_property
    def shown(self) -> dict[str, list[ItemBoxes]]:
        """What each rule shows of each input."""
        return {
            name: [play_boxes(box_rule(name, item.settings), item.boxes) for item in self.seen]
            for name in BOX_RULES
            if name != ONE_THRESHOLD
        }

    @functools.cached_property
    def before(self) -> list[Measures]:
        """What the tracks of the detector's own boxes show."""
        return self.measured([item.boxes for item in self.seen], self.settings)

    @functools.cached_property
    def after(self) -> dict[str, list[Measures]]:
        """The same of what each rule shows."""
        return {name: self.on_same(shown, self.settings) for name, shown in self.shown.items()}

    def on_same(
        self, shown: Sequence[ItemBoxes], settings: Sequence[TrackSettings]
    ) -> list[Measures]:
        """What these boxes show; whether objects are covered is asked of the detector's own objects.

        A rule that hides boxes would else be judged on fewer objects.
        """
        return [
            _on_objects_of(of_item, boxes, made, tracks)
            for of_item, boxes, made, tracks in zip(
                self.before, shown, self.measured(shown, settings), self.settings, strict=True
            )
        ]

    @functools.cached_property
    def given(self) -> list[ItemBoxes]:
        """What the detector shows with nothing done."""
        return self.on_objects([item.boxes for item in self.seen])

    def on_objects(self, shown: Sequence[ItemBoxes]) -> list[ItemBoxes]:
        """Those of the boxes that lie on objects, first and further ones."""
        return _tracked(shown, self.settings)

    def measured(
        self, shown: Sequence[ItemBoxes], settings: Sequence[TrackSettings]
    ) -> list[Measures]:
        """What the tracks of these boxes show, input by input."""
        return [
            measure(boxes, follow(boxes, tracks), tracks)
            for boxes, tracks in zip(shown, settings, strict=True)
        ]

    @functools.cached_property
    def clusters(self) -> Clusters:
        """The independent units, by the one rule, of all frames of all inputs."""
        item, part = (
            np.concatenate([np.full(len(s.time_s), getattr(s, name), object) for s in self.seen])
            for name in ("item", "part")
        )
        time_s = np.concatenate([s.time_s for s in self.seen])
        return independent_clusters(item, time_s, part=part, fewest=FEWEST_TESTED)

    def values(self, metric: str, measures: Sequence[Measures]) -> Values:
        """The values of a metric over all inputs."""
        which, column, _ = METRICS[metric]
        values, labels = [], []
        first = 0
        for measured, seen in zip(measures, self.seen, strict=True):
            rows = getattr(measured, which)
            rows = rows[rows[column].notna()]
            values.append(rows[column].to_numpy(np.float64))
            labels.append(self.clusters.label[first + rows["row"].to_numpy(np.int64)])
            first += len(seen.time_s)
        return np.concatenate(values), np.concatenate(labels)

    def ratio(
        self, metric: str, before: Sequence[Measures], after: Sequence[Measures]
    ) -> PairedRatio:
        """A metric after against before."""
        first, second = (self.values(metric, side) for side in (before, after))
        units = np.unique(np.concatenate([first[1], second[1]]), return_inverse=True)[1]
        clusters = Clusters(units, self.clusters.what)
        return ratio_in_clusters(first[0], second[0], clusters, events=METRICS[metric][2])

    def details(self, shown: Sequence[ItemBoxes]) -> dict[str, Any]:
        """How many of the smallest third of the known boxes are found, before and after."""
        sides, before, after = [], [], []
        for item, given, boxes in zip(self.seen, self.given, shown, strict=True):
            if item.known is not None and len(item.known[0]):
                sides.append(_sides(item.known[1]))
                before.append(np.isfinite(_known_distances(item.known, given)))
                after.append(np.isfinite(_known_distances(item.known, boxes)))
        if not sides:
            return {}
        every = np.concatenate(sides)
        small = every <= np.quantile(every, 1 / 3)
        was, now = (float(np.concatenate(of)[small].mean()) for of in (before, after))
        return {"detail": SMALLEST, "detail_before": was, "detail_after": now}

    def precision(self, shown: Sequence[ItemBoxes]) -> dict[str, Any]:
        """Frames by which shown boxes lag along the motion; their distance from known boxes before and after.

        The lag explains the offset from the detector's own boxes best, in least squares. Distances are of
        centres, over the root of the known box's area, of known boxes that both find.
        """
        along = way = 0.0
        distances: list[np.ndarray] = []
        for item, given, boxes in zip(self.seen, self.given, shown, strict=True):
            velocity = _velocities(given, item.settings)
            for mine, other in _same_boxes(given, boxes):
                off = _centres(given.boxes[mine]) - _centres(boxes.boxes[other])
                good = ~np.isnan(velocity[mine, 0])
                along += float((off[good] * velocity[mine[good]]).sum())
                way += float((velocity[mine[good]] ** 2).sum())
            if item.known is not None:
                both = np.column_stack([_known_distances(item.known, of) for of in (given, boxes)])
                distances.append(both[np.isfinite(both).all(axis=1)])
        apart = np.concatenate(distances) if distances else np.empty((0, 2))
        before, after = apart.mean(axis=0).tolist() if len(apart) else (NAN, NAN)
        return {
            "lag_frames": along / way if way else NAN,
            "distance_before": before,
            "distance_after": after,
        }

    @property
    def frame_ms(self) -> float:
        """A frame's time."""
        return frame_ms(item.time_s for item in self.seen)


def _on_objects_of(
    given: Measures, shown: ItemBoxes, made: Measures, settings: TrackSettings
) -> Measures:
    rows = given.along[given.along["uncovered"].notna()]
    places, frame = (
        rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64),
        rows["row"].to_numpy(np.int64),
    )
    on = lies_on(shown, frame, places, rows["track_label"].to_numpy(np.int64), settings)
    asked = rows[["row"]].assign(
        uncovered=(~on).astype(np.float64), missed=np.where(rows["missed"].notna(), ~on, np.nan)
    )
    others = made.along.drop(columns=["uncovered", "missed"])
    return dataclasses.replace(made, along=pd.concat([others, asked], ignore_index=True))


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
            (*rows[at].tolist(), int(boxes.labels[at]), at)
            for at in range(bounds[frame], bounds[frame + 1])
        ]
        shown += [(frame, *box) for box in rule.update(given)]
    at, number = (np.array([box[k] for box in shown], np.int64) for k in (7, 0))
    # the pixels' motion was measured from the box of this frame; of one that is shown on it is not known
    fresh = boxes.frame[at] == number if len(at) else np.zeros(0, bool)
    # a mask goes along with the box it lay in
    places = boxes.places(at).at(np.array([box[1:5] for box in shown], np.float64).reshape(-1, 4))
    return dataclasses.replace(
        boxes,
        frame=number,
        boxes=places.boxes,
        shapes=places.shapes,
        given=None if boxes.given is None else boxes.given[at],
        scores=np.array([box[5] for box in shown], np.float64),
        labels=np.array([box[6] for box in shown], np.int64),
        shift=np.where(fresh[:, None], boxes.shift[at].reshape(-1, 2), np.nan),
    )


def box_rows(study: BoxStudy) -> Iterator[dict[str, Any]]:
    """A row a rule and metric, in the order of the catalogue."""
    raw = [item.boxes for item in study.seen]
    before, given = study.before, study.given
    for name in BOX_RULES:
        costs = Costs(delay_frames=late_frames(name), delay_ms=late_frames(name) * study.frame_ms)
        if name == ONE_THRESHOLD:
            one = [
                dataclasses.replace(settings, keep_score=settings.start_score)
                for settings in study.settings
            ]
            costs = dataclasses.replace(costs, agreement=agreement(_tracked(raw, one), given))
            start, keep = study.settings[0].start_score, study.settings[0].keep_score
            note = f"before: one threshold, {start:g}; after: {keep:g} goes on"
            yield from rows_against(
                study, name, "boxes", study.on_same(_tracked(raw, one), one), before, costs, note
            )
            continue
        shown = study.shown[name]
        costs = dataclasses.replace(
            costs,
            agreement=agreement(given, shown),
            **study.precision(shown),
            **study.details(shown),
        )
        yield from rows_against(study, name, "boxes", before, study.after[name], costs, "")


def _tracked(raw: Sequence[ItemBoxes], settings: Sequence[TrackSettings]) -> list[ItemBoxes]:
    return [
        boxes.rows(follow(boxes, tracks).on_object)
        for boxes, tracks in zip(raw, settings, strict=True)
    ]


def rows_against(
    study: BoxStudy,
    name: str,
    kind: Kind,
    before: Sequence[Measures],
    after: Sequence[Measures],
    costs: Costs,
    note: str,
) -> Iterator[dict[str, Any]]:
    """A row a metric of one remedy."""
    masked = any(item.boxes.shapes is not None for item in study.seen)
    for metric in METRICS:
        if metric == "mask_jitter" and not masked:
            continue
        ratio = study.ratio(metric, before, after)
        yield row(kind, name, study.model, metric, ratio, costs, note)


def recommended_boxes(study: BoxStudy, max_delay_ms: float) -> Recommended:
    """Of the rules that are not later than that, the one with the fewest frames of objects without a box."""
    names = [
        n
        for n in BOX_RULES
        if n != ONE_THRESHOLD and late_frames(n) * study.frame_ms <= max_delay_ms
    ]
    after = {name: study.values(HEADLINE, study.after[name]) for name in names}
    units = study.clusters
    return best_of(after, study.values(HEADLINE, study.before), units.count, units.what)


def agreement(given: Sequence[ItemBoxes], shown: Sequence[ItemBoxes]) -> float:
    """Boxes that both have, of one class and overlapping by half or more, over their mean number (F1)."""
    of = sum(len(a.frame) + len(b.frame) for a, b in zip(given, shown, strict=True))
    both = sum(
        int((a.labels[mine] == b.labels[other]).sum())
        for a, b in zip(given, shown, strict=True)
        for mine, other in _same_boxes(a, b, alike=True)
    )
    return 2 * both / of if of else NAN


def _same_boxes(
    a: ItemBoxes, b: ItemBoxes, *, alike: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of each frame's boxes that overlap by half or more, one to one; ``alike``: of one class."""
    first, second = a.bounds, b.bounds
    for frame in range(a.num_frames):
        mine, other = (np.arange(at[frame], at[frame + 1]) for at in (first, second))
        i, j, iou = ious(a.places(mine), b.places(other))
        near = iou >= SAME
        if alike:
            near &= a.labels[mine[i]] == b.labels[other[j]]
        pairs = assign(i[near], j[near], iou[near])
        yield mine[i[near][pairs]], other[j[near][pairs]]


def _centres(boxes: np.ndarray) -> np.ndarray:
    centre: np.ndarray = (boxes[:, :2] + boxes[:, 2:]) / 2
    return centre


def _velocities(boxes: ItemBoxes, settings: TrackSettings) -> np.ndarray:
    """Velocity (D, 2), px a frame, of each box's object, from the frames before and after; NaN without both."""
    track = follow(boxes, settings).track
    order = np.lexsort((boxes.frame, track))
    velocity = np.full((len(track), 2), np.nan)
    a, now, b = order[:-2], order[1:-1], order[2:]
    good = (track[a] == track[b]) & (track[a] >= 0) & (boxes.frame[b] - boxes.frame[a] == 2)
    velocity[now[good]] = (_centres(boxes.boxes[b[good]]) - _centres(boxes.boxes[a[good]])) / 2
    return velocity


def _sides(boxes: np.ndarray) -> np.ndarray:
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.asarray(np.sqrt(np.maximum(area, 1e-9)))


def _known_distances(known: tuple[np.ndarray, np.ndarray], shown: ItemBoxes) -> np.ndarray:
    """Distance (K,) of the box that overlaps each known box most, in its size; infinite without one."""
    frame, boxes = known
    nearest, side, bounds = np.full(len(frame), np.inf), _sides(boxes), shown.bounds
    for place, at in enumerate(frame.tolist()):
        there = shown.boxes[bounds[at] : bounds[at + 1]]
        _, j, iou = ious(boxes[place : place + 1], there)
        if len(j) and iou.max() >= LEAST_IOU:
            apart = _centres(there[j[iou.argmax()]][None]) - _centres(boxes[place : place + 1])
            nearest[place] = float(np.linalg.norm(apart)) / side[place]
    return nearest
