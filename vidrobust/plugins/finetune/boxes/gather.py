"""From tables and footage of a detector's runs: the samples to train with, and the bench that judges."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vidrobust.errors import InputError
from vidrobust.frame_pairs.transitions import reasons_of
from vidrobust.metrics.metric import AlongTime
from vidrobust.pipeline.run import OpenRun
from vidrobust.plugins.finetune.boxes.judge import BoxBench
from vidrobust.plugins.finetune.boxes.network import TrainableBoxes
from vidrobust.plugins.finetune.boxes.samples import BoxSamples
from vidrobust.plugins.finetune.boxes.targets import NONE, Boxes, of_rows, self_boxes
from vidrobust.plugins.finetune.families import Condition
from vidrobust.plugins.finetune.gather import Chosen, Seen, decoded
from vidrobust.stages.stability.known_boxes import judged_frames, known_in_frames
from vidrobust.stages.stability.unit import along_time


@dataclass(frozen=True)
class SeenBoxes(Seen):
    """The footage of one run as a detector answers it: known boxes of each frame, and those of followed
    objects.
    """

    right: Sequence[Boxes | None]
    own: Sequence[Boxes]


def seen_of(run: OpenRun, model: str, classes: Sequence[str]) -> SeenBoxes:
    """From the tables of the stage stability."""
    tables = {name: run.table(name) for name in ("box_counts", "detections", "object_frames")}
    counts, found, steps = (table[table["model"] == model] for table in tables.values())
    if not len(counts):
        raise InputError(f"adapt: {model} answered no frame of {run.path}")
    items = run.table("items")
    parts = {str(i): str(p) for i, p in zip(items["item"], items["part"], strict=True) if p}
    known = known_in_frames(run)
    judged = judged_frames(counts, found, known, tuple(classes)) if len(known) else None
    of_frame = {} if judged is None else dict(list(judged.known.groupby(["item", "frame"], sort=False)))
    are_judged = (
        set() if judged is None else set(zip(judged.frames["item"], judged.frames["frame"], strict=True))
    )
    of_item = dict(list(run.table("transitions").groupby("item", sort=False)))
    rows: list[pd.DataFrame] = []
    right: list[Boxes | None] = []
    own: list[Boxes] = []
    for item, seen in counts.groupby("item", sort=False):
        seen = seen.sort_values("frame", kind="stable")
        number = seen["frame"].to_numpy(np.int64)
        rows.append(
            pd.DataFrame(
                {
                    "item": str(item),
                    "part": parts.get(str(item), ""),
                    "frame": number,
                    "place": np.arange(len(number)),
                    "time_s": seen["time_s"].to_numpy(np.float64),
                    "reason": reasons_of(number, of_item[item]),
                }
            )
        )
        boxes, along = (table[table["item"] == item] for table in (found, steps))
        objects = self_boxes(boxes, along, run.settings.track_start_score)
        own += [objects.get(frame, NONE) for frame in number.tolist()]
        for frame in number.tolist():
            at = of_frame.get((item, frame))
            there = of_rows(at) if at is not None else NONE
            right.append(there if (item, frame) in are_judged else None)
    frames = pd.concat(rows, ignore_index=True)
    return SeenBoxes(
        run=run,
        frames=frames,
        begins=(frames["reason"].astype(str) != "").to_numpy(bool),
        kinds={str(i): str(label) for i, label in zip(items["item"], items["label"], strict=True)},
        known=np.array([each is not None for each in right], bool),
        right=right,
        own=own,
    )


def samples_of(network: TrainableBoxes, chosen: Chosen[SeenBoxes]) -> BoxSamples:
    """The frames to train with, decoded, and their targets; InputError where these hold no box."""
    trains, rows = chosen.trains, chosen.training.tolist()
    own = [trains.own[row] for row in rows]
    targets = [trains.right[row] or NONE for row in rows] if chosen.by_labels else own
    if not any(len(each.boxes) for each in targets):
        what = "known boxes" if chosen.by_labels else "objects that the detector follows"
        raise InputError(
            f"adapt: the {len(rows)} frames to train with hold no {what}; give known boxes (--targets labels) or "
            "footage on which the detector finds something"
        )
    frames = [frame for _, frame in decoded(trains, chosen.training)]
    return BoxSamples(network, frames, targets, own)


def bench_of(
    network: TrainableBoxes, chosen: Chosen[SeenBoxes], conditions: tuple[Condition, ...]
) -> BoxBench:
    """The frames that judge."""
    judges, rows = chosen.judges, chosen.judging
    frames = judges.frames.iloc[rows].reset_index(drop=True)
    return BoxBench(
        network=network,
        frames=frames,
        pixels=[frame for _, frame in decoded(judges, rows)],
        content=[judges.content.get(str(item), "") for item in frames["item"]],
        right=[judges.right[int(row)] for row in rows],
        conditions=conditions,
        shown=np.flatnonzero(np.isin(rows, chosen.shown)),
        along={str(item): _along(judges, str(item)) for item in frames["item"].unique()},
    )


def _along(judges: SeenBoxes, item: str) -> AlongTime:
    """How the tracks of an item are followed, by the time between its frames."""
    settings = judges.run.settings
    time_s = judges.frames.loc[judges.frames["item"] == item, "time_s"].to_numpy(np.float64)
    rate = 1 / max(float(np.median(np.diff(time_s))), 1e-6) if len(time_s) > 1 else 25.0
    return along_time(dataclasses.replace(settings, every=1, fps=None), rate)
