"""The parts on which verdicts split, on the page: their pictures, or what each operator said of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from vidrobust.report.pictures import Pictures
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.numbers import (
    number,
)
from vidrobust.text.phrases import plural

MOST_VOTES = 40
"""Parts of a table's grey zone that are shown."""


def votes(table: pd.DataFrame, parts: list[str]) -> dict[str, Any]:
    """What every operator said of the parts on which verdicts split, trial by trial."""
    operators = sorted(table["operator"].unique())
    said = table.sort_values("trial").groupby(["part", "operator"])["value"].agg(", ".join)
    rows = [
        {"part": part, "said": [said.get((part, operator), "") for operator in operators]} for part in parts
    ]
    return {"operators": operators, "rows": rows}


def shots(run: RunTables, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pictures = Pictures(run.folder)
    return [
        {
            "part": part["part"],
            "shots": [
                {
                    "uri": pictures.uri(shot.get("picture")),
                    "value": shot["value"],
                    "operator": shot["operator"],
                    "trial": shot["trial"],
                    "score": "" if shot["score"] is None else number(shot["score"], 3),
                    "frame": shot["frame"],
                    "wrong": bool(shot["reference"]) and shot["value"] != shot["reference"],
                }
                for shot in part["shots"]
            ],
        }
        for part in parts
    ]


def left_out(attribute: Mapping[str, Any], shown: int) -> str:
    split = len(attribute["grey_zone"]["parts"])
    if not split:
        return "No part: every part got one verdict throughout."
    text = f"{split} of {attribute['parts']} parts got more than one verdict."
    left = split - shown
    return f"{text} {plural(left, 'of them is', 'of them are')} not shown here." if left else text
