"""Pictures in any order count by themselves, frames of a clip do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from vidrobust.models.inside.looked import Looked
from vidrobust.stages.unknown.asked import Asked
from vidrobust.stages.unknown.stills import independent, nearness


def asked(features: np.ndarray, *, still: bool) -> tuple[Asked, Looked]:
    n = len(features)
    rows = pd.DataFrame(
        {"item": "a", "frame": range(n), "time_s": np.arange(n) / 25, "part": "", "still": still}
    )
    looked = Looked(answer=np.zeros(n, np.int64), surest=np.full(n, 0.5), features=features)
    return Asked(rows, {"m": looked}), looked


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
    for features, still in ((walk, True), (np.random.default_rng(0).standard_normal((100, 8)), False)):
        items, clusters = independent(*asked(features, still=still))
        assert clusters.what == "stretch"
        assert set(items) == {"a"}
