"""What is made of all units of the stage stability: rates with intervals, and what labels add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from vidrobust.metrics.catalogue import metrics_of, task_of
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import Metric
from vidrobust.pipeline.run import Run
from vidrobust.pipeline.stage import Facts
from vidrobust.stages.stability import by_place, rates, with_labels
from vidrobust.stages.stability.decoder_floor import decoder_floor
from vidrobust.stages.stability.object_places import pairs_with_places
from vidrobust.tables import schema as tables


def summarise(run: Run, facts: Facts) -> None:
    """The tables ``stability`` and ``stability_by``, of the models of every task; with labels also ``answers``."""
    of_decoder = {model: {"decoder": summary} for model, summary in decoder_floor(run).items()}
    by_way = _by_way(facts)
    run.folder.update(
        noise_floor={model: {**ways, **of_decoder.get(model, {})} for model, ways in by_way.items()}
    )
    run.folder.update(ms_a_frame=ms_a_frame(facts))
    _say_of_box_files(run, facts)
    summaries, by = [_floor_rows(facts)], [tables.empty("stability_by")]
    run.folder.update(judged={}, labels_outside={})
    judged: dict[str, pd.DataFrame] = {}
    places = [by_place.summarise({}, (), {}, run.settings.seed)]
    for task in dict.fromkeys(model.task for model in run.models):
        names = [model.name for model in run.models if model.task == task]
        raw = {name: run.table(name) for name in task_of(task).tables}
        mine = {name: _with_parts(run, table[table["model"].isin(names)]) for name, table in raw.items()}
        found = with_labels.judged(run, task_of(task), mine)
        summaries.insert(0, found.pop("stability", tables.empty("stability")))
        mine, judged = {**mine, **found}, {**judged, **found}
        metrics = metrics_of(task, run.settings.anchor_deltas)
        summaries.insert(0, rates.summarise(mine, metrics))
        by.append(rates.summarise_by_class(mine, metrics))
        by.append(rates.summarise_by(mine, metrics, task_of(task).groups))
        places.append(_places(run, task, mine, metrics))
    with_labels.write(run, judged)
    _write_filled(run, "stability", summaries)
    _write_filled(run, "stability_by", by)
    for name in places[0]:
        _write_filled(run, name, [found[name] for found in places])


def _places(
    run: Run, task: str, raw: Mapping[str, pd.DataFrame], metrics: Sequence[Metric]
) -> dict[str, pd.DataFrame]:
    """Where in the picture the models of a task are unsteady; classifiers, where their object's place is known."""
    if task == DETECTION.name:
        return by_place.summarise(raw, metrics, run.folder.record.sizes, run.settings.seed)
    pairs, sizes = pairs_with_places(run, raw["pairs"])
    return by_place.summarise({"pairs": pairs}, metrics if len(pairs) else (), sizes, run.settings.seed)


def ms_a_frame(facts: Facts) -> dict[str, float]:
    """Milliseconds of each model a frame, resizing included, as this machine ran it beside all else it did."""
    spent: dict[str, tuple[float, int]] = {}
    for (_, model, _), fact in facts.items():
        found = fact.get("prediction")
        if found:
            seconds, frames = spent.get(model, (0.0, 0))
            spent[model] = seconds + float(found["seconds"]), frames + int(found["frames"])
    return {model: round(1000 * seconds / frames, 3) for model, (seconds, frames) in spent.items()}


def _say_of_box_files(run: Run, facts: Facts) -> None:
    """How frames are counted in files of boxes, and rows of frames that no input has."""
    for (item, model, _), fact in facts.items():
        summary = fact.get("boxes_file")
        if summary and summary["counted_from"] == 1:
            run.reporter.say(
                f"{model}: frames of {item} are counted from 1 in the file ({summary['why']}); say ,first=0 if not"
            )
        if summary and summary["beyond"]:
            run.reporter.warn(
                f"{model}: {summary['beyond']} of {summary['rows']} boxes are of frames that {item} does not have"
            )


def _with_parts(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Rows with the part that their item shows, where the manifest names parts: passes of one belong together."""
    parts = {item.name: item.part for item in run.inputs.items if item.part}
    return table.assign(part=table["item"].map(parts).fillna("")) if parts else table


def _write_filled(run: Run, name: str, parts: Sequence[pd.DataFrame]) -> None:
    filled = [part for part in parts if len(part)]
    run.folder.write_table(name, pd.concat(filled, ignore_index=True) if filled else tables.empty(name))


def _floor_rows(facts: Facts) -> pd.DataFrame:
    """The noise floor as rows of the stability table, over all items: the largest difference, no interval."""
    rows: list[dict[str, object]] = []
    for kind, summary in (("noise_floor", _class_floor), ("box_noise_floor", _box_floor)):
        floors: dict[str, list[Mapping[str, Any]]] = {}
        for name, fact in facts.items():
            if fact.get(kind):
                floors.setdefault(name[1], []).append(fact[kind])
        nan = float("nan")
        for model, of_model in floors.items():
            n = sum(int(floor["n"]) for floor in of_model)
            for metric, value in summary(of_model, n).items():
                of = {"model": model, "item": "", "metric": metric, "value": value, "n": n}
                rows.append({**of, "low": nan, "high": nan, "cluster": "", "clusters": 0})
    return pd.DataFrame(rows)


def _by_way(facts: Facts) -> dict[str, dict[str, dict[str, Any]]]:
    """Of each classifier, the floor by what was varied: the largest difference, flips and comparisons."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, fact in facts.items():
        for way, (largest, flips, n) in (fact.get("noise_floor") or {}).get("by_way", {}).items():
            zero = {"total_variation": largest, "flips": 0, "n": 0}
            before = found.setdefault(name[1], {}).setdefault(way, zero)
            if largest is not None:
                before["total_variation"] = max(largest, before["total_variation"])
            before["flips"] += flips
            before["n"] += n
    return found


def _class_floor(floors: list[Mapping[str, Any]], n: int) -> dict[str, float]:
    flips = sum(int(floor["flips"]) for floor in floors)
    return {
        "noise_floor_total_variation": max(float(floor["total_variation"]) for floor in floors),
        "noise_floor_label_flip": flips / n if n else float("nan"),
    }


def _box_floor(floors: list[Mapping[str, Any]], n: int) -> dict[str, float]:
    def largest(name: str) -> float:
        return max((float(f[name]) for f in floors if f[name] is not None and f["n"]), default=float("nan"))

    return {"noise_floor_boxes_changed": largest("changed"), "noise_floor_boxes_moved": largest("moved")}
