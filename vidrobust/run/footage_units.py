"""The units that are cut from footage: what is missing is made, item by item, from one decoding."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from vidrobust.differences.pairs import PairWatcher
from vidrobust.errors import InputError, ModelError
from vidrobust.footage.item import Item
from vidrobust.models.predict import AUTO_BATCH, Model, is_out_of_memory, needs_pixels
from vidrobust.run.inputs import open_item
from vidrobust.run.keys import unit_key
from vidrobust.run.parts import Parts
from vidrobust.run.run import Run
from vidrobust.run.segments import Segment
from vidrobust.run.stage import Stage, load
from vidrobust.run.stages import BY_NAME
from vidrobust.run.unit import Context, Found, StreamWork
from vidrobust.shown import shown
from vidrobust.video.source import VideoSource

_TOO_LARGE = (
    "memory ran out; cut its pictures with --roi, take fewer at once with --batch, or give it more memory"
)


@dataclass(frozen=True)
class Unit:
    """One stage on one segment of an item, with one model or none; the key says whether it is done.

    count  of a stage that works on a sample: how many frames or pairs; a part that holds more of them will do
    """

    stage: Stage
    segment: Segment
    model: Model | None
    key: str
    count: int = 0

    def done(self, parts: Parts) -> bool:
        """Whether its part is there, and holds enough."""
        return parts.has(self.stage, self.key) and self.had(parts) >= self.count

    def had(self, parts: Parts) -> int:
        """How many frames or pairs its part holds; 0 where there is none."""
        if not self.stage.counted or not parts.has(self.stage, self.key):
            return 0
        return int(parts.facts(self.stage, self.key)["count"])

    @property
    def item(self) -> Item:
        """The item it belongs to, or the stretch of it."""
        return self.segment.item

    @property
    def name(self) -> tuple[str, str, int]:
        """Item, model or "", and segment."""
        return self.item.name, "" if self.model is None else self.model.name, self.segment.number


def units_of(run: Run, stages: Sequence[Stage], item: Item) -> list[Unit]:
    """All units of an item, segment by segment, in the order of the stages."""
    found = []
    for segment in run.segments(item):
        for stage in stages:
            for model in run.models if stage.per == "model" else [None]:
                if model is not None and model.task not in stage.tasks:
                    continue
                if stage.how == "frames" and model is not None and not needs_pixels(model):
                    continue  # answers from a file: it cannot be asked about other pictures
                key = unit_key(stage, segment.content, run.settings, model)
                count = run.count(stage.counted, segment) if stage.counted else 0
                found.append(Unit(stage, segment, model, key, count))
    return found


def make_missing(run: Run, stages: Sequence[Stage]) -> None:
    """Make what is missing of these stages for every item; a failing item is recorded, and the others go on."""
    units = {item.name: units_of(run, stages, item) for item in run.inputs.readable}
    _say_what(run, [unit for of_item in units.values() for unit in of_item])
    for item in run.inputs.readable:
        missing = [unit for unit in units[item.name] if not unit.done(run.parts)]
        try:
            for segment in dict.fromkeys(unit.segment for unit in missing):
                with open_item(segment.reads, run.settings, segment.origin) as source:
                    _make(run, segment, source, [unit for unit in missing if unit.segment == segment])
        except ModelError as error:
            run.inputs.fail(f"{shown(item.path)} ({error})", f"{item.name}: {error}", run.reporter)
        except InputError as error:
            run.inputs.fail(shown(item.path), str(error), run.reporter)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            run.inputs.fail(shown(item.path), f"{shown(item.path)}: {_TOO_LARGE}", run.reporter)
    run.folder.update(failed=run.inputs.failed, left_out=run.inputs.left_out)


def _say_what(run: Run, units: Sequence[Unit]) -> None:
    """How much of each command's stage is there already."""
    for stage in dict.fromkeys(unit.stage for unit in units if unit.stage.command):
        keys = {unit.key: unit for unit in units if unit.stage is stage}
        missing = sum(not unit.done(run.parts) for unit in keys.values())
        told = f"{missing} of {len(keys)} parts to be made" if missing else "up to date"
        run.reporter.say(f"{stage.name}: {told}")


def _make(run: Run, segment: Segment, source: VideoSource, missing: list[Unit]) -> None:
    streams = [unit for unit in missing if unit.stage.how == "stream"]
    if streams:
        _stream(run, segment, source, streams)
    asked = {unit: (unit.stage, unit.had(run.parts)) for unit in missing if unit.stage.how == "frames"}
    for alike in dict.fromkeys(asked.values()):
        _frames(run, segment, source, [unit for unit, what in asked.items() if what == alike], alike[1])


def _context(run: Run, segment: Segment, source: VideoSource, advance: object) -> Context:
    links = BY_NAME["links"]
    item, content = segment.item, segment.content
    key = unit_key(links, content, run.settings, None)
    return Context(
        item=item,
        content=content,
        number=segment.number,
        pieces=segment.pieces,
        origin=segment.origin,
        settings=run.settings,
        info=source.info,
        links=run.parts.read(links, key, "links", item.name) if run.parts.has(links, key) else None,
        advance=advance,  # type: ignore[arg-type]
    )


def _stream(run: Run, segment: Segment, source: VideoSource, units: list[Unit]) -> None:
    """Feed every frame to all these units; a model that fails is dropped, and its units with it."""
    item = segment.item
    size = AUTO_BATCH if run.settings.batch_size == "auto" else run.settings.batch_size
    watcher = PairWatcher(motion_limit=run.settings.motion_limit)
    started = time.perf_counter()
    with run.reporter.counting(item.name, source.info.num_frames, "frames") as counter:
        context = _context(run, segment, source, counter.advance)
        works: dict[Unit, StreamWork] = {unit: load(unit.stage.work)(context, unit.model) for unit in units}
        for batch in source.batches(size):
            links = watcher.feed(batch)
            for unit in list(works):
                try:
                    works[unit].feed(batch, links)
                except ModelError as error:
                    run.inputs.fail(_with_model(item, unit), f"{item.name}: {error}", run.reporter)
                    del works[unit]
            counter.advance(len(batch))
    for problem in source.problems:
        run.reporter.warn(f"{item.name}: {problem}")
    seconds = (time.perf_counter() - started) / max(len(works), 1)
    for unit, work in works.items():
        found, facts = work.finish(source)
        run.parts.write(unit.stage, unit.key, found, {**facts, "seconds": round(seconds, 3)})


def _frames(run: Run, segment: Segment, source: VideoSource, units: list[Unit], have: int) -> None:
    """One stage that asks for single frames, for all its models at once; one by one where a model fails.

    have  how many of its frames or pairs the parts hold that are there, and that are now added to
    """
    stage, item = units[0].stage, segment.item
    work = load(stage.work)
    count = max(unit.count for unit in units)
    total = round((count - have) * load(stage.steps)(run.settings)) if stage.steps else None
    started = time.perf_counter()
    with run.reporter.counting(f"{item.name}: {stage.name}", total, stage.step) as counter:
        context = _context(run, segment, source, counter.advance)
        context = dataclasses.replace(context, count=count, have=have)
        models = [unit.model for unit in units if unit.model is not None]
        try:
            found: dict[str, Found] = dict(work(context, source, models))
        except ModelError:
            found = {}
            for unit in units:
                try:
                    found.update(work(context, source, [unit.model]))
                except ModelError as error:
                    run.inputs.fail(_with_model(item, unit), f"{item.name}: {error}", run.reporter)
    seconds = (time.perf_counter() - started) / len(units)
    for unit in units:
        name = "" if unit.model is None else unit.model.name
        if name in found:
            rows, facts = found[name]
            took = seconds
            if have:
                before = {each: run.parts.read(stage, unit.key, each, item.name) for each in stage.parts}
                rows = {
                    each: pd.concat([before[each], rows[each]], ignore_index=True) for each in stage.parts
                }
                took += float(run.parts.facts(stage, unit.key).get("seconds", 0.0))
            run.parts.write(stage, unit.key, rows, {**facts, "count": count, "seconds": round(took, 3)})


def _with_model(item: Item, unit: Unit) -> str:
    return shown(item.path) if unit.model is None else f"{shown(item.path)} with {unit.model.name}"
