"""Rows of the table ``remedies`` on corrected footage, each against doing nothing, and what the answer says of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import assign, ious
from vidrobust.metrics.tracks.item_boxes import ItemBoxes, item_boxes
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.corrected_footage.names import CONTROL, FILE, SHARED
from vidrobust.stages.remedies import truth
from vidrobust.stages.remedies.answers import ItemAnswers
from vidrobust.stages.remedies.box_rows import HEADLINE, BoxStudy, agreement, rows_against
from vidrobust.stages.remedies.catalogue import title
from vidrobust.stages.remedies.inputs import Effort, RemedyKind
from vidrobust.stages.remedies.label_rows import (
    FLIPS,
    LabelStudy,
    agreement_of,
    flips_after,
    rows_against_own,
)
from vidrobust.stages.remedies.row import Costs, row
from vidrobust.statement import Level, Question, Statement
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.ratios import PairedRatio, RatioVerdict, paired_ratio
from vidrobust.text.numbers import known, percent, percent_with_interval
from vidrobust.text.phrases import capital

SOFTWARE = Effort(2, "work on the pictures")
BUY = Effort(4, "hardware at the line")
KINDS: Mapping[str, RemedyKind] = {
    "less-noise": RemedyKind("less noise in the picture", SOFTWARE),
    "steady-camera": RemedyKind("a camera that stands still", BUY),
    "level-light": RemedyKind("light that does not drift", BUY),
    "no-flicker": RemedyKind("light that does not flicker", BUY),
    "sharper-focus": RemedyKind("a sharper picture", BUY),
    "higher-resolution": RemedyKind("a camera of higher resolution", BUY),
    "no-keyframe-pulse": RemedyKind("a recording without keyframes", BUY),
}
IMPOSSIBLE: Mapping[str, str] = {
    "sharper-focus": "not possible: what blur took away is not in the footage",
    "higher-resolution": "not possible: details that were not recorded are not in the footage",
    "no-keyframe-pulse": "not possible: the footage before coding is not available",
}  # What cannot be replayed from footage
# Overlap from which a box of a replay is the detector's own one, whose motion it then has
SAME_BOX = 0.5

Facts = Mapping[str, Any]  # what ``ask`` noted of one correction and model
Rows = Iterator[dict[str, Any]]


def rows(run: OpenRun, study: LabelStudy | BoxStudy) -> Rows:
    """Yield a row for each correction and metric; of what could not be tried a row that says why."""
    arms = run.folder.read_json(FILE)["arms"] if (run.path / FILE).is_file() else []
    if not arms or not all("shown" in arm for arm in arms):  # or they are of an earlier version
        return
    about = {str(arm["remedy"]): arm for arm in arms if arm["model"] == study.model}
    asked = {name: arm for name, arm in about.items() if arm["shown"] or arm["same"]}
    if isinstance(study, LabelStudy):
        metric, of = FLIPS, _label_rows(run, study, asked)
    else:
        metric, of = HEADLINE, _box_rows(run, study, asked)
    for name in SHARED:
        if name in asked:
            yield from of(name)
        else:
            note = str(about[name]["note"]) if name in about else "not replayed"
            yield row("input", name, study.model, metric, None, Costs(), note)
    for name, why in IMPOSSIBLE.items():
        yield row("input", name, study.model, metric, None, Costs(), why)


def _costs(arm: Facts, **more: Any) -> Costs:
    return Costs(delay_frames=0, delay_ms=0, cost_ms=float(arm["cost_ms"]), **more)


def _against_control(rows: Iterable[dict[str, Any]], of: Callable[[str], PairedRatio]) -> Rows:
    """Rows with the larger of two p-values: each must differ from doing nothing and from the control."""
    for line in rows:
        p = of(line["metric"]).p
        yield line if np.isnan(p) else {**line, "p": max(line["p"], p)}


def _label_rows(
    run: OpenRun, study: LabelStudy, asked: Mapping[str, Facts]
) -> Callable[[str], Rows]:
    table = run.table("replayed_answers")
    replayed = table[table["model"] == study.model]

    def labels_of(name: str) -> list[np.ndarray]:
        of_item = dict(list(replayed[replayed["remedy"] == name].groupby("item", sort=False)))
        return [_labels(answers, of_item.get(answers.item)) for answers in study.answers]

    def of(name: str) -> Rows:
        labels, note = labels_of(name), str(asked[name]["note"])
        right = truth.costs(study.answers, study.right, labels, 1)
        costs = _costs(asked[name], agreement=agreement_of(study, labels), **right)
        if name != "steady-camera" or not (replayed["remedy"] == CONTROL).any():
            return rows_against_own(study, "input", name, labels, costs, note)
        softened = flips_after(study.flips, np.concatenate(labels_of(CONTROL)))
        after, units = flips_after(study.flips, np.concatenate(labels)), study.flips.clusters
        against = paired_ratio(softened, after, units, events=True)
        if not np.isnan(against.p):
            note = f"{note}; shifting all frames alike leaves {100 * softened.mean():.3g} %"
        mine = rows_against_own(study, "input", name, labels, costs, note)
        return _against_control(mine, lambda m: against if m == FLIPS else PairedRatio.unknown())

    return of


def _labels(answers: ItemAnswers, replayed: pd.DataFrame | None) -> np.ndarray:
    """(N,) the labels on the replay; the model's own where there was nothing to correct."""
    if replayed is None:
        return answers.label
    labels = replayed.set_index("frame")["label"].reindex(answers.frame).to_numpy(np.float64)
    return np.where(np.isnan(labels), answers.label, labels).astype(np.int64)


def _box_rows(run: OpenRun, study: BoxStudy, asked: Mapping[str, Facts]) -> Callable[[str], Rows]:
    table, transitions = run.table("replayed_boxes"), run.table("transitions")
    frames = {str(item): rows for item, rows in transitions.groupby("item", sort=False)}
    replayed = table[table["model"] == study.model]
    shown = {
        name: _shown(study, frames, replayed[replayed["remedy"] == name], set(arm["shown"]))
        for name, arm in asked.items()
    }
    measured = {name: study.measured(boxes, study.settings) for name, boxes in shown.items()}

    def of(name: str) -> Rows:
        alike = agreement(study.given, study.on_objects(shown[name]))
        costs = _costs(asked[name], agreement=alike, **study.details(shown[name]))
        note, after = str(asked[name]["note"]), measured[name]
        mine = rows_against(study, name, "input", study.before, after, costs, note)
        if name != "steady-camera" or CONTROL not in measured:
            return mine
        return _against_control(mine, lambda m: study.ratio(m, measured[CONTROL], after))

    return of


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


def statements(model: str, rows: pd.DataFrame) -> Iterator[Statement]:
    """What the footage without one of its causes would give: measured by replaying it so."""
    tried, n = rows[rows["kind"] == "input"], int(rows["n"].max()) if len(rows) else 0
    if tried.empty or not (rows["before"] > 0).any() or n < FEWEST_ROWS:
        return
    # nothing is bought that makes answers surely worse
    helps = tried[(tried["verdict"] == RatioVerdict.HELPS) & ~(tried["accuracy_high"] < 0)]
    if helps.empty:
        text = (
            "No change at the station that was tried is shown to help; more flips would settle it."
        )
        level, kind = Level.MEASURED, "station_open"
        yield Statement(Question.STATION, text, level, kind, model, n=n, is_open=True)
        return
    best = helps.loc[helps["ratio"].idxmin()]
    left = percent_with_interval(best["ratio"], best["low"], best["high"])
    same = best["agreement"]
    kept = f"; {percent(same)} of the frames keep their answer" if known(same) else ""
    what = capital(title(str(best["remedy"])))
    yield Statement(
        question=Question.STATION,
        text=f"{what}: replayed so, the footage keeps {left} of its flips{kept}.",
        level=Level.TRIED,
        kind="station_tried",
        model=model,
        value=best["ratio"],
        low=best["low"],
        high=best["high"],
        n=int(best["n"]),
    )
