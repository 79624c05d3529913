"""Where in the picture a model knows an object that is moved over it; only the place differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vidrobust.metrics.catalogue import metrics_of
from vidrobust.plugins.published.transplant.study import Background, TransplantStudy
from vidrobust.stages.stability import by_place
from vidrobust.stages.stability.place_section import draw_cells, text_of, where
from vidrobust.statistics.levels import ALPHA, FEWEST_ROWS
from vidrobust.text.numbers import number, percent_with_interval
from vidrobust.text.phrases import plural

# The rate: at which share of the places the object is known, found and called by its name.
NAME = "recall"


def places_of(
    found: TransplantStudy,
    backgrounds: Sequence[Background],
    size: tuple[float, float],
    model: str,
    label: int | None,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Return the tables ``by_place`` and ``place_tests`` of the object, with backgrounds in place of objects."""
    at = found.positions[(found.positions["patch"] == "object") & ~found.positions["occupied"]]
    known = at["found"] if label is None else at["found"] & (at["label"] == label)
    height, width = size
    rows = pd.DataFrame(
        {
            "model": model,
            "item": at["background"].astype(str),
            "track": at["background"].astype(str),
            "frame": at["row"] * (at["column"].max() + 1) + at["column"],
            "time_s": 0.0,
            "found": known.astype(float),
            "x1": at["x"] - width / 2,
            "x2": at["x"] + width / 2,
            "y1": at["y"] - height / 2,
            "y2": at["y"] + height / 2,
        }
    )
    sizes = {b.key: (int(b.pixels.shape[0]), int(b.pixels.shape[1])) for b in backgrounds}
    recall = next(metric for metric in metrics_of("detection") if metric.name == NAME)
    metric = dataclasses.replace(recall, table="pasted")
    tables = by_place.summarise({"pasted": rows}, [metric], sizes, seed)
    return {name: table[table["grid"] == "position"] for name, table in tables.items()}


def sentence(tables: dict[str, pd.DataFrame]) -> str:
    """Whether the place alone matters, where the object is known best and least, and which cells say nothing."""
    cells, tests = tables["by_place"], tables["place_tests"]
    few = int(cells["few"].sum())
    left = (
        f"; {plural(few, 'cell')} of {len(cells)} with fewer than {FEWEST_ROWS} positions say nothing"
        if few
        else ""
    )
    p = float(tests["p"].iloc[0]) if len(tests) else np.nan
    if np.isnan(p):
        takes = f"{by_place.FEWEST_OBJECTS} backgrounds and two cells of {FEWEST_ROWS} positions"
        return f"whether the place matters is open: it takes {takes}{left}"
    if p > ALPHA:
        return f"no effect of the place seen (p = {number(p)}){left}"
    stated = cells[~cells["few"]]
    best, worst = (stated.loc[stated["value"].agg(end)].to_dict() for end in ("idxmax", "idxmin"))
    rates = [f"{percent_with_interval(c['value'], c['low'], c['high'])} {where(c)}" for c in (best, worst)]
    return f"the place matters: known {rates[0]}, {rates[1]} (p = {number(p)}){left}"


def draw(tables: dict[str, pd.DataFrame], title: str, path: Path) -> None:
    """The cells as a PNG file, with rate, positions and backgrounds in each."""
    cells = tables["by_place"].sort_values(["row", "column"], kind="stable")
    figure = Figure(figsize=(6, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    texts = [text_of(cell, "background") for cell in cells.to_dict("records")]
    draw_cells(axis, cells, cells["value"].to_numpy(float), texts, "Greens")
    axis.set_title(title, fontsize=9)
    figure.savefig(path, format="png")
