"""Repeatability of a run on footage whose manifest names part and pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.gauge.acceptance import overall
from vidrobust.plugins.gauge.attributes.grey_zone import model_and_people
from vidrobust.plugins.gauge.figures import FILE
from vidrobust.plugins.gauge.part_footage import grey_zone_pictures, levels_of
from vidrobust.plugins.gauge.studies import (
    StudyRequest,
    by_operator,
    defect_needed,
    differences_of,
    guard_of,
    judged,
    passed_or_failed,
    short_of,
    studies,
)
from vidrobust.plugins.gauge.variables.gauge import range_state
from vidrobust.plugins.gauge.verdicts import RULES, measured_boxes, verdicts
from vidrobust.run_folder.folder import RunFolder

# The verdicts of a run by part, pass and operator: of its models, and of people on the same parts.

# A detector's boxes as answers frame by frame, so that its parts get verdicts and scores as a classifier's do.

NOTHING = "nothing"  # The answer on a frame without a box


def answers_of_boxes(
    detections: pd.DataFrame,
    counted: pd.DataFrame,
    *,
    start_score: float,
    defect: Iterable[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables ``frames`` and ``probabilities`` of boxes, for ``verdicts``."""
    keys = ["item", "model", "frame"]
    wrong = set(defect)
    boxes = detections[[*keys, "label_name", "score"]].sort_values(
        "score", ascending=False, kind="stable"
    )
    best = boxes.drop_duplicates([*keys, "label_name"])
    bad = best["label_name"].isin(wrong)
    best = pd.concat([best[~bad], best[bad].drop_duplicates(keys)])
    counts = best[best["score"] >= start_score]
    counts = counts.assign(wrong=counts["label_name"].isin(wrong))
    counts = counts.sort_values(["wrong", "score"], ascending=False, kind="stable").drop_duplicates(
        keys
    )
    frames = counted[keys].merge(counts[[*keys, "label_name"]], on=keys, how="left")
    frames["label_name"] = frames["label_name"].fillna(NOTHING)
    return frames, best.rename(columns={"score": "probability"}).reset_index(drop=True)


def items_of(folder: RunFolder) -> pd.DataFrame:
    """item, part, pass, station, label, level of each input; "" where the manifest does not say."""
    names = ("item", "part", "pass", "station", "label", "level")
    return pd.DataFrame(
        [
            (entry.item, entry.part, entry.pass_, entry.station, entry.label, entry.level)
            for entry in folder.record.inputs
        ],
        columns=list(names),
    )


def answers_of(folder: RunFolder, defect: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers frame by frame, and class probabilities, of classifiers and detectors alike."""
    boxes = answers_of_boxes(
        folder.table("detections"),
        folder.table("box_counts"),
        start_score=folder.settings.track_start_score,
        defect=defect,
    )
    classes = (folder.table("frames"), folder.table("probabilities"))
    frames, probabilities = (
        pd.concat([one for one in pair if len(one)], ignore_index=True)
        if any(map(len, pair))
        else pair[0]
        for pair in zip(classes, boxes, strict=True)
    )
    return frames, probabilities


def verdicts_of(
    folder: RunFolder,
    frames: pd.DataFrame,
    probabilities: pd.DataFrame,
    *,
    rule: str,
    defect: Sequence[str],
) -> pd.DataFrame:
    """One verdict and score a part, pass and operator. InputError where no item has a part."""
    items = items_of(folder)
    if not (items["part"] != "").any():
        raise InputError(
            f"{folder.path}: no input has a part; repeatability needs a manifest with the columns part and pass "
            "(the command contact-sheet draws the times for one)"
        )
    if frames.empty:
        raise InputError(f"{folder.path}: repeatability needs verdicts, and no model has given any")
    return verdicts(frames, probabilities, items, rule=rule, defect=defect)


def with_people(table: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Add the verdicts of people as further operators, on the parts of the run."""
    seen = people[people["part"].isin(set(table["part"]))]
    if seen.empty:
        raise InputError("--attribute: none of its parts is in the run")
    same = sorted(set(seen["operator"]) & set(table["operator"]))
    if same:
        raise InputError(
            f"--attribute: {', '.join(same)} is an operator of the run; name the inspector otherwise"
        )
    known = dict(zip(table["part"], table["reference"], strict=True))
    theirs = dict(zip(seen["part"], seen["reference"], strict=True)) if "reference" in seen else {}
    both = pd.concat([table, seen], ignore_index=True)
    return both.assign(reference=[known[part] or theirs.get(part, "") for part in both["part"]])


def repeatability_of(run: OpenRun, asked: StudyRequest) -> dict[str, Any]:
    """Make the studies of a run; write ``repeatability.json`` and pictures of the grey zone."""
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
        notes.append(
            "several levels: the figures of all verdicts mix them; each has its own under levels"
        )
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
        "short": short_of(asked.profile, attribute, gauge),
        "charts": None if gauge is None else range_state(scores_of(table)),
        "needs": defect_needed(
            attribute, asked.defect, asked.profile, scores=asked.measure is None
        ),
        "verdicts": judged(asked.profile, attribute, gauge),
        "of": run.folder.record.stability_key,
    }
    found["overall"] = overall(found)
    run.folder.write_json(FILE, found)
    return found


def measured_of(folder: RunFolder, table: pd.DataFrame, asked: StudyRequest) -> list[float]:
    """The measure of each row, item and model; NaN without boxes."""
    boxes = folder.table("detections")
    if boxes.empty:
        raise SettingsError("--measure is of a detector's boxes, and the run has none")
    of = measured_boxes(
        boxes,
        str(asked.measure),
        start_score=folder.settings.track_start_score,
        mm_per_px=asked.mm_per_px,
    )
    return [float(of.get(key, math.nan)) for key in zip(table["item"], table["model"], strict=True)]


def scores_of(table: pd.DataFrame) -> pd.DataFrame:
    """The verdicts with their scores in the place of values."""
    return table.rename(columns={"value": "verdict", "score": "value"})


def score_differences(table: pd.DataFrame) -> dict[str, Any]:
    """Which operator's scores differ from the others'; nothing without scores."""
    scores = scores_of(table)
    if scores["value"].isna().any():
        return {"differences": [], "equal_variances": None}
    return differences_of(scores)


def possible_classes(
    folder: RunFolder, probabilities: pd.DataFrame, table: pd.DataFrame, defect: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the classes that the models may name."""
    named = set(probabilities["label_name"]) - {""}
    if len(folder.table("detections")) and set(defect) & (named | set(table["reference"])):
        named |= set(defect)
    return tuple(sorted(named))


def people_of(table: pd.DataFrame, asked: StudyRequest) -> dict[str, Any] | None:
    """Which operators are people, and whether the model splits where they do; None without people."""
    if asked.people is None:
        return None
    names = sorted(set(table.loc[table["item"].isna(), "operator"]))
    return {
        "operators": names,
        "together": model_and_people(passed_or_failed(table, asked)[0], names),
    }


def by_level(table: pd.DataFrame, asked: StudyRequest, possible: tuple[str, ...]) -> dict[str, Any]:
    """The studies of each level apart, of the models without people."""
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
