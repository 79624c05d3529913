"""Repeatability of a run on footage whose manifest names part and pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from vidrobust.commands.part_footage import grey_zone_pictures, levels_of
from vidrobust.errors import InputError
from vidrobust.repeatability.acceptance import Profile, attribute_values, gauge_values, judge
from vidrobust.repeatability.attribute import attribute_study
from vidrobust.repeatability.by_operator import repeatability_by_operator
from vidrobust.repeatability.gauge import gauge_study
from vidrobust.repeatability.verdicts import RULES, SCORES, verdicts
from vidrobust.run.folder import RunFolder
from vidrobust.run.run import Run

FILE = "repeatability.json"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a run.

    rule        how frames become a verdict, of RULES
    defect      classes that are defects: their summed probability is the score
    ordered     classes from lowest to highest, or empty
    pool_above  the interaction of the gauge study is pooled above this p-value
    profile     rules of acceptance
    tolerance   width of the score's tolerance, or NaN
    inspectors  verdicts of people: part, operator, trial, value; they join as operators, on the parts of the run
    """

    rule: str
    profile: Profile
    defect: tuple[str, ...] = ()
    ordered: tuple[str, ...] = ()
    pool_above: float = 0.25
    tolerance: float = math.nan
    inspectors: pd.DataFrame | None = None


def repeatability_of(run: Run, asked: Asked) -> dict[str, Any]:
    """The studies of a run; also written as ``repeatability.json``, with pictures of the grey zone beside it.

    Keys: study, rule, defect, attribute, gauge (or null), by_operator, levels, per_part, grey_zone, notes,
    verdicts.
    """
    items = items_of(run.folder)
    table = verdicts_of(run.folder, items, asked)
    level, known, notes = levels_of(run, items)
    table["level"] = table["item"].map(level).fillna("")
    table["level_from"] = table["item"].map(known).fillna("")
    if table.duplicated(["part", "operator", "trial"]).any():
        table["trial"] = table["level"] + "/" + table["trial"]
    if table["level"].nunique() > 1:
        notes.append("several levels: the figures of all verdicts mix them; each has its own under levels")
    kept = run.table_or_empty("probabilities")
    possible = tuple(sorted(set(kept.loc[kept["label"] >= 0, "label_name"])))
    references = sorted(set(table["reference"]) - {""})
    if references and not set(references) & {*possible, *table["value"]}:
        table["reference"] = ""
        notes.append(
            f"nothing is held against the reference: none of its classes ({', '.join(references)}) is one that "
            "the models name"
        )
    attribute, gauge, told = studies(table, asked, possible)
    split = [each["part"] for each in attribute["grey_zone"]["parts"]]
    found = {
        "study": "run",
        "rule": asked.rule,
        "rule_in_words": RULES[asked.rule],
        "defect": list(asked.defect),
        "attribute": attribute,
        "gauge": gauge,
        "by_operator": by_operator(table),
        "levels": by_level(table, asked, possible),
        "per_part": table.to_dict("records"),
        "grey_zone": grey_zone_pictures(run, table, split),
        "notes": [*told, *notes],
        "verdicts": judged(asked.profile, attribute, gauge),
        "of": stability_key(run.folder),
    }
    run.folder.write_json(FILE, found)
    return found


def items_of(folder: RunFolder) -> pd.DataFrame:
    """item, part, pass, station, label, level of each input; "" where the manifest does not say."""
    names = ("item", "part", "pass", "station", "label", "level")
    return pd.DataFrame(
        [{name: str(entry.get(name) or "") for name in names} for entry in folder.run["inputs"]],
        columns=list(names),
    )


def verdicts_of(folder: RunFolder, items: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    """One verdict and score a part, pass and operator. InputError where no item has a part."""
    if not (items["part"] != "").any():
        raise InputError(
            f"{folder.path}: no item has a part; repeatability needs a manifest with the columns part and pass "
            "(vidrobust passes finds passes in footage and writes one)"
        )
    frames = folder.table("frames")
    if frames.empty:
        raise InputError(f"{folder.path}: repeatability needs a classifier's verdicts, and there are none")
    probabilities = folder.table_or_empty("probabilities")
    return verdicts(frames, probabilities, items, rule=asked.rule, defect=asked.defect)


def studies(
    table: pd.DataFrame, asked: Asked, possible: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any] | None, list[str]]:
    """The attribute study of the verdicts, the gauge study of the scores (or None), and notes.

    possible  classes that the models know
    """
    notes = [f"one verdict a part and pass: {RULES[asked.rule]}"]
    attribute = attribute_study(
        _with_people(table, asked.inspectors),
        defect=asked.defect,
        ordered=asked.ordered,
        possible=possible,
    )
    unseen = [name for name in asked.defect if name not in attribute["classes"]]
    if unseen:
        notes.append(f"no verdict is {' or '.join(unseen)}")
    if table["score"].isna().any():
        notes.append(
            "no gauge study of the scores: name the class whose probability is the score with --defect"
        )
        return attribute, None, notes
    told = f"{SCORES[asked.rule]} over the frames of the probability of {', '.join(asked.defect)}"
    scores = table[["part", "operator", "trial", "score"]].rename(columns={"score": "value"})
    try:
        gauge = gauge_study(scores, tolerance=asked.tolerance, pool_above=asked.pool_above).as_json()
    except InputError as error:
        return attribute, None, [*notes, f"no gauge study of the scores: {error}"]
    return attribute, gauge, [*notes, f"score of the gauge: {told}"]


def judged(profile: Profile, attribute: dict[str, Any], gauge: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The verdicts of a profile on both studies."""
    found = judge(profile, "attribute", attribute_values(attribute))
    return found if gauge is None else found + judge(profile, "gauge", gauge_values(gauge))


def by_operator(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Each operator's own repeatability of the score; empty without scores."""
    scores = table.rename(columns={"value": "verdict", "score": "value"})
    return [] if scores["value"].isna().any() else repeatability_by_operator(scores)


def by_level(table: pd.DataFrame, asked: Asked, possible: tuple[str, ...]) -> dict[str, Any]:
    """Each level apart: items, parts, how it is known, and its own studies (of the models, without people)."""
    alone = replace(asked, inspectors=None)
    found: dict[str, Any] = {}
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


def stability_key(folder: RunFolder) -> str:
    """What the verdicts were made of, so that a report can tell whether they still hold."""
    return str(folder.run["stages"].get("stability", {}).get("key", ""))


def _with_people(table: pd.DataFrame, inspectors: pd.DataFrame | None) -> pd.DataFrame:
    if inspectors is None:
        return table
    seen = inspectors[inspectors["part"].isin(set(table["part"]))]
    if seen.empty:
        raise InputError("--inspectors: none of its parts is in the run")
    reference = seen["part"].map(dict(zip(table["part"], table["reference"], strict=True)))
    return pd.concat([table, seen.assign(reference=reference)], ignore_index=True)
