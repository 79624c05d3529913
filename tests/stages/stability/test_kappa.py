"""Kappa of neighbouring labels, from tables small enough to count."""

from __future__ import annotations

import pandas as pd
import pytest

from vidrobust.stages.stability.kappa import of_neighbours


def test_only_usable_neighbours_count() -> None:
    # labels 0 0 1 1 | 0 1 with a cut between frames 3 and 4: pairs (0,0) (0,1) (1,1) and (0,1)
    frames = pd.DataFrame(
        {"item": "a", "frame": range(6), "time_s": [float(k) for k in range(6)], "label": [0, 0, 1, 1, 0, 1]}
    )
    pairs = pd.DataFrame(
        {"item": "a", "frame_a": range(5), "frame_b": range(1, 6), "kind": "adjacent", "excluded": ""}
    )
    pairs.loc[3, "excluded"] = "scene_cut"
    found = of_neighbours(pairs, frames)
    # agreement 2 of 4; chance (3/4)(1/4) + (1/4)(3/4) = 6/16; kappa (8/16 - 6/16) / (10/16) = 0.2
    assert found.value == pytest.approx(0.2)
    assert (found.n, found.cluster) == (4, "stretch")
