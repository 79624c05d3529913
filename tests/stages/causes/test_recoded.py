"""Footage coded once more, and the quantizer of a stream."""

import math

import numpy as np
import pytest

from tests.frame_pairs.planted import recorded, still, view
from tests.made_frames import film
from vidrobust.stages.causes.recoded import HARDER, quantizer_of, recoded


@pytest.fixture(scope="module")
def frames(corpus):
    scene = still(corpus)
    return recorded([view(scene, shift=(s, 0)) for s in range(10)], 2.0, 0)


@pytest.mark.parametrize("quantizer", [20, 33])
def test_h264_tells_its_quantizer(tmp_path, frames, quantizer):
    path = film(tmp_path / "x.mp4", frames, "libx264", qp=str(quantizer), bf="0")
    assert quantizer_of(path, lambda: frames) == pytest.approx(quantizer, abs=1)


def test_mpeg4_tells_its_own_scale(tmp_path, frames):
    path = film(tmp_path / "x.mp4", frames, "mpeg4", qmin="8", qmax="8")
    # a quantizer of 8 is three doublings above that of 1, which is H.264's 12
    assert quantizer_of(path, lambda: frames) == pytest.approx(12 + 6 * 3, abs=1)


def test_of_another_codec_it_is_that_with_the_bits_of_the_stream(tmp_path, frames):
    found = []
    for crf in ("15", "50"):
        path = film(tmp_path / f"{crf}.webm", frames, "libvpx-vp9", crf=crf, **{"b:v": "0"})
        found.append(quantizer_of(path, lambda: frames))
    assert 14 < found[0] < found[1] <= 46


def test_what_is_no_video_tells_nothing(tmp_path, frames):
    path = tmp_path / "x.mp4"
    path.write_bytes(b"no video")
    assert math.isnan(quantizer_of(path, lambda: frames))
    assert math.isnan(quantizer_of(tmp_path / "absent.mp4", lambda: frames))


def test_coding_once_more_makes_an_error_that_grows_with_the_quantizer(frames):
    odd = [np.ascontiguousarray(x[:-1, :-3]) for x in frames]
    errors = []
    for quantizer in (20.0, 26.0):
        pictures = recoded(odd, quantizer)
        assert {x.shape for x in pictures} == {odd[0].shape}
        errors += [np.square(x.astype(float) - odd[-1]).mean() for x in pictures[1::2]]
    finer, coarser, finer_6_on, coarser_6_on = errors
    assert 0.5 < finer < coarser < coarser_6_on
    assert HARDER[1] - HARDER[0] == 6
    assert finer_6_on == coarser  # the same quantizer
