"""One pasted picture against the clean one: the pasted object itself, and the boxes that it does not cover."""

from __future__ import annotations

from typing import Any

import numpy as np

from vidrobust.metrics.box_differences import BIRTH, KEEP, LEAST_IOU, ious, match
from vidrobust.models.detection.answers import Answer, Found

ON_IT = 0.5
"""IoU from which a box is the pasted object's, and from which a raw candidate speaks for a box."""
NOTHING = -1
"""The label where the object is not found."""


def of_object(found: Found, box: np.ndarray, start_score: float = BIRTH) -> dict[str, Any]:
    """Whether a box of ``start_score`` or more lies on the pasted object's own box, IoU ON_IT or more: the best.

    found (bool), label (or NOTHING), score and iou (NaN where not found)
    """
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
    clean: Answer,
    pasted: Answer,
    hidden: np.ndarray,
    *,
    start_score: float = BIRTH,
    keep_score: float = KEEP,
) -> list[dict[str, Any]]:
    """One row for each clean box of ``start_score`` or more of which nothing (or too little to count) is hidden.

    hidden (D,) bool, of the clean picture's boxes. lost: no box of ``keep_score`` or more is matched to it (IoU
    LEAST_IOU, one to one); lost_before: no raw candidate of ``keep_score`` is there before suppression, so
    that the network and not the suppression lost it. renamed, moved (1 - IoU) and score_change of those found
    again; a lost box takes the best raw candidate's score of its class. What is not known is NaN.
    """
    boxes, scores, labels = clean.after
    kept, again = (
        np.flatnonzero(scores >= keep_score),
        np.flatnonzero(pasted.after[1] >= keep_score),
    )
    i, j, iou = match(
        boxes.take(kept), pasted.after[0].take(again), labels[kept], pasted.after[2][again], least=LEAST_IOU
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
    clean: Answer,
    pasted: Answer,
    touches: np.ndarray,
    *,
    start_score: float = BIRTH,
    keep_score: float = KEEP,
) -> int:
    """Boxes of ``start_score`` off the paste that no clean box of ``keep_score`` matches; touches (D,) bool."""
    boxes, scores, labels = clean.after
    kept, born = (
        np.flatnonzero(scores >= keep_score),
        np.flatnonzero(pasted.after[1] >= start_score),
    )
    _, j, _ = match(
        boxes.take(kept), pasted.after[0].take(born), labels[kept], pasted.after[2][born], least=LEAST_IOU
    )
    alone = np.ones(len(born), bool)
    alone[j] = False
    return int((alone & ~touches[born]).sum())


def _raw(answer: Answer, box: np.ndarray, label: int) -> tuple[float, float]:
    """Best score of any candidate on a box, and of one of its class; 0 without one, NaN where it is not known."""
    if answer.before is None:
        return np.nan, np.nan
    boxes, scores, labels = answer.before
    _, rows, overlap = ious(box[None], boxes.boxes)
    rows = rows[overlap >= ON_IT]
    own = rows[labels[rows] == label]
    return float(scores[rows].max(initial=0.0)), float(scores[own].max(initial=0.0))
