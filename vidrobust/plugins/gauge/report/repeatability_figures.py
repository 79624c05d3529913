"""Figures of measurement systems analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.plugins.gauge.variables.gauge import RangeCharts
from vidrobust.report import drawing
from vidrobust.report.drawing import COLOURS, DARK, GREY, MARKERS, Picture
from vidrobust.text.numbers import known, percent
from vidrobust.text.phrases import plural

# Figures of studies of reference parts: run chart, bias over the range, stability, the grey zone of a go/no-go
# gauge.


COMPONENTS = (
    ("grr", "gauge R&R"),
    ("repeatability", "repeatability\n(same operator)"),
    ("reproducibility", "reproducibility\n(between operators)"),
    ("part", "part to part"),
)
SHARES = (
    ("percent_contribution", "of the variance"),
    ("percent_study", "of the study variation"),
    ("percent_tolerance", "of the tolerance"),
)
MOST_PARTS = 30  # Parts that have room on an axis
# Height of a row of a forest, and of all about it, inches.
ROW_IN, REST_IN = 0.27, 0.95


def components(gauge: Mapping[str, Any]) -> Picture:
    """The components of variation as bars."""
    table = gauge["components"]
    names = [(key, name) for key, name in COMPONENTS if key in table]
    shares = [(key, name) for key, name in SHARES if all(known(table[n][key]) for n, _ in names)]
    width = 0.8 / max(len(shares), 1)
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.7)
        ax = axes[0, 0]
        for place, (key, name) in enumerate(shares):
            x = np.arange(len(names)) + (place - (len(shares) - 1) / 2) * width
            heights = [table[n][key] for n, _ in names]
            ax.bar(x, heights, 0.92 * width, color=COLOURS[place], label=name)
            for at, height in zip(x, heights, strict=True):
                ax.text(at, height, f"{height:.1f}", ha="center", va="bottom", fontsize=7)
        ax.set_xticks(np.arange(len(names)), [name for _, name in names])
        ax.set_ylabel("%")
        ax.legend(ncols=len(shares), loc="upper center", bbox_to_anchor=(0.5, 1.18))
        ax.grid(axis="y")
        ax.set_axisbelow(True)
        text = f"{gauge['design']} study, interaction {gauge['interaction']}"
        caption = (
            f"Components of variation ({text}). Shares of standard deviations do not add up to 100."
        )
        return drawing.encode(figure, "Bars of the components of variation", caption)


def average_and_range(charts: RangeCharts) -> Picture:
    """The average chart over the range chart, operator beside operator."""
    operators = list(charts.average.index)
    rows = (
        ("average", charts.average, charts.average_centre, charts.average_low, charts.average_high),
        ("range", charts.spread, charts.range_centre, charts.range_low, charts.range_high),
    )
    with drawing.styled():
        figure, axes = drawing.panels(2, len(operators), 4.0)
        for line, (name, table, centre, low, high) in enumerate(rows):
            for place, operator in enumerate(operators):
                ax = axes[line, place]
                values = table.loc[operator].to_numpy(np.float64)[:MOST_PARTS]
                x = np.arange(len(values))
                beyond = (values < low) | (values > high)
                ax.axhline(centre, color=GREY, linewidth=0.9)
                for end in (low, high):
                    ax.axhline(end, color=COLOURS[1], linewidth=0.9, linestyle="--")
                ax.plot(x, values, "-o", color=COLOURS[0], linewidth=1, markersize=3.5)
                wrong = COLOURS[1] if name == "range" else COLOURS[0]
                ax.plot(x[beyond], values[beyond], "s", color=wrong, markersize=5)
                ends = [low, high, table.to_numpy().min(), table.to_numpy().max()]
                reach = max(np.ptp(ends), 1e-12)
                ax.set_ylim(min(ends) - 0.06 * reach, max(ends) + 0.06 * reach)
                parts = [str(part) for part in table.columns[: len(x)]]
                many = len(parts) * len(operators) > 15
                ax.set_xticks(
                    x,
                    parts if line else [],
                    rotation=90 if many else 0,
                    fontsize=6.5 if many else 8,
                )
                if line == 0:
                    ax.set_title(str(operator))
                if place:
                    ax.set_yticklabels([])
                else:
                    ax.set_ylabel(f"{name} of a part's trials")
                if line:
                    ax.set_xlabel("part")
        text = f"{percent(charts.parts_distinguished)} of the averages lie beyond their limits"
        out = charts.ranges_out
        some = ", ".join(f"{operator} on {part}" for operator, part in out[:5])
        more = f" and {len(out) - 5} more" if len(out) > 5 else ""
        caption = (
            f"Average chart and range chart. {text}: at least half should, since what lies within cannot "
            "be distinguished from the gauge's own spread. "
        )
        caption += (
            f"Ranges beyond their limits: {some}{more}; there an operator did not repeat as the others do."
            if out
            else "No range is beyond its limit: all operators repeat alike."
        )
        return drawing.encode(figure, "Average and range charts by operator", caption)


def scores(table: pd.DataFrame, what: str) -> Picture:
    """Every value by part and by operator, and the operators' means part by part."""
    parts = list(dict.fromkeys(table["part"]))[:MOST_PARTS]
    rows = table[table["part"].isin(parts)]
    operators = list(dict.fromkeys(rows["operator"]))
    place = {part: k for k, part in enumerate(parts)}
    with drawing.styled():
        figure, axes = drawing.panels(1, 3, 2.8, sharey=True)
        by_part, by_operator, both = axes[0]
        for number, (operator, mine) in enumerate(rows.groupby("operator", sort=False)):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            x = mine["part"].map(place)
            by_part.plot(
                x, mine["value"], marker, color=colour, markersize=3.5, alpha=0.8, linestyle="none"
            )
            at = np.full(len(mine), operators.index(str(operator)))
            by_operator.plot(
                at, mine["value"], marker, color=colour, markersize=3.5, alpha=0.5, linestyle="none"
            )
            means = mine.groupby("part", sort=False)["value"].mean().reindex(parts)
            both.plot(
                range(len(parts)),
                means,
                f"{marker}-",
                color=colour,
                markersize=4,
                linewidth=1.1,
                label=str(operator),
            )
        part_means = rows.groupby("part", sort=False)["value"].mean().reindex(parts)
        by_part.plot(range(len(parts)), part_means, "-", color=GREY, linewidth=1, zorder=0)
        for number, operator in enumerate(operators):
            mean = rows.loc[rows["operator"] == operator, "value"].mean()
            by_operator.plot([number - 0.3, number + 0.3], [mean, mean], color=DARK, linewidth=1.6)
        for ax, title in (
            (by_part, "by part"),
            (by_operator, "by operator, with means"),
            (both, "means, operator by part"),
        ):
            ax.set_title(title)
            ax.grid(axis="y")
        for ax in (by_part, both):
            ax.set_xticks(
                range(len(parts)),
                parts,
                rotation=60 if len(parts) > 4 else 0,
                ha="right" if len(parts) > 4 else "center",
            )
        by_operator.set_xticks(
            range(len(operators)), operators, rotation=0 if len(operators) < 4 else 60
        )
        by_operator.set_xlim(-0.6, len(operators) - 0.4)
        by_part.set_ylabel(what)
        if len(operators) > 1:
            both.legend(fontsize=7)
        left = table["part"].nunique() - len(parts)
        more = f" {plural(left, 'further part')} not drawn." if left else ""
        caption = f"Every value, one a part, trial and operator. Lines not parallel are an interaction.{more}"
        return drawing.encode(figure, "Values by part, by operator, and operator by part", caption)


# Of whom, and the value with its interval.
Rows = Sequence[tuple[str, Mapping[str, Any]]]


def agreement(shares: Mapping[str, Rows], kappas: Mapping[str, Rows]) -> list[Picture]:
    """Agreement in percent of the parts, and kappas."""
    pictures = []
    for title, of, factor, ends, what in (
        ("Agreement", shares, 100.0, (-2.0, 102.0), "parts judged alike, %"),
        ("Kappas", kappas, 1.0, (-1.05, 1.05), "kappa: 0 as by chance, 1 always"),
    ):
        panels = {name: [r for r in rows if known(r[1]["value"])] for name, rows in of.items()}
        panels = {name: rows for name, rows in panels.items() if rows}
        if not panels:
            continue
        with drawing.styled():
            height = REST_IN + ROW_IN * max(*map(len, panels.values()), 2)
            figure, axes = drawing.panels(1, len(panels), height)
            for ax, (name, rows) in zip(axes[0], panels.items(), strict=True):
                _forest(ax, rows, factor)
                ax.set_title(name)
                ax.set_xlabel(what)
                left = ends[0]
                if factor == 1:
                    lows = [row["low"] for _, row in rows if known(row["low"])]
                    left = max(left, min([0.0, *lows]) - 0.05)
                ax.set_xlim(left, ends[1])
                if factor == 1:
                    ax.axvline(0, color=GREY, linewidth=0.8)
            caption = f"{title} with 95 % intervals: " + (
                "Clopper & Pearson's over parts." if factor > 1 else "a jackknife's over parts."
            )
            pictures.append(drawing.encode(figure, f"{title} with intervals, by panel", caption))
    return pictures


def _forest(ax: Any, rows: Sequence[tuple[str, Mapping[str, Any]]], factor: float) -> None:
    value, low, high = (
        np.array([np.nan if row[key] is None else factor * row[key] for _, row in rows])
        for key in ("value", "low", "high")
    )
    drawing.forest(ax, [name for name, _ in rows], value, low, high)
