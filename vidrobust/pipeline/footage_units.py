"""The units that are cut from footage: what is missing is made, segment by segment, each from one decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from vidrobust.footage.item import Item
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline.keys import unit_key
from vidrobust.pipeline.plan import Plan
from vidrobust.pipeline.run import Run
from vidrobust.pipeline.setup import Setup, pinned
from vidrobust.pipeline.stage import FootageStage, SampleStage
from vidrobust.pipeline.workers.order import Order, Unit
from vidrobust.pipeline.workers.pool import Dispatcher, Pool
from vidrobust.pipeline.workers.processes import Processes
from vidrobust.pipeline.workers.worker import Worker, do_all
from vidrobust.run_folder.folder import versions


def units_of(plan: Plan, stages: Sequence[FootageStage], item: Item) -> list[Unit]:
    """All units of an item, segment by segment, in the order of the stages."""
    run = plan.run
    found = []
    for segment in plan.segments(item):
        for stage in stages:
            for model in _models(run, stage):
                key = unit_key(stage, segment.content, run.settings, model)
                name, task = ("", "") if model is None else (model.name, model.task)
                count = plan.count(stage.budgeted, segment) if isinstance(stage, SampleStage) else 0
                found.append(Unit(stage, segment, name, task, key, count))
    return found


def _models(run: Run, stage: FootageStage) -> list[Model] | list[None]:
    """Those that a stage has units for."""
    if stage.per != "model":
        return [None]
    able = [model for model in run.models if model.task in stage.tasks]
    # answers from a file cannot be asked about other pictures
    return [model for model in able if not isinstance(stage, SampleStage) or needs_pixels(model)]


def make_missing(run: Run, units: Sequence[Unit]) -> None:
    """Make what is missing of these units; a failing item is recorded, and the others go on."""
    tried: set[tuple[str, str]] = set()
    while orders := _orders(run, units, tried):
        _carry_out(run, orders)
    run.note_inputs()


def say_what(run: Run, stages: Sequence[FootageStage], units: Sequence[Unit]) -> None:
    """How much of each command's stage is there already."""
    for stage in (stage for stage in stages if stage.command):
        keys = {unit.key: unit for unit in units if unit.stage == stage}
        missing = sum(not unit.done(run.cache) for unit in keys.values())
        text = f"{missing} of {len(keys)} units to be made" if missing else "up to date"
        run.reporter.say(f"{stage.name}: {text}")


def _orders(run: Run, units: Sequence[Unit], tried: set[tuple[str, str]]) -> list[Order]:
    """The missing units by segment, none twice; those that another item of the same content may bring come later.

    tried  item and key of what was ordered before, and is now
    """
    readable = {item.name for item in run.inputs.readable}
    missing: dict[tuple[str, int], list[Unit]] = {}
    keys: set[str] = set()
    for unit in units:
        place = (unit.item.name, unit.key)
        if unit.item.name not in readable or place in tried or unit.key in keys:
            continue
        if not unit.done(run.cache):
            keys.add(unit.key)
            tried.add(place)
            missing.setdefault((unit.item.name, unit.segment.number), []).append(unit)
    return [Order(n, each[0].segment, tuple(each)) for n, each in enumerate(missing.values())]


def _carry_out(run: Run, orders: Sequence[Order]) -> None:
    """By the pool that the settings ask for, or here, one after the other; failures are noted in that order."""
    before, numbers = len(run.inputs.failed), dict[tuple[str, str], int]()

    def fail(order: Order, path: str, error: str) -> None:
        numbers.setdefault((path, error), order.number)
        run.inputs.fail(path, error, run.reporter)

    def failed(order: Order) -> bool:
        return run.inputs.has_failed(order.item)

    names = {unit.model for order in orders for unit in order.units if unit.model}
    asked = [] if not names else list(zip(run.settings.model, run.models, strict=True))
    specs = {spec: model for spec, model in asked if model.name in names}
    pool = _pool(run, specs, len(orders))
    if pool is None:
        models = {model.name: model for model in specs.values()}
        do_all(Worker(run.settings, models, run.cache, run.reporter, fail), orders, failed)
    else:
        Dispatcher(pool, run.cache, run.reporter, fail, failed).carry_out(orders)
    new = run.inputs.failed[before:]
    run.inputs.failed[before:] = sorted(new, key=lambda entry: numbers[entry["path"], entry["error"]])


def _pool(run: Run, specs: Mapping[str, Model], orders: int) -> Pool | None:
    """None where everything is done in this process."""
    settings = run.settings
    workers = settings.workers or 1
    here = not settings.cluster and min(workers, orders) <= 1
    threads = torch.get_num_threads() if here else 1
    if not here and not settings.cluster:
        threads = max(1, torch.get_num_threads() // workers)
    known = {"deterministic": settings.deterministic, "threads": threads, "batch": settings.batch_size}
    run.folder.update(arithmetic=known)
    if here:
        return None
    setup = Setup(
        settings=settings,
        models=tuple(pinned(model, spec, threads) for spec, model in specs.items()),
        classes=run.classes,
        cache=run.cache,
        threads=threads,
        quiet=run.reporter.quiet,
        calibration=run.calibration,
        versions=versions(),
    )
    if not settings.cluster:
        return Processes(setup, workers)
    from vidrobust.pipeline.workers.on_ray import RayPool

    return RayPool(setup, settings.workers, settings.cluster.partition(":")[2])
