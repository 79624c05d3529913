"""Figures of a transplant.

Intervals are over backgrounds, because positions of one frame are not independent.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vidrobust.frames.pixels import to_tensor
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.models.detection.network import BoxAnswer
from vidrobust.models.predict import predict
from vidrobust.plugins.published.transplant.cutout import (
    Cutout,
    GridPlace,
    box_of,
    grid,
    neutral,
    paste,
)
from vidrobust.plugins.published.transplant.study import (
    PATCHES,
    Background,
    TransplantSettings,
    TransplantStudy,
)
from vidrobust.predictions import Classifications, Classifier
from vidrobust.shapes.shape import Places
from vidrobust.stages.stability import by_place
from vidrobust.stages.stability.place_section import draw_cells, text_of, where
from vidrobust.statistics.intervals import Interval, clustered_mean, clustered_rate
from vidrobust.statistics.levels import ALPHA, FEWEST_ROWS
from vidrobust.text.numbers import number, percent_with_interval
from vidrobust.text.phrases import plural

BINS = (0.0, 0.15, 0.3, 0.45, 2.0)  # Edges of distances, shares of the diagonal


def summary(
    found: TransplantStudy, class_names: tuple[str, ...], expected: int | None = None
) -> dict[str, Any]:
    """All figures as plain values; ``expected`` None takes the object's most frequent answer."""
    at = found.positions
    free = at[(at["patch"] == "object") & ~at["occupied"]]
    hits = free[free["found"]]
    label = (
        expected
        if expected is not None
        else int(hits["label"].mode().iloc[0])
        if len(hits)
        else None
    )
    double = at[(at["patch"] == "neutral") & ~at["occupied"]]
    return {
        "object": {
            "recall": _rate(free["found"], free),
            "class": None if label is None else class_names[label],
            "class_from": "given" if expected is not None else "most frequent answer",
            "class_rate": _rate(hits["label"] == label, hits),
            "position_flip_rate": _rate(*_neighbours(free)),
            "answers": {
                class_names[int(k)]: int(n) for k, n in hits["label"].value_counts().items()
            },
            "neutral_found": _rate(double["found"], double),
            "occupied_positions": int(((at["patch"] == "object") & at["occupied"]).sum()),
        },
        "others": {patch: _others(found, patch) for patch in PATCHES},
        "by_distance": _by_distance(found.effects),
        "backgrounds": [_background(found, key, label) for key in found.clean],
        "before_nms_known": any(one.before is not None for one in found.clean.values()),
    }


def _rate(events: pd.Series | np.ndarray, rows: pd.DataFrame) -> dict[str, float]:
    return _plain(clustered_rate(np.asarray(events, bool), rows["background"].to_numpy(str)))


def _plain(found: Interval) -> dict[str, float]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "backgrounds": found.clusters,
    }


def _neighbours(free: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Whether the answer differs between adjacent positions, and the pairs' rows."""
    summary = free.assign(says=np.where(free["found"], free["label"], -1))
    ids = ["background", "column", "row"]
    pairs = []
    for side in ("column", "row"):
        later = summary[[*ids, "says"]].assign(**{side: summary[side] - 1})
        pairs.append(summary[[*ids, "says"]].merge(later, on=ids, suffixes=("", "_next")))
    both = pd.concat(pairs, ignore_index=True)
    return (both["says"] != both["says_next"]).to_numpy(), both


def _others(found: TransplantStudy, patch: str) -> dict[str, Any]:
    at = found.positions[found.positions["patch"] == patch]
    rows = found.effects
    rows = rows[rows["patch"] == patch] if len(rows) else rows
    if not len(rows):
        return {"n": 0, "pictures": len(at), "new_a_picture": float(at["new"].mean())}
    known = rows[rows["lost_before"].notna()]
    lost = known[known["lost"]]
    return {
        "n": len(rows),
        "pictures": len(at),
        "lost": _rate(rows["lost"], rows),
        "lost_by_suppression_alone": int((lost["lost_before"] == 0).sum()) if len(known) else None,
        "lost_before_nms": _rate(known["lost_before"], known),
        "renamed": _rate(rows["renamed"], rows),
        "moved": _size(rows, "moved"),
        "score_change": _size(rows, "score_change"),
        "score_change_before_nms": _size(rows, "score_change_before"),
        "largest_score_change": float(rows["score_change"].abs().max()),
        "new_a_picture": float(at["new"].mean()),
    }


def _size(rows: pd.DataFrame, column: str) -> dict[str, float]:
    known = rows[rows[column].notna()]
    values = known[column].abs().to_numpy(np.float64)
    return _plain(clustered_mean(values, known["background"].to_numpy(str), bounds=(0.0, 1.0)))


def _by_distance(effects: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for low, high in itertools.pairwise(BINS):
        for patch in ("object", "neutral"):
            near = effects
            if len(near):
                inside = (near["distance"] >= low) & (near["distance"] < high)
                near = near[(near["patch"] == patch) & inside]
            rows.append(
                {
                    "patch": patch,
                    "from": low,
                    "to": high,
                    "n": len(near),
                    "lost_or_renamed": float((near["lost"] | near["renamed"]).mean())
                    if len(near)
                    else np.nan,
                    "score_change": float(near["score_change"].abs().mean())
                    if len(near)
                    else np.nan,
                }
            )
    return rows


def _background(found: TransplantStudy, key: str, label: int | None) -> dict[str, Any]:
    at = found.positions[found.positions["background"] == key]
    free = at[(at["patch"] == "object") & ~at["occupied"]]
    hits = free[free["found"]]
    row: dict[str, Any] = {
        "background": key,
        "positions": len(free),
        "recall": float(free["found"].mean()) if len(free) else np.nan,
        "class_rate": float((hits["label"] == label).mean()) if len(hits) else np.nan,
    }
    for patch in PATCHES:
        own = at[at["patch"] == patch]
        row[patch] = {name: int(own[name].sum()) for name in ("others", "lost", "renamed", "new")}
    return row


NO_BOXES = BoxAnswer((Places.of(np.empty((0, 4))), np.empty(0, np.float32), np.empty(0, np.int64)))


def transplant_of_classes(
    classifier: Classifier,
    cutout: Cutout,
    backgrounds: Sequence[Background],
    settings: TransplantSettings,
    expected: int | None = None,
    step: Callable[[int], None] = lambda _: None,
) -> TransplantStudy:
    """Paste the object and its neutral double over the grid of every background."""
    double = neutral(cutout, settings.neutral)
    seen: list[tuple[Background, list[GridPlace], int, dict[str, Classifications]]] = []
    for background in backgrounds:
        size = background.pixels.shape[:2]
        here = grid((size[0], size[1]), cutout, settings.columns, settings.rows)
        said = {
            patch: _answers(classifier, [paste(background.pixels, shown, place) for place in here])
            for patch, shown in (("object", cutout), ("neutral", double))
        }
        clean = int(_answers(classifier, [background.pixels]).labels[0])
        seen.append((background, here, clean, said))
        step(1)
    own = _most_often(seen) if expected is None else expected
    rows = [row for each in seen for row in _rows(*each, own, cutout)]
    return TransplantStudy(
        positions=pd.DataFrame(rows).assign(at=range(len(rows))),
        effects=pd.DataFrame(),
        clean={background.key: NO_BOXES for background, *_ in seen},
        places={background.key: here for background, here, *_ in seen},
    )


def _answers(classifier: Classifier, pictures: Sequence[np.ndarray]) -> Classifications:
    pixels: torch.Tensor = to_tensor(list(pictures))
    return predict(classifier, pixels)


def _most_often(
    seen: Sequence[tuple[Background, list[GridPlace], int, dict[str, Classifications]]],
) -> int:
    new: Counter[int] = Counter()
    every: Counter[int] = Counter()
    for _, _, clean, said in seen:
        labels = said["object"].labels.tolist()
        every.update(labels)
        new.update(label for label in labels if label != clean)
    return (new or every).most_common(1)[0][0]


def _rows(
    background: Background,
    here: Sequence[GridPlace],
    clean: int,
    said: dict[str, Classifications],
    own: int,
    cutout: Cutout,
) -> list[dict[str, Any]]:
    rows = []
    for patch, answers in said.items():
        for place, label, score in zip(
            here, answers.labels, answers.probabilities[:, own], strict=True
        ):
            x1, y1, x2, y2 = box_of(cutout, place)
            rows.append(
                {
                    "background": background.key,
                    "patch": patch,
                    "column": place.column,
                    "row": place.row,
                    "x": (x1 + x2) / 2,
                    "y": (y1 + y2) / 2,
                    "found": patch == "object" or int(label) == own,
                    "label": int(label),
                    "score": float(score),
                    "iou": np.nan,
                    "occupied": clean == own,
                    "others": 0,
                    "lost": 0,
                    "renamed": 0,
                    "new": 0,
                    "score_change": np.nan,
                }
            )
    return rows


NAME = "recall"  # The rate: at which share of the places the object is known, found and called by its name


def places_of(
    found: TransplantStudy,
    backgrounds: Sequence[Background],
    size: tuple[float, float],
    model: str,
    label: int | None,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """The tables ``by_place`` and ``place_tests``, with backgrounds in place of objects."""
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
    """Whether the place alone matters, the best and worst places, and cells that say nothing."""
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
    rates = [
        f"{percent_with_interval(c['value'], c['low'], c['high'])} {where(c)}"
        for c in (best, worst)
    ]
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
