"""``adapt``: the portfolio, its trials, the choice, and what judges it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from torch import nn

from vidrobust.errors import SettingsError
from vidrobust.files.json_text import plain
from vidrobust.metrics.catalogue import is_classifier
from vidrobust.models.load import load_as_it_is
from vidrobust.models.spec import parse_spec, split_options
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.boxes.network import trainable_boxes
from vidrobust.plugins.finetune.choose import (
    BEFORE,
    Choice,
    Scored,
    choose,
)
from vidrobust.plugins.finetune.compare import crossed_rates
from vidrobust.plugins.finetune.footage import opened_other
from vidrobust.plugins.finetune.gather import AnsweredFootage, select
from vidrobust.plugins.finetune.judge import BenchFigures, CountedRows
from vidrobust.plugins.finetune.leaks import leaks_of
from vidrobust.plugins.finetune.losses import HEAD, head_of
from vidrobust.plugins.finetune.network import TrainableNetwork, trainable
from vidrobust.plugins.finetune.portfolio import Portfolio, TaskTraining, portfolio_of, way_of
from vidrobust.plugins.finetune.recipes import CONSENSUS, PLAIN
from vidrobust.plugins.finetune.request import AdaptRequest
from vidrobust.plugins.finetune.train import ClassSamples
from vidrobust.plugins.finetune.trials import Trials, save
from vidrobust.stages.policy.measured import (
    ADAPTATION,
    FOLDER,
    advised_policy,
    apply_measured,
)
from vidrobust.stages.policy.policy import Policy
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.ratios import decided
from vidrobust.statistics.significance import benjamini_hochberg
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import percent
from vidrobust.text.printable import printable

FLIPS, ERRORS, AT_REST, OTHER = "flips", "errors", "errors_at_rest", "other"


def adapt(run: OpenRun, asked: AdaptRequest) -> dict[str, Any]:
    """Try every recipe, choose one, and write ``adaptation.parquet``, adaptation.json and the weights."""
    record = _record(run, asked.model)
    name = str(record["name"])
    model = load_as_it_is(str(record["spec"]), device=run.settings.device)
    network: TrainableNetwork = (
        trainable(model, name)
        if is_classifier(model)
        else trainable_boxes(model, name, run.settings)
    )
    if int(record.get("num_classes") or len(network.class_names)) != len(network.class_names):
        raise SettingsError(
            f"{name}: answers in this run in {record['num_classes']} classes of a map, and has "
            f"{len(network.class_names)} of its own; make a run with --class-map none, and adapt that"
        )
    way = way_of(network)
    judges = way.seen_of(run, name, network.class_names)
    if not asked.on:
        return _study(run, asked, record, network, (judges, None))
    with opened_other(run, record, asked.on) as other:
        trains = way.seen_of(other, name, network.class_names)
        return _study(run, asked, record, network, (judges, trains))


def _study(
    run: OpenRun,
    asked: AdaptRequest,
    record: Mapping[str, Any],
    network: TrainableNetwork,
    sides: tuple[AnsweredFootage, AnsweredFootage | None],
) -> dict[str, Any]:
    name = str(record["name"])
    way = way_of(network)
    policy = _policy(run, asked, name)
    chosen = select(*sides, name, asked, way.neighbours)
    run.reporter.say(f"adapt: {len(chosen.training)} frames to train with are decoded")
    portfolio = portfolio_of(asked, network, chosen, policy)
    trials = Trials.planned(run, asked, portfolio)
    before = trials.validation.scored(network.module)
    names = list(portfolio.recipes)
    always = names if asked.only else (PLAIN.name,)
    choice = choose(names, trials, before, trials.schedule.steps, asked.seeds, always=always)
    judged = _judged(portfolio, trials, choice)
    table = _table(name, judged)
    run.folder.write_table("adaptation", table)
    weights = run.path / FOLDER / "chosen.pt"
    for stale in (weights, head_file(weights)):
        stale.unlink(missing_ok=True)
    for name_of, file in _kept(choice, portfolio, weights):
        save_weights(trials.module(name_of, 0, choice.trials[name_of][0].steps), file)
    summary: dict[str, Any] = plain(
        {
            "model": name,
            "recipes": [
                row
                | _written(portfolio, row["name"], record, weights.with_name(f"{row['name']}.pt"))
                for row in _rows(portfolio, choice, judged, trials, before)
            ],
            "chosen": choice.chosen,
            "weights": str(weights) if weights.is_file() else "",
            "spec": _written(portfolio, choice.chosen, record, weights).get("spec", ""),
            "said": _said(way, choice, judged),
            "measured": _measured(table, way),
            "leaks": (leaks := _leaks(portfolio, choice.chosen)),
            "policy_of": str(asked.policy or ""),
            "split_by": chosen.by,
            "trained_on": asked.on,
            "targets": "labels" if chosen.by_labels else "own answers over time",
            "frames": {
                "training": len(chosen.training),
                "unlabelled": len(chosen.line),
                "validating": len(chosen.validating),
                "validating_at_rest": len(chosen.rest) if asked.on else 0,
                "judging": len(chosen.judging),
                "judging_at_rest": len(chosen.rest_judging),
            },
            "schedule": vars(trials.schedule) | {"seeds": asked.seeds},
        }
    )
    if leaks:
        near = ", ".join(str(row["perturbation"]) for row in leaks if row["leak"]) or "none"
        summary["said"] += f" Perturbations near its augmentation, which cannot judge it: {near}."
    summary["next"] = next_command(run.path, run.settings.sources, str(summary["spec"]))
    run.folder.write_json(ADAPTATION, summary)
    if not asked.policy and "policy" in choice.trials:
        apply_measured(run.path, name, policy, summary)
    return summary


def next_command(run: Path, sources: Sequence[str], spec: str) -> str:
    """Return the command that studies the new weights on the same footage and compares; "" without a spec of them."""
    if not spec or not sources:
        return ""
    after = run.with_name(f"{run.name}-adapted")
    footage = shlex.join(printable(source) for source in sources)
    folders = shlex.join([str(run), str(after)])
    return (
        f"vidrobust study {footage} --model {shlex.quote(spec)} --out {shlex.quote(str(after))} && "
        f"vidrobust compare {folders}"
    )


def _leaks(portfolio: Portfolio, chosen: str) -> list[dict[str, Any]]:
    """Of the chosen recipe of a classifier that changes pictures."""
    recipe, samples = portfolio.recipes.get(chosen), portfolio.samples.get(chosen)
    if recipe is None or not isinstance(samples, ClassSamples):
        return []
    return leaks_of(samples, recipe) if recipe.transform or recipe.steps else []


def _kept(choice: Choice, portfolio: Portfolio, chosen: Path) -> Iterator[tuple[str, Path]]:
    """Recipe and file: of the chosen one, and of those that change the network, chosen or not."""
    if choice.chosen != BEFORE:
        yield choice.chosen, chosen
    for name, recipe in portfolio.recipes.items():
        if recipe.rebuilt is not None:
            yield name, chosen.with_name(f"{name}.pt")


def _written(
    portfolio: Portfolio, name: str, record: Mapping[str, Any], file: Path
) -> dict[str, str]:
    """The file of a recipe's weights and the spec that loads them, and the file of a second head."""
    if name not in portfolio.recipes or not file.is_file():
        return {}
    options = portfolio.recipes[name].spec
    spec = spec_with(str(record["spec"]), file, len(portfolio.network.class_names), options)
    head = head_file(file)
    return {"file": str(file), "spec": spec} | ({"head": str(head)} if head.is_file() else {})


def _policy(run: OpenRun, asked: AdaptRequest, name: str) -> Policy:
    if asked.policy:
        return Policy.read(asked.policy)
    if not asked.tries_policy:
        return Policy(model=name)
    if not (run.path / "policy.json").is_file():
        run.reporter.say(f"adapt: no policy is tried; vidrobust policy {run.path} makes one")
        return Policy(model=name)
    return advised_policy(run.path, name)


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


# What judges


@dataclass(frozen=True)
class _RecipeFigures:
    """Measured on footage and at rest, of each seed of a recipe or of BEFORE."""

    footage: Sequence[BenchFigures]
    rest: Sequence[BenchFigures]

    def rows(self, metric: str) -> list[CountedRows]:
        """Of every seed."""
        if metric == AT_REST:
            return [figures.errors_at_rest for figures in self.rest]
        return [getattr(figures, metric) for figures in self.footage]

    def mean(self, metric: str) -> float:
        """NaN where it is not known."""
        rows = self.rows(metric)
        return float(np.mean([counted.mean for counted in rows])) if rows else float("nan")


def _judged(portfolio: Portfolio, trials: Trials, choice: Choice) -> dict[str, _RecipeFigures]:
    rest = portfolio.judges_at_rest
    modules: dict[str, list[nn.Module]] = {BEFORE: [portfolio.network.module]}
    for name, mine in choice.trials.items():
        modules[name] = [trials.module(name, seed, trial.steps) for seed, trial in enumerate(mine)]
    return {
        name: _RecipeFigures(
            [portfolio.judges.measured(module) for module in mine],
            [rest.measured(module) for module in mine] if rest else [],
        )
        for name, mine in modules.items()
    }


def _table(model: str, judged: Mapping[str, _RecipeFigures]) -> pd.DataFrame:
    """The table ``adaptation``: each recipe against the network before and against plain fine-tuning."""
    rows: list[dict[str, Any]] = []
    compared = [(BEFORE, (FLIPS, ERRORS, AT_REST, OTHER)), (PLAIN.name, (FLIPS, ERRORS, AT_REST))]
    for name, mine in judged.items():
        for against, metrics in compared:
            for metric in metrics if name not in (BEFORE, against) else ():
                after, then = mine.rows(metric), judged[against].rows(metric)
                if not after or not len(after[0].values):
                    continue
                as_often = [then[row % len(then)] for row in range(len(after))]
                ratio = crossed_rates(as_often, after, mine.footage[0].what, events=after[0].events)
                about = {"model": model, "recipe": name, "against": against, "metric": metric}
                rows.append({**about, "seeds": len(after), **dataclasses.asdict(ratio)})
    if not rows:
        return tables.empty("adaptation")
    table = pd.DataFrame(rows)
    p = table["p"].where((table["n"] >= FEWEST_ROWS) & (table["metric"] != OTHER))
    table["q"] = benjamini_hochberg(p.to_numpy(np.float64))
    table["verdict"], table["why"] = decided(table)
    return tables.check("adaptation", table)


def _rows(
    portfolio: Portfolio,
    choice: Choice,
    judged: Mapping[str, _RecipeFigures],
    trials: Trials,
    before: Scored,
) -> list[dict[str, Any]]:
    rows = []
    for name in (BEFORE, *portfolio.recipes):
        mine = choice.trials.get(name, ())
        recipe = portfolio.recipes.get(name)
        rows.append(
            {
                "name": name,
                "sentence": recipe.sentence if recipe else "the network as it is",
                **{metric: judged[name].mean(metric) for metric in (FLIPS, ERRORS, AT_REST)},
                "steps": mine[0].steps if mine else 0,
                "seeds": len(mine),
                "chosen": name == choice.chosen,
                "score": choice.score(name) if mine else before.score,
                "weights": [trial.weight for trial in mine],
                "seconds": trials.seconds.get(name, 0.0),
            }
        )
    return rows


def _said(way: TaskTraining, choice: Choice, judged: Mapping[str, _RecipeFigures]) -> str:
    """What was chosen, and what footage and augmentation do, in words."""

    def figures(name: str) -> str:
        known = [(way.flips, FLIPS), (way.errors, ERRORS), ("errors at rest", AT_REST)]
        means = [(words, judged[name].mean(metric)) for words, metric in known]
        return ", ".join(f"{words} {percent(value)}" for words, value in means if value == value)

    first = f"Chosen: {choice.chosen} ({figures(choice.chosen)}; before {figures(BEFORE)})."
    if choice.chosen == BEFORE:
        first = f"No recipe scores better than the network as it is ({figures(BEFORE)})."
    parts = [first]
    if CONSENSUS.name in choice.trials:
        others = [n for n in choice.trials if n not in (CONSENSUS.name, PLAIN.name)]
        augmented = min(others, key=choice.score)
        parts.append(
            f"Plain fine-tuning alone: {figures(PLAIN.name)}. With unlabelled footage: {figures(CONSENSUS.name)}. "
            f"With augmentation ({augmented}): {figures(augmented)}."
        )
    return " ".join(parts)


def _measured(table: pd.DataFrame, way: TaskTraining) -> dict[str, Any]:
    """What training with the policy did to the footage, for policy.json."""
    rows = table[
        (table["recipe"] == "policy") & (table["against"] == BEFORE) & (table["metric"] == FLIPS)
    ]
    if rows.empty:
        return {}
    columns = ["before", "after", "ratio", "low", "high", "q", "verdict", "why"]
    figures = rows.iloc[0][columns].to_dict()
    return {"footage": figures | ({"of": way.flips} if way.boxes else {})}


# Weights

TAKES_WEIGHTS = ("torchvision", "timm", "line", "factory")


def save_weights(module: nn.Module, path: Path) -> None:
    """The state of a module, written beside and then renamed; a second head goes into a file of its own."""
    state = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in module.state_dict().items()
        if f".{HEAD}." not in name
    }
    save(state, path)
    head_file(path).unlink(missing_ok=True)
    if (head := head_of(module)) is not None:
        save(head.content(), head_file(path))


def head_file(weights: Path) -> Path:
    """Where the second head of some weights is kept."""
    return weights.with_name(f"{weights.stem}-head.pt")


def spec_with(
    spec: str, weights: Path, classes: int, more: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The spec that loads these weights, with more options; "" if this kind takes none."""
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
    options |= more
    return ",".join([head, *(f"{key}={value}" for key, value in options.items())])
