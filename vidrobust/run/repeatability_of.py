"""Repeatability of a run on footage whose manifest names part and pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.repeatability.attribute import attribute_study
from vidrobust.repeatability.gauge import gauge_study
from vidrobust.repeatability.verdicts import RULES, SCORES, verdicts
from vidrobust.run.folder import RunFolder


def items_of(folder: RunFolder) -> pd.DataFrame:
    """item, part, pass, station, label of each input; "" where the manifest does not say."""
    names = ("item", "part", "pass", "station", "label")
    return pd.DataFrame(
        [{name: str(entry.get(name) or "") for name in names} for entry in folder.run["inputs"]],
        columns=list(names),
    )


def verdicts_of(folder: RunFolder, *, rule: str, defect: Sequence[str]) -> pd.DataFrame:
    """One verdict and score a part, pass and operator. InputError where no item has a part."""
    items = items_of(folder)
    if not (items["part"] != "").any():
        raise InputError(
            f"{folder.path}: no item has a part; repeatability needs a manifest with the columns part and pass"
        )
    return verdicts(
        folder.table("frames"), folder.table_or_empty("probabilities"), items, rule=rule, defect=defect
    )


def repeatability_of(
    folder: RunFolder,
    *,
    rule: str,
    defect: Sequence[str],
    ordered: Sequence[str],
    pool_above: float,
    inspectors: pd.DataFrame | None = None,
) -> tuple[dict[str, Any], dict[str, Any] | None, list[str], pd.DataFrame]:
    """The attribute study of the verdicts, the gauge study of the scores (or None), notes, and the verdicts.

    inspectors  verdicts of people: part, operator, trial, value; they join as operators, on the parts of the run
    """
    table = verdicts_of(folder, rule=rule, defect=defect)
    notes = [f"one verdict a part and pass: {RULES[rule]}"]
    rated = table
    if inspectors is not None:
        seen = inspectors[inspectors["part"].isin(set(table["part"]))]
        if seen.empty:
            raise InputError("--inspectors: none of its parts is in the run")
        reference = seen["part"].map(dict(zip(table["part"], table["reference"], strict=True)))
        rated = pd.concat([table, seen.assign(reference=reference)], ignore_index=True)
    attribute = attribute_study(rated, defect=defect, ordered=ordered)
    gauge = None
    if table["score"].notna().all():
        notes.append(
            f"score of the gauge: {SCORES[rule]} over the frames of the probability of {', '.join(defect)}"
        )
        try:
            gauge = gauge_study(
                table[["part", "operator", "trial", "score"]].rename(columns={"score": "value"}),
                pool_above=pool_above,
            ).as_json()
        except InputError as error:
            notes.append(f"no gauge study of the scores: {error}")
    else:
        notes.append(
            "no gauge study of the scores: name the class whose probability is the score with --defect"
        )
    return attribute, gauge, notes, table
