"""What a study costs, how many frames and pairs it samples, and which questions these answer.

A few units of each stage are measured on the footage. Samples are spread evenly over inputs and segments,
each taking the first of a seeded order, so that a larger sample or more footage keeps what was computed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vidrobust.errors import InputError, ModelError
from vidrobust.footage.item import Item
from vidrobust.frame_pairs.transitions import PairWatcher
from vidrobust.metrics.catalogue import task_of
from vidrobust.models.predict import predict
from vidrobust.pipeline import inputs
from vidrobust.pipeline.inputs import Inputs, cuts_of, frames_of
from vidrobust.pipeline.progress import TABLES, Reporter, Whole
from vidrobust.pipeline.stage import (
    Context,
    FootageStage,
    SampleStage,
    Stage,
    Stages,
    StreamStage,
    described_by,
)
from vidrobust.run_folder.declared import seconds_of
from vidrobust.run_folder.settings import Settings
from vidrobust.text.numbers import duration
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable
from vidrobust.video.source import first_batch


@dataclass(frozen=True)
class Rule:
    """Default sample size: ``most`` per input, ``whole`` in all, but at least ``least`` per input."""

    most: int
    whole: int
    least: int

    def total(self, items: int) -> int:
        return min(self.most * items, max(self.whole, self.least * items))


# A frame shows each perturbation at one of five strengths: five frames show all of them once.
RULES = {"frames": Rule(60, 240, 5), "pairs": Rule(24, 192, 4)}

MOST_LOOKS = 3  # how often a sample that grows is looked at, at most
# Pairs a model, the worst ones, that are replayed once more for the report's pictures; one of a small sample, or
# within a short budget.
PICTURED_PAIRS, FEW_PAIRS, SHORT_S = 3, 12, 120.0


def pictured_pairs(settings: Settings) -> int:
    few = settings.pairs and settings.pairs <= FEW_PAIRS
    short = settings.budget and seconds_of(settings.budget) <= SHORT_S
    return 1 if few or short else PICTURED_PAIRS


@dataclass(frozen=True)
class Counts:
    """Frames (for the sensitivity) and pairs (for the causes) of a run."""

    frames: int
    pairs: int

    def of(self, counted: str) -> int:
        return {"frames": self.frames, "pairs": self.pairs}[counted]


def usual(items: int) -> Counts:
    return Counts(*(RULES[name].total(max(items, 1)) for name in ("frames", "pairs")))


def looks(most: int, first: int) -> tuple[int, ...]:
    """Return the sizes at which a sample is looked at: ``most``, its half and quarter, none below ``first``.

    >>> looks(96, 24), looks(40, 24), looks(10, 24)
    ((24, 48, 96), (40,), (10,))
    """
    sizes = [most]
    while len(sizes) < MOST_LOOKS and sizes[0] // 2 >= first:
        sizes.insert(0, sizes[0] // 2)
    return tuple(sizes)


def within(seconds: float, fixed_s: float, frame_s: float, pair_s: float, items: int) -> Counts:
    """Return the counts that fit into a time, in default proportion, at least one each."""
    normal = usual(items)
    spent = normal.frames * frame_s + normal.pairs * pair_s
    share = max(0.0, seconds - fixed_s) / spent if spent > 0 else 1.0
    return Counts(max(1, int(normal.frames * share)), max(1, int(normal.pairs * share)))


def least_counts(stages: Sequence[FootageStage], settings: Settings) -> Counts:
    counts = {"frames": 0, "pairs": 0}
    for stage in stages:
        for counted, least in stage.least(settings).items():
            if counted in counts:
                counts[counted] = max(counts[counted], least)
    return Counts(**counts)


def spent(
    seconds: float, fixed_s: float, frame_s: float, pair_s: float, items: int, least: Counts
) -> Counts:
    """Return the counts that fit into a budget and answer the most questions.

    ``fixed_s`` is the cost besides samples. A sample that cannot reach ``least`` is left out (0) and the
    other gets its time. If only one fits, it is the pairs: why comes before what if.
    """
    usual, room = within(seconds, fixed_s, frame_s, pair_s, items), max(0.0, seconds - fixed_s)
    frames_s, pairs_s = least.frames * frame_s, least.pairs * pair_s
    if frames_s + pairs_s <= room:
        if usual.pairs < least.pairs:
            return Counts(
                max(least.frames, _fitting(room - pairs_s, frame_s, usual.frames)), least.pairs
            )
        if usual.frames < least.frames:
            return Counts(
                least.frames, max(least.pairs, _fitting(room - frames_s, pair_s, usual.pairs))
            )
        return usual
    if pairs_s <= room:
        return Counts(0, _fitting(room, pair_s, usual.pairs))
    return Counts(_fitting(room, frame_s, usual.frames) if frames_s <= room else 0, 0)


def _fitting(seconds: float, each_s: float, otherwise: int) -> int:
    return int(seconds / each_s) if each_s > 0 else otherwise


def shares(total: int, keys: Sequence[str], seed: int) -> list[int]:
    """Spread ``total`` evenly over the keys, at least one each.

    Contents and seed decide which key gets one more; a further key never gives another one more.
    """
    order = sorted(
        range(len(keys)),
        key=lambda k: (hashlib.blake2b(f"{seed}\x1f{keys[k]}".encode(), digest_size=8).digest(), k),
    )
    shared = [0] * len(keys)
    for place, k in enumerate(order):
        shared[k] = max(min(1, total), total // len(keys) + (place < total % len(keys)))
    return shared


SAMPLE = 16  # frames that are measured of the stages that see every frame
# seconds that first page, correlation, policy and report take on a small study, about
TABLES_S = 9.0
# frames or pairs by which a step is measured; again, warm, where they take less than so many seconds
MEASURED, QUICK_S = 2, 1.0
START_S = 3.0  # seconds in which a worker process starts and opens its models, about
BESIDE = 2  # a frame is looked at by the models and by what needs none
# the true time lies between these times the estimate, in four of five studies or more
SPREAD = (0.75, 1.4)


@dataclass(frozen=True)
class Cost:
    """Seconds per step of a stage, and processors busy meanwhile."""

    stage: str
    step: str
    unit: str
    seconds: float
    busy: float


@dataclass(frozen=True)
class CostEstimate:
    items: int
    frames: int
    unknown: int
    models: int
    counts: Counts  # at most
    pairs: int  # at first
    costs: tuple[tuple[Cost, int], ...]
    workers: int  # processes that share the work, as far as there are segments for them
    low_s: float
    high_s: float
    step_s: Mapping[str, float]  # seconds per step by stage, all workers together
    fixed_s: float  # seconds besides all steps

    def whole(self, conclusions: int) -> Whole:
        seconds = {cost.unit: self.step_s[cost.stage] for cost, _ in self.costs}
        steps = {cost.unit: count for cost, count in self.costs}
        return Whole(
            seconds | {TABLES: self.fixed_s / max(1, conclusions)}, steps | {TABLES: conclusions}
        )

    @property
    def text(self) -> str:
        of_unknown = (
            f" and {plural(self.unknown, 'input')} of unknown length" if self.unknown else ""
        )
        lines = [
            f"{plural(self.items, 'input')}, {plural(self.frames, 'frame')} by their headers{of_unknown}"
        ]
        further = f", up to {self.counts.pairs} while something is undecided"
        lines.append(
            f"{self.counts.frames} frames are perturbed and {self.pairs} pairs are explained"
            + further * (self.counts.pairs > self.pairs)
        )
        lines += [
            f"{cost.step}: {steps} at {1000 * cost.seconds:.0f} ms for {plural(self.models, 'model')}"
            for cost, steps in self.costs
        ]
        of_workers = f" with {self.workers} processes" if self.workers > 1 else ""
        return "\n".join(
            [*lines, f"in all about {self.span}{of_workers}, measured on this machine"]
        )

    @property
    def span(self) -> str:
        return f"{duration(self.low_s)} to {duration(self.high_s)}"


def estimate_cost(
    settings: Settings,
    stages: Stages,
    models: Sequence[Any],
    found: Inputs,
    items: Sequence[Item],
    reporter: Reporter,
    counts: Counts | None = None,
    most_pairs: int = 0,
) -> CostEstimate | None:
    """Estimate the cost of all inputs by units of the first readable one; None if none can be read.

    ``counts`` are the frames and pairs of these inputs; by default those of the settings or budget. ``most_pairs``
    are replayed where fewer leave something undecided.
    """
    costs: list[Cost] = []
    frames, unknown, readable, segments = 0, 0, 0, 0
    for item in items:
        try:
            with inputs.open_item(item, settings) as source:
                count = frames_of(item, settings, source)
                pieces = 1 + len(cuts_of(item, settings, source))
                if not costs:
                    costs = _measured(item, source, list(models), settings, stages)
        except ModelError:
            return None  # said where the model is asked
        except InputError as error:
            found.fail(printable(item.path), str(error), reporter)
            continue
        readable += 1
        segments += pieces
        unknown += count is None
        frames += count or 0
    if not costs:
        return None
    samples = {stage.name: stage for stage in stages.footage if isinstance(stage, SampleStage)}
    workers = min(settings.workers or (_processors(settings) if settings.cluster else 1), segments)
    each_s = {
        cost.stage: cost.seconds / sped_up(cost.busy, workers, _processors(settings))
        for cost in costs
    }
    fixed_s = TABLES_S + (START_S if workers > 1 else 0.0)
    if settings.pictures:
        classifiers = sum(not task_of(model.task).finds_boxes for model in models)
        pair_s = sum(
            c.seconds for c in costs if c.stage in samples and samples[c.stage].budgeted == "pairs"
        )
        fixed_s += pictured_pairs(settings) * classifiers * pair_s
    of_one = {name: float(samples[name].steps(settings)) for name in each_s if name in samples}
    if counts is None:
        counts = usual(readable)
        if settings.budget:
            fixed = fixed_s + each_s["stream"] * frames
            one_s = {"frames": 0.0, "pairs": 0.0}
            for name, steps_of_one in of_one.items():
                one_s[samples[name].budgeted] += each_s[name] * steps_of_one
            allowed_s = seconds_of(settings.budget)
            least = least_counts(stages.footage, settings)
            counts = spent(allowed_s, fixed, one_s["frames"], one_s["pairs"], readable, least)
        counts = Counts(settings.frames or counts.frames, settings.pairs or counts.pairs)
    most = Counts(counts.frames, max(most_pairs, counts.pairs))
    first, last = (
        _steps(asked, samples, of_one, frames, None if unknown else segments)
        for asked in (counts, most)
    )
    low, high = (
        round(factor * (fixed_s + sum(each_s[cost.stage] * steps[cost.stage] for cost in costs)), 1)
        for factor, steps in zip(SPREAD, (first, last), strict=True)
    )
    sized = tuple((cost, first[cost.stage]) for cost in costs)
    return CostEstimate(
        readable,
        frames,
        unknown,
        len(models),
        most,
        counts.pairs,
        sized,
        workers,
        low,
        high,
        each_s,
        fixed_s,
    )


def _steps(
    counts: Counts,
    samples: Mapping[str, SampleStage],
    of_one: Mapping[str, float],
    frames: int,
    segments: int | None,
) -> dict[str, int]:
    if segments is not None:  # a short clip has no more of either than its frames give
        counts = Counts(min(counts.frames, frames), min(counts.pairs, max(frames - segments, 0)))
    steps = {name: round(counts.of(samples[name].budgeted) * one) for name, one in of_one.items()}
    return {"stream": frames, **steps}


def sped_up(busy: float, workers: int, processors: int) -> float:
    return max(1.0, min(workers, processors / max(busy, 1.0)))


def _processors(settings: Settings) -> int:
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(here, settings.workers or 1) if settings.cluster.partition(":")[2] else here


def _measured(
    item: Any, source: Any, models: list[Any], settings: Settings, stages: Stages
) -> list[Cost]:
    batch = first_batch(source, SAMPLE)
    for model in models:
        predict(model, batch.pixels[:2])  # the first call warms up
    context = Context(
        item=item,
        content="",
        settings=settings,
        info=source.info,
        transitions=None,
        advance=lambda _: None,
    )
    watcher = PairWatcher()
    describing = described_by(stages.footage[0])
    first_work = describing.work(context, None)
    others = [
        stage for stage in stages.footage if isinstance(stage, StreamStage) and stage != describing
    ]
    works = [first_work]
    for stage in others:
        works += [
            stage.work(context, model) for model in (models if stage.per == "model" else [None])
        ]
    early = np.arange(len(batch)) < max(1, len(batch) // 2)
    for half in (batch.rows(early), batch.rows(~early)):
        started = _now()  # of the second: what is done once an item does not count for every frame
        if len(half):
            transitions = watcher.feed(half)
            for work in works:
                work.feed(half, transitions)
    took = _since(started, max(int(sum(~early)), 1), BESIDE)
    costs = [Cost("stream", "frames seen by every model", "frames", *took)]
    table = first_work.finish(source)[0][describing.unit_tables[0]]
    sampled = [stage for stage in stages.footage if isinstance(stage, SampleStage)]
    able = {s: [model for model in models if not s.tasks or model.task in s.tasks] for s in sampled}
    context = dataclasses.replace(context, transitions=table)
    for sample in sampled:
        if able[sample]:
            # without a step first: what is imported for them does not count for every one
            _sample_cost(sample, dataclasses.replace(context, count=0), source, able[sample])
            # two, as the pair that is chosen first is the worst one and costs the most
            few = dataclasses.replace(context, count=MEASURED)
            cost = _sample_cost(sample, few, source, able[sample])
            if MEASURED * cost.seconds * sample.steps(settings) < QUICK_S:
                cost = _sample_cost(sample, few, source, able[sample])
            costs.append(cost)
    return costs


def _sample_cost(stage: SampleStage, context: Context, source: Any, models: list[Any]) -> Cost:
    done: list[int] = []
    names = [model.name for model in models]
    started = _now()
    stage.work(dataclasses.replace(context, advance=done.append, models=names), source, models)
    took = _since(started, max(1, sum(done)), stage.at_once(source.info, models))
    return Cost(stage.name, f"{stage.name}, {stage.step}", stage.step, *took)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(started: tuple[float, float], steps: int, at_once: int) -> tuple[float, float]:
    """Return seconds a step, and the processors busy, where so many steps are under way at once."""
    wall, used = (now - then for now, then in zip(_now(), started, strict=True))
    busy = used / max(wall, 1e-9)
    faster = sped_up(busy, at_once, torch.get_num_threads())
    return wall / steps / faster, busy * faster


# What a least sample counts, one of them and several.
NOUNS = {
    "neighbours": ("pair of neighbouring frames", "pairs of neighbouring frames"),
    "frames": ("perturbed frame", "perturbed frames"),
    "pairs": ("replayed pair", "replayed pairs"),
}


@dataclass(frozen=True)
class FootageSize:
    frames: int  # frames of the inputs whose headers say so
    segments: int  # stretches that are worked on one by one; no pair lies across two of them
    # False where some header does not say how long its input is: then nothing is left out
    is_known: bool

    def most(self, counted: str) -> int:
        return self.frames if counted == "frames" else max(0, self.frames - self.segments)


@dataclass(frozen=True)
class Outlook:
    question: str  # as in the answer of the run
    answerable: bool  # footage and time reach the least sample
    why: str  # what it would take where it cannot, else from what it is answered

    @property
    def text(self) -> str:
        return f"{self.question}: {'yes' if self.answerable else 'no'}, {self.why}"


def least_of(stage: Stage, settings: Settings) -> dict[str, int]:
    found = dict(stage.least(settings))
    for needed in stage.needs:
        for counted, least in least_of(needed, settings).items():
            found[counted] = max(least, found.get(counted, 0))
    return found


def reachable(counts: Counts, least: Counts, footage: FootageSize, settings: Settings) -> Counts:
    """Return the counts without samples whose least size the footage lacks.

    A number asked for (``--frames``, ``--pairs``) stays.
    """
    if not footage.is_known:
        return counts
    left = counts
    if settings.frames is None and footage.most("frames") < least.frames:
        left = dataclasses.replace(left, frames=0)
    if settings.pairs is None and footage.most("pairs") < least.pairs:
        left = dataclasses.replace(left, pairs=0)
    return left


def outlooks(
    stages: Sequence[Stage],
    settings: Settings,
    counts: Counts,
    footage: FootageSize,
    each_s: Mapping[str, float] | None = None,
    *,
    has_model: bool = True,
) -> Iterator[Outlook]:
    """Yield whether each question of these stages can be answered.

    ``each_s`` are the seconds of one more frame and pair under a budget. Without ``has_model`` all answers
    are recorded, and nothing can be sampled.
    """

    def answered(counted: str, least: int) -> tuple[bool, str]:
        sampled = counted in ("frames", "pairs")
        if sampled and not has_model:
            return False, "recorded predictions cannot answer for new pictures"
        there = footage.most(counted) if footage.is_known else least
        if there < least:
            has = plural(there, *NOUNS[counted])
            return False, f"this footage has {has}, {least} needed: use longer clips"
        planned = counts.of(counted) if sampled else there
        if planned >= least:
            if not (footage.is_known or sampled):
                return True, "if the footage is long enough, which its header does not say"
            most = min(planned, there) if footage.is_known else planned
            return True, f"from {plural(most, *NOUNS[counted])}"
        asked = settings.frames if counted == "frames" else settings.pairs
        if asked is not None:
            return False, f"--{counted} {asked} is less than the {least} needed"
        takes = f", about {duration(least * each_s[counted])}" if each_s else ""
        needed = plural(least, *NOUNS[counted])
        return False, f"the budget leaves no time for the {needed} needed{takes}"

    for stage in stages:
        if stage.question:
            known = [answered(*sample) for sample in least_of(stage, settings).items()]
            short = [why for can, why in known if not can]
            yield Outlook(stage.question, not short, "; ".join(short) or known[0][1])
