"""What a damaged file lost is in the answer, on page one and in the details."""

import numpy as np
import pytest

from tests.pipeline.conftest import NETS
from vidrobust.run_folder.folder import RunFolder

KEPT = 0.5
"""Share of a file that is left of it."""


def cut_at_its_end(data):
    return data[: int(KEPT * len(data))]


def emptied(data):
    """A twentieth in the middle is zeros."""
    start, size = len(data) // 2, len(data) // 20
    return data[:start] + bytes(size) + data[start + size :]


@pytest.fixture
def harmed(public_clips, tmp_path):
    def make(name, harm):
        path = tmp_path / f"{harm.__name__}_{name}"
        path.write_bytes(harm((public_clips / name).read_bytes()))
        return str(path)

    return make


@pytest.mark.parametrize(
    ("name", "harm"),
    [("av1.mkv", cut_at_its_end), ("bunny.webm", cut_at_its_end), ("line-bottles.mp4", emptied)],
)
def test_damage_is_told_in_the_answer_and_on_every_page(
    harmed, models, printed, tmp_path, name, harm
):
    path, out = harmed(name, harm), tmp_path / "run"
    command = ("stability", path, f"--model=onnx:{models / NETS[0]}", f"--out={out}")
    answer = " ".join(printed(0, *command).out.split())
    assert "All rates are of the rest." in answer
    entry = RunFolder(out).run["inputs"][0]
    assert entry["problems"]
    table = RunFolder(out).table("transitions")
    assert entry["corrupt_frames"] == np.count_nonzero(table["corrupt"])
    if entry["corrupt_frames"]:
        assert f"{entry['corrupt_frames']} of {len(table)} frames" in answer
    printed(0, "report", str(out))
    for page in ("report.html", "details.html"):
        text = (out / page).read_text()
        assert "All rates are of the rest." in text
        assert "No frame was damaged" not in text
    # without an answer on standard output it is a warning, also where nothing is decoded again
    assert "All rates are of the rest." in printed(0, *command, "--quiet").err


def test_inputs_left_out_are_in_the_answer_with_their_reason(
    public_clips, models, printed, tmp_path
):
    clip = public_clips / "hevc.mp4"
    table = tmp_path / "clips.csv"
    table.write_text(f"path,item\n{clip},first\n{clip},first\n{clip},second\n")
    command = ("stability", str(table), f"--model=onnx:{models / NETS[0]}")
    ended = printed(3, *command, f"--out={tmp_path / 'run'}")
    answer = " ".join(ended.out.split())
    assert "'first' is the name of the input of line 2 already" in answer
    assert "'first' is the name of the input of line 2 already" in ended.err
    assert "1 input with the same pictures as another counts once: second is first." in answer
