"""inspect: the keys others rely on, and what it says of a file, by hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.video.conftest import Make, Oracle
from vidrobust.cli.app import main
from vidrobust.errors import InputError
from vidrobust.plugins.tools.inspect import inspect_paths
from vidrobust.video.selection import Selection
from vidrobust.video.source import first_batch, open_video

KEYS = {
    *("path", "codec", "pixel_format", "width", "height", "frame_rate", "frames"),
    *("duration_s", "corrupt_frames", "problems", "frame_md5"),
}


def test_an_entry_has_the_keys_and_values_of_its_file(make: Make, framemd5: Oracle) -> None:
    path = make(
        "inspected.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-r", "20", "-frames:v", "30"
    )
    (entry,) = inspect_paths([str(path)])
    assert set(entry) >= KEYS
    assert entry["frame_md5"] is None
    assert entry["path"] == str(path)
    assert (entry["codec"], entry["pixel_format"], entry["frame_rate"]) == ("h264", "yuv420p", "20")
    assert (entry["width"], entry["height"], entry["frames"], entry["corrupt_frames"]) == (
        240,
        180,
        30,
        0,
    )
    assert entry["duration_s"] == 1.5
    assert entry["problems"] == []
    (with_md5,) = inspect_paths([str(path)], frame_md5=True)
    assert with_md5["frame_md5"] == framemd5(path)


def test_uneven_times_are_noted(make: Make) -> None:
    path = make(
        "uneven.mp4",
        "-c:v",
        "libx264",
        "-vf",
        "select='not(mod(n,3))+not(mod(n,7))'",
        "-fps_mode",
        "vfr",
    )
    (entry,) = inspect_paths([str(path)])
    assert any("ms apart" in note for note in entry["notes"])


def test_what_cannot_be_read_has_the_same_keys(make: Make) -> None:
    path = make(
        "inspected.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-r", "20", "-frames:v", "30"
    )
    absent = str(path.with_name("absent.mp4"))
    good, bad = inspect_paths([str(path), absent])
    assert set(good) == set(bad)
    assert bad["path"] == absent
    assert bad["frames"] == 0
    assert bad["problems"] == [f"No such file: {absent}"]


def test_a_name_that_is_no_valid_text_is_printed_and_a_range_past_the_end_is_said(
    make: Make, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    clip = make(
        "inspected.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-r", "20", "-frames:v", "30"
    )
    odd = tmp_path / os.fsdecode(b"<b>\xff\n.mp4")
    odd.write_bytes(clip.read_bytes())
    (entry,) = inspect_paths([str(odd)])
    assert entry["frames"] == 30
    assert entry["path"].encode().endswith(b"<b>\\xff\n.mp4")
    main(["inspect", str(odd)])
    assert rb"/<b>\xff\n.mp4" in capsysbinary.readouterr().out.splitlines()[0]
    (tmp_path / "m.csv").write_text(f"path,start_s\n{clip},1\n{clip},9\n")
    inside, past = inspect_paths([str(tmp_path / "m.csv")])
    assert (inside["frames"], past["frames"]) == (10, 0)
    assert past["problems"] == ["no frame lies in the range of time that was asked for"]
    with (
        open_video(clip, device="cpu", selection=Selection(start_s=9)) as video,
        pytest.raises(InputError, match="inspected: no frame lies in the range of time"),
    ):
        first_batch(video, 8)
