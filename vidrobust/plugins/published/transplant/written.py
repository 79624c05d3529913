"""The files of a transplant: the map, the worst cases, the tables and the figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vidrobust.files.atomic import write_text
from vidrobust.files.json_text import json_text
from vidrobust.models.detection.network import BoxAnswer, answers
from vidrobust.plugins.published.transplant.cutout import Cutout, box_of, neutral, paste
from vidrobust.plugins.published.transplant.study import (
    Background,
    TransplantSettings,
    TransplantStudy,
)
from vidrobust.predictions import Classifier, Detector

# A transplant as pictures: the map of the grid, and the worst positions with their boxes drawn.

WORST = 4
# Rows of the map; further backgrounds are in the tables alone.
MOST_BACKGROUNDS = 6
GREEN, RED, BLUE = (0, 170, 60), (220, 30, 30), (30, 110, 230)
TITLES = (
    "score of the pasted object (x: missed)",
    "other boxes lost or renamed: object",
    "other boxes lost or renamed: neutral patch",
)


def draw_map(found: TransplantStudy, backgrounds: Sequence[Background], path: Path) -> None:
    """Draw the object's score by position, and what became of other boxes, a row a background."""
    some = list(backgrounds)[:MOST_BACKGROUNDS]
    figure = Figure(figsize=(12, 3.1 * len(some)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(some), 3, squeeze=False)
    for row, background in zip(axes, some, strict=True):
        at = found.positions[found.positions["background"] == background.key]
        own, double = (at[at["patch"] == patch] for patch in ("object", "neutral"))
        most = max(1.0, float((at["lost"] + at["renamed"]).max()))
        _one(row[0], background, own, own["score"].fillna(0.0), 1.0, ~own["found"], "viridis")
        for axis, each in ((row[1], own), (row[2], double)):
            _one(
                axis,
                background,
                each,
                each["lost"] + each["renamed"],
                most,
                each["lost"] < 0,
                "Reds",
            )
        row[0].set_ylabel(background.key[-40:], fontsize=7)
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title, fontsize=9)
    figure.savefig(path, format="png")


def _one(
    axis: Axes,
    background: Background,
    at: pd.DataFrame,
    value: pd.Series,
    most: float,
    missed: pd.Series,
    colours: str,
) -> None:
    grey = cv2.cvtColor(background.pixels, cv2.COLOR_RGB2GRAY)
    axis.imshow(grey, cmap="gray", vmin=-80, vmax=335)
    seen = ~missed
    dots = axis.scatter(
        at["x"][seen],
        at["y"][seen],
        c=value[seen],
        cmap=colours,
        vmin=0,
        vmax=most,
        s=60,
        edgecolors="black",
        linewidths=0.5,
    )
    axis.scatter(at["x"][missed], at["y"][missed], marker="x", c="red", s=50)
    axis.figure.colorbar(dots, ax=axis, shrink=0.8)
    axis.set_xticks([])
    axis.set_yticks([])


def worst_positions(found: TransplantStudy, count: int = WORST) -> pd.DataFrame:
    """Positions where the object did most to boxes that it does not cover."""
    at = found.positions[found.positions["patch"] == "object"]
    harm = at["lost"] + at["renamed"] + at["new"]
    ordered = at.assign(harm=harm, change=at["score_change"].fillna(0.0))
    ordered = ordered.sort_values(["harm", "change"], ascending=False, kind="stable")
    return ordered[(ordered["harm"] > 0) | (ordered["change"] > 0)].head(count)


def draw_worst(
    found: TransplantStudy,
    backgrounds: Sequence[Background],
    detector: Detector,
    cutout: Cutout,
    settings: TransplantSettings,
    folder: Path,
) -> list[str]:
    """worst_1.png, ...: the clean frame, with the object, with its neutral double."""
    frames = {background.key: background for background in backgrounds}
    double = neutral(cutout, settings.neutral)
    names = []
    for number, row in enumerate(worst_positions(found).itertuples(), 1):
        background = frames[str(row.background)]
        place = next(
            p
            for p in found.places[background.key]
            if (p.column, p.row) == (int(row.column), int(row.row))
        )
        pictures = [paste(background.pixels, patch, place) for patch in (cutout, double)]
        clean = found.clean[background.key]
        said = [clean, *answers(detector, pictures)]
        effects = found.effects[found.effects["at"] == row.at]
        gone = effects.loc[effects["lost"] | effects["renamed"], "box"].to_numpy(int)
        own = box_of(cutout, place)
        shown = [
            _drawn(
                pixels,
                answer,
                detector.class_names,
                settings.keep_score,
                gone if first else (),
                own,
            )
            for first, pixels, answer in zip(
                (True, False, False), (background.pixels, *pictures), said, strict=True
            )
        ]
        name = f"worst_{number}.png"
        cv2.imwrite(str(folder / name), cv2.cvtColor(np.hstack(shown), cv2.COLOR_RGB2BGR))
        names.append(name)
    return names


def _drawn(
    pixels: np.ndarray,
    answer: BoxAnswer,
    names: tuple[str, ...],
    keep_score: float,
    gone: Sequence[int] | np.ndarray,
    paste_box: np.ndarray,
) -> np.ndarray:
    """Boxes of ``keep_score`` and more in green, lost or renamed ones in red."""
    picture = pixels.copy()
    thick = max(1, round(pixels.shape[1] / 500))
    x1, y1, x2, y2 = (int(v) for v in paste_box)
    cv2.rectangle(picture, (x1, y1), (x2, y2), BLUE, thick)
    places, scores, labels = answer.after
    for row, (box, score, label) in enumerate(zip(places.boxes, scores, labels, strict=True)):
        if score < keep_score:
            continue
        colour = RED if row in gone else GREEN
        x1, y1, x2, y2 = (int(v) for v in np.rint(box))
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thick)
        text = f"{names[int(label)]} {float(score):.2f}"
        size = 0.45 * thick
        cv2.putText(
            picture,
            text,
            (max(x1, 0), max(y1 - 4, 12)),
            cv2.FONT_HERSHEY_SIMPLEX,
            size,
            colour,
            thick,
        )
    return picture


def write(
    found: TransplantStudy,
    backgrounds: Sequence[Background],
    model: Classifier | Detector,
    cutout: Cutout,
    settings: TransplantSettings,
    said: dict[str, Any],
    folder: Path,
) -> list[str]:
    """Write everything into a folder, and say which files."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("worst_*.png"):
        old.unlink()
    draw_map(found, backgrounds, folder / "map.png")
    found.positions.to_parquet(folder / "positions.parquet", index=False)
    names = ["map.png", "positions.parquet", "transplant.json"]
    if model.task == "detection":
        found.effects.to_parquet(folder / "effects.parquet", index=False)
        names += [
            "effects.parquet",
            *draw_worst(found, backgrounds, model, cutout, settings, folder),
        ]
    files = [str(folder / name) for name in names]
    write_text(folder / "transplant.json", json_text({**said, "files": files}))
    return files
