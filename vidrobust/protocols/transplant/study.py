"""The transplant of Rosenfeld, Zemel & Tsotsos (The Elephant in the Room, arXiv 1808.03305), with controls.

An object is pasted over a grid of positions of each background. Three patches go through the same measures: the
object, its neutral double (no object, the same outline), and nothing (the clean picture again, in other company:
the noise floor).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import BIRTH, KEEP
from vidrobust.models.detection.answers import Answer, answers
from vidrobust.predictions import Detector
from vidrobust.protocols.transplant.cutout import Cutout, Neutral, neutral
from vidrobust.protocols.transplant.effects import new_boxes, of_object, of_others
from vidrobust.protocols.transplant.paste import Place, box_of, covered, grid, paste

PATCHES = ("object", "neutral", "nothing")
FLOOR_TIMES = 4
"""Clean pictures shown again among the pasted ones."""


@dataclass(frozen=True, kw_only=True)
class Background:
    """A frame (H, W, 3) uint8 RGB; the source's name and the frame's number."""

    name: str
    frame: int
    pixels: np.ndarray

    @property
    def key(self) -> str:
        return f"{self.name} {self.frame}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """columns, rows of the grid; the two scores; share of a box that may be covered and still count."""

    columns: int = 8
    rows: int = 6
    start_score: float = BIRTH
    keep_score: float = KEEP
    covered: float = 0.0
    neutral: Neutral = "flat"


@dataclass(frozen=True, kw_only=True)
class Transplant:
    """What was measured.

    positions  background, patch, column, row, x, y (px, the paste's centre), found, label, score, iou, occupied (a
               clean box is there already), others, lost, renamed, new, score_change (mean of the absolute), at
    effects    a row a position and clean box that is not covered: as ``of_others``, and distance (of the centres,
               as a share of the frame's diagonal)
    clean      key of the background -> its answer · places  key -> the grid
    """

    positions: pd.DataFrame
    effects: pd.DataFrame
    clean: dict[str, Answer]
    places: dict[str, list[Place]]


def transplant(
    detector: Detector,
    cutout: Cutout,
    backgrounds: Sequence[Background],
    settings: Settings,
    step: Callable[[int], None] = lambda _: None,
) -> Transplant:
    """Paste the object over the grid of every background and compare with the clean picture.

    ``step`` is called after each background.
    """
    double = neutral(cutout, settings.neutral)
    positions: list[dict[str, Any]] = []
    effects: list[dict[str, Any]] = []
    clean: dict[str, Answer] = {}
    places: dict[str, list[Place]] = {}
    for background in backgrounds:
        size = background.pixels.shape[:2]
        places[background.key] = here = grid((size[0], size[1]), cutout, settings.columns, settings.rows)
        own = answers(detector, [background.pixels])[0]
        clean[background.key] = own
        for patch, shown in (("object", cutout), ("neutral", double)):
            # pasted pictures in company of the clean one, so that its floor is one of the same batches
            pictures = [paste(background.pixels, shown, place) for place in here]
            found = answers(detector, [*pictures, *[background.pixels] * (FLOOR_TIMES // 2)])
            for place, answer in zip(here, found, strict=False):
                _add(positions, effects, background, patch, own, answer, (shown, place), settings)
            for answer in found[len(here) :]:
                _add(positions, effects, background, "nothing", own, answer, None, settings)
        step(1)
    return Transplant(
        positions=pd.DataFrame(positions), effects=pd.DataFrame(effects), clean=clean, places=places
    )


def _add(
    positions: list[dict[str, Any]],
    effects: list[dict[str, Any]],
    background: Background,
    patch: str,
    clean: Answer,
    pasted: Answer,
    where: tuple[Cutout, Place] | None,
    settings: Settings,
) -> None:
    """The rows of one picture, at the end of both tables."""
    h, w = background.pixels.shape[:2]
    band = {"start_score": settings.start_score, "keep_score": settings.keep_score}
    boxes = clean.after[0].boxes
    if where is None:
        box, hidden, touches = None, np.zeros(len(boxes), bool), np.zeros(len(pasted.after[1]), bool)
    else:
        box = box_of(*where)
        hidden = covered(boxes, *where, (h, w)) > settings.covered
        touches = covered(pasted.after[0].boxes, *where, (h, w)) > 0
    rows = of_others(clean, pasted, hidden, **band)
    ids = {"background": background.key, "patch": patch, "at": len(positions)}
    centre = np.full(2, np.nan) if box is None else (box[:2] + box[2:]) / 2
    for row in rows:
        middle = (boxes[row["box"], :2] + boxes[row["box"], 2:]) / 2
        effects.append({**ids, **row, "distance": float(np.hypot(*(middle - centre)) / np.hypot(h, w))})
    changes = [abs(row["score_change"]) for row in rows]
    positions.append(
        {
            **ids,
            "column": -1 if where is None else where[1].column,
            "row": -1 if where is None else where[1].row,
            "x": centre[0],
            "y": centre[1],
            **_target(clean, pasted, box, settings),
            "others": len(rows),
            "lost": sum(row["lost"] for row in rows),
            "renamed": sum(row["renamed"] for row in rows),
            "new": new_boxes(clean, pasted, touches, **band),
            "score_change": float(np.mean(changes)) if changes else np.nan,
        }
    )


def _target(clean: Answer, pasted: Answer, box: np.ndarray | None, settings: Settings) -> dict[str, Any]:
    """The pasted object itself; nothing is pasted without a box."""
    if box is None:
        nothing = of_object(pasted.after, np.zeros(4), settings.start_score)
        return {**nothing, "occupied": False}
    already = of_object(clean.after, box, settings.keep_score)["found"]
    return {**of_object(pasted.after, box, settings.start_score), "occupied": already}
