"""Rules on boxes count frames at the rate of their clip, as stability does."""

import json
import runpy
import tomllib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from tests.made_frames import texture
from vidrobust.cli.app import main
from vidrobust.errors import SettingsError
from vidrobust.plugins.rule_export import take_away
from vidrobust.run_folder.folder import RunFolder

FRAMES = 40
LOST = range(20, 28)  # frames in which the moving cup has no box


def write_clip(path, rate, frames=FRAMES):
    frame = av.VideoFrame.from_ndarray(texture(rate, height=96), format="rgb24")
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(frames):
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def write_boxes(path, frames=FRAMES):
    """A cup of score 0.3 that moves 1 px a frame and is lost for eight frames."""
    frame = np.array([number for number in range(frames) if number not in LOST])
    left = 20.0 + frame
    rows = {"frame": frame, "label": 1, "label_name": "cup", "score": 0.3}
    places = {"x1": left, "y1": 30.0, "x2": left + 24, "y2": 60.0}
    pd.DataFrame({**rows, **places}).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("rate", "gap"), [(10, 2), pytest.param(60, 12, marks=pytest.mark.nightly)]
)
def test_gaps_are_a_fifth_of_a_second_and_class_scores_count(rate, gap, tmp_path):
    write_clip(tmp_path / "clip.avi", rate)
    write_boxes(tmp_path / "boxes.csv")
    run, rule = tmp_path / "run", tmp_path / "rule.py"
    asked = ["remedies", str(tmp_path / "clip.avi"), "-m", f"detections:{tmp_path / 'boxes.csv'}"]
    export = ["--export", str(rule), "--rule", "box-mean-0.5"]
    main([*asked, "-o", str(run), "-q", "--class-score", "cup=0.25", *export])
    numbers = tomllib.loads(rule.with_suffix(".toml").read_text(encoding="utf-8"))["rule"]
    assert numbers["memory"] == gap  # 0.2 s
    assert numbers["class_starts"] == {"1": 0.25}
    take = runpy.run_path(str(rule))["make_rule"]().update
    boxes = [(60 * label, 0, 60 * label + 9, 9, 0.3, label) for label in (1, 0)]
    assert [len(take([box])) for box in boxes] == [1, 0]
    table = pd.read_parquet(run / "remedies.parquet").set_index(["remedy", "metric"])
    stability = json.loads((run / "metrics.json").read_text())["models"]["boxes"]
    rate = stability["uncovered_rate"]["value"]
    assert table.loc[("box-mean-0.5", "uncovered_rate"), "before"] == pytest.approx(rate)
    # at 10 frames per second the gap is 0.8 s
    assert stability["uncovered_rate"]["value"] == pytest.approx(len(LOST) / FRAMES)


def test_clips_of_two_rates_have_no_rule_in_common(tmp_path):
    clips = [str(tmp_path / f"{rate}.avi") for rate in (25, 60)]
    for clip, rate in zip(clips, (25, 60), strict=True):
        write_clip(Path(clip), rate, frames=16)
    write_boxes(tmp_path / "boxes.csv", frames=16)
    boxes = pd.read_csv(tmp_path / "boxes.csv")
    both = pd.concat([boxes.assign(item=name) for name in ("25", "60")])
    both.to_csv(tmp_path / "boxes.csv", index=False)
    spec = f"detections:{tmp_path / 'boxes.csv'}"
    main(
        [
            "stability",
            *clips,
            "-m",
            spec,
            "-q",
            "-o",
            str(tmp_path / "run"),
            "--class-score",
            "cup=0.25",
        ]
    )
    run = RunFolder.existing(tmp_path / "run")
    with pytest.raises(SettingsError, match="its clips have 25, 60 frames per second"):
        take_away._tracks(run, "boxes")
    run.update(settings={**run.run["settings"], "max_gap": "7"})
    tracks = take_away._tracks(RunFolder.existing(tmp_path / "run"), "boxes")
    assert (tracks.max_gap, tracks.start_scores) == (7, ((1, 0.25),))
