"""The units that are cut from footage: what is missing is made, item by item, from one decoding."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from vidrobust.differences.pairs import PairWatcher
from vidrobust.errors import InputError, ModelError
from vidrobust.footage.item import Item
from vidrobust.models.predict import AUTO_BATCH, Model, is_out_of_memory, needs_pixels
from vidrobust.run.inputs import open_item
from vidrobust.run.keys import unit_key
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
    """One stage on one segment of an item, with one model or none; the key says whether it is done."""

    stage: Stage
    segment: Segment
    model: Model | None
    key: str

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
                found.append(Unit(stage, segment, model, key))
    return found


def make_missing(run: Run, stages: Sequence[Stage]) -> None:
    """Make what is missing of these stages for every item; a failing item is recorded, and the others go on."""
    units = {item.name: units_of(run, stages, item) for item in run.inputs.readable}
    _say_what(run, [unit for of_item in units.values() for unit in of_item])
    for item in run.inputs.readable:
        missing = [unit for unit in units[item.name] if not run.parts.has(unit.stage, unit.key)]
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
        keys = {unit.key for unit in units if unit.stage is stage}
        missing = sum(not run.parts.has(stage, key) for key in keys)
        told = f"{missing} of {len(keys)} parts to be made" if missing else "up to date"
        run.reporter.say(f"{stage.name}: {told}")


def _make(run: Run, segment: Segment, source: VideoSource, missing: list[Unit]) -> None:
    streams = [unit for unit in missing if unit.stage.how == "stream"]
    if streams:
        _stream(run, segment, source, streams)
    for stage in dict.fromkeys(unit.stage for unit in missing if unit.stage.how == "frames"):
        _frames(run, segment, source, [unit for unit in missing if unit.stage is stage])


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


def _frames(run: Run, segment: Segment, source: VideoSource, units: list[Unit]) -> None:
    """One stage that asks for single frames, for all its models at once; one by one where a model fails."""
    stage, item = units[0].stage, segment.item
    work = load(stage.work)
    total = load(stage.steps)(run.settings) if stage.steps else None
    started = time.perf_counter()
    with run.reporter.counting(f"{item.name}: {stage.name}", total, stage.step) as counter:
        context = _context(run, segment, source, counter.advance)
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
            run.parts.write(unit.stage, unit.key, rows, {**facts, "seconds": round(seconds, 3)})


def _with_model(item: Item, unit: Unit) -> str:
    return shown(item.path) if unit.model is None else f"{shown(item.path)} with {unit.model.name}"
