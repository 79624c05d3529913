"""What ``unknown`` adds to the answer, the console and the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from vidrobust.plugins.unknown.plugin import FILE, TOGETHER
from vidrobust.report.pages import fragment
from vidrobust.report.section import Keep
from vidrobust.run_folder.reader import RunTables
from vidrobust.statement import Level, Statement, figures_of
from vidrobust.text.numbers import clock, known, part_with_interval, with_interval
from vidrobust.text.phrases import listing, plural

QUESTION = "where it does not know the data"
WORDS = {
    "neighbours": "distance to known pictures",
    "energy": "energy",
    "odin": "ODIN",
    "rotation": "rotation",
    "max_softmax": "largest probability",
    "jitter": "jitter",
}
NOTHING = "-"


def statements(run: RunTables) -> Iterator[Statement]:
    """Say that a model is unstable where it does not know the data, of models of which this is so."""
    for row in _rows(run):
        if not row["leads"] or row["verdict"] != TOGETHER:
            continue
        link = with_interval(row["correlation"], row["low"], row["high"])
        score = f"{'the ' * (row['score'] == 'neighbours')}{WORDS[row['score']]}"
        yield Statement(
            question=QUESTION,
            text="The model is less stable where it does not know the data: jitter rises with "
            f"{score} (rank correlation {link} over {plural(row['n'], 'frame')}).",
            level=Level.MEASURED,
            kind="unstable_where_unknown",
            model=row["model"],
            **figures_of(row, "correlation"),
        )


def lines(run: RunTables) -> list[str]:
    """Return the table, what is said of it and the least known frames, as the console shows them."""
    widths = (24, 18, 24, 24)
    titles = ("known against these", "unknown", "with jitter", "jitter finds it")
    text = [f"{'score':28}" + _in_columns(titles, widths)]
    for model, listed in run.json(FILE)["least_known"].items():
        rows = [row for row in _rows(run) if row["model"] == model]
        text.append(model)
        for row in rows:
            figures = f"  {row['why']}" if row["why"] else _in_columns(_cells(row), widths)
            text.append(f"  {WORDS[row['score']]:26}{figures}")
        verdict = next(row["verdict"] for row in rows if row["leads"])
        said = [each.text for each in statements(run) if each.model == model]
        text += said or [f"Jitter and what the model does not know: {verdict}."]
        places = [f"{each['item']} at {clock(each['time_s'])}" for each in listed]
        text.append(f"Least known: {listing(places, 4)}.")
    return text


def details(run: RunTables, keep: Keep) -> Markup | str:
    """Return the section of details.html; "" where ``unknown`` has not been asked."""
    rows = [row | {"word": WORDS[row["score"]], "cells": _cells(row)} for row in _rows(run)]
    if not rows:
        return ""
    content = run.json(FILE)
    places = {
        model: [
            f"{each['item']}, {clock(each['time_s'])} (frame {each['frame']})" for each in listed
        ]
        for model, listed in content["least_known"].items()
    }
    shown = {"rows": rows, "places": places, "known": content["known"]}
    return fragment("unknown.html", shown, __package__)


def _cells(row: dict[str, Any]) -> list[str]:
    """Figures of a row: against known pictures, share, link with jitter, AUROC of jitter."""
    ends = {
        "auroc": "auroc_",
        "share": "share_",
        "correlation": "",
        "jitter_auroc": "jitter_auroc_",
    }
    cells = []
    for name, prefix in ends.items():
        figures = row[name], row[f"{prefix}low"], row[f"{prefix}high"]
        shown = part_with_interval if name == "share" else with_interval
        cells.append(shown(*figures) if known(row[name]) else NOTHING)
    return cells


def _in_columns(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))


def _rows(run: RunTables) -> list[dict[str, Any]]:
    """Rows of the table, none where the stability was computed anew since."""
    if run.table("unknown") is None or not run.json(FILE):
        return []
    stability = run.record.stages.get("stability")
    if stability is None or stability.key != run.json(FILE)["stability"]:
        return []
    return [{str(k): v for k, v in row.items()} for row in run.rows("unknown").to_dict("records")]
