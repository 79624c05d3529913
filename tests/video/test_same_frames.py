"""Files that begin between two key frames: as many frames as ffmpeg, ffprobe, OpenCV and plain PyAV give."""

import subprocess

import av
import cv2
import pytest

from tests.video.conftest import beside
from tests.video.conftest import pictures_of as pictures
from vidrobust.plugins.tools.inspect import inspect_paths
from vidrobust.video.source import open_video

X264 = ("-c:v", "libx264", "-preset", "fast", "-bf", "2")
X265 = ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=30:bframes=2")


def without_first_key_frame(path, suffix):
    """The packets of a file from the second on, as a recorder writes them that was started in mid-stream."""
    target = path.with_name(f"{path.stem}_headless{suffix}")
    with av.open(str(path)) as source, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if number and packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    return target


def cut_behind_a_key_frame(make, suffix, codec):
    """The edit list begins two seconds in; the only key frame before it lies at the beginning."""
    whole = make(f"long_group{suffix}", *codec, "-g", "60")
    return make(f"edited{suffix}", "-c", "copy", before=("-ss", "1"), source=whole)


def counts(path):
    """How many frames others give."""
    capture = cv2.VideoCapture(str(path))
    opencv = 0
    while capture.read()[0]:
        opencv += 1
    with av.open(str(path)) as container:
        plain = sum(1 for _ in container.decode(video=0))
    command = ["ffprobe", "-v", "quiet", "-select_streams", "v:0", "-count_frames"]
    command += ["-of", "csv=p=0", "-show_entries", "stream=nb_read_frames", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return {"opencv": opencv, "pyav": plain, "ffprobe": int(done.stdout.split()[0])}


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
@pytest.mark.parametrize("kind", ["edited", "headless"])
def test_h264_that_begins_between_key_frames(kind, suffix, make, framemd5):
    if kind == "edited":
        path = cut_behind_a_key_frame(make, suffix, X264)
    else:
        path = without_first_key_frame(make(f"two_groups{suffix}", *X264, "-g", "30"), suffix)
    (found,) = inspect_paths([str(path)], frame_md5=True)
    wanted = framemd5(path)
    assert found["frame_md5"] == wanted
    assert set(counts(path).values()) == {len(wanted)}
    assert found["corrupt_frames"] == 0
    with open_video(path) as video:
        assert pictures(video).std(axis=(1, 2, 3)).min() > 10  # none is plain grey


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_transport_stream_that_is_cut_in_mid_group(share, make, framemd5):
    whole = make("two_groups.ts", *X264, "-g", "30")
    data = whole.read_bytes()
    path = beside(whole, f"cut_{share}.ts", data[188 * int(len(data) * share / 188) :])
    (found,) = inspect_paths([str(path)], frame_md5=True)
    assert found["frame_md5"] == framemd5(path)
    assert 20 < found["frames"] < 90


def test_hevc_gives_damaged_frames_as_the_program_does(make, framemd5):
    """Without ``output_corrupt`` FFmpeg 8 keeps the frames back that lean on what is missing."""
    whole = make("groups_of_30.hevc.ts", *X265, "-s", "160x96")
    path = beside(whole, "cut.hevc.ts", whole.read_bytes()[188 * 30 :])
    (found,) = inspect_paths([str(path)])
    assert found["frames"] == len(framemd5(path))
