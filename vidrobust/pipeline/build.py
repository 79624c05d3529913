"""A run folder is built as make builds: what is missing or stale is made, in the order of the stages, and said."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.frames.device import make_deterministic
from vidrobust.models.predict import needs_pixels
from vidrobust.pipeline import keys
from vidrobust.pipeline.check import check_settings
from vidrobust.pipeline.counts import Counts
from vidrobust.pipeline.estimate import CostEstimate, estimate_cost
from vidrobust.pipeline.footage_units import make_missing, say_what, units_of
from vidrobust.pipeline.interrupts import remind
from vidrobust.pipeline.run import Run
from vidrobust.pipeline.stage import Stage, load
from vidrobust.pipeline.stages import BY_NAME, with_needs
from vidrobust.pipeline.workers.order import Unit
from vidrobust.run_folder import headline
from vidrobust.tables import schema as tables
from vidrobust.text.durations import duration
from vidrobust.text.printable import printable


def build(run: Run, names: Sequence[str]) -> None:
    """Make these stages, and before them all that they need and that is missing or stale."""
    records: dict[str, Any] = run.folder.run["stages"]
    stages = with_needs(names, made=records)
    check_settings(run.settings, stages)
    if run.settings.deterministic:
        make_deterministic()
    for stage in stages:
        if stage.name in records and stage.reads_footage:
            _say_why(run, stage)
    footage = [stage for stage in stages if stage.reads_footage]
    if any(_must_look(stage, run, names) for stage in footage):
        _footage(run, footage)
    for stage in stages:
        remind()
        if not stage.reads_footage:
            _conclude(run, stage, asked=len(names) == 1 and stage.name in names)


def _say_why(run: Run, stage: Stage) -> None:
    for reason in keys.reasons(stage, run.settings, run.folder.run["stages"]):
        run.reporter.say(f"{stage.name} is stale: {reason}")


def _must_look(stage: Stage, run: Run, names: Sequence[str]) -> bool:
    """Whether footage has to be looked at for this stage: it is asked for, or not there as it should be."""
    records = run.folder.run["stages"]
    if stage.name in names or stage.name not in records:
        return True
    return bool(keys.reasons(stage, run.settings, records)) or not _all_there(run, stage)


def _all_there(run: Run, stage: Stage) -> bool:
    written = [*stage.unit_tables, *stage.gives]
    return all(run.folder.has(name) for name in written) and all(
        (run.path / file).is_file() for file in stage.files
    )


def _footage(run: Run, stages: Sequence[Stage]) -> None:
    """Make the missing units of these stages, and their tables from all units of this command."""
    if any(stage.per == "model" for stage in stages):
        for model in run.models:  # a wrong spec is found before any video is opened
            if not needs_pixels(model):
                run.reporter.say(
                    f"{model.name}: answers from a file tell of stability; the rest asks new pictures"
                )
    run.look()
    ahead = _ahead(run, stages)
    started = time.perf_counter()
    every = _made(run, stages)
    if ahead is not None:
        took = duration(time.perf_counter() - started)
        run.reporter.say(f"footage done in {took}; it was estimated at {ahead.span} with tables and report")
    readable = {item.name for item in run.inputs.readable}
    wanted = [unit for unit in every if unit.item.name in readable]
    kept = _one_of_each(run, wanted)
    if not any(unit.stage.name == "transitions" for unit in kept):
        raise InputError("nothing could be evaluated: none of the sources could be read")
    for stage in stages:
        _join(run, stage, [unit for unit in kept if unit.stage is stage])
    if any(unit.model for unit in wanted) and not any(unit.model for unit in kept):
        raise InputError("no model could say anything of the footage, for the reasons above")


def _made(run: Run, stages: Sequence[Stage]) -> list[Unit]:
    """All units, with what was missing made.

    What turns out on the way to be unreadable, or to show the pictures of another item, leaves its frames and
    pairs to the others: those are added to their parts.
    """
    every = [unit for item in run.inputs.readable for unit in units_of(run, stages, item)]
    say_what(run, stages, every)
    make_missing(run, every)
    while any(stage.counted for stage in stages) and run.share_among(_sharing(run, every)):
        every = [unit for item in run.inputs.readable for unit in units_of(run, stages, item)]
        make_missing(run, [u for u in every if u.stage.counted and run.cache.has(u.stage, u.key)])
    return every


def _sharing(run: Run, units: Sequence[Unit]) -> list[str]:
    """The contents that have frames and pairs to give, and no other item's pictures."""
    readable = {item.name for item in run.inputs.readable}
    copies = _copies(run, [unit for unit in units if unit.item.name in readable and unit.done(run.cache)])
    return [run.inputs.content[item.name] for item in run.inputs.readable if item.name not in copies]


def _ahead(run: Run, stages: Sequence[Stage]) -> CostEstimate | None:
    """How long the footage will take, measured and said, where all of it is ahead; None for a shorter piece."""
    if not {"stability", "sensitivity", "causes"} <= {stage.name for stage in stages}:
        return None
    items = [
        item
        for item in run.inputs.readable
        if not any(unit.done(run.cache) for unit in units_of(run, stages, item))
    ]
    able = [model for model in run.models if needs_pixels(model)]
    if not items or not able or run.reporter.quiet:
        return None
    pieces = [segment for item in items for segment in run.segments(item)]
    counts = Counts(*(sum(run.count(name, piece) for piece in pieces) for name in ("frames", "pairs")))
    ahead = run.cost or estimate_cost(run.settings, able, run.inputs, items, run.reporter, counts)
    if ahead is not None:
        run.reporter.say(f"{ahead.items} item(s), {ahead.frames} frames: about {ahead.span}")
    return ahead


def _one_of_each(run: Run, units: Sequence[Unit]) -> list[Unit]:
    """The units that are done, of items whose decoded content no other item has, or none of an earlier name."""
    done = [unit for unit in units if unit.done(run.cache)]
    copies = _copies(run, done)
    for copy, original in copies.items():
        run.reporter.warn(f"{copy}: shows the same pictures as {original}, and is counted once")
    run.folder.update(duplicates=[{"item": c, "same_as": o} for c, o in copies.items()])
    return [unit for unit in done if unit.item.name not in copies]


def _copies(run: Run, done: Sequence[Unit]) -> dict[str, str]:
    """By name, the items whose decoded content an item of an earlier name has, and that item."""
    shown_by: dict[str, str] = {}
    for unit in done:
        if unit.stage.name == "transitions":
            decoded = str(run.cache.facts(unit.stage, unit.key)["decoded"])
            shown_by[unit.item.name] = f"{shown_by.get(unit.item.name, '')} {decoded}"
    first: dict[str, str] = {}
    copies: dict[str, str] = {}
    for name in sorted(shown_by):
        original = first.setdefault(shown_by[name], name)
        if original != name:
            copies[name] = original
    return copies


def _join(run: Run, stage: Stage, units: Sequence[Unit]) -> None:
    """The tables of a stage are the concatenation of its parts; written where they are not these parts yet."""
    made = {unit.name: f"{unit.key} {unit.count}" if stage.counted else unit.key for unit in units}
    known = run.inputs.known if stage.summed and not stage.counted else None
    new = keys.record(stage, run.settings, made, run.folder.run["stages"], known)
    if stage.name == "transitions":
        _describe(run, units)
    if run.folder.run["stages"].get(stage.name, {}).get("key") == new["key"] and _all_there(run, stage):
        return
    started = time.perf_counter()
    run.folder.note_stage(stage.name, None)
    whole = _whole(run, stage, units)
    for name in stage.unit_tables:
        parts = {unit.name if unit.name[:2] not in whole else unit.name[:2]: unit for unit in units}
        read = [
            whole[unit.name[:2]][name] if unit.name[:2] in whole else _rows(run, unit, name)
            for unit in parts.values()
        ]
        run.folder.write_table(name, _concatenated(name, read))
    facts = {unit.name: run.cache.facts(stage, unit.key) for unit in units}
    if stage.finish:
        load(stage.finish)(run, facts)
    seconds = sum(float(fact.get("seconds", 0.0)) for fact in facts.values())
    _note(run, stage, {**new, "seconds": round(seconds + time.perf_counter() - started, 2)})


def _concatenated(name: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else tables.empty(name)


def _whole(run: Run, stage: Stage, units: Sequence[Unit]) -> dict[tuple[str, str], dict[str, pd.DataFrame]]:
    """By item and model, the tables of items in several segments whose rows hang on the whole item."""
    of_item: dict[tuple[str, str], list[Unit]] = {}
    for unit in units if stage.whole else ():
        if unit.segment.pieces > 1 and unit.model:
            of_item.setdefault(unit.name[:2], []).append(unit)
    if not of_item:
        return {}
    about = {entry["item"]: entry for entry in run.folder.run["inputs"]}
    transitions = run.table("transitions")
    models = {model.name: model for model in run.models}
    found = {}
    for key, several in of_item.items():
        parts = {
            name: _concatenated(name, [run.cache.read(stage, u.key, name, key[0]) for u in several])
            for name in stage.unit_tables
        }
        of_transitions = transitions[transitions["item"] == key[0]]
        found[key] = load(stage.whole)(run.settings, models[key[1]], about[key[0]], parts, of_transitions)
    return found


def _rows(run: Run, unit: Unit, table: str) -> pd.DataFrame:
    """A raw table of a unit; of a sample those rows that are asked for, where its part holds more."""
    rows = run.cache.read(unit.stage, unit.key, table, unit.item.name)
    if not unit.stage.counted:
        return rows
    content, settings = unit.segment.content, run.settings
    transitions = BY_NAME["transitions"]
    of_transitions = run.cache.read(
        transitions, keys.unit_key(transitions, content, settings, None), "transitions", unit.item.name
    )
    taken: pd.DataFrame = load(unit.stage.taken)(rows, of_transitions, content, settings, unit.count)
    return taken


def _conclude(run: Run, stage: Stage, *, asked: bool) -> None:
    """A stage that reads tables: made where it is asked for by itself, or is not there from these tables."""
    records = run.folder.run["stages"]
    new = keys.record(stage, run.settings, {}, records)
    if not asked and records.get(stage.name, {}).get("key") == new["key"] and _all_there(run, stage):
        run.reporter.say(f"{stage.name}: up to date")
        return
    if stage.name in records:
        _say_why(run, stage)
    started = time.perf_counter()
    run.folder.note_stage(stage.name, None)
    load(stage.finish)(run)
    _note(run, stage, {**new, "seconds": round(time.perf_counter() - started, 2)})


def _note(run: Run, stage: Stage, record: dict[str, Any]) -> None:
    run.folder.note_stage(stage.name, record)
    run.folder.write_json("metrics.json", headline.collect(run.folder))


def _describe(run: Run, units: Sequence[Unit]) -> None:
    """What run.json says of the items; vanished ones are named."""
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
        told = {"part": item.part, "pass": item.pass_, "station": item.station, "label": item.label}
        told["level"] = dict(item.more).get("level", "")
        of_manifest = {name: value for name, value in told.items() if value}
        known = {"item": item.name, "path": printable(item.path), "sha256": content, **of_manifest}
        inputs.append({**known, **facts})
    for name in sorted(before - there):
        run.reporter.warn(f"{name}: is not among the sources any more, and is left out")
    run.folder.update(inputs=inputs)


def _continued(entry: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """An item as described so far, and its next segment."""
    if not facts["frames"]:
        return entry
    added = {name: entry[name] + facts[name] for name in ("frames", "corrupt_frames", "seconds")}
    problems = list(dict.fromkeys([*entry["problems"], *facts["problems"]]))
    return {**entry, **added, "problems": problems, "end_s": facts["end_s"]}


def stale(run: Run) -> dict[str, list[str]]:
    """Of each stage in the folder, why it is stale; told from run.json alone."""
    records = run.folder.run["stages"]
    return {name: keys.reasons(BY_NAME[name], run.settings, records) for name in records if name in BY_NAME}
