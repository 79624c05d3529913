"""A long item in segments says to the last digit what it says in one piece; its samples are shared out."""

import pandas as pd
import pytest

from tests.pipeline.conftest import run, units
from tests.shrunk import recode
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.stability.stage import STABILITY

MODELS = '''
import numpy as np
import torch
from vidrobust.predictions import Classifications, Detections


class Means:
    """Which third of the picture is brightest; each frame is answered by itself."""

    name, task, version, class_names = "means", "classification", "1", ("left", "middle", "right")

    def __call__(self, pixels):
        thirds = torch.tensor_split(pixels[..., ::3, ::3].double(), 3, dim=3)
        p = torch.softmax(torch.stack([part.mean(dim=(1, 2, 3)) for part in thirds], 1) / 2, 1).numpy()
        return Classifications(p.astype(np.float32), self.class_names)


class Blob:
    """A box about the brightest column and row, now and then none, and another class for dark ones."""

    name, task, version, class_names = "blob", "detection", "1", ("dim", "lit")

    def __call__(self, pixels):
        boxes, scores, labels, frame = [], [], [], []
        for number, picture in enumerate(pixels[:, :, ::3, ::3].double().mean(1)):
            level = float(picture.mean())
            x, y = float(picture.mean(0).argmax()), float(picture.mean(1).argmax())
            score = level * 7 % 1
            x, y = 3 * x, 3 * y
            if score > 0.2:
                boxes.append((x, y, x + 24, y + 24)), scores.append(score)
                labels.append(int(level * 3 % 1 > 0.5)), frame.append(number)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.array(labels, np.int64),
            np.array(frame, np.int64),
            len(pixels),
            self.class_names,
        )


means, blob = Means(), Blob()
'''


@pytest.mark.parametrize(
    "how",
    [
        (),
        pytest.param(("--every=3", "--start-s=0.7"), marks=pytest.mark.nightly),
        pytest.param(("--fps=11",), marks=pytest.mark.nightly),
    ],
)
def test_segments_say_exactly_what_the_whole_says(public_clips, tmp_path, monkeypatch, how):
    """Bottles on a line, four seconds in one piece and in several: transitions and all of stability are equal."""
    (tmp_path / "answering.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    folders, clip = [], str(recode(public_clips / "line-bottles.mp4", tmp_path / "clip.mp4", 120))
    for name, more in (("whole", ()), ("cut", ("--segment-s=1.2",))):
        models = [f"--model=answering:{model}" for model in ("means", "blob")]
        out = f"--out={tmp_path / name}"
        assert run("stability", clip, *models, out, "--quiet", "--end-s=3.9", *how, *more) == 0
        folders.append(RunFolder(tmp_path / name))
    assert sum(name.startswith("transitions/") for name in units(tmp_path / "cut")) >= 3
    stage = STABILITY
    for name in ("transitions", *stage.unit_tables, "stability", "stability_by"):
        one, other = (folder.table(name) for folder in folders)
        keys = ("frame", "frame_a", "frame_b")
        keys += ("model", "item", "metric", "kind", "by", "group", "track", "label")
        sort = {"by": [c for c in keys if c in one], "kind": "stable", "ignore_index": True}
        one, other = (table.sort_values(**sort) for table in (one, other))
        assert len(one) or name.startswith(("stability_by", "task_"))
        pd.testing.assert_frame_equal(one, other, check_exact=True, obj=name)
    tracks = folders[0].table("tracks")
    rate = {"--every=3": 10, "--fps=11": 11}.get(how[0] if how else "", 30)
    last = tracks["time_s"] + tracks["frames"] / rate
    # a track that reaches over a border is among them
    assert ((tracks["time_s"] < 2.4) & (last > 2.5)).any()


def test_samples_are_shared_out(public_clips, tmp_path, monkeypatch):
    """Three pairs of three segments: none has all of them."""
    (tmp_path / "answering.py").write_text(MODELS)
    monkeypatch.syspath_prepend(tmp_path)
    clip = str(recode(public_clips / "line-bottles.mp4", tmp_path / "clip.mp4", 90))
    asked = ("--model=answering:means", "--pairs=3", "--segment-s=1", "--quiet")
    assert run("causes", clip, f"--out={tmp_path / 'run'}", *asked) == 0
    causes = RunFolder(tmp_path / "run").table("causes")
    near = causes[causes["scale"] == "adjacent"].drop_duplicates(["frame_a"])
    pieces = sum(name.startswith("causes/") for name in units(tmp_path / "run"))
    assert len(near) <= 3 + pieces
    assert near["frame_a"].max() - near["frame_a"].min() > 30
