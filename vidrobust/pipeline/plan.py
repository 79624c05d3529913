"""What of a run's footage is worked on (segments, samples, units), and making what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import Item
from vidrobust.models.predict import Model, needs_pixels
from vidrobust.pipeline.deadline import Deadline
from vidrobust.pipeline.estimate import (
    NOUNS,
    CostEstimate,
    Counts,
    FootageSize,
    Outlook,
    estimate_cost,
    least_counts,
    looks,
    outlooks,
    reachable,
    shares,
    usual,
)
from vidrobust.pipeline.inputs import Segment, segments_of
from vidrobust.pipeline.keys import unit_key
from vidrobust.pipeline.run import OpenRun, Setup, pinned
from vidrobust.pipeline.stage import (
    BUDGETED,
    Budgeted,
    FootageStage,
    SampleStage,
    Stage,
    Stages,
    described_by,
)
from vidrobust.pipeline.workers.pool import Dispatcher, Pool, Processes
from vidrobust.pipeline.workers.worker import Order, Unit, Worker
from vidrobust.run_folder.declared import seconds_of
from vidrobust.run_folder.folder import versions
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable


class Plan:
    """The segments of each input, and the sample of each segment.

    Where a command under a budget replays pairs and perturbs no frames, pairs are made until the ``deadline``, at
    most the usual number; else a budget is spread by an estimate.
    """

    def __init__(self, run: OpenRun, stages: Stages, made: Sequence[Stage]) -> None:
        self.run, self.stages = run, stages
        self.deadline: Deadline | None = None
        budget = run.settings.budget
        sampled = {stage.budgeted for stage in made if isinstance(stage, SampleStage)}
        if budget and run.settings.pairs is None and sampled == {"pairs"}:
            self.deadline = Deadline(
                budget=budget, ends_s=run.reporter.began_s + seconds_of(budget)
            )
        self.estimate: CostEstimate | None = None  # what a budget was spread by, where there is one
        # inputs with the same pictures as another, which are left out
        self.copies: dict[str, str] = {}
        self._segments: dict[str, tuple[Segment, ...]] = {}
        self._sharing: tuple[str, ...] | None = None
        self._counts: Counts | None = None
        self._shares: dict[tuple[str, int], dict[str, int]] = {}

    def look(self) -> None:
        for item in self.run.inputs.readable:
            self.segments(item)
        if not self.run.inputs.readable:
            self.run.note_inputs()
            raise self.run.inputs.unreadable()

    def segments(self, item: Item) -> tuple[Segment, ...]:
        """Return the segments of an input; none if unreadable, which is recorded."""
        if item.name not in self._segments:
            run = self.run
            content = run.inputs.content[item.name]
            stage = described_by(self.stages.footage[0])
            known = run.cache.has(stage, unit_key(stage, item, content, run.settings, None))
            # where an object's window is cut out, its first picture may be far inside
            tried = item.boxes is None and not known
            try:
                segments = segments_of(item, content, run.settings, tried=tried)
            except InputError as error:
                run.inputs.fail(printable(item.path), str(error), run.reporter)
                segments = ()
            except SettingsError:
                raise
            except Exception:
                # unforeseen: the worker that meets it reports it, and the others go on
                segments = (Segment(item, 0, 1, content, item),)
            self._segments[item.name] = segments
        return self._segments[item.name]

    @property
    def sharing(self) -> tuple[str, ...]:
        if self._sharing is None:
            self.look()
            inputs = self.run.inputs
            self._sharing = tuple(
                dict.fromkeys(inputs.content[item.name] for item in inputs.readable)
            )
        return self._sharing

    def share_among(self, contents: Sequence[str]) -> bool:
        """Spread samples over these contents from now on; return whether that changes anything."""
        changed = set(contents) != set(self.sharing)
        if changed:
            self._sharing, self._counts = tuple(dict.fromkeys(contents)), None
            self._shares.clear()
        return changed

    @property
    def counts(self) -> Counts:
        if self._counts is None:
            counts = self._asked_for()
            budget = self.run.settings.budget
            sample = {"budget": budget, "frames": counts.frames, "pairs": counts.pairs}
            sample |= {"items": len(self.sharing)}
            noted = self.run.folder.run.get("sample", {})
            same = {name: noted.get(name) for name in sample} == sample
            self.run.folder.update(sample=noted if same else sample)
            self._counts = counts
        return self._counts

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of pairs at which the run is looked at; the last was asked for."""
        if self.deadline is not None:
            return (self.counts.pairs,)
        # every look decodes the clips once more: half of the usual pairs is the first that pays
        return looks(self.counts.pairs, max(usual(1).pairs, usual(len(self.sharing)).pairs // 2))

    @property
    def at(self) -> int:
        assert self.counts is not None
        return min(int(self.run.folder.run["sample"].get("look", 0)), len(self.looks) - 1)

    def further(self) -> bool:
        if self.at + 1 >= len(self.looks):
            return False
        self.run.folder.update(sample={**self.run.folder.run["sample"], "look": self.at + 1})
        return True

    def _asked_for(self) -> Counts:
        run, settings = self.run, self.run.settings
        noted = run.folder.run.get("sample", {})
        asked = usual(len(self.sharing))
        if self.deadline is not None:
            asked = Counts(0, asked.pairs)
        elif settings.budget and None in (settings.frames, settings.pairs):
            if noted.get("budget") == settings.budget:
                asked = Counts(noted["frames"], noted["pairs"])
            else:
                self.estimate = estimate_cost(
                    settings, self.stages, self.able, run.inputs, run.inputs.readable, run.reporter
                )
                asked = asked if self.estimate is None else self.estimate.counts
                if self.estimate is not None:
                    self._say_time_for(settings.budget, asked)
        asked = Counts(settings.frames or asked.frames, settings.pairs or asked.pairs)
        return reachable(asked, least_counts(self.stages.footage, settings), self.footage, settings)

    def _say_time_for(self, budget: str, counts: Counts) -> None:
        """Say at once what a budget has time for; a sample too small to say anything is left out."""
        least = least_counts(self.stages.footage, self.run.settings)
        sampled = {
            stage.budgeted for stage in self.stages.footage if isinstance(stage, SampleStage)
        }
        parts = [
            f"{plural(counts.of(name), *NOUNS[name])} ({least.of(name)} or more are needed)"
            for name in BUDGETED
            if name in sampled
        ]
        if parts:
            self.run.reporter.say(f"{budget}: time for {' and '.join(parts)}")

    def settled(self, units: Sequence[Unit]) -> list[Unit]:
        """Return the units with the pairs that the deadline left time for, and note their number."""
        sampled = [unit for unit in units if isinstance(unit.stage, SampleStage)]
        if self.deadline is None or not sampled:
            return list(units)
        cache, asked = self.run.cache, self.counts.pairs
        made = {unit: replace(unit, count=min(unit.count, unit.had(cache))) for unit in sampled}
        of_model = Counter[str]()
        for unit in made.values():
            of_model[unit.model] += unit.count
        self._counts = Counts(0, max(of_model.values()))
        sample = {**self.run.folder.run["sample"], "pairs": self._counts.pairs, "asked": asked}
        self.run.folder.update(sample=sample)
        return [made.get(unit, unit) for unit in units]

    @property
    def footage(self) -> FootageSize:
        pieces = [piece for item in self.run.inputs.readable for piece in self.segments(item)]
        whole = [piece.frames for piece in pieces if piece.number == 0]
        return FootageSize(sum(frames or 0 for frames in whole), len(pieces), None not in whole)

    def outlooks(self, stages: Sequence[Stage]) -> list[Outlook]:
        counts = self.counts  # of a budget the counts make the estimate
        each_s: dict[str, float] | None = None
        if self.estimate is not None and self.run.settings.budget:
            each_s = {str(name): 0.0 for name in BUDGETED}
            for stage in self.stages.footage:
                if isinstance(stage, SampleStage):
                    step_s = self.estimate.step_s.get(stage.name, 0.0)
                    each_s[stage.budgeted] += step_s * float(stage.steps(self.run.settings))
        settings, footage = self.run.settings, self.footage
        return list(outlooks(stages, settings, counts, footage, each_s, has_model=bool(self.able)))

    @property
    def able(self) -> list[Model]:
        return [model for model in self.run.models if needs_pixels(model)]

    def cost(self, items: Sequence[Item]) -> CostEstimate | None:
        run, pieces = self.run, [segment for item in items for segment in self.segments(item)]
        counts = Counts(*(sum(self.count(name, piece) for piece in pieces) for name in BUDGETED))
        most = sum(self.count("pairs", piece, look=-1) for piece in pieces)
        return estimate_cost(
            run.settings, self.stages, self.able, run.inputs, items, run.reporter, counts, most
        )

    def count(self, budgeted: Budgeted, segment: Segment, look: int | None = None) -> int:
        """Return the frames or pairs of a segment at a look, by default the current one."""
        seed, inputs = self.run.settings.seed, self.run.inputs
        total = self.counts.frames
        if budgeted == "pairs":
            total = self.looks[self.at if look is None else look]
        if (budgeted, total) not in self._shares:
            spread = shares(total, self.sharing, seed)
            self._shares[budgeted, total] = dict(zip(self.sharing, spread, strict=True))
        mine = self._shares[budgeted, total].get(inputs.content[segment.item.name], 0)
        if not mine:
            return 0
        keys = [piece.content for piece in self.segments(segment.item)]
        return shares(mine, keys, seed)[segment.number]


def units_of(plan: Plan, stages: Sequence[FootageStage], item: Item) -> list[Unit]:
    run = plan.run
    units = []
    for segment in plan.segments(item):
        for stage in stages:
            for model in _models(run, stage):
                key = unit_key(stage, segment.item, segment.content, run.settings, model)
                name, task = ("", "") if model is None else (model.name, model.task)
                count = plan.count(stage.budgeted, segment) if isinstance(stage, SampleStage) else 0
                units.append(Unit(stage, segment, name, task, key, count))
    return units


def _models(run: OpenRun, stage: FootageStage) -> list[Model] | list[None]:
    if stage.per != "model":
        return [None]
    able = [model for model in run.models if not stage.tasks or model.task in stage.tasks]
    # answers from a file cannot be asked about other pictures
    return [model for model in able if not isinstance(stage, SampleStage) or needs_pixels(model)]


def make_missing(
    run: OpenRun,
    units: Sequence[Unit],
    between: Callable[[], None] = lambda: None,
    deadline: Deadline | None = None,
) -> None:
    """Make what is missing of these units; failing inputs are recorded. This process calls ``between`` them."""
    tried: set[tuple[str, str]] = set()
    while orders := _orders(run, units, tried):
        _carry_out(run, orders, between, deadline)
    run.note_inputs()


def say_what(run: OpenRun, stages: Sequence[FootageStage], units: Sequence[Unit]) -> None:
    for stage in (stage for stage in stages if stage.command):
        keys = {unit.key: unit for unit in units if unit.stage == stage}
        missing = sum(not unit.done(run.cache) for unit in keys.values())
        text = f"{missing} of {len(keys)} units to be made" if missing else "up to date"
        run.reporter.say(f"{stage.name}: {text}")


def _orders(run: OpenRun, units: Sequence[Unit], tried: set[tuple[str, str]]) -> list[Order]:
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
    return [
        Order(n, group[0].segment, tuple(group), of=len(missing))
        for n, group in enumerate(missing.values())
    ]


def _carry_out(
    run: OpenRun,
    orders: Sequence[Order],
    between: Callable[[], None],
    deadline: Deadline | None,
) -> None:
    before, numbers = len(run.inputs.failed), dict[tuple[str, str], int]()

    def fail(order: Order, path: str, error: str) -> None:
        numbers.setdefault((path, error), order.number)
        run.inputs.fail(path, error, run.reporter)

    def failed(order: Order) -> bool:
        path = printable(order.item.path)
        return any(entry["path"] == path for entry in run.inputs.failed)

    names = {unit.model for order in orders for unit in order.units if unit.model}
    asked = [] if not names else list(zip(run.settings.model, run.models, strict=True))
    specs = {spec: model for spec, model in asked if model.name in names}
    pool = _pool(run, specs, len(orders), deadline)
    if pool is None:
        models = {model.name: model for model in specs.values()}
        worker = Worker(run.settings, models, run.cache, run.reporter, fail, deadline=deadline)
        for order in orders:
            if not failed(order):
                worker.do(order)
            if order is not orders[-1]:
                between()
    else:
        Dispatcher(pool, run.cache, run.reporter, fail, failed).carry_out(orders)
    new = run.inputs.failed[before:]
    run.inputs.failed[before:] = sorted(
        new, key=lambda entry: numbers[entry["path"], entry["error"]]
    )


def _pool(
    run: OpenRun, specs: Mapping[str, Model], orders: int, deadline: Deadline | None
) -> Pool | None:
    settings = run.settings
    workers = settings.workers or 1
    here = not settings.cluster and min(workers, orders) <= 1
    threads = torch.get_num_threads() if here else 1
    if not here and not settings.cluster:
        threads = max(1, torch.get_num_threads() // workers)
    known = {
        "deterministic": settings.deterministic,
        "threads": threads,
        "batch": settings.batch_size,
    }
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
        deadline=deadline,
    )
    if not settings.cluster:
        return Processes(setup, workers)
    from vidrobust.pipeline.workers.on_ray import RayPool

    return RayPool(setup, settings.workers, settings.cluster.partition(":")[2])
