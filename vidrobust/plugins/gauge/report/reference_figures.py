"""Figures of studies of reference parts: run chart, bias over the range, stability, the grey zone of a go/no-go
gauge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from vidrobust.report import drawing
from vidrobust.report.drawing import COLOURS, DARK, GREY, Picture


def run_chart(found: Mapping[str, Any], what: str = "value") -> Picture:
    """The readings of a type-1 study in their order, with reference and the share of the tolerance that counts."""
    values = np.array(found["values"], np.float64)
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.6)
        ax = axes[0, 0]
        ax.plot(np.arange(1, len(values) + 1), values, "-o", color=COLOURS[0], linewidth=0.9, markersize=3)
        ax.axhline(found["reference"], color=COLOURS[2], linewidth=1.2, label="reference")
        ax.axhline(found["mean"], color=DARK, linewidth=0.9, linestyle=":", label="mean")
        share = found["share"] * found["tolerance"] / 2 if found["tolerance"] is not None else float("nan")
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
    """Bias of every reading over its reference, means, the line and its 95 % band.

    table  value, reference
    """
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
            x, line - half, line + half, color=COLOURS[0], alpha=0.15, linewidth=0, label="95 % band"
        )
        ax.plot(x, line, color=COLOURS[0], linewidth=1.3, label="line")
        ax.plot(centre, known["value"] - centre, "o", color=GREY, markersize=2.8, alpha=0.7, label="readings")
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
            _or(found["out"], found["shifted"]),
        ),
        ("spread", found["spread"], found["spread_centre"], None, found["spread_high"], found["spread_out"]),
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
        axes[1, 0].set_xticks(x[::step], [found["times"][k] for k in x[::step]], rotation=30, ha="right")
        caption = "The reference part over time. Squares: beyond a limit, or eight in a row on one side."
        return drawing.encode(figure, "Control chart of the reference part", caption)


def _or(a: list[bool], b: list[bool]) -> list[bool]:
    return [one or other for one, other in zip(a, b, strict=True)]


def grey_zone(
    found: Mapping[str, Any],
    table: pd.DataFrame,
    defect: set[str],
    fitted: Sequence[Mapping[str, Any]] = (),
    what: str = "value",
) -> Picture:
    """Share of rejections of each part over its true size, with the grey zones and the fitted curves.

    table  part, value, measured; fitted: the analytic method at each limit; what: was measured
    """
    known = table[table["measured"].notna()]
    by = known.assign(bad=known["value"].isin(defect)).groupby("part")
    size, share = by["measured"].first(), by["bad"].mean()
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.4)
        ax = axes[0, 0]
        for zone in found["zones"]:
            ax.axvspan(
                *sorted((zone["accepted"], zone["rejected"])), color=COLOURS[4], alpha=0.3, linewidth=0
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
