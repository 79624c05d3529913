"""Tables made of all units of the stage stability, and the noise floor of the way to a model's input."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from vidrobust.errors import InputError, ModelError
from vidrobust.footage.item import Item
from vidrobust.frames.batch import FrameBatch
from vidrobust.frames.pixels import Resizer
from vidrobust.metrics.catalogue import is_classifier
from vidrobust.models.network import NetworkClassifier
from vidrobust.models.predict import Model, needs_pixels, predict
from vidrobust.pipeline.inputs import open_item
from vidrobust.pipeline.run import OpenRun
from vidrobust.pipeline.stage import Facts
from vidrobust.predictions import Classifications
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.stability.unit import FRAMES, compared

# Tried in this order: FFmpeg in decord is of 2021
DECODERS = ("pyav", "torchcodec", "decord")
# Frames of a clip that are read, resized and cropped in other ways: of 8, none of 86 flips may show
FLOOR_FRAMES = 64


def pixel_floor(run: OpenRun) -> dict[str, dict[str, dict[str, Any]]]:
    """Return how far each classifier's answers move where only the way to its input changes.

    The first sound video's first 64 frames are read by another decoder ("decoder"), on the CPU where a device
    decodes ("decoded on the device"), resized by another library ("resize" without averaging, "resize, averaged"
    with it) and cropped a pixel aside ("crop"). Each way has the largest total variation, label flips and n
    frames; ways that cannot be had are left out, and so is a model that fails.
    """
    models = [model for model in run.models if is_classifier(model) and needs_pixels(model)]
    clip = _sound_clip(run) if models else None
    if clip is None:
        return {}
    item, used = clip
    floors: dict[str, dict[str, _Apart]] = {model.name: {} for model in models}
    variants = {
        model.name: _other_inputs(model) for model in models if isinstance(model, NetworkClassifier)
    }
    with contextlib.ExitStack() as stack:
        readings = _readings(item, used, run.settings, stack)
        for ours in _batches(item, run.settings):
            read_again = [(reading, next(reading.frames, None)) for reading in readings]
            for model in [each for each in models if each.name in floors]:
                try:
                    _compare(
                        model, ours, read_again, variants.get(model.name, {}), floors[model.name]
                    )
                except ModelError:  # where it failed on the clip itself, that is already told
                    del floors[model.name]
    return {
        name: {way: dataclasses.asdict(apart) for way, apart in ways.items()}
        for name, ways in floors.items()
        if ways
    }


def _compare(
    model: Model,
    ours: FrameBatch,
    read_again: list[tuple[_Reading, FrameBatch | None]],
    variants: dict[str, tuple[NetworkClassifier, list[str]]],
    ways: dict[str, _Apart],
) -> None:
    """Add a batch to the ways of a model: its variants' answers, and its own to frames that were read otherwise."""
    answer = _classified(model, ours.pixels)
    for way, (other, names) in variants.items():
        ways.setdefault(way, _Apart(names)).add(answer, _classified(other, ours.pixels))
    for reading, theirs in read_again:
        if theirs is None or theirs.index.tolist() != ours.index.tolist():
            continue
        apart = ways.setdefault(reading.way, _Apart(reading.names))
        same = torch.equal(ours.pixels.cpu(), theirs.pixels.cpu())
        apart.add(answer, answer if same else _classified(model, theirs.pixels))


def _classified(model: Model, pixels: torch.Tensor) -> Classifications:
    answer = predict(model, pixels)
    assert isinstance(answer, Classifications)
    return answer


@dataclass
class _Apart:
    """How far answers to the same frames lie apart; ``decoders``: the run's way, and the other."""

    decoders: list[str]
    total_variation: float = 0.0
    flips: int = 0
    n: int = 0

    def add(self, ours: Classifications, theirs: Classifications) -> None:
        largest, flips, n = compared(ours, theirs)
        self.total_variation = max(self.total_variation, largest)
        self.flips, self.n = self.flips + flips, self.n + n


def _other_inputs(model: NetworkClassifier) -> dict[str, tuple[NetworkClassifier, list[str]]]:
    """Return a classifier with other preprocessing, by the name of what is changed."""
    network, now = model.network, model.network.preprocess
    averaged: Resizer = "opencv-area" if now.resizer != "opencv-area" else "pil"
    others = {
        "resize": dataclasses.replace(now, resizer="opencv-linear" if now.averages else "pil"),
        "resize, averaged": dataclasses.replace(now, resizer=averaged),
    }
    if now.resize != "letterbox" and now.resized != now.shape:
        aside = dataclasses.replace(now, crop_offset=now.crop_offset - 1)
        others["crop"] = aside
    return {
        way: (
            dataclasses.replace(model, network=dataclasses.replace(network, preprocess=other)),
            ["the model's", "a pixel aside"] if way == "crop" else [now.resizer, other.resizer],
        )
        for way, other in others.items()
    }


def _sound_clip(run: OpenRun) -> tuple[Item, str] | None:
    """Return the first video without damage, which other decoders may not survive, and its decoder."""
    backends = {
        entry.item: entry.backend
        for entry in run.folder.record.inputs
        if not entry.problems and not entry.corrupt_frames
    }
    sound = ((i, backends[i.name]) for i in run.inputs.readable if i.name in backends)
    return next(((item, backend) for item, backend in sound if backend in DECODERS), None)


@dataclass(frozen=True)
class _Reading:
    """The same frames, read in another way."""

    way: str
    names: list[str]  # The run's way, and this one
    frames: Iterator[FrameBatch]


def _readings(
    item: Item, used: str, settings: Settings, stack: contextlib.ExitStack
) -> list[_Reading]:
    """Open the first other decoder that there is, and the CPU's where the run decodes on a device."""
    readings = []
    # the one conversion that all of them offer
    alike = settings.changed({"color": "fast"}, "decoder")
    for other in (decoder for decoder in DECODERS if decoder != used):
        frames = _opened(item, alike.changed({"backend": other, "device": "cpu"}, "decoder"), stack)
        if frames is not None and settings.color == "fast":
            readings.append(_Reading("decoder", [used, other], frames))
            break
    with open_item(item, settings) as source:
        decoded_on = source.info.device
    if decoded_on != "cpu":
        frames = _opened(item, alike.changed({"device": "cpu"}, "decoder"), stack)
        if frames is not None:
            readings.append(_Reading("decoded on the device", [decoded_on, "cpu"], frames))
    return readings


def _opened(
    item: Item, settings: Settings, stack: contextlib.ExitStack
) -> Iterator[FrameBatch] | None:
    """Yield the first frames of an item; None where this decoder is missing or does not read it."""
    frames = _batches(item, settings)
    stack.callback(frames.close)
    try:
        first = next(frames, None)
    except Exception as error:
        # the file cannot be opened now, by no decoder
        if getattr(error.__cause__, "filename", None):
            raise
        return None
    return None if first is None else itertools.chain([first], _suppressed(frames))


def _suppressed(frames: Iterator[FrameBatch]) -> Iterator[FrameBatch]:
    """Yield frames until a decoder fails that is only compared with."""
    try:
        yield from frames
    except InputError:
        return


def _batches(item: Item, settings: Settings) -> Generator[FrameBatch, None, None]:
    """Yield the first 64 frames, a few at a time."""
    left = FLOOR_FRAMES
    with open_item(item, settings) as source:
        for batch in source.batches(FRAMES):
            yield batch
            left -= len(batch)
            if left <= 0:
                return


def ms_a_frame(facts: Facts) -> dict[str, float]:
    spent: dict[str, tuple[float, int]] = {}
    for (_, model, _), fact in facts.items():
        measured = fact.get("prediction")
        if measured:
            seconds, frames = spent.get(model, (0.0, 0))
            spent[model] = seconds + float(measured["seconds"]), frames + int(measured["frames"])
    return {model: round(1000 * seconds / frames, 3) for model, (seconds, frames) in spent.items()}


def report_box_files(run: OpenRun, facts: Facts) -> None:
    """Report how box files count frames, and boxes of frames that do not exist."""
    for (item, model, _), fact in facts.items():
        summary = fact.get("boxes_file")
        if summary and summary["counted_from"] == 1:
            run.reporter.say(
                f"{model}: frames of {item} are counted from 1 in the file ({summary['why']}); say ,first=0 if not"
            )
        if summary and summary.get("compact", 1) > 1:
            run.reporter.warn(
                f"{model}: the file has no box after the first of {summary['compact']} equal parts of {item}; if "
                f"one frame of {summary['compact']} was recorded (vid_stride), multiply the frame numbers by "
                f"{summary['compact']} and pass --every {summary['compact']}"
            )
        if summary and summary["beyond"]:
            run.reporter.warn(
                f"{model}: {summary['beyond']} of {summary['rows']} boxes are of frames that {item} does not have"
            )


def floor_rows(facts: Facts) -> pd.DataFrame:
    """Return the noise floor as rows of the table ``stability``: the largest difference, no interval."""
    rows: list[dict[str, object]] = []
    kinds = {
        "noise_floor": _class_floor,
        "task_noise_floor": _task_floor,
    }
    for kind, summary in kinds.items():
        floors: dict[str, list[Mapping[str, Any]]] = {}
        for name, fact in facts.items():
            if fact.get(kind):
                floors.setdefault(name[1], []).append(fact[kind])
        nan = float("nan")
        for model, of_model in floors.items():
            n = sum(int(floor["n"]) for floor in of_model)
            for metric, value in summary(of_model, n).items():
                of = {"model": model, "item": "", "metric": metric, "value": value, "n": n}
                rows.append({**of, "low": nan, "high": nan, "cluster": "", "clusters": 0})
    return pd.DataFrame(rows)


def floors_by_way(facts: Facts) -> dict[str, dict[str, dict[str, Any]]]:
    floors: dict[str, dict[str, dict[str, Any]]] = {}
    for name, fact in facts.items():
        for way, (largest, flips, n) in (fact.get("noise_floor") or {}).get("by_way", {}).items():
            zero = {"total_variation": largest, "flips": 0, "n": 0}
            before = floors.setdefault(name[1], {}).setdefault(way, zero)
            if largest is not None:
                before["total_variation"] = max(largest, before["total_variation"])
            before["flips"] += flips
            before["n"] += n
    return floors


def _class_floor(floors: list[Mapping[str, Any]], n: int) -> dict[str, float]:
    flips = sum(int(floor["flips"]) for floor in floors)
    return {
        "noise_floor_total_variation": max(float(floor["total_variation"]) for floor in floors),
        "noise_floor_label_flip": flips / n if n else float("nan"),
    }


def _task_floor(floors: list[Mapping[str, Any]], n: int) -> dict[str, float]:
    names = dict.fromkeys(name for floor in floors for name in floor if name != "n")
    known = {
        name: [float(floor[name]) for floor in floors if floor[name] is not None] for name in names
    }
    return {name: max((v for v in known[name] if v == v), default=float("nan")) for name in names}
