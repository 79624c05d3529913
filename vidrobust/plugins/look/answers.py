"""What a first look adds to the answer and to the report."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pandas as pd
from markupsafe import Markup

from vidrobust.plugins.look.table import PARTS
from vidrobust.report.pages import fragment
from vidrobust.report.section import Keep
from vidrobust.run_folder.reader import RunTables
from vidrobust.statement import Level, Statement
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.text.numbers import part_with_interval
from vidrobust.text.phrases import capital, listing, plural

QUESTION = "same picture"
MATTERS = 0.05  # share of the frames below which another answer is no effect
WORDS = {
    "batch": "computed one by one instead of in batches",
    "engine": "computed in the engine that the model came with",
    "conversion": "converted to RGB in another way",
    "pixel": "shifted by one pixel",
}


def statements(run: RunTables) -> Iterator[Statement]:
    table = run.table("look")
    rows = [] if table is None else _rows(table)
    for model, of in itertools.groupby(rows, key=lambda row: str(row["model"])):
        every = list(of)
        n = max(int(row["n"]) for row in every)
        known = [row for row in every if row["n"] >= FEWEST_ROWS]
        if not known:
            yield Statement(
                question=QUESTION,
                text=f"Not enough data: {plural(n, 'frame')}, {FEWEST_ROWS} needed.",
                level=Level.NOT_MEASURED,
                kind="look_few",
                model=model,
                n=n,
                is_open=True,
            )
            continue
        most, texts = max(known, key=lambda row: row["value"]), [_in_words(row, n) for row in every]
        small = all(row["high"] < MATTERS for row in known)
        yield Statement(
            question=QUESTION,
            text=f"Share of {plural(n, 'frame')} whose answer changes though the scene does not: {listing(texts)}.",
            level=Level.NO_EFFECT if small else Level.MEASURED,
            kind="look_same_picture",
            model=model,
            value=float(most["value"]),
            low=float(most["low"]),
            high=float(most["high"]),
            n=n,
        )


def _in_words(row: dict[str, Any], usual: int) -> str:
    figure = part_with_interval(row["value"], row["low"], row["high"])
    of = "" if row["n"] == usual else f" of {plural(int(row['n']), 'frame')}"
    figure = f"{figure}{of}" if row["n"] >= FEWEST_ROWS else f"not enough data{of}"
    return f"{figure} when {WORDS[row['change']]} ({row['part']})"


def details(run: RunTables, keep: Keep) -> Markup | str:
    """Return the section of details.html; "" where no look was taken."""
    table = run.table("look")
    if table is None or table.empty:
        return ""
    rows = [
        {
            "model": row["model"],
            "part": row["part"],
            "change": capital(WORDS[row["change"]]),
            "figure": part_with_interval(row["value"], row["low"], row["high"]),
            "n": int(row["n"]),
        }
        for row in _rows(table)
    ]
    return fragment("look.html", {"rows": rows}, __package__)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    order = {change: place for place, change in enumerate(PARTS)}
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return sorted(rows, key=lambda row: (row["model"], order[row["change"]]))
