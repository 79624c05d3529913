"""Rows of a detector whose footage was played again, or whose boxes were chosen otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import assign, ious
from vidrobust.metrics.tracks.item_boxes import ItemBoxes
from vidrobust.metrics.tracks.measures import Measures
from vidrobust.metrics.tracks.tables import item_boxes
from vidrobust.stages.remedies.box_rows import HEADLINE, METRICS, BoxStudy, agreement, rows_against
from vidrobust.stages.remedies.input_rows import IMPOSSIBLE
from vidrobust.stages.remedies.row import Costs, Kind, row
from vidrobust.stages.replays.names import CONTROL, NETWORKS, RESIZES, SHARED
from vidrobust.statistics.ratios import PairedRatio, ratio_in_clusters

NOT_FOR_BOXES = "not measured: a detector's own resize is part of how it places boxes"
NOT_FOR_DETECTORS = "not measured: networks are changed for classifiers"
SAME_BOX = 0.5
"""Overlap from which a box of a replay is the detector's own one, whose motion it then has."""


def replayed_box_rows(
    study: BoxStudy,
    frames: Mapping[str, pd.DataFrame],
    replayed: pd.DataFrame,
    arms: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """A row a remedy and metric; of what could not be tried a row that says why.

    frames    item -> its rows of the table ``transitions``; replayed: rows of ``replayed_boxes`` of the model
    arms      the model's entries in replays.json
    """
    about = {str(arm["remedy"]): arm for arm in arms if arm["model"] == study.model}
    shown = {
        name: _shown(study, frames, replayed[replayed["remedy"] == name], set(arm["shown"]))
        for name, arm in about.items()
        if arm["shown"] or arm["same"]
    }
    measured = {name: study.measured(boxes, study.settings) for name, boxes in shown.items()}
    others = [name for name in about if name not in (*SHARED, CONTROL)]
    for name in (*SHARED, *sorted(others)):
        kind: Kind = "input" if name in SHARED else "candidates"
        if name not in measured:
            note = str(about[name]["note"]) if name in about else "not replayed"
            yield row(kind, name, study.model, HEADLINE, None, Costs(), note)
            continue
        control = measured.get(CONTROL) if name == "steady-camera" else None
        yield from _rows(study, name, kind, shown[name], (measured[name], control), about[name])
    for name, why in {**dict.fromkeys(RESIZES, NOT_FOR_BOXES), **IMPOSSIBLE}.items():
        yield row("input", name, study.model, HEADLINE, None, Costs(), why)
    for name in NETWORKS:
        yield row("network", name, study.model, HEADLINE, None, Costs(), NOT_FOR_DETECTORS)


def _rows(
    study: BoxStudy,
    name: str,
    kind: Kind,
    shown: Sequence[ItemBoxes],
    measures: tuple[Sequence[Measures], Sequence[Measures] | None],
    about: Mapping[str, Any],
) -> Iterator[dict[str, Any]]:
    costs = Costs(
        delay_frames=0,
        delay_ms=0,
        cost_ms=float(about["cost_ms"]),
        agreement=agreement(study.given, study.on_objects(shown)),
    )
    after, control = measures
    for found in rows_against(study, name, kind, study.before, after, costs, str(about["note"])):
        if control is not None:
            against = _against(study, str(found["metric"]), control, after)
            found["p"] = max(found["p"], against.p) if against.p == against.p else found["p"]
        yield found


def _against(
    study: BoxStudy, metric: str, before: Sequence[Measures], after: Sequence[Measures]
) -> PairedRatio:
    """The remedy against every frame shifted alike, from which it must differ, too."""
    first, second = (study.values(metric, side) for side in (before, after))
    labels = np.concatenate([first[1], second[1]])
    return ratio_in_clusters(first[0], second[0], study.clusters.of_labels(labels), events=METRICS[metric][2])


def _shown(
    study: BoxStudy, frames: Mapping[str, pd.DataFrame], replayed: pd.DataFrame, items: set[str]
) -> list[ItemBoxes]:
    """Of each input its boxes now; the detector's own where nothing was to be done."""
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
    """(D, 2) how far the pixels in each box move, as measured in the box of the detector that it is; else NaN."""
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
