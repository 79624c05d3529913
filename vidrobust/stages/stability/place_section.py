"""Where in the picture a model is unstable, and whether place and size matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.report import drawing
from vidrobust.report.drawing import Picture
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_place import COLUMNS, FEWEST_OBJECTS, GRIDS, ROWS, SIDES
from vidrobust.statistics.levels import ALPHA, FEWEST_ROWS
from vidrobust.text.numbers import number, percent, percent_with_interval
from vidrobust.text.phrases import listing, plural

GRID_WORDS = {"position": "place", "size": "size"}
ACROSS = ("far left", "left", "middle", "right", "far right")
DOWN = ("top", "middle", "bottom")


def sentences(run: RunTables, task: str) -> list[str]:
    """Return, per model of a task, what depends on place and size, what does not, and what is unclear."""
    tests, cells = _of_task(run, task, "place_tests"), _of_task(run, task, "by_place")
    return [
        _of_model(str(m), of, cells[cells["model"] == m], task)
        for m, of in tests.groupby("model", sort=False)
    ]


def _of_task(run: RunTables, task: str, name: str) -> pd.DataFrame:
    table = run.rows(name)
    mine = [model for model, its in run.tasks.items() if its.name == task]
    return table[table["model"].isin(mine)]


def _of_model(model: str, tests: pd.DataFrame, cells: pd.DataFrame, task: str) -> str:
    sure = tests[tests["p_adjusted"] <= ALPHA]
    said = [_differs(row, cells, task) for row in sure.to_dict("records")]
    calm, lost = (
        _asked(rows, task)
        for rows in (tests[tests["p_adjusted"] > ALPHA], tests[tests["p"].isna()])
    )
    if calm:
        said.append(f"no effect seen of {calm}")
    if lost:
        takes = f"{FEWEST_OBJECTS} objects and two cells of {FEWEST_ROWS} frames"
        said.append(f"too few objects or frames to judge the effect of {lost}, which takes {takes}")
    return f"{model}: {'; '.join(said)}."


def _asked(tests: pd.DataFrame, task: str) -> str:
    of_metric = tests.groupby("metric", sort=False)["grid"]
    return ", of ".join(
        f"{listing(GRID_WORDS[grid] for grid in grids)} on {_title(str(metric), task)}"
        for metric, grids in of_metric
    )


def _title(metric: str, task: str) -> str:
    found = find_metric(metric, task)
    return found.title if found else metric


def _differs(row: dict[str, Any], cells: pd.DataFrame, task: str) -> str:
    of = cells[(cells["grid"] == row["grid"]) & (cells["metric"] == row["metric"]) & ~cells["few"]]
    metric = find_metric(row["metric"], task)
    lower = metric is not None and metric.worse == "lower"
    worst, best = (
        of.loc[of["value"].idxmin() if low else of["value"].idxmax()] for low in (lower, not lower)
    )
    rates = [
        f"{percent_with_interval(c['value'], c['low'], c['high'])} {where(c)}"
        for c in (worst, best)
    ]
    p = number(row["p_adjusted"])
    return f"{GRID_WORDS[row['grid']]} matters for {_title(row['metric'], task)}: {rates[0]}, {rates[1]} (p = {p})"


def where(cell: Mapping[str, Any] | pd.Series) -> str:
    if cell["grid"] == "size":
        return f"where the side of a box is {_size(int(cell['column']))} of the frame's"
    column, row = ACROSS[int(cell["column"])], DOWN[int(cell["row"])]
    return "in the middle" if column == row else f"at the {column}, {row}"


def _size(number_of_class: int) -> str:
    low, high = (100 * side for side in SIDES[number_of_class : number_of_class + 2])
    return f"{low:g} to {high:g} %" if number_of_class else f"below {high:g} %"


def figures(run: RunTables, task: str) -> list[Picture]:
    """Draw, per model of a task, where its objects are and every rate by position and by size."""
    cells = _of_task(run, task, "by_place")
    return [_figure(str(model), of, task) for model, of in cells.groupby("model", sort=False)]


def _figure(model: str, cells: pd.DataFrame, task: str) -> Picture:
    metrics = list(cells["metric"].drop_duplicates())
    with drawing.styled():
        figure, axes = drawing.panels(2, 1 + len(metrics), 3.4)
        axes[0, 0].get_gridspec().set_height_ratios([2.6, 1])
        for axis, grid in zip(axes[:, 0], GRIDS, strict=True):
            of = _cells_of(cells, grid, metrics[0])
            draw_cells(
                axis, of, of["share"].to_numpy(), [percent(share) for share in of["share"]], "Blues"
            )
        for metric, column in zip(metrics, axes[:, 1:].T, strict=True):
            for axis, grid in zip(column, GRIDS, strict=True):
                of = _cells_of(cells, grid, metric)
                draw_cells(
                    axis,
                    of,
                    of["value"].to_numpy(),
                    [text_of(cell) for cell in of.to_dict("records")],
                    "Oranges",
                )
        for axis, title in zip(
            axes[0],
            ["where the objects are", *(_title(metric, task) for metric in metrics)],
            strict=True,
        ):
            axis.set_title(title)
        for axis in axes[1]:
            names = [
                _size(k).removesuffix(" %").replace("below ", "< ").replace(" to ", "–")
                for k in range(len(SIDES) - 1)
            ]
            axis.set_xticks(range(len(names)), names)
            axis.set_xlabel("side of the box, % of the frame's")
        middle = _cells_of(cells, "position", metrics[0])
        centre = float(
            middle.loc[
                (middle["column"] == COLUMNS // 2) & (middle["row"] == ROWS // 2), "share"
            ].iloc[0]
        )
        return drawing.encode(
            figure,
            f"{model}: maps of where objects are, and of its rates by position and size",
            f"{model}. Above, the picture in {COLUMNS} by {ROWS} cells, by the middle of the box; below, classes "
            "of size. Each cell shows the rate, the frames and the objects; grey: fewer than "
            f"{FEWEST_ROWS} frames, or none. A cell with one or two objects says as much about them as about "
            f"the place. {percent(centre)} of the frames of objects lie in the middle cell, which is "
            f"{percent(1 / (COLUMNS * ROWS))} of the picture: the photographer's bias.",
        )


def _cells_of(cells: pd.DataFrame, grid: str, metric: str) -> pd.DataFrame:
    of = cells[(cells["grid"] == grid) & (cells["metric"] == metric)]
    return of.sort_values(["row", "column"], kind="stable")


def text_of(cell: dict[str, Any], thing: str = "object") -> str:
    if not cell["n"]:
        return ""
    objects = plural(int(cell["objects"]), thing)
    of = f"n = {cell['n']}\n{objects}"
    return f"too few\n{of}" if cell["few"] else f"{percent(cell['value'])}\n{of}"


def draw_cells(
    axis: drawing.Axes, of: pd.DataFrame, value: np.ndarray, texts: Sequence[str], colours: str
) -> None:
    """Draw cells, sorted by row and column, coloured by value; grey without a value."""
    shape = (of["row"].nunique(), of["column"].nunique())
    most = max(float(np.nanmax(value, initial=0.0)), 1e-9)
    axis.imshow(value.reshape(shape), cmap=colours, vmin=0, vmax=1.4 * most, aspect="auto")
    axis.set_facecolor(drawing.LIGHT)
    for (row, column), text in zip(np.ndindex(shape), texts, strict=True):
        axis.text(column, row, text, ha="center", va="center", fontsize=5.5)
    axis.set_xticks([])
    axis.set_yticks([])
