"""Control charts as a page and as lines of the console: points, limits and centre line, what is out and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vidrobust.metrics.catalogue import find_metric
from vidrobust.report import drawing
from vidrobust.report.drawing import COLOURS, DARK, LIGHT, Picture
from vidrobust.report.pages import write_page
from vidrobust.text.numbers import interval, number, percent, percent_interval
from vidrobust.text.phrases import listing, plural

MOST_NAMES = 40  # runs up to which each has its name on the axis


def write_history_page(path: Path, charts: Sequence[Mapping[str, Any]]) -> Path:
    content = {
        "title": "The line, week after week",
        "charts": [chart_words(chart) for chart in charts],
    }
    return write_page(path, "history.html", content, "vidrobust.plugins.gauge")


def chart_words(chart: Mapping[str, Any]) -> dict[str, Any]:
    share = _is_share(chart)
    summary = percent if share else number
    return {
        "title": f"{_title(chart)} of {chart['model']}",
        "since": _since(chart),
        "kind": "good" if chart["out_since"] is None else "bad",
        "verdict": "in control" if chart["out_since"] is None else "out of control",
        "basis": _basis(chart),
        "picture": figure(chart),
        "rows": [
            {
                "run": point["run"],
                "value": summary(point["value"]),
                "limits": ""
                if point["low"] is None
                else (percent_interval if share else interval)(point["low"], point["high"]),
                "said": "out"
                if point["out"]
                else "out, eight runs together"
                if point["shifted"]
                else "",
            }
            for point in chart["points"]
        ],
    }


def figure(chart: Mapping[str, Any]) -> Picture:
    points = chart["points"]
    factor = 100.0 if _is_share(chart) else 1.0
    value, low, high = (
        factor * np.array([p[key] for p in points], np.float64) for key in ("value", "low", "high")
    )
    called = np.array([p["out"] or p["shifted"] for p in points])
    x = np.arange(len(points))
    with drawing.styled():
        picture, axes = drawing.panels(1, 1, 3.0)
        ax = axes[0, 0]
        if chart["baseline"]:
            ax.axvspan(
                -0.5, chart["baseline"] - 0.5, color=LIGHT, alpha=0.5, linewidth=0, label="baseline"
            )
        ax.step(x, low, where="mid", color=COLOURS[1], linewidth=1, linestyle="--")
        ax.step(
            x,
            high,
            where="mid",
            color=COLOURS[1],
            linewidth=1,
            linestyle="--",
            label="control limits",
        )
        ax.axhline(factor * chart["centre"], color=DARK, linewidth=0.9, label="centre")
        ax.plot(x, value, "-o", color=COLOURS[0], linewidth=1.1, markersize=4)
        ax.plot(
            x[called],
            value[called],
            "s",
            color=COLOURS[1],
            markersize=7,
            label="out, alone or eight together",
        )
        ax.set_xlim(-0.5, len(points) - 0.5)
        named = x if len(x) <= MOST_NAMES else x[:: -(-len(x) // MOST_NAMES)]
        long = max(len(points[k]["run"]) for k in named) * len(named) > 90
        ax.set_xticks(
            named,
            [points[k]["run"] for k in named],
            rotation=60 if long else 0,
            ha="right" if long else "center",
        )
        ax.set_ylabel(f"{_title(chart)}{', %' if factor > 1 else ''}")
        ax.grid(axis="y", color=LIGHT)
        ax.set_axisbelow(True)
        ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.16))
        caption = "Dashed: control limits, what the runs before let expect of one more."
        if chart["chart"] == "p":
            caption += " They are wider where a run has less footage."
        return drawing.encode(picture, f"Control chart of {_title(chart)}", caption)


def _is_share(chart: Mapping[str, Any]) -> bool:
    metric = find_metric(chart["metric"])
    return metric is not None and metric.is_percent


def _title(chart: Mapping[str, Any]) -> str:
    metric = find_metric(chart["metric"])
    return metric.title if metric else str(chart["metric"])


def _since(chart: Mapping[str, Any]) -> str:
    if chart["out_since"] is not None:
        return f"Out of control since {chart['out_since']}."
    earlier = [point["run"] for point in chart["points"] if point["out"] or point["shifted"]]
    return (
        f"The last run is in control; {listing(earlier, 5)} was not."
        if earlier
        else "Every run is in control."
    )


def _basis(chart: Mapping[str, Any]) -> str:
    first = plural(chart["baseline"], "run")
    stand = f"the first {first}" if chart["baseline"] else "the runs before it"
    text = f"Each run is judged on {stand}"
    if chart["chart"] != "p":
        return f"{text}: an individuals chart, with limits for one more run (Student's t)."
    text += f": a p-chart whose limits allow for clips that differ (correlation {number(chart['correlation'])})"
    if chart["sigma_z"] is not None:
        text += f" and for runs that do (Laney's p', sigma z {number(chart['sigma_z'])})"
    return f"{text}."


def control_chart_lines(found: Mapping[str, Any]) -> list[str]:
    what = f"{found['metric']} of {found['model']}"
    stand = f"the first {found['baseline']} runs" if found["baseline"] else "the runs before"
    wording = [
        f"{what}: {found['chart']} chart, centre {_cell(found['centre'])}, each run judged on {stand}"
    ]
    for point in found["points"]:
        said = "  OUT" if point["out"] else "  OUT, eight runs together" if point["shifted"] else ""
        known = point["low"] is not None
        limits = f"limits {_cell(point['low'])} to {_cell(point['high'])}" if known else ""
        wording.append(f"  {point['run']:32}{_cell(point['value']):>10}  {limits}{said}")
    since = found["out_since"]
    return [*wording, f"  out since {since}" if since else "  the last run is in control"]


def _cell(value: float | None) -> str:
    return number(value, 4, missing="-")
