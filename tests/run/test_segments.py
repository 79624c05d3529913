"""A long item in segments: the same frames and pairs but for those across a border, and parts of its own each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.run.conftest import NETS, run
from vidrobust.run.folder import RunFolder

CLIP = "objects/mdn_flower.mp4"
ASKED = ("--perturbation=brightness", "--frames=2", "--pairs=3", "--quiet", "--start-s=1", "--end-s=5")


def studied(corpus: Path, models: Path, out: Path, *more: str) -> RunFolder:
    code = run(
        "causes", str(corpus / CLIP), f"--model=onnx:{models / NETS[0]}", f"--out={out}", *ASKED, *more
    )
    assert code == 0
    assert run("stability", str(out), "--quiet") == 0
    return RunFolder(out)


def test_segments_say_what_the_whole_says(corpus: Path, models: Path, tmp_path: Path) -> None:
    whole = studied(corpus, models, tmp_path / "whole")
    cut = studied(corpus, models, tmp_path / "cut", "--segment-s=2")
    (one,), (other,) = (folder.run["inputs"] for folder in (whole, cut))
    assert other["frames"] == one["frames"] > 60
    assert other["end_s"] == one["end_s"]
    frames = [folder.table("frames") for folder in (whole, cut)]
    assert frames[0]["frame"].tolist() == frames[1]["frame"].tolist()
    assert np.allclose(frames[0]["probability"], frames[1]["probability"], atol=1e-5)
    keys = ["kind", "frame_a", "frame_b"]
    pairs = [folder.table("pairs").set_index(keys).sort_index() for folder in (whole, cut)]
    lost = pairs[0].index.difference(pairs[1].index)
    # from 1 to 5 s: cut at 3 s
    starts = {path.stem for path in (tmp_path / "cut" / "parts" / "links").glob("*.parquet")}
    borders = len(starts) - 1
    assert borders == 1
    near = pd.DataFrame(index=lost).reset_index()
    assert (near["kind"] == "adjacent").sum() == borders
    assert pairs[1].index.difference(pairs[0].index).get_level_values("kind").isin(["anchor"]).all()
    both = pairs[0].index.intersection(pairs[1].index)
    change = [each.loc[both, "total_variation"].to_numpy() for each in pairs]
    assert np.allclose(*change, atol=1e-5)


def test_pairs_of_an_item_are_shared_out_among_its_segments(
    corpus: Path, models: Path, tmp_path: Path
) -> None:
    cut = studied(corpus, models, tmp_path / "cut", "--segment-s=2")
    causes = cut.table("causes")
    near = causes[causes["scale"] == "adjacent"].drop_duplicates(["frame_a"])
    pieces = len(list((tmp_path / "cut" / "parts" / "causes").glob("*[!n].parquet")))
    assert len(near) <= 3 + pieces
    assert near["frame_a"].max() - near["frame_a"].min() > 30  # not all in one segment
