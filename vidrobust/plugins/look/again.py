"""The same frames asked again: alone, by the original engine, decoded otherwise, one pixel aside.

To a person the picture is the same. Answers that differ come from the model's arithmetic, the decoder or the
resize (Azulay and Weiss 2019, "Why do deep convolutional networks generalize so poorly to small image
transformations?").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch

from vidrobust.metrics.box_differences import assign, ious
from vidrobust.metrics.catalogue import is_detector
from vidrobust.models.predict import Model, Predictions, needs_pixels, predict
from vidrobust.pipeline.inputs import open_item
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.look.table import PARTS
from vidrobust.predictions import Classifications, Detections
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.intervals import clustered_rate
from vidrobust.tables import schema

FRAMES = 32  # frames of the whole run that are asked about again, spread evenly
# least overlap (IoU) of a box with the same box in the other answer, as in COCO's AP50
SAME_BOX = 0.5


def asked_again(run: OpenRun) -> pd.DataFrame:
    """Return the table ``look``."""
    models = [model for model in run.models if needs_pixels(model)]
    rows = [row for item, frames in _spread(run) for row in _of_item(run, item, frames, models)]
    summary = []
    events = pd.DataFrame(rows, columns=["item", "time_s", "model", "change", "differs"])
    for model in models:
        for change, part in PARTS.items():
            of = events[(events["model"] == model.name) & (events["change"] == change)]
            if len(of):
                of = of.reset_index(drop=True)
                rate = clustered_rate(of["differs"].to_numpy(bool), clusters_of_rows(of))
                summary.append(
                    {
                        "model": model.name,
                        "part": part,
                        "change": change,
                        **dataclasses.asdict(rate),
                    }
                )
    return schema.check("look", pd.DataFrame(summary)) if summary else schema.empty("look")


def _spread(run: OpenRun) -> Iterator[tuple[str, list[int]]]:
    """Inputs, and numbers of frames in them: evenly over the undamaged frames of the whole run."""
    every = run.table("transitions")
    every = every[~every["corrupt"].astype(bool)].reset_index(drop=True)
    rows = np.unique(
        np.linspace(0, len(every) - 1, min(FRAMES, len(every))).round().astype(np.int64)
    )
    for item, of in every.iloc[rows].groupby("item", sort=False):
        yield str(item), of["frame"].astype(int).tolist()


def _of_item(
    run: OpenRun, item: str, frames: list[int], models: list[Model]
) -> Iterator[tuple[object, ...]]:
    with run.opened(item) as source:
        batch = source.at(frames)
    other = None
    if run.settings.backend in ("auto", "pyav"):
        color = "fast" if run.settings.color == "accurate" else "accurate"
        settings = run.settings.changed({"color": color, "backend": "pyav"}, "look")
        with open_item(run.item(item), settings) as source:
            again = source.at(frames)
        if not torch.equal(again.pixels, batch.pixels):  # pictures in RGB need no conversion
            other = again.pixels
    # one pixel to the right; the first column stands twice
    aside = torch.cat([batch.pixels[..., :1], batch.pixels[..., :-1]], dim=3)
    for model in models:
        answer = predict(model, batch.pixels)
        differs = _differs(model, run.settings.track_start_score)
        by_change = {"batch": differs(answer, predict(model, batch.pixels, batch=1))}
        as_loaded: Callable[[], Model | None] = getattr(model, "as_loaded", lambda: None)
        if (first := as_loaded()) is not None:
            by_change["engine"] = differs(answer, predict(first, batch.pixels))
        if other is not None:
            by_change["conversion"] = differs(answer, predict(model, other))
        by_change["pixel"] = differs(answer, predict(model, aside))
        for change, events in by_change.items():
            for time_s, event in zip(batch.time_s.tolist(), events.tolist(), strict=True):
                yield item, time_s, model.name, change, bool(event)


def _differs(model: Model, least: float) -> Callable[[Predictions, Predictions], np.ndarray]:
    def boxes_differ(a: Predictions, b: Predictions) -> np.ndarray:
        assert isinstance(a, Detections)
        assert isinstance(b, Detections)
        return np.array([not _same_boxes(a, b, row, least) for row in range(a.num_frames)], bool)

    def labels_differ(a: Predictions, b: Predictions) -> np.ndarray:
        assert isinstance(a, Classifications)
        assert isinstance(b, Classifications)
        return np.asarray(a.labels != b.labels)

    return boxes_differ if is_detector(model) else labels_differ


def _same_boxes(a: Detections, b: Detections, row: int, least: float) -> bool:
    """Whether every box of ``least`` score or more has a partner of its class, of any score, in the other."""
    return all(_have_partners(one, other, row, least) for one, other in ((a, b), (b, a)))


def _have_partners(one: Detections, other: Detections, row: int, least: float) -> bool:
    (places, scores, labels), (there, _, names) = one.of_frame(row), other.of_frame(row)
    boxes, labels = places.boxes[scores >= least], labels[scores >= least]
    i, j, iou = ious(boxes, there.boxes)
    alike = (labels[i] == names[j]) & (iou >= SAME_BOX)
    return len(assign(i[alike], j[alike], iou[alike])) == len(boxes)
