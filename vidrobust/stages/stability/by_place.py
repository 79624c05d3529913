"""Rates over a grid of positions in the picture, and by the size of the box.

Objects that a detector never finds have no track; ``recall`` of known boxes sees them. Label flips of a
classifier are placed by the known box of the one object in the frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vidrobust.metrics.metric import Metric
from vidrobust.stages.stability.rates import aggregate
from vidrobust.statistics.levels import FEWEST_CLUSTERS, FEWEST_ROWS
from vidrobust.statistics.permutations import differing_cells
from vidrobust.statistics.significance import holm
from vidrobust.tables import schema as tables

COLUMNS, ROWS = 5, 3
# Edges of the classes of size: the root of the box's share of the frame.
SIDES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)
METRICS = ("uncovered_rate", "flip_rate", "recall")
GRIDS = {"position": COLUMNS * ROWS, "size": len(SIDES) - 1}  # of each grid how many cells
# fewer objects do not tell a place from the objects that stand there
FEWEST_OBJECTS = FEWEST_CLUSTERS
_STATED = {"value", "low", "high", "exact_low", "exact_high"}
Sizes = Mapping[str, tuple[int, int]]


def placed(rows: pd.DataFrame, sizes: Sizes) -> pd.DataFrame:
    """Add ``position`` and ``size_class`` of each box; rows without a box or size are dropped.

    ``sizes`` is item -> height, width in px. Centres beyond the frame count for the nearest cell.
    """
    frame = np.array([sizes.get(str(item), (0, 0)) for item in rows["item"]], np.float64).reshape(
        -1, 2
    )
    x1, y1, x2, y2 = rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64).T
    keep = np.isfinite(x1 + y1 + x2 + y2) & (frame > 0).all(axis=1)
    height, width = np.where(keep[:, None], frame, 1.0).T
    x, y, area = (
        (x1 + x2) / 2 / width,
        (y1 + y2) / 2 / height,
        (x2 - x1) * (y2 - y1) / width / height,
    )
    x, y, area = (np.where(keep, value, 0.0) for value in (x, y, area))
    column, row = (
        np.clip(np.floor(at * count), 0, count - 1).astype(np.int64)
        for at, count in ((x, COLUMNS), (y, ROWS))
    )
    side = np.searchsorted(SIDES[1:-1], np.sqrt(np.clip(area, 0, 1)), side="right").astype(np.int64)
    return rows.assign(position=row * COLUMNS + column, size_class=side)[keep]


def summarise(
    raw: Mapping[str, pd.DataFrame], metrics: Sequence[Metric], sizes: Sizes, seed: int
) -> dict[str, pd.DataFrame]:
    """Return the tables ``by_place`` and ``place_tests``, of the metrics whose tables are present."""
    cells: list[dict[str, object]] = []
    tests: list[dict[str, object]] = []
    placed_tables: dict[str, pd.DataFrame] = {}
    for metric in (m for m in metrics if m.name in METRICS and m.table in raw):
        if metric.table not in placed_tables:
            placed_tables[metric.table] = placed(raw[metric.table], sizes)
        for model, rows in metric.values(placed_tables[metric.table]).groupby("model", sort=False):
            for grid in GRIDS:
                of = {"model": model, "grid": grid, "metric": metric.name}
                mine = [{**of, **cell} for cell in _cells(metric, rows, grid)]
                cells += mine
                few = np.array([cell["few"] for cell in mine])
                tests.append(
                    {**of, **_tested(metric, rows, grid, few, np.random.default_rng(seed))}
                )
    found = pd.DataFrame(tests) if tests else tables.empty("place_tests").drop(columns="p_adjusted")
    adjusted = (
        found.groupby("model")["p"].transform(lambda p: holm(p.to_numpy())) if tests else found["p"]
    )
    return {
        "by_place": tables.of_rows("by_place", cells),
        "place_tests": tables.check("place_tests", found.assign(p_adjusted=adjusted)),
    }


def _column(grid: str) -> str:
    return "position" if grid == "position" else "size_class"


def _object(rows: pd.DataFrame) -> pd.Series:
    keys = ["item", "track"] if "track" in rows else ["item", "object", "label"]
    return rows.groupby(keys, sort=False).ngroup()


def _cells(metric: Metric, rows: pd.DataFrame, grid: str) -> list[dict[str, object]]:
    objects, cell = _object(rows).to_numpy(), rows[_column(grid)].to_numpy()
    found: list[dict[str, object]] = []
    for number in range(GRIDS[grid]):
        at = cell == number
        row, column = divmod(number, COLUMNS) if grid == "position" else (-1, number)
        rate, few = aggregate(metric, rows[at]), int(at.sum()) < FEWEST_ROWS
        if few:
            rate |= dict.fromkeys(_STATED & rate.keys(), float("nan"))
        about = {"column": column, "row": row, "few": few, "share": float(at.mean())}
        events = int((rows[metric.column].to_numpy()[at] > 0).sum())
        found.append({**about, "events": events, "objects": len(np.unique(objects[at])), **rate})
    return found


def _tested(
    metric: Metric, rows: pd.DataFrame, grid: str, few: np.ndarray, rng: np.random.Generator
) -> dict[str, object]:
    used = rows[~few[rows[_column(grid)].to_numpy()]]
    about = {"cells": int((~few).sum()), "objects": int(_object(used).nunique())}
    if about["objects"] < FEWEST_OBJECTS or about["cells"] < 2:
        return {**about, "p": float("nan")}
    event, cell = used[metric.column].to_numpy() > 0, used[_column(grid)].to_numpy()
    frame = used.groupby(["item", "frame"], sort=False).ngroup().to_numpy()
    clip, thing = pd.factorize(used["item"])[0], _object(used).to_numpy()
    return {**about, "p": differing_cells(event, cell, thing, frame, clip, rng)}
