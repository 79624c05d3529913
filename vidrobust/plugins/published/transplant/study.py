"""The transplant of Rosenfeld, Zemel & Tsotsos (The Elephant in the Room, arXiv 1808.03305), with controls.

The object, its neutral double (same outline) and nothing (noise floor) go over a grid of positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.box_differences import BIRTH, KEEP, LEAST_IOU, ious, match
from vidrobust.models.detection.network import BoxAnswer, FrameBoxes, answers
from vidrobust.plugins.published.transplant.cutout import (
    Cutout,
    GridPlace,
    Neutral,
    box_of,
    covered,
    grid,
    neutral,
    paste,
)
from vidrobust.predictions import Detector

# One pasted picture against the clean one: the pasted object itself, and the boxes that it does not cover.

ON_IT = 0.5  # IoU from which a box is the pasted object's, and from which a raw candidate speaks for a box
NOTHING = -1  # The label where the object is not found


def of_object(found: FrameBoxes, box: np.ndarray, start_score: float = BIRTH) -> dict[str, Any]:
    """Whether the best counting box lies on the pasted object (IoU ON_IT), its label and score."""
    boxes, scores, labels = found
    _, rows, overlap = ious(box[None], boxes.boxes)
    good = (overlap >= ON_IT) & (scores[rows] >= start_score)
    if not good.any():
        return {"found": False, "label": NOTHING, "score": np.nan, "iou": np.nan}
    rows, overlap = rows[good], overlap[good]
    best = int(np.argmax(scores[rows]))
    row = int(rows[best])
    return {
        "found": True,
        "label": int(labels[row]),
        "score": float(scores[row]),
        "iou": float(overlap[best]),
    }


def of_others(
    clean: BoxAnswer,
    pasted: BoxAnswer,
    hidden: np.ndarray,
    *,
    start_score: float = BIRTH,
    keep_score: float = KEEP,
) -> list[dict[str, Any]]:
    """Return one row for each clean box of ``start_score`` or more that is not hidden."""
    boxes, scores, labels = clean.after
    kept, again = (
        np.flatnonzero(scores >= keep_score),
        np.flatnonzero(pasted.after[1] >= keep_score),
    )
    i, j, iou = match(
        boxes.take(kept),
        pasted.after[0].take(again),
        labels[kept],
        pasted.after[2][again],
        least=LEAST_IOU,
    )
    partner = {int(kept[a]): (int(again[b]), float(o)) for a, b, o in zip(i, j, iou, strict=True)}
    rows = []
    for row in np.flatnonzero((scores >= start_score) & ~hidden):
        box, label, score = boxes.boxes[row], int(labels[row]), float(scores[row])
        any_class, own_class = _raw(pasted, box, label)
        found = partner.get(int(row))
        after = own_class if found is None else float(pasted.after[1][found[0]])
        rows.append(
            {
                "box": int(row),
                "label": label,
                "score": score,
                "lost": found is None,
                "lost_before": np.nan if np.isnan(any_class) else float(any_class < keep_score),
                "renamed": found is not None and int(pasted.after[2][found[0]]) != label,
                "moved": np.nan if found is None else 1 - found[1],
                "score_change": after - score,
                "score_change_before": own_class - _raw(clean, box, label)[1],
            }
        )
    return rows


def new_boxes(
    clean: BoxAnswer,
    pasted: BoxAnswer,
    touches: np.ndarray,
    *,
    start_score: float = BIRTH,
    keep_score: float = KEEP,
) -> int:
    """Boxes of ``start_score`` off the paste, unmatched by clean boxes of ``keep_score``."""
    boxes, scores, labels = clean.after
    kept, born = (
        np.flatnonzero(scores >= keep_score),
        np.flatnonzero(pasted.after[1] >= start_score),
    )
    _, j, _ = match(
        boxes.take(kept),
        pasted.after[0].take(born),
        labels[kept],
        pasted.after[2][born],
        least=LEAST_IOU,
    )
    alone = np.ones(len(born), bool)
    alone[j] = False
    return int((alone & ~touches[born]).sum())


def _raw(answer: BoxAnswer, box: np.ndarray, label: int) -> tuple[float, float]:
    if answer.before is None:
        return np.nan, np.nan
    boxes, scores, labels = answer.before
    _, rows, overlap = ious(box[None], boxes.boxes)
    rows = rows[overlap >= ON_IT]
    own = rows[labels[rows] == label]
    return float(scores[rows].max(initial=0.0)), float(scores[own].max(initial=0.0))


PATCHES = ("object", "neutral", "nothing")
FLOOR_TIMES = 4  # Clean pictures shown again among the pasted ones


@dataclass(frozen=True, kw_only=True)
class Background:
    """A frame (H, W, 3) uint8 RGB."""

    name: str
    frame: int
    pixels: np.ndarray

    @property
    def key(self) -> str:
        return f"{self.name} {self.frame}"


@dataclass(frozen=True, kw_only=True)
class TransplantSettings:
    """The grid, the scores from which boxes count, and how much of a box may be covered."""

    columns: int = 8
    rows: int = 6
    start_score: float = BIRTH
    keep_score: float = KEEP
    covered: float = 0.0
    neutral: Neutral = "flat"


@dataclass(frozen=True, kw_only=True)
class TransplantStudy:
    """Positions of each patch, effects on boxes that are not covered, clean answers and grids."""

    positions: pd.DataFrame
    effects: pd.DataFrame
    clean: dict[str, BoxAnswer]
    places: dict[str, list[GridPlace]]


def transplant(
    detector: Detector,
    cutout: Cutout,
    backgrounds: Sequence[Background],
    settings: TransplantSettings,
    step: Callable[[int], None] = lambda _: None,
) -> TransplantStudy:
    """Paste the object over the grid of every background and compare with the clean picture."""
    double = neutral(cutout, settings.neutral)
    positions: list[dict[str, Any]] = []
    effects: list[dict[str, Any]] = []
    clean: dict[str, BoxAnswer] = {}
    places: dict[str, list[GridPlace]] = {}
    for background in backgrounds:
        size = background.pixels.shape[:2]
        places[background.key] = here = grid(
            (size[0], size[1]), cutout, settings.columns, settings.rows
        )
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
    return TransplantStudy(
        positions=pd.DataFrame(positions), effects=pd.DataFrame(effects), clean=clean, places=places
    )


def _add(
    positions: list[dict[str, Any]],
    effects: list[dict[str, Any]],
    background: Background,
    patch: str,
    clean: BoxAnswer,
    pasted: BoxAnswer,
    where: tuple[Cutout, GridPlace] | None,
    settings: TransplantSettings,
) -> None:
    h, w = background.pixels.shape[:2]
    band = {"start_score": settings.start_score, "keep_score": settings.keep_score}
    boxes = clean.after[0].boxes
    if where is None:
        box, hidden, touches = (
            None,
            np.zeros(len(boxes), bool),
            np.zeros(len(pasted.after[1]), bool),
        )
    else:
        box = box_of(*where)
        hidden = covered(boxes, *where, (h, w)) > settings.covered
        touches = covered(pasted.after[0].boxes, *where, (h, w)) > 0
    rows = of_others(clean, pasted, hidden, **band)
    ids = {"background": background.key, "patch": patch, "at": len(positions)}
    centre = np.full(2, np.nan) if box is None else (box[:2] + box[2:]) / 2
    for row in rows:
        middle = (boxes[row["box"], :2] + boxes[row["box"], 2:]) / 2
        effects.append(
            {**ids, **row, "distance": float(np.hypot(*(middle - centre)) / np.hypot(h, w))}
        )
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


def _target(
    clean: BoxAnswer, pasted: BoxAnswer, box: np.ndarray | None, settings: TransplantSettings
) -> dict[str, Any]:
    if box is None:
        nothing = of_object(pasted.after, np.zeros(4), settings.start_score)
        return {**nothing, "occupied": False}
    already = of_object(clean.after, box, settings.keep_score)["found"]
    return {**of_object(pasted.after, box, settings.start_score), "occupied": already}
