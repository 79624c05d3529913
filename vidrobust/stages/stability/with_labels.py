"""Models judged by labels, and two models against each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vidrobust.accuracy.answers import JudgedAnswers, answers_of, two_models
from vidrobust.footage.labels.matching import outside
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.detection import DETECTION
from vidrobust.metrics.metric import Task
from vidrobust.pipeline.run import OpenRun
from vidrobust.run_folder.reader import with_parts
from vidrobust.stages.stability import known_boxes
from vidrobust.statistics.clusters import clusters_of_rows
from vidrobust.tables import schema as tables
from vidrobust.text.phrases import nouns, plural

NAMES_SAID = 5
MADE = ("label_answers", "neighbour_accuracy")
# The table of a task that has each frame that was looked at.
SEEN = {CLASSIFICATION.name: "frames", DETECTION.name: "box_counts"}
# every table that is made where there are labels
TABLES = (*MADE, "model_pairs", *DETECTION.labelled, "task_truth")


def judged(run: OpenRun, task: Task, raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables that labels add for the models of a task, and rows of ``stability``."""
    judges = {CLASSIFICATION.name: _answers, DETECTION.name: known_boxes.judge}
    if task.name not in judges:
        return {} if task.judge is None else dict(task.judge(run, raw))
    if not len(run.inputs.known.labels):
        return {}
    _say_outside(run, raw[SEEN[task.name]])
    return judges[task.name](run, raw)


def _say_outside(run: OpenRun, seen: pd.DataFrame) -> None:
    asked = run.settings.start_s, run.settings.end_s
    windows = {
        item.name: (
            asked[0] if item.start_s is None else item.start_s,
            asked[1] if item.end_s is None else item.end_s,
        )
        for item in run.inputs.items
    }
    lost = outside(run.inputs.known.labels, seen.drop_duplicates(["item", "frame"]), windows)
    run.folder.update(labels_outside=lost.as_dict() | {"sentence": lost.sentence()})
    if lost.sentence():
        run.reporter.warn(lost.sentence())


def _answers(run: OpenRun, raw: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    known = run.inputs.known
    frames, probabilities = raw["frames"], raw["probabilities"]
    found: dict[str, JudgedAnswers] = {}
    for model in (model for model in run.models if model.task == CLASSIFICATION.name):
        mine = [table[table["model"] == model.name] for table in (frames, probabilities)]
        found[model.name] = answers_of(
            mine[0], mine[1], known.labels, model.class_names, sets=known.sets, judged_by=known.judged_by
        )
        _say(run, model.name, len(mine[0]), found[model.name])
    lost = known.lost + max((each.lost for each in found.values()), default=0)
    if lost:
        run.reporter.warn(
            f"not in the footage: {plural(lost, 'frame')} about anchors; pm-k is easier to pass without them"
        )
    notes = {name: _note(frames, name, each, known.lost) for name, each in found.items()}
    run.folder.update(judged={**run.folder.run.get("judged", {}), **notes})
    made = {name: [getattr(each, name) for each in found.values()] for name in MADE}
    filled = {name: [part for part in parts if len(part)] for name, parts in made.items()}
    parts_of = dict(zip(frames["item"], frames["part"], strict=True)) if "part" in frames else {}
    summary = {
        name: with_parts(pd.concat(parts, ignore_index=True), parts_of)
        for name, parts in filled.items()
        if parts
    }
    if "label_answers" in summary:
        summary["model_pairs"] = _of_two(summary["label_answers"], list(found), run.settings.seed)
    if "neighbour_accuracy" in summary:
        summary["neighbour_accuracy"] = with_all_right(summary["neighbour_accuracy"])
    return summary


def write(run: OpenRun, found: Mapping[str, pd.DataFrame]) -> None:
    for name in TABLES:
        run.folder.write_table(name, found.get(name, tables.empty(name)))


def with_all_right(neighbours: pd.DataFrame) -> pd.DataFrame:
    """Add ``all_right``: whether every model gets the anchor right; NaN with one model.

    On its own right anchors a weak model is judged on easy ones; on common anchors all are judged alike.
    """
    if neighbours["model"].nunique() < 2:
        return neighbours.assign(all_right=np.nan)
    right = neighbours.groupby(["item", "frame_a"])["anchor_right"].transform("all")
    return neighbours.assign(all_right=right.astype(np.float64))


def _of_two(answers: pd.DataFrame, models: Sequence[str], seed: int) -> pd.DataFrame:
    rows = []
    for a, b in itertools.combinations(models, 2):
        first, second = (answers[answers["model"] == name] for name in (a, b))
        both = first.merge(second[["item", "frame", "top1"]], on=["item", "frame"], suffixes=("_a", "_b"))
        old, new = (both[f"top1_{side}"].to_numpy(np.float64) > 0 for side in "ab")
        clusters = clusters_of_rows(both)
        found = two_models(old, new, clusters, seed=seed)
        row: dict[str, object] = {"model_a": a, "model_b": b, "n": len(both), "clusters": clusters.count}
        row |= {"right_a": old.mean() if len(old) else np.nan, "right_b": new.mean() if len(new) else np.nan}
        row |= {"kappa": found.kappa.value, "kappa_low": found.kappa.low, "kappa_high": found.kappa.high}
        row |= {"observed": found.observed, "expected": found.expected}
        for name, of in (
            ("negative", found.negative_flips),
            ("positive", found.positive_flips),
            ("difference", found.difference),
        ):
            value = name if name == "difference" else f"{name}_flips"
            row |= {value: of.value, f"{name}_low": of.low, f"{name}_high": of.high}
        rows.append({**row, "relative_nfr": found.relative_nfr, "mcnemar_p": found.mcnemar_p})
    return tables.of_rows("model_pairs", rows)


def _note(frames: pd.DataFrame, model: str, found: JudgedAnswers, lost: int) -> dict[str, object]:
    return {
        "frames": int((frames["model"] == model).sum()),
        "labelled": len(found.label_answers),
        "anchors": int(found.label_answers["pm0"].notna().sum()),
        "lost": lost + found.lost,
        "unjudged": found.unjudged,
        "unknown": dict(found.unknown),
    }


def _say(run: OpenRun, model: str, frames: int, found: JudgedAnswers) -> None:
    anchors = int(found.label_answers["pm0"].notna().sum())
    run.reporter.say(
        f"{model}: {len(found.label_answers)} of {frames} frames have labels, {anchors} are anchors"
    )
    if found.unknown:
        names = nouns("label", list(found.unknown)[:NAMES_SAID])
        more = f" and {len(found.unknown) - NAMES_SAID} more" if len(found.unknown) > NAMES_SAID else ""
        run.reporter.warn(
            f"{model}: has no class for the {names}{more}; left out: "
            f"{plural(found.unjudged, 'frame')} without another label"
        )
