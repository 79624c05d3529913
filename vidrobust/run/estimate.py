"""What a study would cost: a few real units of each stage are measured on the footage itself."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vidrobust.differences.pairs import PairWatcher
from vidrobust.errors import InputError, ModelError, SettingsError
from vidrobust.footage.item import Item
from vidrobust.models.load import load_models
from vidrobust.models.predict import predict
from vidrobust.run import inputs
from vidrobust.run.check import check_settings
from vidrobust.run.inputs import Inputs
from vidrobust.run.progress import Reporter, duration
from vidrobust.run.settings import Settings
from vidrobust.run.stage import load
from vidrobust.run.stages import BY_NAME, STAGES
from vidrobust.run.unit import Context
from vidrobust.shown import shown
from vidrobust.video.source import first_batch

SAMPLE = 24
"""Frames that are measured of the stages that see every frame."""
TABLES_S = 6.0
"""Seconds that correlation, policy and report take on a small study, about."""
SPREAD = (0.75, 1.4)
"""The true time lies between these times the estimate, in four of five studies or more."""


@dataclass(frozen=True)
class Cost:
    """Seconds a step of a stage takes."""

    stage: str
    step: str
    seconds: float


@dataclass(frozen=True)
class Reckoning:
    """What is ahead: items that can be read, their frames by the headers, and the seconds it will take."""

    items: int
    frames: int
    unknown: int
    models: int
    costs: tuple[tuple[Cost, int], ...]
    low_s: float
    high_s: float

    @property
    def text(self) -> str:
        """The same for a reader."""
        of_unknown = f" and {self.unknown} item(s) of unknown length" if self.unknown else ""
        lines = [f"{self.items} item(s), {self.frames} frames by their headers{of_unknown}"]
        lines += [
            f"{cost.step}: {steps} at {1000 * cost.seconds:.0f} ms for {self.models} model(s)"
            for cost, steps in self.costs
        ]
        return "\n".join([*lines, f"in all about {self.span}, measured on this machine"])

    @property
    def span(self) -> str:
        return f"{duration(self.low_s)} to {duration(self.high_s)}"


def estimate(settings: Settings, reporter: Reporter) -> dict[str, Any]:
    """Items, frames and seconds, as plain values and as ``text``; nothing is written."""
    if not settings.sources:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    if not settings.model:
        raise SettingsError("no model given: use --model SPEC, for example --model efficientnet-lite0")
    check_settings(settings, STAGES)
    models = load_models(settings.model, device=settings.device, engine=settings.engine)
    found = inputs.find(settings, None, reporter)
    ahead = reckon(settings, models, found, found.readable, reporter)
    if ahead is None:
        raise InputError("nothing could be evaluated: none of the sources could be read")
    per_item = sum(int(load(stage.steps)(settings)) for stage in STAGES if stage.how == "frames")
    return {
        "items": ahead.items,
        "frames": ahead.frames,
        "items_of_unknown_length": ahead.unknown,
        "failed": found.failed,
        "forward_passes": (ahead.frames + ahead.items * per_item) * len(models),
        "seconds": round((ahead.low_s + ahead.high_s) / 2, 1),
        "low_s": ahead.low_s,
        "high_s": ahead.high_s,
        "text": ahead.text,
    }


def reckon(
    settings: Settings, models: Sequence[Any], found: Inputs, items: Sequence[Item], reporter: Reporter
) -> Reckoning | None:
    """Measure a few units on the first item that can be read, and reckon for all; None where none can be."""
    costs: list[Cost] = []
    frames, unknown, readable = 0, 0, 0
    for item in items:
        try:
            with inputs.open_item(item, settings) as source:
                count = source.info.num_frames
                if not costs:
                    costs = _measured(item, source, list(models), settings)
        except ModelError:
            return None  # told where the model is asked
        except InputError as error:
            found.fail(shown(item.path), str(error), reporter)
            continue
        readable += 1
        unknown += count is None
        frames += -(-(count or 0) // settings.every)
    if not costs:
        return None
    steps = {"stream": frames}
    for cost in costs:
        if cost.stage != "stream":
            steps[cost.stage] = readable * int(load(BY_NAME[cost.stage].steps)(settings))
    seconds = TABLES_S + sum(cost.seconds * steps[cost.stage] for cost in costs)
    low, high = (round(seconds * factor, 1) for factor in SPREAD)
    each = tuple((cost, steps[cost.stage]) for cost in costs)
    return Reckoning(readable, frames, unknown, len(models), each, low, high)


def _measured(item: Any, source: Any, models: list[Any], settings: Settings) -> list[Cost]:
    """Seconds a frame of the stages that see every frame, a frame of the sensitivity, and a pair of the causes."""
    batch = first_batch(source, SAMPLE)
    for model in models:
        predict(model, batch.pixels[:2])  # the first call warms up
    context = Context(
        item=item, content="", settings=settings, info=source.info, links=None, advance=lambda _: None
    )
    watcher = PairWatcher(motion_limit=settings.motion_limit)
    works = [
        load(stage.work)(context, model)
        for stage in STAGES
        if stage.how == "stream"
        for model in (models if stage.per == "model" else [None])
    ]
    half = max(1, len(batch) // 2)
    first, second = _part(batch, 0, half), _part(batch, half, len(batch))
    links = watcher.feed(first)
    for work in works:  # once, so that what is done once an item does not count for every frame
        work.feed(first, links)
    started = time.perf_counter()
    if len(second):
        links = watcher.feed(second)
        for work in works:
            work.feed(second, links)
    stream = (time.perf_counter() - started) / max(len(second), 1)
    costs = [Cost("stream", "frames seen by every model", stream)]
    table = works[0].finish(source)[0]["links"]
    for stage in STAGES:
        able = [model for model in models if model.task in stage.tasks]
        if stage.how == "frames" and able:
            costs.append(_frames_cost(stage, context, source, able, table))
    return costs


def _frames_cost(stage: Any, context: Context, source: Any, models: list[Any], links: Any) -> Cost:
    """One step of a stage that asks for single frames, by the setting that counts them."""
    counted = {"sensitivity": "frames", "causes": "pairs"}[stage.name]
    few = dataclasses.replace(
        context, settings=context.settings.changed({counted: 1}, "estimate"), links=links
    )
    started = time.perf_counter()
    load(stage.work)(few, source, models)
    seconds = (time.perf_counter() - started) / max(1, int(load(stage.steps)(few.settings)))
    return Cost(stage.name, f"{stage.name}, {stage.step}", seconds)


def _part(batch: Any, start: int, stop: int) -> Any:
    return dataclasses.replace(
        batch,
        pixels=batch.pixels[start:stop],
        time_s=batch.time_s[start:stop],
        index=batch.index[start:stop],
        corrupt=batch.corrupt[start:stop],
        keyframe=batch.keyframe[start:stop],
    )
