"""The meter of a detector: boxes of one input, the motion of their pixels, and their tracks."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.frame_pairs.transitions import FrameTransitions, reasons_of
from vidrobust.frames.batch import FrameBatch
from vidrobust.frames.pixels import luma
from vidrobust.metrics.box_differences import change
from vidrobust.metrics.metric import AlongTime, Tables
from vidrobust.metrics.tracks.borders import Zone, in_zones
from vidrobust.metrics.tracks.follow import Objects, follow
from vidrobust.metrics.tracks.item_boxes import ENDS, ItemBoxes, item_boxes, joined
from vidrobust.metrics.tracks.measures import duplicate_boxes, measure
from vidrobust.metrics.tracks.motion import box_shifts, small_gray
from vidrobust.predictions import Detections
from vidrobust.shapes.shape import Places, shape_text
from vidrobust.tables import schema as tables


class BoxMeter:
    """Follows the boxes of one model over one input; keeps all boxes, and the pixels of one frame."""

    def __init__(self, item: str, model: str, settings: AlongTime) -> None:
        self.item, self.model, self.settings = item, model, settings
        self._frames: list[pd.DataFrame] = []
        self._found: list[Detections] = []
        self._shifts: list[np.ndarray] = []
        self._gray: np.ndarray | None = None
        self._size = (0, 0)

    def feed(
        self, batch: FrameBatch, transitions: FrameTransitions, predictions: Detections
    ) -> None:
        """Take the next batch with its boxes, which are clipped to the frame."""
        if not self._found:
            self._size = (int(batch.pixels.shape[2]), int(batch.pixels.shape[3]))
        tracks = self.settings.tracks
        predictions = within_frame(chosen(predictions, tracks.only, tracks.ignored), self._size)
        self._frames.append(
            pd.DataFrame(
                {
                    "frame": batch.index,
                    "time_s": batch.time_s,
                    "reason": transitions.reason,
                    "pixel_change": transitions.pixel_change,
                }
            )
        )
        self._shifts.append(np.full((len(predictions.scores), 2), np.nan))
        scale = 1.0
        for row in range(0 if batch.pixels.is_meta else len(batch)):
            gray = small_gray(luma(batch.pictures[row]))
            scale = gray.shape[1] / batch.pixels.shape[3]
            if self._gray is not None and transitions.reason[row] not in ENDS:
                self._measure(gray, predictions, row, scale)
            self._gray = gray
        self._found.append(predictions)

    def _measure(self, gray: np.ndarray, now: Detections, row: int, scale: float) -> None:
        if row:
            before, into = now, self._shifts[-1]
            rows = np.flatnonzero(before.frame == row - 1)
        else:
            before, into = self._found[-1], self._shifts[-2]
            rows = np.flatnonzero(before.frame == before.num_frames - 1)
        rows = rows[before.scores[rows] >= min(self.settings.tracks.keep_score, 0.1)]
        assert self._gray is not None
        into[rows] = box_shifts(self._gray, gray, before.boxes[rows], scale)

    def finish(self) -> dict[str, pd.DataFrame]:
        if not self._found:
            return {}
        frames = pd.concat(self._frames, ignore_index=True)
        boxes = self._boxes(frames)
        names = dict(enumerate(self._found[0].class_names))
        objects, made = _followed(boxes, self.settings, names)
        made |= {
            "detections": self._detections(boxes, objects),
            "box_pairs": self._pairs(boxes, frames),
        }
        return _named(made, frames, names, item=self.item, model=self.model)

    def _boxes(self, frames: pd.DataFrame) -> ItemBoxes:
        starts = np.cumsum([0, *(batch.num_frames for batch in self._found)])
        rows = [batch.frame + at for batch, at in zip(self._found, starts[:-1], strict=True)]
        return ItemBoxes(
            frame=np.concatenate(rows).astype(np.int64),
            boxes=np.concatenate([batch.boxes for batch in self._found]).astype(np.float64),
            scores=np.concatenate([batch.scores for batch in self._found]).astype(np.float64),
            labels=np.concatenate([batch.labels for batch in self._found]).astype(np.int64),
            shift=np.concatenate(self._shifts),
            num_frames=len(frames),
            joined=joined(frames["reason"].to_numpy()),
            size=self._size,
            given=_own_tracks(self._found),
            shapes=_shapes(self._found),
        )

    def _detections(self, boxes: ItemBoxes, objects: Objects) -> pd.DataFrame:
        x1, y1, x2, y2 = boxes.boxes.T
        return pd.DataFrame(
            {
                "row": boxes.frame,
                "track": objects.track,
                "second_of": objects.second,
                "shape": ""
                if boxes.shapes is None
                else [shape_text(s, self._size) for s in boxes.shapes],
                "own_track": -1 if boxes.given is None else boxes.given,
                "label": boxes.labels,
                "score": boxes.scores,
                "x1": x1,
                "y1": y1,
                "x2": x2,
                "y2": y2,
                "shift_x": boxes.shift[:, 0],
                "shift_y": boxes.shift[:, 1],
                "duplicate": duplicate_boxes(boxes, self.settings.tracks.start_score),
            }
        )

    def _pairs(self, boxes: ItemBoxes, frames: pd.DataFrame) -> pd.DataFrame:
        bounds = np.searchsorted(boxes.frame, np.arange(boxes.num_frames + 1))
        # a box whose motion is unknown is taken to be at rest
        moved = boxes.places(slice(None)).moved(np.nan_to_num(boxes.shift))
        settings, rows = self.settings.tracks, []
        for b in range(1, boxes.num_frames):
            before, after = (slice(bounds[k], bounds[k + 1]) for k in (b - 1, b))
            changes = change(
                (moved.take(before), boxes.scores[before], boxes.labels[before]),
                (boxes.places(after), boxes.scores[after], boxes.labels[after]),
                start_score=settings.start_score,
                keep_score=settings.keep_score,
                least=settings.iou,
            )
            rows.append(changes.shares())
        pairs = pd.DataFrame(rows, columns=["lost", "new", "renamed", "moved", "box_change"])
        frame, time = frames["frame"].to_numpy(), frames["time_s"].to_numpy()
        return pairs.assign(
            frame_a=frame[:-1],
            frame_b=frame[1:],
            time_s=time[:-1],
            delta_ms=1000.0 * np.diff(time),
            kind="adjacent",
            excluded=frames["reason"].to_numpy()[1:],
            pixel_change=frames["pixel_change"].to_numpy()[1:],
        )


def chosen(detections: Detections, only: Collection[str], ignored: Sequence[Zone]) -> Detections:
    """Return the boxes of these classes (all if none) outside of the zones."""
    detections = of_classes(detections, only)
    return detections.take(~in_zones(detections.boxes, ignored)) if ignored else detections


def of_classes(detections: Detections, only: Collection[str]) -> Detections:
    """Return the boxes of these classes; all if none is named."""
    if not only:
        return detections
    return detections.take(np.isin(detections.labels, labels_of(detections.class_names, only)))


def labels_of(class_names: Sequence[str], only: Collection[str]) -> list[int]:
    """Return the labels of these classes (all if none), or raise SettingsError."""
    unknown = [name for name in only if name not in class_names]
    if unknown:
        some = ", ".join(class_names[:10])
        raise SettingsError(
            f"only: the detector has no class {unknown[0]!r}; its classes are {some} ..."
        )
    return [label for label, name in enumerate(class_names) if not only or name in only]


def within_frame(detections: Detections, size: tuple[int, int]) -> Detections:
    """Clip the boxes to a frame (H, W) and drop those wholly outside."""
    within = Places(detections.boxes, detections.shapes).clipped(size)
    boxes = within.boxes.astype(np.float32)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return dataclasses.replace(detections, boxes=boxes, shapes=within.shapes).take(inside)


def _own_tracks(batches: list[Detections]) -> np.ndarray | None:
    """Numbers given by the detector, -1 for none; None where it tracks nothing."""
    if all(batch.tracks is None for batch in batches):
        return None
    parts = [
        np.full(len(batch.scores), -1) if batch.tracks is None else batch.tracks
        for batch in batches
    ]
    return np.concatenate(parts).astype(np.int64)


def _shapes(batches: list[Detections]) -> np.ndarray | None:
    if all(batch.shapes is None for batch in batches):
        return None
    parts = [
        np.full(len(batch.scores), None, object) if batch.shapes is None else batch.shapes
        for batch in batches
    ]
    return np.concatenate(parts)


def _followed(
    boxes: ItemBoxes, along: AlongTime, names: Mapping[int, str]
) -> tuple[Objects, dict[str, pd.DataFrame]]:
    settings = along.tracks.of_classes(names)
    objects = follow(boxes, settings)
    measured = measure(boxes, objects, settings, frame_rate=along.frame_rate)
    return objects, {
        "object_frames": measured.along.rename(columns={"track_label": "label"}),
        "tracks": measured.tracks.rename(columns={"track_label": "label"}),
        "box_counts": measured.counts,
    }


def _named(
    made: Tables, frames: pd.DataFrame, names: Mapping[int, str], *, item: str, model: str
) -> dict[str, pd.DataFrame]:
    named = {}
    for name, table in made.items():
        added: dict[str, object] = {"item": item, "model": model}
        if "row" in table:
            at = table["row"].to_numpy(np.int64)
            added |= {
                "frame": frames["frame"].to_numpy()[at],
                "time_s": frames["time_s"].to_numpy()[at],
            }
        if "label" in table:
            added["label_name"] = [names[label] for label in table["label"].tolist()]
        named[name] = tables.check(name, table.assign(**added).drop(columns="row", errors="ignore"))
    return named


def whole(
    tables: Tables, transitions: pd.DataFrame, size: tuple[int, int], along: AlongTime
) -> dict[str, pd.DataFrame]:
    """Return the tables of an input from those of its segments: boxes are followed anew."""
    counted = tables["box_counts"].sort_values("frame", kind="stable")
    if not len(counted):
        return dict(tables)
    numbers = counted["frame"].to_numpy(np.int64)
    frames = (
        counted[["frame", "time_s"]]
        .assign(reason=reasons_of(numbers, transitions))
        .reset_index(drop=True)
    )
    detections = tables["detections"].sort_values("frame", kind="stable")
    boxes = item_boxes(detections, frames, size)
    names = {
        int(k): str(v) for k, v in zip(detections["label"], detections["label_name"], strict=True)
    }
    objects, made = _followed(boxes, along, names)
    item, model = str(counted["item"].iloc[0]), str(counted["model"].iloc[0])
    return {
        **tables,
        "detections": detections.assign(track=objects.track, second_of=objects.second),
        **_named(made, frames, names, item=item, model=model),
    }
