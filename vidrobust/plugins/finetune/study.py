"""``adapt``: the plan, every missing arm and seed, then the table and conclusions."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import plain
from vidrobust.models.load import load_as_it_is
from vidrobust.models.spec import parse_spec, split_options
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune import compare as conclusion
from vidrobust.plugins.finetune import gather, leaks
from vidrobust.plugins.finetune import plan as matched
from vidrobust.plugins.finetune.arms import (
    ARMS,
    BOX_ARMS,
    AdaptRequest,
    Arm,
    families_of,
    held_back,
    key_of,
)
from vidrobust.plugins.finetune.boxes import judge as boxes
from vidrobust.plugins.finetune.boxes.network import TrainableDetector, trainable_boxes
from vidrobust.plugins.finetune.compare import table_of
from vidrobust.plugins.finetune.gather import AnsweredFootage, FrameSelection, choose, even
from vidrobust.plugins.finetune.judge import BOXES, CLASSES, Headline
from vidrobust.plugins.finetune.network import (
    Bench,
    BenchAnswers,
    TrainableNetwork,
    TrainingSamples,
    trainable,
)
from vidrobust.plugins.finetune.plan import (
    SPLIT,
    TrainingPlan,
    TrainingSetup,
    Validation,
    opened_other,
    planned,
)
from vidrobust.plugins.finetune.steps import (
    QUICK_TIMES,
    TIMES,
    Condition,
    Mixture,
    Step,
    any_step,
    conditions,
    guard,
    steps_of,
)
from vidrobust.plugins.finetune.train import heal
from vidrobust.stages.policy.measured import ADAPTATION, advised_policy, apply_measured
from vidrobust.stages.policy.policy import Policy
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import duration

# Weights that were trained, and the card that says what they are.

TAKES_WEIGHTS = ("torchvision", "timm", "line", "factory")


def save_weights(module: nn.Module, path: Path) -> None:
    """The state of a module, written beside and then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    state = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in module.state_dict().items()
    }
    torch.save(state, beside)
    os.replace(beside, path)


def spec_with(spec: str, weights: Path, classes: int) -> str:
    """The spec that loads these weights; "" if this kind takes none."""
    parsed = parse_spec(spec)
    if parsed.kind not in TAKES_WEIGHTS:
        return ""
    head, options = split_options(spec)
    before = options.get("weights", "")
    if parsed.kind == "torchvision" and before and not Path(before).is_file():
        options["preset"] = before
    options["weights"] = str(weights)
    if parsed.kind in ("torchvision", "timm"):
        options.setdefault("num_classes", str(classes))
    for key in ("engine", "threads", "precision"):
        options.pop(key, None)
    return ",".join([head, *(f"{key}={value}" for key, value in options.items())])


def write_card(path: Path, about: Mapping[str, Any], sentences: Sequence[str]) -> None:
    """card.md beside the weights."""
    load = (
        f"`{about['spec']}`"
        if about["spec"]
        else "load_state_dict of this file in your own factory"
    )
    lines = [
        f"# {about['model']}, fine-tuned: {about['arm']}",
        "",
        f"{about['sentence']}. Loaded by {load}.",
        "",
        *(f"- {name}: {value}" for name, value in about["facts"].items()),
        "",
        "## Measured on held-out footage",
        "",
        *(f"- {sentence}" for sentence in sentences),
        "",
        "The figures are means over all seeds of the arm; the weights are those of the first seed, which was not "
        "chosen. They speak of footage like this: another line has to be measured again.",
        "",
    ]
    write_text(path, "\n".join(lines))


# What differs between a classifier and a detector in fine-tuning, in one record each.


@dataclass(frozen=True, kw_only=True)
class TaskTraining:
    """What differs between classifiers and detectors; ``neighbours`` frames judge together."""

    arms: Mapping[str, Arm]
    headline: Headline
    neighbours: int
    whole: bool
    seen_of: Callable[[OpenRun, str, Sequence[str]], Any]
    samples_of: Callable[[Any, Any], TrainingSamples]
    bench_of: Callable[[Any, Any, np.ndarray, np.ndarray, tuple[Condition, ...]], Bench]


_CLASSES = TaskTraining(
    arms=ARMS,
    headline=CLASSES,
    neighbours=12,
    whole=False,
    seen_of=gather.seen_of,
    samples_of=gather.samples_of,
    bench_of=gather.bench_of,
)
_BOXES = TaskTraining(
    arms=BOX_ARMS,
    headline=BOXES,
    neighbours=48,
    whole=True,
    seen_of=boxes.seen_of,
    samples_of=boxes.samples_of,
    bench_of=boxes.bench_of,
)


def way_of(network: TrainableNetwork) -> TaskTraining:
    return _BOXES if isinstance(network, TrainableDetector) else _CLASSES


def adapt(run: OpenRun, asked: AdaptRequest) -> dict[str, Any]:
    """Train, judge, and write ``adaptation.parquet``, adaptation.json, the weights and the policy."""
    record = _record(run, asked.model)
    name = str(record["name"])
    model = load_as_it_is(str(record["spec"]), device=run.settings.device)
    network: TrainableNetwork = (
        trainable(model, name)
        if model.task == "classification"
        else trainable_boxes(model, name, run.settings)
    )
    if int(record.get("num_classes") or len(network.class_names)) != len(network.class_names):
        raise SettingsError(
            f"{name}: answers in this run in {record['num_classes']} classes of a map, and has "
            f"{len(network.class_names)} of its own; make a run with --class-map none, and adapt that"
        )
    policy = _policy(run, asked, name)
    seen_of = way_of(network).seen_of
    judges = seen_of(run, name, network.class_names)
    if not asked.on:
        return _study(run, asked, AdaptInputs(record, network, policy, judges, None))
    with opened_other(run, record, asked.on) as other:
        trains = seen_of(other, name, network.class_names)
        return _study(run, asked, AdaptInputs(record, network, policy, judges, trains))


@dataclass(frozen=True)
class AdaptInputs:
    """The network, its record in run.json and its footage; ``trains`` is None where part of ``judges`` trains."""

    record: Mapping[str, Any]
    network: TrainableNetwork
    policy: Policy
    judges: AnsweredFootage
    trains: AnsweredFootage | None

    @property
    def name(self) -> str:
        return str(self.record["name"])


def _study(run: OpenRun, asked: AdaptRequest, question: AdaptInputs) -> dict[str, Any]:
    name, network, policy = question.name, question.network, question.policy
    way = way_of(network)
    arms, steps = _arms(run, asked, policy, way), steps_of(policy)
    held = held_back(arms, steps)
    chosen = choose(question.judges, question.trains, name, asked, way.neighbours, whole=way.whole)
    run.reporter.say(f"adapt: {len(chosen.training)} frames to train with are decoded")
    samples = way.samples_of(network, chosen)
    few = even(
        np.arange(len(samples.frames)), matched.QUICK_FRAMES if asked.quick else matched.FRAMES
    )
    on = [samples.frames[row] for row in few.tolist()]
    mixtures = _mixtures(network, arms, policy, steps, on, held)
    families = {arm.name: families_of(arm, mixtures.get(arm.name)) for arm in arms}
    guard(families, held)
    under = conditions(steps, QUICK_TIMES if asked.quick else TIMES)
    bench = way.bench_of(network, chosen.judges, chosen.judging, chosen.shown, under)
    ready = TrainingSetup(
        network=network,
        arms=arms,
        mixtures=mixtures,
        held=held,
        chosen=chosen,
        samples=samples,
        bench=bench,
        check=_validation(network, way, chosen),
        steps=steps,
    )
    work = planned(run, asked, ready)
    before = bench.answered(network.module)
    found = _all(run, work, asked.seeds)
    table = table_of(name, bench, before, found, families)
    run.folder.write_table("adaptation", table)
    near = tables.empty("leaks") if asked.quick else _leaks(run, name, work, families)
    run.folder.write_table("leaks", near)
    headline = way.headline
    summary: dict[str, Any] = plain(
        {
            "model": name,
            "said": conclusion.verdict_on_policy(table, headline),
            "sentences": [*conclusion.sentences(table, headline), *leaks.sentences(near)],
            "better_than_random": conclusion.better_than_random(table, headline),
            "best": conclusion.best_arm(table, headline),
            "policy_of": str(asked.policy or ""),
            "measured": conclusion.measured(table, steps, headline) if "policy" in found else {},
            "held_back": held,
            "split_by": chosen.by,
            "trained_on": asked.on,
            "targets": "labels" if chosen.by_labels else "own answers over time",
            "frames": {
                "training": len(chosen.training),
                "line": len(chosen.line),
                "validating": len({*chosen.calm.tolist()})
                + (len(chosen.steady) if asked.on else 0),
                "judging": len(chosen.judging),
                "shown": len(chosen.shown),
            },
            "schedule": vars(work.schedule) | {"seeds": asked.seeds},
            "arms": [
                {
                    "arm": arm.name,
                    "sentence": arm.sentence,
                    "families": families[arm.name],
                    "steps": _said(mixtures, arm),
                    **work.notes(arm, asked.seeds),
                }
                for arm in arms
            ],
        }
    )
    run.folder.write_json(ADAPTATION, summary)
    _card(run, work, str(question.record["spec"]), summary)
    if not asked.policy and "policy" in found:
        apply_measured(run.path, name, policy, summary)
    for line in (*summary["sentences"], summary["said"]):
        if line:
            run.reporter.say(line)
    return summary


def _leaks(
    run: OpenRun, name: str, work: TrainingPlan, families: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    came = {leaks.AS_TRAINED: leaks.families_came_with(run.settings)}
    return leaks.table_of(
        name,
        work.network,
        leaks.measurable(work.arms, work.mixtures, run.settings),
        {**families, **came},
        work.samples.frames,
        work.bench.conditions,
        work.folder / "leaks",
        key_of([work.key, run.settings.trained_with]),
    )


def _policy(run: OpenRun, asked: AdaptRequest, name: str) -> Policy:
    if asked.policy:
        return Policy.read(asked.policy)
    made = asked.mixes or (run.path / "policy.json").is_file()
    return advised_policy(run.path, name) if made else Policy(model=name)


def _record(run: OpenRun, name: str) -> dict[str, Any]:
    records = run.model_records
    if name:
        known = [record for record in records if record["name"] == name]
        if not known:
            names = ", ".join(str(record["name"]) for record in records)
            raise SettingsError(f"--model {name}: is not in this run; models are {names}")
        return known[0]
    classifiers = [
        record for record in records if record.get("task", "classification") == "classification"
    ]
    return [*classifiers, *records][0]


def _arms(run: OpenRun, asked: AdaptRequest, policy: Policy, way: TaskTraining) -> tuple[Arm, ...]:
    arms = asked.chosen_arms(way.arms)
    if policy.steps:
        return arms
    left = tuple(arm for arm in arms if arm.mix in ("", "random"))
    gone = ", ".join(arm.name for arm in arms if arm not in left)
    if gone:
        run.reporter.warn(
            f"adapt: the policy has no step, so there is nothing to train with for {gone}"
        )
    if not left:
        raise SettingsError(
            "--arms: the policy of this run has no step; name other arms, or give --policy FILE"
        )
    return left


def _mixtures(
    network: TrainableNetwork,
    arms: Sequence[Arm],
    policy: Policy,
    steps: tuple[Step, ...],
    frames: Sequence[torch.Tensor],
    held: Sequence[str],
) -> dict[str, Mixture]:
    kinds = {arm.mix for arm in arms} - {""}
    own = {arm.name: Mixture(steps=arm.steps) for arm in arms if arm.steps}
    made = {"alone": Mixture(steps=steps)}
    if kinds - {"alone"}:
        drawn = matched.matched(network, frames, steps, held)
        often = any_step(steps) if steps else matched.OFTEN
        made["random"] = matched.random_mixture(drawn, steps, often)
        made["policy"] = replace(matched.random_mixture(drawn, (), often), steps=steps)
        if "swapped" in kinds:
            made["swapped"] = matched.swapped(policy, steps, drawn)
    return own | {arm.name: made[arm.mix] for arm in arms if arm.mix}


def _validation(
    network: TrainableNetwork, way: TaskTraining, chosen: FrameSelection[Any]
) -> Validation:
    none = np.empty(0, np.int64)
    calm = steady = way.bench_of(network, chosen.trains, chosen.calm, none, ())
    if chosen.steady is not chosen.calm:
        steady = way.bench_of(network, chosen.judges, chosen.steady, none, ())
    wrong = way.headline.wrong if chosen.by_labels else way.headline.other
    before = (steady.answered(network.module), calm.answered(network.module))
    return Validation(steady, calm, (way.headline.steady, wrong), before)


def _all(run: OpenRun, work: TrainingPlan, seeds: int) -> dict[str, list[BenchAnswers]]:
    todo = [
        (seed, arm)
        for seed in range(seeds)
        for arm in work.arms
        if not work.file(arm, seed).is_file()
    ]
    with run.reporter.counting(
        "adapt: training", len(todo) * work.schedule.steps, "steps"
    ) as counter:
        for number, (seed, arm) in enumerate(todo):
            begin = time.perf_counter()
            healed = heal(
                work.samples,
                work.check,
                arm,
                work.mixtures.get(arm.name),
                work.schedule,
                seed,
                counter.advance,
            )
            _check_finite(healed.module, arm)
            found = work.bench.answered(healed.module)
            if seed == 0:
                save_weights(healed.module, work.weights(arm))
            work.file(arm, seed).parent.mkdir(parents=True, exist_ok=True)
            note = {"weight": healed.weight, "left_out": healed.left_out}
            write_text(work.file(arm, seed).with_suffix(".json"), json.dumps(note))
            found.save(work.file(arm, seed))
            run.reporter.say(
                f"adapt: {number + 1} of {len(todo)}: {arm.name}, seed {seed}, in "
                f"{duration(time.perf_counter() - begin)}"
            )
    return {
        arm.name: [work.bench.load(work.file(arm, seed)) for seed in range(seeds)]
        for arm in work.arms
    }


def _check_finite(module: torch.nn.Module, arm: Arm) -> None:
    if not all(bool(torch.isfinite(p).all()) for p in module.parameters()):
        raise SettingsError(
            f"arm {arm.name}: training came apart, its weights are not finite; use a smaller --rate"
        )


def _said(mixtures: Mapping[str, Mixture], arm: Arm) -> list[dict[str, Any]]:
    mixture = mixtures.get(arm.name)
    return [dict(vars(step)) for step in mixture.every] if mixture else []


def _card(run: OpenRun, work: TrainingPlan, spec: str, summary: dict[str, Any]) -> None:
    """Write best.pt and its card."""
    asked_on = summary["trained_on"]
    best, weights, card = summary["best"], work.folder / "best.pt", work.folder / "card.md"
    if not best:
        for path in (weights, card):
            path.unlink(missing_ok=True)
        run.reporter.say(
            "adapt: no arm is surely steadier than the network as it is; no weights are recommended"
        )
        return
    arm = next(each for each in work.arms if each.name == best)
    notes = next(a for a in summary["arms"] if a["arm"] == best)
    weights.write_bytes(work.weights(arm).read_bytes())
    facts = {
        "trained with": ", ".join(notes["families"]) or "no augmentation",
        "learnt": summary["targets"],
        "frames": summary["frames"]["training"],
        "steps": f"{work.schedule.steps} of {work.schedule.batch} frames, AdamW, rate {work.schedule.rate:g}",
        "trained on": asked_on or "part of the footage",
        "unlabelled frames": f"{summary['frames']['line']}, {notes['left_out'][0]} left out as uncertain",
        "share of the new weights": f"{notes['weights'][0]:g}, chosen on frames that validate",
        "held out": SPLIT[summary["split_by"]],
        "never trained with, by any arm": ", ".join(summary["held_back"]),
    }
    about = {
        "model": summary["model"],
        "arm": best,
        "sentence": arm.sentence,
        "spec": spec_with(spec, weights, len(work.network.class_names)),
        "facts": facts,
    }
    write_card(
        card, about, [*summary["sentences"], *([summary["said"]] if summary["said"] else [])]
    )
    run.reporter.say(f"adapt: the weights of {best} are {weights}; {card} says what they are")
