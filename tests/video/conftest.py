"""Clips made for these tests by the ffmpeg program, and what that program says is in a file."""

import subprocess

import numpy as np
import pytest

QUIET = ["-v", "error", "-nostdin", "-y"]


@pytest.fixture(scope="session")
def make(ffmpeg, corpus, tmp_path_factory):
    """make(name, *ffmpeg output options, before=input options, source=a file): the clip, made once.

    The source is, unless another one is given, 90 frames of a real line at 240x180 without loss.
    """
    folder = tmp_path_factory.mktemp("clips")
    line = folder / "line.mkv"
    shrink = ["-an", "-frames:v", "90", "-vf", "scale=240:180", "-c:v", "ffv1"]
    shrink += ["-pix_fmt", "yuv420p"]
    bottles = corpus / "factory" / "intel_bottle-detection.mp4"
    command = [ffmpeg, *QUIET, "-ss", "5", "-i", bottles, *shrink, line]
    subprocess.run(command, check=True, timeout=120)

    known = {}

    def made(name, *options, before=(), source=None):
        path = folder / name
        asked = (options, before, source)
        same = known.setdefault(name, asked) == asked
        assert same, f"two tests make different clips named {name}"
        if not path.exists():
            command = [ffmpeg, *QUIET, *before, "-i", f"file:{source or line}", "-an"]
            subprocess.run([*command, *options, f"file:{path}"], check=True, timeout=120)
        return path

    return made


@pytest.fixture(scope="session")
def framemd5(ffmpeg):
    """framemd5(path, *output options): the md5 of each RGB24 frame by ffmpeg's framemd5 muxer.

    ``-fps_mode passthrough`` keeps it from doubling or dropping frames to reach a constant rate.
    """

    def md5(path, *options, threads=None):
        before = ("-threads", str(threads)) if threads else ()
        done = decoded(ffmpeg, path, "framemd5", *options, before=before)
        lines = done.stdout.decode().splitlines()
        return [line.split(",")[-1].strip() for line in lines if line[:1] not in ("", "#")]

    return md5


@pytest.fixture(scope="session")
def rgb_frames(ffmpeg):
    """rgb_frames(path, height, width): (N, H, W, 3) uint8 by the ffmpeg program."""

    def frames(path, height, width, *options):
        done = decoded(ffmpeg, path, "rawvideo", *options)
        done.check_returncode()
        return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)

    return frames


def decoded(ffmpeg, path, muxer, *options, before=()):
    """What the program gives of a file as RGB24."""
    command = [ffmpeg, "-v", "quiet", "-nostdin", *before, "-i", f"file:{path}", "-an", *options]
    command += ["-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-f", muxer, "-"]
    return subprocess.run(command, check=False, capture_output=True, timeout=120)


def beside(whole, name, data):
    """A file of these bytes in the folder of another, or at a path."""
    path = whole.parent / name
    path.write_bytes(bytes(data))
    return path


def damaged(whole, name, starts, size, rng=None):
    """A copy of a file, of which ``size`` bytes from each start are drawn, or zeros."""
    data = bytearray(whole.read_bytes())
    for start in starts:
        data[start : start + size] = rng.bytes(size) if rng else bytes(size)
    return beside(whole, name, data)


def pictures_of(video, size=8):
    """All frames, (N, H, W, 3); they must be of one size."""
    return np.concatenate([b.pixels.permute(0, 2, 3, 1).numpy() for b in video.batches(size)])
