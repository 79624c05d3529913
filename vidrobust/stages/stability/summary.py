"""Tables made of all units of the stage stability, and the noise floor of the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from vidrobust.footage.item import Item
from vidrobust.frames.batch import FrameBatch
from vidrobust.metrics.catalogue import is_classifier
from vidrobust.models.predict import needs_pixels, predict
from vidrobust.pipeline.inputs import open_item
from vidrobust.pipeline.run import OpenRun
from vidrobust.pipeline.stage import Facts
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.stability.unit import FRAMES, compared

# Tried in this order: FFmpeg in decord is of 2021
DECODERS = ("pyav", "torchcodec", "decord")


def decoder_floor(run: OpenRun) -> dict[str, dict[str, Any]]:
    """Return how much each classifier's predictions differ between two decoders, on one video's first frames.

    Empty without another decoder that gives the same frames.
    """
    models = [model for model in run.models if is_classifier(model) and needs_pixels(model)]
    read = _read_twice(run) if models else None
    if read is None:
        return {}
    used, other, ours, theirs = read
    same = torch.equal(ours.pixels, theirs.pixels)
    floors = {}
    for model in models:
        apart = (
            (0.0, 0, len(ours))
            if same
            else compared(predict(model, ours.pixels), predict(model, theirs.pixels))
        )
        summary = dict(zip(("total_variation", "flips", "n"), apart, strict=True))
        floors[model.name] = {**summary, "decoders": [used, other]}
    return floors


def _read_twice(run: OpenRun) -> tuple[str, str, FrameBatch, FrameBatch] | None:
    backends = {
        entry.item: entry.backend
        for entry in run.folder.record.inputs
        if not entry.problems and not entry.corrupt_frames  # other decoders may not survive damage
    }
    decoded = [item for item in run.inputs.readable if backends.get(item.name) in DECODERS]
    # the one conversion that all of them offer
    alike = run.settings.changed({"color": "fast"}, "decoder")
    for item in decoded[:1]:
        used = backends[item.name]
        for other in (each for each in DECODERS if each != used):
            try:
                theirs = _first(item, alike.changed({"backend": other}, "decoder"))
            except Exception as error:
                # the file cannot be opened now, by no decoder
                if getattr(error.__cause__, "filename", None):
                    raise
                continue  # a decoder that is not there, or not for this file, shows nothing
            ours = _first(item, alike)
            if (
                ours.index.tolist() == theirs.index.tolist()
                and ours.pixels.shape == theirs.pixels.shape
            ):
                return used, other, ours, theirs
    return None


def _first(item: Item, settings: Settings) -> FrameBatch:
    with open_item(item, settings) as source:
        return next(source.batches(FRAMES))


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
