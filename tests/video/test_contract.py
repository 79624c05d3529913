"""All backends over all files of the corpus, held against the ffmpeg program."""

import hashlib
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.skips import need
from vidrobust.errors import InputError
from vidrobust.footage.expand import expand_sources
from vidrobust.video.source import open_video

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
FOLDERS = ("factory", "objects", "faults")
PATHS = [path for folder in FOLDERS for path in (CORPUS / folder).glob("*")]
FILES = sorted(str(path.relative_to(CORPUS)) for path in PATHS)
UNREADABLE = {
    "faults/git_lfs_pointer.mp4": "is a Git LFS pointer",
    "faults/moviepy_result.webm": "is empty",
    "faults/torchcodec_nasa_13013.mp4.audio.mp3": "has no video stream, only audio",
    "faults/torchcodec_sine_mono_s16.wav": "has no video stream, only audio",
}
READABLE = [name for name in FILES if name not in UNREADABLE]
BY_DAY = {
    "factory/intel_preview_bolt-multi-size-detection.gif",
    "objects/cotracker_cat.mp4",
    "objects/datumaro_cvat_test.mp4",
}
"""An ordinary file of each codec; by night all are read."""
TWICE = {"faults/moviepy_bitmap.mp4", "faults/moviepy_smpte-2997.mp4"}
"""Odd files whose oddity another one has as well."""
TEN_BIT = {"faults/torchcodec_h264_10bits.mp4", "faults/torchcodec_h265_10bits.mp4"}
FRAMES = 12  # of the larger files; those under WHOLE bytes are read to their end
WHOLE = 200_000

# What decord cannot read, with what is then said. What it does read must be right.
NO_FRAME = ("moviepy_bitmap.mp4", "moviepy_-video-with-dash-.mp4", "datumaro_kinetics_video_1.avi")
NO_PICTURE = [name for name in FILES if name.endswith((".gif", "duration.webm"))]
REFUSED = {("decord", name): "decord cannot read it" for name in NO_PICTURE}
STOPPED = "decord stopped at frame 0: pictures of shape"
REFUSED |= {("decord", f"faults/{name}"): STOPPED for name in NO_FRAME}
REFUSED |= {("decord", "faults/torchcodec_av1_video.mkv"): "cannot read it|gives no frame"}


def md5_of(video, count):
    frames = (f for b in video.batches(8) for f in b.pixels.permute(0, 2, 3, 1).numpy())
    contents = (frame.tobytes() for frame in islice(frames, count))
    return [hashlib.md5(each, usedforsecurity=False).hexdigest() for each in contents]


def count_of(path):
    return 1_000_000 if path.stat().st_size < WHOLE else FRAMES


def by_day_or_night(name, *backend, day=BY_DAY):
    by_day = name in day or (name.startswith("faults/") and name not in TWICE)
    return pytest.param(name, *backend, marks=() if by_day else pytest.mark.nightly)


@pytest.mark.parametrize("name", [by_day_or_night(name) for name in READABLE])
def test_pyav_gives_the_frames_of_ffmpeg(name, corpus, framemd5):
    path = corpus / name
    count = count_of(path)
    with open_video(path, backend="pyav", color="fast") as video:
        given = md5_of(video, count)
    assert given == framemd5(path, "-frames:v", str(count))
    assert len(given) > 0


BACKENDS = [
    *(by_day_or_night(name, "torchcodec") for name in READABLE),
    *(by_day_or_night(name, "decord", day=set()) for name in READABLE),
]


@pytest.mark.parametrize(("name", "backend"), BACKENDS)
def test_other_backends_give_the_frames_of_pyav(name, backend, corpus):
    need(find_spec(backend), f"{backend} is not installed")
    path = corpus / name
    if (backend, name) in REFUSED:
        with (
            pytest.raises(InputError, match=REFUSED[backend, name]),
            open_video(path, backend=backend, color="fast") as video,
        ):
            md5_of(video, 8)
        return
    with (
        open_video(path, backend=backend, color="fast") as other,
        open_video(path, backend="pyav", color="fast") as own,
    ):
        given = next(other.batches(8))
        ours = next(own.batches(8))
    difference = given.pixels.numpy().astype(int) - ours.pixels.numpy()
    assert given.pixels.shape == ours.pixels.shape
    # swscale in decord, of 2021, dithers ten bits otherwise
    assert not difference.any() or (name in TEN_BIT and abs(difference.mean()) < 0.5)
    # decord counts from the first frame
    if any("puts frame 0 at" in problem for problem in other.problems):
        given_s, own_s = given.time_s - given.time_s[0], ours.time_s - ours.time_s[0]
    else:
        given_s, own_s = given.time_s, ours.time_s
    np.testing.assert_allclose(given_s, own_s, atol=2e-3)
    np.testing.assert_array_equal(given.index, ours.index)


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_unreadable_files_are_one_clear_line(name, corpus):
    path = corpus / name
    with pytest.raises(InputError, match=UNREADABLE[name]) as caught:
        open_video(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_the_corpus_expands_to_its_videos(corpus):
    found = expand_sources([str(corpus / folder) for folder in FOLDERS])
    audio = {"faults/torchcodec_nasa_13013.mp4.audio.mp3", "faults/torchcodec_sine_mono_s16.wav"}
    assert {str(item.path.relative_to(corpus)) for item in found.items} == set(FILES) - audio
    assert {str(each.path.relative_to(corpus)) for each in found.left_out} == audio
    assert not found.problems
