"""What a study would cost: a few real units of each stage are measured on the footage itself."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vidrobust.differences.pairs import PairWatcher
from vidrobust.errors import InputError, ModelError, SettingsError
from vidrobust.footage.item import Item
from vidrobust.frames import VECTORS, VideoInfo
from vidrobust.models.load import load_models
from vidrobust.models.predict import predict
from vidrobust.run import inputs
from vidrobust.run.check import check_settings
from vidrobust.run.counts import Counts, seconds_of, usual, within
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
    counts: Counts
    costs: tuple[tuple[Cost, int], ...]
    low_s: float
    high_s: float

    @property
    def text(self) -> str:
        """The same for a reader."""
        of_unknown = f" and {self.unknown} item(s) of unknown length" if self.unknown else ""
        lines = [f"{self.items} item(s), {self.frames} frames by their headers{of_unknown}"]
        lines.append(f"{self.counts.frames} frames are perturbed and {self.counts.pairs} pairs are explained")
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
    counts = None if settings.budget else usual(len(found.content))
    ahead = reckon(settings, models, found, found.readable, reporter, counts)
    if ahead is None:
        raise InputError("nothing could be evaluated: none of the sources could be read")
    of_samples = sum(steps for cost, steps in ahead.costs if cost.stage != "stream")
    return {
        "items": ahead.items,
        "frames": ahead.frames,
        "items_of_unknown_length": ahead.unknown,
        "failed": found.failed,
        "sample": {"frames": ahead.counts.frames, "pairs": ahead.counts.pairs},
        "forward_passes": (ahead.frames + of_samples) * len(models),
        "seconds": round((ahead.low_s + ahead.high_s) / 2, 1),
        "low_s": ahead.low_s,
        "high_s": ahead.high_s,
        "text": ahead.text,
    }


def _delivered(info: VideoInfo, item: Item, settings: Settings) -> int | None:
    """Frames of an item that will be seen, by its header; None where that says nothing."""
    if info.num_frames is None:
        return None
    start, end = inputs.window(item, settings)
    rate, length = float(info.frame_rate), info.num_frames / float(info.frame_rate)
    kept = max(0.0, min(length, length if end is None else end) - (start or 0.0))
    return math.ceil(round(kept * min(rate, settings.fps or rate), 6) / settings.every)


def reckon(
    settings: Settings,
    models: Sequence[Any],
    found: Inputs,
    items: Sequence[Item],
    reporter: Reporter,
    counts: Counts | None = None,
) -> Reckoning | None:
    """Measure a few units on the first item that can be read, and reckon for all; None where none can be.

    counts  frames and pairs of these items; None: as the settings say, or as their budget allows
    """
    costs: list[Cost] = []
    frames, unknown, readable = 0, 0, 0
    for item in items:
        try:
            with inputs.open_item(item, settings) as source:
                count = _delivered(source.info, item, settings)
                if not costs:
                    costs = _measured(item, source, list(models), settings)
        except ModelError:
            return None  # told where the model is asked
        except InputError as error:
            found.fail(shown(item.path), str(error), reporter)
            continue
        readable += 1
        unknown += count is None
        frames += count or 0
    if not costs:
        return None
    each_s = {cost.stage: cost.seconds for cost in costs}
    of_one = {name: float(load(BY_NAME[name].steps)(settings)) for name in each_s if name != "stream"}
    if counts is None and settings.budget:
        fixed = TABLES_S + each_s["stream"] * frames
        frame_s, pair_s = (
            each_s.get(name, 0.0) * of_one.get(name, 0.0) for name in ("sensitivity", "causes")
        )
        counts = within(seconds_of(settings.budget), fixed, frame_s, pair_s, readable)
    counts = counts or usual(readable)
    counts = Counts(settings.frames or counts.frames, settings.pairs or counts.pairs)
    steps = {"stream": frames}
    steps |= {name: round(counts.of(BY_NAME[name].counted) * of_one[name]) for name in of_one}
    seconds = TABLES_S + sum(cost.seconds * steps[cost.stage] for cost in costs)
    low, high = (round(seconds * factor, 1) for factor in SPREAD)
    each = tuple((cost, steps[cost.stage]) for cost in costs)
    return Reckoning(readable, frames, unknown, len(models), counts, each, low, high)


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
    """One step of a stage that asks for single frames, of a sample of one frame or pair."""
    done: list[int] = []
    few = dataclasses.replace(context, count=1, links=links, advance=done.append)
    started = time.perf_counter()
    load(stage.work)(few, source, models)
    seconds = (time.perf_counter() - started) / max(1, sum(done))
    return Cost(stage.name, f"{stage.name}, {stage.step}", seconds)


def _part(batch: Any, start: int, stop: int) -> Any:
    cut = {name: getattr(batch, name)[start:stop] for name in ("pixels", *VECTORS)}
    return dataclasses.replace(batch, **cut)
