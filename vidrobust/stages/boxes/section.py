"""Detectors in the report: numbers, thresholds, and the worst moments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import KINDS
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.tracks.states import FAULTS
from vidrobust.report.drawing import Picture
from vidrobust.report.glossary import phrase
from vidrobust.report.pictures import BUDGET_BYTES, Pictures
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.sensitivity.changes import Changes, SensitivityCurve
from vidrobust.stages.stability.labels_section import cell, three_panels
from vidrobust.stages.stability.rates import overall
from vidrobust.stages.stability.section import rows_of
from vidrobust.text.numbers import NOT_MEASURED, clock, known, number, percent, percent_interval

MOVES = ("lost", "new", "renamed", "moved")
LEAST_KIND = 0.01  # A rarer kind of error is not shown


def numbers(run: RunTables) -> list[dict[str, Any]]:
    """Return every metric of the detectors over all items, with a text per model."""
    stability = run.table("stability")
    if stability is None or not run.detectors:
        return []
    metrics = (metric for metric in metrics_of("detection") if not metric.of_labels)
    return [*rows_of(stability, run.detectors, metrics), _floor(run, stability)]


def _floor(run: RunTables, stability: pd.DataFrame) -> dict[str, Any]:
    values = []
    for model in run.detectors:
        changed = overall(stability, model, "noise_floor_boxes_changed")
        text = NOT_MEASURED
        if known(changed["value"]):
            text = (
                f"{percent(changed['value'])} of the boxes at most"
                if changed["value"]
                else "no box changes"
            )
        values.append({"text": text, "n": f"n = {int(changed['n'])}"})
    sentence = "The same picture tested again in different batches: how many of its boxes differ."
    return {"name": "noise floor", "sentence": sentence, "values": values}


def by_group(run: RunTables) -> list[dict[str, str]]:
    """Return uncovered frames, renames and jitter by class and size."""
    table = run.rows("stability_by")
    of = table[table["model"].isin(run.detectors)]
    rows = []
    for (model, by, group), part in of.groupby(["model", "by", "group"], sort=False):
        value = part.set_index("metric")
        if "uncovered_rate" not in value.index:
            continue
        row = {"model": str(model), "by": str(by), "group": str(group)}
        for name in ("uncovered_rate", "flip_rate", "center_jitter"):
            row[name] = cell(value, name)["text"]
        row["n"] = str(int(value.loc["uncovered_rate", "n"]))
        rows.append(row)
    return rows


def sensitivity_rows(run: RunTables) -> list[dict[str, str]]:
    """Return what each perturbation does to boxes, at its mildest and strongest."""
    table = run.rows("sensitivity")
    rows = []
    for model, of in table[table["model"].isin(run.detectors)].groupby("model", sort=False):
        moves: dict[str, dict[str, SensitivityCurve]] = {
            move: {
                curve.perturbation: curve
                for curve in Changes(of, (move,), run.record.parts).curves()
            }
            for move in MOVES
        }
        for name, part in of.groupby("perturbation", sort=False):
            row = {"model": str(model), "perturbation": phrase(str(name)).noun, "kinds": ""}
            for move, curves in moves.items():
                row[move] = _range(curves.get(str(name)))
            lost = moves["lost"].get(str(name))
            row["n"] = str(lost.frames if lost else 0)
            if lost and lost.pools:
                row["kinds"] = _kinds(part[part["strength"].isin(lost.pools[-1].strengths)])
            rows.append(row)
    return rows


def _range(curve: SensitivityCurve | None) -> str:
    """A change from the mildest to the strongest strengths that have ten frames."""
    if curve is None:
        return NOT_MEASURED
    if not curve.pools:
        return "too few frames"
    return percent_interval(curve.pools[0].share.value, curve.pools[-1].share.value)


def _kinds(strongest: pd.DataFrame) -> str:
    mean = strongest.groupby("metric")["value"].mean()
    rates = {kind: float(mean.get(f"tide_{kind}", np.nan)) for kind in KINDS}
    lines = sorted(
        (kind for kind in KINDS if rates[kind] >= LEAST_KIND), key=lambda kind: -rates[kind]
    )
    return ", ".join(f"{kind} {percent(rates[kind])}" for kind in lines)


def moments(run: RunTables) -> list[dict[str, Any]]:
    """Return the worst moments with a tile a frame, as far as there is room for the pictures."""
    pictures = Pictures(run.folder, BUDGET_BYTES // 2)
    return [
        {
            "model": str(moment["model"]),
            "item": str(moment["item"]),
            "when": clock(float(moment["time_b_s"])),
            "what": f"{moment['what']}, after a score of {number(moment.get('score_before'))}",
            "tiles": [
                {
                    "uri": pictures.uri(str(shot.get("picture") or "")),
                    "said": f"frame {shot['frame']}, {float(shot['time_s']):.2f} s",
                    "state": str(shot["state"]),
                    "fault": shot["state"] in (*FAULTS, "renamed"),
                }
                for shot in moment["shots"]
            ],
        }
        for moment in run.json("box_moments.json").get("moments", [])
    ]


def threshold_figure(run: RunTables) -> Picture | None:
    """Draw uncovered frames, objects and jitter over thresholds."""
    curve = run.table("box_curve")
    if curve is None:
        return None
    lines = {}
    for name in run.detectors:
        of = curve[curve["model"] == name]
        rate = of["uncovered"] / of["expected"].where(of["expected"] > 0)
        lines[name] = [
            (of["threshold"], y) for y in (100 * rate, of["tracks"], 100 * of["center_jitter"])
        ]
    return three_panels(
        lines,
        ("frames without a box, %", "objects", "jitter of the centre, % of the size"),
        "Stability of the detectors over thresholds",
        "Stability depends on the score threshold; compare whole curves.",
    )
