"""Damage: goes on as ffmpeg does, says what was met (tests/fuzz: and never crashes, hangs or grows)."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.video.conftest import beside, damaged
from vidrobust.errors import InputError
from vidrobust.video.source import open_video

H264 = ("-c:v", "libx264", "-preset", "fast", "-bf", "2", "-g", "12")


def read(path):
    """Frames, corrupt frames, problems."""
    with open_video(path, prefetch=0) as video:
        corrupt = [int(c) for batch in video.batches(8) for c in batch.corrupt]
        return len(corrupt), sum(corrupt), tuple(video.problems)


@pytest.mark.parametrize(
    ("kind", "share"), [("mp4", 0.45), ("mkv", 0.45), ("ts", 0.8), ("avi", 0.8)]
)
def test_a_truncated_video_runs_on_as_long_as_ffmpeg(kind, share, make, framemd5):
    options = ("-movflags", "+faststart") if kind == "mp4" else ()
    whole = make(f"whole.{kind}", *H264, *options)
    data = whole.read_bytes()
    path = beside(whole, f"cut_{share}.{kind}", data[: int(len(data) * share)])
    frames, _, problems = read(path)
    assert frames == len(framemd5(path))
    assert 10 < frames < 90
    if kind in ("mp4", "mkv"):
        assert any(p.startswith("the header promises") for p in problems)


@pytest.mark.parametrize("seed", range(2))
def test_corrupt_packets_are_counted_and_decoding_goes_on(seed, make, framemd5):
    whole = make("damaged_from.ts", *H264)
    size, rng = whole.stat().st_size, np.random.default_rng(seed)
    starts = rng.integers(size // 4, size * 3 // 4, 4)
    path = damaged(whole, f"damaged_{seed}.ts", starts, 400, rng)
    frames, corrupt, problems = read(path)
    assert frames == len(framemd5(path))
    assert corrupt > 0
    said = re.compile(rf"{corrupt} of {frames} frames are damaged, the first is number \d+")
    assert any(map(said.match, problems))


@pytest.mark.parametrize("damage", ["no beginning", 2, 3])
def test_frames_that_the_decoder_of_hevc_flags_are_given_and_marked(damage, make, framemd5):
    x265 = ("-c:v", "libx265", "-x265-params", "log-level=none:keyint=10:bframes=3")
    whole = make("damaged_hevc_from.ts", "-frames:v", "20", "-s", "160x96", *x265)
    data, name = whole.read_bytes(), f"damaged_hevc_{damage}.ts"
    if damage == "no beginning":
        path = beside(whole, name, data[188 * 15 :])
    else:
        rng = np.random.default_rng(damage)
        starts = rng.integers(len(data) // 8, len(data) * 3 // 4, 3)
        path = damaged(whole, name, starts, 200, rng)
    frames, corrupt, problems = read(path)
    assert frames == len(framemd5(path))
    assert 0 < corrupt < frames
    assert any(p.startswith(f"{corrupt} of {frames} frames are damaged") for p in problems)


def test_an_encrypted_video_is_named_so(make):
    key, kid = "76a6c65c5ea762046bd749a2e632ccbb", "a7e61c373e219033c21091fa607bf3b8"
    locked = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", kid)
    path = make("locked.mp4", *H264, *locked)
    with pytest.raises(InputError, match=f"{re.escape(str(path))}: is encrypted"):
        open_video(path)


def bad_inputs(folder):
    """Files that are no videos, and what must be said of them."""
    (folder / "empty.mp4").touch()
    yield folder / "empty.mp4", "is empty (0 bytes)"
    (folder / "text.mp4").write_text("this is no video\n" * 200)
    yield folder / "text.mp4", "cannot be read as video (Invalid data found when processing input)"
    (folder / "art.txt").write_text("\x1b[31mtext that ffmpeg draws\n" * 50)
    yield folder / "art.txt", "cannot be read as video"
    (folder / "frames.yuv").write_bytes(bytes(40_000))
    yield folder / "frames.yuv", "cannot be read as video"
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (folder / "pointer.mp4").write_text(pointer)
    yield folder / "pointer.mp4", "is a Git LFS pointer"
    yield folder / "absent.mp4", "there is no such file"
    yield folder, "holds no image; name a folder of frames, or a video"
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n")
    yield folder / "list.m3u8", "is a playlist that points to other files"
    (folder / "list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    yield folder / "list.mp4", "is a playlist that points to other files"
    os.mkfifo(folder / "pipe.mp4")
    yield folder / "pipe.mp4", "is not a regular file"
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    yield folder / "loop.mp4", "cannot be opened"
    (folder / "frame_%d.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    yield folder / "frame_%d.png", "no frame could be decoded"
    pages = [Image.fromarray(np.full((40, 60, 3), level, np.uint8)) for level in (0, 90, 180)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    yield folder / "pages.tif", "is a TIFF of several pages"
    pages[0].save(folder / "moving.webp", save_all=True, append_images=pages[1:], lossless=True)
    yield folder / "moving.webp", "is an animated WebP"


def test_what_is_no_video_is_one_clear_line(tmp_path):
    for path, message in bad_inputs(tmp_path):
        with pytest.raises(InputError, match=re.escape(message)) as caught:
            open_video(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["one.tif", "one.webp"])
def test_a_single_picture_of_the_same_formats_is_read(name, tmp_path):
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(tmp_path / name)
    assert read(tmp_path / name)[0] == 1


def test_inspect_says_on_standard_error_what_cannot_be_read(tmp_path, printed):
    pointer = tmp_path / "pointer.mp4"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    for more, in_report in (((), "pointer.mp4\n  ! cannot be read"), (("--json",), "Git LFS")):
        said = printed(3, "inspect", pointer, *more)
        assert said.err.count("Git LFS") == 1
        assert in_report in said.out


def test_a_playlist_is_not_followed_whatever_it_looks_like(make, tmp_path):
    """Even where the head does not give it away, the demuxers that open other files are not allowed."""
    target = make("target.ts", *H264)
    dash = f"<?xml version='1.0'?><MPD><Period><BaseURL>{target}</BaseURL></Period></MPD>"
    sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    for name, text in {
        "late.m3u8": f"\n\n \t#EXTM3U\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "list.mpd": dash,
        "stream.sdp": sdp,
        "list.ffconcat": f"# a comment\nffconcat version 1.0\nfile {target}\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=re.escape(str(tmp_path / name))):
            open_video(tmp_path / name)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/a.mp4", "rtsp://127.0.0.1:9/a", "concat:a.ts|b.ts"]
)
def test_addresses_are_not_opened(address):
    with pytest.raises(InputError, match="there is no such file"):
        open_video(address)


def test_a_name_that_begins_with_a_dash(make, tmp_path, monkeypatch):
    (tmp_path / "-i.mp4").write_bytes(make("dash_from.mp4", *H264).read_bytes())
    monkeypatch.chdir(tmp_path)
    assert read(Path("-i.mp4"))[0] == 90


def test_a_file_without_permission(tmp_path, make):
    """As another user, since root may read everything."""
    path = tmp_path / "locked.mp4"
    path.write_bytes(make("dash_from.mp4", *H264).read_bytes())
    path.chmod(0)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)
        with pytest.raises(InputError, match=r"cannot be opened \(Permission denied\)"):
            open_video(path)
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize(
    ("name", "kind"), [("cotracker_cat.mp4", "middle"), ("mdn_flower.mp4", "many")]
)
def test_every_backend_marks_the_same_frames_of_real_footage(name, kind, corpus, tmp_path):
    whole = corpus / "objects" / name
    middle, rng = whole.stat().st_size // 2, np.random.default_rng(0)
    starts = [middle] if kind == "middle" else rng.integers(middle // 2, 3 * middle // 2, 4)
    path = damaged(whole, tmp_path / name, starts, 200, rng)
    found = {}
    for backend in ("pyav", "torchcodec", "decord"):
        with open_video(path, backend=backend, color="fast", device="cpu") as video:
            found[backend] = np.concatenate([batch.corrupt for batch in video.batches(8)])
    assert 0 < found["pyav"].sum() < len(found["pyav"])
    np.testing.assert_array_equal(found["torchcodec"], found["pyav"])
    np.testing.assert_array_equal(found["decord"], found["pyav"])


def test_a_header_that_promises_more_frames_than_the_file_has_bytes_is_not_believed(make):
    """A study would have cut it into millions of segments; decord makes room for each frame and is ended."""
    whole = make("promised.ivf", "-c:v", "libvpx", "-frames:v", "24")
    data = whole.read_bytes()
    path = beside(whole, "promises.ivf", data[:24] + b"\xda\x00\xff\x20" + data[28:])
    frames, corrupt, problems = read(path)
    assert (frames, corrupt) == (24, 0)
    assert any(p.startswith("the header promises 553582810 frames") for p in problems)
    with open_video(path) as video:
        assert video.info.num_frames is None
    for backend in ("decord", "torchcodec"):
        pytest.importorskip(backend)
        with pytest.raises(InputError, match="more than the file has bytes; use --backend pyav"):
            open_video(path, backend=backend, color="fast")
