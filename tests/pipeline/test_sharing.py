"""Frames and pairs of a run fall to what can be read and shows something of its own: none of them is lost."""

import json
import shutil
from pathlib import Path

import av
import pandas as pd
import pytest

from tests.pipeline.conftest import options_of, run, written
from tests.shrunk import shrink
from vidrobust.pipeline import estimate as counts
from vidrobust.pipeline.progress import Reporter
from vidrobust.run_folder.folder import RunFolder
from vidrobust.video.stream import FrameStream

ASKED = ("--model=tests.fuzz.tiny:model", "--perturbation=brightness")
ASKED = (*ASKED, "--frames=12", "--pairs=3", "--quiet")


ITEMS = ("items.parquet", "labels.parquet")
"""Tables that are noted again by every command."""


def rewrapped(source, target):
    """The same pictures in another container."""
    with av.open(str(source)) as read, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(read.streams.video[0], opaque=True)
        for packet in read.demux(read.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)


@pytest.fixture
def line(public_clips, tmp_path):
    """Two clips, a copy of one of them byte by byte and one in another container, and two that cannot be read."""
    folder = tmp_path / "line"
    folder.mkdir()
    shrink(public_clips / "line-bolt.gif", folder)
    shutil.copy(public_clips / "hevc.mp4", folder)
    shutil.copy(folder / "hevc.mp4", folder / "hevc2.mp4")
    rewrapped(folder / "hevc.mp4", folder / "other.mkv")
    (folder / "broken.mp4").write_bytes(b"\0" * 999)
    data = (folder / "hevc.mp4").read_bytes()
    start = data.index(b"mdat") + 4
    size = int.from_bytes(data[start - 8 : start - 4], "big") - 8
    (folder / "empty.mp4").write_bytes(data[:start] + bytes(size) + data[start + size :])
    return folder


def used(path):
    """Frames of the sensitivity, and pairs of neighbours of the causes, in the tables."""
    folder = RunFolder(path)
    frames = folder.table("sensitivity")[["item", "frame"]].drop_duplicates()
    causes = folder.table("causes")
    near = causes[causes["frame_b"] - causes["frame_a"] == 1]
    return len(frames), len(near[["item", "frame_a"]].drop_duplicates())


def test_what_is_asked_for_is_used(line, tmp_path):
    out = tmp_path / "run"
    assert run("causes", str(line), f"--out={out}", *options_of("causes", ASKED)) == 3
    assert run("sensitivity", str(out), *options_of("sensitivity", ASKED)) == 3
    noted = json.loads((out / "run.json").read_text())
    assert {Path(entry["path"]).name for entry in noted["failed"]} == {"broken.mp4", "empty.mp4"}
    copies = {entry["item"]: entry["same_as"] for entry in noted["duplicates"]}
    assert copies == {"hevc2": "hevc", "other": "hevc"}
    assert noted["sample"] == {"budget": "", "frames": 12, "pairs": 3, "items": 2}
    assert used(out) == (12, 3)
    shown = RunFolder(out).table("sensitivity").drop_duplicates(["item", "frame"])
    assert shown["item"].value_counts().to_dict() == {"hevc": 6, "line-bolt": 6}

    before = written(out / "cache")
    assert run("sensitivity", str(out), *options_of("sensitivity", ASKED)) == 3
    assert written(out / "cache") == before
    assert json.loads((out / "run.json").read_text())["sample"] == noted["sample"]


def test_without_a_number_the_usual_one_is_that_of_what_can_be_read(line, tmp_path, monkeypatch):
    """At most six frames an input and fifteen in all: twelve of two inputs, and fifteen of six."""
    monkeypatch.setitem(counts.RULES, "frames", counts.Rule(6, 15, 1))
    out = tmp_path / "run"
    asked = [w for w in options_of("sensitivity", ASKED) if not w.startswith("--frames")]
    assert run("sensitivity", str(line), f"--out={out}", *asked) == 3
    assert json.loads((out / "run.json").read_text())["sample"]["frames"] == 12


def test_an_unforeseen_failure_is_reported_of_its_item_alone(line, tmp_path, monkeypatch, capsys):
    """It comes with the second picture, when the frames are shared out already: they go to the other clip."""
    made = FrameStream._made

    def failing(self, size):
        for number, batch in enumerate(made(self, 1)):
            if batch.item == "line-bolt" and (size > 1 or number > 0 or failing_at_once):
                raise RuntimeError("a bolt is loose")
            yield batch

    monkeypatch.setattr(FrameStream, "_made", failing)
    for failing_at_once in (True, False):
        out = tmp_path / f"run {failing_at_once}"
        sources = [str(line / name) for name in ("hevc.mp4", "line-bolt.gif")]
        given = (f"--out={out}", *options_of("sensitivity", ASKED)[:2], "--frames=8", "--quiet")
        assert run("sensitivity", *sources, *given) == 3
        assert "line-bolt: RuntimeError: a bolt is loose" in capsys.readouterr().err
        assert len(RunFolder(out).table("sensitivity").drop_duplicates("frame")) == 8


def test_nothing_that_can_be_read(line, tmp_path, capsys):
    out = tmp_path / "run"
    sources = [str(line / name) for name in ("broken.mp4", "empty.mp4")]
    assert run("sensitivity", *sources, f"--out={out}", *options_of("sensitivity", ASKED)) == 3
    assert "none of 2 inputs could be read" in capsys.readouterr().err
    assert len(json.loads((out / "run.json").read_text())["failed"]) == 2


def test_pairs_are_added_while_something_is_undecided(public_clips, tmp_path, monkeypatch, printed):
    monkeypatch.setitem(counts.RULES, "pairs", counts.Rule(1, 1, 1))  # looks at one pair and at two
    out, at_once = tmp_path / "run", tmp_path / "at_once"
    asked = ["--model=tests.fuzz.tiny:model", "--pairs=2"]
    clip = str(shrink(public_clips / "line-bolt.gif", tmp_path))
    command, more = ["causes", clip, f"--out={out}", *asked], []
    monkeypatch.setattr(Reporter, "more", lambda self, step, steps: more.append((step, steps)))
    said = printed(0, *command).err
    assert more == [
        ("pairs", 1)
    ]  # one further pair of neighbours, and a quarter of one a second apart
    # of so few pairs nothing can be told
    assert "going on to 2 pairs" in said
    assert json.loads((out / "run.json").read_text())["sample"]["look"] == 1
    assert used(out)[1] == 2

    before = written(out)
    assert "going on" not in printed(0, *command).err
    changed = {n for n, t in written(out).items() if t != before.get(n)}
    assert changed <= {"run.json", ".lock", *ITEMS}

    monkeypatch.setitem(counts.RULES, "pairs", counts.Rule(2, 2, 1))
    assert run("causes", clip, f"--out={at_once}", *asked) == 0
    keys = ["scale", "frame_a", "cause"]
    tables = [RunFolder(path).table("causes") for path in (out, at_once)]
    pd.testing.assert_frame_equal(*(t.sort_values(keys, ignore_index=True) for t in tables))
