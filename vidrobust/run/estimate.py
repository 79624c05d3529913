"""What a study would cost: a few real units of each stage are measured on the footage itself."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

from vidrobust.differences.pairs import PairWatcher
from vidrobust.errors import InputError, SettingsError
from vidrobust.models.load import load_models
from vidrobust.run import inputs
from vidrobust.run.check import check_settings
from vidrobust.run.progress import Reporter, duration
from vidrobust.run.sensitivity_unit import perturbed_per_frame
from vidrobust.run.settings import Settings
from vidrobust.run.stage import load
from vidrobust.run.stages import STAGES
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
    """Seconds a step of a stage takes, and how many steps there are."""

    stage: str
    step: str
    seconds: float
    steps: int


def estimate(settings: Settings, reporter: Reporter) -> dict[str, Any]:
    """Items, frames and seconds, as plain values and as ``text``; nothing is written."""
    if not settings.sources:
        raise SettingsError("no source given: name videos, folders of videos or frames, or globs")
    if not settings.model:
        raise SettingsError("no model given: use --model SPEC, for example --model efficientnet-lite0")
    check_settings(settings, STAGES)
    models = load_models(settings.model, device=settings.device, engine=settings.engine)
    found = inputs.find(settings, None, reporter)
    costs: list[Cost] = []
    frames, unknown, readable = 0, 0, 0
    for item in found.readable:
        try:
            with inputs.open_item(item, settings) as source:
                count = source.info.num_frames
                if not costs:
                    costs = _measured(item, source, models, settings)
        except InputError as error:
            found.fail(shown(item.path), str(error), reporter)
            continue
        readable += 1
        unknown += count is None
        frames += -(-(count or 0) // settings.every)
    if not readable or not costs:
        raise InputError("nothing could be evaluated: none of the sources could be read")
    totals = {
        "stream": frames,
        "sensitivity": readable * settings.frames,
        "causes": readable * settings.pairs,
    }
    seconds = TABLES_S + sum(cost.seconds * totals[cost.stage] for cost in costs)
    low, high = (round(seconds * factor, 1) for factor in SPREAD)
    lines = [
        f"{readable} item(s), {frames} frames by their headers"
        + (f" and {unknown} item(s) of unknown length" if unknown else ""),
        *(
            f"{cost.step}: {totals[cost.stage]} at {1000 * cost.seconds:.0f} ms for {len(models)} model(s)"
            for cost in costs
        ),
        f"in all about {duration(low)} to {duration(high)}, measured on this machine",
    ]
    return {
        "items": readable,
        "frames": frames,
        "items_of_unknown_length": unknown,
        "failed": found.failed,
        "forward_passes": (frames + readable * settings.frames * (1 + perturbed_per_frame(settings)))
        * len(models),
        "seconds": round(seconds, 1),
        "low_s": low,
        "high_s": high,
        "text": "\n".join(lines),
    }


def _measured(item: Any, source: Any, models: list[Any], settings: Settings) -> list[Cost]:
    """Seconds a frame of the stages that see every frame, a frame of the sensitivity, and a pair of the causes."""
    batch = first_batch(source, SAMPLE)
    for model in models:
        model(batch.pixels[:2])  # the first call warms up
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
    for work in works:  # once, so that what is done once an item does not count for every frame
        work.feed(first, watcher.feed(first))
    started = time.perf_counter()
    links = watcher.feed(second) if len(second) else None
    for work in works:
        if links is not None:
            work.feed(second, links)
    stream = (time.perf_counter() - started) / max(len(second), 1)
    costs = [Cost("stream", "frames seen by every model", stream, 0)]
    for stage in STAGES:
        if stage.how == "frames":
            costs.append(_frames_cost(stage, context, source, models, works[0].finish(source)[0]["links"]))
    return costs


def _frames_cost(stage: Any, context: Context, source: Any, models: list[Any], links: Any) -> Cost:
    """One step of a stage that asks for single frames, by the setting that counts them."""
    counted = {"sensitivity": "frames", "causes": "pairs"}[stage.name]
    few = dataclasses.replace(
        context, settings=context.settings.changed({counted: 1}, "estimate"), links=links
    )
    started = time.perf_counter()
    load(stage.work)(few, source, models)
    word = {"frames": "frames under every perturbation", "pairs": "pairs replayed"}[counted]
    return Cost(stage.name, word, time.perf_counter() - started, 1)


def _part(batch: Any, start: int, stop: int) -> Any:
    return dataclasses.replace(
        batch,
        pixels=batch.pixels[start:stop],
        time_s=batch.time_s[start:stop],
        index=batch.index[start:stop],
        corrupt=batch.corrupt[start:stop],
        keyframe=batch.keyframe[start:stop],
    )
