"""TensorBoard: a log folder a model, with its metrics, and what it answered over the frames of each clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from vidrobust.files.names import file_name
from vidrobust.finished_runs.exports.catalogue import Exported, Format, library, metrics_of
from vidrobust.run_folder.reader import RunTables

TOP, SHIFT = "top probability", "shift of the prediction"
EVENTS = "events.out.tfevents.*"


def write(run: RunTables, out: Path) -> Exported:
    """Write a folder a model, which is a run of TensorBoard; metrics at step 0, series at the frame's number."""
    library("tensorboard", "tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    folders = []
    for model in run.tasks:
        folder = out / file_name(model)
        for before in folder.glob(EVENTS):
            before.unlink()
        with SummaryWriter(str(folder)) as writer:
            for step, time_s, tag, value in _scalars(run, model):
                writer.add_scalar(tag, value, step, walltime=time_s)
        folders.append(folder)
    return Exported(tuple(folders))


def _scalars(run: RunTables, model: str) -> Iterator[tuple[int, float, str, float]]:
    for row in metrics_of(run, model).itertuples():
        for group, value in (("metrics", row.value), ("low", row.low), ("high", row.high)):
            if np.isfinite(value):
                yield 0, 0.0, f"{group}/{row.metric}", value
    frames, pairs = run.table("frames"), run.table("pairs")
    if frames is not None:
        rows = frames[frames["model"] == model].drop_duplicates(["item", "frame"])
        yield from _series(rows, "frame", "probability", TOP)
    if pairs is not None:
        rows = pairs[
            (pairs["model"] == model) & (pairs["kind"] == "adjacent") & (pairs["excluded"] == "")
        ]
        yield from _series(
            rows.drop_duplicates(["item", "frame_b"]), "frame_b", "total_variation", SHIFT
        )


def _series(
    rows: pd.DataFrame, step: str, column: str, title: str
) -> Iterator[tuple[int, float, str, float]]:
    known = rows[np.isfinite(rows[column].to_numpy(np.float64))]
    for frame, time_s, item, value in zip(
        known[step], known["time_s"], known["item"], known[column], strict=True
    ):
        yield int(frame), float(time_s), f"{file_name(str(item))}/{title}", float(value)


FORMAT = Format(
    name="tensorboard",
    what="metrics, and probabilities over frames",
    opened_by="tensorboard --logdir {out}",
    write=write,
)
