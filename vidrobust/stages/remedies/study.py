"""The cheap rows of a run: every rule and every silence of every model, from tables that are there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import assign, ious
from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.tracks.item_boxes import ItemBoxes, item_boxes
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.remedies import truth
from vidrobust.stages.remedies.answers import answers_of
from vidrobust.stages.remedies.box_rows import (
    HEADLINE,
    BoxStudy,
    TimedBoxes,
    agreement,
    box_rows,
    recommended_boxes,
    rows_against,
)
from vidrobust.stages.remedies.label_rows import (
    FLIPS,
    LabelStudy,
    agreement_of,
    costs_of,
    flips_after,
    rows_against_own,
    rule_rows,
    silence_rows,
)
from vidrobust.stages.remedies.recommend import Recommended, recommended
from vidrobust.stages.remedies.row import Costs, row
from vidrobust.stages.replays.names import CONTROL, SHARED
from vidrobust.stages.stability.along import along_time
from vidrobust.statistics.ratios import RatioVerdict

IMPOSSIBLE: Mapping[str, str] = {
    "sharper-focus": "not possible: what blur took away is not in the footage",
    "higher-resolution": "not possible: details that were not recorded are not in the footage",
    "no-keyframe-pulse": "not possible: the footage before coding is not available",
}  # What cannot be replayed from footage


def input_rows(
    study: LabelStudy, replayed: pd.DataFrame, arms: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """A row for each remedy and metric; of what could not be replayed a row that says why."""
    model = study.answers[0].model
    about = {str(arm["remedy"]): arm for arm in arms if arm["model"] == model}
    for name in SHARED:
        yield from _remedy(study, replayed, about, name)
    for name, why in IMPOSSIBLE.items():
        yield row("input", name, model, FLIPS, None, Costs(), why)


def _remedy(
    study: LabelStudy,
    replayed: pd.DataFrame,
    about: Mapping[str, Mapping[str, Any]],
    name: str,
) -> Iterator[dict[str, Any]]:
    arm = about.get(name)
    labels = _labels(study, replayed, name, same=bool(arm and arm["same"]))
    if labels is None or arm is None:
        note = str(arm["note"]) if arm else "not replayed"
        yield row("input", name, study.answers[0].model, FLIPS, None, Costs(), note)
        return
    costs = Costs(
        delay_frames=0,
        delay_ms=0,
        cost_ms=float(arm["cost_ms"]),
        agreement=agreement_of(study, labels),
        **truth.costs(study.answers, study.right, labels, 1),
    )
    control = _labels(study, replayed, CONTROL) if name == "steady-camera" else None
    yield from rows_against_own(study, "input", name, labels, costs, str(arm["note"]), control)


def _labels(
    study: LabelStudy, replayed: pd.DataFrame, name: str, *, same: bool = False
) -> list[np.ndarray] | None:
    mine = replayed[replayed["remedy"] == name]
    if mine.empty:
        return [answers.label for answers in study.answers] if same else None
    found = []
    of_item = dict(list(mine.groupby("item", sort=False)))
    for answers in study.answers:
        rows = of_item.get(answers.item)
        labels = answers.label
        if rows is not None:
            labels = rows.set_index("frame")["label"].reindex(answers.frame).to_numpy(np.float64)
            labels = np.where(np.isnan(labels), answers.label, labels).astype(np.int64)
        found.append(labels)
    return found


# Overlap from which a box of a replay is the detector's own one, whose motion it then has
SAME_BOX = 0.5


def replayed_box_rows(
    study: BoxStudy,
    frames: Mapping[str, pd.DataFrame],
    replayed: pd.DataFrame,
    arms: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """A row for each remedy and metric; of what could not be tried a row that says why."""
    about = {str(arm["remedy"]): arm for arm in arms if arm["model"] == study.model}
    shown = {
        name: _shown(study, frames, replayed[replayed["remedy"] == name], set(arm["shown"]))
        for name, arm in about.items()
        if arm["shown"] or arm["same"]
    }
    measured = {name: study.measured(boxes, study.settings) for name, boxes in shown.items()}
    for name in SHARED:
        if name not in measured:
            note = str(about[name]["note"]) if name in about else "not replayed"
            yield row("input", name, study.model, HEADLINE, None, Costs(), note)
            continue
        costs = Costs(
            delay_frames=0,
            delay_ms=0,
            cost_ms=float(about[name]["cost_ms"]),
            agreement=agreement(study.given, study.on_objects(shown[name])),
            **study.details(shown[name]),
        )
        control = measured.get(CONTROL) if name == "steady-camera" else None
        note, before, after = str(about[name]["note"]), study.before, measured[name]
        yield from rows_against(study, name, "input", before, after, costs, note, control)
    for name, why in IMPOSSIBLE.items():
        yield row("input", name, study.model, HEADLINE, None, Costs(), why)


def _shown(
    study: BoxStudy, frames: Mapping[str, pd.DataFrame], replayed: pd.DataFrame, items: set[str]
) -> list[ItemBoxes]:
    of_item = dict(list(replayed.groupby("item", sort=False)))
    found = []
    for seen in study.seen:
        if seen.item not in items:
            found.append(seen.boxes)
            continue
        rows = of_item.get(seen.item, replayed.iloc[:0])
        rows = rows.assign(shift_x=np.nan, shift_y=np.nan, own_track=-1, shape="")
        boxes = item_boxes(rows, frames[seen.item], seen.boxes.size)
        found.append(dataclasses.replace(boxes, shift=_shifts(boxes, seen.boxes)))
    return found


def _shifts(boxes: ItemBoxes, own: ItemBoxes) -> np.ndarray:
    """How far the pixels in each box move, as measured in the same box of the detector, (D, 2); else NaN."""
    shift = np.full((len(boxes.frame), 2), np.nan)
    here, there = boxes.bounds, own.bounds
    for frame in range(boxes.num_frames):
        a, b = slice(here[frame], here[frame + 1]), slice(there[frame], there[frame + 1])
        i, j, overlap = ious(boxes.boxes[a], own.boxes[b])
        near = overlap >= SAME_BOX
        i, j, overlap = i[near], j[near], overlap[near]
        if not len(i):
            continue
        pairs = assign(i, j, overlap)
        shift[here[frame] + i[pairs]] = own.shift[there[frame] + j[pairs]]
    return shift


@dataclass(frozen=True, kw_only=True)
class FootageTables:
    """What the tables of a run say of its footage; ``sizes`` are height and width, px.

    ``frame_rates`` are those of the files; detectors need them.
    """

    transitions: pd.DataFrame
    sizes: Mapping[str, tuple[int, int]]
    parts: Mapping[str, str]
    labels: pd.DataFrame
    frame_rates: Mapping[str, float] = field(default_factory=dict)
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    replayed: pd.DataFrame | None = None
    replayed_boxes: pd.DataFrame | None = None
    arms: Sequence[Mapping[str, Any]] = ()
    known_boxes: pd.DataFrame | None = None


@dataclass(frozen=True)
class Studied:
    """One model: its rows, the rule to use, and what rules need to know besides their names."""

    rows: list[dict[str, Any]]
    recommended: Recommended
    rest: int = -1


def study_classifier(
    model: str,
    tables: Mapping[str, pd.DataFrame],
    footage: FootageTables,
    *,
    max_delay_ms: float,
) -> Studied:
    """A classifier, from the tables frames, pairs, triples and probabilities."""
    study = classifier_study(model, tables, footage)
    rows = [*rule_rows(study), *silence_rows(study)]
    if footage.replayed is not None:
        mine = footage.replayed[footage.replayed["model"] == model]
        rows += input_rows(study, mine, footage.arms)
    after = {
        name: flips_after(study.flips, np.concatenate([each.labels for each in played]))
        for name, played in study.played.items()
    }
    delay_ms = {name: _worst_delay_ms(study, name) for name in after}
    found = recommended(after, study.flips.before, study.flips.clusters, delay_ms, max_delay_ms)
    return Studied(marked(rows, found, FLIPS), found, study.rest)


def classifier_study(
    model: str, tables: Mapping[str, pd.DataFrame], footage: FootageTables
) -> LabelStudy:
    """What the rows of a classifier are made of."""
    mine = {name: table[table["model"] == model] for name, table in tables.items()}
    parts = dict(footage.parts)
    answers = answers_of(mine["frames"], mine["probabilities"], footage.transitions, parts)
    names = footage.class_names.get(model)
    right = truth.right_of(answers, footage.labels, names) if names and len(footage.labels) else []
    return LabelStudy(
        answers=answers,
        pairs=mine["pairs"],
        triples=mine["triples"],
        parts=parts,
        right=right,
    )


def _worst_delay_ms(study: LabelStudy, name: str) -> float:
    costs = costs_of(study, name)
    return costs.delay_ms if np.isfinite(costs.delay_ms) and not costs.unreported else np.inf


def study_detector(
    model: str,
    detections: pd.DataFrame,
    footage: FootageTables,
    settings: Settings,
    *,
    max_delay_ms: float,
) -> Studied:
    """A detector, from its boxes."""
    study = detector_study(model, detections, footage, settings)
    found = recommended_boxes(study, max_delay_ms)
    rows = list(box_rows(study))
    if footage.replayed_boxes is not None:
        again = footage.replayed_boxes[footage.replayed_boxes["model"] == model]
        of_item = {str(i): own for i, own in footage.transitions.groupby("item", sort=False)}
        rows += replayed_box_rows(study, of_item, again, footage.arms)
    return Studied(marked(rows, found, HEADLINE), found)


def detector_study(
    model: str, detections: pd.DataFrame, footage: FootageTables, settings: Settings
) -> BoxStudy:
    """What the rows of a detector are made of."""
    mine = detections[detections["model"] == model]
    names = dict(zip(mine["label"].tolist(), mine["label_name"].tolist(), strict=True))
    seen = []
    for item, rows in footage.transitions.groupby("item", sort=False):
        boxes = item_boxes(mine[mine["item"] == item], rows, footage.sizes[str(item)])
        known = None
        if footage.known_boxes is not None:
            of = footage.known_boxes[
                (footage.known_boxes["item"] == item) & (footage.known_boxes["model"] == model)
            ]
            place = pd.Series(np.arange(len(rows)), index=rows["frame"].to_numpy())
            known = (
                place.loc[of["frame"]].to_numpy(np.int64),
                of[["x1", "y1", "x2", "y2"]].to_numpy(np.float64),
            )
        time_s = rows["time_s"].to_numpy(np.float64)
        tracks = along_time(settings, footage.frame_rates[str(item)]).tracks.of_classes(names)
        part = footage.parts.get(str(item), "")
        seen.append(TimedBoxes(str(item), part, boxes, time_s, tracks, known))
    return BoxStudy(model, seen)


def marked(rows: list[dict[str, Any]], found: Recommended, metric: str) -> list[dict[str, Any]]:
    """The rows, that of the rule to use marked where it is shown to help on held-out footage."""
    rule = found.rule if found.verdict == RatioVerdict.HELPS else ""
    return [
        {**row, "recommended": row["remedy"] == rule and row["metric"] == metric} for row in rows
    ]


def is_classifier(record: Mapping[str, Any]) -> bool:
    """Whether a model of run.json answers with classes."""
    return str(record["task"]) == CLASSIFICATION.name
