"""A gauge study on the page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from vidrobust.files.atomic import csv_text
from vidrobust.plugins.gauge.measurements import ALONE
from vidrobust.plugins.gauge.report import repeatability_figures as figures
from vidrobust.plugins.gauge.variables.gauge import range_charts
from vidrobust.plugins.gauge.words import categories
from vidrobust.report.drawing import Picture
from vidrobust.text.numbers import interval, number, with_interval
from vidrobust.text.phrases import plural

ANOVA_NAMES = {"interaction": "operator by part"}

COMPONENT_NAMES = {
    "grr": "gauge R&R",
    "repeatability": "– repeatability",
    "reproducibility": "– reproducibility",
    "operator": "– – operator",
    "interaction": "– – operator by part",
    "part": "part to part",
    "total": "total",
}


def gauge_pictures(
    gauge: Mapping[str, Any] | None, table: pd.DataFrame, what: str
) -> list[Picture]:
    """table part, operator, trial, value; what: the value in words"""
    if not gauge:
        return []
    varies = gauge["total_sd"] and [figures.components(gauge)]
    made = [*(varies or []), figures.scores(table, what)]
    charts = range_charts(table)
    return made if charts is None else [*made, figures.average_and_range(charts)]


def components(gauge: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "name": title,
            "sd": number(part["sd"], 3),
            "interval": interval(part["sd_low"], part["sd_high"], digits=3),
            "contribution": number(part["percent_contribution"], 3),
            "study": number(part["percent_study"], 3),
            "tolerance": ""
            if part["percent_tolerance"] is None
            else number(part["percent_tolerance"], 3),
        }
        for name, title in _component_names(gauge).items()
        if (part := gauge["components"].get(name))
    ]


def _component_names(gauge: Mapping[str, Any]) -> dict[str, str]:
    extra = {name: f"– – {name}" for name in gauge["components"] if name not in COMPONENT_NAMES}
    names = list(COMPONENT_NAMES.items())
    return dict([*names[:5], *extra.items(), *names[5:]])


def anova(gauge: Mapping[str, Any]) -> list[dict[str, str]]:
    """The table of variance with the interaction, where there is one."""

    def describe(value: float | None) -> str:
        return "" if value is None or value != value else number(value, 4)

    return [
        {
            "source": ANOVA_NAMES.get(row["source"], row["source"]),
            "df": str(row["df"]),
            **{name: describe(row[name]) for name in ("sum_of_squares", "mean_square", "f")},
            "p": "" if row["p"] is None or row["p"] != row["p"] else f"{row['p']:.3g}",
        }
        for row in gauge["anova"]
    ]


def gauge_line(gauge: Mapping[str, Any]) -> str:
    grr = gauge["percent_grr"], gauge["percent_grr_low"], gauge["percent_grr_high"]
    return (
        f"%GRR {with_interval(*grr, '%', 3)} of the study variation, {categories(gauge['ndc'])}; "
        f"{gauge['design']} design, interaction {gauge['interaction']}."
    )


def operator(row: Mapping[str, Any]) -> dict[str, str]:
    known = row["repeatability_sd"] is not None
    return {
        "name": row["operator"],
        "mean": number(row["mean"], 3),
        "sd": number(row["repeatability_sd"], 3) if known else "one pass a part",
        "interval": interval(row["low"], row["high"], digits=3) if known else "",
        "n": f"{plural(row['n'], 'value')} of {plural(row['parts'], 'part')}",
    }


# Data and marks of a study, as all its pages carry them.

MOST_ROWS = 2000


def study_number(rows: pd.DataFrame) -> str:
    return f"VR-{hashlib.sha256(csv_text(rows).encode()).hexdigest()[:8]}"


def data_table(rows: pd.DataFrame) -> dict[str, Any]:
    show = ["value", "score"] if "score" in rows and rows["score"].notna().any() else ["value"]
    texts = (
        rows[show]
        .map(lambda v: f"{v:.10g}" if isinstance(v, float) else str(v))
        .agg(" ".join, axis=1)
    )
    wide = (
        texts.groupby([rows["part"], rows["operator"]], sort=False)
        .agg("; ".join)
        .unstack(fill_value="")
    )
    wide = wide.loc[list(dict.fromkeys(rows["part"]))]
    more = {}
    if "reference" in rows and (rows["reference"] != "").any():
        of_part = rows.groupby("part", sort=False)["reference"].first()
        more["reference"] = of_part.reindex(wide.index)
    return {
        "columns": ["part", *more, *("value" if str(n) == ALONE else str(n) for n in wide.columns)],
        "rows": [
            [str(name), *(str(column[name]) for column in more.values()), *values]
            for name, values in zip(wide.index[:MOST_ROWS], wide.to_numpy().tolist(), strict=False)
        ],
        "left_out": max(0, len(wide) - MOST_ROWS),
        "values": len(rows),
    }


def printable_number(number: str) -> str:
    """Remove what may not stand in the footer of a printed page."""
    return re.sub(r"[^\w .,:/#-]", "", number)
