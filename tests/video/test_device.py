"""Frames on a stand-in device: what is copied, and that nothing else changes; and decoders that fail there."""

import numpy as np
import pytest
import torch

from vidrobust.frame_pairs.transitions import FrameTransitions, PairWatcher
from vidrobust.frames.batch import DecodedHash
from vidrobust.video.choice import Route, choose
from vidrobust.video.kept import KeptFrames
from vidrobust.video.marked import IndexedReader
from vidrobust.video.pyav import PyAVReader
from vidrobust.video.selection import Selection
from vidrobust.video.source import open_video
from vidrobust.video.stream import FrameStream

from ..stand_in import stand_in

FRAMES, BATCH = 20, 8


class FalseDecoder:
    """A GPU's decoder by name: frames decoded on the CPU, laid on ``device``; the first ``count`` of them."""

    from_first = True

    def __init__(self, path, device, count):
        with open_video(path, device="cpu") as video:
            batch = next(iter(video.batches(count)))
        rows = batch.pixels.permute(0, 2, 3, 1)
        self._pictures = [picture.to(device) for picture in rows]
        self._times = batch.time_s.tolist()

    def __len__(self):
        return len(self._pictures)

    def read(self, start, stop):
        yield from zip(self._pictures[start:stop], self._times[start:stop], strict=True)


def read_by(path, device, count):
    decoder = FalseDecoder(path, device, count)
    return IndexedReader(path, path.stem, "nvdec", "cuda:0", lambda *threads: decoder)


@pytest.fixture(scope="module")
def clip(public_clips):
    return public_clips / "cups.mp4"


@pytest.fixture(scope="module")
def frames(clip):
    with open_video(clip, device="cpu") as video:
        return sum(len(batch) for batch in video.batches(16))


def watched(video):
    """What the stage ``transitions`` makes of every frame, and a pair that is asked for later."""
    watcher, decoded = PairWatcher(), DecodedHash()
    kept = KeptFrames(video)
    parts = []
    for batch in kept.batches(BATCH):
        parts.append(watcher.feed(batch))
        decoded.feed(batch)
    return FrameTransitions.joined(parts), decoded.hexdigest(), kept.at([3, 4]).pictures


def same(one, other):
    names = ("reason", "pixel_change", "shift", "keyframe", "pts", "content")
    pairs = [(getattr(one, name), getattr(other, name)) for name in names]
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def frame_bytes(video):
    return 3 * video.info.width * video.info.height


def test_uploaded_frames_go_up_once_and_never_down(clip, frames):
    with open_video(clip, device="cpu") as video:
        expected = watched(video)
    with stand_in() as copies, open_video(clip, backend="pyav", device="cuda:0") as video:
        assert "batches are copied to cuda:0" in video.info.reason
        made = watched(video)
        size = frame_bytes(video)
    assert same(made[0], expected[0])
    assert made[1] == expected[1]
    assert np.array_equal(made[2], expected[2])
    ups = copies.of("up")
    assert sum(copy.bytes for copy in ups) == frames * size
    assert not any(copy.waits for copy in ups)
    assert copies.of("down") == []


def test_frames_of_a_device_come_down_once(clip, frames):
    """All of them for hashes, thumbnails and pairs together, without waiting for other work."""
    with open_video(clip, device="cpu") as video:
        expected = watched(video)
    with stand_in() as copies:
        reader = read_by(clip, "cuda:0", frames)
        copies.made.clear()
        with FrameStream(reader, Selection(), prefetch=2) as video:
            made = watched(video)
            size = frame_bytes(video)
    # a decoder by number knows the times of frames, not their stamps
    assert list(made[0].reason) == list(expected[0].reason)
    assert np.array_equal(made[0].pixel_change, expected[0].pixel_change, equal_nan=True)
    assert list(made[0].content) == list(expected[0].content)
    assert made[1] == expected[1]
    assert np.array_equal(made[2], expected[2])
    downs = copies.of("down")
    assert sum(copy.bytes for copy in downs) == frames * size
    assert not any(copy.waits for copy in downs)
    assert {copy.place.partition(":")[0] for copy in downs} == {"frames/batch.py"}
    assert copies.of("up") == []


def tried(reader, clip):
    """Why a reader is passed over; "" where it is taken."""
    on_device = Route(name="nvdec", decodes_on="cuda:0", delivers_on="cuda:0", open=lambda: reader)

    def by_pyav():
        return PyAVReader(clip, item="x", color="fast")

    plain = Route(name="pyav", decodes_on="cpu", delivers_on="cuda:0", open=by_pyav)
    chosen = choose([on_device, plain])
    return "" if chosen.reader is reader else chosen.reader.info.reason.partition("; ")[2]


def test_what_a_false_decoder_gives_is_looked_at(clip, frames):
    with stand_in():
        assert tried(read_by(clip, "cuda:0", frames), clip) == ""
        assert tried(read_by(clip, "cuda:1", frames), clip).endswith("its pictures lie on cuda:1)")
        assert tried(read_by(clip, "cpu", frames), clip).endswith("its pictures lie on cpu)")
        short = tried(read_by(clip, "cuda:0", frames - 2), clip)
    assert f"nvdec gives {frames - 2} frames, the file holds {frames} packets" in short


def test_tensors_of_two_devices_are_not_mixed():
    with stand_in() as copies:
        one, two = torch.zeros(3), torch.zeros(3, device="cuda:0")
        with pytest.raises(RuntimeError, match="expected all tensors to be on the same device"):
            one + two
        with pytest.raises(RuntimeError, match="cuda:0 and cuda:1"):
            two.add_(torch.zeros(3, device="cuda:1"))
        with pytest.raises(TypeError, match="copy it to the CPU first"):
            two.numpy()
        assert copies.made == []
        assert float((two + 2).sum()) == 6
        assert [copy.bytes for copy in copies.of("down")] == [4]
