"""Models whose answers depend, as planned, on the batch, on one pixel or on nothing but the picture."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from tests.made_frames import boxes_of
from vidrobust.pipeline.build import build
from vidrobust.pipeline.open import opened_sources
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.look.answers import statements
from vidrobust.plugins.look.stage import LOOK
from vidrobust.plugins.look.table import PARTS
from vidrobust.predictions import Classifications
from vidrobust.run_folder.folder import RunFolder, new_run
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES

MEDIA = Path(__file__).parents[2] / "footage_media"
NAMES = ("first", "second")


def _of_classes(second):
    return Classifications(np.stack([1 - second, second], axis=1).astype(np.float32), NAMES)


class Steady:
    """Answers by the mean brightness, far from its threshold."""

    name, class_names = "steady", NAMES
    task: str = "classification"

    def __call__(self, pixels):
        return _of_classes((pixels.float().mean(dim=(1, 2, 3)) > 300).numpy().astype(float))


class ByBatch(Steady):
    """Answers otherwise to a frame that comes alone."""

    name = "by_batch"

    def __call__(self, pixels):
        return _of_classes(np.full(len(pixels), float(len(pixels) == 1)))


class ByColumns(Steady):
    """Whether the first two columns are alike, which they are after a shift by one pixel and seldom before."""

    name = "by_columns"

    def __call__(self, pixels):
        alike = (pixels[..., 0] == pixels[..., 1]).flatten(1).all(1)
        return _of_classes(alike.numpy().astype(float))


class Boxes:
    """A box as wide as the picture; another one far away if the first two columns are alike."""

    name, class_names = "boxes", NAMES
    task: str = "detection"

    def __call__(self, pixels):
        n, (height, width) = len(pixels), pixels.shape[-2:]
        alike = (pixels[..., 0] == pixels[..., 1]).flatten(1).all(1).numpy()
        whole, corner = (0, 0, width, height), (0, 0, width / 8, height / 8)
        boxes = np.array([corner if same else whole for same in alike], np.float32)
        return boxes_of(boxes, np.arange(n), n, names=NAMES)


def test_what_changes_is_found_and_nothing_else(tmp_path):
    clip = str(MEDIA / "cups.mp4")
    models = [Steady(), ByBatch(), ByColumns(), Boxes()]
    settings = Settings(sources=(clip,), model=tuple(model.name for model in models), every=2)
    told, out = Reporter(quiet=True), str(tmp_path / "run")
    with opened_sources(settings, out, told, models=models) as run:
        build(run, STAGES, [LOOK.name])
        table = run.table("look").set_index(["model", "change"])
        printed = LOOK.as_json(run)
    shares = table["value"]
    assert shares["steady"].max() == 0
    assert shares["by_batch", "batch"] == 1
    assert shares["by_batch"].drop("batch").max() == 0
    assert shares["by_columns", "pixel"] == 1
    assert shares["by_columns", "batch"] == 0
    assert shares["boxes", "pixel"] == 1
    assert shares["boxes", "batch"] == 0
    assert (table["low"] <= shares).all()
    assert (shares <= table["high"]).all()
    assert {"stable", "worst", "because", "seconds", "same_picture"} == set(printed)
    assert len(printed["same_picture"]) == len(table)
    assert table.loc[("steady", "pixel"), "n"] == min(32, len(run.table("transitions")))


def test_each_model_has_its_statements_and_too_few_frames_are_said_once_a_model(tmp_path):
    cells = {"value": 0.25, "low": 0.1, "high": 0.5, "cluster": "stretch", "clusters": 4}
    rows = [
        {"model": model, "part": PARTS[change], "change": change, "n": n, **cells}
        for model, n in (("short", 9), ("long", 10), ("brief", 3))
        for change in PARTS
    ]
    folder = RunFolder(tmp_path)
    settings = Settings(sources=("clip.mp4",), model=("short", "long", "brief"))
    folder.write_json("run.json", new_run(settings))
    folder.write_table("look", pd.DataFrame(rows))
    kinds = Counter((each.model, each.kind) for each in statements(RunTables(tmp_path)))
    few = {("short", "look_few"): 1, ("brief", "look_few"): 1}
    assert kinds == few | {("long", "look_same_picture"): 1}
