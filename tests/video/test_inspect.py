"""inspect: the keys others rely on, and what it says of a file, by hand."""

from __future__ import annotations

from tests.video.conftest import Make, Oracle
from vidrobust.video.inspect import inspect_paths

KEYS = {
    *("path", "codec", "pixel_format", "width", "height", "frame_rate", "frames"),
    *("duration_s", "corrupt_frames", "problems", "frame_md5"),
}


def test_an_entry_has_the_keys_and_values_of_its_file(make: Make, framemd5: Oracle) -> None:
    path = make("inspected.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-r", "20", "-frames:v", "30")
    (entry,) = inspect_paths([str(path)])
    assert set(entry) >= KEYS
    assert entry["frame_md5"] is None
    assert entry["path"] == str(path)
    assert (entry["codec"], entry["pixel_format"], entry["frame_rate"]) == ("h264", "yuv420p", "20")
    assert (entry["width"], entry["height"], entry["frames"], entry["corrupt_frames"]) == (240, 180, 30, 0)
    assert entry["duration_s"] == 1.5
    assert entry["problems"] == []
    (with_md5,) = inspect_paths([str(path)], frame_md5=True)
    assert with_md5["frame_md5"] == framemd5(path)


def test_uneven_times_are_noted(make: Make) -> None:
    path = make(
        "uneven.mp4", "-c:v", "libx264", "-vf", "select='not(mod(n,3))+not(mod(n,7))'", "-fps_mode", "vfr"
    )
    (entry,) = inspect_paths([str(path)])
    assert any("ms apart" in note for note in entry["notes"])


def test_what_cannot_be_read_has_the_same_keys(make: Make) -> None:
    path = make("inspected.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-r", "20", "-frames:v", "30")
    absent = str(path.with_name("absent.mp4"))
    good, bad = inspect_paths([str(path), absent])
    assert set(good) == set(bad)
    assert bad["path"] == absent
    assert bad["frames"] == 0
    assert bad["problems"] == [f"{absent}: there is no such file or folder"]
