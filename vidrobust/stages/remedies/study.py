"""The cheap rows of a run: every rule and every silence of every model, from tables that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.metrics.tracks.tables import item_boxes
from vidrobust.stages.remedies import compared, truth
from vidrobust.stages.remedies.answers import answers_of
from vidrobust.stages.remedies.box_rows import HEADLINE, BoxStudy, Seen, box_rows, recommended_boxes
from vidrobust.stages.remedies.input_rows import input_rows
from vidrobust.stages.remedies.label_rows import FLIPS, Study, costs_of, rule_rows, silence_rows
from vidrobust.stages.remedies.recommend import Recommended, recommended
from vidrobust.stages.remedies.replayed_boxes import replayed_box_rows


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What the tables of a run say of its footage.

    transitions  that table
    sizes        input -> height and width, px
    parts        input -> the part that it shows, where known
    labels       the table ``labels``
    class_names  of each classifier, where there are labels
    replayed     the table ``replayed_answers``, and ``replayed_boxes``; None where footage was not replayed
    arms         of replays.json
    """

    transitions: pd.DataFrame
    sizes: Mapping[str, tuple[int, int]]
    parts: Mapping[str, str]
    labels: pd.DataFrame
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    replayed: pd.DataFrame | None = None
    replayed_boxes: pd.DataFrame | None = None
    arms: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Studied:
    """One model: its rows, the rule to use, and what rules need to know besides their names."""

    rows: list[dict[str, Any]]
    recommended: Recommended
    rest: int = -1


def study_classifier(
    model: str, tables: Mapping[str, pd.DataFrame], footage: Footage, *, window: int, max_delay_ms: float
) -> Studied:
    """A classifier, from the tables frames, pairs, triples and probabilities."""
    study = classifier_study(model, tables, footage, window=window)
    rows = [*rule_rows(study), *silence_rows(study)]
    if footage.replayed is not None:
        mine = footage.replayed[footage.replayed["model"] == model]
        rows += input_rows(study, mine, footage.arms)
    after = {
        name: compared.flips_after(study.flips, np.concatenate([each.labels for each in played]))
        for name, played in study.played.items()
    }
    delay_ms = {name: _worst_delay_ms(study, name) for name in after}
    found = recommended(after, study.flips.before, study.flips.clusters, delay_ms, max_delay_ms)
    return Studied(marked(rows, found.rule, FLIPS), found, study.rest)


def classifier_study(
    model: str, tables: Mapping[str, pd.DataFrame], footage: Footage, *, window: int
) -> Study:
    """What the rows of a classifier are made of."""
    mine = {name: table[table["model"] == model] for name, table in tables.items()}
    parts = dict(footage.parts)
    answers = answers_of(mine["frames"], mine["probabilities"], footage.transitions, parts)
    names = footage.class_names.get(model)
    right = truth.right_of(answers, footage.labels, names) if names and len(footage.labels) else []
    return Study(
        answers=answers,
        pairs=mine["pairs"],
        triples=mine["triples"],
        window=window,
        parts=parts,
        right=right,
    )


def _worst_delay_ms(study: Study, name: str) -> float:
    """The worst delay, ms; infinite where it is not known, or where a lasting change is never reported."""
    costs = costs_of(study, name)
    return costs.delay_ms if np.isfinite(costs.delay_ms) and not costs.unreported else np.inf


def study_detector(
    model: str,
    detections: pd.DataFrame,
    footage: Footage,
    settings: TrackSettings,
    *,
    window: int,
    max_delay_ms: float,
) -> Studied:
    """A detector, from its boxes."""
    study = detector_study(model, detections, footage, settings, window=window)
    found = recommended_boxes(study, max_delay_ms)
    rows = list(box_rows(study))
    if footage.replayed_boxes is not None:
        again = footage.replayed_boxes[footage.replayed_boxes["model"] == model]
        of_item = {str(i): own for i, own in footage.transitions.groupby("item", sort=False)}
        rows += replayed_box_rows(study, of_item, again, footage.arms)
    return Studied(marked(rows, found.rule, HEADLINE), found)


def detector_study(
    model: str, detections: pd.DataFrame, footage: Footage, settings: TrackSettings, *, window: int
) -> BoxStudy:
    """What the rows of a detector are made of."""
    mine = detections[detections["model"] == model]
    seen = []
    for item, rows in footage.transitions.groupby("item", sort=False):
        boxes = item_boxes(mine[mine["item"] == item], rows, footage.sizes[str(item)])
        seen.append(
            Seen(str(item), footage.parts.get(str(item), ""), boxes, rows["time_s"].to_numpy(np.float64))
        )
    return BoxStudy(model, seen, settings, window)


def marked(rows: list[dict[str, Any]], rule: str, metric: str) -> list[dict[str, Any]]:
    """The rows, that of the rule to use marked."""
    return [{**row, "recommended": row["remedy"] == rule and row["metric"] == metric} for row in rows]


def is_classifier(record: Mapping[str, Any]) -> bool:
    """Whether a model of run.json answers with classes."""
    return str(record["task"]) == CLASSIFICATION.name
