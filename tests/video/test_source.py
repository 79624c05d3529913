"""Access: in order, selected, in a range of time, and at random, on the kinds of file that mislead readers."""

import gc
import hashlib
import os
import re
import resource
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from tests.video.conftest import beside, pictures_of
from vidrobust.errors import InputError, SettingsError
from vidrobust.video.container import opened_video
from vidrobust.video.selection import Selection
from vidrobust.video.source import open_video
from vidrobust.video.stream import copied

X264 = ("-c:v", "libx264", "-preset", "ultrafast")
FIELDS = ("-c:v", "mpeg2video", "-r", "25", "-flags", "+ilme+ildct", "-vf", "setfield=tff")
KINDS = [
    "open_gop.mp4",
    "variable.mp4",
    "edit_list.mp4",
    "stream.ts",
    "raw.h264",
    "cut.mkv",
    "vp9.webm",
]


def clip(kind, make):
    """One file of each kind; 87 to 90 frames at 20 a second, shorter where the kind makes it so."""
    gop = ("-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "15")
    match kind:
        case "open_gop.mp4":
            return make(kind, *gop, "-flags", "-cgop", "-x264-params", "open-gop=1")
        case "variable.mp4":
            keep = "select='not(mod(n,3))+not(mod(n,7))'"
            return make(kind, *gop, "-vf", keep, "-fps_mode", "vfr")
        case "edit_list.mp4":
            return make(kind, "-c", "copy", before=("-ss", "0.7"), source=make("gop.mp4", *gop))
        case "cut.mkv":
            whole = make("to_cut.mkv", *gop)
            data = whole.read_bytes()
            return beside(whole, kind, data[: len(data) * 2 // 3])
        case "vp9.webm":
            quick = ("-deadline", "realtime", "-cpu-used", "8", "-g", "20")
            return make(kind, "-c:v", "libvpx-vp9", *quick)
        case _:
            return make(kind, *gop)


def md5(batch):
    pictures = batch.pixels.permute(0, 2, 3, 1).numpy()
    return [hashlib.md5(p.tobytes(), usedforsecurity=False).hexdigest() for p in pictures]


def pass_of(video, size=7):
    batches = list(video.batches(size))
    return [m for b in batches for m in md5(b)], np.concatenate([b.time_s for b in batches])


@pytest.mark.parametrize("kind", KINDS)
def test_random_access_gives_the_frames_of_the_pass(kind, make):
    """After a pass, where nothing is known yet, and where packets were counted."""
    path = clip(kind, make)
    rng = np.random.default_rng(1)

    def assert_random_access(video):
        some = rng.integers(0, len(frames), 20)
        # at random, and in order, where one call goes on where the last one ended
        for wanted in (*some[:15].reshape(3, 5).tolist(), *np.sort(some).reshape(4, 5).tolist()):
            batch = video.at(wanted)
            assert batch.index.tolist() == wanted
            assert md5(batch) == [frames[i] for i in wanted]
            assert batch.time_s.tolist() == [time_s[i] for i in wanted]

    with open_video(path) as video:
        frames, time_s = pass_of(video)
        assert_random_access(video)
    with open_video(path) as video:
        assert_random_access(video)
    with open_video(path) as video:
        # a bare stream has no time stamps to count by
        counted = 0 if kind == "raw.h264" else len(frames)
        # the last packet of a cut file gives nothing
        assert len(video._reader._count_packets()) - counted in (0, 1)
        assert_random_access(video)


def test_times_are_those_of_the_packets(make, ffmpeg):
    """Against ffprobe: variable rate, a first time that is not 0, and no multiple of 1 / rate."""
    for kind in ("variable.mp4", "stream.ts", "edit_list.mp4"):
        path = clip(kind, make)
        command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries"]
        command += ["frame=best_effort_timestamp_time", "-of", "csv=p=0", f"file:{path}"]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        stated = [float(line.strip(", ")) for line in out.split() if line.strip(", ")]
        with open_video(path) as video:
            _, time_s = pass_of(video)
        np.testing.assert_allclose(time_s, np.subtract(stated, stated[0]), atol=2e-6, err_msg=kind)


@pytest.mark.parametrize("offset_s", [1.4, 10_000.0])
def test_a_range_counts_from_the_first_frame(make, offset_s):
    """30 frames a second: 12 of 0.4 s, from 0.2 s on 6 of them, at the same times whatever the stream begins at."""
    path = make(
        f"offset_{offset_s:g}.ts", *X264, "-frames:v", "40", "-output_ts_offset", str(offset_s)
    )
    for start_s, count in ((None, 12), (0.2, 6)):
        with open_video(path, selection=Selection(start_s=start_s, end_s=0.4)) as video:
            frames, time_s = pass_of(video)
        assert len(frames) == count
        np.testing.assert_allclose(time_s, np.arange(12 - count, 12) / 30, atol=3e-3)


def test_batches_hold_what_the_contract_says(make):
    with open_video(clip("open_gop.mp4", make), item="part 7") as video:
        batches = list(video.batches(32))
        assert [len(b) for b in batches] == [32, 32, 26]
        assert video.info.name == "part 7"
        again = list(video.batches(32))
    for first, second in zip(batches, again, strict=True):
        assert torch.equal(first.pixels, second.pixels)
        assert first.pixels.shape[1:] == (3, 180, 240)
        assert first.pixels.permute(0, 2, 3, 1).is_contiguous()
        assert first.item == "part 7"
    index = np.concatenate([b.index for b in batches])
    assert index.tolist() == list(range(90))
    assert not any(b.corrupt.any() for b in batches)
    memory = {b.pixels.untyped_storage().data_ptr() for b in (*batches, *again)}
    assert len(memory) == len(batches) + len(again)  # each batch owns its pixels while it lives


def test_memory_is_used_again_only_when_nobody_holds_it(make):
    """A kept view, of numpy or torch, must not change while the video goes on."""
    with open_video(clip("open_gop.mp4", make)) as video:
        kept, seen = [], set()
        for number, batch in enumerate(video.batches(2)):
            seen.add(batch.pixels.untyped_storage().data_ptr())
            if number % 5 == 0:
                view = batch.pixels[:1].numpy() if number % 2 else batch.pixels[1:]
                kept.append((view, torch.as_tensor(view).numpy().copy()))
            del batch
        for view, copy in kept:
            np.testing.assert_array_equal(torch.as_tensor(view).numpy(), copy)
    assert len(seen) < 45  # some memory was used twice


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux: /proc")
@pytest.mark.parametrize("prefetch", [0, 2])
def test_memory_does_not_grow_with_the_length(make, prefetch):
    """600 frames of 173 kB, without the garbage collector, which must not be what frees them."""
    path = make("growth.mp4", *X264, "-vf", "loop=7:90,scale=360:320", "-frames:v", "600")
    in_use_mb = []
    gc.disable()
    try:
        with open_video(path, prefetch=prefetch) as video:
            for batch in video.batches(10):
                if int(batch.index[0]) in (100, 590):
                    pages = int(Path("/proc/self/statm").read_text().split()[1])
                    in_use_mb.append(pages * resource.getpagesize() / 2**20)
    finally:
        gc.enable()
    # all frames between would be 85 MB as decoded, 169 as RGB
    assert in_use_mb[1] - in_use_mb[0] < 30


def test_every_and_fps_and_range_select_by_hand(make):
    path = clip("variable.mp4", make)
    with open_video(path) as video:
        frames, time_s = pass_of(video)
    expected = {
        "every": ({"every": 4}, list(range(0, len(frames), 4))),
        "range": (
            {"start_s": 0.5, "end_s": 1.5},
            np.flatnonzero((time_s >= 0.5) & (time_s < 1.5)).tolist(),
        ),
        "open end": ({"start_s": 2.0}, np.flatnonzero(time_s >= 2.0).tolist()),
    }
    intervals = np.floor((time_s - time_s[0]) * 4 + 1e-9)
    expected["fps"] = ({"fps": 4}, np.unique(intervals, return_index=True)[1].tolist())
    both = expected["range"][1][::3]
    expected["every third of a range"] = ({"every": 3, "start_s": 0.5, "end_s": 1.5}, both)
    for name, (settings, wanted) in expected.items():
        with open_video(path, selection=Selection(**settings)) as video:
            batches = list(video.batches(5))
        assert [int(i) for b in batches for i in b.index] == wanted, name
        assert [m for b in batches for m in md5(b)] == [frames[i] for i in wanted], name
        assert len(wanted) > 3, name


def test_a_range_far_into_a_video_is_sought_and_keeps_its_numbers(make):
    """The seek is only taken beyond a thousand frames: a clip of 1,200 tiny ones."""
    path = make("long.mp4", *X264, "-g", "50", "-vf", "loop=14:90,scale=32:24", "-frames:v", "1200")
    with open_video(path) as video:
        frames, time_s = pass_of(video, 64)
    start = float(time_s[1100])
    with open_video(path, selection=Selection(start_s=start, end_s=start + 1)) as video:
        batch = next(video.batches(100))
        assert video._reader._table.key_before(1100) >= 1050
    wanted = np.flatnonzero((time_s >= start) & (time_s < start + 1))
    assert batch.index.tolist() == wanted.tolist()
    assert md5(batch) == [frames[i] for i in wanted]
    with open_video(path) as video:
        assert md5(video.at([1150, 1120])) == [frames[1150], frames[1120]]


@pytest.mark.parametrize("start_s", [100.0, 1e308])
def test_an_empty_range_is_a_problem_and_no_error(start_s, make, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(2):
        cv2.imwrite(str(pictures / f"{number}.png"), np.zeros((48, 64, 3), np.uint8))
    for path in (clip("open_gop.mp4", make), pictures):
        with open_video(path, selection=Selection(start_s=start_s)) as video:
            assert list(video.batches(4)) == []
            assert any("no frame lies in the range of time" in p for p in video.problems)


def test_a_changing_frame_size_ends_a_batch_and_is_announced(make):
    """Two MPEG-TS one behind the other, as a recorder that was set anew writes them."""
    small = make("a.ts", *X264, "-frames:v", "20", "-s", "160x120")
    large = make("b.ts", *X264, "-frames:v", "20", "-s", "240x180", "-output_ts_offset", "2")
    path = beside(small, "changing.ts", small.read_bytes() + large.read_bytes())
    with open_video(path) as video:
        shapes = [tuple(b.pixels.shape) for b in video.batches(16)]
        assert shapes == [(16, 3, 120, 160), (4, 3, 120, 160), (16, 3, 180, 240), (4, 3, 180, 240)]
        assert "the frame size changes from 160x120 to 240x180 at frame 20" in video.problems
        with pytest.raises(InputError, match="are not all of one size"):
            video.at([3, 30])
    assert pictures_of(open_video(path, selection=Selection(end_s=2.0))).shape[1:] == (120, 160, 3)


def test_info_and_notes_say_what_is_odd(make):
    whole, turn = clip("open_gop.mp4", make), ("-display_rotation", "90")
    turned = make("turned.mp4", "-c", "copy", before=turn, source=whole)
    with open_video(turned) as video:
        info = video.info
        assert (info.width, info.height, info.rotation, info.num_frames) == (180, 240, 90, 90)
        assert (info.codec, info.pixel_format) == ("h264", "yuv420p")
        assert (info.backend, info.device) == ("pyav", "cpu")
        assert info.reason == "pyav decodes on cpu"
        assert any("set upright" in note for note in info.notes)
    expected = {
        ("half_clear.mkv", "-c:v", "ffv1", "-frames:v", "2", "-vf", "format=yuva420p,colorchannelmixer=aa=0.5"): (
            "transparency is dropped"
        ),
        ("ten.mkv", "-c:v", "ffv1", "-frames:v", "2", "-pix_fmt", "yuv420p10le"): "10 bits a sample",
        ("inter.mpg", *FIELDS): "interlaced",
    }  # fmt: skip
    for (name, *options), note in expected.items():
        with open_video(make(name, *options)) as video:
            assert any(note in n for n in video.info.notes), (name, video.info.notes)
    with open_video(clip("variable.mp4", make)) as video:
        assert any("variable frame rate" in n for n in video.info.notes)
    with open_video(clip("raw.h264", make)) as video:
        assert any("no time stamps" in n for n in video.info.notes)


def test_the_best_stream_is_read_and_a_cover_is_none(make):
    large = clip("open_gop.mp4", make)
    two = make(
        "two.mp4",
        *("-map", "0:v", "-map", "0:v", "-frames:v", "20"),
        *("-c:v:0", "libx264", "-s:v:0", "80x60", "-c:v:1", "libx264"),
        source=large,
    )
    with open_video(two) as video:
        assert (video.info.width, video.info.height) == (240, 180)
        assert "the best of 2 video streams is read, stream 1" in video.info.notes


def files_open_under(path):
    links = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
    return [t for t in (os.readlink(k) for k in links if os.path.lexists(k)) if t == str(path)]


def fail_in_the_middle(path, prefetch):
    with open_video(path, prefetch=prefetch) as video:
        for batch in video.batches(4):
            len(batch) / 0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux: /proc")
@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_early_end_and_an_exception_close_everything(make, prefetch):
    path = clip("open_gop.mp4", make)
    threads = threading.active_count()
    with open_video(path, prefetch=prefetch) as video:
        for _ in video.batches(4):
            break
        passes = video.batches(4)
        next(passes)
    assert files_open_under(path) == []
    dropped = open_video(path, prefetch=prefetch)
    assert files_open_under(path) != []
    del dropped
    assert files_open_under(path) == []
    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle(path, prefetch)
    assert files_open_under(path) == []
    assert threading.active_count() == threads


def test_several_videos_and_passes_at_once(make):
    paths = [clip("open_gop.mp4", make), clip("stream.ts", make), clip("variable.mp4", make)]
    alone = {}
    for path in paths:
        with open_video(path) as video:
            alone[path] = pass_of(video)[0]
    videos = {path: open_video(path) for path in paths}
    found = {}

    def read(path, number):
        found[path, number] = pass_of(videos[path])[0]

    work = [threading.Thread(target=read, args=(p, n)) for p in paths for n in range(2)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert found == {(p, n): alone[p] for p in paths for n in range(2)}


def test_a_spawned_worker_reads(make):
    """A fresh process, as spawn makes one, while this one holds an open pass."""
    path = clip("open_gop.mp4", make)
    code = (
        "import sys; from vidrobust.video.source import open_video\n"
        "print(sum(len(b) for b in open_video(sys.argv[1]).batches(16)))"
    )
    with open_video(path) as video:
        passes = video.batches(4)
        next(passes)
        command = [sys.executable, "-c", code, path]
        done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert done.stdout.split() == [b"90"]


def test_scattered_frames_open_the_file_once(make, monkeypatch):
    path = make("five_groups.mp4", *X264, "-g", "15")
    with open_video(path, prefetch=0) as video:
        frames, _ = pass_of(video)
        opened = []
        plain = av.open
        monkeypatch.setattr(av, "open", lambda *a, **k: opened.append(a) or plain(*a, **k))
        wanted = [80, 3, 50, 33, 64, 17]
        assert md5(video.at(wanted)) == [frames[index] for index in wanted]
    assert len(opened) == 1


def test_a_picture_is_kept_without_the_batch_that_it_is_a_view_of():
    """torchcodec gives eight pictures at once, and ``deepcopy`` of a view copies all of its memory."""
    chunk = torch.zeros((8, 4, 6, 3), dtype=torch.uint8)
    for picture in (chunk[2], chunk.numpy()[2]):
        kept = torch.as_tensor(copied(picture))
        assert kept.untyped_storage().nbytes() == 4 * 6 * 3
        assert kept.data_ptr() != torch.as_tensor(picture).data_ptr()


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_decoders_have_one_thread(suffix, make):
    """Several give other pictures of damaged streams in each run, and want surfaces of NVDEC for each."""
    with opened_video(make(f"threads.{suffix}", *X264, "-frames:v", "6")) as (_, stream):
        next(stream.container.decode(stream))
        assert stream.codec_context.thread_count == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"every": 0}, "every: expected 1 or more, got 0"),
        ({"fps": 0.0}, "fps: expected a positive number"),
        ({"fps": 2.0, "every": 2}, "every and fps exclude each other"),
        ({"end_s": float("nan")}, "end_s: expected a time in seconds, got nan"),
        ({"start_s": 2.0, "end_s": 1.0}, "the range 2.0 to 1.0 s is empty"),
    ],
)
def test_selections_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        Selection(**settings)


def test_settings_that_make_no_sense_are_refused(make):
    path = clip("open_gop.mp4", make)
    refused = [
        ({"backend": "avi"}, "backend: expected one of auto, torchcodec, pyav, decord, got 'avi'"),
        ({"device": "tpu"}, "device: expected auto, cpu, cuda or cuda:N, got 'tpu'"),
        ({"prefetch": -1}, "prefetch: expected 0 or more"),
        ({"color": "nice"}, "expected 'fast' or 'accurate', got 'nice'"),
    ]
    for settings, message in refused:
        with pytest.raises(SettingsError, match=re.escape(message)):
            open_video(path, **settings)
    with open_video(path) as video:
        with pytest.raises(SettingsError, match="batch size: expected 1 or more, got 0"):
            video.batches(0)
        with pytest.raises(InputError, match=f"{re.escape(str(path))}: has no frame 90"):
            video.at([2, 90])
        with pytest.raises(InputError, match="numbers start at 0"):
            video.at([-1])


def test_image_folders_are_videos(make, tmp_path):
    plain = make("twelve.mp4", *X264, "-frames:v", "12")
    with open_video(plain, color="fast") as video:  # the bytes of the ffmpeg program
        frames, _ = pass_of(video)
    command = ["ffmpeg", "-v", "error", "-y", "-i", plain, str(tmp_path / "frame_%d.png")]
    subprocess.run(command, check=True)
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / ".hidden.png").write_bytes(b"")
    with open_video(tmp_path) as video:
        given, time_s = pass_of(video)
        assert given == frames  # frame_2 before frame_10
        assert time_s.tolist() == pytest.approx([n / 25 for n in range(12)])
        assert (video.info.num_frames, video.info.frame_rate) == (12, Fraction(25))
        assert any("images have no time" in note for note in video.info.notes)
        assert md5(video.at([11, 0])) == [frames[11], frames[0]]
    (tmp_path / "frame_5.png").write_bytes(b"damaged")
    with open_video(tmp_path) as video:
        batches = list(video.batches(16))
        assert [int(i) for b in batches for i in b.index] == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
        assert any(p.startswith("1 of 12 images cannot be read") for p in video.problems)


def test_a_part_of_a_selection_is_what_both_hold():
    whole = Selection(every=3, start_s=2.0, end_s=8.0)
    assert whole.within(1.0, 9.0) == whole.within(None, None) == whole
    assert whole.within(4.0, 6.0) == Selection(every=3, start_s=4.0, end_s=6.0)
    assert Selection().within(4.0, None) == Selection(start_s=4.0)
    with pytest.raises(SettingsError, match="is empty"):
        whole.within(8.0, None)
