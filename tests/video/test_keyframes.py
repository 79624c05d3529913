"""Which frames are keyframes, held against the ffprobe program."""

import shutil
import subprocess
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from tests.made_frames import batch_of, texture
from tests.skips import need
from vidrobust.video.source import open_video

COUNT = 100
PREDICTED = [
    *("faults/torchcodec_nasa_13013.mp4", "faults/moviepy_big_buck_bunny_432_433.webm"),
    *(
        "faults/torchcodec_h265_video.mp4",
        "faults/torchcodec_av1_video.mkv",
        "faults/moviepy_chaplin.mp4",
    ),
    "objects/cotracker_cat.mp4",
]


def by_ffprobe(path):
    """The flag of each of the first frames, in order of presentation."""
    program = shutil.which("ffprobe")
    need(program, "the ffprobe program is not installed")
    command = [str(program), "-v", "quiet", "-select_streams", "v:0", "-of", "default=nk=1:nw=1"]
    command += [
        "-show_entries",
        "frame=key_frame",
        "-read_intervals",
        f"%+#{COUNT}",
        f"file:{path}",
    ]
    lines = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    return [line == "1" for line in lines.split()]


def flags(path, backend="pyav"):
    found = []
    with open_video(path, backend=backend, device="cpu", color="fast") as video:
        for batch in video.batches(16):
            found.append(batch.keyframe)
            if sum(map(len, found)) >= COUNT:
                break
    return np.concatenate(found)[:COUNT]


@pytest.mark.parametrize("name", PREDICTED)
def test_keyframes_are_those_of_ffprobe(name, corpus):
    summary = by_ffprobe(corpus / name)
    given = flags(corpus / name)
    assert given[: len(summary)].tolist() == summary[: len(given)]
    assert given.any()
    assert not given.all()


@pytest.mark.parametrize("backend", ["torchcodec", "decord"])
def test_other_backends_tell_the_same(backend, make):
    need(find_spec(backend), f"{backend} is not installed")
    path = make("gop12.mp4", "-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "12")
    summary = flags(path)
    assert flags(path, backend).tolist() == summary.tolist()
    assert np.flatnonzero(summary)[:3].tolist() == [0, 12, 24]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("all_intra.avi", ("-c:v", "mjpeg")),
        ("all_intra.mov", ("-c:v", "prores_ks")),
        ("all_intra.mp4", ("-c:v", "libx264", "-preset", "ultrafast", "-g", "1")),
        ("lossless.gif", ()),
    ],
)
def test_a_stream_of_keyframes_alone_has_none(name, options, make):
    path = make(name, "-frames:v", "12", *options)
    given = flags(path)
    assert len(given) == 12
    assert not given.any()


def test_frames_read_at_random_say_the_same_as_in_order(make):
    path = make("gop12.mp4", "-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "12")
    in_order = flags(path)
    wanted = [24, 5, 60, 11, 12]
    with open_video(path, device="cpu") as video:
        assert video.at(wanted).keyframe.tolist() == in_order[wanted].tolist()


def test_a_batch_that_does_not_say_has_none_and_one_of_another_length_is_refused():
    batch = batch_of([texture(1)] * 3)
    assert batch.keyframe.tolist() == [False] * 3
    with pytest.raises(ValueError, match=r"FrameBatch.keyframe: expected bool of shape \(3,\)"):
        replace(batch, keyframe=np.ones(2, np.bool_))
