"""FiftyOne: a dataset of the clips, with the labels and boxes of every frame."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.finished_runs.exports.catalogue import Exported, Format, library
from vidrobust.run_folder.reader import RunTables

Labels = dict[int, dict[str, Any]]  # frame, counted from 1 -> field -> plain values of its labels


def write(run: RunTables, out: Path) -> Exported:
    """Write a ``FiftyOneDataset`` with links to the clips; sets of images are left out and counted."""
    from vidrobust.stages.stability.by_clip import flips_of

    fo = library("fiftyone", "fiftyone")
    clips = {
        entry.item: Path(entry.path).resolve()
        for entry in run.record.inputs
        if Path(entry.path).is_file()
    }
    left_out = [entry.item for entry in run.record.inputs if entry.item not in clips]
    if not clips:
        raise InputError(
            f"{run.folder}: none of its inputs is a video file that still exists; nothing to export"
        )
    labels, flips, samples = labels_of(run), flips_of(run), []
    fields = {_field(model) for model in run.tasks}
    for item, clip in clips.items():
        sample = fo.Sample(filepath=str(clip), item=item)
        for number, labelled in sorted(labels[item].items()):
            sample.frames[number] = fo.Frame(
                **{name: _label(fo, each) for name, each in labelled.items()}
            )
        for flip in flips[flips["item"] == item].itertuples():
            sample.frames[int(flip.frame_b) + 1][f"{_field(flip.model)}_flip"] = True
        samples.append(sample)
    dataset = fo.Dataset()
    try:
        dataset.add_samples(samples)
        for field in sorted(fields):
            if dataset.has_frame_field(f"{field}_flip"):
                dataset.save_view(
                    f"flips {field}", dataset.match_frames(fo.ViewField(f"{field}_flip"))
                )
        dataset.export(
            export_dir=str(out),
            dataset_type=fo.types.FiftyOneDataset,
            export_media="symlink",
            overwrite=True,
        )
    finally:
        dataset.delete()
    notes = (f"no video files, and so left out: {', '.join(left_out[:5])}",) if left_out else ()
    return Exported((out,), notes)


def labels_of(run: RunTables) -> dict[str, Labels]:
    """Labels of the frames of every clip as plain values; boxes are x, y, width, height in shares of the frame."""
    found: dict[str, Labels] = defaultdict(lambda: defaultdict(dict))
    frames, boxes = run.table("frames"), run.table("detections")
    if frames is not None:
        from vidrobust.stages.stability.by_clip import flips_of

        flips = flips_of(run)
        flipped = set(zip(flips["model"], flips["item"], flips["frame_b"], strict=True))
        for row in frames.drop_duplicates(["model", "item", "frame"]).itertuples():
            found[str(row.item)][int(row.frame) + 1][_field(row.model)] = {
                "label": str(row.label_name),
                "confidence": float(row.probability),
                "tags": ["flip"] if (row.model, row.item, row.frame) in flipped else [],
            }
    if boxes is not None:
        sizes = run.record.sizes
        for row in boxes.itertuples():
            height, width = sizes[str(row.item)]
            box = [
                row.x1 / width,
                row.y1 / height,
                (row.x2 - row.x1) / width,
                (row.y2 - row.y1) / height,
            ]
            each = {
                "label": str(row.label_name),
                "confidence": float(row.score),
                "bounding_box": box,
            }
            if pd.notna(row.track) and row.track >= 0:
                each["index"] = int(row.track)
            found[str(row.item)][int(row.frame) + 1].setdefault(_field(row.model), []).append(each)
    return found


def _field(model: object) -> str:
    return "".join(c if c.isalnum() else "_" for c in str(model)).strip("_")


def _label(fo: Any, each: Any) -> Any:
    if isinstance(each, list):
        return fo.Detections(detections=[fo.Detection(**box) for box in each])
    return fo.Classification(**each)


FORMAT = Format(
    name="fiftyone",
    what="a dataset of the clips with labels and boxes of every frame",
    opened_by="fiftyone.Dataset.from_dir({out!r}, dataset_type=fiftyone.types.FiftyOneDataset)",
    write=write,
)
