"""Pictures in any order count by themselves, frames of a clip do not."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from vidrobust.plugins.unknown.footage import FrameReadouts, copies, independent, nearness, tiny
from vidrobust.plugins.unknown.inside import Readout
from vidrobust.plugins.unknown.study import FrameEvents, study


def asked(features: np.ndarray, *, still: bool) -> tuple[FrameReadouts, Readout]:
    n = len(features)
    rows = pd.DataFrame(
        {"item": "a", "frame": range(n), "time_s": np.arange(n) / 25, "part": "", "still": still}
    )
    looked = Readout(answer=np.zeros(n, np.int64), surest=np.full(n, 0.5), features=features)
    return FrameReadouts(rows, {"m": looked}), looked


def test_nearness_by_hand() -> None:
    """0 1 2 3: the next one is 1 away; in the order that the seed gives it is so far as that order says."""
    values = np.arange(4.0)[:, None]
    order = np.random.default_rng(0).permutation(4)
    expected = 3 / np.abs(np.diff(values[order, 0])).sum()
    assert nearness(values, np.full(4, "a")) == pytest.approx(expected)
    assert nearness(values[:1], np.full(1, "a")) == 1.0


def test_pictures_in_any_order_are_independent() -> None:
    known, looked = asked(np.random.default_rng(0).standard_normal((100, 8)), still=True)
    items, clusters = independent(known, looked)
    assert clusters.count == 100
    assert len(set(items)) == 100


def test_a_clip_in_a_folder_and_a_video_are_not() -> None:
    walk = np.cumsum(np.random.default_rng(1).standard_normal((100, 8)), axis=0)
    for features, still in (
        (walk, True),
        (np.random.default_rng(0).standard_normal((100, 8)), False),
    ):
        items, clusters = independent(*asked(features, still=still))
        assert clusters.what == "stretch"
        assert set(items) == {"a"}


def pictures(count: int, seed: int) -> torch.Tensor:
    """(count, 3, 96, 128) uint8, each another."""
    drawn = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 8, 10, generator=drawn)
    smooth = torch.nn.functional.interpolate(coarse, size=(96, 128), mode="bilinear")
    return (255 * smooth).to(torch.uint8)


def test_copies_by_hand() -> None:
    """A chain of steps of 8 is one picture; a step of 9 is another."""
    small = np.array([[0, 0], [100, 0], [8, 0], [109, 0], [16, 8]], np.uint8)
    assert copies(small).tolist() == [0, 1, 0, 2, 0]
    assert copies(np.zeros((0, 4), np.uint8)).tolist() == []


def test_a_picture_saved_again_is_a_copy_and_one_with_another_part_is_not() -> None:
    few = pictures(6, 0)
    ok, coded = cv2.imencode(
        ".jpg", few[2].permute(1, 2, 0).numpy()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60]
    )
    assert ok
    again = torch.from_numpy(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1].copy()).permute(
        2, 0, 1
    )
    other = few[3].clone()
    other[:, 40:60, 50:70] = 255 - other[:, 40:60, 50:70]
    small = tiny(torch.cat([few, again[None], other[None]]))
    assert copies(small).tolist() == [0, 1, 2, 3, 4, 5, 2, 6]
    half = torch.nn.functional.interpolate(few[:1].float(), size=(48, 64), mode="area").to(
        torch.uint8
    )
    assert copies(np.concatenate([tiny(few[:1]), tiny(half)])).tolist() == [0, 0]


def test_doubled_pictures_make_no_rarer_false_alarms() -> None:
    """Known pictures, each twelve times in shuffled order, and others of their kind."""
    allowed, share = 0.1, {}
    rng = np.random.default_rng(0)
    for small in (True, False):
        alarms = []
        for seed in range(6):
            every = rng.standard_normal((150, 6)).astype(np.float32)
            order = np.random.default_rng(seed).permutation(np.repeat(np.arange(50), 12))
            known, _ = asked(
                every[order] + 1e-3 * rng.standard_normal((600, 6)).astype(np.float32), still=True
            )
            if small:
                known = FrameReadouts(known.rows, known.looked, tiny(pictures(50, seed))[order])
            other, _ = asked(every[50:], still=True)
            events = FrameEvents(np.full(100, 0.5), {})
            (found,) = (
                s
                for s in study(known, other, "m", {}, events, allowed)
                if s.score.name == "neighbours"
            )
            assert found.outside is not None
            alarms.append(found.outside.share.value)
        share[small] = float(np.mean(alarms))
    assert share[True] < 1.6 * allowed
    assert share[False] > 0.5
