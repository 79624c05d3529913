"""Repeatability of a run on footage whose manifest names part and pass."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.finished_runs.part_footage import grey_zone_pictures, levels_of
from vidrobust.finished_runs.run_verdicts import answers_of, items_of, verdicts_of, with_people
from vidrobust.finished_runs.studies import (
    Asked,
    by_operator,
    differences_of,
    guard_of,
    judged,
    passed_or_failed,
    studies,
)
from vidrobust.pipeline.run import Run
from vidrobust.repeatability.attributes.grey_zone import model_and_people
from vidrobust.repeatability.box_measures import measured_boxes
from vidrobust.repeatability.overall import overall
from vidrobust.repeatability.study_file import FILE
from vidrobust.repeatability.verdicts import RULES
from vidrobust.run_folder.folder import RunFolder


def repeatability_of(run: Run, asked: Asked) -> dict[str, Any]:
    """The studies of a run; also written as ``repeatability.json``, with pictures of the grey zone beside it.

    Keys: study, rule, defect, attribute, gauge (or null), by_operator, differences, overall, guard_band,
    people, levels, per_part, grey_zone, notes, verdicts.
    """
    frames, probabilities = answers_of(run.folder, asked.defect)
    table = verdicts_of(run.folder, frames, probabilities, rule=asked.rule, defect=asked.defect)
    if asked.measure:
        table["score"] = measured_of(run.folder, table, asked)
    level, known, notes = levels_of(run, items_of(run.folder))
    table["level"] = table["item"].map(level).fillna("")
    table["level_from"] = table["item"].map(known).fillna("")
    if table.duplicated(["part", "operator", "trial"]).any():
        table["trial"] = table["level"] + "/" + table["trial"]
    if table["level"].nunique() > 1:
        notes.append("several levels: the figures of all verdicts mix them; each has its own under levels")
    judged_by = table if asked.people is None else with_people(table, asked.people)
    possible = possible_classes(run.folder, probabilities, judged_by, asked.defect)
    references = sorted(set(judged_by["reference"]) - {""})
    if references and not set(references) & {*possible, *asked.defect, *judged_by["value"]}:
        judged_by = judged_by.assign(reference="")
        notes.append(
            f"nothing is compared with the reference: none of its classes ({', '.join(references)}) is one that "
            "the models name"
        )
    table = judged_by[judged_by["item"].notna()].reset_index(drop=True)
    attribute, gauge, summary = studies(judged_by, asked, possible)
    split = [each["part"] for each in attribute["grey_zone"]["parts"]]
    found = {
        "study": "run",
        "rule": asked.rule,
        "rule_in_words": RULES[asked.rule],
        "defect": list(asked.defect),
        "score_of": asked.score_of,
        "score_in_words": asked.score_in_words,
        "attribute": attribute,
        "gauge": gauge,
        "by_operator": by_operator(table),
        **score_differences(table),
        "guard_band": guard_of(table, gauge, asked, summary),
        "people": people_of(judged_by, asked),
        "levels": by_level(table, asked, possible),
        "per_part": table.to_dict("records"),
        "grey_zone": grey_zone_pictures(run, frames, table, split),
        "notes": [*summary, *notes],
        "verdicts": judged(asked.profile, attribute, gauge),
        "of": run.folder.record.stability_key,
    }
    found["overall"] = overall(found).as_json()
    run.folder.write_json(FILE, found)
    return found


def measured_of(folder: RunFolder, table: pd.DataFrame, asked: Asked) -> list[float]:
    """What is measured of the boxes of each row, item and model; NaN where there are none."""
    boxes = folder.table_or_empty("detections")
    if boxes.empty:
        raise SettingsError("--measure is of a detector's boxes, and the run has none")
    of = measured_boxes(
        boxes,
        str(asked.measure),
        start_score=folder.settings.track_start_score,
        mm_per_px=asked.mm_per_px,
    )
    return [float(of.get(key, math.nan)) for key in zip(table["item"], table["model"], strict=True)]


def score_differences(table: pd.DataFrame) -> dict[str, Any]:
    """Which operator's scores differ from the others'; nothing without scores."""
    scores = table.rename(columns={"value": "verdict", "score": "value"})
    if scores["value"].isna().any():
        return {"differences": [], "equal_variances": None}
    return differences_of(scores)


def possible_classes(
    folder: RunFolder, probabilities: pd.DataFrame, table: pd.DataFrame, defect: tuple[str, ...]
) -> tuple[str, ...]:
    """The classes that the models may name: of a detector those that it has named, and all that are called defects
    where it has named one of them.
    """
    named = set(probabilities["label_name"]) - {""}
    if len(folder.table_or_empty("detections")) and set(defect) & (named | set(table["reference"])):
        named |= set(defect)
    return tuple(sorted(named))


def people_of(table: pd.DataFrame, asked: Asked) -> dict[str, Any] | None:
    """Who of the operators is a person, and whether the model splits where people split; None without people."""
    if asked.people is None:
        return None
    names = sorted(set(table.loc[table["item"].isna(), "operator"]))
    return {"operators": names, "together": model_and_people(passed_or_failed(table, asked)[0], names)}


def by_level(table: pd.DataFrame, asked: Asked, possible: tuple[str, ...]) -> dict[str, Any]:
    """Each level apart: items, parts, how it is known, and its own studies (of the models, without people)."""
    found: dict[str, Any] = {}
    alone = replace(asked, people=None, guard=None)
    for level, rows in table[table["level"] != ""].groupby("level", sort=True):
        attribute, gauge, notes = studies(rows.reset_index(drop=True), alone, possible)
        found[str(level)] = {
            "items": int(rows["item"].nunique()),
            "parts": int(rows["part"].nunique()),
            "from": sorted(rows["level_from"].unique()),
            "attribute": attribute,
            "gauge": gauge,
            "notes": notes,
        }
    return found
