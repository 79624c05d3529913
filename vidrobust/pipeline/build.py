"""Build a run folder as make does: compute what is missing or stale, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, no_exit
from vidrobust.frames.device import make_deterministic
from vidrobust.models.predict import needs_pixels
from vidrobust.pipeline import keys
from vidrobust.pipeline.estimate import CostEstimate
from vidrobust.pipeline.inputs import refuse_other_counts
from vidrobust.pipeline.interrupts import remind
from vidrobust.pipeline.keys import reader_of_needed
from vidrobust.pipeline.plan import Plan, make_missing, say_what, units_of
from vidrobust.pipeline.progress import TABLES
from vidrobust.pipeline.run import OpenRun
from vidrobust.pipeline.stage import (
    FootageStage,
    Look,
    SampleStage,
    Stage,
    Stages,
    StreamStage,
    TableStage,
    Trim,
    described_by,
)
from vidrobust.pipeline.workers.worker import Unit
from vidrobust.run_folder import index as headline
from vidrobust.run_folder.settings import Settings
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import duration
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

SILENT_S = 20.0  # seconds between pages while inputs of one stage are at work
PAGES = 0.05  # largest share of the time of a command that goes into pages before the last
PAGE_S = 4.0  # seconds that the first page of a small study takes, about


@dataclass
class SoFar:
    """Stages that are still to come; pages show what there is meanwhile."""

    run: OpenRun
    left: list[Stage]
    shows: bool = True
    _not_before: float = field(default_factory=time.perf_counter, init=False)
    _said: bool = field(default=False, init=False)

    def is_due(self, now: float) -> bool:
        due = self.shows and now >= self._not_before
        return due and any(stage.shows for stage in self.left)

    def made(self, *stages: Stage, began: float | None = None) -> None:
        self.left = [stage for stage in self.left if stage not in stages]
        began = time.perf_counter() if began is None else began
        pages = [stage for stage in self.left if self._is_stale(stage)]
        if not pages or all(stage.shows for stage in self.left) or not self.is_due(began):
            return
        to_come = [stage.name for stage in self.left if stage.command and not stage.shows]
        self.run.folder.update(to_come=to_come)
        for page in pages:
            self.run.folder.note_stage(page.name, None)
            with no_exit(f"stage {page.name}", page):
                path = page.show(self.run)
            if not self._said:
                self.run.reporter.say(f"{page.name} so far: {path}")
        self._said = True
        self._not_before = time.perf_counter() + (time.perf_counter() - began) / PAGES

    def _is_stale(self, stage: Stage) -> bool:
        records = self.run.folder.run["stages"]
        known = records.get(stage.name, {}).get("key")
        return stage.shows and known != keys.record(stage, self.run.settings, {}, records)["key"]


def check_settings(settings: Settings, stages: Sequence[Stage]) -> None:
    for stage in stages:
        stage.check(settings)
    if any(isinstance(stage, FootageStage) for stage in stages):
        from vidrobust.frames.device import resolve_device
        from vidrobust.video.choice import check_backend
        from vidrobust.video.color import check_color

        resolve_device(settings.device)
        check_backend(settings.backend)
        check_color(settings.color)


def build(run: OpenRun, catalogue: Stages, names: Sequence[str]) -> None:
    records: dict[str, Any] = run.folder.run["stages"]
    stages = catalogue.with_needs(names, made=records)
    check_settings(run.settings, stages)
    if run.settings.deterministic:
        make_deterministic()
    for stage in stages:
        if stage.name in records and isinstance(stage, FootageStage):
            _say_why(run, stage)
    footage = [stage for stage in stages if isinstance(stage, FootageStage)]
    conclusions = [stage for stage in stages if isinstance(stage, TableStage)]
    so_far = SoFar(run, [*stages])
    try:
        if any(_must_look(stage, run, names) for stage in footage):
            plan = Plan(run, catalogue, stages)
            so_far.shows = plan.deadline is None  # the last page comes soon enough
            _footage(plan, footage, len(conclusions), so_far)
        for stage in conclusions:
            if stage in so_far.left:
                _conclude(so_far, stage, asked=len(names) == 1 and stage.name in names)
    finally:
        run.reporter.end_whole()


def _say_why(run: OpenRun, stage: Stage) -> None:
    for reason in keys.reasons(stage, run.settings, run.folder.run["stages"]):
        run.reporter.say(f"{stage.name} is stale: {reason}")


def _must_look(stage: FootageStage, run: OpenRun, names: Sequence[str]) -> bool:
    records = run.folder.run["stages"]
    if stage.name in names or stage.name not in records:
        return True
    return bool(keys.reasons(stage, run.settings, records)) or bool(keys.missing(run.folder, stage))


def _footage(plan: Plan, stages: Sequence[FootageStage], conclusions: int, so_far: SoFar) -> None:
    run = plan.run
    if any(stage.per == "model" for stage in stages):
        for model in run.models:  # a wrong spec is found before any video is opened
            if not needs_pixels(model):
                run.reporter.say(
                    f"{model.name}: answers from a file can be used for stability only; "
                    "the other stages show the model new pictures"
                )
    plan.look()
    ahead: CostEstimate | None = None
    if set(plan.stages.footage) <= set(stages):
        for outlook in plan.outlooks(plan.stages.stages):
            run.reporter.say(outlook.text)
        ahead = _ahead(plan, stages)
    if ahead is not None:
        run.reporter.begin_whole(ahead.whole(conclusions))
        so_far.shows &= ahead.low_s >= PAGE_S / PAGES
    started = time.perf_counter()
    streams = [stage for stage in stages if isinstance(stage, StreamStage)]
    beside = run.settings.cluster or (run.settings.workers or 1) > 1
    if 0 < len(streams) < len(stages) and not beside and plan.deadline is None:
        # what needs no sample is shown while samples are at work; worker processes would begin twice
        _tables(plan, streams, _made(plan, streams, so_far))
        so_far.made(*streams)
        for stage in [
            stage for stage in so_far.left if isinstance(stage, TableStage) and not stage.shows
        ]:
            if not {*stage.needs, *stage.uses} & {*so_far.left}:
                _conclude(so_far, stage, asked=False)
    every = _made(plan, stages, so_far)
    if ahead is not None:
        took = duration(time.perf_counter() - started)
        run.reporter.say(
            f"footage done in {took}; it was estimated at {ahead.span} with tables and report"
        )
    kept = _tables(plan, stages, every)
    so_far.made(*stages)
    _look_further(plan, stages, frozenset(unit.item.name for unit in kept))
    if any(unit.model for unit in every) and not any(unit.model for unit in kept):
        raise InputError("no model could be evaluated on the footage, for the reasons above")


def _tables(
    plan: Plan, stages: Sequence[FootageStage], every: Sequence[Unit], *, whole: bool = True
) -> list[Unit]:
    run = plan.run
    with run.reporter.working("joining tables"):
        kept = _one_of_each(plan, _done(run, every))
    if not any(unit.stage == described_by(unit.stage) for unit in kept):
        if not whole:
            return []
        raise run.inputs.unreadable()
    for stage in stages:
        with run.reporter.working(f"{stage.name}: tables"):
            _join(plan, stage, [unit for unit in kept if unit.stage == stage])
    return kept


def _look_further(plan: Plan, stages: Sequence[FootageStage], items: frozenset[str]) -> None:
    run = plan.run
    growing = [stage for stage in stages if isinstance(stage, SampleStage) and stage.grows]
    while any(stage.undecided(run) for stage in growing) and plan.further():
        run.reporter.say(f"something is undecided: going on to {plan.looks[plan.at]} pairs")
        readable = [item for item in run.inputs.readable if item.name in items]
        every = [unit for item in readable for unit in units_of(plan, growing, item)]
        for stage in growing:
            new = sum(u.count - u.had(run.cache) for u in every if u.stage == stage)
            run.reporter.more(stage.step, round(new * stage.steps(run.settings)))
        make_missing(run, every)
        done = _done(run, every)
        for stage in growing:
            with run.reporter.working(f"{stage.name}: tables"):
                _join(plan, stage, [unit for unit in done if unit.stage == stage])


def _made(plan: Plan, stages: Sequence[FootageStage], so_far: SoFar) -> list[Unit]:
    """Make what is missing; units grow where an unreadable input or a copy leaves its share to others."""
    run = plan.run
    every = [unit for item in run.inputs.readable for unit in units_of(plan, stages, item)]
    say_what(run, [stage for stage in stages if stage in so_far.left], every)

    def between() -> None:
        if so_far.is_due((began := time.perf_counter()) - SILENT_S) and _tables(
            plan, stages, every, whole=False
        ):
            so_far.made(began=began)

    make_missing(run, every, between, plan.deadline)
    if plan.deadline is not None:
        return plan.settled(every)
    sampled = any(isinstance(stage, SampleStage) for stage in stages)
    while sampled and plan.share_among(_sharing(run, every)):
        every = [unit for item in run.inputs.readable for unit in units_of(plan, stages, item)]
        have = (unit for unit in every if isinstance(unit.stage, SampleStage))
        make_missing(run, [unit for unit in have if run.cache.has(unit.stage, unit.key)])
    return every


def _done(run: OpenRun, units: Sequence[Unit]) -> list[Unit]:
    readable = {item.name for item in run.inputs.readable}
    return [unit for unit in units if unit.item.name in readable and unit.done(run.cache)]


def _sharing(run: OpenRun, units: Sequence[Unit]) -> list[str]:
    copies = _copies(run, _done(run, units))
    return [
        run.inputs.content[item.name] for item in run.inputs.readable if item.name not in copies
    ]


def _ahead(plan: Plan, stages: Sequence[FootageStage]) -> CostEstimate | None:
    run = plan.run
    items = [
        item
        for item in run.inputs.readable
        if not any(unit.done(run.cache) for unit in units_of(plan, stages, item))
    ]
    if not items or not plan.able or not run.reporter.foresees:
        return None
    ahead = plan.estimate or plan.cost(items)
    if ahead is not None:
        run.reporter.say(
            f"{plural(ahead.items, 'input')}, {plural(ahead.frames, 'frame')}: about {ahead.span}"
        )
    return ahead


def _one_of_each(plan: Plan, done: Sequence[Unit]) -> list[Unit]:
    run = plan.run
    copies = _copies(run, done)
    for copy, original in copies.items():
        if copy not in plan.copies:
            run.reporter.warn(f"{copy}: shows the same pictures as {original}, and is counted once")
    plan.copies = copies
    run.folder.update(duplicates=[{"item": c, "same_as": o} for c, o in copies.items()])
    return [unit for unit in done if unit.item.name not in copies]


def _copies(run: OpenRun, done: Sequence[Unit]) -> dict[str, str]:
    shown_by: dict[str, str] = {}
    for unit in done:
        if unit.stage == described_by(unit.stage):
            decoded = str(run.cache.facts(unit.stage, unit.key)["decoded"])
            shown_by[unit.item.name] = f"{shown_by.get(unit.item.name, '')} {decoded}"
    first: dict[str, str] = {}
    copies: dict[str, str] = {}
    for name in sorted(shown_by):
        original = first.setdefault(shown_by[name], name)
        if original != name:
            copies[name] = original
    return copies


def _join(plan: Plan, stage: FootageStage, units: Sequence[Unit]) -> None:
    run = plan.run
    sampled = isinstance(stage, SampleStage)
    made = {unit.name: f"{unit.key} {unit.count}" if sampled else unit.key for unit in units}
    labels = run.inputs.known if "labels" in stage.summary_settings else None
    new = keys.record(stage, run.settings, made, run.folder.run["stages"], labels)
    if stage == described_by(stage):
        _describe(run, units)
    if _is_current(run, stage, new):
        return
    started = time.perf_counter()
    run.folder.note_stage(stage.name, None)
    whole = _whole(run, stage, units)
    parts = {unit.name if unit.name[:2] not in whole else unit.name[:2]: unit for unit in units}
    trims = {
        unit.name: _trimmed(run, unit) for unit in parts.values() if unit.name[:2] not in whole
    }
    for name in stage.unit_tables:
        read = [
            trims[unit.name](run.cache.read(stage, unit.key, name, unit.item.name))
            if unit.name in trims
            else whole[unit.name[:2]][name]
            for unit in parts.values()
        ]
        run.folder.write_table(name, tables.joined(name, read))
    facts = {unit.name: run.cache.facts(stage, unit.key) for unit in units}
    with no_exit(f"stage {stage.name}", stage):
        if isinstance(stage, SampleStage) and stage.grows:
            stage.conclude(run, _looks(plan, stage, units))
        else:
            stage.summarise(run, facts)
    seconds = sum(float(fact.get("seconds", 0.0)) for fact in facts.values())
    _note(run, stage, {**new, "seconds": round(seconds + time.perf_counter() - started, 2)})


def _looks(plan: Plan, stage: SampleStage, units: Sequence[Unit]) -> list[Look]:
    run, looks = plan.run, []
    for number, size in enumerate(plan.looks[: plan.at]):
        then = [
            replace(unit, count=plan.count(stage.budgeted, unit.segment, number)) for unit in units
        ]
        trims = [_trimmed(run, unit) for unit in then]
        joined = {}
        for name in stage.unit_tables:
            rows = (run.cache.read(stage, unit.key, name, unit.item.name) for unit in then)
            joined[name] = tables.joined(
                name, [trim(table) for trim, table in zip(trims, rows, strict=True)]
            )
        looks.append(Look(part=size / max(1, plan.looks[-1]), tables=joined))
    now = {name: run.table(name) for name in stage.unit_tables}
    return [*looks, Look(part=plan.looks[plan.at] / max(1, plan.looks[-1]), tables=now)]


def _whole(
    run: OpenRun, stage: FootageStage, units: Sequence[Unit]
) -> dict[tuple[str, str], dict[str, pd.DataFrame]]:
    """Return tables by input and model, of segmented inputs whose rows depend on the whole input."""
    of_item: dict[tuple[str, str], list[Unit]] = {}
    if not (isinstance(stage, StreamStage) and stage.spans_segments):
        return {}
    for unit in units:
        if unit.segment.pieces > 1 and unit.model:
            of_item.setdefault(unit.name[:2], []).append(unit)
    if not of_item:
        return {}
    about = {entry["item"]: entry for entry in run.folder.run["inputs"]}
    transitions = run.table("transitions")
    models = {model.name: model for model in run.models}
    whole = {}
    for key, several in of_item.items():
        parts = {
            name: tables.joined(name, [run.cache.read(stage, u.key, name, key[0]) for u in several])
            for name in stage.unit_tables
        }
        of_transitions = transitions[transitions["item"] == key[0]]
        whole[key] = stage.whole_item(
            run.settings, models[key[1]], about[key[0]], parts, of_transitions
        )
    return whole


def _trimmed(run: OpenRun, unit: Unit) -> Trim:
    if not isinstance(unit.stage, SampleStage):
        return lambda rows: rows
    models = {model.name: model for model in run.models}
    read = reader_of_needed(run.cache, unit.stage, unit.segment, run.settings, models)
    return unit.stage.trim(
        partial(read, unit.model), unit.segment.content, run.settings, unit.count
    )


def _conclude(so_far: SoFar, stage: TableStage, *, asked: bool) -> None:
    remind()
    run = so_far.run
    if stage.shows:
        run.folder.update(to_come=[])
    records = run.folder.run["stages"]
    new = keys.record(stage, run.settings, {}, records)
    if not asked and _is_current(run, stage, new):
        run.reporter.say(f"{stage.name}: up to date")
        so_far.left.remove(stage)
    else:
        if stage.name in records:
            _say_why(run, stage)
        started = time.perf_counter()
        run.folder.note_stage(stage.name, None)
        with no_exit(f"stage {stage.name}", stage), run.reporter.working(stage.name):
            stage.make(run)
        _note(run, stage, {**new, "seconds": round(time.perf_counter() - started, 2)})
        so_far.made(stage)
    run.reporter.moved(TABLES)


def _is_current(run: OpenRun, stage: Stage, record: dict[str, Any]) -> bool:
    known = run.folder.run["stages"].get(stage.name, {}).get("key")
    return known == record["key"] and not keys.missing(run.folder, stage)


def _note(run: OpenRun, stage: Stage, record: dict[str, Any]) -> None:
    rows = {name: run.folder.count(name) for name in stage.all_tables}
    run.folder.note_stage(stage.name, {**record, "rows": rows})
    if stage.name in (to_come := run.folder.run.get("to_come", [])):
        run.folder.update(to_come=[name for name in to_come if name != stage.name])
    run.folder.write_json("metrics.json", headline.collect(run.folder))


def _describe(run: OpenRun, units: Sequence[Unit]) -> None:
    before = {entry["item"] for entry in run.folder.run["inputs"]}
    there = {item.name for item in run.inputs.items}
    inputs: list[dict[str, Any]] = []
    for unit in units:
        facts = run.cache.facts(unit.stage, unit.key)
        item = unit.item
        if unit.segment.number and inputs and inputs[-1]["item"] == item.name:
            inputs[-1] = _continued(inputs[-1], facts)
            continue
        content = run.inputs.content[item.name]
        known = {"item": item.name, "path": printable(item.path), "sha256": content}
        of_manifest = {
            "part": item.part,
            "pass": item.pass_,
            "station": item.station,
            "label": item.label,
            "level": dict(item.more).get("level", ""),
        }
        known |= {name: value for name, value in of_manifest.items() if value}
        inputs.append({**known, **facts})
    for name in sorted(before - there):
        run.reporter.warn(f"{name}: is no longer among the sources, and is left out")
    run.folder.update(inputs=inputs)
    doubtful = [entry for entry in inputs if len(entry.get("frame_counts") or ()) > 1]
    if doubtful:  # the models are not opened for a command that needs none of them
        refuse_other_counts(run.inputs, run.models if run.settings.model else (), doubtful)


def _continued(entry: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    if not facts["frames"]:
        return entry
    added = {name: entry[name] + facts[name] for name in ("frames", "corrupt_frames", "seconds")}
    problems = list(dict.fromkeys([*entry["problems"], *facts["problems"]]))
    return {**entry, **added, "problems": problems, "end_s": facts["end_s"]}
