"""What is judged, by name, and which of it is said first."""

from __future__ import annotations

from dataclasses import dataclass

# What is judged where nothing is changed.
FOOTAGE = "footage"
FLIPS, JITTER, ERRORS = "flip_rate", "jitter", "error_rate"
OTHER, MOVED = "other_answers", "answer_change"
UNCOVERED, DROPOUTS, RENAMED, CENTRE = "uncovered_rate", "dropout_rate", "flip_rate", "center_jitter"
MISSED, FALSE_BOXES, LOST, BOX_CHANGE = "missed_boxes", "false_boxes", "lost_boxes", "box_change"
# 1 less COCO's average precision.
PRECISION_LOST = "average_precision_lost"
NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Headline:
    """Which metrics say how steady a network is, what a perturbation changes, and what is wrong.

    Above the rate ``most`` of ``other``, weights are not recommended where nothing is known to be right.
    """

    steady: str
    moved: str
    wrong: str
    what: str
    what_moved: str
    what_wrong: str
    other: str
    most: float = 1.0


CLASSES = Headline(
    steady=FLIPS,
    moved=MOVED,
    wrong=ERRORS,
    what="flips",
    what_moved="changed answers",
    what_wrong="errors",
    other=OTHER,
)
BOXES = Headline(
    steady=UNCOVERED,
    moved=BOX_CHANGE,
    wrong=MISSED,
    what="frames of objects without a box",
    what_moved="change of the boxes",
    what_wrong="known boxes that are missed",
    other=LOST,
    most=0.1,
)
