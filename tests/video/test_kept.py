"""Kept frames are the frames that decoding again would give, and there are never more of them than fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidrobust.frames.batch import FrameBatch
from vidrobust.video.kept import KeptFrames
from vidrobust.video.source import VideoSource, open_video


class Counted:
    """A source that counts the single frames it was asked for."""

    def __init__(self, source: VideoSource) -> None:
        self.source, self.info, self.decoded = source, source.info, 0

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self.source.problems)

    def batches(self, size: int):
        return self.source.batches(size)

    def at(self, indices) -> FrameBatch:
        self.decoded += len(indices)
        return self.source.at(indices)

    def close(self) -> None:
        self.source.close()


@pytest.fixture
def clip(corpus: Path) -> Path:
    return corpus / "factory" / "intel_preview_bolt-multi-size-detection.gif"


def assert_same(one: FrameBatch, other: FrameBatch) -> None:
    assert (one.pixels == other.pixels).all()
    for name in ("time_s", "index", "corrupt", "keyframe"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert one.item == other.item


def test_a_clip_that_fits_is_decoded_once(clip: Path) -> None:
    with open_video(clip, device="cpu") as plain, open_video(clip, device="cpu") as source:
        counted = Counted(source)
        kept = KeptFrames(counted)  # type: ignore[arg-type]
        seen = sum(len(batch) for batch in kept.batches(8))
        assert seen == 37
        kept.keep([3, 5])
        assert_same(kept.at([30, 3, 3, 17]), plain.at([30, 3, 3, 17]))
        assert counted.decoded == 0
        kept.close()


def test_of_a_longer_one_what_is_asked_for_is_kept_up_to_the_bound(clip: Path) -> None:
    with open_video(clip, device="cpu") as plain, open_video(clip, device="cpu") as source:
        counted = Counted(source)
        frame = 3 * source.info.width * source.info.height
        kept = KeptFrames(counted, limit_bytes=5 * frame)  # type: ignore[arg-type]
        for _ in kept.batches(8):
            pass
        kept.keep([20, 4, 9, 11, 30, 25])
        assert counted.decoded == 5
        kept.keep([4, 9])
        assert_same(kept.at([25, 4]), plain.at([25, 4]))
        assert counted.decoded == 5
        assert_same(kept.at([30, 4]), plain.at([30, 4]))  # one of them did not fit
        assert counted.decoded == 7
        kept.close()
