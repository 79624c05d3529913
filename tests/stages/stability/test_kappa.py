"""Kappa of neighbouring labels, from tables small enough to count."""

import pandas as pd
import pytest

from vidrobust.stages.stability.section import of_neighbours


def test_only_usable_neighbours_count():
    # labels 0 0 1 1 | 0 1 with a cut between frames 3 and 4: pairs (0,0) (0,1) (1,1) and (0,1)
    frames = pd.DataFrame({"frame": range(6), "label": [0, 0, 1, 1, 0, 1]})
    frames = frames.assign(item="a", time_s=frames["frame"].astype(float))
    pairs = pd.DataFrame({"frame_a": range(5), "frame_b": range(1, 6)})
    pairs = pairs.assign(item="a", kind="adjacent", excluded="")
    pairs.loc[3, "excluded"] = "scene_cut"
    found = of_neighbours(pairs, frames)
    # agreement 2 of 4; chance (3/4)(1/4) + (1/4)(3/4) = 6/16; kappa (8/16 - 6/16) / (10/16) = 0.2
    assert found.value == pytest.approx(0.2)
    assert (found.n, found.cluster) == (4, "stretch")


def test_passes_of_one_part_are_one_unit():
    """Ten parts in two passes are ten units."""
    passes = [f"part {k % 10}, pass {k // 10}" for k in range(20)]
    rows = [{"item": name, "frame": n, "time_s": n / 25} for name in passes for n in range(4)]
    frames = pd.DataFrame(rows).assign(label=[n % 3 % 2 for n in range(80)])
    rows = [{"item": name, "frame_a": n, "frame_b": n + 1} for name in passes for n in range(3)]
    pairs = pd.DataFrame(rows)
    pairs = pairs.assign(kind="adjacent", excluded="")
    assert of_neighbours(pairs, frames).clusters == 20
    found = of_neighbours(pairs.assign(part=pairs["item"].str.split(",").str[0]), frames)
    assert (found.cluster, found.clusters) == ("part", 10)
