"""The verdicts of a run by part, pass and operator: of its models, and of people on the same parts."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.repeatability.box_verdicts import answers_of_boxes
from vidrobust.repeatability.verdicts import verdicts
from vidrobust.run_folder.folder import RunFolder


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
    """The answers frame by frame, and the probabilities of the classes, of classifiers and of detectors alike."""
    boxes = answers_of_boxes(
        folder.table_or_empty("detections"),
        folder.table_or_empty("box_counts"),
        start_score=folder.settings.track_start_score,
        defect=defect,
    )
    classes = (folder.table_or_empty("frames"), folder.table_or_empty("probabilities"))
    frames, probabilities = (
        pd.concat([one for one in pair if len(one)], ignore_index=True) if any(map(len, pair)) else pair[0]
        for pair in zip(classes, boxes, strict=True)
    )
    return frames, probabilities


def verdicts_of(
    folder: RunFolder, frames: pd.DataFrame, probabilities: pd.DataFrame, *, rule: str, defect: Sequence[str]
) -> pd.DataFrame:
    """One verdict and score a part, pass and operator. InputError where no item has a part."""
    items = items_of(folder)
    if not (items["part"] != "").any():
        raise InputError(
            f"{folder.path}: no input has a part; repeatability needs a manifest with the columns part and pass "
            "(vidrobust passes finds passes in footage and writes one)"
        )
    if frames.empty:
        raise InputError(f"{folder.path}: repeatability needs verdicts, and no model has given any")
    return verdicts(frames, probabilities, items, rule=rule, defect=defect)


def with_people(table: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """The verdicts with those of people as further operators, on the parts of the run.

    people  part, operator, trial, value [, reference]; a reference counts where the run has none of the part
    """
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
