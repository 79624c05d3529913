"""Figures of measurement systems analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from vidrobust.plugins.gauge.variables.gauge import RangeCharts
from vidrobust.report import drawing
from vidrobust.report.drawing import COLOURS, DARK, GREY, MARKERS, Picture
from vidrobust.text.numbers import percent
from vidrobust.text.phrases import plural

# Figures of studies of reference parts: run chart, bias over the range, stability, the grey zone of a go/no-go
# gauge.


def run_chart(found: Mapping[str, Any], what: str = "value") -> Picture:
    """Type-1 readings in order, with reference and the share of the tolerance that counts."""
    values = np.array(found["values"], np.float64)
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.6)
        ax = axes[0, 0]
        ax.plot(
            np.arange(1, len(values) + 1),
            values,
            "-o",
            color=COLOURS[0],
            linewidth=0.9,
            markersize=3,
        )
        ax.axhline(found["reference"], color=COLOURS[2], linewidth=1.2, label="reference")
        ax.axhline(found["mean"], color=DARK, linewidth=0.9, linestyle=":", label="mean")
        share = (
            found["share"] * found["tolerance"] / 2
            if found["tolerance"] is not None
            else float("nan")
        )
        for k, end in enumerate((-share, share)):
            if np.isfinite(end):
                ax.axhline(
                    found["reference"] + end,
                    color=COLOURS[1],
                    linewidth=1,
                    linestyle="--",
                    label=f"reference ± {found['share'] / 2:.0%} of the tolerance" if k else None,
                )
        ax.set_xlabel("reading")
        ax.set_ylabel(what)
        ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.16))
        caption = "Run chart of the readings of one reference part, in their order."
        return drawing.encode(figure, "Run chart of the readings", caption)


def bias_line(found: Mapping[str, Any], table: pd.DataFrame, what: str = "value") -> Picture:
    """Bias of every reading over its reference, means, the line and its 95 % band."""
    known = table[table["reference"].notna()]
    x = np.linspace(known["reference"].min(), known["reference"].max(), 101)
    centre = known["reference"].to_numpy(np.float64)
    spread = ((centre - centre.mean()) ** 2).sum()
    line = found["intercept"] + found["slope"] * x
    half = found["residual_sd"] * np.sqrt(1 / len(centre) + (x - centre.mean()) ** 2 / spread)
    half *= _t(len(centre) - 2)
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.9)
        ax = axes[0, 0]
        ax.axhline(0, color=GREY, linewidth=0.9)
        ax.fill_between(
            x,
            line - half,
            line + half,
            color=COLOURS[0],
            alpha=0.15,
            linewidth=0,
            label="95 % band",
        )
        ax.plot(x, line, color=COLOURS[0], linewidth=1.3, label="line")
        ax.plot(
            centre,
            known["value"] - centre,
            "o",
            color=GREY,
            markersize=2.8,
            alpha=0.7,
            label="readings",
        )
        ax.plot(
            [part["reference"] for part in found["parts"]],
            [part["bias"] for part in found["parts"]],
            "s",
            color=COLOURS[1],
            markersize=5,
            label="mean of a part",
        )
        ax.set_xlabel("reference" if what == "value" else f"reference of {what}")
        ax.set_ylabel("bias")
        ax.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.14))
        caption = "Bias over the range: where the band leaves 0 out, the gauge is biased there."
        return drawing.encode(figure, "Bias over reference with its line", caption)


def _t(df: int) -> float:
    from vidrobust.statistics.standard_errors import t_quantile

    return float(t_quantile(0.975, df))


def stability_chart(found: Mapping[str, Any]) -> Picture:
    """Averages over time with their limits, and below them the spread."""
    rows = (
        (
            "average",
            found["average"],
            found["centre"],
            found["low"],
            found["high"],
            [out or shifted for out, shifted in zip(found["out"], found["shifted"], strict=True)],
        ),
        (
            "spread",
            found["spread"],
            found["spread_centre"],
            None,
            found["spread_high"],
            found["spread_out"],
        ),
    )
    x = np.arange(len(found["times"]))
    with drawing.styled():
        figure, axes = drawing.panels(2, 1, 3.6)
        for line, (name, values, centre, low, high, wrong) in enumerate(rows):
            ax = axes[line, 0]
            y = np.array([np.nan if v is None else v for v in values], np.float64)
            bad = np.array(wrong, bool)
            ax.axhline(centre, color=GREY, linewidth=0.9)
            for end in (low, high):
                if end is not None:
                    ax.axhline(end, color=COLOURS[1], linewidth=0.9, linestyle="--")
            ax.plot(x, y, "-o", color=COLOURS[0], linewidth=1, markersize=3.5)
            ax.plot(x[bad], y[bad], "s", color=COLOURS[1], markersize=5)
            ax.set_ylabel(name)
        step = max(1, len(x) // 15)
        axes[0, 0].set_xticks(x[::step], [])
        axes[1, 0].set_xticks(
            x[::step], [found["times"][k] for k in x[::step]], rotation=30, ha="right"
        )
        caption = (
            "The reference part over time. Squares: beyond a limit, or eight in a row on one side."
        )
        return drawing.encode(figure, "Control chart of the reference part", caption)


def grey_zone(
    found: Mapping[str, Any],
    table: pd.DataFrame,
    defect: set[str],
    fitted: Sequence[Mapping[str, Any]] = (),
    what: str = "value",
) -> Picture:
    """Share of rejections over true size, with grey zones and fitted curves."""
    known = table[table["measured"].notna()]
    by = known.assign(bad=known["value"].isin(defect)).groupby("part")
    size, share = by["measured"].first(), by["bad"].mean()
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.4)
        ax = axes[0, 0]
        for zone in found["zones"]:
            ax.axvspan(
                *sorted((zone["accepted"], zone["rejected"])),
                color=COLOURS[4],
                alpha=0.3,
                linewidth=0,
            )
        ax.plot(size, 100 * share, "o", color=COLOURS[0], markersize=4, alpha=0.8)
        for each in fitted:
            x = np.linspace(min(each["sizes"]), max(each["sizes"]), 101)
            rejected = ndtr(-(each["intercept"] + each["slope"] * x))
            ax.plot(x, 100 * rejected, color=COLOURS[2], linewidth=1.2)
            if each["limit"] is not None and each["limit"] == each["limit"]:
                ax.axvline(each["limit"], color=COLOURS[1], linewidth=1, linestyle="--")
        ax.set_xlabel("true size" if what == "value" else f"true {what}")
        ax.set_ylabel("rejected, % of verdicts")
        ax.set_ylim(-6, 106)
        caption = "Verdicts over the true size of the parts: in the shaded zones they split."
        caption += " Curves: the analytic method; dashed: the limits." if fitted else ""
        return drawing.encode(figure, "Share of rejections over the true size", caption)


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
    found = gauge["components"]
    names = [(key, name) for key, name in COMPONENTS if key in found]
    shares = [(key, name) for key, name in SHARES if all(_known(found[n][key]) for n, _ in names)]
    width = 0.8 / max(len(shares), 1)
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.7)
        ax = axes[0, 0]
        for place, (key, name) in enumerate(shares):
            x = np.arange(len(names)) + (place - (len(shares) - 1) / 2) * width
            heights = [found[n][key] for n, _ in names]
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
        for number, (operator, own) in enumerate(rows.groupby("operator", sort=False)):
            colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            x = own["part"].map(place)
            by_part.plot(
                x, own["value"], marker, color=colour, markersize=3.5, alpha=0.8, linestyle="none"
            )
            at = np.full(len(own), operators.index(str(operator)))
            by_operator.plot(
                at, own["value"], marker, color=colour, markersize=3.5, alpha=0.5, linestyle="none"
            )
            means = own.groupby("part", sort=False)["value"].mean().reindex(parts)
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
    found = []
    for title, of, factor, ends, what in (
        ("Agreement", shares, 100.0, (-2.0, 102.0), "parts judged alike, %"),
        ("Kappas", kappas, 1.0, (-1.05, 1.05), "kappa: 0 as by chance, 1 always"),
    ):
        panels = {name: [r for r in rows if _known(r[1]["value"])] for name, rows in of.items()}
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
                low = (
                    min([0.0, *(r[1]["low"] for r in rows if _known(r[1]["low"]))])
                    if factor == 1
                    else ends[0]
                )
                ax.set_xlim(max(ends[0], low - 0.05) if factor == 1 else low, ends[1])
                if factor == 1:
                    ax.axvline(0, color=GREY, linewidth=0.8)
            caption = f"{title} with 95 % intervals: " + (
                "Clopper & Pearson's over parts." if factor > 1 else "a jackknife's over parts."
            )
            found.append(drawing.encode(figure, f"{title} with intervals, by panel", caption))
    return found


def _forest(ax: Any, rows: Sequence[tuple[str, Mapping[str, Any]]], factor: float) -> None:
    if not rows:
        ax.set_axis_off()
        return
    value, low, high = (
        np.array([np.nan if each[key] is None else factor * each[key] for _, each in rows])
        for key in ("value", "low", "high")
    )
    drawing.forest(ax, [name for name, _ in rows], value, low, high)


def _known(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))
