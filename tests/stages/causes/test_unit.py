"""Pairs are replayed side by side: their frames, as many as there is memory for, and how far they are reduced."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_info

from vidrobust.frame_pairs.transitions import CUTS
from vidrobust.frames.pixels import to_array
from vidrobust.models.preprocess import Preprocess
from vidrobust.stages.causes.unit import abreast, factor_of, side_by_side
from vidrobust.video.source import open_video


def test_pairs_come_in_order_with_what_is_beside_them_and_single_threaded_algebra(corpus):
    def shown(pictures, name):
        libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
        sums = [None if each is None else int(each.sum(dtype=np.int64)) for each in pictures]
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


def test_as_many_pairs_are_held_as_there_is_memory_for(monkeypatch):
    """512 MiB; of 60 pictures a pair takes 41 MB at 640x360, 373 MB at 1080p, there 187 MB if reduced by 3."""
    monkeypatch.setattr("torch.get_num_threads", lambda: 4)
    asked = [(640, 360, 1), (1280, 720, 1), (1920, 1080, 1), (1920, 1080, 3), (3840, 2160, 1)]
    held = [abreast(SimpleNamespace(width=w, height=h), factor) for w, h, factor in asked]
    assert held == [8, 3, 1, 2, 1]


def test_pairs_are_reduced_for_what_is_known_to_average_alone():
    def factor(height, size=224, **more):
        preprocess = Preprocess(size=size, crop=0.875, mean=(0.0,) * 3, std=(1.0,) * 3, **more)
        model = SimpleNamespace(network=SimpleNamespace(preprocess=preprocess))
        info = SimpleNamespace(height=height, width=height * 16 // 9)
        return factor_of(model, info)

    # 360, 720, 1080 and 2160 lines through 256: 1.41, 2.81, 4.22 and 8.44 over a margin of 1.4
    assert [factor(height) for height in (360, 720, 1080, 2160)] == [1, 2, 3, 6]
    # 360 lines are left
    assert [factor(height, size=112) for height in (360, 720, 1080)] == [1, 2, 3]
    assert factor(1080, interpolation="nearest") == 1
    one = SimpleNamespace(height=1080, width=1920)
    any_callable = SimpleNamespace()
    assert factor_of(any_callable, one) == 1
