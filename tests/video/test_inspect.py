"""inspect: the keys others rely on, and what it says of a file, by hand."""

import json
import os

import pytest

from vidrobust.cli.app import main
from vidrobust.errors import InputError
from vidrobust.plugins.tools.inspect import inspect_paths
from vidrobust.video.selection import Selection
from vidrobust.video.source import first_batch, open_video

KEYS = {
    *("path", "codec", "pixel_format", "width", "height", "frame_rate", "frames"),
    *("duration_s", "corrupt_frames", "problems", "frame_md5"),
}


@pytest.fixture
def clip(make):
    quick = ("-c:v", "libx264", "-preset", "ultrafast")
    return make("inspected.mp4", *quick, "-r", "20", "-frames:v", "30")


def test_an_entry_has_the_keys_and_values_of_its_file(clip, framemd5, printed):
    absent = str(clip.with_name("absent.mp4"))
    entry, bad = inspect_paths([str(clip), absent])
    assert set(entry) >= KEYS
    assert set(bad) == set(entry)
    assert (bad["path"], bad["frames"], bad["codec"]) == (absent, 0, None)
    assert bad["problems"] == [f"No such file: {absent}"]
    assert entry["frame_md5"] is None
    assert entry["path"] == str(clip)
    assert (entry["codec"], entry["pixel_format"], entry["frame_rate"]) == ("h264", "yuv420p", "20")
    assert (entry["width"], entry["height"], entry["frames"]) == (240, 180, 30)
    assert (entry["corrupt_frames"], entry["duration_s"], entry["problems"]) == (0, 1.5, [])
    asked = ("inspect", str(clip), "--frame-md5", "--backend=pyav", "--json")
    (with_md5,) = json.loads(printed(0, *asked).out)
    assert with_md5["frame_md5"] == framemd5(clip)
    assert "30 frames" in printed(0, "inspect", str(clip)).out


def test_uneven_times_are_noted(make):
    some = "select='not(mod(n,3))+not(mod(n,7))'"
    path = make("uneven.mp4", "-c:v", "libx264", "-vf", some, "-fps_mode", "vfr")
    (entry,) = inspect_paths([str(path)])
    assert any("ms apart" in note for note in entry["notes"])


def test_an_odd_name_is_printed_and_a_range_past_the_end_is_said(clip, tmp_path, capsysbinary):
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
    assert past["problems"] == [
        "no frame lies in the range of time that was asked for, of about 1.5 s"
    ]
    with (
        open_video(clip, device="cpu", selection=Selection(start_s=9)) as video,
        pytest.raises(InputError, match="inspected: no frame lies in the range of time"),
    ):
        first_batch(video, 8)


def test_what_cannot_be_read_is_said_once(clip, tmp_path, printed):
    pointer = tmp_path / "pointer.mp4"
    pointer.write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    )
    late = tmp_path / "late.csv"
    late.write_text(f"path,start_s\n{clip},9\n")
    said = printed(3, "inspect", str(clip), str(pointer), str(late))
    assert said.out.count("! cannot be read") == 2
    assert f"{pointer}\n  ! cannot be read" in said.out
    assert len(said.out.splitlines()) == 6
    first, second = sorted(said.err.splitlines(), key=lambda line: str(pointer) in line)
    assert first.startswith(f"error: {clip}: no frame lies")
    assert second.count(str(pointer)) == 1
