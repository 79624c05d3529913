"""Why the outputs changed: each measured change replayed alone, beside its placebo; and the directions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.report.perturbation_words import phrase
from vidrobust.report.run_tables import RunTables
from vidrobust.report.words import (
    CAUSES,
    known,
    number,
    percent,
    percent_with_interval,
    plural,
    span,
    with_interval,
)

UNEXPLAINED = "unexplained"
MOST_DIRECTIONS = 30


def summary(run: RunTables) -> pd.DataFrame | None:
    """The summary over all items, or None where it has not been written."""
    table = _over_all_items(run, "causes_summary")
    return table if table is not None and len(table) else None


def _over_all_items(run: RunTables, name: str) -> pd.DataFrame | None:
    """The rows of a summary that speak of all items, each with its model; None where it has not been written."""
    table = run.table(name)
    if table is None:
        return None
    if "item" in table:
        table = table[table["item"].fillna("") == ""]
    if "model" not in table:
        table = table.assign(model=run.models[0] if run.models else "")
    return table


def rows(run: RunTables) -> list[dict[str, str]]:
    """One row a model and cause: share explained beyond the placebo, flips reproduced, pairs left out."""
    table = summary(run)
    if table is None:
        return []
    return [
        {
            "model": str(row["model"]),
            "cause": _name(str(row["cause"])),
            "explained": percent_with_interval(row["value"], row["low"], row["high"]),
            "control": percent(row.get("control")) if row["cause"] != UNEXPLAINED else "",
            "flips": _flips(row),
            "n": f"{int(row['n'])}"
            + (f" in {plural(int(row['clusters']), 'cluster')}" if row.get("clusters") else ""),
            "excluded": str(row.get("reasons") or ""),
        }
        for row in table.to_dict("records")
    ]


def _name(cause: str) -> str:
    return "unexplained" if cause == UNEXPLAINED else CAUSES.get(cause, cause)


def _flips(row: dict[str, Any]) -> str:
    seen = int(row.get("flips") or 0)
    if not seen:
        return "no flip among these pairs"
    said = f"{int(row['reproduced'])} of {seen}"
    low, high = row.get("flip_low"), row.get("flip_high")
    if known(low) and known(high):
        said += f" [{percent(low).removesuffix(' %')} to {percent(high)}]"
    placebo = row.get("placebo_flips")
    if known(placebo):
        said += f"; placebo {number(placebo)}"
    return said


def figure(run: RunTables) -> Picture | None:
    """Causes as bars with intervals: the share of the change explained, and the flips reproduced."""
    table = summary(run)
    if table is None or table["value"].isna().all():
        return None
    causes = list(table["cause"].drop_duplicates())
    models = [m for m in run.models if (table["model"] == m).any()] or list(table["model"].unique())
    with drawing.styled():
        height = 1.1 + 0.26 * len(causes) * max(1, len(models)) ** 0.75
        drawn, axes = drawing.panels(1, 2, height, sharey=True)
        for k, model in enumerate(models):
            of = table[table["model"] == model].set_index("cause").reindex(causes)
            y = np.arange(len(causes)) + 0.8 * (k + 0.5) / len(models) - 0.4
            style = {
                "height": 0.7 / len(models),
                "color": drawing.COLOURS[k % len(drawing.COLOURS)],
                "label": model,
            }
            value, low, high = (100 * _column(of, c) for c in ("value", "low", "high"))
            _bars(axes[0, 0], y, value, low, high, style)
            flips = _column(of, "flips")
            with np.errstate(divide="ignore", invalid="ignore"):
                rate = np.where(flips > 0, 100 * _column(of, "reproduced") / flips, np.nan)
            _bars(axes[0, 1], y, rate, 100 * _column(of, "flip_low"), 100 * _column(of, "flip_high"), style)
            with np.errstate(divide="ignore", invalid="ignore"):
                chance = np.where(flips > 0, 100 * _column(of, "placebo_flips") / flips, np.nan)
            axes[0, 1].plot(chance, y, "|", color="black", markersize=9, markeredgewidth=1.6)
        drawn.suptitle(_finding(table, models), x=0.01, ha="left", fontsize=9.5)
        axes[0, 0].set_yticks(np.arange(len(causes)), [_name(c) for c in causes])
        axes[0, 0].set_ylim(len(causes) - 0.4, -0.6)
        axes[0, 0].axvline(0, color=drawing.DARK, linewidth=0.8)
        axes[0, 0].set_xlabel("share of the change explained beyond the placebo, %")
        axes[0, 1].set_xlabel("flips reproduced, % of the flips seen")
        axes[0, 1].set_xlim(0, 102)
        if len(models) > 1:
            drawn.legend(
                *axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=min(4, len(models))
            )
        caption = (
            "One measured change between two frames, done alone to the first: how much of what the model "
            f"did does it do? n = {span(table['n'])} pairs that could be replayed; lines are 95 % intervals "
            "over clusters. Left: beyond the placebo, a change of the same size in a random direction, and "
            "beyond the blur of the warp alone. Right: the black stroke is what the placebo reproduces. "
            "The causes overlap and do not add up; unexplained is what all together leave, and the flips "
            "that none reproduces."
        )
        return drawing.encode(drawn, "Share of the change explained by each cause, with intervals", caption)


def _finding(table: pd.DataFrame, models: list[str]) -> str:
    """The title: what all measured changes together explain."""
    said = []
    for model in models[:2]:
        row = table[(table["model"] == model) & (table["cause"] == "all")]
        if len(row):
            whole = row.iloc[0]
            figure = percent_with_interval(whole["value"], whole["low"], whole["high"])
            said.append(f"{figure}" + (f" ({model})" if len(models) > 1 else ""))
    return f"All measured changes together explain {', '.join(said)} of the change" if said else "Causes"


def _column(of: pd.DataFrame, name: str) -> np.ndarray:
    return of[name].to_numpy(np.float64) if name in of else np.full(len(of), np.nan)


def _bars(
    panel: Any, y: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray, style: dict[str, Any]
) -> None:
    panel.barh(y, np.nan_to_num(value), alpha=0.75, linewidth=0, **style)
    known_ones = np.isfinite(low) & np.isfinite(high) & np.isfinite(value)
    panel.hlines(y[known_ones], low[known_ones], high[known_ones], color=drawing.DARK, linewidth=1.2)
    panel.grid(axis="x")
    panel.set_axisbelow(True)


def directions(run: RunTables) -> pd.DataFrame | None:
    """The summary of the direction study over all items, one row a perturbation; None where there is none."""
    table = _over_all_items(run, "directions_summary")
    if table is None:
        return None
    table = table[(table["perturbation"] != "") & table["value"].notna()]
    return table if len(table) else None


def direction_sentences(run: RunTables) -> list[str]:
    """Per model the cause that the directions name, or that they name none."""
    table = directions(run)
    if table is None or "named" not in table:
        return []
    said = []
    for model, rows in table.groupby("model", sort=False):
        named = str(rows["named"].iloc[0])
        if named in ("", "none"):
            said.append(f"{model}: no single cause points along the change clearly enough to be named.")
        else:
            said.append(f"{model}: over all pairs the change points along {CAUSES.get(named, named)}.")
    return said


def direction_figures(run: RunTables) -> list[Picture]:
    """Per model the cosine between the real change and that under each perturbation."""
    table = directions(run)
    if table is None:
        return []
    return [_directions(str(model), rows) for model, rows in table.groupby("model", sort=False)]


def _directions(model: str, rows: pd.DataFrame) -> Picture:
    rows = rows.sort_values("value", ascending=False).head(MOST_DIRECTIONS)
    clear = (rows["low"] > 0).to_numpy()
    with drawing.styled():
        drawn, axes = drawing.panels(1, 1, 1.0 + 0.19 * len(rows))
        drawing.forest(
            axes[0, 0],
            [phrase(str(name)).noun for name in rows["perturbation"]],
            *(rows[name].to_numpy(np.float64) for name in ("value", "low", "high")),
            colours=[drawing.COLOURS[0] if c else drawing.GREY for c in clear],
            hollow=list(~clear),
        )
        if "cosine" in rows:
            place = np.arange(len(rows))
            axes[0, 0].plot(rows["cosine"], place, "|", color="black", markersize=8, markeredgewidth=1.4)
        axes[0, 0].axvline(0, color=drawing.DARK, linewidth=0.8)
        axes[0, 0].set_xlabel("cosine, less that of the other causes on the same pairs")
        axes[0, 0].set_title(model)
        caption = (
            "Does the output move between neighbouring frames the way it moves under a perturbation? Black "
            "strokes: the mean cosine itself (1: the same way, 0: unrelated). Marks: what it has beyond "
            f"the other causes. n = {span(rows['n'])} pairs; bars are 95 % intervals over clusters; filled: "
            "surely above zero."
        )
        return drawing.encode(drawn, f"Direction of the change, {model}", caption)


def direction_rows(run: RunTables) -> list[dict[str, str]]:
    """The figures behind the directions."""
    table = directions(run)
    if table is None:
        return []
    return [
        {
            "model": str(row["model"]),
            "perturbation": phrase(str(row["perturbation"])).noun,
            "cosine": number(row.get("cosine")),
            "beyond": with_interval(row["value"], row["low"], row["high"]),
            "n": str(int(row["n"])),
        }
        for row in table.sort_values(["model", "value"], ascending=[True, False]).to_dict("records")
    ]
