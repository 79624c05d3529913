"""trend.html: one sentence, one figure and one table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.plugins.trend.history import Trend, alarm_words
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.report.pages import write_page
from vidrobust.text.numbers import known, percent, percent_with_interval

PAGE = "trend.html"


def write(trend: Trend, table: pd.DataFrame, folder: Path) -> Path:
    """Write the page into ``folder``; return its path."""
    columns = [name for name in table if name not in ("low", "high", "alarm")]
    empty = [name for name in columns if table[name].isna().all() or (table[name] == "").all()]
    columns = [name for name in columns if name not in empty]
    rows = [
        [_cell(trend, name, row) for name in columns]
        for row in table.replace({np.nan: None}).to_dict("records")
    ]
    content = {
        "title": f"{trend.model} over time",
        "said": trend.sentence,
        "alarm": alarm_words(trend),
        "figure": _figure(trend),
        "columns": columns,
        "rows": rows,
        "notes": trend.notes,
    }
    return write_page(folder / PAGE, PAGE, content, __package__)


def _cell(trend: Trend, name: str, row: dict[str, object]) -> str:
    value = row[name]
    if name == trend.metric.name:
        return percent_with_interval(*(row[key] for key in (name, "low", "high")))  # type: ignore[arg-type]
    return percent(value) if isinstance(value, float) else "" if value is None else str(value)


def _figure(trend: Trend) -> Picture:
    points = trend.points
    dates = [p.date for p in points]
    value, low, high = (
        100 * np.array([getattr(p, k) for p in points]) for k in ("value", "low", "high")
    )
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.8)
        axis = axes[0, 0]
        ends = np.nan_to_num(np.maximum(np.stack([value - low, high - value]), 0))
        axis.errorbar(dates, value, yerr=ends, fmt="o", markersize=4, color=drawing.COLOURS[0])
        if trend.since is not None:
            k = trend.change.since
            for side in (slice(None, k), slice(k, None)):
                n = np.array([p.n for p in points[side]])
                axis.plot(
                    [dates[side][0], dates[side][-1]],
                    [np.average(value[side], weights=n)] * 2,
                    color=drawing.COLOURS[1],
                )
        if known(trend.alarm):
            axis.axhline(100 * trend.alarm, color=drawing.GREY, linestyle="--", linewidth=1)
        axis.set_ylim(bottom=0)
        axis.set_title(f"{trend.metric.title}, %")
        axis.tick_params(axis="x", rotation=30)
        caption = "A dot is a run with its 95 % interval; the lines are the rates before and after a change; "
        return drawing.encode(
            figure, f"{trend.metric.title} by date", f"{caption}dashed is the alarm limit."
        )
