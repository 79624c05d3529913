"""The cheap rows of a run: every rule of every model, from tables that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.tracks.item_boxes import item_boxes
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.remedies import truth
from vidrobust.stages.remedies.answers import answers_of
from vidrobust.stages.remedies.box_rows import (
    HEADLINE,
    BoxStudy,
    TimedBoxes,
    box_rows,
    recommended_boxes,
)
from vidrobust.stages.remedies.label_rows import (
    FLIPS,
    LabelStudy,
    costs_of,
    flips_after,
    rule_rows,
)
from vidrobust.stages.remedies.recommend import Recommended, recommended
from vidrobust.statistics.ratios import RatioVerdict


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
    known_boxes: pd.DataFrame | None = None


@dataclass(frozen=True)
class Studied:
    """One model: its rows, the rule to use, what rules need to know besides their names, and what rows are made of."""

    rows: list[dict[str, Any]]
    recommended: Recommended
    rest: int = -1
    study: LabelStudy | BoxStudy | None = None


def study_classifier(
    model: str,
    tables: Mapping[str, pd.DataFrame],
    footage: FootageTables,
    *,
    max_delay_ms: float,
) -> Studied:
    """A classifier, from the tables frames, pairs, triples and probabilities."""
    study = classifier_study(model, tables, footage)
    rows = [*rule_rows(study)]
    after = {
        name: flips_after(study.flips, np.concatenate([item.labels for item in played]))
        for name, played in study.played.items()
    }
    delay_ms = {name: _worst_delay_ms(study, name) for name in after}
    advice = recommended(after, study.flips.before, study.flips.clusters, delay_ms, max_delay_ms)
    return Studied(marked(rows, advice, FLIPS), advice, study.rest, study)


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
    advice = recommended_boxes(study, max_delay_ms)
    rows = list(box_rows(study))
    return Studied(marked(rows, advice, HEADLINE), advice, study=study)


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
        tracks = settings.along_time(footage.frame_rates[str(item)]).tracks.of_classes(names)
        part = footage.parts.get(str(item), "")
        seen.append(TimedBoxes(str(item), part, boxes, time_s, tracks, known))
    return BoxStudy(model, seen)


def marked(rows: list[dict[str, Any]], advice: Recommended, metric: str) -> list[dict[str, Any]]:
    """The rows, that of the rule to use marked where it is shown to help on held-out footage."""
    rule = advice.rule if advice.verdict == RatioVerdict.HELPS else ""
    return [
        {**row, "recommended": row["remedy"] == rule and row["metric"] == metric} for row in rows
    ]
