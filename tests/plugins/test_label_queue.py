"""Frames to label: which are chosen, and drafts as the readers of the three layouts take them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from vidrobust.cli.app import main
from vidrobust.finished_runs.exports.catalogue import export_run
from vidrobust.plugins.formats import coco as coco_format
from vidrobust.plugins.formats import cvat as cvat_format
from vidrobust.plugins.formats import pictures
from vidrobust.plugins.label_queue import DraftAnswer, QueuedFrame, choose, coco, cvat, label_studio

BOXED = (
    QueuedFrame(
        "001_a_000003.jpg", 640, 360, (DraftAnswer("nut", 0.8, (64.0, 36.0, 128.0, 90.0)),)
    ),
    QueuedFrame(
        "002_b_000007.jpg", 640, 360, (DraftAnswer("bolt", 0.6, (0.0, 0.0, 320.0, 360.0)),)
    ),
)
NAMES = ("bolt", "nut")


def rows(units: str, margins: list[float], apart_s: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": list(units),
            "unit": list(units),
            "margin": margins,
            "time_s": apart_s * np.arange(len(units)),
        }
    )


def test_units_take_turns_and_the_smallest_margin_is_first() -> None:
    table = rows("aaabbb", [0.3, 0.1, 0.2, 0.9, 0.7, 0.8], apart_s=2)
    assert choose(table, 5).tolist() == [1, 4, 2, 5, 0]


def test_frames_of_one_input_are_a_second_apart() -> None:
    table = rows("aaaaaab", [0.3, 0.1, 0.2, 0.4, 0.5, 0.6, 0.9], apart_s=0.4)
    assert choose(table).tolist() == [1, 6, 4]  # 0 to 3 are less than a second from 1; 5 from 4


def test_drafts_are_read_back_by_the_readers_of_each_layout(tmp_path: Path) -> None:
    (tmp_path / "cvat.xml").write_text(cvat(BOXED, NAMES))
    (tmp_path / "coco.json").write_text(json.dumps(coco(BOXED, NAMES)))
    tasks = [
        {**task, "annotations": task.pop("predictions")} for task in label_studio(BOXED, "net")
    ]
    (tmp_path / "studio.json").write_text(json.dumps(tasks))
    studio = next(each for each in pictures.FORMATS if each.name == "label-studio")
    found = {
        "cvat": cvat_format.read(tmp_path / "cvat.xml"),
        "coco": coco_format.read_images(tmp_path / "coco.json"),
        "studio": studio.read(tmp_path / "studio.json"),
    }
    for name, labels in found.items():
        assert list(labels.rows["label_name"]) == ["nut", "bolt"], name
        assert list(labels.rows["file"]) == [frame.file for frame in BOXED], name
        corners = labels.rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float64)
        scale = np.array([640, 360, 640, 360]) if corners.max() <= 1 else 1
        assert corners * scale == pytest.approx(np.array([f.drafts[0].box for f in BOXED])), name


def test_a_run_gives_pictures_and_drafts_of_whole_frames(
    public_clips: Path, tmp_path: Path
) -> None:
    run, model = tmp_path / "run", "tests.stages.remedies.test_export:reddest"
    main(
        [
            "stability",
            str(public_clips / "cars.mp4"),
            "-m",
            model,
            "-o",
            str(run),
            "--end-s",
            "2.5",
            "-q",
        ]
    )
    written, _ = export_run(run, "label-queue")
    out = written.files[0].parent
    queue = pd.read_csv(out / "queue.csv")
    frames = pd.read_parquet(run / "frames.parquet")
    assert len(queue) in (2, 3)
    assert queue["margin"].iloc[0] == pytest.approx(frames["margin"].min())
    tags = [image.find("tag").get("label") for image in ET.parse(out / "cvat.xml").iter("image")]  # type: ignore[union-attr]
    said = frames.set_index("frame").loc[queue["frame"], "label_name"].tolist()
    assert tags == said
    choices = json.loads((out / "label_studio.json").read_text())
    assert [task["predictions"][0]["result"][0]["value"]["choices"] for task in choices] == [
        [s] for s in said
    ]
    (entry,) = json.loads((run / "run.json").read_text())["inputs"]
    for file in queue["file"]:
        picture = cv2.imread(str(out / "images" / file))
        assert picture is not None
        assert picture.shape[:2] == (entry["height"], entry["width"])
