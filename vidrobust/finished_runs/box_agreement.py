"""Do two detectors say the same, frame by frame; and what differs on the way from the frame to the boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.finished_runs.compare_sides import Side
from vidrobust.metrics.box_differences import match
from vidrobust.text.numbers import number, percent
from vidrobust.text.phrases import plural

SIDES = ["x1", "y1", "x2", "y2"]
SAME_PLACE = 0.5  # IoU from which two boxes are the same object, as COCO and PASCAL VOC count
MOST_FRAMES = 20  # that are listed, those with the most boxes of one side first
# Fields of ``ModelRecord``, in the order in which a frame meets them
STEPS = ("preprocessing", "precision", "engine", "weights_sha256", "num_classes")


@dataclass(frozen=True)
class _FrameAgreement:
    only_a: int
    only_b: int
    other_class: int
    iou: np.ndarray  # of the boxes that both have

    @property
    def is_same(self) -> bool:
        return not self.only_a + self.only_b + self.other_class


def box_agreement(a: Side, b: Side) -> dict[str, Any]:
    """Return how often two detectors say the same of the frames that both saw.

    Boxes count from the score at which a run begins tracks, and are matched one to one from an IoU of
    0.5 on. ``frames`` holds the frames that differ most, ``differs`` the steps that the runs record
    differently, the first of preprocessing.
    """
    key = ["item", "frame"]
    seen = a.table("box_counts")[key].merge(b.table("box_counts")[key])
    boxes = [_sure_boxes(side) for side in (a, b)]
    nothing = boxes[0].iloc[:0], boxes[1].iloc[:0]
    of = [dict(list(table.groupby(key, sort=False))) for table in boxes]
    rows = []
    frames = []
    for item, frame in seen.itertuples(index=False, name=None):
        compared = _compared(*(of[k].get((item, frame), nothing[k]) for k in (0, 1)))
        frames.append(compared)
        if not compared.is_same:
            rows.append(
                {
                    "item": item,
                    "frame": int(frame),
                    "only_a": compared.only_a,
                    "only_b": compared.only_b,
                    "other_class": compared.other_class,
                }
            )
    rows.sort(key=lambda row: -(row["only_a"] + row["only_b"] + row["other_class"]))
    iou = np.concatenate([each.iou for each in frames]) if frames else np.zeros(0)
    return {
        "frames": len(frames),
        "frames_alike": sum(each.is_same for each in frames),
        "both": len(iou),
        "iou": float(iou.mean()) if len(iou) else float("nan"),
        **{
            name: sum(getattr(each, name) for each in frames)
            for name in ("only_a", "only_b", "other_class")
        },
        "differing_frames": rows[:MOST_FRAMES],
        "differs": differences(a, b),
    }


def differences(a: Side, b: Side) -> list[dict[str, str]]:
    """Return what two runs record differently of their models: ``what``, ``a`` and ``b``."""
    models = [
        next(model for model in side.folder.record.models if model.name == side.model)
        for side in (a, b)
    ]
    both = ((step, *(str(getattr(model, step)) for model in models)) for step in STEPS)
    return [{"what": step, "a": one, "b": other} for step, one, other in both if one != other]


def agreement_lines(found: Mapping[str, Any]) -> list[str]:
    """Return the lines of the console."""
    if not found["frames"]:
        return []
    iou = f", with an IoU of {number(found['iou'])} on average" if found["both"] else ""
    lines = [
        f"  same boxes on {percent(found['frames_alike'] / found['frames'])} of {plural(found['frames'], 'frame')}; "
        f"{plural(found['both'], 'box', 'boxes')} of both{iou}, {found['only_a']} of A only, {found['only_b']} of B "
        f"only, {found['other_class']} of another class"
    ]
    if worst := found["differing_frames"]:
        first = worst[0]
        lines.append(
            f"  they differ most on {first['item']}, frame {first['frame']}: {first['only_a']} of A only, "
            f"{first['only_b']} of B only"
        )
    lines += [
        f"  {each['what'].replace('_', ' ')} differs: A {each['a'][:120]}; B {each['b'][:120]}"
        for each in found["differs"]
    ]
    return lines


def _sure_boxes(side: Side) -> pd.DataFrame:
    table = side.table("detections")
    return table[table["score"] >= side.folder.settings.track_start_score]


def _compared(a: pd.DataFrame, b: pd.DataFrame) -> _FrameAgreement:
    labels = [table["label_name"].to_numpy(str) for table in (a, b)]
    i, j, iou = match(
        a[SIDES].to_numpy(np.float64), b[SIDES].to_numpy(np.float64), *labels, least=SAME_PLACE
    )
    other = labels[0][i] != labels[1][j]
    return _FrameAgreement(len(a) - len(i), len(b) - len(j), int(other.sum()), iou)
