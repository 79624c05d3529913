"""Pairs side by side: in order, with the frames about them, and one thread of linear algebra beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from vidrobust.frame_pairs.transitions import CUTS
from vidrobust.frames.pixels import to_array
from vidrobust.stages.causes.pairs import Pictures, side_by_side
from vidrobust.video.source import open_video


def test_pairs_come_in_order_with_what_is_beside_them_and_single_threaded_algebra(corpus: Path) -> None:
    def shown(pictures: Pictures, name: str) -> tuple[list[int | None], str, set[int]]:
        libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
        sums = [None if picture is None else int(picture.sum(dtype=np.int64)) for picture in pictures]
        return sums, name, {each["num_threads"] for each in libraries}

    transitions = pd.DataFrame({"frame": range(12), "reason": [*[""] * 8, CUTS[0], *[""] * 3]})
    pairs = [(4, 5), (0, 1), (6, 7), (8, 9), (10, 11), (2, 3)]
    with open_video(corpus / "objects/cotracker_cat.mp4") as source:
        sums = [int(to_array(source.at([k]).pixels[0]).sum(dtype=np.int64)) for k in range(12)]
        made = list(side_by_side(source, transitions, pairs, shown, list("abcdef")))
    assert [name for _, name, _ in made] == list("abcdef")
    assert all(threads == {1} for _, _, threads in made)
    beside = [(3, 6), (None, 2), (5, None), (None, 10), (9, None), (1, 4)]
    for (a, b), (before, after), (given, _, _) in zip(pairs, beside, made, strict=True):
        assert given == [None if k is None else sums[k] for k in (before, a, b, after)]
