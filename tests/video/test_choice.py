"""Which reader is taken, with failures put in by hand: what a machine without a GPU cannot show."""

from contextlib import closing
from dataclasses import replace

import pytest
import torch

from tests.video.conftest import damaged
from vidrobust.errors import InputError, SettingsError
from vidrobust.frames.device import resolve_or_cpu
from vidrobust.video.choice import (
    Route,
    SurfaceConverter,
    VideoRequest,
    choose,
    open_torchcodec,
    routes,
)
from vidrobust.video.marked import DeviceReader
from vidrobust.video.pyav import PyAVReader
from vidrobust.video.selection import Selection
from vidrobust.video.source import open_video
from vidrobust.video.stream import FrameStream


@pytest.fixture(scope="module")
def path(make):
    return make("choice.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-frames:v", "6")


def request(path):
    return VideoRequest(path=path, item="x", color="fast")


def fails(error):
    def open_it():
        raise error

    return open_it


def works(path):
    return lambda: PyAVReader(path, item="x", color="fast")


def route(name, decodes_on, open_it, delivers_on="cuda:0"):
    return Route(name=name, decodes_on=decodes_on, delivers_on=delivers_on, open=open_it)


def on_cpu(name, open_it):
    return route(name, "cpu", open_it, delivers_on="cpu")


def test_on_the_cpu_pyav_is_taken(path):
    (only,) = routes(request(path), backend="auto", device="cpu")
    assert (only.name, only.decodes_on) == ("pyav", "cpu")
    chosen = choose([only])
    assert (chosen.reader.info.reason, chosen.upload) == ("pyav decodes on cpu", None)


def test_on_a_gpu_the_order_is_torchcodec_pyav_and_upload(path):
    found = {}
    for backend in ("auto", "pyav", "torchcodec", "decord"):
        tried = routes(request(path), backend=backend, device="cuda:1")
        found[backend] = [(each.name, each.decodes_on) for each in tried]
    assert found["auto"] == [("torchcodec", "cuda:1"), ("pyav", "cuda:1"), ("pyav", "cpu")]
    assert found["pyav"] == [("pyav", "cuda:1"), ("pyav", "cpu")]
    assert found["torchcodec"] == [("torchcodec", "cuda:1"), ("torchcodec", "cpu")]
    assert found["decord"] == [("decord", "cpu")]


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(1, "Operation not permitted"),
        RuntimeError("no CUDA-capable device is detected\nand a long story"),
        SettingsError("backend torchcodec cannot be imported"),
        NotImplementedError("unsupported sw_format for DLPack export"),
    ],
)
def test_failures_are_passed_over_and_kept(path, error):
    tried = [
        route("torchcodec", "cuda:0", fails(error)),
        route("pyav", "cuda:0", works(path)),  # pixels not there
        route("pyav", "cpu", works(path)),
    ]
    chosen = choose(tried)
    first_line = str(error).splitlines()[0]
    assert chosen.upload == "cuda:0"
    assert chosen.reader.info.reason == (
        "pyav decodes on cpu and batches are copied to cuda:0; "
        f"torchcodec on cuda:0 failed ({first_line}); pyav on cuda:0 failed (its pictures lie on cpu)"
    )
    with pytest.raises(InputError, match="nothing decodes the file: torchcodec on cuda:0"):
        choose([*tried[:2], replace(tried[2], open=fails(RuntimeError("no memory")))])


def test_a_reader_that_loses_frames_is_not_taken(path):
    class Loses(PyAVReader):
        mismatch = "torchcodec gives 4 frames, the file holds 6 packets"

    lossy = on_cpu("torchcodec", lambda: Loses(path, item="x", color="fast"))
    reason = choose([lossy, on_cpu("pyav", works(path))]).reader.info.reason
    assert "failed (torchcodec gives 4 frames, the file holds 6 packets)" in reason


def test_a_reader_that_begins_with_another_frame_is_not_taken(make):
    path = make("later.ts", "-c:v", "libx265", "-x265-params", "log-level=none", "-frames:v", "12")
    asked = request(path)
    tried = [on_cpu("torchcodec", lambda: open_torchcodec(asked)), on_cpu("pyav", works(path))]
    with closing(choose(tried).reader) as reader:
        assert reader.info.backend == "pyav"
        assert "torchcodec puts frame 0 at" in reader.info.reason


def test_the_file_is_blamed_where_the_last_way_says_so():
    empty = fails(InputError("x.mp4: is empty (0 bytes)"))
    tried = [route("a", "cuda:0", fails(RuntimeError("driver"))), route("b", "cpu", empty)]
    with pytest.raises(InputError, match=r"x\.mp4: is empty"):
        choose(tried)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_the_swap_is_recorded(path):
    assert resolve_or_cpu("auto") == ("cpu", "")
    with open_video(path, device="cuda:0") as video:
        assert video.info.device == "cpu"
        said = f"cuda:0 is not there (torch {torch.__version__} sees 0 CUDA GPUs)"
        assert said in video.info.reason


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_the_real_device_routes_fail_cleanly_without_a_driver(path):
    tried = routes(request(path), backend="auto", device="cuda:0")
    chosen = choose(tried)
    said = "pyav decodes on cpu and batches are copied to cuda:0; torchcodec"
    assert chosen.reader.info.reason.startswith(said)
    assert "pyav on cuda:0 failed" in chosen.reader.info.reason


def test_surfaces_flow_through_the_reader_into_batches(path):
    """The device reader on surfaces in host memory: NV12 made of each frame, RGB made by torch."""
    reader = PyAVReader(
        path,
        item="x",
        color="accurate",
        painter=lambda: lambda frame: SurfaceConverter()(frame.reformat(format="nv12")).numpy(),
    )
    with (
        FrameStream(reader, Selection(), prefetch=2) as video,
        open_video(path, color="accurate") as own,
    ):
        (given,) = video.batches(8)
        (expected,) = own.batches(8)
    difference = (given.pixels.int() - expected.pixels.int()).abs()
    assert given.pixels.shape == expected.pixels.shape == (6, 3, 180, 240)
    assert difference.float().mean() < 0.5
    assert difference.max() <= 3


def test_frames_of_a_device_take_the_marks_of_the_cpu(make):
    """A reader that loses every tenth frame stands in for NVDEC; marks belong to time stamps, not to numbers."""

    class Loses(PyAVReader):
        def frames(self, first=0):
            kept = (frame for frame in super().frames(first) if frame.index % 10 != 3)
            for number, frame in enumerate(kept):
                yield replace(frame, index=number, corrupt=False)

    whole = make("routes.mp4", "-c:v", "libx264", "-g", "12", "-frames:v", "60")
    path = damaged(whole, "bad.mp4", [20_000], 60)
    judge = PyAVReader(path, item="x", color="fast")
    with closing(DeviceReader(Loses(path, item="x", color="fast"), judge)) as reader:
        given = [(frame.stamp, frame.corrupt) for frame in reader.frames()]
        assert reader.problems[-1] == "6 frames are missing and 0 too many on cpu"
        assert any("frames are damaged" in what for what in reader.problems)
    frames = PyAVReader(path, item="x", color="fast").frames()
    wanted = {frame.stamp: frame.corrupt for frame in frames if frame.index % 10 != 3}
    assert dict(given) == wanted
    assert 0 < sum(wanted.values()) < len(wanted) == 54


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("backend", ["pyav", "torchcodec"])
def test_a_gpu_gives_the_frames_of_the_cpu(path, backend):
    with (
        open_video(path, device="cuda:0", backend=backend) as video,
        open_video(path, device="cpu") as own,
    ):
        (given,) = video.batches(8)
        (expected,) = own.batches(8)
    assert given.pixels.device.type == "cuda"
    assert given.time_s.tolist() == expected.time_s.tolist()
    assert (given.pixels.cpu().int() - expected.pixels.int()).abs().float().mean() <= 0.5
