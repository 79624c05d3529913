"""Kept frames are the frames that decoding again would give, and there are never more of them than fit."""

import numpy as np
import pytest

from vidrobust.video.kept import KeptFrames
from vidrobust.video.source import open_video


class Counted:
    """A source that counts the single frames it was asked for."""

    def __init__(self, source):
        self.source, self.info, self.decoded = source, source.info, 0

    @property
    def problems(self):
        return tuple(self.source.problems)

    def batches(self, size):
        return self.source.batches(size)

    def at(self, indices):
        self.decoded += len(indices)
        return self.source.at(indices)

    def close(self):
        self.source.close()


@pytest.fixture
def clip(corpus):
    return corpus / "factory" / "intel_preview_bolt-multi-size-detection.gif"


def assert_same(one, other):
    assert (one.pixels == other.pixels).all()
    for name in ("time_s", "index", "corrupt", "keyframe"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert one.item == other.item


def test_a_clip_that_fits_is_decoded_once(clip):
    with open_video(clip, device="cpu") as plain, open_video(clip, device="cpu") as source:
        counted = Counted(source)
        kept = KeptFrames(counted)
        seen = sum(len(batch) for batch in kept.batches(8))
        assert seen == 37
        kept.keep([3, 5])
        assert_same(kept.at([30, 3, 3, 17]), plain.at([30, 3, 3, 17]))
        assert counted.decoded == 0
        kept.close()


def kept_of(counted, frames, block, monkeypatch):
    size = 3 * counted.info.width * counted.info.height
    monkeypatch.setattr("vidrobust.video.kept.PASS_BYTES", block * size)
    return KeptFrames(counted, limit_bytes=frames * size)


def test_of_a_longer_one_what_fits_is_kept(clip, monkeypatch):
    with open_video(clip, device="cpu") as plain, open_video(clip, device="cpu") as source:
        counted = Counted(source)
        kept = kept_of(counted, 5, 2, monkeypatch)
        for _ in kept.batches(8):
            pass
        kept.keep([20, 4, 9], later=[30, 11])
        assert counted.decoded == 5
        kept.keep([4, 9])
        assert_same(kept.at([30, 4]), plain.at([30, 4]))
        assert counted.decoded == 5
        assert_same(kept.at([25, 4]), plain.at([25, 4]))  # one of them was not named
        assert counted.decoded == 7
        kept.close()


def test_what_does_not_fit_is_decoded_ahead_once_and_in_order(clip, monkeypatch):
    pairs = [[n - 1, n, n + 1, n + 2] for n in range(1, 33, 2)]
    with open_video(clip, device="cpu") as plain, open_video(clip, device="cpu") as source:
        counted = Counted(source)
        kept = kept_of(counted, 12, 5, monkeypatch)
        kept.keep([frame for pair in pairs for frame in pair], later=range(37))
        assert counted.decoded == 0
        for pair in pairs:
            assert_same(kept.at(pair), plain.at(pair))
            assert len(kept._kept) <= 12
        assert counted.decoded == len({frame for pair in pairs for frame in pair})
        assert_same(kept.at([36, 0]), plain.at([36, 0]))  # too far apart to be decoded ahead
        assert_same(kept.at([2, 3]), plain.at([2, 3]))  # and back to the start
        kept.close()
