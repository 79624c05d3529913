"""The footage that comes with the repository: credited, small, whole, and read by the package."""

import csv
import hashlib

import numpy as np
import pytest

from vidrobust.finished_runs.demo import CLIP
from vidrobust.video.source import open_video


def credits(folder):
    """file -> frames and sha256, from CREDITS.csv."""
    with (folder / "CREDITS.csv").open(encoding="utf-8", newline="") as rows:
        return {row["file"]: (int(row["frames"]), row["sha256"]) for row in csv.DictReader(rows)}


def test_every_file_is_credited_as_it_is_and_small(public_clips):
    files = {path.name: path for path in public_clips.iterdir() if path.name != "CREDITS.csv"}
    table = credits(public_clips)
    assert set(files) == set(table)
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == table[name][1], name
        assert path.stat().st_size <= 2**20, name
    assert sum(path.stat().st_size for path in files.values()) <= 12 * 10**6


def test_the_demo_clip_is_credited_as_it_is_and_small():
    sha256 = hashlib.sha256(CLIP.read_bytes()).hexdigest()
    assert credits(CLIP.parent) == {"bottles.mp4": (403, sha256)}
    assert CLIP.stat().st_size < 200_000
    with open_video(CLIP) as video:
        assert sum(len(batch) for batch in video.batches(64)) == 403


@pytest.mark.parametrize(
    "name",
    ["line-bottles.mp4", "line-bolt.gif", "line-fruit.gif", "line-flour-bags.gif", "dog.mp4", "cups.mp4"],
)  # fmt: skip
def test_clips_are_read_whole_and_move(public_clips, name):
    """The count is the ffprobe program's, which wrote the table."""
    count, first, last = 0, None, None
    with open_video(public_clips / name) as video:
        for batch in video.batches(64):
            assert not batch.corrupt.any()
            first = batch.pixels[0].float() if first is None else first
            last = batch.pixels[-1].float()
            count += len(batch)
    assert count == credits(public_clips)[name][0]
    assert float((first - last).abs().mean()) > 0.2
    assert np.isfinite(float(first.mean()))
