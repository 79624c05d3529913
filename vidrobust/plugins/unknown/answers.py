"""What ``unknown`` adds to the answer, the console and the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from vidrobust.plugins.unknown.plugin import FILE
from vidrobust.plugins.unknown.study import TOGETHER
from vidrobust.report.pages import fragment
from vidrobust.report.section import Keep
from vidrobust.run_folder.reader import RunTables
from vidrobust.statement import Level, Statement
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
        yield Statement(
            question=QUESTION,
            text="The model is less stable where it does not know the data: jitter rises with "
            f"{'the ' if row['score'] == 'neighbours' else ''}{WORDS[row['score']]} (rank correlation {link} over "
            f"{plural(row['n'], 'frame')}).",
            level=Level.MEASURED,
            kind="unstable_where_unknown",
            model=row["model"],
            value=row["correlation"],
            low=row["low"],
            high=row["high"],
            n=row["n"],
        )


def lines(run: RunTables) -> list[str]:
    """Return the table, what is said of it and the least known frames, as the console shows them."""
    text = [
        f"{'score':28}{'known against these':>24}{'unknown':>18}{'with jitter':>24}{'jitter finds it':>24}"
    ]
    content = run.json(FILE)
    for model, rows in _by_model(run).items():
        text.append(model)
        for row in rows:
            cells = [_area(row, "auroc"), _share(row), _link(row), _area(row, "jitter")]
            figures = "".join(
                cell.rjust(width) for cell, width in zip(cells, (24, 18, 24, 24), strict=True)
            )
            text.append(f"  {WORDS[row['score']]:26}{'  ' + row['why'] if row['why'] else figures}")
        said = [each.text for each in statements(run) if each.model == model]
        verdict = next(row["verdict"] for row in rows if row["leads"])
        text += said or [f"Jitter and what the model does not know: {verdict}."]
        places = [
            f"{each['item']} at {clock(each['time_s'])}" for each in content["least_known"][model]
        ]
        text.append(f"Least known: {listing(places, 4)}.")
    return text


def details(run: RunTables, keep: Keep) -> Markup | str:
    """Return the section of details.html; "" where ``unknown`` has not been asked."""
    if not _rows(run):
        return ""
    content = run.json(FILE)
    shown = [
        {
            "model": row["model"],
            "score": WORDS[row["score"]],
            "why": row["why"],
            "cells": [
                _area(row, "auroc"),
                _share(row),
                _link(row),
                _area(row, "jitter"),
                row["verdict"],
            ],
        }
        for row in _rows(run)
    ]
    places = {
        model: [
            f"{each['item']}, {clock(each['time_s'])} (frame {each['frame']})" for each in listed
        ]
        for model, listed in content["least_known"].items()
    }
    return fragment(
        "unknown.html", {"rows": shown, "places": places, "known": content["known"]}, __package__
    )


def _rows(run: RunTables) -> list[dict[str, Any]]:
    """Rows of the table, none where the stability was computed anew since."""
    if run.table("unknown") is None or not run.json(FILE):
        return []
    stability = run.record.stages.get("stability")
    if stability is None or stability.key != run.json(FILE)["stability"]:
        return []
    return [{str(k): v for k, v in row.items()} for row in run.rows("unknown").to_dict("records")]


def _by_model(run: RunTables) -> dict[str, list[dict[str, Any]]]:
    rows = _rows(run)
    return {
        m: [row for row in rows if row["model"] == m]
        for m in dict.fromkeys(row["model"] for row in rows)
    }


def _area(row: dict[str, Any], name: str) -> str:
    value = row["auroc" if name == "auroc" else "jitter_auroc"]
    return (
        with_interval(value, row[f"{name}_low"], row[f"{name}_high"]) if known(value) else NOTHING
    )


def _share(row: dict[str, Any]) -> str:
    return (
        part_with_interval(row["share"], row["share_low"], row["share_high"])
        if known(row["share"])
        else NOTHING
    )


def _link(row: dict[str, Any]) -> str:
    if not known(row["correlation"]):
        return NOTHING
    return f"{with_interval(row['correlation'], row['low'], row['high'])}"
