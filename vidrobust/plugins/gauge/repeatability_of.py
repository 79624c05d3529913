"""Repeatability of a run on footage whose manifest names part and pass."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.files.atomic import csv_text, write_text
from vidrobust.footage.item import Item
from vidrobust.pipeline.open import folder_of
from vidrobust.pipeline.progress import Reporter
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.gauge.acceptance import judged, overall
from vidrobust.plugins.gauge.attributes.attribute import model_and_people
from vidrobust.plugins.gauge.figures import FILE
from vidrobust.plugins.gauge.studies import (
    StudyRequest,
    defect_needed,
    differences_of,
    passed_or_failed,
    repeatability_by_operator,
    studies,
)
from vidrobust.plugins.gauge.variables.gauge import range_state
from vidrobust.plugins.gauge.verdicts import RULES, measured_boxes, verdicts
from vidrobust.report.pictures import save_picture
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.text.phrases import plural

# The verdicts of a run by part, pass and operator: of its models, and of people on the same parts.

# A detector's boxes as answers frame by frame, so that its parts get verdicts and scores as a classifier's do.

NOTHING = "nothing"  # The answer on a frame without a box
# How a part is shown: it lies still between its passes, is placed again, or moves past (metrology of moving parts)
DYNAMICS = ("static", "semi-dynamic", "dynamic")
# Parts of the grey zone that are shown, passes of each, and the width of their pictures in px
MOST_PARTS, MOST_PASSES, WIDTH = 12, 6, 240


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
            f"{folder.path}: no input has a part; repeatability needs a manifest with the columns part and pass"
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
    levels = levels_of(items_of(run.folder))
    table["level"] = [levels.get(item, "") for item in table["item"]]
    if table.duplicated(["part", "operator", "trial"]).any():
        table["trial"] = table["level"] + "/" + table["trial"]
    notes = []
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
    split = [row["part"] for row in attribute["grey_zone"]["parts"]]
    judgements, short = judged(asked.profile, "attribute", attribute)
    if gauge is not None:
        of_gauge, short_of_gauge = judged(asked.profile, "gauge", gauge)
        judgements, short = judgements + of_gauge, short + short_of_gauge
    most = {lack["what"]: lack["least"] for lack in sorted(short, key=lambda each: each["least"])}
    scores = table.rename(columns={"value": "verdict", "score": "value"})
    has_scores = not scores["value"].isna().any()
    study = {
        "study": "run",
        "rule": asked.rule,
        "rule_in_words": RULES[asked.rule],
        "defect": list(asked.defect),
        "score_of": asked.score_of,
        "score_in_words": asked.score_in_words,
        "attribute": attribute,
        "gauge": gauge,
        "by_operator": repeatability_by_operator(scores) if has_scores else [],
        "differences": differences_of(scores) if has_scores else [],
        "people": people_of(judged_by, asked),
        "levels": by_level(table, asked, possible),
        "per_part": table.to_dict("records"),
        "grey_zone": grey_zone_pictures(run, frames, table, split),
        "notes": [*summary, *notes],
        "short": [lack for lack in short if lack["least"] == most[lack["what"]]],
        "charts": None if gauge is None else range_state(scores),
        "needs": defect_needed(
            attribute, asked.defect, asked.profile, scores=asked.measure is None
        ),
        "verdicts": judgements,
        "of": run.folder.record.stability_key,
    }
    study["overall"] = overall(study)
    run.folder.write_json(FILE, study)
    return study


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


def levels_of(items: pd.DataFrame) -> dict[str, str]:
    """Return the level that the manifest names of each input."""
    named = items[items["level"] != ""]
    wrong = named[~named["level"].isin(DYNAMICS)]
    if len(wrong):
        item, level = wrong.iloc[0][["item", "level"]]
        raise InputError(f"{item}: there is no level {level!r}; there are {', '.join(DYNAMICS)}")
    return dict(zip(named["item"], named["level"], strict=True))


def by_level(table: pd.DataFrame, asked: StudyRequest, possible: tuple[str, ...]) -> dict[str, Any]:
    """The studies of each level apart, of the models without people."""
    levels: dict[str, Any] = {}
    alone = replace(asked, people=None)
    for level, rows in table[table["level"] != ""].groupby("level", sort=True):
        attribute, gauge, notes = studies(rows.reset_index(drop=True), alone, possible)
        levels[str(level)] = {
            "items": int(rows["item"].nunique()),
            "parts": int(rows["part"].nunique()),
            "attribute": attribute,
            "gauge": gauge,
            "notes": notes,
        }
    return levels


def grey_zone_pictures(
    run: OpenRun, frames: pd.DataFrame, verdicts: pd.DataFrame, parts: list[str]
) -> list[dict[str, Any]]:
    """A picture a pass of each part on which verdicts split."""
    folder = run.path / "grey_zone"
    shutil.rmtree(folder, ignore_errors=True)  # those of an earlier study
    pictures = []
    for number, part in enumerate(parts[:MOST_PARTS]):
        shots = []
        for row in _spread(verdicts[verdicts["part"] == part]):
            rows = frames[(frames["item"] == row["item"]) & (frames["model"] == row["model"])]
            shot = {
                name: row[name]
                for name in ("item", "operator", "trial", "value", "score", "reference")
            }
            shots.append({**shot, "frame": _typical(rows, row["value"])})
        if run.settings.pictures:
            folder.mkdir(exist_ok=True)
            _take(run, folder, number, shots)
        pictures.append({"part": part, "shots": shots})
    return pictures


def _spread(rows: pd.DataFrame) -> list[Mapping[str, Any]]:
    turn = rows.groupby("value", sort=False).cumcount()
    chosen = rows.assign(turn=turn).sort_values("turn", kind="stable").head(MOST_PASSES)
    return [dict(row) for row in chosen.sort_index().to_dict("records")]


def _typical(frames: pd.DataFrame, value: str) -> int:
    same = frames[frames["label_name"] == value]
    rows = (same if len(same) else frames).sort_values("frame")
    return int(rows["frame"].iloc[len(rows) // 2])


def _take(run: OpenRun, folder: Path, number: int, shots: list[dict[str, Any]]) -> None:
    for place, shot in enumerate(shots):
        try:
            with run.opened(shot["item"]) as source:
                picture = source.at([shot["frame"]]).pixels[0].permute(1, 2, 0).cpu().numpy()
        except InputError:
            continue  # the page says that there is no picture
        name = f"grey_zone/{number:02d}_{place}.jpg"
        save_picture(np.ascontiguousarray(picture), run.path / name, WIDTH)
        shot["picture"] = name


def manifest_for(
    settings: Settings, out: str | None, items: Sequence[Item], reporter: Reporter
) -> Path | None:
    """The manifest of stills in folders PART/PASS, written beside the run folder; None where none is needed.

    InputError where nothing says which parts and passes the sources show.
    """
    if not items or any(item.pass_ or (item.part and item.start_s is not None) for item in items):
        return None
    folder = folder_of(settings, out)
    file = folder.with_name(f"{folder.name}-passes.csv")
    named = named_by_folders(items, file.parent)
    if named.empty:
        raise InputError(
            "no source says which part and pass it shows; give a manifest with the columns path, part, pass, or "
            "put stills in folders named PART/PASS"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, csv_text(named))
    parts = plural(named["part"].nunique(), "part")
    reporter.say(f"passes: {plural(len(named), 'folder')} of {parts}, named PART/PASS: {file}")
    return file


def named_by_folders(items: Sequence[Item], beside: Path) -> pd.DataFrame:
    """A manifest of stills in folders PART/PASS or STATION/PART/PASS; empty otherwise."""
    rows = [
        {
            "path": os.path.relpath(item.path, beside.resolve()),
            "item": item.name,
            "part": item.path.parent.name,
            "pass": item.path.name,
            "station": item.path.parent.parent.name,
        }
        for item in items
        if item.path.is_dir()
    ]
    table = pd.DataFrame(rows, columns=["path", "item", "part", "pass", "station"])
    shared = table.groupby("pass")["part"].transform("nunique") > 1
    everywhere = (
        len(rows) == len(items) and table["part"].nunique() > 1 and table["pass"].nunique() > 1
    )
    if not everywhere or not shared.groupby(table["part"]).any().all():
        return table.iloc[:0]
    return table if table["station"].nunique() > 1 else table.assign(station="")
