"""How stable each model is: the cards of page one, and every metric with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric, metrics_of
from vidrobust.metrics.metric import Metric, Task, Wording, usable_pairs
from vidrobust.report.glossary import phrase
from vidrobust.run_folder.reader import RunTables, with_parts
from vidrobust.run_folder.record import FloorRecord
from vidrobust.stages.stability import rates as judgement
from vidrobust.stages.stability.rates import Judgement, not_compared, overall, reported_first
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.statistics.intervals import Interval, cohens_kappa
from vidrobust.statistics.levels import FEWEST_CLUSTERS, FEWEST_ROWS
from vidrobust.text.numbers import (
    NO_INTERVAL,
    NOT_MEASURED,
    SMALLEST_SHARE,
    known,
    number,
    one_in,
    one_in_interval,
    percent,
    percent_interval,
    percent_with_interval,
    with_interval,
)
from vidrobust.text.phrases import plural


def of_neighbours(pairs: pd.DataFrame, frames: pd.DataFrame) -> Interval:
    """Return Cohen's kappa of one model's labels at t and t+1; NaN where only one class occurs."""
    near = usable_pairs(pairs)
    labels = frames.set_index(["item", "frame"])[["label", "time_s"]]
    a = labels.reindex(pd.MultiIndex.from_frame(near[["item", "frame_a"]]))
    b = labels.reindex(pd.MultiIndex.from_frame(near[["item", "frame_b"]]))
    known = ~(a["label"].isna().to_numpy() | b["label"].isna().to_numpy())
    clusters = clusters_of_rows(near[known].assign(time_s=a["time_s"].to_numpy()[known]))
    return cohens_kappa(a["label"].to_numpy()[known], b["label"].to_numpy()[known], clusters)


@dataclass(frozen=True)
class ModelCard:
    """What page one says about one model; ``one_in`` and ``event`` are "1 in 40" and what is counted.

    ``finding`` says the same as a sentence without its end: "the label flips 4.4 times a second".
    """

    name: str
    judgement: Judgement
    finding: str
    one_in: str
    event: str
    one_in_interval: str
    rows: Mapping[str, str]


def cards(run: RunTables) -> list[ModelCard]:
    stability = run.table("stability")
    if stability is None:
        return []
    why = not_compared(run)
    shown = []
    for name, task in run.tasks.items():
        rows = reported_first(stability, name, task.name)
        if task.labels_frames:
            usable = usable_pairs(run.rows("pairs"), name)
            rows |= {"Noise floor": _floor(stability, name, usable)}
            rows |= _floor_by_way(run.record.noise_floor.get(name, {}))
        card = _card(name, task, stability, rows, why)
        often = flips_a_second(run, stability, name) if task.labels_frames else {}
        if often.get("value"):
            rate = percent(overall(stability, name, "flip_rate")["value"])
            often_in_words = f"{times_a_second(often['value'])} ({rate} of consecutive frames)"
            card = replace(card, finding=f"the label changes {often_in_words}")
        shown.append(card)
    return shown


def flips_a_second(run: RunTables, stability: pd.DataFrame, model: str) -> dict[str, float]:
    """Return value, low and high of a classifier's flips a second of footage; empty where unknown."""
    flip, usable = overall(stability, model, "flip_rate"), usable_pairs(run.rows("pairs"), model)
    seconds = float(usable["delta_ms"].sum()) / 1000
    if not seconds > 0 or not known(flip["value"]) or flip["n"] < FEWEST_ROWS:
        return {}
    return {name: flip[name] * len(usable) / seconds for name in ("value", "low", "high")}


def times_a_second(rate: float) -> str:
    """Return "4.4 times a second", "6.3 times a minute"."""
    if rate >= 1:
        return f"{number(rate)} times a second"
    return f"{number(60 * rate)} times a minute"


def _card(
    name: str, task: Task, stability: pd.DataFrame, rows: Mapping[str, str], not_compared: str
) -> ModelCard:
    metric = find_metric(task.answered[0], task.name)
    assert metric is not None
    assert metric.wording is not None
    figure = overall(stability, name, metric.name)
    caution = _caution(figure)
    most = judgement.with_unknown(stability, name, metric.name, figure["high"])
    judged = judgement.stability(figure["value"], figure["low"], most, int(figure["n"]), metric)
    if not figure["n"] and not_compared:
        judged = replace(
            judged, why=f"No two neighbouring frames could be compared: {not_compared}"
        )
    return ModelCard(
        name=name,
        judgement=judged,
        finding=_finding(figure, metric.wording),
        one_in=_one_in(figure, metric.wording.none_seen),
        event="" if figure["value"] == 0 or figure["n"] < FEWEST_ROWS else metric.wording.event,
        one_in_interval=one_in_interval(figure["low"], figure["high"])
        if figure["n"] >= FEWEST_ROWS
        else NO_INTERVAL,
        rows={**rows, **({"Based on": caution} if caution else {})},
    )


def _finding(figure: Mapping[str, Any], wording: Wording) -> str:
    if figure["n"] < FEWEST_ROWS:
        return "too few frames to judge" if figure["n"] else "stability was not measured"
    if figure["value"] == 0:
        return f"{wording.never} in {plural(int(figure['n']), wording.of, wording.many)}"
    if wording.briefly:
        return f"{wording.happens} {percent(figure['value'])} {wording.briefly}"
    return f"{wording.happens} in {percent(figure['value'])} of {wording.many}"


def _one_in(figure: Mapping[str, Any], none_seen: str) -> str:
    if figure["n"] < FEWEST_ROWS:
        return "too few to say" if figure["n"] else NOT_MEASURED
    return none_seen if figure["value"] == 0 else one_in(figure["value"])


def _floor(stability: pd.DataFrame, name: str, usable: pd.DataFrame) -> str:
    change = overall(stability, name, "noise_floor_total_variation")
    flipped = overall(stability, name, "noise_floor_label_flip")
    if not change["n"] or not known(change["value"]):
        return NOT_MEASURED
    within = int((usable["label_flip"] & (usable["total_variation"] <= change["value"])).sum())
    moves = _up_to("probabilities differ by", change["value"])
    flips = f"{percent(flipped['value'])} flip" if flipped["value"] else "no label flips"
    sentence = f"the same picture tested {change['n']} times in different batches: {moves}, {flips}"
    if within:
        are = "is" if within == 1 else "are"
        return f"{sentence}. {plural(within, 'flip')} of the footage {are} no larger and may be numerical error"
    return f"{sentence}. Numerical error explains none of the flips"


def _up_to(what: str, largest: float | None) -> str:
    return f"{what} up to {percent(max(largest, SMALLEST_SHARE))}" if largest else "no difference"


def _floor_by_way(ways: Mapping[str, FloorRecord]) -> dict[str, str]:
    lines = {}
    for way, floor in ways.items():
        largest, flips, n = floor.total_variation, floor.flips, floor.n
        moves = _up_to("differences", largest)
        if largest is None:
            moves = "only labels are known"
        flipped = (
            f"{flips} of {plural(n, 'label')} flip"
            if flips
            else f"none of {plural(n, 'label')} flips"
        )
        against = f" ({' instead of '.join(floor.decoders[::-1])})" if floor.decoders else ""
        lines[f"Noise floor, {way}"] = f"{moves}, {flipped}{against}"
    return lines


def _caution(flip: Mapping[str, Any]) -> str:
    clusters, what = int(flip["clusters"]), flip["cluster"]
    if not clusters or not what:
        return ""
    scope = "these clips alone" if what in ("second", "stretch") else "footage like this"
    sentence = f"{separate(flip)} of footage; the interval holds for {scope}."
    if clusters < FEWEST_CLUSTERS:
        sentence += " Too few for a reliable interval."
    return sentence


def separate(figure: Mapping[str, Any]) -> str:
    """The clusters of a figure, counted: "4 separate stretches"."""
    what = str(figure["cluster"])
    apart = {"item": ("clip", ""), "part": ("part", "")}
    one, many = apart.get(
        what, (f"separate {what}", f"separate {plural(2, what).removeprefix('2 ')}")
    )
    return plural(int(figure["clusters"]), one, many)


def metric_rows(run: RunTables) -> list[dict[str, Any]]:
    """Return every metric over all items, with a text per model; kappa last."""
    stability = run.table("stability")
    if stability is None:
        return []
    metrics = (find_metric(str(name)) for name in stability["metric"].drop_duplicates())
    rows = rows_of(
        stability, run.models, [metric for metric in metrics if metric and not metric.of_labels]
    )
    return [*rows, {"name": "kappa of neighbouring labels", "values": _kappas(run)}]


def rows_of(
    stability: pd.DataFrame, models: Sequence[str], metrics: Iterable[Metric]
) -> list[dict[str, Any]]:
    """Return name, sentence, and a text per model, of each metric that any of them has."""
    table = (
        (metric, [overall(stability, model, metric.name) for model in models]) for metric in metrics
    )
    return [
        {
            "name": metric.title,
            "sentence": metric.sentence,
            "values": [_with_exact(metric_text(metric, row), row) for row in rows],
        }
        for metric, rows in table
        if any(row["n"] for row in rows)
    ]


def _with_exact(text: dict[str, str], row: Mapping[str, Any]) -> dict[str, str]:
    low, high = row.get("exact_low", np.nan), row.get("exact_high", np.nan)
    if not known(low) or (
        known(row["low"]) and np.allclose([low, high], [row["low"], row["high"]])
    ):
        return text
    return {**text, "n": f"{text['n']}; as if independent {percent_interval(low, high)}"}


def metric_text(metric: Metric, row: Mapping[str, Any]) -> dict[str, str]:
    """Return a figure with its interval and n; no figure from fewer than FEWEST_ROWS."""
    if 0 < row["n"] < FEWEST_ROWS:
        return {"text": "too few to say", "n": f"n = {int(row['n'])}"}
    ends = row["value"], row["low"], row["high"]
    value = with_interval(*ends, metric.unit) if metric.unit else percent_with_interval(*ends)
    n = f"n = {int(row['n'])}"
    if row["clusters"]:
        n += f" in {plural(int(row['clusters']), str(row['cluster']) or 'cluster')}"
    return {"text": value, "n": n}


def _kappas(run: RunTables) -> list[dict[str, str]]:
    pairs, frames = run.table("pairs"), run.table("frames")
    pairs = None if pairs is None else with_parts(pairs, run.record.parts)
    values = []
    for model in run.models:
        if pairs is None or frames is None:
            values.append({"text": NOT_MEASURED, "n": ""})
            continue
        neighbours = of_neighbours(pairs[pairs["model"] == model], frames[frames["model"] == model])
        text = with_interval(neighbours.value, neighbours.low, neighbours.high)
        if neighbours.n and not known(neighbours.value):
            text = "not defined: only one class occurs"
        values.append(
            {
                "text": text,
                "n": f"n = {neighbours.n} in {plural(neighbours.clusters, neighbours.cluster or 'cluster')}",
            }
        )
    return values


def other_tasks(run: RunTables) -> list[dict[str, Any]]:
    """Return, for each task, its name, its models, and the rows of two tables."""
    stability = run.table("stability")
    others = []
    for task in {other.name: other for other in run.others.values()}.values():
        models = [model for model, of in run.others.items() if of == task]
        if stability is not None:
            rows = _numbers(stability, task, models)
            others.append(
                {
                    "name": task.name,
                    "models": models,
                    "rows": rows,
                    "sensitivity": _moved(run, task, models),
                }
            )
    return others


def _numbers(stability: pd.DataFrame, task: Task, models: list[str]) -> list[dict[str, Any]]:
    rows = rows_of(stability, models, metrics_of(task.name))
    floors = [
        [overall(stability, model, name)["value"] for name in task.response.floors]
        for model in models
    ]
    said = [
        percent(sum(each)) if all(value == value for value in each) else NOT_MEASURED
        for each in floors
    ]
    sentence = (
        "The largest difference between two answers to the same picture in different batches."
    )
    return [
        *rows,
        {
            "name": "noise floor",
            "sentence": sentence,
            "values": [{"text": text, "n": ""} for text in said],
        },
    ]


def _moved(run: RunTables, task: Task, models: list[str]) -> list[dict[str, str]]:
    table = run.rows("sensitivity")
    of = table[table["model"].isin(models) & table["metric"].isin(task.response.columns)]
    keys = ["model", "perturbation", "strength"]
    mean = (
        of.groupby([*keys, "metric"], sort=False)["value"]
        .mean()
        .groupby(level=keys)
        .sum()
        .clip(upper=1.0)
    )
    return [
        {
            "model": str(model),
            "perturbation": phrase(str(perturbation)).noun,
            "moved": percent_interval(float(part.iloc[0]), float(part.iloc[-1])),
        }
        for (model, perturbation), part in mean.groupby(level=[0, 1], sort=False)
    ]
