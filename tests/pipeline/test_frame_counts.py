"""Numbers of frames that another decoder gave are refused where decoders count other frames."""

import subprocess

import pytest

from tests.pipeline.conftest import stability
from vidrobust.run_folder.folder import RunFolder


@pytest.fixture
def edited(ffmpeg, tmp_path):
    """An MP4 of 30 packets of which an edit list shows the last 15 or so."""
    whole, path = tmp_path / "whole.mp4", tmp_path / "clip.mp4"
    make = [ffmpeg, "-v", "error", "-nostdin"]
    source = ["-f", "lavfi", "-i", "testsrc2=size=96x64:rate=30", "-frames:v", "30"]
    subprocess.run([*make, *source, "-c:v", "libx264", "-g", "60", whole], check=True, timeout=60)
    subprocess.run([*make, "-ss", "0.5", "-i", whole, "-c", "copy", path], check=True, timeout=60)
    return path


def predictions(path, count):
    rows = [f"{frame},{'ab'[frame % 2]},0.9" for frame in range(count)]
    path.write_text("frame,label,probability\n" + "\n".join(rows) + "\n")
    return f"predictions:{path}"


def test_predictions_of_more_frames_than_come_out_are_refused(edited, tmp_path):
    assert stability(edited, predictions(tmp_path / "all.csv", 30), tmp_path / "run") == 3


def test_predictions_of_the_frames_that_come_out_are_taken(edited, tmp_path):
    assert stability(edited, "tests.fuzz.tiny:model", tmp_path / "a") == 0
    (entry,) = RunFolder(tmp_path / "a").run["inputs"]
    assert entry["frame_counts"] == [entry["frames"], 30]
    spec = predictions(tmp_path / "shown.csv", entry["frames"])
    assert stability(edited, spec, tmp_path / "b") == 0


def test_predictions_by_time_are_taken(edited, tmp_path):
    """Answers of another decoder for all 30 packets, half a second of them before what is shown."""
    rows = [f"{frame / 30 - 0.5:.4f},{'ab'[frame % 2]},0.9" for frame in range(30)]
    (tmp_path / "times.csv").write_text("time_s,label,probability\n" + "\n".join(rows) + "\n")
    out, spec = tmp_path / "run", f"predictions:{tmp_path / 'times.csv'}"
    assert stability(edited, spec, out) == 0
    pairs = RunFolder(out).table("pairs").query("kind == 'adjacent'")
    assert len(pairs) == RunFolder(out).run["inputs"][0]["frames"] - 1
    assert pairs["label_flip"].all()


def test_labels_by_number_are_refused_and_by_time_taken(edited, tmp_path):
    labels = tmp_path / "clip" / "gt" / "gt.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("".join(f"{n + 1},1,10,10,20,20,1,1,1\n" for n in range(30)))
    (labels.parent / "labels.txt").write_text("a\n")
    given = ("tests.fuzz.tiny:model", tmp_path / "run", f"--labels={labels.parent.parent}")
    assert stability(edited, *given) == 3
    (labels.parent.parent / "seqinfo.ini").write_text("[Sequence]\nframeRate=30\n")
    assert stability(edited, *given) == 0
