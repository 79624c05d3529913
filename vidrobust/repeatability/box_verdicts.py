"""A detector's boxes as answers frame by frame, so that its parts get verdicts and scores as a classifier's do."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

NOTHING = "nothing"
"""The answer on a frame without a box."""


def answers_of_boxes(
    detections: pd.DataFrame, counted: pd.DataFrame, *, start_score: float, defect: Iterable[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``frames`` and ``probabilities`` that ``verdicts`` takes, of boxes.

    detections  item, model, frame, label_name, score: all boxes, also those below the threshold
    counted     item, model, frame: every frame, also those without boxes
    start_score       least score of a box that counts

    A frame's answer is the class of its best box of a defect, if that counts, else of its best box, else NOTHING.
    Its probability of a class is the best score of a box of it; of several classes that are defects only the best
    one has one, so that their sum is the score of the surest defect.
    """
    keys = ["item", "model", "frame"]
    wrong = set(defect)
    boxes = detections[[*keys, "label_name", "score"]].sort_values("score", ascending=False, kind="stable")
    best = boxes.drop_duplicates([*keys, "label_name"])
    bad = best["label_name"].isin(wrong)
    best = pd.concat([best[~bad], best[bad].drop_duplicates(keys)])
    counts = best[best["score"] >= start_score]
    counts = counts.assign(wrong=counts["label_name"].isin(wrong))
    counts = counts.sort_values(["wrong", "score"], ascending=False, kind="stable").drop_duplicates(keys)
    frames = counted[keys].merge(counts[[*keys, "label_name"]], on=keys, how="left")
    frames["label_name"] = frames["label_name"].fillna(NOTHING)
    return frames, best.rename(columns={"score": "probability"}).reset_index(drop=True)
