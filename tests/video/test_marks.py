"""Damage is said, marked and the same in every run, for codecs that conceal it and for those that tell."""

import re
import struct
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest

from tests.skips import need
from tests.video.conftest import beside, damaged
from vidrobust.plugins.tools.inspect import inspect_paths
from vidrobust.video.source import open_video

SMALL = ("-frames:v", "40", "-s", "160x120")
FAST = ("-deadline", "realtime", "-cpu-used", "8")
FILES = {
    "mjpeg.avi": ("-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"),
    "mjpeg.mkv": ("-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"),
    "ffv1_3.mkv": ("-c:v", "ffv1", "-level", "3", "-g", "1"),
    "ffv1_1.mkv": ("-c:v", "ffv1", "-level", "1", "-g", "12"),
    "vp8.webm": ("-c:v", "libvpx", "-b:v", "300k", "-g", "12"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-b:v", "200k", "-g", "12", *FAST),
    "h264.mp4": ("-c:v", "libx264", "-g", "12", "-bf", "2"),
    "h264.ts": ("-c:v", "libx264", "-g", "12", "-bf", "2"),
    "h264_open.mkv": ("-c:v", "libx264", "-g", "12", "-bf", "2", "-x264-params", "open-gop=1"),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=12:bframes=2"),
    "hevc.ts": ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=12:bframes=2"),
    "mpeg4.mp4": ("-c:v", "mpeg4", "-g", "12", "-bf", "1"),
    "mpeg4.avi": ("-c:v", "mpeg4", "-g", "12", "-bf", "1"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-g", "12", "-bf", "2"),
    "gif.gif": (),
}
BOXES = (b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"stss", b"elst", b"avcC", b"hvcC")
PACKET = 188
SEED = 20


def mutants(name, data, rng):
    """Bit flips, zeros, missing packets and in every second file a missing end; two damaged boxes of MP4."""
    size = len(data)
    copy = bytearray(data)
    for place in rng.integers(size // 6, size * 9 // 10, int(rng.choice([1, 8]))):
        copy[place] ^= 1 << int(rng.integers(8))
    yield bytes(copy)
    start = int(rng.integers(size // 6, size * 8 // 10)) // PACKET * PACKET
    yield data[:start] + rng.bytes(60) + data[start + 60 :]
    yield data[:start] + data[start + 4 * PACKET :]
    if rng.random() < 0.5:
        yield data[: int(size * rng.uniform(0.3, 0.9))]
    for box in rng.permutation(BOXES)[:2] if name.endswith(".mp4") else ():
        if (place := data.find(bytes(box))) > 0:
            length = struct.unpack(">I", data[place - 4 : place])[0]
            copy = bytearray(data)
            copy[place + int(rng.integers(4, max(length - 4, 5)))] ^= 1 << int(rng.integers(8))
            yield bytes(copy)


@dataclass
class Found:
    """One mutant: what comes out here, of the program, of that on one thread; and what is said here and there."""

    file: str
    here: list[str]
    inspected: int
    marked: list[bool]
    program: list[str]
    alone: list[str]
    complaints: int
    problems: list[str]
    differs: list[str]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(4, id="every fourth"),
        pytest.param(1, id="all", marks=pytest.mark.nightly),
    ],
)
def step(request):
    """Of so many mutants one is looked at; every file has at least three."""
    return int(request.param)


@pytest.fixture(scope="module")
def found(step, make, framemd5, ffmpeg):
    """Each step-th mutant of the files, inspected twice."""
    rng = np.random.default_rng(SEED)
    paths = []
    for name, options in FILES.items():
        whole = make(f"second_{name}", *SMALL, *options)
        for number, data in enumerate(mutants(name, whole.read_bytes(), rng)):
            paths.append(beside(whole, f"mutant_{number}_{name}", data))
    return [looked_at(path, framemd5, ffmpeg) for path in paths[::step]]


def looked_at(path, framemd5, ffmpeg):
    first, again = (inspect_paths([str(path)], frame_md5=True)[0] for _ in range(2))
    check = [ffmpeg, "-v", "error", "-nostdin", "-i", str(path), "-an", "-f", "null", "-"]
    said = subprocess.run(check, capture_output=True, timeout=60, check=False).stderr
    marked = marks(path) if first["frames"] else []
    return Found(
        file=path.name,
        here=first["frame_md5"] or [],
        inspected=first["corrupt_frames"],
        marked=marked,
        program=framemd5(path),
        alone=framemd5(path, threads=1),
        complaints=len(said.splitlines()),
        problems=first["problems"],
        differs=unlike(first, again, marked),
    )


def unlike(first, again, marked):
    """What two reports of a file differ in, but for pictures that are marked.

    FFV1 of version 1 leaves the rest of a picture whose data ends too early as the memory was, which depends on
    when other threads gave frames back.
    """
    both = [zip(each.pop("frame_md5") or [], marked, strict=False) for each in (first, again)]
    one, other = ([md5 for md5, bad in of if not bad] for of in both)
    return [name for name in first if first[name] != again[name]] + ["pictures"] * (one != other)


def marks(path):
    with open_video(path, prefetch=0, device="cpu") as video:
        return [bool(c) for batch in video.batches(8) for c in batch.corrupt]


def test_what_differs_from_the_program_or_makes_it_complain_is_said(step, found):
    assert len(found) >= 45 // step
    # so that the test has something to find
    assert sum(each.complaints > 0 for each in found) >= 25 // step
    unsaid = [f.file for f in found if not f.problems and (f.here != f.alone or f.complaints)]
    assert not unsaid


def test_as_many_frames_as_the_program(found):
    other = {f.file: (len(f.here), len(f.program)) for f in found if len(f.here) != len(f.program)}
    assert not other


def test_every_frame_that_differs_from_the_program_is_marked(step, found):
    """On one thread; on several, too, unless its decoder differs there without a word: HEVC and VP8."""
    checked = 0
    for each in found:
        programs = [each.alone]
        if not each.file.endswith(".webm") and "hevc" not in each.file:
            programs.append(each.program)
        for program in programs:
            if len(each.here) == len(program) == len(each.marked):
                rows = zip(each.here, program, each.marked, strict=True)
                unlike = [n for n, (a, b, marked) in enumerate(rows) if a != b and not marked]
                assert unlike == [], each.file
                checked += each.here != program
    assert checked >= 5 // step


def test_a_study_marks_as_many_frames_as_inspect(step, found):
    assert [f.file for f in found if sum(f.marked) != f.inspected] == []
    assert sum(each.inspected > 0 for each in found) >= 25 // step


def test_inspecting_again_says_the_same(found):
    assert {each.file: each.differs for each in found if each.differs} == {}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_sound_file_is_not_suspected(name, make):
    (entry,) = inspect_paths([str(make(f"second_{name}", *SMALL, *FILES[name]))])
    assert (entry["frames"], entry["corrupt_frames"], entry["problems"]) == (40, 0, [])


HEVC = "log-level=none:keyint=12:bframes=2"
CHECKED = {
    "checked_hevc.mkv": ("-c:v", "libx265", "-x265-params", HEVC),
    "checked_h264.mkv": ("-c:v", "libx264", "-g", "12"),
    "checked_md5.mp4": ("-c:v", "libx265", "-x265-params", f"{HEVC}:hash=1"),
}


def flips(whole, *, seed, first, count, bit):
    """Copies of a file with one bit flipped, not before this share of it, and what is said of each."""
    data = whole.read_bytes()
    ends = (int(len(data) * first), len(data) * 9 // 10)
    for place in np.random.default_rng(seed).integers(*ends, count):
        copy = bytearray(data)
        copy[place] ^= bit
        path = beside(whole, f"flipped_{whole.name}", copy)
        yield path, inspect_paths([str(path)], frame_md5=True)[0]


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_checksums_of_the_file_name_what_no_decoder_notices(name, make, framemd5):
    """One flipped bit: every picture that it changes is marked. CRC-32 of clusters; MD5 of HEVC's pictures."""
    whole = make(name, *SMALL, *CHECKED[name])
    sound = framemd5(whole)
    assert marks(whole) == [False] * 40
    changed = 0
    for path, entry in flips(whole, seed=8, first=1 / 3, count=6, bit=4):
        if len(entry["frame_md5"]) == len(sound):
            rows = zip(entry["frame_md5"], sound, marks(path), strict=True)
            assert [n for n, (a, b, marked) in enumerate(rows) if a != b and not marked] == []
        assert entry["problems"] or entry["frame_md5"] == sound
        changed += entry["frame_md5"] != sound
    assert changed >= 4


@pytest.mark.parametrize("name", ["vp8.webm", "vp9.webm"])
def test_pictures_of_vp8_and_vp9_that_libvpx_does_not_decode_so(name, make, framemd5):
    """FFmpeg says nothing of nine in ten flipped bits; the first picture that one changes is marked."""
    whole = make(f"second_{name}", *SMALL, *FILES[name])
    sound = framemd5(whole)
    changed = unmarked = 0
    for _, entry in flips(whole, seed=4, first=1 / 4, count=12, bit=16):
        if entry["frame_md5"] != sound and len(entry["frame_md5"]) == len(sound):
            changed += 1
            unmarked += not entry["corrupt_frames"]
    assert changed >= 8
    assert unmarked <= changed // 3


def test_a_picture_of_motion_jpeg_that_libjpeg_finds_corrupt(make):
    """FFmpeg 8 says nothing of 300 bytes of a scan that became zeros."""
    whole = make("second_mjpeg.avi", *SMALL, *FILES["mjpeg.avi"])
    data = whole.read_bytes()
    end = data.find(b"\xff\xd9", len(data) // 2)
    assert sum(marks(damaged(whole, "zeros.avi", [end - 300], 300))) == 1


def test_the_frames_before_a_damaged_one_that_lean_on_it_are_marked(make):
    """Two frames between are shown before the one that both lean on, and are decoded after it."""
    whole = make("second_h264.mp4", *SMALL, *FILES["h264.mp4"])
    with open_video(whole, prefetch=0) as video:
        sound = [b.pixels.numpy().tobytes() for b in video.batches(1)]
    size, rng = whole.stat().st_size, np.random.default_rng(3)
    checked = 0
    for _ in range(12):
        place = int(rng.integers(size // 6, size * 9 // 10))
        path = damaged(whole, "leaning.mp4", [place], 40, rng)
        with open_video(path, prefetch=0) as video:
            rows = [(b.pixels.numpy().tobytes(), bool(b.corrupt[0])) for b in video.batches(1)]
        if len(rows) == len(sound) and any(marked for _, marked in rows):
            both = enumerate(zip(rows, sound, strict=True))
            assert [n for n, (a, b) in both if a[0] != b and not a[1]] == []
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize(("name", "least"), [("mpeg4.mp4", 31), ("hevc.mp4", 10)])
def test_an_empty_packet_does_not_end_the_video(name, least, make, framemd5):
    """The tenth entry of stsz, the sizes of packets, is 0."""
    whole = make(f"second_{name}", *SMALL, *FILES[name])
    data = bytearray(whole.read_bytes())
    entry = data.find(b"stsz") + 16 + 4 * 10
    data[entry : entry + 4] = bytes(4)
    path = beside(whole, f"empty_packet_{name}", data)
    (seen,) = inspect_paths([str(path)], frame_md5=True)
    assert seen["frame_md5"] == framemd5(path, threads=1)
    assert seen["frames"] >= least
    assert "1 packets hold no data" in seen["problems"]


@pytest.mark.parametrize("rate", [25, 600])
@pytest.mark.parametrize("cut", [False, True])
def test_gaps_of_time_in_avi_are_no_missing_frames(rate, cut, make):
    """The header of AVI counts ticks, also those without a packet; a file that is cut off is still short."""
    gaps = f"settb=1/{rate},setpts=PTS+gte(N\\,15)*5*{rate}/25+gte(N\\,25)*3*{rate}/25"
    mpeg4 = ("-c:v", "mpeg4", "-enc_time_base", f"1:{rate}")
    path = make(f"gaps_{rate}.avi", *SMALL, "-vf", gaps, "-fps_mode", "vfr", *mpeg4)
    if cut:
        data = path.read_bytes()
        path = beside(path, f"cut_gaps_{rate}.avi", data[: data.find(b"idx1") * 2 // 3])
    (seen,) = inspect_paths([str(path)])
    assert (seen["frames"] == 40) is not cut
    assert any(what.startswith("the header promises") for what in seen["problems"]) is cut


def test_time_that_does_not_advance_is_said_in_a_study(make):
    """The composition offset of one frame of MP4 is that of another: ffmpeg complains of its time stamp."""
    whole = make("second_h264.mp4", *SMALL, *FILES["h264.mp4"])
    data = bytearray(whole.read_bytes())
    place = data.find(b"ctts") + 12
    offsets = [int.from_bytes(data[at + 4 : at + 8]) for at in range(place, place + 8 * 12, 8)]
    at = place + 8 * offsets.index(min(offsets), 1)
    data[at + 4 : at + 8] = (min(offsets) + 512).to_bytes(4)
    path = beside(whole, "stalled.mp4", data)
    with open_video(path, device="cpu") as video:
        times = np.concatenate([batch.time_s for batch in video.batches(8)])
        said = [what for what in video.problems if what.startswith("time does not advance")]
    late = np.flatnonzero(np.diff(times) <= 0)
    assert len(late) >= 1
    assert [re.findall(r"\d+", what) for what in said] == [[str(len(late)), str(late[0])]]


@pytest.mark.nightly
def test_six_decodes_of_a_damaged_file_are_the_same(make):
    """Marks and pictures; on several threads those of HEVC and MPEG-4 differ from run to run."""
    rng = np.random.default_rng(5)
    marked = 0
    for name in ("hevc.mp4", "mpeg4.avi", "vp8.webm", "mpeg2.mpg"):
        whole = make(f"second_{name}", *SMALL, *FILES[name])
        size = whole.stat().st_size
        for _ in range(3):
            place = int(rng.integers(size // 6, size * 9 // 10))
            path = damaged(whole, f"again_{name}", [place], 30, rng)
            runs = []
            for _ in range(6):
                with open_video(path, device="cpu") as video:
                    batches = video.batches(1)
                    rows = [(b.pixels.numpy().tobytes(), bool(b.corrupt[0])) for b in batches]
                    runs.append((rows, tuple(video.problems)))
            assert all(run == runs[0] for run in runs)
            marked += any(mark for _, mark in runs[0][0])
    assert marked >= 6


STRESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from vidrobust.video.source import open_video

def start_and_end(number):
    with open_video(sys.argv[1], device="cpu", prefetch=number % 3) as video:
        for read, batch in enumerate(video.batches(2)):
            if read == number % 20:
                break

with ThreadPoolExecutor(4) as threads:
    print(len(list(threads.map(start_and_end, range(int(sys.argv[2]))))))
"""


@pytest.mark.parametrize("passes", [12, pytest.param(200, marks=pytest.mark.nightly)])
def test_passes_over_a_damaged_file_start_and_end(passes, make):
    """A decoder of several threads, closed while they wait for Python with a message, never ended."""
    whole = make("second_mpeg4.avi", *SMALL, *FILES["mpeg4.avi"])
    size = whole.stat().st_size
    path = damaged(whole, "stressed.avi", range(size // 6, size * 9 // 10, 400), 12)
    assert sum(marks(path)) > 20
    command = [sys.executable, "-c", STRESS, path, str(passes)]
    done = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert int(done.stdout or 0) == passes, done.stderr.decode()[-2000:]


@pytest.mark.parametrize("name", ["h264.mp4", "hevc.mp4", "vp9.webm"])
def test_torchcodec_marks_the_frames_that_pyav_marks(name, make):
    need(find_spec("torchcodec"), "torchcodec is not installed")
    whole = make(f"second_{name}", *SMALL, *FILES[name])
    size, rng = whole.stat().st_size, np.random.default_rng(1)
    marked, lost = 0, True
    while lost or not 0 < marked < 40:  # torchcodec stops at a packet that cannot be decoded
        start = int(rng.integers(size // 8, size // 3))
        path = damaged(whole, f"routes_{name}", [start], 4, rng)
        (seen,) = inspect_paths([str(path)])
        marked = seen["corrupt_frames"]
        lost = any("could not be decoded" in what for what in seen["problems"])
    rows = {}
    for backend in ("pyav", "torchcodec"):
        with open_video(path, device="cpu", backend=backend, color="fast") as video:
            rows[backend] = {
                round(float(time_s), 3): bool(corrupt)
                for b in video.batches(8)
                for time_s, corrupt in zip(b.time_s, b.corrupt, strict=True)
            }
            assert any("frames are damaged" in what for what in video.problems)
    assert any(rows["pyav"].values())
    common = rows["pyav"].keys() & rows["torchcodec"].keys()
    assert len(common) >= 25
    assert {t: rows["torchcodec"][t] for t in common} == {t: rows["pyav"][t] for t in common}
