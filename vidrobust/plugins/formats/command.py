"""``recorded``: the stability of recorded answers, without their video."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import click
import numpy as np
import pandas as pd

from vidrobust.api.stability import StabilityMeter
from vidrobust.cli.options import JSON, print_json
from vidrobust.errors import SettingsError
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.models.load import load_model
from vidrobust.plugins.formats.recorded_boxes import RecordedDetector
from vidrobust.plugins.formats.recorded_classes import RecordedClassifier
from vidrobust.predictions import Classifications, Detections
from vidrobust.stages.stability.rates import in_words

# Frames without boxes that are looked at before and after a box, a minute of 25 frames a second: memory must not
# grow with the numbers of frames in a file. An object that comes again after two minutes is another one.
EMPTY = 1500


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
@click.option(
    "--size",
    metavar="WxH",
    help="Width and height of the frames, px, where a file of boxes does not say it.  [default: as the file says]",
)
@JSON
def recorded(
    spec: str, frame_rate: float, frames: int | None, size: str | None, as_json: bool
) -> None:
    """State how stable recorded predictions are, without the video: probabilities, labels or boxes.

    No pair of frames is left out, as cuts and repeated frames need pixels. With the video, use
    vidrobust study VIDEO --model SPEC.
    """
    model = load_model(spec)
    answers_of: Callable[[str, np.ndarray], Classifications | Detections]
    if isinstance(model, RecordedDetector):
        frame_size = _frame_size(model, size)
        stability = StabilityMeter(task="detection", frame_rate=frame_rate, frame_size=frame_size)
        items = list(dict.fromkeys(model.file.boxes["item"])) or [""]
        answers_of = partial(model.predict_frames, size=frame_size)
    elif isinstance(model, RecordedClassifier):
        stability = StabilityMeter(task="classification", frame_rate=frame_rate)
        items, answers_of = list(model.rows), model.predict_frames
    else:
        raise SettingsError(
            f"{spec}: expected recorded predictions, predictions:FILE or detections:FILE"
        )
    left_out = 0
    for item in items:
        name = str(item) or "clip"
        count = frames or model.last_frame(name) + 1
        known = model.frames_of(name)
        for first, stop in _stretches(known[known < count], count):
            clip = f"{name} from {first}" if first else name
            stability.update(answers_of(name, np.arange(first, stop)), clip=clip)
            count -= stop - first
        left_out += count
    if left_out:
        click.echo(
            f"{left_out} frames are left out: the file has nothing within {EMPTY} frames of them",
            err=True,
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


def _stretches(known: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Return first frame and stop of each stretch of ``count`` frames that is not far from any of ``known``."""
    if not len(known):
        return [(0, min(count, EMPTY))]
    cuts = np.flatnonzero(np.diff(known) > 2 * EMPTY) + 1
    return [
        (max(0, int(part[0]) - EMPTY), min(count, int(part[-1]) + EMPTY + 1))
        for part in np.split(known, cuts)
    ]


def _frame_size(model: RecordedDetector, given: str | None) -> tuple[int, int]:
    """Return (height, width) px: boxes that end at the border are read from it."""
    if given is not None:
        size = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", given.strip().lower())
        if size is None:
            raise SettingsError(
                f"--size: expected WIDTHxHEIGHT in px, such as 1920x1080, got {given!r}"
            )
        return int(size[2]), int(size[1])
    if model.file.relative:
        return 1, 1
    if (size_of_masks := _size_of_masks(model.file.boxes["shape"])) is not None:
        return size_of_masks
    if model.file.size is None:
        raise SettingsError(
            f"{model.name}: the file does not say how large the frames are, which decides what leaves the "
            "picture; give --size WIDTHxHEIGHT, such as 1920x1080"
        )
    return model.file.size


def _size_of_masks(shapes: pd.Series) -> tuple[int, int] | None:
    """Masks, "rle HEIGHT WIDTH COUNTS", are those of whole frames."""
    sizes = {tuple(text.split(" ", 3)[1:3]) for text in shapes if text.startswith("rle ")}
    return None if len(sizes) != 1 else (int((one := sizes.pop())[0]), int(one[1]))
