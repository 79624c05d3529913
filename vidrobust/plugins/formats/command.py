"""``recorded``: the stability of recorded answers, without their video."""

from __future__ import annotations

import math
from typing import Any

import click
import numpy as np

from vidrobust.api.stability import StabilityMeter
from vidrobust.cli.options import JSON, print_json
from vidrobust.errors import SettingsError
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.models.kinds.detections import RecordedDetector
from vidrobust.models.kinds.predictions import RecordedClassifier
from vidrobust.models.load import load_model
from vidrobust.stages.stability.rates import in_words


@click.command()
@click.argument("spec", metavar="predictions:FILE|detections:FILE")
@click.option(
    "--frame-rate", metavar="F", default=25.0, show_default=True, help="Frames per second."
)
@click.option(
    "--frames",
    type=int,
    metavar="N",
    help="Frames of each clip, where boxes end before the clip.  [default: those recorded]",
)
@JSON
def recorded(spec: str, frame_rate: float, frames: int | None, as_json: bool) -> None:
    """State how stable recorded predictions are, without the video: probabilities, labels or boxes.

    No pair of frames is left out, as cuts and repeated frames need pixels. With the video, use
    vidrobust study VIDEO --model SPEC.
    """
    model = load_model(spec)
    if isinstance(model, RecordedDetector):
        stability = _boxes(model, frame_rate, frames)
    elif isinstance(model, RecordedClassifier):
        stability = StabilityMeter(task=model.task, frame_rate=frame_rate)
        for item in model.rows:
            name = item or "clip"
            answers = model.predict_frames(name, np.arange(frames or model.last_frame(name) + 1))
            stability.update(answers, clip=name)
    else:
        raise SettingsError(
            f"{spec}: expected recorded predictions, predictions:FILE or detections:FILE"
        )
    rows = stability.figures()
    rows = rows[(rows["item"] == "") & (rows["n"] > 0)].set_index("metric")
    shown = [
        metric for metric in metrics_of(model.task) if metric.headline and metric.name in rows.index
    ]
    if as_json:
        columns = ["value", "low", "high", "n"]
        print_json(
            {"metrics": rows[columns].to_dict("index"), "needs_pixels": list(stability.missing)}
        )
        return
    for metric in shown:
        row = rows.loc[metric.name]
        click.echo(f"{metric.title}: {in_words(metric, row)} (n = {row['n']})")
    click.echo("Not measured, as it needs the pixels or the model:")
    for what in stability.missing:
        click.echo(f"  - {what}")


def _boxes(model: RecordedDetector, frame_rate: float, frames: int | None) -> StabilityMeter:
    boxes = model.file.boxes
    edge = boxes[["y2", "x2"]].max().fillna(1)
    size = (
        (1, 1)
        if model.file.relative
        else (max(1, math.ceil(edge.iloc[0])), max(1, math.ceil(edge.iloc[1])))
    )
    given: dict[str, Any] = {"frame_rate": frame_rate, "frame_size": size}
    stability = StabilityMeter(task="detection", **given)
    for item in dict.fromkeys(boxes["item"]) if len(boxes) else ("",):
        name = str(item) or "clip"
        count = frames or model.last_frame(name) + 1
        stability.update(model.predict_frames(name, np.arange(count), size), clip=name)
    return stability
