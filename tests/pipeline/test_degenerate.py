"""Footage and models with next to nothing in them: every stage ends in words, and there is a report."""

import json

import cv2
import numpy as np
import pytest

from tests.pipeline.conftest import FEW, FLOUR, NETS, STAGES, run
from tests.shrunk import shrink
from vidrobust.pipeline.workers.worker import Worker
from vidrobust.run_folder.folder import RunFolder
from vidrobust.video.source import open_video


def write(folder, frames):
    folder.mkdir()
    for k, frame in enumerate(frames):
        assert cv2.imwrite(str(folder / f"{k:03d}.png"), frame[..., ::-1])
    return folder


def real_frame(corpus, folder):
    with open_video(shrink(corpus / "factory" / FLOUR, folder)) as video:
        return np.asarray(video.at([3]).pixels[0].permute(1, 2, 0).numpy())


FOOTAGE = {
    "one frame": lambda frame: [frame],
    "two frames": lambda frame: [frame, frame[:, ::-1]],
    "all black": lambda frame: [np.zeros_like(frame)] * 12,
    "every frame another scene": lambda frame: [
        np.roll(frame, 997 * k, axis=(0, 1, 2)) for k in range(6)
    ],
}


LATE = ("two frames", "every frame another scene")
AT_NIGHT = [pytest.param(name, marks=pytest.mark.nightly) for name in LATE]


@pytest.mark.parametrize("name", ["one frame", "all black", *AT_NIGHT])
def test_degenerate_footage_ends_with_a_report(corpus, models, tmp_path, said, name):
    source = write(tmp_path / name, FOOTAGE[name](real_frame(corpus, tmp_path)))
    code = run("study", str(source), f"-monnx:{models / NETS[0]}", f"-o{tmp_path / 'run'}", *FEW)
    assert "Traceback" not in said()
    assert code == 0
    folder = RunFolder(tmp_path / "run")
    assert folder.run["inputs"][0]["frames"] == len(list(source.glob("*.png")))
    assert len(folder.table("frames")) == folder.run["inputs"][0]["frames"]
    assert set(STAGES) <= set(folder.run["stages"])
    page = (tmp_path / "run" / "details.html").read_text()
    assert len(page) > 2000
    assert ">nan<" not in page.lower()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["models"]


def test_memory_that_runs_out_over_one_item_leaves_the_others(line, monkeypatch, printed):
    """OpenCV says it in its own error; the item is named with the way out, and the next one is done."""
    real = Worker._stream

    def short_of_memory(worker, order, *rest):
        if "bolt" in order.item.name:
            said = "alloc.cpp:73: error: (-4) Failed to allocate 15727680 bytes"
            raise cv2.error(f"OpenCV(5.0.0) {said}")
        real(worker, order, *rest)

    monkeypatch.setattr(Worker, "_stream", short_of_memory)
    assert "memory ran out" in printed(3, *line.command("stability"), "--quiet").err
    (failed,) = line.folder.run["failed"]
    assert "bolt" in failed["path"]
    assert set(line.folder.table("frames")["item"]) == {"flour_bag_conveyor_output"}
